"""A measured metabolite-nulled spectrum as an element of a basis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.mrs.basis import Basis
from neurochem.mrs.lineshape import gauss_fwhm, gauss_variance
from neurochem.mrs.macromolecule_sets import find_set
from neurochem.mrs.nulled_model import NulledLines
from neurochem.mrs.preprocess.residual_water import remove_components
from neurochem.mrs.spectra import Acquisition, Spectrum, as_spectrum, noise_sd, to_hz
from neurochem.quality import Flag
from neurochem.solve.separable import SeparableFit, fit_separable
from neurochem.units import ComplexArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Singlets that an inversion time never nulls together; creatine's CH2 has the shortest T1 of them (ppm).
RESIDUAL_METABOLITES = MappingProxyType({"tNAA": 2.008, "tCr": 3.028, "tCho": 3.21, "tCr CH2": 3.92})
WATER_PPM, WATER_REACH_PPM = 4.65, 0.42
# How far lines may lie from where the starting set has them, and the standard deviation of their shift and width.
_REACH_PPM, _SHIFT_SD_PPM, _WIDTH_SD = 0.06, 0.02, 0.3
_PROTONS_AT_0_9 = 3.0
# Residual over noise above which the lines do not describe the spectrum.
_POOR_FIT = 2.0


@dataclass(frozen=True, slots=True)
class MeasuredLine:
    """One Gaussian of the parametric spectrum: shift (ppm), full width (Hz), area (protons) and its standard error."""

    name: str
    ppm: float
    fwhm_hz: float
    protons: float
    protons_stderr: float


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class MeasuredMacromolecules:
    """A metabolite-nulled spectrum taken apart.

    Attributes
    ----------
    basis : Basis
        One broad element, free of noise, residual metabolites, water, baseline and phase; its line at 0.9 ppm starts
        at three protons.
    lines : tuple of MeasuredLine
        What it is made of.
    residual_metabolites : mapping of str to float
        Amplitudes of the metabolites that were left (protons, negative where inverted) and are not in the element.
    ppm : array, shape (n,)
        Shifts of the curves below (ppm, descending).
    data, fitted, macromolecules, metabolites, baseline : complex array, shape (n,)
        Phased spectrum in the window, the fit, and its three parts.
    noise : float
        Standard deviation of the real part of `data`.
    flags : tuple of Flag
        What a reader must know.
    """

    basis: Basis
    lines: tuple[MeasuredLine, ...]
    residual_metabolites: Mapping[str, float]
    ppm: FloatArray
    data: ComplexArray
    fitted: ComplexArray
    macromolecules: ComplexArray
    metabolites: ComplexArray
    baseline: ComplexArray
    noise: float
    flags: tuple[Flag, ...]

    @property
    def residual_over_noise(self) -> float:
        """Root mean square of the residual's real part over the noise; 1 where the lines describe everything."""
        return float(np.sqrt(np.mean((self.data - self.fitted).real ** 2)) / self.noise)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a line."""
        columns = {key: [getattr(line, key) for line in self.lines] for key in MeasuredLine.__slots__}
        return pd.DataFrame(columns)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the spectrum before, what is taken out, and the element after; return the axes."""
        from neurochem.mrs.basis_plots import plot_measured_macromolecules

        return plot_measured_macromolecules(self, ax)


