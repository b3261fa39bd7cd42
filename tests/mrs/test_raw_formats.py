"""Vendor formats, in files written here: shape, tags, times, and which way the spectrum runs."""

import json
import struct

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import FileFormatError, InputError, MissingFileError
from neurochem.mrs.read import quantification_gaps, read_parts, require_quantifiable

LARMOR_MHZ, DWELL_S, POINTS = 127.75, 5e-4, 256
TIME_S = np.arange(POINTS) * DWELL_S


def line(ppm=2.0, amplitude=100.0):
    """Return a FID in the storage convention; exact in single precision."""
    hertz = (4.65 - ppm) * LARMOR_MHZ
    return (amplitude * np.exp((2j * np.pi * hertz - 30.0) * TIME_S)).astype(np.complex64)


def peak(data, index=()):
    fid = data.data[(*index, slice(None))].reshape(-1)[:POINTS]
    spectrum = mrs.Spectrum(fid, dwell_s=data.dwell_s, larmor_mhz=data.larmor_mhz)
    return spectrum.ppm[np.argmax(np.abs(spectrum.spectrum))]


def check_lines(data, shifts):
    """Check that every transient has its line where it was put, which fails for a mirrored or permuted file."""
    step = 1 / (POINTS * DWELL_S * LARMOR_MHZ)
    flat = data.data.reshape(-1, POINTS)
    assert flat.shape[0] == len(shifts)
    for row, ppm in zip(flat, shifts, strict=True):
        spectrum = mrs.Spectrum(row, dwell_s=data.dwell_s, larmor_mhz=data.larmor_mhz)
        assert abs(spectrum.ppm[np.argmax(np.abs(spectrum.spectrum))] - ppm) <= step


def vax(values):
    """Return single precision numbers as VAX F floats: words exchanged, exponent two higher."""
    words = (np.asarray(values, dtype="<f4") * 4.0).astype("<f4").view("<u2").reshape(-1, 2)
    return words[:, ::-1].tobytes()


SPAR = """scan_id : PRESS
patient_name : x
patient_birth_date : 2000.01.01
patient_position : "head_first"
patient_orientation : "supine"
samples : {points}
rows : {rows}
synthesizer_frequency : 127750000
offset_frequency : 0
sample_frequency : 2000
nucleus : 1H
echo_time : 30
repetition_time : 2000
averages : 16
spectrum_inversion_time : {inversion}
volume_selection_enable : "yes"
ap_size : 20
lr_size : 30
cc_size : 40
ap_off_center : 1
lr_off_center : 2
cc_off_center : 3
ap_angulation : 0
lr_angulation : 10
cc_angulation : 0
equipment_sw_verions : 5.1.7 ; .1.7 ;
"""


def write_spar(path, rows, inversion=0):
    path.write_text(SPAR.format(points=POINTS, rows=rows, inversion=inversion))


def test_rows_of_a_philips_file_are_transients(tmp_path):
    shifts = [2.0, 3.0, 1.3]
    # Philips stores the conjugate
    stored = np.concatenate([line(ppm).conj() for ppm in shifts])
    (tmp_path / "a.SDAT").write_bytes(vax(stored.view("<f4")))
    write_spar(tmp_path / "a.SPAR", rows=3, inversion=600)
    data = mrs.read(tmp_path / "a.SDAT")
    assert data.dims == ("DIM_DYN", "time")
    check_lines(data, shifts)
    assert_allclose(data.data[0], line(2.0), rtol=1e-6, atol=1e-5)
    assert (data.echo_time_s, data.repetition_time_s, data.dwell_s) == (0.03, 2.0, 5e-4)
    assert data.header["NumberOfTransients"] == 48
    # in seconds, where the SPAR has milliseconds
    assert_allclose(data.header["InversionTime"], 0.6)
    sides = np.sort(np.linalg.norm(np.array(data.header["affine"])[:3, :3], axis=0))
    assert_allclose(sides, [20, 30, 40], rtol=1e-6)


def list_file(coils, transients, noise=False):
    head = "# === DATA LIST\n.    0    0    0  number_of_echoes                  :     1\n"
    rows, size, offset = [], 8 * POINTS, 0
    for kind, mix, chans, avers in (
        ("NOI", 0, coils, 1 if noise else 0),
        ("STD", 0, coils, transients),
        ("STD", 1, coils, 2),
    ):
        for aver in range(avers):
            for chan in range(chans):
                rows.append(f"  {kind} {mix} 0 0 0 0 {chan} 0 0 0 0 0 {aver} 1 0 0 0 0 0 {size} {offset}")
                offset += size
    return head + "\n".join(rows) + "\n"


