"""From the solver's optimum to a result: estimates, totals, diagnostics, flags and curves.

Diagnostics
-----------
snr : tallest peak of the fitted metabolites (real part, baseline and macromolecules left out) over `noise_sd`.
fwhm_hz : full width at half maximum of the fitted NAA singlet (else Cr, PCr, the tallest element), zero-filled, Hz.
fqn : variance of the residual, with degrees of freedom, over the variance of the noise; 1 is ideal.
noise_sd : standard deviation of the real (or imaginary) part of the unscaled FFT in a signal-free range.
shift_hz, shift_ppm : by how much the data lie off the stated reference; positive ppm means to the left of it.
phase_deg, delay_s : zero-order phase and the time by which the FID starts late.
lorentz_hz, gauss_hz : fitted widths, added to that of the basis.
broad_shift_ppm, broad_gauss_hz : further shift and width of the macromolecules.
baseline_dimension : effective number of baseline parameters, both parts.
residual_autocorrelation : correlation of neighbouring residual points; 0 for white noise, +- 1 / sqrt(points) by chance.
relative_residual_percent : 100 standard deviations of the real residual over the tallest peak (Gannet's FitError).
iterations : Jacobians of the last search.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from neurochem.mrs import model as lc
from neurochem.mrs import rules as _rules  # noqa: F401 - registers the quality rules
from neurochem.mrs.baseline import DIMENSION_GRID
from neurochem.mrs.lineshape import gauss_fwhm, lorentz_fwhm
from neurochem.mrs.posterior import limited
from neurochem.quality import MRS_RULES, Flag, apply_rules
from neurochem.results import Axis, Estimate, FitResult
from neurochem.units import ComplexArray, FloatArray

if TYPE_CHECKING:
    from neurochem.mrs.search import Found
    from neurochem.mrs.setup import Setup

MODEL = "LCM"
TOTALS: dict[str, tuple[str, ...]] = {
    "tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCh"), "Glx": ("Glu", "Gln"),
}  # fmt: skip
HIGH_RELATIVE_STDERR = 20.0
# Lines that align a spectrum; below so many standard errors they are not there.
REFERENCE_LINES: dict[str, tuple[str, ...]] = {
    "tNAA": ("NAA", "NAAG", "tNAA"), "tCr": ("Cr", "PCr", "tCr"), "tCho": ("GPC", "PCh", "Cho", "tCho"),
}  # fmt: skip
DETECTED, UNEXPLAINED, FAR_PPM = 3.0, 2.0, 0.15
# They are never less than this share of the largest metabolite (signal at time zero).
LEAST_SHARE = 0.05
# A residual as large as this (standard deviation over peak), far above the noise, leaves no result.
HOPELESS_RESIDUAL_PERCENT, HOPELESS_MISFIT = 10.0, 20.0
# Beyond this phase (degrees) a spectrum was upside down.
UPSIDE_DOWN_DEG = 150.0
_SINGLETS = ("NAA", "Cr", "PCr")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A setup and the optimum that the search found."""

    found: "Found"

    @property
    def setup(self) -> "Setup":
        """What was fitted."""
        return self.found.setup

    @property
    def fit_quality(self) -> float:
        """Variance of the residual over that of the noise."""
        return self.found.solved.misfit * self.found.unit**2


def add_totals(result: FitResult) -> dict[str, Estimate]:
    """Return the totals whose parts are all among the estimates with a covariance."""
    present = set(result.covariance_names)
    return {
        total: result.combine(total, dict.fromkeys(parts, 1.0))
        for total, parts in TOTALS.items()
        if total not in present and present.issuperset(parts)
    }


def failed_result(name: str, names: Sequence[str], settings: Mapping[str, Any], reason: str, message: str) -> FitResult:
    """Return a result of NaN with a failure flag, so that a batch goes on."""
    present = set(names)
    totals = [total for total, parts in TOTALS.items() if present.issuperset(parts) and total not in present]
    estimates = {key: Estimate(key, math.nan, math.nan, stderr_kind="crlb") for key in [*names, *totals]}
    return FitResult(
        model=MODEL, name=name, estimates=estimates, success=False, settings=settings,
        flags=(Flag(reason, message, "failure"),),
        covariance=np.full((len(names), len(names)), math.nan), covariance_names=tuple(names),
    )  # fmt: skip