@checked_arguments
def measured_macromolecules(
    spectrum: Spectrum | Acquisition,
    *,
    name: str = "MM",
    start: str = "Birch2017_3T",
    residual: Mapping[str, float] = RESIDUAL_METABOLITES,
    ppm: tuple[float, float] = (0.2, 4.1),
    remove_water: bool = True,
) -> MeasuredMacromolecules:
    """Turn a metabolite-nulled spectrum into a basis element without noise and without residual metabolites.

    Parameters
    ----------
    spectrum : Spectrum or Acquisition
        From an inversion-recovery scan, coils combined and averaged (`preprocess`); any phase.
    name : str
        Name of the element.
    start : str
        Set of macromolecules whose lines the search starts from.
    residual : mapping of str to float
        Singlets (ppm) that are fitted with a width of their own and either sign, and left out of the element.
    ppm : tuple of float
        Window of the fit (ppm).
    remove_water : bool
        Subtract water within 0.42 ppm of 4.65 ppm by HSVD first.

    Returns
    -------
    MeasuredMacromolecules
        `.basis` to be appended to a basis of metabolites by `with_elements`; `.plot()` shows before and after.

    Raises
    ------
    InputError
        If the nucleus is not 1H, the spectrum is not finite, or the window holds too few points.

    Notes
    -----
    Fitted in the window by separable least squares: Gaussian lines of non-negative area whose shifts (0.02 ppm) and
    widths (30 %) are softly tied to the starting set, Lorentzian singlets of the residual metabolites with one common
    width between 2 and 12 Hz, and a constant; phase, delay and a common shift are searched from four phases.  The
    baseline is no more than that on purpose: a curved one and the pedestal of overlapping macromolecules look alike.
    What HSVD leaves of water, or takes with it, falls on the lines above 3.5 ppm, which are the least certain.  Coupled
    residual metabolites (Glu, Ins) are not modelled.
    """
    data = as_spectrum(spectrum)
    _check(data)
    inside = (data.ppm >= min(ppm)) & (data.ppm <= max(ppm))
    lines = [line for line in find_set(start).lines if line.default and line.fwhm > 0]
    if np.count_nonzero(inside) < 4 * len(lines):
        msg = (
            f"{data.source or data.name}: the window {min(ppm):g} to {max(ppm):g} ppm holds {np.count_nonzero(inside)} "
            f"points for {len(lines)} lines; at least {4 * len(lines)} are needed. Widen ppm or give a longer FID."
        )
        raise InputError(msg)
    if remove_water:
        centre = float(to_hz(np.array(WATER_PPM), data.larmor_mhz, data.reference_ppm))
        fid = remove_components(data.fid, data.dwell_s, centre_hz=centre, reach_hz=WATER_REACH_PPM * data.larmor_mhz)[0]
        data = data.with_fid(fid)
    noise = max(noise_sd(data), 1e-12 * float(np.abs(data.spectrum[inside]).max()))
    model = NulledLines(
        data.time_s, np.fft.fftshift(np.arange(data.points))[inside], data.frequency_hz[inside],
        to_hz(np.array([line.ppm for line in lines]), data.larmor_mhz, data.reference_ppm),
        to_hz(np.array(list(residual.values())), data.larmor_mhz, data.reference_ppm),
    )  # fmt: skip
    widths = [line.fwhm_hz(data.larmor_mhz) for line in lines]
    found = _fit(model, data.spectrum[inside] / noise, widths, data.larmor_mhz)
    return _result(data, model, found, noise, name=name, names=[line.name for line in lines], residual=tuple(residual))


def _check(data: Spectrum) -> None:
    where = data.source or data.name
    if data.nucleus != "1H":
        msg = f"{where}: nucleus is {data.nucleus}; macromolecules are 1H signals. Give a proton spectrum."
        raise InputError(msg)
    if not np.isfinite(data.fid).all():
        msg = f"{where}: the FID holds values that are not finite; every point must be a number. Mend or replace the scan."
        raise InputError(msg)


def _fit(model: NulledLines, data: ComplexArray, widths_hz: Sequence[float], larmor_mhz: float) -> SeparableFit:
    """Search from four phases; data and model are over the noise."""
    variances = np.array([gauss_variance(width) for width in widths_hz])
    count = variances.size
    reach = _REACH_PPM * larmor_mhz
    first = np.concatenate([[0.0, 0.0, 0.0, 5.0 * np.pi], np.zeros(count), variances])
    lower = np.concatenate([[-2 * np.pi, -4e-4, -reach, 2.0 * np.pi], np.full(count, -reach), 0.5 * variances])
    upper = np.concatenate([[3 * np.pi, 4e-4, reach, 12.0 * np.pi], np.full(count, reach), 9.0 * variances])
    spread = np.concatenate(
        [[np.inf, 2e-4, np.inf, np.inf], np.full(count, _SHIFT_SD_PPM * larmor_mhz), 2.0 * _WIDTH_SD * variances]
    )
    starts = [np.concatenate([[phase], first[1:]]) for phase in (0.0, 0.5 * np.pi, np.pi, 1.5 * np.pi)]
    # a complex constant: what a wrong first point adds
    constant = np.asarray(np.kron(np.eye(2), np.ones((data.size, 1))), dtype=float)
    return fit_separable(
        model, np.concatenate([data.real, data.imag]), starts=starts, lower=lower, upper=upper,
        nonnegative=np.arange(count + model.singlets_hz.size) < count,
        nuisance=constant, prior=(first, spread), step_tolerance=1e-5, max_iterations=100,
    )  # fmt: skip