def test_philips_raw_data_keep_coils_averages_and_the_water_reference(tmp_path):
    coils, transients = 2, 3
    gains = np.array([1.0, 0.5j])
    scans = [np.outer(gains, line(2.0) * (1 + n)) for n in range(transients)] + [
        np.outer(gains, line(4.65, 5000.0))
    ] * 2
    (tmp_path / "raw.data").write_bytes(np.concatenate(scans).conj().astype("<c8").tobytes())
    (tmp_path / "raw.list").write_text(list_file(coils, transients))
    write_spar(tmp_path / "raw.SPAR", rows=1)
    data = mrs.read(tmp_path / "raw.list")
    assert data.dims == ("DIM_COIL", "DIM_DYN", "time")
    assert data.header["parts"] == ("STD_0", "STD_1")
    for n in range(transients):
        assert_allclose(data.data[:, n], scans[n], rtol=1e-5, atol=1e-3)
    water = mrs.read(tmp_path / "raw.data", part="STD_1")
    assert water.shape == (2, 2, POINTS)
    assert abs(peak(water, (0, 0)) - 4.65) < 0.02
    both = read_parts(tmp_path / "raw.data")
    assert list(both) == ["STD_0", "STD_1"]
    clean = mrs.preprocess(data, water=water, steps=["combine_coils", "average"])
    assert_allclose(np.abs(clean.spectrum.fid[:5]), 2 * np.abs(line()[:5]), rtol=1e-5)
    with pytest.raises(InputError, match="no part 'noise'; it holds STD_0, STD_1"):
        mrs.read(tmp_path / "raw.data", part="noise")
    (tmp_path / "raw.SPAR").unlink()
    with pytest.raises(MissingFileError, match=r"raw\.spar: no such file; Philips raw data are read with"):
        mrs.read(tmp_path / "raw.data")


RDA = {
    "PatientName": "x", "PatientID": "1", "PatientSex": "O", "PatientBirthDate": "20000101", "PatientAge": "020Y",
    "PatientWeight": "70", "PatientPosition": "HFS", "StudyDescription": "s", "SeriesDescription": "press",
    "SequenceName": "svs_se", "ProtocolName": "press", "ModelName": "Prisma", "DeviceSerialNumber": "1",
    "SoftwareVersion[0]": "syngo", "InstitutionName": "i", "InstitutionAddress": "a", "TR": "2000.0", "TE": "30.0", "TM": "0.0",
    "TI": "0.0", "DwellTime": "500", "MRFrequency": "127.75", "MagneticFieldStrength": "3.0", "Nucleus": "1H",
    "FlipAngle": "90.0", "NumberOfAverages": "64", "VectorSize": str(POINTS), "CSIMatrixSize[0]": "1",
    "CSIMatrixSize[1]": "1", "CSIMatrixSize[2]": "1", "TransmitCoil": "Body", "ReceiveCoil": "Head", "RowVector[0]": "1.0",
    "RowVector[1]": "0.0", "RowVector[2]": "0.0", "ColumnVector[0]": "0.0", "ColumnVector[1]": "1.0",
    "ColumnVector[2]": "0.0", "VOIPositionSag": "1.0", "VOIPositionCor": "2.0", "VOIPositionTra": "3.0",
    "PixelSpacingRow": "20.0", "PixelSpacingCol": "25.0", "SliceThickness": "30.0",
}  # fmt: skip


def write_rda(path, fid, **changes):
    fields = "".join(f"{key}: {value}\r\n" for key, value in (RDA | changes).items())
    text = f">>> Begin of header <<<\r\n{fields}>>> End of header <<<\r\n"
    path.write_bytes(text.encode() + np.asarray(fid, dtype=complex).view(float).tobytes())


