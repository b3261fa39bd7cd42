"""Siemens raw-data (TWIX) files written byte by byte, in the layouts of the VB and of the VD/VE/XA software lines.

The layouts of the headers are those that readers agree on: one measurement data header a channel in VB (128 bytes), one scan
header (192 bytes) with a channel header each (32 bytes) since VD.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

IMAGE, NOISE, REFERENCE, END = 0, 1 << 25, 1 << 22, 1
# Loop counters in their order in the header.
LOOPS = ("Lin", "Ave", "Sli", "Par", "Eco", "Phs", "Rep", "Set", "Seg", "Ida", "Idb", "Idc", "Idd", "Ide")


@dataclass
class Protocol:
    """What the header says."""

    version: str = "syngo MR E11"
    sequence: str = "svs_se"
    file_name: str = r"%SiemensSeq%\svs_se"
    larmor_hz: int = 127_750_000
    dwell_ns: int = 500_000
    echo_times_us: tuple[int, ...] = (30_000,)
    repetition_time_us: int = 2_000_000
    voxel: dict = field(
        default_factory=lambda: {
            "dThickness": 30.0, "dPhaseFOV": 20.0, "dReadoutFOV": 25.0, "sPosition.dSag": 1.0, "sPosition.dCor": 2.0,
            "sPosition.dTra": 3.0, "sNormal.dTra": 1.0,
        }
    )  # fmt: skip
    yaps: dict = field(default_factory=dict)
    # fields of the protocol that are left out, as some exporters do
    missing: tuple[str, ...] = ()

    def buffers(self):
        """Return the parts of the header by name."""
        yaps = {
            "sRXSPEC.alDwellTime[0]": self.dwell_ns, "alTR[0]": self.repetition_time_us,
            "sTXSPEC.asNucleusInfo[0].tNucleus": '"1H"', "adFlipAngleDegree[0]": 90.0,
            **{f"alTE[{n}]": value for n, value in enumerate(self.echo_times_us)},
            **{f"sSpecPara.sVoI.{key}": value for key, value in self.voxel.items()},
            **self.yaps,
        }  # fmt: skip
        meas = {
            "Frequency": self.larmor_hz, "ResonantNucleus": "1H", "TR": self.repetition_time_us, "FlipAngle": 90.0,
            "tSequenceString": self.sequence, "tSequenceFileName": self.file_name, "lFinalMatrixSizePhase": 1,
            "lFinalMatrixSizeRead": 1, "lFinalMatrixSizeSlice": 1, "PatientPosition": "HFS", "tPatientPosition": "HFS",
            "tPatientName": "x", "PatientBirthDay": "20000101", "PatientSex": 2, "flUsedPatientWeight": 70.0,
            "tICEProgramName": "ice", "dDeltaFrequency": -2.3,
        }  # fmt: skip
        dicom = {
            "SoftwareVersions": self.version, "Manufacturer": "SIEMENS", "ManufacturersModelName": "Prisma",
            "DeviceSerialNumber": "1", "InstitutionName": "i", "InstitutionAddress": "a", "tProtocolName": "press",
            "lFrequency": self.larmor_hz,
        }  # fmt: skip
        known = {key: value for key, value in yaps.items() if key not in self.missing}
        protocol = "\n".join(f"{key}\t = \t{value}" for key, value in known.items())
        ascconv = f"### ASCCONV BEGIN ###\n{protocol}\n### ASCCONV END ###\n"
        return {
            "Config": _tree({"SequenceFileName": self.file_name}), "Dicom": _tree(dicom, self.missing),
            "Meas": _tree(meas, self.missing), "MeasYaps": ascconv, "Phoenix": ascconv,
        }  # fmt: skip


def _tree(values, missing=()):
    kept = {key: value for key, value in values.items() if key not in missing}
    lines = []
    for key, value in kept.items():
        text = isinstance(value, str)
        shown = f'"{value}"' if text else f"{value}"
        lines.append(f'<Param{"String" if text else "Double"}."{key}">  {{ {shown} }}')
    return "<XProtocol>\n{\n" + "\n".join(lines) + "\n}\n"


def _header(protocol, least=0):
    parts = protocol.buffers()
    body = struct.pack("<I", len(parts))
    for name, text in parts.items():
        content = text.encode("latin-1") + b"\n\0"
        body += name.encode() + b"\0" + struct.pack("<I", len(content)) + content
    length = -(-max(len(body) + 4, least) // 32) * 32
    return struct.pack("<I", length) + body.ljust(length - 4, b"\0")


def _counters(loops):
    return struct.pack("<14H", *(loops.get(name, 0) for name in LOOPS))


def _old_readout(flag, loops, channels, free):
    """Return a readout as VB writes it: a header before every channel."""
    block = b""
    samples = channels.shape[1]
    for number, values in enumerate(channels):
        content = values.astype("<c8").tobytes()
        head = struct.pack("<IIIII", 128 + len(content), 1, 1, 0, 0) + struct.pack("<II", flag, 0)
        head += struct.pack("<HH", samples, len(channels)) + _counters(loops) + struct.pack("<HHHH", 0, 0, 0, 0)
        head += struct.pack("<fIHH", 0.0, 0, 0, 0) + b"\0" * 8 + struct.pack("<4H", free, 0, 0, 0)
        head += struct.pack("<7f", *[0.0] * 7) + struct.pack("<HH", number, 0)
        assert len(head) == 128
        block += head + content
    return block


def _new_readout(flag, loops, channels, free):
    """Return a readout as VD and later write it: one scan header, a short header before every channel."""
    samples = channels.shape[1]
    contents = [b"\0" * 32 + values.astype("<c8").tobytes() for values in channels]
    head = struct.pack("<IIIII", 192 + sum(map(len, contents)), 1, 1, 0, 0) + b"\0" * 20 + struct.pack("<II", flag, 0)
    head += struct.pack("<HH", samples, len(channels)) + _counters(loops) + struct.pack("<HHHH", 0, 0, 0, 0)
    head += struct.pack("<fIHH", 0.0, 0, 0, 0) + struct.pack("<7f", *[0.0] * 7)
    head += struct.pack("<24H", 0, 0, 0, 0, free, *[0] * 19) + b"\0" * 16
    assert len(head) == 192
    return head + b"".join(contents)


def write_twix(path, readouts, protocol=None, *, line="ve", adjustments=(), ended=True):
    """Write a TWIX file.

    Parameters
    ----------
    path : Path
        File.
    readouts : list of (flag, loops, channels)
        Kind of readout, loop counters by name, and complex samples as the scanner stores them, shape (channels, samples).
    protocol : Protocol
        Header.
    line : str
        "vb" or "ve" (VD, VE and XA).
    adjustments : list
        Readouts of an adjustment scan before the measurement, as multi-raid files have.
    ended : bool
        Write the readout that says that the scan is complete.
    """
    protocol = protocol or Protocol()
    write = _old_readout if line == "vb" else _new_readout

    def scan(items, least=0):
        body = b"".join(write(*item[:3], item[3] if len(item) > 3 else 0) for item in items)
        last = write(END, {}, np.zeros((1, 16)), 0) if ended else b""
        return _header(protocol, least) + body + last

    if line == "vb":
        path.write_bytes(scan(readouts, least=16384))
        return
    scans = [scan(items) for items in (adjustments, readouts) if items]
    offset, entries, content = 10240, b"", b""
    for body in scans:
        padded = body + b"\0" * (-len(body) % 512)
        entries += struct.pack("<IIQQ", 1, 1, offset + len(content), len(body)).ljust(152, b"\0")
        content += padded
    path.write_bytes((struct.pack("<II", 0, len(scans)) + entries).ljust(offset, b"\0") + content)