def _result(
    data: Spectrum,
    model: NulledLines,
    found: SeparableFit,
    noise: float,
    *,
    name: str,
    names: Sequence[str],
    residual: Sequence[str],
) -> MeasuredMacromolecules:
    count = len(names)
    areas, theta = found.amplitudes[:count], found.theta
    errors = np.sqrt(np.maximum(np.diag(found.covariance)[theta.size :], 0.0))
    anchor = int(np.argmin(np.abs(model.places_hz - to_hz(np.array(0.9), data.larmor_mhz, data.reference_ppm))))
    flags = []
    if areas[anchor] <= 0.0:
        message = f"{data.source or data.name}: no signal near 0.9 ppm; the scale is that of the tallest line instead"
        flags.append(Flag("no_signal_at_0.9_ppm", message, "failure"))
        anchor = int(np.argmax(areas))
    unit = _PROTONS_AT_0_9 / max(float(areas[anchor]), 1e-300)
    frequency = model.places_hz + theta[4 : 4 + count]
    variances = theta[4 + count :]
    fid = (unit * areas) @ np.exp(2j * np.pi * np.outer(frequency, data.time_s) - np.outer(variances, data.time_s**2))
    basis = Basis(
        [name], fid[None, :], dwell_s=data.dwell_s, larmor_mhz=data.larmor_mhz, echo_time_s=data.echo_time_s,
        sequence="measured metabolite-nulled spectrum", macromolecules=[name], reference_ppm=data.reference_ppm,
        source=data.source or data.name,
    )  # fmt: skip
    shifts = data.reference_ppm - frequency / data.larmor_mhz
    lines = tuple(
        MeasuredLine(
            names[k], float(shifts[k]), gauss_fwhm(variances[k]), float(unit * areas[k]), float(unit * errors[k])
        )
        for k in range(count)
    )
    curves = _curves(data, model, found, noise, count)
    left = {key: float(unit * value) for key, value in zip(residual, found.amplitudes[count:], strict=True)}
    result = MeasuredMacromolecules(basis, lines, MappingProxyType(left), *curves, noise, ())
    flags += _quality(result, found)
    return MeasuredMacromolecules(basis, lines, MappingProxyType(left), *curves, noise, tuple(flags))


def _curves(
    data: Spectrum, model: NulledLines, found: SeparableFit, noise: float, count: int
) -> tuple[FloatArray, ComplexArray, ComplexArray, ComplexArray, ComplexArray, ComplexArray]:
    """Return shifts, data, fit, macromolecules, metabolites and baseline with the phase taken out."""
    upright = noise / model.phase_factor(found.theta)
    parts = model.curves(found.theta)
    measured = np.fft.fft(data.fid)[model.window] / noise
    half = found.fitted.size // 2
    fitted = found.fitted[:half] + 1j * found.fitted[half:]
    broad = parts[:, :count] @ found.amplitudes[:count]
    narrow = parts[:, count:] @ found.amplitudes[count:]
    shifts = data.reference_ppm - (model.frequency_hz - found.theta[2]) / data.larmor_mhz
    rest = fitted - broad - narrow
    return shifts, measured * upright, fitted * upright, broad * upright, narrow * upright, rest * upright


def _quality(result: MeasuredMacromolecules, found: SeparableFit) -> list[Flag]:
    flags = []
    ratio = result.residual_over_noise
    if ratio > _POOR_FIT:
        message = f"the residual is {ratio:.1f} times the noise; look at plot() before the element is used"
        flags.append(Flag("residual", message))
    if not found.converged:
        flags.append(Flag("not_converged", "the search ended without settling; look at plot()", "failure"))
    return flags
