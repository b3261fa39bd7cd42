"""Whether the elements of a basis are what their names say."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from neurochem.errors import UnknownNameError
from neurochem.mrs.spectra import frequency_axis, to_ppm
from neurochem.mrs.spins import Molecule, find_molecules
from neurochem.quality import Flag
from neurochem.units import ComplexArray

if TYPE_CHECKING:
    from neurochem.mrs.basis import Basis

# How far the tallest line may lie from a shift of the molecule, beside half the width of its multiplet.
PLACE_TOLERANCE_PPM = 0.03
# More than this above the proton count is another scale, not an echo.
PROTON_TOLERANCE = 0.05
# Normalised correlation of two elements above which they are one.
DUPLICATE_CORRELATION = 0.9999
# A singlet whose phase is farther than this from that of the others.
PHASE_TOLERANCE_DEG = 30.0
# Mean of unit phasors below which singlets have no common phase.
_AGREEMENT = 0.5


@dataclass(frozen=True, slots=True)
class ElementCheck:
    """What was found of one element.

    Attributes
    ----------
    name, molecule : str
        Name in the basis, and the molecule of the table of spin systems it stands for; empty where none is known.
    broad : bool
        Whether it is a macromolecule.
    peak_ppm, expected_ppm, deviation_ppm, allowed_ppm : float
        Shift of the tallest line, the nearest shift of the molecule, their difference, and how large it may be; NaN
        where nothing is expected.
    protons, expected_protons : float
        |first point| over proton_amplitude (twice that where the file halves first points), and the molecule's protons
        that do not exchange.  J evolution lowers the first, so that only a smaller value of uncoupled protons is wrong,
        or a larger one than all protons, exchangeable ones included, can give.
    coupled : bool
        Whether the molecule has couplings.
    phase_deg : float
        Phase of the first point (degree).
    linewidth_hz : float
        Full width at half height of the tallest line (Hz); the duration T of the FID alone gives 0.6 / T, unresolved
        couplings count.
    exchangeable_protons : float
        Protons on N and O that some tools simulate too.
    """

    name: str
    molecule: str
    broad: bool
    peak_ppm: float
    expected_ppm: float
    deviation_ppm: float
    allowed_ppm: float
    protons: float
    expected_protons: float
    coupled: bool
    phase_deg: float
    linewidth_hz: float
    exchangeable_protons: float = 0.0


@dataclass(frozen=True, slots=True)
class BasisCheck:
    """The report of `Basis.check`.

    Attributes
    ----------
    elements : tuple of ElementCheck
        In the order of the basis.
    flags : tuple of Flag
        What is wrong ("warning") or worth knowing ("info"); `parameter` names the element.
    source : str
        The file.
    """

    elements: tuple[ElementCheck, ...]
    flags: tuple[Flag, ...]
    source: str = ""

    @property
    def success(self) -> bool:
        """Whether nothing is wrong."""
        return all(flag.severity == "info" for flag in self.flags)

    def to_frame(self) -> pd.DataFrame:
        """Return one row an element, with the names of its flags."""
        rows = [
            asdict(element) | {"flags": " ".join(flag.name for flag in self.flags if flag.parameter == element.name)}
            for element in self.elements
        ]
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return the table and the flags as text."""
        columns = [
            "name",
            "peak_ppm",
            "expected_ppm",
            "protons",
            "expected_protons",
            "phase_deg",
            "linewidth_hz",
            "flags",
        ]
        table = self.to_frame()[columns].to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep="-")
        said = [f"{flag.severity}: {flag.message}" for flag in self.flags]
        return "\n".join([table, *(said or ["nothing to report"])])


