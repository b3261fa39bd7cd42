"""What a fit starts from: the windowed data, the elements on their grid, the noise and a coarse alignment."""

from dataclasses import dataclass

import numpy as np

from neurochem.errors import BasisMismatchError, InputError
from neurochem.mrs.align import CoarseStart, coarse_start
from neurochem.mrs.baseline import BASELINES, Baseline
from neurochem.mrs.basis import Basis
from neurochem.mrs.macromolecules import DEFAULT_SET, RatioPrior, macromolecule_ratios, macromolecules, wanted
from neurochem.mrs.model import LinearCombination
from neurochem.mrs.options import FitOptions
from neurochem.mrs.ratios import SoftRatio, chosen_ratios
from neurochem.mrs.spectra import Spectrum, noise_sd, to_hz
from neurochem.units import BoolArray, ComplexArray, FloatArray

REACH_PPM = 0.25
# Where the singlets lie that align the data: choline to NAA.
_ALIGNED_PPM = (1.8, 3.45)
WATER_PPM = 4.65
WATER_REACH_PPM = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """A spectrum and all that is needed to fit it.

    Attributes
    ----------
    spectrum : Spectrum
        Data.
    names, macromolecules : tuple of str
        Elements, added macromolecules included, and which of them are broad.
    model : LinearCombination
        Columns in the window, over the noise.
    data : complex array, shape (n,)
        Windowed spectrum over the noise.
    noise : float
        Standard deviation of a real part of the spectrum.
    start : CoarseStart
        Coarse alignment.
    priors : tuple of RatioPrior
        Soft ratios among added macromolecules.
    ratios : tuple of SoftRatio
        Other soft ratios.
    ppm : tuple of float
        Window.
    water_ppm : float or None
        How far residual water lies above the window (ppm), where there is so much that its tail matters.
    proton_amplitude : float
        Signal of one proton in the elements.
    signed : tuple of str
        Elements that may be negative.
    """

    spectrum: Spectrum
    names: tuple[str, ...]
    macromolecules: tuple[str, ...]
    model: LinearCombination
    data: ComplexArray
    noise: float
    start: CoarseStart
    priors: tuple[RatioPrior, ...]
    ratios: tuple[SoftRatio, ...] = ()
    ppm: tuple[float, float] = (0.2, 4.2)
    water_ppm: float | None = None
    proton_amplitude: float = 1.0
    signed: tuple[str, ...] = ()

    @property
    def nonnegative(self) -> BoolArray:
        """Which elements cannot be negative."""
        return np.array([name not in self.signed for name in self.names], dtype=bool)

    @property
    def span_ppm(self) -> float:
        """Width of the window (ppm)."""
        return self.data.size / (self.spectrum.points * self.spectrum.dwell_s * self.spectrum.larmor_mhz)

    def baseline(self, name: str, dimension_per_ppm: float) -> Baseline:
        """Return the named baseline for the window."""
        return BASELINES[name](self.data.size, self.span_ppm, dimension_per_ppm, self.water_ppm)


def prepare(
    data: Spectrum, basis: Basis, elements: ComplexArray, options: FitOptions, *, start: CoarseStart | None = None
) -> Setup:
    """Align coarsely, add macromolecules, cut the window and scale by the noise.

    Parameters
    ----------
    data, basis : Spectrum, Basis
        What is fitted, and by what.
    elements : complex array, shape (n_elements, n_points)
        The basis on the grid of the data.
    options : FitOptions
        Window, macromolecules and soft ratios.
    start : CoarseStart, optional
        Where to start; found by coarse alignment by default.

    Raises
    ------
    BasisMismatchError
        If there is no metabolite in the basis.
    InputError
        If the window holds too few points.
    """
    narrow = ~basis.broad
    if not narrow.any():
        msg = "every element of the basis is a macromolecule; at least one metabolite is needed"
        raise BasisMismatchError(msg)
    start = _coarse(data, basis, elements, options.signed) if start is None else start
    names, broad = tuple(basis.names), tuple(basis.macromolecules)
    added, priors = _added(data, basis, options)
    if added is not None:
        elements, names = np.vstack([elements, added.fids]), names + tuple(added.names)
        broad += tuple(added.macromolecules)
    window, frequency = _window(data, options.ppm, start.shift_hz, len(names))
    # data without noise, from a simulation, still need a finite weight
    noise = max(noise_sd(data), 1e-12 * float(np.abs(data.spectrum).max()))
    wide = np.array([name in broad for name in names], dtype=int)
    model = LinearCombination(elements, wide, data.time_s, window, frequency, scale=1.0 / noise)
    values = np.fft.fft(data.fid)[window] / noise
    water = _residual_water(data, values * noise, options.ppm[1], start.shift_hz)
    return Setup(
        data, names, broad, model, values, noise, start, priors, chosen_ratios(options.ratios), options.ppm, water,
        basis.proton_amplitude, options.signed,
    )  # fmt: skip


