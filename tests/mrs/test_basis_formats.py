"""Files of basis sets."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurochem import mrs
from neurochem.errors import FileFormatError, InputError, MissingFileError, NeurochemWarning, UnknownNameError
from neurochem.mrs.basis_formats import FORMATS

NAMES = {"lcmodel": "x.BASIS", "fsl-mrs": "folder", "jmrui": "x.txt", "nifti-mrs": "x.nii.gz"}
# Bits survive where numbers are stored as such; an FFT there and back rounds in the sixteenth digit of the largest value.
TOLERANCE = {"lcmodel": 1e-12, "fsl-mrs": 0.0, "jmrui": 0.0, "nifti-mrs": 0.0}


@pytest.fixture(scope="module")
def odd():
    """A basis with everything that a format may lose: names, order, reference, scale, width, broad elements."""
    whole = mrs.resonance_basis(dwell_s=1 / 3000, points=1024, larmor_mhz=123.2534, echo_time_s=0.0305)
    part = whole.select(["sIns", "NAA", "Cr", "Glu", "MM09"]).renamed({"Glu": "-Glu+x", "MM09": "Wide"})
    return mrs.Basis(
        part.names, 3e-4 * part.fids, dwell_s=part.dwell_s, larmor_mhz=part.larmor_mhz, echo_time_s=0.0305,
        sequence="press", macromolecules=["Wide"], reference_ppm=4.65, proton_amplitude=3e-4, linewidth_hz=0.5,
    )  # fmt: skip


def test_every_format_is_tested():
    assert set(NAMES) == set(FORMATS.names())


@pytest.mark.parametrize("fmt", NAMES)
def test_a_basis_comes_back_from_every_format(tmp_path, odd, fmt):
    path = mrs.write_basis(odd, tmp_path / NAMES[fmt])
    back = mrs.read_basis(path, macromolecules=["Wide"] if fmt == "lcmodel" else None)
    assert back.names == odd.names
    assert back.macromolecules == odd.macromolecules
    assert_allclose(back.fids, odd.fids, rtol=0, atol=TOLERANCE[fmt])
    for field in ("dwell_s", "larmor_mhz", "echo_time_s", "sequence", "reference_ppm", "proton_amplitude", "nucleus"):
        assert getattr(back, field) == getattr(odd, field), field
    assert back.linewidth_hz == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize("fmt", NAMES)
def test_equal_bases_give_equal_bytes_and_another_reference_survives(tmp_path, odd, fmt):
    moved = mrs.Basis(
        odd.names, odd.fids * np.exp(2j * np.pi * 0.03 * odd.larmor_mhz * odd.time_s), dwell_s=odd.dwell_s,
        larmor_mhz=odd.larmor_mhz, reference_ppm=4.68, proton_amplitude=3e-4,
    )  # fmt: skip
    for folder in ("a", "b"):
        mrs.write_basis(moved, tmp_path / folder / NAMES[fmt])
    files = [sorted(path for path in (tmp_path / folder).rglob("*") if path.is_file()) for folder in ("a", "b")]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    back = mrs.read_basis(tmp_path / "a" / NAMES[fmt])
    # LCModel has one reference, 4.65 ppm: the FIDs are moved to it
    expected = odd.fids if fmt == "lcmodel" else moved.fids
    assert back.reference_ppm == (4.65 if fmt == "lcmodel" else 4.68)
    assert_allclose(back.fids, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("fmt", ["lcmodel", "jmrui", "nifti-mrs"])
def test_the_content_decides_before_the_extension(tmp_path, odd, fmt):
    path = mrs.write_basis(odd, tmp_path / NAMES[fmt])
    if fmt == "nifti-mrs":
        return
    renamed = path.rename(tmp_path / "x.dat")
    assert mrs.read_basis(renamed).names == odd.names


def test_spec2nii_reads_our_jmrui_text_as_we_mean_it(tmp_path, odd):
    from spec2nii.jmrui import readjMRUItxt

    data, header = readjMRUItxt(mrs.write_basis(odd, tmp_path / "x.txt"))
    assert_array_equal(data.T, odd.fids)
    assert header["SamplingInterval"] == pytest.approx(1e3 / 3000, rel=1e-15)
    assert header["TransmitterFrequency"] == pytest.approx(123.2534e6, rel=1e-15)


def test_nifti_mrs_is_valid_and_keeps_the_storage_convention(tmp_path, odd):
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    image = NIFTI_MRS(str(mrs.write_basis(odd, tmp_path / "x.nii")))
    assert image.dim_tags[0] == "DIM_USER_0"
    assert_array_equal(np.asarray(image.image[:])[0, 0, 0].T, odd.fids)
    assert image.hdr_ext["dim_5_header"]["BasisElements"]["Value"] == list(odd.names)


def test_one_element_alone_comes_back_from_nifti(tmp_path, odd):
    back = mrs.read_basis(mrs.write_basis(odd.select(["NAA"]), tmp_path / "x.nii.gz"))
    assert back.names == ("NAA",)
    assert_array_equal(back.fids, odd.select(["NAA"]).fids)


def foreign_fsl(folder, basis, *, conjugate):
    folder.mkdir()
    for name in basis.names:
        fid = np.conj(basis[name]) if conjugate else basis[name]
        fields = {
            "basis_re": fid.real.tolist(), "basis_im": fid.imag.tolist(), "basis_dwell": basis.dwell_s,
            "basis_centre": basis.larmor_mhz, "basis_width": 2.0, "basis_name": name,
        }  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps({"basis": fields, "MM": False}))
    return folder


@pytest.mark.parametrize("conjugate", [True, False])
def test_a_folder_of_fsl_mrs_is_upright_whatever_its_sign(tmp_path, basis, conjugate):
    part = basis.select(["Cr", "NAA", "MM09"])
    back = mrs.read_basis(foreign_fsl(tmp_path / "set", part, conjugate=conjugate))
    assert back.names == ("Cr", "MM09", "NAA")
    assert back.macromolecules == ("MM09",)
    assert back.linewidth_hz == 2.0
    assert_array_equal(back["NAA"], part["NAA"])
    # nothing is stated, so the scale is measured on the singlets: tails of multiplets lie under them
    assert_allclose(back.proton_amplitude, 1.0, rtol=2e-3)


def test_one_json_file_is_a_basis_of_one_element(tmp_path, basis):
    folder = foreign_fsl(tmp_path / "set", basis.select(["NAA"]), conjugate=True)
    assert mrs.read_basis(folder / "NAA.json").names == ("NAA",)


def foreign_jmrui(path, fids, names, *, changes=()):
    lines = [
        "jMRUI Data Textfile", "", f"PointsInDataset: {fids.shape[1]}", f"DatasetsInFile: {len(fids)}",
        "SamplingInterval: 5E-1", "ZeroOrderPhase: 0E0", "BeginTime: 0E0", "TransmitterFrequency: 1.2773E8",
        "MagneticField: 3E0", "TypeOfNucleus: 0E0", f"SignalNames: {';'.join(name + '.txt' for name in names)}", "",
        "Signal and FFT", "sig(real)\tsig(imag)",
    ]  # fmt: skip
    for index, fid in enumerate(np.conj(fids)):
        lines.append(f"Signal {index + 1} out of {len(fids)} in file")
        lines += [f"{value.real:.9E}\t{value.imag:.9E}" for value in fid]
    text = "\n".join(lines)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return path


def test_a_jmrui_text_of_another_tool_and_a_folder_of_them_are_read(tmp_path, basis):
    part = basis.select(["Cr", "NAA"])
    back = mrs.read_basis(foreign_jmrui(tmp_path / "x.txt", part.fids, part.names))
    assert back.names == ("Cr", "NAA")
    assert (back.dwell_s, back.larmor_mhz, back.nucleus) == (5e-4, 127.73, "1H")
    assert_allclose(back.fids, part.fids, rtol=0, atol=1e-8)  # ten digits in the file
    (tmp_path / "set").mkdir()
    for name in part.names:
        foreign_jmrui(tmp_path / "set" / f"{name}.txt", part.select([name]).fids, [name])
    assert mrs.read_basis(tmp_path / "set").names == ("Cr", "NAA")


def test_a_phase_that_is_not_applied_is_said(tmp_path, basis):
    part = basis.select(["NAA"])
    path = foreign_jmrui(
        tmp_path / "x.txt", part.fids, part.names, changes=[("ZeroOrderPhase: 0E0", "ZeroOrderPhase: 9E1")]
    )
    with pytest.warns(NeurochemWarning, match="ZeroOrderPhase is not zero"):
        mrs.read_basis(path)


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def cut(path, share=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


DAMAGE = {
    "jmrui truncated": ("x.txt", cut, "holds 1 signals, DatasetsInFile says 2"),
    "jmrui signal short": ("x.txt", lambda p: cut(p, 0.97), r"signal 2 has \d+ points, 2048 needed"),
    "jmrui no number": ("x.txt", lambda p: changed(p, "\n5.0\t", "\nabc\t"), "signal 2 holds what is no number"),
    "jmrui field": ("x.txt", lambda p: changed(p, "SamplingInterval: 0.5", "SamplingInterval: -"), "SamplingInterval is '-'"),
    "jmrui names": ("x.txt", lambda p: changed(p, "SignalNames: NAA;", "SignalNames: "), "SignalNames has 1 names for 2"),
    "jmrui own fields": ("x.txt", lambda p: changed(p, '{"proton_amplitude": 1.0', '{"proton_amplitude": "a"'), "a number"),
    "jmrui dwell": ("x.txt", lambda p: changed(p, "SamplingInterval: 0.5", "SamplingInterval: 500"), "dwell_s is 0.5 s"),
    "nifti truncated": ("x.nii", cut, "cannot be read as NIfTI"),
    "nifti.gz truncated": ("x.nii.gz", cut, "cannot be read as NIfTI"),
    "lcmodel truncated": ("x.BASIS", cut, "numbers, 4096 needed|holds blocks"),
    "fsl truncated": ("set/NAA.json", cut, r"NAA\.json: damaged JSON"),
    "fsl no dwell": ("set/NAA.json", lambda p: changed(p, '"basis_dwell"', '"dwell"'), "basis_dwell is None"),
    "fsl milliseconds": ("set/NAA.json", lambda p: changed(p, '"basis_dwell": 0.0005', '"basis_dwell": 0.5'), "must be equal"),
    "fsl other": ("set/NAA.json", lambda p: changed(p, '"basis_re"', '"re"'), "no field basis.basis_re"),
    "fsl nan": ("set/NAA.json", lambda p: changed(p, '"basis_re": [6.0', '"basis_re": [NaN'), "not a list of finite numbers"),
    "fsl lengths": ("set/NAA.json", lambda p: changed(p, '"basis_re": [6.0, ', '"basis_re": ['), "they must be as many"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_gives_one_error_that_names_it(tmp_path, basis, case):
    file, damage, words = DAMAGE[case]
    part = basis.select(["NAA", "Cr"])
    root = tmp_path / file.split("/")[0]
    mrs.write_basis(part, root)
    damage(tmp_path / file)
    with pytest.raises(FileFormatError, match=words) as caught:
        mrs.read_basis(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_nifti_scan_is_no_basis(tmp_path, basis):
    path = mrs.write(mrs.simulate(basis, {"NAA": 1.0}), tmp_path / "scan.nii.gz")
    with pytest.raises(FileFormatError, match=r"names no elements .* neurochem\.mrs\.read"):
        mrs.read_basis(path)


def test_what_cannot_be_a_basis_is_refused(tmp_path, basis):
    with pytest.raises(MissingFileError, match="no such file"):
        mrs.read_basis(tmp_path / "none.BASIS")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="holds no JSON and no jMRUI text"):
        mrs.read_basis(tmp_path / "empty")
    (tmp_path / "x.dat").write_bytes(bytes(range(256)))
    with pytest.raises(FileFormatError, match="its content tells no format"):
        mrs.read_basis(tmp_path / "x.dat")
    (tmp_path / "x.mrui").write_bytes(b"\xff\x80" * 600)
    with pytest.raises(FileFormatError, match=r"a binary \.mrui cannot be read"):
        mrs.read_basis(tmp_path / "x.mrui")
    with pytest.raises(InputError, match="tells no basis format"):
        mrs.write_basis(basis, tmp_path / "x.dat")
    with pytest.raises(UnknownNameError, match="did you mean 'jmrui'"):
        mrs.write_basis(basis, tmp_path / "x.dat", fmt="jmruy")


def test_a_folder_with_other_elements_is_not_mixed_with_new_ones(tmp_path, basis):
    mrs.write_basis(basis.select(["NAA", "Cr"]), tmp_path / "set")
    with pytest.raises(InputError, match=r"holds other elements \(Cr\.json\)"):
        mrs.write_basis(basis.select(["NAA"]), tmp_path / "set")
    with pytest.raises(InputError, match="would share a file"):
        mrs.write_basis(basis.select(["NAA", "Cr"]).renamed({"NAA": "a/b", "Cr": "a:b"}), tmp_path / "other")


def test_the_format_can_be_named(tmp_path, basis):
    part = basis.select(["NAA", "Cr"])
    path = mrs.write_basis(part, tmp_path / "x.dat", fmt="LCModel")
    assert mrs.read_basis(path, fmt="lcmodel").names == part.names
