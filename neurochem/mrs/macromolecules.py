"""Broad signals of macromolecules and lipids: published sets as elements of a basis.

The default of the fit is a metabolite-nulled spectrum measured at 3 T (Birch 2017) in seven groups of Gaussian lines,
each group free in height but softly tied to the one at 0.9 ppm by the measured ratio of areas.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.basis import Basis
from neurochem.mrs.lineshape import gauss_variance
from neurochem.mrs.macromolecule_sets import BroadLine, MacromoleculeSet, find_set
from neurochem.mrs.spectra import Spectrum, to_hz
from neurochem.units import ComplexArray, FloatArray

REFERENCE = "Birch 2017, Magn Reson Med 77:34-43 (Gaussian lines at 3 T, relative areas)"
DEFAULT_SET = "Birch2017_3T"
ANCHOR = "MM09"
# Echo times (s) beyond which macromolecules have decayed (T2 of some 20 to 40 ms; from memory, unchecked).
LONGEST_ECHO_TIME_S = 0.080
# Where the signal of GABA lies that MM3co is edited with.
_GABA_PPM = (2.8, 3.2)
_GRID_FIELDS = ("dwell_s", "points", "larmor_mhz", "reference_ppm", "proton_amplitude")


@dataclass(frozen=True, slots=True)
class RatioPrior:
    """A soft ratio: amplitude of `name` over amplitude of `reference` is mean +- sd."""

    name: str
    reference: str
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class _Grid:
    """Sampling, frequency, reference and scale of the elements to be made."""

    dwell_s: float
    points: int
    larmor_mhz: float
    reference_ppm: float = 4.65
    proton_amplitude: float = 1.0
    nucleus: str = "1H"

    @property
    def time_s(self) -> FloatArray:
        """Times (s)."""
        return np.arange(self.points, dtype=float) * self.dwell_s


@checked_arguments
def macromolecules(
    name: str = DEFAULT_SET,
    *,
    like: Basis | Spectrum | Mapping[str, float],
    grouped: bool = True,
    ratio: str = "free",
) -> Basis:
    """Return a published set of macromolecules or lipids as elements of a basis.

    Parameters
    ----------
    name : str
        Name or alias of a set; `macromolecule_sets` lists them with their sources.
    like : Basis, Spectrum or mapping
        Whose sampling, frequency, reference and (Basis) scale the elements get; a mapping holds dwell_s, points and
        larmor_mhz, and optionally reference_ppm and proton_amplitude.
    grouped : bool
        One element a group of lines that belong together (LCModel's MM20 of four lines; the seven groups of the fit's
        default); False gives one element a line, those the source leaves out by default included.
    ratio : str
        A named ratio model of the set.  Exact ratios to a broad element make one element of both: MEGA_GABA with
        "3to2" (areas 3 : 2, as Osprey) or "FSL-MRS" (3.75 : 2.0) gives "MM09+MM3co".  "1to1GABA" gives MM3co the area of
        GABA between 2.8 and 3.2 ppm in `like`, which must be a difference basis, so that equal amplitudes are the model.
        Soft ratios change nothing here: `macromolecule_ratios` returns them.

    Returns
    -------
    Basis
        Elements that start at protons x proton_amplitude, Gaussian lines of a width that is constant in ppm; the
        echo time is None, since amplitudes are not weighted by T2.  Append with `basis.with_elements`.

    Raises
    ------
    UnknownNameError
        If set, ratio model, or GABA in `like`, is unknown.
    InputError
        If `like` is none of these, the nucleus is not 1H, or an exact ratio is asked for without grouping.
    """
    found = find_set(name)
    if ratio not in found.ratios:
        raise unknown_name(ratio, found.ratios, kind=f"ratio model of {found.name}")
    grid = _grid(like)
    if grid.nucleus != "1H":
        msg = f"like has nucleus {grid.nucleus}; macromolecules are 1H signals. Give a proton basis or spectrum."
        raise InputError(msg)
    names, fids = _elements(found, grid, grouped=grouped)
    exact = [entry for entry in found.ratios[ratio] if entry.sd == 0.0]
    if exact and not grouped:
        msg = f"ratio '{ratio}' joins elements, and grouped is False; use grouped=True, or ratio='free'."
        raise InputError(msg)
    for entry in exact:
        names, fids = _tied(names, fids, entry.element, entry.reference, entry.mean, like)
    narrow = {line.element if grouped else line.name for line in found.lines if line.fwhm == 0.0}
    return Basis(
        names, fids, dwell_s=grid.dwell_s, larmor_mhz=grid.larmor_mhz, sequence=f"macromolecules {found.name}",
        macromolecules=[element for element in names if element not in narrow], reference_ppm=grid.reference_ppm,
        proton_amplitude=grid.proton_amplitude, source=f"{found.name} ({found.source})",
    )  # fmt: skip


@checked_arguments
def macromolecule_ratios(name: str = DEFAULT_SET, model: str = "soft") -> tuple[RatioPrior, ...]:
    """Return the ratios that a set comes with, between amplitudes of its grouped elements.

    Parameters
    ----------
    name : str
        Name or alias of a set.
    model : str
        "soft", or for MEGA_GABA "3to2", "FSL-MRS" or "1to1GABA"; "free" is none.

    Returns
    -------
    tuple of RatioPrior
        A reference such as "Lip13a+Lip13b" or "Cr+PCr" is a sum; sd 0 is an exact tie.

    Raises
    ------
    UnknownNameError
        If set or model is unknown.
    """
    found = find_set(name)
    if model not in found.ratios:
        raise unknown_name(model, found.ratios, kind=f"ratio model of {found.name}")
    return tuple(RatioPrior(entry.element, entry.reference, entry.mean, entry.sd) for entry in found.ratios[model])


def _grid(like: Basis | Spectrum | Mapping[str, float]) -> _Grid:
    if isinstance(like, Basis):
        return _Grid(
            like.dwell_s, like.points, like.larmor_mhz, like.reference_ppm, like.proton_amplitude, nucleus=like.nucleus
        )
    if isinstance(like, Spectrum):
        return _Grid(like.dwell_s, like.points, like.larmor_mhz, like.reference_ppm, nucleus=like.nucleus)
    if not isinstance(like, Mapping):
        msg = f"like is a {type(like).__name__}; give a Basis, a Spectrum, or a mapping with dwell_s, points and larmor_mhz."
        raise InputError(msg)
    for key in like:
        if key not in _GRID_FIELDS:
            raise unknown_name(key, _GRID_FIELDS, kind="field of like")
    missing = [key for key in _GRID_FIELDS[:3] if key not in like]
    if missing:
        msg = f"like lacks {', '.join(missing)}; give dwell_s (s), points and larmor_mhz (MHz)."
        raise InputError(msg)
    return _Grid(
        float(like["dwell_s"]), int(like["points"]), float(like["larmor_mhz"]),
        float(like.get("reference_ppm", 4.65)), float(like.get("proton_amplitude", 1.0)),
    )  # fmt: skip


def _elements(found: MacromoleculeSet, grid: _Grid, *, grouped: bool) -> tuple[tuple[str, ...], ComplexArray]:
    """Return names and FIDs of the groups, or of every line."""
    members: dict[str, list[BroadLine]] = {}
    for line in found.lines:
        if line.default or not grouped:
            members.setdefault(line.element if grouped else line.name, []).append(line)
    protons, amplitude = found.anchor
    unit = grid.proton_amplitude * protons / amplitude
    time_s = grid.time_s
    fids = np.zeros((len(members), grid.points), dtype=complex)
    for row, lines in enumerate(members.values()):
        for line in lines:
            frequency = float(to_hz(np.array(line.ppm), grid.larmor_mhz, grid.reference_ppm))
            variance = gauss_variance(line.fwhm_hz(grid.larmor_mhz))
            fids[row] += unit * line.amplitude * np.exp(2j * np.pi * frequency * time_s - variance * time_s**2)
    return tuple(members), fids


def _tied(
    names: tuple[str, ...], fids: ComplexArray, element: str, reference: str, mean: float, like: object
) -> tuple[tuple[str, ...], ComplexArray]:
    """Return the elements with one of them tied: joined to a broad one, or scaled to a metabolite of `like`."""
    row = names.index(element)
    if reference in names:
        base = names.index(reference)
        joint = fids[base] + mean * fids[row]
        kept = [index for index in range(len(names)) if index not in {base, row}]
        return (f"{reference}+{element}", *(names[i] for i in kept)), np.vstack([joint, fids[kept]])
    if not isinstance(like, Basis):
        msg = f"the ratio is to {reference}, and like is no Basis; give the difference basis that holds {reference}."
        raise InputError(msg)
    scaled = fids.copy()
    scaled[row] *= mean * abs(_area(like, like[reference]) / _area(like, fids[row]))
    return names, scaled


def _area(like: Basis, fid: ComplexArray) -> float:
    """Return the integral of the real spectrum over the signal of GABA at 3.0 ppm, lines broadened by 2 Hz."""
    inside = (like.ppm >= _GABA_PPM[0]) & (like.ppm <= _GABA_PPM[1])
    spectrum = np.fft.fftshift(np.fft.fft(fid * np.exp(-2.0 * np.pi * like.time_s)))
    return float(np.sum(spectrum.real[inside]))


def macromolecule_fids(
    time_s: FloatArray, larmor_mhz: float, reference_ppm: float, proton_amplitude: float = 1.0
) -> tuple[tuple[str, ...], ComplexArray]:
    """Return names and FIDs of the fit's default groups, the one at 0.9 ppm starting at three protons.

    Parameters
    ----------
    time_s : array, shape (n_points,)
        Times (s), evenly spaced from zero.
    larmor_mhz, reference_ppm : float
        Frequency (MHz) and shift at zero frequency; widths are kept in ppm.
    proton_amplitude : float
        Signal of one proton, as in `Basis`.

    Returns
    -------
    names : tuple of str
    fids : complex array, shape (7, n_points)
    """
    dwell_s = float(time_s[1] - time_s[0])
    grid = _Grid(dwell_s, time_s.size, larmor_mhz, reference_ppm, proton_amplitude)
    return _elements(find_set(DEFAULT_SET), grid, grouped=True)


def ratio_priors() -> tuple[RatioPrior, ...]:
    """Return the soft ratios of the default set: areas are in the FIDs, so every mean is 1."""
    return macromolecule_ratios(DEFAULT_SET)


def wanted(basis: Basis, spectrum: Spectrum) -> bool:
    """Say whether the default macromolecules belong into a fit.

    They do where the basis has no broad element, the nucleus is 1H and the echo time is known and at most 80 ms.
    """
    if basis.macromolecules or spectrum.nucleus != "1H":
        return False
    return spectrum.echo_time_s is not None and spectrum.echo_time_s <= LONGEST_ECHO_TIME_S
