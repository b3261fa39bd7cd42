"""Waveforms from files, whole and damaged."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem.errors import FileFormatError, InputError, MissingFileError
from neurochem.mrs.pulses import pulse, read_pulse

SHAPE = pulse("hyperbolic_secant", duration_s=0.005, bandwidth_hz=3000.0, points=64)
AMPLITUDE, PHASE = SHAPE.amplitude_hz / SHAPE.peak_hz, SHAPE.phase_deg % 360.0


def siemens():
    head = "PULSENAME:\ttest.hs\nCOMMENT:\tmade: by hand\nREFGRAD:\t1.0\nAMPINT:\t12.3\n\n"
    rows = [f"{a:.12f}\t{np.radians(p):.12f}\t; ({i})" for i, (a, p) in enumerate(zip(AMPLITUDE, PHASE, strict=True))]
    return head + "\n".join(rows) + "\n"


def bruker():
    rows = "\n".join(f"{100 * a:.10e}, {p:.10e}" for a, p in zip(AMPLITUDE, PHASE, strict=True))
    return (
        "##TITLE= test\n##JCAMP-DX= 5.00 Bruker JCAMP library\n##$SHAPE_TOTROT= 1.8e+02\n##NPOINTS= 64\n"
        f"##XYPOINTS= (XY..XY)\n{rows}\n##END=\n"
    )


def text():
    return "# amplitude phase\n" + "\n".join(f"{a:.12f} {p:.12f}" for a, p in zip(AMPLITUDE, PHASE, strict=True))


@pytest.mark.parametrize("content", [siemens, bruker, text])
def test_files_of_all_formats_give_the_same_pulse(tmp_path, content):
    file = tmp_path / "shape"
    file.write_text(content())
    found = read_pulse(file, duration_s=0.005)
    offsets = np.linspace(-2500.0, 2500.0, 41)
    # ten digits in the files
    assert_allclose(found.profile(offsets).mz, SHAPE.profile(offsets).mz, atol=1e-7)
    assert found.peak_hz == pytest.approx(SHAPE.peak_hz, rel=1e-7)


def test_text_may_leave_the_phase_out_or_give_it_in_radians(tmp_path):
    file = tmp_path / "shape.txt"
    file.write_text("1\n2\n1\n")
    assert_allclose(read_pulse(file, duration_s=0.003, flip_deg=90.0).amplitude_hz, [62.5, 125.0, 62.5])
    file.write_text(f"1, {np.pi / 2}\n1, {np.pi / 2}\n")
    assert_allclose(read_pulse(file, duration_s=0.003, phase_unit="rad").phase_deg, [90.0, 90.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: siemens().replace("; (5)", "; (5)").replace("\t", " x ", 9), "line"),
        (lambda: siemens().rsplit("\t", 2)[0] + "\n", r"line 69: .* 2 finite number"),
        (lambda: bruker().replace("NPOINTS= 64", "NPOINTS= 65"), r"line 4: NPOINTS is 65.* 64 lines"),
        (lambda: bruker().replace(", ", " ; ", 1), r"line 6"),
        (lambda: text() + "\n0.3\n", r"line 66: '0.3'"),
        (lambda: text() + "\nnan 0\n", r"line 66: 'nan 0'"),
        (lambda: "# nothing\n", "no line of the waveform"),
        (lambda: "0 0\n0 0\n", "all of amplitude zero"),
    ],
)
def test_damaged_files_name_the_line_and_what_is_allowed(tmp_path, content, message):
    file = tmp_path / "damaged.pta"
    file.write_text(content())
    with pytest.raises(FileFormatError, match=message) as caught:
        read_pulse(file, duration_s=0.005)
    assert "damaged.pta" in str(caught.value)
    assert "allowed" in str(caught.value) or "must agree" in str(caught.value)


def test_missing_files_binary_files_and_unknown_units_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        read_pulse(tmp_path / "none", duration_s=0.005)
    file = tmp_path / "binary.pta"
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(FileFormatError, match="not text"):
        read_pulse(file, duration_s=0.005)
    with pytest.raises(InputError, match="phase_unit"):
        read_pulse(file, duration_s=0.005, phase_unit="turns")


def test_waveforms_without_area_are_refused(tmp_path):
    file = tmp_path / "shape.txt"
    file.write_text("1 0\n-1 0\n")
    with pytest.raises(InputError, match="add up to zero"):
        read_pulse(file, duration_s=0.005)
