"""Spectroscopy in DICOM as Siemens (private and standard storage) and Philips write it."""

import struct

import numpy as np

STANDARD_STORAGE = "1.2.840.10008.5.1.4.1.1.4.2"
SIEMENS_STORAGE = "1.3.12.2.1107.5.9.1"
COMMON = {
    "ManufacturerModelName": "m", "DeviceSerialNumber": "1", "SoftwareVersions": "v", "InstitutionName": "i",
    "InstitutionAddress": "a", "ProtocolName": "press", "SeriesDescription": "press", "PatientPosition": "HFS",
    "PatientName": "x^y", "PatientID": "1", "PatientWeight": "70", "PatientBirthDate": "20000101", "PatientSex": "O",
    "SeriesNumber": "5",
}  # fmt: skip


def new_file(path, storage, **values):
    """Return a DICOM file without content."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, storage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
    for key, value in (COMMON | values).items():
        setattr(file, key, value)
    return file


def items(**values):
    """Return a sequence of one item."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    item = Dataset()
    for key, value in values.items():
        setattr(item, key, value)
    return Sequence([item])


def interleaved(fid):
    """Return single precision numbers, real and imaginary in turn."""
    return np.asarray(fid, dtype=np.complex64).tobytes()


def csa(tags):
    """Return a Siemens header of kind 2: name, type and text values of every tag."""
    content = b"SV10\x04\x03\x02\x01" + struct.pack("<II", len(tags), 77)
    for name, (kind, *values) in tags.items():
        content += struct.pack("<64si4siii", name.encode(), len(values), kind.encode(), 0, len(values), 77)
        for value in values:
            text = str(value).encode() + b"\0"
            content += struct.pack("<4i", len(text), len(text), 77, len(text)) + text + b"\0" * (-len(text) % 4)
    return content


def write_siemens(
    path, fid, *, instance=1, sequence=r"%SiemensSeq%\svs_se", echo_times_us=(30_000,), averages=64, **yaps
):
    """Write a single-voxel file of the VB to VE line; the data are stored in the convention of NIfTI-MRS."""
    file = new_file(path, SIEMENS_STORAGE, Manufacturer="SIEMENS", InstanceNumber=str(instance))
    image = {
        "Rows": ("IS", 1), "Columns": ("IS", 1), "NumberOfFrames": ("IS", 1), "DataPointColumns": ("IS", fid.size),
        "ImageOrientationPatient": ("DS", 1.0, 0.0, 0.0, 0.0, 1.0, 0.0), "VoiPosition": ("DS", 1.0, 2.0, 3.0),
        "VoiPhaseFoV": ("DS", 20.0), "VoiReadoutFoV": ("DS", 25.0), "VoiThickness": ("DS", 30.0),
        "RealDwellTime": ("IS", 500_000), "ImagingFrequency": ("DS", 127.75), "ImagedNucleus": ("SH", "1H"),
        "RepetitionTime": ("DS", 2000.0), "InversionTime": ("DS",), "FlipAngle": ("DS", 90.0), "EchoTime": ("DS", 30.0),
        "TransmittingCoil": ("SH", "Body"), "ReceivingCoil": ("SH", "Head"), "ImaCoilString": ("LO", "Head"),
        "SequenceName": ("SH", "svs_se"), "NumberOfAverages": ("DS", averages),
    }  # fmt: skip
    protocol = {
        "tSequenceFileName": f'"{sequence}"',
        **{f"alTE[{n}]": te for n, te in enumerate(echo_times_us)},
        **yaps,
    }
    lines = "\n".join(f"{key}\t = \t{value}" for key, value in protocol.items())
    series = {"MrPhoenixProtocol": ("UN", f"### ASCCONV BEGIN ###\n{lines}\n### ASCCONV END ###\n")}
    header = file.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    header.add_new(0x10, "OB", csa(image))
    header.add_new(0x20, "OB", csa(series))
    file.private_block(0x7FE1, "SIEMENS CSA NON-IMAGE", create=True).add_new(0x10, "OB", interleaved(fid))
    file.save_as(str(path), enforce_file_format=True)


def write_siemens_xa(path, fid, *, instance=1):
    """Write a single-voxel file of the XA line: standard storage, the conjugate of the convention of NIfTI-MRS."""
    file = new_file(
        path, STANDARD_STORAGE, Manufacturer="Siemens Healthineers", InstanceNumber=str(instance), ResonantNucleus="1H",
        TransmitterFrequency=127.75, SpectralWidth=2000.0, PulseSequenceName="svs_se", Rows=1, Columns=1, NumberOfFrames=1,
        DataPointColumns=fid.size,
    )  # fmt: skip
    geometry = {
        "SpectroscopyAcquisitionPhaseRows": 1, "SpectroscopyAcquisitionPhaseColumns": 1,
        "SpectroscopyAcquisitionOutOfPlanePhaseSteps": 1,
    }  # fmt: skip
    file.SharedFunctionalGroupsSequence = items(
        MRSpectroscopyFOVGeometrySequence=items(**geometry), MREchoSequence=items(EffectiveEchoTime=30.0),
        MRTimingAndRelatedParametersSequence=items(RepetitionTime=2000.0, FlipAngle=90.0),
        MRTransmitCoilSequence=items(TransmitCoilName="Body"), MRReceiveCoilSequence=items(ReceiveCoilName="Head"),
        PixelMeasuresSequence=items(PixelSpacing=["20", "25"], SliceThickness="30"),
    )  # fmt: skip
    file.PerFrameFunctionalGroupsSequence = items(
        PlaneOrientationSequence=items(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"]),
        PlanePositionSequence=items(ImagePositionPatient=["1", "2", "3"]),
    )
    file.add_new((0x5600, 0x0020), "OF", interleaved(np.conj(fid)))
    file.save_as(str(path), enforce_file_format=True)


def write_philips(path, fids, *, reference=False, **changes):
    """Write a standard single-voxel file of Philips, frames in turn, water reference last."""
    from pydicom.sequence import Sequence

    file = new_file(
        path, STANDARD_STORAGE, Manufacturer="Philips Medical Systems", ResonantNucleus="1H", TransmitterFrequency=127.75,
        SpectralWidth=2000.0, PulseSequenceName="PRESS", Rows=1, Columns=1, NumberOfFrames=len(fids),
        SpectroscopyAcquisitionDataColumns=fids[0].size, VolumeLocalizationTechnique="PRESS", **changes,
    )  # fmt: skip
    # Philips numbers its slabs so that the two first directions give the plane of the voxel
    slabs = (((-1.0, 0, 0), 25.0), ((0, -1.0, 0), 20.0), ((0, 0, 1.0), 30.0))
    file.VolumeLocalizationSequence = Sequence(
        [
            items(SlabOrientation=list(way), SlabThickness=side, MidSlabPosition=[1.0, 2.0, 3.0])[0]
            for way, side in slabs
        ]
    )
    file.PerFrameFunctionalGroupsSequence = items(
        MREchoSequence=items(EffectiveEchoTime=30.0),
        MRTimingAndRelatedParametersSequence=items(RepetitionTime=2000.0, FlipAngle=90.0),
        PlaneOrientationSequence=items(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"]),
        PlanePositionSequence=items(ImagePositionPatient=["1", "2", "3"]),
    )
    file.add_new((0x0018, 0x9199), "CS", "YES" if reference else "NO")
    file.add_new((0x0008, 0x9209), "CS", "SPECTROSCOPY")
    file.add_new((0x5600, 0x0020), "OF", interleaved(np.concatenate(fids).conj()))
    file.save_as(str(path), enforce_file_format=True)