def _coarse(data: Spectrum, basis: Basis, elements: ComplexArray, signed: tuple[str, ...]) -> CoarseStart:
    narrow = ~basis.broad & np.array([name not in signed for name in basis.names])
    metabolites = tuple(name for name, sharp in zip(basis.names, narrow, strict=True) if sharp)
    reach = REACH_PPM * data.larmor_mhz
    low, high = to_hz(np.array([_ALIGNED_PPM[1], _ALIGNED_PPM[0]]), data.larmor_mhz, data.reference_ppm)
    return coarse_start(
        data.fid, elements[narrow], metabolites, data.time_s,
        reach_hz=reach, band_hz=(float(low) - reach, float(high) + reach),
    )  # fmt: skip


def _added(data: Spectrum, basis: Basis, options: FitOptions) -> tuple[Basis | None, tuple[RatioPrior, ...]]:
    """Return the macromolecules that are added, and their ratios: by default where they are wanted, by name always."""
    if options.macromolecules is None or (options.macromolecules == "default" and not wanted(basis, data)):
        return None, ()
    name = DEFAULT_SET if options.macromolecules == "default" else options.macromolecules
    grid = {
        "dwell_s": data.dwell_s, "points": data.points, "larmor_mhz": data.larmor_mhz,
        "reference_ppm": data.reference_ppm, "proton_amplitude": basis.proton_amplitude,
    }  # fmt: skip
    added = macromolecules(name, like=grid)
    taken = {known.casefold() for known in basis.names}
    kept = [element for element in added.names if element.casefold() not in taken]
    present = set(kept) | set(basis.names)
    priors = [
        prior for prior in macromolecule_ratios(name)
        if prior.name in kept and prior.sd > 0 and present.issuperset(prior.reference.split("+"))
    ]  # fmt: skip
    return (added.select(kept), tuple(priors)) if kept else (None, ())


def _residual_water(data: Spectrum, values: ComplexArray, upper_ppm: float, shift_hz: float) -> float | None:
    """Return how far residual water lies above the window, None where it is small, near or not to be expected."""
    if data.nucleus != "1H":
        return None
    shifts = data.reference_ppm - (data.frequency_hz - shift_hz) / data.larmor_mhz
    near = np.abs(shifts - WATER_PPM) < WATER_REACH_PPM
    if not near.any() or WATER_PPM - upper_ppm < WATER_REACH_PPM:
        return None
    height = np.abs(data.spectrum[near])
    if height.max() < np.abs(values).max():
        return None
    return float(shifts[near][np.argmax(height)]) - upper_ppm


def _window(data: Spectrum, ppm: tuple[float, float], shift_hz: float, elements: int) -> tuple[np.ndarray, FloatArray]:
    """Return indices in the unshifted FFT and frequencies of the fitted points, frequencies ascending."""
    frequency = data.frequency_hz
    shifts = data.reference_ppm - (frequency - shift_hz) / data.larmor_mhz
    inside = (shifts >= ppm[0]) & (shifts <= ppm[1])
    count = int(np.count_nonzero(inside))
    if count < elements + 20:
        msg = (
            f"{data.source or data.name}: the window {ppm[0]:g} to {ppm[1]:g} ppm holds {count} points for {elements} "
            f"basis elements; at least {elements + 20} are needed. Widen ppm or give a longer FID."
        )
        raise InputError(msg)
    order = np.fft.fftshift(np.arange(data.points))
    return order[inside], frequency[inside]
