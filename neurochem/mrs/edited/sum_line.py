"""The line of a fitted sum in time: phase, shift, decay, and what its free line adds to a Voigt line."""

import math

import numpy as np
from scipy.interpolate import BSpline

from neurochem.mrs.lineshape import decay_exponent, gauss_variance, lorentz_gamma
from neurochem.mrs.spectra import Spectrum
from neurochem.results import FitResult
from neurochem.solve import minimize_least_squares
from neurochem.solve.bounded import Evaluation
from neurochem.units import ComplexArray, FloatArray

_ITERATIONS = 20
_SPLINE_STEP_S, _SPLINES_END_S = 0.05, 0.6
# The target has no noise of its own; relative to it priors only keep what it does not determine near zero.
_RELATIVE_ERROR = 1e-3


def phase_and_shift(total: FitResult, time_s: FloatArray) -> ComplexArray:
    """Return what phase and shift of a fit multiply a FID by."""
    found = total.diagnostics
    turn = 1j * math.radians(found["phase_deg"]) + 2j * np.pi * found["shift_hz"] * time_s
    return np.asarray(np.exp(turn), dtype=complex)


def voigt_decay(total: FitResult, time_s: FloatArray) -> ComplexArray:
    """Return the decay of the fitted Voigt line."""
    found = total.diagnostics
    exponent = decay_exponent(lorentz_gamma(found["lorentz_hz"]), gauss_variance(found["gauss_hz"]), time_s)
    return np.asarray(np.exp(exponent), dtype=complex)


def free_line(total: FitResult, spectrum: Spectrum, undamped: ComplexArray) -> ComplexArray:
    """Return the factor in time by which a fit's free line differs from its Voigt line; ones where it has none.

    Parameters
    ----------
    total : FitResult
        From `neurochem.mrs.fit`; its curves hold the free line, its record does not.
    spectrum : Spectrum
        What was fitted.
    undamped : complex array, shape (n_points,)
        Sum of its metabolites, amplitudes as fitted, without phase, shift and decay.

    Notes
    -----
    d(t) = exp(sum_j (a_j + i b_j) B_j(t)), cubic splines that are zero at time zero, 50 ms apart up to 0.6 s and constant after
    that: the smooth factor which makes the fitted curve, without baseline and macromolecules, out of the elements.
    Any line serves that has no zero in the time in which there is signal.
    """
    nothing = np.ones(spectrum.points, dtype=complex)
    if (
        not total.settings.get("free_lineshape")
        or total.settings.get("points") != spectrum.points
        or total.axis is None
    ):
        return nothing
    time_s, shift = spectrum.time_s, total.diagnostics["shift_hz"]
    frequency = (spectrum.reference_ppm - np.asarray(total.axis.values)) * spectrum.larmor_mhz + shift
    window = np.round(frequency * spectrum.points * spectrum.dwell_s).astype(int) % spectrum.points
    wide = [name for name in ("baseline", *total.settings.get("macromolecules", ())) if name in total.components]
    target = total.fitted - np.sum([total.components[name] for name in wide], axis=0)
    base = undamped * np.exp(2j * np.pi * shift * time_s) * voigt_decay(total, time_s)
    curves = _splines(time_s)
    unit = _RELATIVE_ERROR * float(np.abs(target).max())

    def evaluate(parameters: FloatArray) -> Evaluation:
        one, two = np.split(parameters, 2)
        fid = base * np.exp((one + 1j * two) @ curves)
        rest = (np.fft.fft(fid)[window] - target) / unit

        def jacobian() -> FloatArray:
            slopes = np.fft.fft(curves * fid, axis=1)[:, window].T / unit
            slopes = np.hstack([slopes, 1j * slopes])
            return np.vstack([slopes.real, slopes.imag, np.eye(parameters.size)])

        return np.concatenate([rest.real, rest.imag, parameters]), jacobian

    free = np.full(2 * len(curves), np.inf)
    found = minimize_least_squares(
        evaluate, np.zeros(free.size), lower=-free, upper=free, max_iterations=_ITERATIONS, gain_tolerance=1e-3
    ).parameters
    one, two = np.split(found, 2)
    return np.asarray(np.exp((one + 1j * two) @ curves), dtype=complex)


def _splines(time_s: FloatArray) -> FloatArray:
    """Return cubic splines in time that are zero at its start, shape (n_splines, n_points)."""
    end = min(_SPLINES_END_S, float(time_s[-1]))
    inner = np.linspace(0.0, end, max(round(end / _SPLINE_STEP_S), 4) + 1)
    knots = np.concatenate([[0.0] * 3, inner, [end] * 3])
    rows = BSpline.design_matrix(np.minimum(time_s, end), knots, 3).toarray()
    return np.asarray(rows.T[1:], dtype=float)
