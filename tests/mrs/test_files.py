"""Reading and writing."""

import gzip
import pickle
import shutil

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import FileFormatError, InputError, MissingFileError


@pytest.fixture
def spectrum(rng):
    fid = rng.standard_normal(256) + 1j * rng.standard_normal(256)
    return mrs.Spectrum(fid, dwell_s=1 / 4000, larmor_mhz=123.25, echo_time_s=0.03, repetition_time_s=1.5, name="x")


@pytest.mark.parametrize("name", ["x_svs.nii", "x_svs.nii.gz"])
def test_nifti_mrs_is_read_as_written(tmp_path, spectrum, name):
    path = mrs.write(spectrum, tmp_path / name)
    back = mrs.read(path)
    assert back.dims == ("time",)
    assert_allclose(back.data, spectrum.fid, rtol=0, atol=0)
    for field in ("dwell_s", "larmor_mhz", "echo_time_s", "repetition_time_s", "nucleus"):
        assert getattr(back, field) == getattr(spectrum, field)


def test_dimensions_survive_the_file(tmp_path, rng):
    values = rng.standard_normal((4, 3, 64)) + 1j * rng.standard_normal((4, 3, 64))
    data = mrs.Acquisition(values, dims=("DIM_COIL", "DIM_DYN", "time"), dwell_s=5e-4, larmor_mhz=127.7)
    back = mrs.read(mrs.write(data, tmp_path / "x.nii.gz"))
    assert back.dims == data.dims
    assert_allclose(back.data, values, rtol=0, atol=0)
    with pytest.raises(InputError, match=r"more than one FID \(DIM_COIL 4, DIM_DYN 3, time 64\)"):
        back.spectrum()


def test_equal_spectra_give_equal_bytes(tmp_path, spectrum):
    one, two = (mrs.write(spectrum, tmp_path / name).read_bytes() for name in ("a.nii.gz", "b.nii.gz"))
    assert one == two


def test_the_stored_array_is_the_fid_and_not_its_conjugate(tmp_path, spectrum):
    import nibabel

    path = mrs.write(spectrum, tmp_path / "x.nii.gz")
    stored = np.asarray(nibabel.load(path).dataobj).ravel()
    assert_allclose(stored, spectrum.fid, rtol=0, atol=0)


@pytest.mark.parametrize(("unit", "factor"), [("msec", 1e3), ("usec", 1e6)])
def test_dwell_time_honours_its_unit(tmp_path, spectrum, unit, factor):
    import nibabel

    image = nibabel.load(mrs.write(spectrum, tmp_path / "x.nii"))
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = spectrum.dwell_s * factor
    nibabel.save(image, tmp_path / "y.nii")
    assert_allclose(mrs.read(tmp_path / "y.nii").dwell_s, spectrum.dwell_s, rtol=1e-12)