def check_basis(basis: "Basis") -> BasisCheck:
    """Compare every element with what its molecule must look like.

    Parameters
    ----------
    basis : Basis
        What to check.

    Returns
    -------
    BasisCheck
        `.elements`, `.flags`, `.success`, `.to_frame()`, `.summary()`.  Nothing is raised: a basis of unknown names is
        reported as such.

    Notes
    -----
    Flags: "mirrored" (the tallest line lies where the conjugate would have it), "misplaced", "protons" (more signal
    than protons, or fewer for uncoupled ones), "inverted" (a singlet against the phase of the others), "duplicate",
    "halved_first_point", "linewidth" (another width than stated); "unknown_molecule" is a note.
    """
    molecules = {name: _molecule(name) for name, broad in zip(basis.names, basis.broad, strict=True) if not broad}
    halved = _halved_first_point(basis)
    elements = tuple(
        _element(basis, index, molecules.get(name), 2.0 if halved else 1.0) for index, name in enumerate(basis.names)
    )
    flags = [flag for element in elements for flag in _own_flags(element, basis)]
    flags += [*_mirror_flags(basis, elements, molecules), *_phase_flags(elements), *_duplicates(basis)]
    if halved:
        message = "the first point of the FIDs is about half of what the next ones lead to expect"
        flags.append(Flag("halved_first_point", message, "info"))
    return BasisCheck(elements, tuple(flags), basis.source)


def _molecule(name: str) -> Molecule | None:
    try:
        return find_molecules([name])[name]
    except UnknownNameError:
        return None


def _element(basis: "Basis", index: int, molecule: Molecule | None, first_point: float) -> ElementCheck:
    fid = basis.fids[index]
    peak_hz, width_hz = _tallest(fid, basis.dwell_s)
    peak = float(to_ppm(np.array(peak_hz), basis.larmor_mhz, basis.reference_ppm))
    expected, allowed = (math.nan, math.nan) if molecule is None else _nearest(molecule, peak, basis.larmor_mhz)
    return ElementCheck(
        name=basis.names[index],
        molecule="" if molecule is None else molecule.name,
        broad=bool(basis.broad[index]),
        peak_ppm=peak,
        expected_ppm=expected,
        deviation_ppm=peak - expected,
        allowed_ppm=allowed,
        protons=first_point * float(np.abs(fid[0])) / basis.proton_amplitude,
        expected_protons=math.nan if molecule is None else molecule.proton_count,
        coupled=molecule is not None and any(part.couplings_hz.any() for part in molecule.parts),
        phase_deg=float(np.degrees(np.angle(fid[0]))),
        linewidth_hz=width_hz,
        exchangeable_protons=0.0 if molecule is None else molecule.exchangeable_count,
    )


def _tallest(fid: ComplexArray, dwell_s: float) -> tuple[float, float]:
    """Return frequency and full width at half height (Hz) of the tallest line."""
    points = 8 * fid.size
    frequency = frequency_axis(points, dwell_s)
    spectrum = np.fft.fftshift(np.fft.fft(fid, points))
    top = int(np.argmax(np.abs(spectrum)))
    height = float(np.abs(spectrum[top]))
    # the phase of the line makes it an absorption line, whose width is the usual one
    real = (spectrum * np.exp(-1j * np.angle(spectrum[top]))).real
    left, right = (_half_height(real[top::step], height) for step in (-1, 1))
    return float(frequency[top]), (left + right) * float(frequency[1] - frequency[0])


def _half_height(values: np.ndarray, height: float) -> float:
    """Return after how many points a curve that starts at its top is at half height."""
    below = int(np.argmax(values < 0.5 * height))
    if below == 0:
        return float(values.size)
    return below - 1 + float((values[below - 1] - 0.5 * height) / (values[below - 1] - values[below]))


def _nearest(molecule: Molecule, ppm: float, larmor_mhz: float) -> tuple[float, float]:
    """Return the shift of the molecule that is nearest, exchangeable protons too, and how far a line may be from it."""
    places = []
    for part in molecule.parts:
        for row, group in zip(part.couplings_hz, part.groups, strict=True):
            half = 0.5 * sum(abs(j) * other.protons for j, other in zip(row, part.groups, strict=True)) / larmor_mhz
            places.append((abs(ppm - group.ppm) - half, group.ppm, half))
    _, shift, half = min(places)
    return shift, PLACE_TOLERANCE_PPM + half


