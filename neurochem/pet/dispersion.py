"""What the tube between artery and detector does to the input, and undoing it."""

import numpy as np

from neurochem.arguments import argument_error, checked_arguments
from neurochem.errors import InputError
from neurochem.pet.blood_samples import BloodSeries
from neurochem.pet.curves import Curve, ExponentialSum, PiecewisePolynomial, Term
from neurochem.pet.input_models import fit_input
from neurochem.pet.joined_exponentials import JoinedExponentials
from neurochem.pet.polynomial_pieces import polynomial_pieces
from neurochem.units import FloatArray, seconds_to_minutes

# Straight lines have slopes that jump; polynomials that follow a smooth curve to 1e-10 do not, beyond this share.
_LARGEST_JUMP = 1e-4


@checked_arguments
def disperse(curve: Curve, tau_s: float, *, until_s: float | None = None) -> Curve:
    """Return what a detector behind a tube sees: C convolved with (1/tau) exp(-t/tau).

    Parameters
    ----------
    curve : Curve
        True input.
    tau_s : float
        Dispersion constant in seconds, positive.
    until_s : float, optional
        Where the result ends; needed unless the curve is in closed form or made of polynomials.

    Returns
    -------
    Curve
        In closed form where the input is; otherwise polynomials that follow it to 1e-10.
    """
    rate = 1.0 / _minutes(tau_s)
    if isinstance(curve, ExponentialSum):
        return curve.convolved(rate, rate)
    if isinstance(curve, JoinedExponentials):
        return JoinedExponentials([part.convolved(rate, rate) for part in curve.parts])
    if until_s is None and not isinstance(curve, PiecewisePolynomial):
        msg = f"until_s is missing: where should the dispersed {type(curve).__name__} end, in seconds?"
        raise InputError(msg)
    nodes = curve.nodes if isinstance(curve, PiecewisePolynomial) else np.zeros(1)
    if until_s is not None and not np.isfinite(until_s):
        raise argument_error(until_s, "until_s", "a finite time in seconds")
    end = float(nodes[-1]) if until_s is None else float(seconds_to_minutes(until_s))
    breaks = np.unique(np.concatenate([[0.0, end], nodes[(nodes > 0) & (nodes < end)]]))

    def dispersed(time_min: FloatArray) -> FloatArray:
        return rate * curve.convolved_values(rate, time_min.ravel()).reshape(time_min.shape)

    return polynomial_pieces(dispersed, breaks)


@checked_arguments
def correct_dispersion(curve: Curve, tau_s: float) -> Curve:
    """Return C = g + tau dg/dt, the input before the tube.

    Parameters
    ----------
    curve : Curve
        Measured curve, smooth: closed form (Feng, tri-exponential), or polynomials without kinks (a spline).
    tau_s : float
        Dispersion constant in seconds, positive.

    Returns
    -------
    Curve
        Of the same kind, exact.

    Raises
    ------
    InputError
        If the curve has kinks, as straight lines through samples have: its derivative would be steps and noise.

    References
    ----------
    Iida H, Kanno I, Miura S et al. (1986), J Cereb Blood Flow Metab 6:536-545.
    """
    tau = _minutes(tau_s)
    if isinstance(curve, ExponentialSum):
        return _corrected_terms(curve, tau)
    if isinstance(curve, JoinedExponentials):
        return JoinedExponentials([_corrected_terms(part, tau) for part in curve.parts])
    if not isinstance(curve, PiecewisePolynomial):
        msg = f"a {type(curve).__name__} has no smooth derivative; smooth it: fit_input(..., model='spline').curve"
        raise InputError(msg)
    _check_smooth(curve)
    powers = np.arange(1, curve.coefficients.shape[1])
    corrected = curve.coefficients.copy()
    corrected[:, :-1] += tau * curve.coefficients[:, 1:] * powers
    return PiecewisePolynomial(curve.nodes, corrected)


def _corrected_terms(curve: ExponentialSum, tau: float) -> ExponentialSum:
    """Return g + tau dg/dt term by term: d/dt t^p exp(-Lt) = (p t^(p-1) - L t^p) exp(-Lt)."""
    terms = []
    for term in curve.terms:
        terms.append(Term(term.amplitude * (1.0 - tau * term.rate), term.rate, term.power))
        if term.power:
            terms.append(Term(tau * term.power * term.amplitude, term.rate, term.power - 1))
    return ExponentialSum(terms, curve.onset)


@checked_arguments
def correct_series(series: BloodSeries, tau_s: float) -> BloodSeries:
    """Return samples before the tube: a spline is put through them, and corrected at their times.

    Parameters
    ----------
    series : BloodSeries
        Measured samples, for example whole blood of an autosampler.
    tau_s : float
        Dispersion constant in seconds (`DispersionConstant` of the recording).

    Returns
    -------
    BloodSeries
        At the same times with the same sources.
    """
    smooth = fit_input(series.time_s, series.values, model="spline", where=series.where).curve
    corrected = correct_dispersion(smooth, tau_s).values(seconds_to_minutes(series.time_s))
    return BloodSeries(series.time_s, corrected, series.sources, name=series.name, where=series.where)


def _minutes(tau_s: float) -> float:
    if not (np.isfinite(tau_s) and tau_s > 0):
        msg = f"dispersion constant is {tau_s} s; it must be positive, typically 2 to 20 s"
        raise InputError(msg)
    return float(seconds_to_minutes(tau_s))


def _check_smooth(curve: PiecewisePolynomial) -> None:
    length = np.diff(curve.nodes)
    powers = np.arange(1, curve.coefficients.shape[1])
    slopes = curve.coefficients[:, 1:] * powers
    ends = np.sum(slopes * length[:, None] ** (powers - 1), axis=1)
    jump = np.abs(slopes[1:, 0] - ends[:-1]) if powers.size else np.zeros(0)
    steepest = float(np.max(np.abs(slopes[:, :1]), initial=0.0))
    rough = np.flatnonzero(jump > _LARGEST_JUMP * steepest)
    if rough.size:
        place = float(curve.nodes[rough[0] + 1]) * 60.0
        msg = (
            f"the curve has a kink at {place:g} s; dispersion is corrected through the derivative, so smooth it first: "
            "fit_input(time_s, activity, model='spline').curve"
        )
        raise InputError(msg)