def fitted_result(name: str, outcome: Outcome, settings: Mapping[str, Any], amplitudes: str = "mean") -> FitResult:
    """Return the result of a search, or a failed one where nothing was found.

    Parameters
    ----------
    name : str
        Name of the result.
    outcome : Outcome
        Setup and optimum.
    settings : mapping
        Every choice made.
    amplitudes : str
        "mean", "mode" or "free", see `neurochem.mrs.fit`.
    """
    setup, solved = outcome.setup, outcome.found.solved
    if not (np.isfinite(solved.mode).all() and np.isfinite(solved.data_cost)):
        return failed_result(name, setup.names, settings, "no_fit", "the search found no finite solution")
    if not solved.mode.any():
        return failed_result(name, setup.names, settings, "no_signal", "no element of the basis is in the data")
    curves = _curves(outcome)
    diagnostics = _diagnostics(outcome, curves)
    estimates, covariance = _estimates(outcome, amplitudes)
    result = FitResult(
        model=MODEL, name=name, estimates=estimates, axis=curves.axis, data=curves.data, fitted=curves.fitted,
        weights=np.full(curves.data.size, 1.0 / setup.noise**2), used=np.ones(curves.data.size, dtype=bool),
        covariance=covariance, covariance_names=setup.names, diagnostics=diagnostics, settings=settings,
        components=curves.components,
    )  # fmt: skip
    estimates |= add_totals(result)
    reason = _nothing_found(outcome, diagnostics)
    if not any(math.isfinite(estimate.stderr) for estimate in estimates.values()):
        reason = "no_metabolites", "no element of the basis has signal in the fitted window; give another ppm"
    if reason:
        return failed_result(name, setup.names, {**settings, "diagnostics": diagnostics}, *reason)
    flags = (*apply_rules(MRS_RULES, diagnostics), *_flags(outcome, estimates))
    record = {field: getattr(result, field) for field in FitResult.__slots__}
    return FitResult(**{**record, "estimates": estimates, "flags": flags})


def _estimates(outcome: Outcome, amplitudes: str) -> tuple[dict[str, Estimate], FloatArray]:
    """Return the coefficients and their covariance; one at zero gets the interval from zero to its upper limit."""
    found = outcome.found
    solved, size = found.solved, found.solved.theta.size
    # a misfit counts as noise
    free = solved.covariance[size:, size:] * max(1.0, outcome.fit_quality) / found.unit**2
    covariance, values = free, solved.mode if amplitudes == "mode" else solved.free
    if amplitudes == "mean":
        values, covariance = limited(solved, free, found.problem.nonnegative)
    spread = np.sqrt(np.diag(free))
    estimates = {}
    for index, element in enumerate(outcome.setup.names):
        at_bound = bool(solved.amplitude_at_bound[index]) and amplitudes != "free"
        intervals: tuple[tuple[float, float, float], ...] = ()
        if at_bound and np.isfinite(spread[index]):
            intervals = ((0.95, 0.0, upper_limit(float(solved.free[index]), float(spread[index]))),)
        estimates[element] = Estimate(
            element, float(values[index]), float(np.sqrt(covariance[index, index])), stderr_kind="crlb",
            at_bound=at_bound, limits=intervals,
        )  # fmt: skip
    return estimates, covariance


def upper_limit(centre: float, spread: float, level: float = 0.95) -> float:
    """Return the quantile of a normal distribution of which only the positive part is possible.

    Parameters
    ----------
    centre, spread : float
        Mean and standard deviation before the negative part is cut off.
    level : float
        Share of the positive part below the limit.
    """
    above = float(special.log_ndtr(centre / spread))
    # the part above the limit is (1 - level) of the positive one
    return centre - spread * float(special.ndtri_exp(above + math.log1p(-level)))


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    axis: Axis
    data: ComplexArray
    fitted: ComplexArray
    components: dict[str, ComplexArray]


def _curves(outcome: Outcome) -> _Curves:
    """Return data, fit and components in the unit of the data, phased, on the referenced axis."""
    setup, solved = outcome.setup, outcome.found.solved
    spectrum, model = setup.spectrum, setup.model
    upright = setup.noise / model.phase_factor(solved.theta)
    shift = solved.theta[lc.SHIFT]
    ppm = spectrum.reference_ppm - (model.frequency_hz - shift) / spectrum.larmor_mhz
    parts = model.curves(solved.theta) * solved.mode
    baseline = outcome.found.unit * (outcome.found.baseline.columns @ solved.nuisance)
    components = {"baseline": baseline * upright}
    components |= {name: parts[:, index] * upright for index, name in enumerate(setup.names)}
    return _Curves(
        axis=Axis(ppm, "chemical shift", "ppm", data_name="signal", data_unit="", descending=True),
        data=setup.data * upright,
        fitted=(parts.sum(axis=1) + baseline) * upright,
        components=components,
    )