def test_rda_is_read_with_place_and_times(tmp_path):
    write_rda(tmp_path / "x.rda", line(2.0))
    data = mrs.read(tmp_path / "x.rda")
    assert data.dims == ("time",)
    assert_allclose(data.data, line(2.0), rtol=1e-12)
    assert (data.dwell_s, data.echo_time_s, data.repetition_time_s) == (5e-4, 0.03, 2.0)
    sides = np.sort(np.linalg.norm(np.array(data.header["affine"])[:3, :3], axis=0))
    assert_allclose(sides, [20, 25, 30], rtol=1e-6)


def test_several_files_are_one_scan(tmp_path):
    shifts = [2.0, 3.0, 3.2]
    for index, ppm in enumerate(shifts):
        write_rda(tmp_path / f"{index}.rda", line(ppm))
    files = sorted(tmp_path.glob("*.rda"))
    data = mrs.read(files)
    assert data.dims == ("DIM_DYN", "time")
    check_lines(data, shifts)
    assert data.header["Files"] == ("0.rda", "1.rda", "2.rda")
    assert mrs.read(files[:2], stack="DIM_EDIT").dims == ("DIM_EDIT", "time")
    write_rda(tmp_path / "other.rda", line(), TE="68.0")
    with pytest.raises(InputError, match=r"echo_time_s is 0\.068, that of .*0\.rda is 0\.03"):
        mrs.read([files[0], tmp_path / "other.rda"])
    with pytest.raises(InputError, match="no file is given"):
        mrs.read([])


def jmrui_header(frames):
    return (
        "jMRUI Data Textfile\n\nFilename: x.txt\n\n"
        f"PointsInDataset: {POINTS}\nDatasetsInFile: {frames}\nSamplingInterval: 5E-1\nZeroOrderPhase: 0E0\nBeginTime: 0E0\n"
        "TransmitterFrequency: 1.2775E8\nMagneticField: 3E0\nTypeOfNucleus: 1E0\nNameOfPatient: x\nDateOfExperiment: \n"
        "Spectrometer: y\nAdditionalInfo: z\n\n\nSignal and FFT\nsig(real)\tsig(imag)\tfft(real)\tfft(imag)\n"
    )


def test_jmrui_text_and_binary_hold_the_same_scan(tmp_path):
    shifts = [2.0, 3.0]
    stored = [line(ppm).conj() for ppm in shifts]
    text = jmrui_header(2)
    for index, fid in enumerate(stored):
        text += f"Signal {index + 1} out of 2 in file\n"
        text += "".join(f"{value.real:.9E}\t{value.imag:.9E}\t0\t0\n" for value in fid.astype(complex))
    (tmp_path / "x.txt").write_text(text)
    header = np.zeros(64, dtype=">f8")
    header[:10] = [0, POINTS, 0.5, 0, 0, 127.75e6, 3.0, 1, 0, 4.65]
    body = np.concatenate(stored).astype(complex).view(float).astype(">f8")
    (tmp_path / "x.mrui").write_bytes(header.tobytes() + body.tobytes())
    one = mrs.read(tmp_path / "x.txt")
    two = mrs.read(tmp_path / "x.mrui")
    for data in (one, two):
        assert data.dims == ("DIM_DYN", "time")
        check_lines(data, shifts)
        assert_allclose(data.dwell_s, 5e-4, rtol=1e-9)
        assert data.echo_time_s is None
    assert_allclose(one.data, two.data, rtol=1e-6, atol=1e-6)
    (tmp_path / "x.txt").write_text(text[:-4000])
    with pytest.raises(
        FileFormatError, match=r"points in 2 data sets, but its header states 256 in 2; the file is truncated"
    ):
        mrs.read(tmp_path / "x.txt")
    (tmp_path / "x.mrui").write_bytes((tmp_path / "x.mrui").read_bytes()[:-800])
    with pytest.raises(FileFormatError, match=r"x\.mrui"):
        mrs.read(tmp_path / "x.mrui")


PROCPAR = {
    "sw": "2000.0", "sfrq": "127.75", "tn": "H1", "rcvrs": "yy", "arraydim": "6", "tr": "2.0", "te": "0.03", "pw": "100.0",
    "alfa": "10.0", "seqfil": "spuls", "comment": "x", "parver": "1", "rfcoil": "c", "np": str(2 * POINTS), "seqcon": "n",
}  # fmt: skip


