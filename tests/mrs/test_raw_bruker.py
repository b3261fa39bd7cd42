"""Bruker raw data of ParaVision 6, written here: parameter files in JCAMP-DX and whole numbers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import FileFormatError
from tests.mrs.test_raw_formats import line, peak

ACQP = {
    "ACQ_sw_version": "( 64 )\n<PV 6.0.1>", "GO_raw_data_format": "GO_32BIT_SGN_INT", "BYTORDA": "little",
    "GO_block_size": "continuous", "ACQ_dim": 1, "ACQ_dim_desc": ["Spectroscopic"], "NI": 1, "PULPROG": "( 64 )\n<press.ppg>",
    "SW_h": 2000.0, "BF1": 127.75, "NUCLEUS": "( 16 )\n<1H>", "ACQ_echo_time": [30.0], "ACQ_repetition_time": [2000.0],
}  # fmt: skip
METHOD = {
    "PVM_SpecSWH": [2000.0], "PVM_EncNReceivers": 1, "Method": "( 64 )\n<Bruker:PRESS>", "PVM_EchoTime": 30.0,
    "PVM_RepetitionTime": 2000.0, "PVM_FrqWorkOffsetPpm": [0.0] * 8, "PVM_FrqRef": [127.75] * 8,
    "PVM_VoxArrGradOrient": np.eye(3, dtype=int)[None], "PVM_VoxArrPosition": [[1.0, 2.0, 3.0]],
    "PVM_VoxArrSize": [[20.0, 25.0, 30.0]],
}  # fmt: skip


def parameters(values):
    lines = ["##TITLE=Parameter List, ParaVision 6.0.1", "##JCAMPDX=4.24", "##DATATYPE=Parameter Values"]
    for key, value in values.items():
        if isinstance(value, list | np.ndarray):
            cells = np.array(value)
            size = ", ".join(str(count) for count in cells.shape)
            lines += [f"##${key}=( {size} )", " ".join(str(cell) for cell in cells.ravel())]
        else:
            lines.append(f"##${key}={value}")
    return "\n".join([*lines, "##END=", ""])


def write_bruker(folder, fids, before=0):
    """Write a scan whose first points lie before the echo; the conjugate of the convention of NIfTI-MRS is stored."""
    points = fids.shape[1] + before
    stored = np.concatenate([np.full((len(fids), before), 999.0), fids.conj()], axis=1)
    folder.mkdir()
    (folder / "acqp").write_text(parameters(ACQP | {"ACQ_size": [2 * points], "NR": len(fids)}))
    (folder / "method").write_text(parameters(METHOD | {"PVM_DigNp": points, "PVM_DigShift": before}))
    (folder / "fid").write_bytes(np.stack([stored.real, stored.imag], axis=-1).round().astype("<i4").tobytes())


@pytest.mark.parametrize("before", [0, 8])
def test_repetitions_of_a_bruker_scan_begin_at_the_echo(tmp_path, before):
    shifts = [2.0, 3.0, 1.3]
    fids = 1000.0 * np.stack([line(ppm) for ppm in shifts])
    write_bruker(tmp_path / "7", fids, before)
    data = mrs.read(tmp_path / "7")
    assert data.dims == ("DIM_DYN", "time")
    # whole numbers are stored
    assert_allclose(data.data, fids, atol=1.0)
    assert [abs(peak(data, (n,)) - ppm) < 0.04 for n, ppm in enumerate(shifts)] == [True] * 3
    assert (data.dwell_s, data.larmor_mhz, data.echo_time_s, data.repetition_time_s) == (5e-4, 127.75, 0.03, 2.0)
    sides = np.linalg.norm(np.array(data.header["affine"])[:3, :3], axis=0)
    assert_allclose(np.sort(sides), [20, 25, 30])
    assert_allclose(mrs.read(tmp_path / "7" / "fid").data, data.data)


def test_a_bruker_file_that_ends_early_is_refused(tmp_path):
    write_bruker(tmp_path / "7", 1000.0 * np.stack([line(), line()]))
    whole = (tmp_path / "7" / "fid").read_bytes()
    (tmp_path / "7" / "fid").write_bytes(whole[:-400])
    with pytest.raises(FileFormatError, match="holds no spectroscopy data that can be read, or ends early"):
        mrs.read(tmp_path / "7")