def _diagnostics(outcome: Outcome, curves: _Curves) -> dict[str, float]:
    setup, solved = outcome.setup, outcome.found.solved
    theta, larmor = solved.theta, setup.spectrum.larmor_mhz
    sharp = sum(
        (curves.components[name].real for name in setup.names if name not in setup.macromolecules),
        np.zeros(curves.data.size),
    )
    values = {
        "snr": float(np.max(sharp)) / setup.noise,
        "fwhm_hz": _singlet_width(outcome),
        "fqn": outcome.fit_quality,
        "noise_sd": setup.noise,
        "shift_hz": float(theta[lc.SHIFT]),
        "shift_ppm": -float(theta[lc.SHIFT]) / larmor,
        "phase_deg": float(np.degrees((theta[lc.PHASE] + np.pi) % (2.0 * np.pi) - np.pi)),
        "delay_s": float(theta[lc.DELAY]),
        "lorentz_hz": lorentz_fwhm(float(theta[lc.GAMMA])),
        "gauss_hz": gauss_fwhm(float(theta[lc.VARIANCE])),
        "baseline_dimension": solved.nuisance_dof,
        "residual_autocorrelation": _autocorrelation(curves.data - curves.fitted),
        "relative_residual_percent": 100.0
        * float(np.std((curves.data - curves.fitted).real))
        / max(float(np.max(sharp)), 1e-300),
        "iterations": float(solved.iterations),
    }
    for group in range(setup.model.groups):
        prefix, place = ("broad" if group == 0 else f"broad{group + 1}"), lc.BROAD_SHIFT + 2 * group
        values[f"{prefix}_shift_ppm"] = -float(theta[place]) / larmor
        values[f"{prefix}_gauss_hz"] = gauss_fwhm(float(theta[place + 1]))
    return values


def _autocorrelation(residual: ComplexArray) -> float:
    """Return the correlation of neighbouring points of the residual: 0 for white noise."""
    power = float(np.vdot(residual, residual).real)
    return float(np.vdot(residual[:-1], residual[1:]).real) / power if power > 0 else 0.0