def write_varian(folder, fids, **changes):
    """Write a folder of fid (big-endian single precision, a block a trace) and procpar."""
    folder.mkdir()
    size = 8 * POINTS
    content = struct.pack(">6l2hl", len(fids), 1, 2 * POINTS, 4, size, size + 28, 0, 0x0001 | 0x0008, 1)
    for index, fid in enumerate(fids):
        block = struct.pack(">4hl4f", 0, 0x0001 | 0x0008, index + 1, 0, 1, 0.0, 0.0, 0.0, 0.0)
        content += block + fid.astype(np.complex64).view("<f4").astype(">f4").tobytes()
    (folder / "fid").write_bytes(content)
    lines = []
    for key, value in (PROCPAR | changes).items():
        text = not value.replace(".", "").isdigit()
        lines.append(f"{key} {2 if text else 1} {2 if text else 1} 8 0 0 2 1 0 1 64")
        lines.append(f'1 "{value}"' if text else f"1 {value}")
        lines.append("0 ")
    (folder / "procpar").write_text("\n".join(lines) + "\n")


def test_a_varian_folder_keeps_receivers_and_repetitions_and_asks_for_te(tmp_path):
    shifts = [2.0, 3.0, 1.3, 2.0, 3.0, 1.3]
    write_varian(tmp_path / "x.fid", [line(ppm) for ppm in shifts])
    data = mrs.read(tmp_path / "x.fid")
    assert data.dims == ("DIM_COIL", "DIM_DYN", "time")
    assert data.shape == (2, 3, POINTS)
    check_lines(data, shifts)
    assert data.repetition_time_s == 2.0
    # spec2nii would give the length of a pulse
    assert data.echo_time_s is None
    assert mrs.read(tmp_path / "x.fid" / "fid", echo_time_s=0.03).echo_time_s == 0.03
    (tmp_path / "x.fid" / "fid").unlink()
    with pytest.raises(MissingFileError, match="a Varian scan is a folder that holds fid and procpar"):
        mrs.read(tmp_path / "x.fid")


