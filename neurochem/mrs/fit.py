"""Fitting a spectrum by a linear combination of basis spectra."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochem.errors import BasisMismatchError, InputError
from neurochem.mrs import macromolecules as mm
from neurochem.mrs.align import CoarseStart, coarse_start
from neurochem.mrs.baseline import BASELINES, Baseline
from neurochem.mrs.basis import Basis
from neurochem.mrs.lineshape import gauss_variance, lorentz_gamma
from neurochem.mrs.model import GAMMA, SHIFT, LinearCombination, stacked
from neurochem.mrs.outcome import Outcome, failed_result, fitted_result
from neurochem.mrs.spectra import Acquisition, Spectrum, as_spectrum, noise_sd
from neurochem.results import FitResult
from neurochem.solve import SeparableFit, fit_separable
from neurochem.units import ComplexArray, FloatArray

# Effective dimension of the baseline per ppm, for each of the real and the imaginary part.
BASELINE_DIMENSION_PER_PPM = 2.5
REACH_PPM = 0.25
# A delay beyond a tenth of a millisecond is unusual; 1e-4 s turns the phase by 4.6 degrees a ppm at 3 T.
DELAY_SD_S = 1e-4
BROAD_SHIFT_SD_PPM = 0.02
_FINE_SHIFT_PPM = 0.08
_WIDEST_HZ = 40.0
_WIDEST_BROAD_HZ = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """A spectrum and all that is needed to fit it.

    Attributes
    ----------
    spectrum, basis : Spectrum, Basis
        Data and elements, added macromolecules included.
    model : LinearCombination
        Columns over noise.
    data : complex array, shape (n,)
        Windowed spectrum over noise.
    baseline : Baseline
        Nuisance curves.
    noise : float
        Standard deviation of a real part.
    start : CoarseStart
        Coarse alignment.
    ppm : tuple of float
        The window asked for.
    priors : tuple of RatioPrior
        Soft ratios.
    """

    spectrum: Spectrum
    basis: Basis
    model: LinearCombination
    data: ComplexArray
    baseline: Baseline
    noise: float
    start: CoarseStart
    ppm: tuple[float, float]
    priors: tuple[mm.RatioPrior, ...]


def fit(  # noqa: PLR0913 - keywords of one analysis
    spectrum: Spectrum | Acquisition,
    basis: Basis,
    *,
    ppm: tuple[float, float] = (0.2, 4.2),
    baseline: str = "spline",
    baseline_dimension_per_ppm: float = BASELINE_DIMENSION_PER_PPM,
    macromolecules: str | None = "default",
    allow_mismatch: bool = False,
    name: str | None = None,
) -> FitResult:
    """Fit a spectrum by a non-negative linear combination of basis spectra.

    Parameters
    ----------
    spectrum : Spectrum or Acquisition
        Data; an acquisition must hold one FID (see `preprocess`).
    basis : Basis
        Elements, at the field and echo time of the data; resampled to them.
    ppm : tuple of float
        Window, after coarse alignment.
    baseline : str
        "spline" (penalised cubic, real and imaginary parts on their own) or "none".
    baseline_dimension_per_ppm : float
        Effective dimension of the spline per ppm and part.
    macromolecules : str or None
        "default" adds seven groups of measured broad lines with soft ratios (neurochem.mrs.macromolecules) where the
        basis has no macromolecules and the echo time is known and at most 80 ms; None adds nothing.
    allow_mismatch : bool
        Let a basis of another echo time pass.
    name : str, optional
        Name of the result; that of the spectrum by default.

    Returns
    -------
    FitResult
        Model "LCM". Estimates: the coefficient of every element as supplied (unit ""), then the totals tNAA, tCr, tCho
        and Glx whose parts are all there.  `stderr` is the Cramer-Rao bound with phase, delay, shifts, widths, baseline
        and all other amplitudes as nuisances, penalties counted as prior knowledge; where the residual exceeds the
        noise, it is multiplied by the square root of their ratio of variances, so that a fit that misses structure
        says so.  `data`, `fitted` and `components` (baseline, one curve an element) are complex, phased, on `axis`
        (ppm, referenced by the fitted shift).  Diagnostics are described in neurochem.mrs.outcome.

    Raises
    ------
    BasisMismatchError
        If basis and data differ in nucleus, field or echo time.
    InputError
        If the window holds too few points or an option is not known.

    Notes
    -----
    s(t) = exp(i phase) sum_m c_m b_m(t) exp(2 pi i shift t - gamma t - variance t^2); its FFT, without zero filling so
    that noise stays white, times exp(-2 pi i f delay), plus the baseline, is fitted to real and imaginary parts in the
    window.  Amplitudes are solved for inside the search (variable projection); two starts, one with a Lorentzian and
    one with a Gaussian width, because either can end in the other's wrong valley.  NaN, or nothing but zeros, give
    `success=False` and a flag, never an exception.

    References
    ----------
    Provencher SW (1993), Magn Reson Med 30:672; Golub GH, Pereyra V (1973), SIAM J Numer Anal 10:413; Wilson M (2021),
    Magn Reson Med 85:13.
    """
    data = as_spectrum(spectrum)
    if not isinstance(basis, Basis):
        msg = (
            f"basis is a {type(basis).__name__}; give a neurochem.mrs.Basis, for example from neurochem.mrs.read_basis"
        )
        raise InputError(msg)
    elements = basis.matched(data, allow_mismatch=allow_mismatch)
    settings = _settings(data, basis, ppm, baseline, baseline_dimension_per_ppm)
    label = data.name if name is None else name
    reason = _hopeless(data)
    if reason:
        return failed_result(label, basis.names, settings, *reason)
    setup = _prepare(
        data, basis, elements, ppm=ppm, baseline=(baseline, baseline_dimension_per_ppm), added=macromolecules
    )
    solved = _solve(setup)
    settings |= {"elements": list(setup.basis.names), "macromolecules": list(setup.basis.macromolecules)}
    return fitted_result(label, Outcome(setup, solved), settings)


def _settings(
    data: Spectrum, basis: Basis, ppm: tuple[float, float], baseline: str, dimension: float
) -> dict[str, Any]:
    return {
        "spectrum": data.source, "basis": basis.source, "ppm": list(ppm), "baseline": baseline,
        "baseline_dimension_per_ppm": dimension, "echo_time_s": data.echo_time_s,
        "repetition_time_s": data.repetition_time_s, "larmor_mhz": data.larmor_mhz, "dwell_s": data.dwell_s,
        "points": data.points, "nucleus": data.nucleus, "reference_ppm": data.reference_ppm,
        "basis_proton_amplitude": basis.proton_amplitude, "basis_echo_time_s": basis.echo_time_s,
        "delay_sd_s": DELAY_SD_S, "broad_shift_sd_ppm": BROAD_SHIFT_SD_PPM,
    }  # fmt: skip


def _hopeless(data: Spectrum) -> tuple[str, str] | None:
    """Return why there is nothing to fit, or None."""
    bad = int(np.count_nonzero(~np.isfinite(data.fid)))
    if bad:
        return "not_finite", f"{bad} of {data.points} points of the FID are NaN or infinite"
    if not np.any(data.fid):
        return "no_signal", "every point of the FID is zero"
    return None


def _prepare(
    data: Spectrum,
    basis: Basis,
    elements: ComplexArray,
    *,
    ppm: tuple[float, float],
    baseline: tuple[str, float],
    added: str | None,
) -> Setup:
    """Align coarsely, cut the window, scale by the noise and choose the baseline."""
    if added not in {None, "default"}:
        msg = f"macromolecules is {added!r}; allowed are 'default' and None"
        raise InputError(msg)
    if not (len(ppm) == 2 and all(map(math.isfinite, ppm)) and ppm[0] < ppm[1]):
        msg = f"ppm is {ppm}; give the lower and the upper edge of the window, for example (0.2, 4.2)"
        raise InputError(msg)
    narrow = ~basis.broad
    if not narrow.any():
        msg = "every element of the basis is a macromolecule; at least one metabolite is needed"
        raise BasisMismatchError(msg)
    names = tuple(name for name, sharp in zip(basis.names, narrow, strict=True) if sharp)
    start = coarse_start(data.fid, elements[narrow], names, data.time_s, reach_hz=REACH_PPM * data.larmor_mhz)
    priors: tuple[mm.RatioPrior, ...] = ()
    if mm.wanted(added, basis, data):
        extra, fids = mm.macromolecule_fids(data.time_s, data.larmor_mhz, data.reference_ppm, basis.proton_amplitude)
        basis = _extended(basis, extra)
        elements, priors = np.vstack([elements, fids]), mm.ratio_priors()
    window, frequency = _window(data, ppm, start.shift_hz, len(basis))
    noise = noise_sd(data)
    # data without noise, from a simulation, still need a finite weight
    noise = max(noise, 1e-12 * float(np.abs(data.spectrum).max()))
    model = LinearCombination(elements, basis.broad, data.time_s, window, frequency, scale=1.0 / noise)
    curves = BASELINES[baseline[0]](
        window.size, window.size / (data.points * data.dwell_s * data.larmor_mhz), baseline[1]
    )
    values = np.fft.fft(data.fid)[window] / noise
    return Setup(data, basis, model, values, curves, noise, start, ppm, priors)


def _extended(basis: Basis, extra: tuple[str, ...]) -> Basis:
    """Return the basis with the names of the added elements; their FIDs are made on the grid of the data."""
    placeholder = np.ones((len(extra), basis.points), dtype=complex)
    return basis.joined(extra, placeholder, macromolecules=extra)


def _window(data: Spectrum, ppm: tuple[float, float], shift_hz: float, elements: int) -> tuple[np.ndarray, FloatArray]:
    """Return indices in the unshifted FFT and frequencies of the fitted points, frequencies ascending."""
    frequency = data.frequency_hz
    shifts = data.reference_ppm - (frequency - shift_hz) / data.larmor_mhz
    inside = (shifts >= ppm[0]) & (shifts <= ppm[1])
    count = int(np.count_nonzero(inside))
    if count < elements + 20:
        msg = (
            f"{data.source or data.name}: the window {ppm[0]:g} to {ppm[1]:g} ppm holds {count} points for {elements} basis "
            f"elements; at least {elements + 20} are needed. Widen ppm or give a longer FID."
        )
        raise InputError(msg)
    order = np.fft.fftshift(np.arange(data.points))
    return order[inside], frequency[inside]


def _bounds(setup: Setup) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return lower and upper bounds and the standard deviations of the priors."""
    fine = _FINE_SHIFT_PPM * setup.spectrum.larmor_mhz
    broad = 3.0 * BROAD_SHIFT_SD_PPM * setup.spectrum.larmor_mhz
    widest = lorentz_gamma(_WIDEST_HZ), gauss_variance(_WIDEST_HZ)
    lower = np.array([-np.inf, -1e-3, setup.start.shift_hz - fine, 0.0, 0.0, -broad, 0.0])
    upper = np.array(
        [np.inf, 1e-3, setup.start.shift_hz + fine, *widest, broad, gauss_variance(_WIDEST_BROAD_HZ)]
    )  # fmt: skip
    sd = np.full(7, np.inf)
    sd[1], sd[5] = DELAY_SD_S, BROAD_SHIFT_SD_PPM * setup.spectrum.larmor_mhz
    size = setup.model.size
    return lower[:size], upper[:size], sd[:size]