def test_bad_files_say_what_is_wrong(tmp_path, spectrum):
    import nibabel

    with pytest.raises(MissingFileError, match=r"nowhere\.nii\.gz: no such file"):
        mrs.read(tmp_path / "nowhere.nii.gz")
    content = gzip.decompress(mrs.write(spectrum, tmp_path / "x.nii.gz").read_bytes())
    (tmp_path / "cut.nii").write_bytes(content[: len(content) // 2])
    with pytest.raises(FileFormatError, match=r"cut\.nii: .*truncated"):
        mrs.read(tmp_path / "cut.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), tmp_path / "anatomy.nii")
    with pytest.raises(FileFormatError, match="not valid NIfTI-MRS"):
        mrs.read(tmp_path / "anatomy.nii")
    (tmp_path / "notes.txt").write_text("not a scan")
    with pytest.raises(FileFormatError, match=r"notes\.txt: not a format of MR spectroscopy"):
        mrs.read(tmp_path / "notes.txt")
    (tmp_path / "x.dat").write_bytes(b"\0" * 100)
    with pytest.raises(FileFormatError, match=r"x\.dat: spec2nii cannot read it as Siemens TWIX"):
        mrs.read(tmp_path / "x.dat")
    with pytest.raises(InputError, match=r"end in \.nii or \.nii\.gz"):
        mrs.write(spectrum, tmp_path / "x.txt")


def test_times_in_milliseconds_are_refused(tmp_path, spectrum):
    path = mrs.write(spectrum, tmp_path / "x.nii.gz", header={"EchoTime": 30.0})
    with pytest.raises(FileFormatError, match="header field EchoTime is 30; it must be seconds"):
        mrs.read(path)


def test_sdat_is_read_with_its_header(mrs_scans):
    folder = mrs_scans / "philips_press35"
    one, two = (mrs.read(folder / f"sub-01_PRESS_35_act.{suffix}") for suffix in ("sdat", "spar"))
    assert one.shape == (2048,)
    assert_allclose([one.dwell_s, one.echo_time_s, one.repetition_time_s], [5e-4, 0.035, 2.0], rtol=1e-12)
    assert_allclose(one.larmor_mhz, 127.750896, rtol=1e-12)
    assert_allclose(one.data, two.data, rtol=0, atol=0)


def test_sdat_without_spar_or_cut_short_says_so(tmp_path, mrs_scans):
    folder = mrs_scans / "philips_press35"
    sdat = tmp_path / "a.sdat"
    sdat.write_bytes((folder / "sub-01_PRESS_35_act.sdat").read_bytes()[:4000])
    with pytest.raises(MissingFileError, match=r"a\.spar: no such file; a Philips SDAT file is read with the SPAR"):
        mrs.read(sdat)
    shutil.copy(folder / "sub-01_PRESS_35_act.spar", tmp_path / "a.spar")
    with pytest.raises(FileFormatError, match=r"a\.sdat: 4000 bytes, but samples 2048 x rows 1 .* need 16384"):
        mrs.read(sdat)


def test_lcmodel_raw_is_read_with_the_sign_of_storage(mrs_scans):
    data = mrs.read_raw(mrs_scans / "lcmodel_test" / "data.raw", dwell_s=5e-4, larmor_mhz=127.786142).spectrum()
    inside = (data.ppm > 1.0) & (data.ppm < 3.0)
    assert abs(data.ppm[inside][np.argmax(np.abs(data.spectrum[inside]))] - 2.01) < 0.03


def test_lcmodel_raw_needs_its_times(tmp_path):
    (tmp_path / "x.raw").write_text(" $NMID\n TRAMP=1\n $END\n 1.0 2.0\n 3.0\n")
    with pytest.raises(InputError, match="read_raw"):
        mrs.read(tmp_path / "x.raw")
    with pytest.raises(FileFormatError, match="3 numbers, an even number of needed; the file may be truncated"):
        mrs.read_raw(tmp_path / "x.raw", dwell_s=5e-4, larmor_mhz=127.7)


@pytest.mark.parametrize(("suffix", "kind"), [(".rda", "Siemens RDA"), (".7", "GE P-file")])
def test_damaged_vendor_files_are_named_with_their_format(tmp_path, suffix, kind):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(FileFormatError, match=rf"x\{suffix}: spec2nii cannot read it as {kind}.*complete"):
        mrs.read(path)


def test_dicom_that_is_none_is_named(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"\0" * 400)
    with pytest.raises(FileFormatError, match=r"x\.dcm: not a format of MR spectroscopy"):
        mrs.read(tmp_path / "x.dcm")


def test_scans_can_be_sent_to_another_process(tmp_path, spectrum):
    acquisition = mrs.read(mrs.write(spectrum, tmp_path / "x.nii.gz"))
    back = pickle.loads(pickle.dumps(acquisition))
    assert back.header == acquisition.header
    assert_allclose(back.data, acquisition.data, rtol=0, atol=0)
    clean = mrs.preprocess(acquisition, steps=["average"])
    assert_allclose(pickle.loads(pickle.dumps(clean)).spectrum.fid, clean.spectrum.fid, rtol=0, atol=0)