def write_uih(path, parts, mega):
    """Write a DICOM file in the layout of United Imaging: the suppressed scan, its water, and edit conditions."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, "1.2.840.10008.5.1.4.1.1.4.2"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    values = {
        "Manufacturer": "UIH", "ManufacturerModelName": "m", "DeviceSerialNumber": "1", "SoftwareVersions": "1",
        "InstitutionName": "i", "InstitutionAddress": "a", "SequenceName": "svs_mega" if mega else "svs_press",
        "ProtocolName": "p", "SeriesDescription": "scan", "PatientPosition": "HFS", "PatientName": "x^y",
        "PatientWeight": "70", "PatientBirthDate": "20000101", "PatientSex": "O", "EchoTime": "68", "RepetitionTime": "2000",
        "FlipAngle": "90", "TransmitterFrequency": LARMOR_MHZ, "ResonantNucleus": "1H", "SpectralWidth": 2000.0, "Rows": 1,
        "Columns": 1, "PixelSpacing": ["20", "25"], "SliceThickness": "30", "SpacingBetweenSlices": "30",
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"], "ImagePositionPatient": ["1", "2", "3"],
    }  # fmt: skip
    for key, value in values.items():
        setattr(file, key, value)
    block = file.private_block(0x0065, "Image Private Header", create=True)
    for tag, fid in parts.items():
        content = fid.astype(np.complex64).tobytes()
        if tag is None:
            file.add_new((0x5600, 0x0020), "OF", content)
        else:
            file.add_new((0x0065, tag), "OB", content)
    assert block.group == 0x0065
    file.save_as(str(path), enforce_file_format=True)


def test_united_imaging_dicom_keeps_edit_conditions_and_water(tmp_path):
    parts = {None: line(3.0), 0xFF07: line(4.65, 5000.0), 0xFF11: line(2.0), 0xFF10: line(3.2)}
    write_uih(tmp_path / "x.dcm", parts, mega=True)
    data = mrs.read(tmp_path / "x.dcm")
    assert data.dims == ("DIM_EDIT", "time")
    check_lines(data, [2.0, 3.2])
    assert data.header["dim_5_header"] == {"EditCondition": ["OFF", "ON"]}
    assert (data.echo_time_s, data.repetition_time_s, data.dwell_s) == (0.068, 2.0, 5e-4)
    assert abs(peak(mrs.read(tmp_path / "x.dcm", part="wref")) - 4.65) < 0.02
    assert abs(peak(mrs.read(tmp_path / "x.dcm", part="diff")) - 3.0) < 0.02
    assert list(read_parts(tmp_path / "x.dcm")) == ["scan_diff", "scan_wref", "scan_off_on"]


def test_united_imaging_dicom_that_ends_early_is_refused(tmp_path):
    write_uih(tmp_path / "x.dcm", {None: line(3.0), 0xFF07: line(4.65, 5000.0)}, mega=False)
    (tmp_path / "x.dcm").write_bytes((tmp_path / "x.dcm").read_bytes()[:-304])
    with pytest.raises(FileFormatError, match=r"x\.dcm: its last element has 1744 bytes of 2048"):
        mrs.read(tmp_path / "x.dcm")


def test_an_lcmodel_file_is_read_with_the_times_given(tmp_path):
    numbers = "".join(f"{v.real:.8E} {v.imag:.8E}\n" for v in line().astype(complex))
    (tmp_path / "x.raw").write_text(f" $NMID\n ID='x', FMTDAT='(2E15.6)'\n TRAMP=2., VOLUME=1. $END\n{numbers}")
    data = mrs.read(tmp_path / "x.raw", dwell_s=5e-4, larmor_mhz=127.75, echo_time_s=0.03)
    assert_allclose(data.data, 2 * line(), rtol=1e-6, atol=1e-5)
    assert data.echo_time_s == 0.03


def scan(**changes):
    values = {"dwell_s": 5e-4, "larmor_mhz": 127.75, "echo_time_s": 0.03, "repetition_time_s": 2.0} | changes
    return mrs.Acquisition(np.stack([line(), line()]), dims=("DIM_DYN", "time"), **values)


def test_a_sidecar_adds_what_the_header_lacks(tmp_path):
    file = mrs.write(scan(echo_time_s=None, repetition_time_s=None), tmp_path / "sub-1_svs.nii.gz")
    content = {
        "EchoTime": 0.035, "RepetitionTime": 1.5, "ReferenceSignal": "bids::x", "NumberOfTransients": 64,
        "SpectrometerFrequency": [127.75], "SpectralWidth": 2000,
    }  # fmt: skip
    (tmp_path / "sub-1_svs.json").write_text(json.dumps(content))
    data = mrs.read(file)
    assert (data.echo_time_s, data.repetition_time_s) == (0.035, 1.5)
    assert data.header["ReferenceSignal"] == "bids::x"
    assert mrs.read(file, sidecar=False).echo_time_s is None
    assert mrs.read(file, echo_time_s=0.068).echo_time_s == 0.068


def test_sidecars_higher_up_in_a_dataset_apply_and_the_nearest_wins(tmp_path):
    folder = tmp_path / "sub-1" / "mrs"
    folder.mkdir(parents=True)
    bare = scan(echo_time_s=None, repetition_time_s=None)
    file = mrs.write(bare, folder / "sub-1_acq-press_svs.nii.gz")
    (tmp_path / "acq-press_svs.json").write_text('{"EchoTime": 0.035, "RepetitionTime": 2.0, "NumberOfTransients": 64}')
    (tmp_path / "acq-mega_svs.json").write_text('{"EchoTime": 0.068}')
    (tmp_path / "svs.json").write_text('{"ReceiveCoilName": "Head"}')
    assert mrs.read(file).echo_time_s is None  # no dataset yet
    (tmp_path / "dataset_description.json").write_text("{}")
    data = mrs.read(file)
    assert (data.echo_time_s, data.repetition_time_s, data.header["NumberOfTransients"]) == (0.035, 2.0, 64)
    assert data.header["ReceiveCoilName"] == "Head"
    (folder / "sub-1_acq-press_svs.json").write_text('{"EchoTime": 0.030}')
    assert (mrs.read(file).echo_time_s, mrs.read(file).repetition_time_s) == (0.030, 2.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"EchoTime": 0.068}', "EchoTime is 0.068, but the header of the NIfTI-MRS file says 0.03; they must agree"),
        ('{"SpectralWidth": 4000}', "SpectralWidth is 4000, but"),
        ('{"RepetitionTime": "two"}', "RepetitionTime is 'two'; a number is needed"),
        ("[1]", "a sidecar is a JSON object, not list"),
        ("{", "not valid JSON"),
    ],
)
def test_a_sidecar_that_contradicts_is_refused(tmp_path, content, words):
    file = mrs.write(scan(), tmp_path / "x.nii.gz")
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(FileFormatError, match=words):
        mrs.read(file)
    assert mrs.read(file, sidecar=False).echo_time_s == 0.03


def test_milliseconds_in_a_sidecar_are_refused(tmp_path):
    file = mrs.write(scan(echo_time_s=None), tmp_path / "x.nii.gz")
    (tmp_path / "x.json").write_text('{"EchoTime": 30}')
    with pytest.raises(FileFormatError, match="EchoTime is 30; it must be seconds"):
        mrs.read(file)


def test_edit_conditions_and_place_survive_a_file(tmp_path):
    values = np.stack([[line(2.0), line(3.0)]] * 3)
    header = {
        "dim_5": "DIM_DYN", "dim_6": "DIM_EDIT", "dim_6_header": {"EditCondition": ["ON", "OFF"]},
        "affine": ((20.0, 0.0, 0.0, 1.0), (0.0, 25.0, 0.0, 2.0), (0.0, 0.0, 30.0, 3.0), (0.0, 0.0, 0.0, 1.0)),
    }  # fmt: skip
    data = mrs.Acquisition(values, dims=("DIM_DYN", "DIM_EDIT", "time"), dwell_s=5e-4, larmor_mhz=127.75, header=header)
    back = mrs.read(mrs.write(data, tmp_path / "x.nii.gz"))
    assert back.dims == data.dims
    assert_allclose(back.data, values, rtol=0, atol=0)
    assert back.header["affine"] == header["affine"]
    clean = mrs.preprocess(back, steps=["average"])
    assert clean.edit_conditions == ("ON", "OFF")
    assert [round(peak(edit_of(edit)), 1) for edit in clean.edits] == [2.0, 3.0]


def edit_of(spectrum):
    return mrs.Acquisition(spectrum.fid, dwell_s=spectrum.dwell_s, larmor_mhz=spectrum.larmor_mhz)


def test_what_concentrations_would_miss_is_named_with_the_argument_that_supplies_it(tmp_path):
    bare = mrs.Acquisition(line(), dwell_s=5e-4, larmor_mhz=127.75)
    file = mrs.write(bare, tmp_path / "x.nii.gz")
    gaps = quantification_gaps(mrs.read(file), mrs.read(file))
    assert len(gaps) == 6
    assert gaps[0] == "the echo time of the metabolite scan is missing; give echo_time_s=... in seconds"
    assert "averages=..." in gaps[2]
    with pytest.raises(InputError, match="not enough for concentrations: the echo time"):
        require_quantifiable(mrs.read(file))
    full = mrs.read(file, echo_time_s=0.03, repetition_time_s=2.0, averages=64, scale=1 / 64)
    assert quantification_gaps(full, full) == ()
    assert_allclose(full.data, line() / 64, rtol=1e-12)
    assert full.header["NumberOfTransients"] == 64
    assert full.header["SuppliedByUser"]["scale"] == 1 / 64
    assert "no water reference" in quantification_gaps(full)[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"echo_time_s": 30.0}, "Give seconds, not milliseconds"),
        ({"averages": 0}, "averages is 0"),
        ({"scale": -1.0}, "scale is -1.0"),
        ({"larmor_mhz": 127.75e6}, "Give MHz, not Hz"),
    ],
)
def test_values_that_mean_nothing_are_not_supplied(tmp_path, values, words):
    file = mrs.write(scan(), tmp_path / "x.nii.gz")
    with pytest.raises(InputError, match=words):
        mrs.read(file, **values)


def test_a_folder_of_nothing_known_says_what_is_known(tmp_path):
    with pytest.raises(FileFormatError, match=r"not that of a Bruker scan \(method\), of a Varian scan"):
        mrs.read(tmp_path)


def test_averages_of_the_real_philips_scan_are_in_its_header(mrs_scans):
    data = mrs.read(mrs_scans / "philips_press30" / "sub-01_ses-01_PRESS_raw-act_noID.SDAT")
    water = mrs.read(mrs_scans / "philips_press30" / "sub-01_ses-01_PRESS_raw-ref_noID.SDAT")
    assert data.header["NumberOfTransients"] == 48
    assert quantification_gaps(data, water) == ()
