"""Files of LCModel: `.RAW` (one FID in time) and `.BASIS` (elements in frequency)."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, MissingFileError, NeurochemWarning
from neurochem.mrs.spectra import TIME, Acquisition
from neurochem.units import ComplexArray

_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*('[^']*'|[^,\s$]+)")


@dataclass(frozen=True, slots=True, eq=False)
class BasisFile:
    """What a `.BASIS` file holds, in the sign convention of the package.

    Attributes
    ----------
    names : tuple of str
        METABO of each block.
    fids : complex array, shape (n_elements, n_points)
        Inverse FFT (numpy's, with 1/n) of each block, times TRAMP / (VOLUME CONC): one unit of concentration.
    dwell_s, larmor_mhz : float
        BADELT and HZPPPM.
    echo_time_s : float or None
        ECHOT.
    linewidth_hz : float or None
        FWHMBA (ppm) times HZPPPM; None where it is zero or missing.
    sequence, label : str
        SEQ and IDBASI.
    """

    names: tuple[str, ...]
    fids: ComplexArray
    dwell_s: float
    larmor_mhz: float
    echo_time_s: float | None
    linewidth_hz: float | None
    sequence: str
    label: str


def _text(path: Path, kind: str) -> str:
    if not path.is_file():
        msg = f"{path}: no such file; give an LCModel {kind} file."
        raise MissingFileError(msg)
    try:
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError as error:
        msg = f"{path}: not a text file ({error}); give an LCModel {kind} file."
        raise FileFormatError(msg) from error


def _assignments(text: str) -> dict[str, str]:
    return {key.upper(): value.strip("'").strip() for key, value in _ASSIGNMENT.findall(text)}


def _number(fields: dict[str, str], key: str, path: Path, *, default: float | None = None) -> float:
    try:
        return float(fields[key].upper().replace("D", "E"))
    except (KeyError, ValueError) as error:
        if default is not None:
            return default
        msg = f"{path}: field {key} is {fields.get(key, 'missing')!r}; a number is needed. Correct the file."
        raise FileFormatError(msg) from error


def _complex_values(body: str, path: Path, where: str, count: int | None = None) -> ComplexArray:
    """Return pairs of numbers as complex values; Fortran may leave no blank before a minus sign."""
    numbers = re.findall(r"[-+]?\d*\.?\d+(?:[EeDd][-+]?\d+)?", body)
    values = np.array([number.replace("D", "E").replace("d", "e") for number in numbers], dtype=float)
    if values.size % 2 or values.size == 0 or (count is not None and values.size != 2 * count):
        wanted = "an even number of" if count is None else str(2 * count)
        msg = f"{path}: {where} has {values.size} numbers, {wanted} needed; the file may be truncated. Copy it again."
        raise FileFormatError(msg)
    return values[0::2] + 1j * values[1::2]


@checked_arguments
def read_raw(
    path: str | Path,
    *,
    dwell_s: float,
    larmor_mhz: float,
    echo_time_s: float | None = None,
    repetition_time_s: float | None = None,
) -> Acquisition:
    """Read an LCModel `.RAW` or `.H2O` file.

    Parameters
    ----------
    path : str or Path
        The file: namelists, then real and imaginary parts in time.
    dwell_s, larmor_mhz : float
        What LCModel's control file calls DELTAT and HZPPPM; the file itself does not hold them.
    echo_time_s, repetition_time_s : float, optional
        TE and TR (s).

    Returns
    -------
    Acquisition
        One FID, times TRAMP / VOLUME.  LCModel's convention of sign is that of storage here: shifts below the
        reference have positive frequencies.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file does not exist, has no $NMID namelist, or ends early.
    """
    file = Path(path)
    text = _text(file, ".RAW")
    if "$NMID" not in text.upper():
        msg = f"{file}: no $NMID namelist; give an LCModel .RAW file (time domain)."
        raise FileFormatError(msg)
    start = text.upper().index("$NMID")
    head, _, body = text[start:].partition("$END")
    fields = _assignments(head)
    scale = _number(fields, "TRAMP", file, default=1.0) / _number(fields, "VOLUME", file, default=1.0)
    return Acquisition(
        scale * _complex_values(body, file, "the FID"),
        dims=(TIME,),
        dwell_s=dwell_s,
        larmor_mhz=larmor_mhz,
        echo_time_s=echo_time_s,
        repetition_time_s=repetition_time_s,
        name=file.stem,
        source=str(file),
        header=fields,
    )


def parse_basis(path: Path) -> BasisFile:
    """Read the blocks of a `.BASIS` file.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file does not exist, lacks a field, or a block is short.
    """
    text = _text(path, ".BASIS")
    top, marker, rest = text.partition("$BASIS1")
    if not marker:
        msg = f"{path}: no $BASIS1 namelist; give an LCModel .BASIS file."
        raise FileFormatError(msg)
    general = {**_assignments(top), **_assignments(rest.split("$END", 1)[0])}
    points, dwell = int(_number(general, "NDATAB", path)), _number(general, "BADELT", path)
    names: list[str] = []
    fids: list[ComplexArray] = []
    for fields, body in _blocks(rest):
        name = fields.get("METABO", f"element {len(names) + 1}")
        concentration = _number(fields, "CONC", path, default=1.0) * _number(fields, "VOLUME", path, default=1.0)
        scale = _number(fields, "TRAMP", path, default=1.0) / concentration
        if _number(fields, "ISHIFT", path, default=0.0) != 0.0:
            message = (
                f"{path}: ISHIFT of {name} is not zero; it is not applied, check the shifts of the basis on a plot"
            )
            warnings.warn(message, NeurochemWarning, stacklevel=3)
        names.append(name)
        fids.append(scale * np.fft.ifft(_complex_values(body, path, f"block {name}", points)))
    if not names or len(set(names)) != len(names):
        msg = f"{path}: holds blocks {names}; at least one is needed and each METABO may appear once. Correct the file."
        raise FileFormatError(msg)
    echo = _number(general, "ECHOT", path, default=0.0)
    larmor = _number(general, "HZPPPM", path)
    width = _number(general, "FWHMBA", path, default=0.0) * larmor
    return BasisFile(
        names=tuple(names),
        fids=np.array(fids) if dwell > 0 else np.conj(np.array(fids)),
        dwell_s=abs(dwell),
        larmor_mhz=larmor,
        echo_time_s=echo * 1e-3 if echo > 0 else None,
        linewidth_hz=width if width > 0 else None,
        sequence=general.get("SEQ", ""),
        label=general.get("IDBASI", ""),
    )


def _blocks(text: str) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the fields and the numbers of each $BASIS block."""
    for piece in re.split(r"\$BASIS\s", text)[1:]:
        head, _, body = piece.partition("$END")
        yield _assignments(head), body.split("$", 1)[0]


def rounded(values: ComplexArray, step: float) -> ComplexArray:
    """Return real and imaginary parts rounded to multiples of a step, without negative zeros."""
    # adding zero turns -0 into 0: the sign of a rounding error is not reproducible
    return (np.round(values.real / step) * step + 0.0) + 1j * (np.round(values.imag / step) * step + 0.0)


def basis_text(names: tuple[str, ...], spectra: ComplexArray, *, top: dict[str, str]) -> str:
    """Return the text of a `.BASIS` file.

    Parameters
    ----------
    names : tuple of str
        Elements.
    spectra : complex array, shape (n_elements, n_points)
        Unshifted FFT of each FID.
    top : dict of str
        FWHMBA, HZPPPM, ECHOT, SEQ, IDBASI, BADELT as text.
    """
    lines = [
        " $SEQPAR", f" FWHMBA = {top['FWHMBA']},", f" HZPPPM = {top['HZPPPM']},", f" ECHOT = {top['ECHOT']},",
        f" SEQ = '{top['SEQ']}' $END", " $BASIS1", f" IDBASI = '{top['IDBASI']}',", " FMTBAS = '(2E23.15)',",
        f" BADELT = {top['BADELT']},", f" NDATAB = {spectra.shape[1]} $END",
    ]  # fmt: skip
    for name, values in zip(names, spectra, strict=True):
        lines += [
            " $NMUSED", " XTRASH = 0. $END", " $BASIS", f" ID = '{name}',", f" METABO = '{name}',", " CONC = 1.,",
            " TRAMP = 1.,", " VOLUME = 1.,", " ISHIFT = 0 $END",
        ]  # fmt: skip
        lines += [f"{value.real:23.15E}{value.imag:23.15E}" for value in values]
    return "\n".join(lines) + "\n"