def _own_flags(element: ElementCheck, basis: "Basis") -> list[Flag]:
    """Return what the numbers of one element say; a misplaced line is left to the check of mirror images."""
    flags = []
    name = element.name
    if not element.molecule and not element.broad:
        note = f"{name}: not in the table of spin systems, nothing is expected of it"
        flags.append(Flag("unknown_molecule", note, "info", name))
    if not math.isnan(element.expected_protons):
        low = 0.0 if element.coupled else (1.0 - PROTON_TOLERANCE) * element.expected_protons
        high = (1.0 + PROTON_TOLERANCE) * (element.expected_protons + element.exchangeable_protons)
        if not low <= element.protons <= high:
            message = f"{name}: starts at {element.protons:.3g} protons, {element.expected_protons:g} expected"
            flags.append(Flag("protons", message, "warning", name))
    stated = basis.linewidth_hz
    singlet = bool(element.molecule) and not element.coupled
    if (
        stated is not None
        and singlet
        and abs(element.linewidth_hz - stated) > 0.5 + 0.9 / (basis.points * basis.dwell_s)
    ):
        message = f"{name}: lines are {element.linewidth_hz:.2f} Hz wide, {stated:.2f} Hz is stated"
        flags.append(Flag("linewidth", message, "warning", name))
    return flags


def _mirror_flags(
    basis: "Basis", elements: tuple[ElementCheck, ...], molecules: Mapping[str, Molecule | None]
) -> list[Flag]:
    """Return flags of lines that are not where their molecule has any."""
    flags = []
    for element in elements:
        molecule = molecules.get(element.name)
        if molecule is None or abs(element.deviation_ppm) <= element.allowed_ppm:
            continue
        image = 2.0 * basis.reference_ppm - element.peak_ppm
        place, allowed = _nearest(molecule, image, basis.larmor_mhz)
        seen = f"{element.name}: tallest line at {element.peak_ppm:.3f} ppm"
        if abs(image - place) <= allowed:
            message = f"{seen}, where the mirror image of {place:.3f} ppm lies; use conjugated()"
            flags.append(Flag("mirrored", message, "warning", element.name))
        else:
            message = f"{seen}, nearest of the molecule is {element.expected_ppm:.3f} ppm"
            flags.append(Flag("misplaced", message, "warning", element.name))
    return flags


def _phase_flags(elements: tuple[ElementCheck, ...]) -> list[Flag]:
    """Return flags of singlets against the phase of the others."""
    singlets = [element for element in elements if element.molecule and not element.coupled]
    if not singlets:
        return []
    turns = np.exp(1j * np.radians([element.phase_deg for element in singlets]))
    common = complex(np.mean(turns))
    if abs(common) < _AGREEMENT:
        # they disagree among themselves: then upright is what is expected
        common = 1.0 + 0.0j
    flags = []
    for element, turn in zip(singlets, turns, strict=True):
        off = float(np.degrees(np.angle(turn * np.conj(common))))
        if abs(off) > PHASE_TOLERANCE_DEG:
            message = f"{element.name}: its phase is {off:.0f} degrees from that of the other singlets"
            flags.append(Flag("inverted", message, "warning", element.name))
    if abs(float(np.degrees(np.angle(common)))) > PHASE_TOLERANCE_DEG:
        message = f"all singlets have a phase of about {np.degrees(np.angle(common)):.0f} degrees"
        flags.append(Flag("phase", message, "warning"))
    return flags


def _duplicates(basis: "Basis") -> list[Flag]:
    size = np.linalg.norm(basis.fids, axis=1)
    correlation = np.abs(basis.fids @ basis.fids.conj().T) / np.outer(size, size)
    flags = []
    for first in range(len(basis)):
        for second in range(first + 1, len(basis)):
            if correlation[first, second] > DUPLICATE_CORRELATION:
                message = (
                    f"{basis.names[second]}: the same signal as {basis.names[first]}, their sum alone can be fitted"
                )
                flags.append(Flag("duplicate", message, "warning", basis.names[second]))
    return flags


def _halved_first_point(basis: "Basis") -> bool:
    """Say whether first points are about half of what the next ones lead to expect, as some tools write them."""
    if basis.points < 4:
        return False
    size = np.abs(basis.fids[:, :3])
    # a straight line through the next points is good enough to tell one from a half
    expected = np.maximum(2.0 * size[:, 1] - size[:, 2], 1e-300)
    return float(np.median(size[:, 0] / expected)) < 0.7