def _singlet_width(outcome: Outcome) -> float:
    """Return the width (Hz) at half height of the real part of one broadened element, zero-filled four times."""
    setup, solved = outcome.setup, outcome.found.solved
    names, amplitudes = list(setup.names), np.where(setup.model.broad, 0.0, solved.mode)
    chosen = next((name for name in _SINGLETS if name in names and amplitudes[names.index(name)] > 0), None)
    index = int(np.argmax(amplitudes)) if chosen is None else names.index(chosen)
    fid = setup.model.fids[index] * setup.model.lines(solved.theta)[0]
    points = 4 * fid.size
    spectrum = np.fft.fft(fid, points)
    peak = int(np.argmax(np.abs(spectrum)))
    # the real part of a line is its magnitude with the line's own phase at the peak taken off
    real = np.roll((spectrum * np.exp(-1j * np.angle(spectrum[peak]))).real, points // 2 - peak)
    return _half_width(real, points // 2) / (points * setup.spectrum.dwell_s)


def _half_width(values: FloatArray, peak: int) -> float:
    """Return the distance between the half-height crossings around a peak, in points."""
    half = 0.5 * values[peak]
    below = np.flatnonzero(values < half)
    left, right = below[below < peak], below[below > peak]
    if not left.size or not right.size:
        return math.nan
    low, high = int(left[-1]), int(right[0])
    start = low + (half - values[low]) / (values[low + 1] - values[low])
    end = high - (half - values[high]) / (values[high - 1] - values[high])
    return float(end - start)


def _flags(outcome: Outcome, estimates: Mapping[str, Estimate]) -> list[Flag]:
    """Return flags on the search and on single estimates."""
    solved, flags = outcome.found.solved, []
    if not solved.converged:
        flags.append(
            Flag("not_converged", f"the search stopped after {solved.iterations} iterations without converging")
        )
    if outcome.found.dimension_per_ppm >= DIMENSION_GRID[-1]:
        message = (
            f"the baseline took its most flexible form ({outcome.found.dimension_per_ppm:g} per ppm): something that no basis "
            "element describes is in the spectrum, and estimates depend on the fitted range by more than their errors say"
        )
        flags.append(Flag("baseline_at_limit", message))
    for name, value, held in zip(outcome.setup.model.parameters, solved.theta, solved.theta_at_bound, strict=True):
        # a width or share of zero is a shape, not a failure: a pure Lorentzian has no Gaussian part
        if held and not (value <= 0 and (name.endswith(("gamma", "variance")) or name.startswith("line_share"))):
            flags.append(Flag("edge", f"{name} ended at the edge of its search, {value:.4g}"))
    turned = abs((np.degrees(solved.theta[lc.PHASE]) + 180.0) % 360.0 - 180.0)
    if turned > UPSIDE_DOWN_DEG:
        flags.append(Flag("upside_down", f"the spectrum was turned by {turned:.0f} degrees", "info"))
    flags += _richer_model(outcome)
    for estimate in estimates.values():
        if estimate.at_bound:
            flags.append(
                Flag(
                    "at_bound",
                    f"{estimate.name} is at zero, its error is that of an upper limit",
                    "info",
                    estimate.name,
                )
            )
        elif estimate.relative_stderr > HIGH_RELATIVE_STDERR:
            message = f"{estimate.name} has a standard error of {estimate.relative_stderr:.0f} % of its value"
            flags.append(Flag("high_relative_stderr", message, "info", estimate.name))
    return flags


def _nothing_found(outcome: Outcome, diagnostics: Mapping[str, float]) -> tuple[str, str] | None:
    """Return name and message of why a fit describes no metabolites: too large a residual, or no reference lines."""
    left = diagnostics["relative_residual_percent"]
    if left > HOPELESS_RESIDUAL_PERCENT and diagnostics["fqn"] > HOPELESS_MISFIT:
        return "misfit", (
            f"the residual is {left:.0f} % of the tallest peak and {diagnostics['fqn']:.3g} of the noise: the basis does not "
            "describe the spectrum. Look at it: a wrong basis, reference or phase convention, or a corrupt FID"
        )
    names, solved = outcome.setup.names, outcome.found.solved
    elements = [name for parts in REFERENCE_LINES.values() for name in parts if name in names]
    if not elements:
        return None
    size = solved.theta.size
    free = solved.covariance[size:, size:] * max(1.0, outcome.fit_quality) / outcome.found.unit**2
    found = -math.inf
    for parts in REFERENCE_LINES.values():
        weights = np.array([float(name in parts) for name in names])
        spread = math.sqrt(float(weights @ np.where(np.isfinite(free), free, 0.0) @ weights))
        found = max(found, float(weights @ solved.free) / spread if spread > 0 else -math.inf)
    sharp = np.where(outcome.setup.model.broad == 0, solved.mode, 0.0) * np.abs(outcome.setup.model.fids[:, 0])
    share = float(np.max(sharp[[names.index(name) for name in elements]])) / max(float(np.max(sharp)), 1e-300)
    if found >= DETECTED and share >= LEAST_SHARE and not solved.theta_at_bound[lc.SHIFT]:
        return None
    poor = diagnostics["snr"] < DETECTED or diagnostics["fqn"] > UNEXPLAINED or abs(diagnostics["shift_ppm"]) > FAR_PPM
    if not poor:
        return None
    snr, fqn, shift = (diagnostics[key] for key in ("snr", "fqn", "shift_ppm"))
    return "no_metabolites", (
        f"{', '.join(elements)} do not stand out where they should ({found:.1f} standard errors, {100 * share:.2g} % of "
        f"the largest metabolite), and the rest does not look like metabolites: signal to noise {snr:.2g}, residual "
        f"{fqn:.3g} of the noise, shift {shift:.2f} ppm. Look at the spectrum: no signal, water or lipids alone, or a "
        "wrong sign of the frequency axis"
    )


def _richer_model(outcome: Outcome) -> list[Flag]:
    """Return notes on what the residual asked for."""
    model, flags = outcome.setup.model, []
    if model.distortion is not None:
        message = "the lines are not Voigt lines: the fit has a free line"
        flags.append(Flag("free_lineshape", message, "info"))
    if len(model.loose):
        message = "metabolites are shifted against each other: the fit has a shift for each, softly tied"
        flags.append(Flag("own_shifts", message, "info"))
    if model.groups > 1:
        flags.append(Flag("lipids", "there is more broad signal than the basis describes: the fit has lipids", "info"))
    return flags