def _starts(setup: Setup) -> list[FloatArray]:
    """Return a Lorentzian and a Gaussian start."""
    start = setup.start
    common = [start.phase, 0.0, start.shift_hz]
    tail = [0.0, gauss_variance(1.0)]
    lorentz = [*common, lorentz_gamma(start.width_hz), gauss_variance(0.5), *tail]
    gauss = [*common, lorentz_gamma(0.5), gauss_variance(start.width_hz), *tail]
    return [np.array(values)[: setup.model.size] for values in (lorentz, gauss)]


def _solve(setup: Setup) -> SeparableFit:
    """Search from both starts; with soft ratios, once more, now that the scale of the amplitudes is known."""
    solved = _search(setup, _starts(setup), None)
    if setup.priors:
        solved = _search(setup, [solved.theta], _ratio_rows(setup, solved.amplitudes))
    return solved


def _search(setup: Setup, starts: Sequence[FloatArray], penalty: tuple[FloatArray, FloatArray] | None) -> SeparableFit:
    lower, upper, sd = _bounds(setup)
    columns, rows = setup.baseline.stacked()
    return fit_separable(
        setup.model,
        stacked(setup.data),
        starts=starts,
        lower=lower,
        upper=upper,
        nonnegative=np.ones(len(setup.basis), dtype=bool),
        nuisance=columns,
        nuisance_penalty=rows,
        amplitude_penalty=penalty,
        prior=(np.zeros(setup.model.size), sd),
        variance=1.0,
    )


def _ratio_rows(setup: Setup, amplitudes: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return rows (a - mean a_ref) / (sd scale), the scale from the sum over the set."""
    index = {name: place for place, name in enumerate(setup.basis.names)}
    members = [index[prior.name] for prior in setup.priors] + [index[setup.priors[0].reference]]
    scale = float(np.mean(amplitudes[members]))
    if scale <= 0.0:
        return None
    rows = np.zeros((len(setup.priors), len(index)))
    for row, prior in zip(rows, setup.priors, strict=True):
        row[index[prior.name]] = 1.0 / (prior.sd * scale)
        row[index[prior.reference]] = -prior.mean / (prior.sd * scale)
    return rows, np.zeros(len(rows))


__all__ = ["GAMMA", "SHIFT", "Setup", "fit"]
