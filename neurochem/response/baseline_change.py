"""Change and its own baseline: regression to the mean told apart from a change that depends on where one began."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.design_columns import as_vector
from neurochem.response.linear import t_test_p
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Selection:
    """What selecting people by a high baseline does with nobody treated.

    Attributes
    ----------
    mean : float
        Expected baseline of those selected.
    change : float
        Expected change of those selected at the next measurement, treatment or none; negative is a fall.
    share : float
        Share of people who pass the limit.
    """

    mean: float
    change: float
    share: float


@checked_arguments
def expected_without_treatment(mean: float, sd: float, retest_correlation: float, *, at_least: float) -> Selection:
    """Return how much people chosen for a high score fall by regression to the mean alone.

    Parameters
    ----------
    mean, sd : float
        Mean and SD of the score among all who were screened, points.
    retest_correlation : float
        Correlation of two measurements of untreated people over the same interval, 0 to 1.
    at_least : float
        Lowest score that is let in.

    Returns
    -------
    Selection

    Notes
    -----
    For normal scores with z = (c - mean) / sd and L = phi(z) / (1 - Phi(z)): E[y0 | y0 >= c] = mean + sd L and the fall
    is (1 - rho) sd L. Scores are whole numbers and their floor is sharp, so this is a guide, not a correction.

    Examples
    --------
    >>> found = expected_without_treatment(20.0, 4.0, 0.7, at_least=17.0)
    >>> print(f"{found.mean:.6f} {found.change:.6f}")
    21.557528 -0.467258
    """
    if not sd > 0.0 or not 0.0 <= retest_correlation <= 1.0:
        msg = f"sd is {sd:g} and retest_correlation {retest_correlation:g}; give an SD above 0 and a correlation of 0 to 1"
        raise InputError(msg)
    z = (at_least - mean) / sd
    share = float(special.ndtr(-z))
    # exp(log phi - log tail) stays finite far out in the tail
    excess = math.exp(-0.5 * z**2 - 0.5 * math.log(2.0 * math.pi) - float(special.log_ndtr(-z)))
    return Selection(mean + sd * excess, -(1.0 - retest_correlation) * sd * excess, share)


@checked_arguments
def change_on_baseline(
    first: ArrayLike,
    second: ArrayLike,
    first_se: ArrayLike | None = None,
    second_se: ArrayLike | None = None,
    *,
    unit: str = "",
) -> FitResult:
    """Return how change depends on baseline, as measured and after the shared error of the baseline is taken out.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Values before and after.
    first_se, second_se : array_like, shape (n,), optional
        Their standard errors; without them nothing is corrected.
    unit : str
        Unit of the values.

    Returns
    -------
    FitResult
        "slope" (change per unit of the true baseline, corrected; the naive one where no errors are known),
        "naive_slope", "naive_r", "oldham_r" (change with the mean of both, which noise alone does not move),
        "corrected_r" (NaN with a flag where it leaves -1 to 1) and "noise_r": what r would be if everyone's true
        value stayed the same. `diagnostics`: n, r (of the two measurements), reliability of the baseline, mean_first_se2,
        and pitman_morgan_t with its p_value (of equal
        variances before and after).

    Raises
    ------
    InputError
        If there are fewer than four people or the values do not vary.

    Notes
    -----
    Errors u0 of the baseline enter the change as -u0: cov(w0, w1 - w0) = cov(x0, d) - mean s0^2. Hence
    slope = (cov + mean s0^2) / (var w0 - mean s0^2), the same as Blomqvist's (b + 1 - lambda) / lambda.
    Oldham: r = (v1 - v0) / sqrt((v1 + v0)^2 - 4 r^2 v0 v1). noise_r = -sqrt((1 - rho) / 2) with rho the correlation of
    the two measurements. The standard error of the corrected slope is the delta method's and rough in few people.

    References
    ----------
    Oldham (1962), J Chronic Dis 15:969. Blomqvist (1977), J Am Stat Assoc 72:746.
    """
    w0 = as_vector(first, "first")
    w1 = as_vector(second, "second", w0.size)
    if w0.size < 4 or np.ptp(w0) == 0.0 or np.ptp(w1) == 0.0:
        msg = f"there are {w0.size} people; give at least four whose values differ before and after"
        raise InputError(msg)
    for name, errors in (("first_se", first_se), ("second_se", second_se)):
        if errors is not None and (np.asarray(errors, dtype=float) < 0.0).any():
            msg = f"{name} holds {np.min(np.asarray(errors)):g}; a standard error is not negative"
            raise InputError(msg)
    noise = 0.0 if first_se is None else float(np.mean(as_vector(first_se, "first_se", w0.size) ** 2))
    late = 0.0 if second_se is None else float(np.mean(as_vector(second_se, "second_se", w0.size) ** 2))
    moments = np.cov(np.vstack([w0, w1]))
    v0, v1, shared = float(moments[0, 0]), float(moments[1, 1]), float(moments[0, 1])
    naive = shared / v0 - 1.0
    reliability = 1.0 - noise / v0
    estimates, flags = _slopes(w0, w1 - w0, naive, reliability, unit)
    r = shared / math.sqrt(v0 * v1)
    difference = v1 + v0 - 2.0 * shared
    oldham = (v1 - v0) / math.sqrt((v1 + v0) ** 2 - 4.0 * shared**2)
    t = (v1 / v0 - 1.0) * math.sqrt(w0.size - 2) / (2.0 * math.sqrt(v1 / v0 * (1.0 - r**2)))
    true_change = difference - noise - late
    corrected = (shared - v0 + noise) / math.sqrt(reliability * v0 * true_change) if min(
        reliability, true_change) > 0.0 else math.nan  # fmt: skip
    if noise > 0.0 and not abs(corrected) <= 1.0:
        shown = "" if math.isnan(corrected) else f" ({corrected:.3f})"
        message = f"the corrected correlation leaves -1 to 1{shown}: it cannot be estimated from {w0.size} people"
        flags = (*flags, Flag("r_not_estimable", message, "warning", "corrected_r"))
        corrected = math.nan
    for name, value in (
        ("naive_r", (shared - v0) / math.sqrt(v0 * difference)), ("oldham_r", oldham), ("corrected_r", corrected),
        ("noise_r", -math.sqrt((1.0 - r) / 2.0)),
    ):  # fmt: skip
        estimates[name] = Estimate(name, value)
    return FitResult(
        model="change on baseline", name="change on baseline", estimates=estimates, flags=flags,
        data=w1 - w0, fitted=float(np.mean(w1 - w0)) + naive * (w0 - w0.mean()),
        diagnostics={
            "n": float(w0.size), "reliability": reliability, "mean_first": float(w0.mean()),
            "pitman_morgan_t": t, "p_value": t_test_p(t, 1.0, float(w0.size - 2)),
            "r": r, "mean_first_se2": noise, "covariance": shared - v0,
            "corrected_covariance": shared - v0 + noise, "corrected_variance": v0 - noise,
        },
    )  # fmt: skip


def _slopes(
    first: FloatArray, change: FloatArray, naive: float, reliability: float, unit: str
) -> tuple[dict[str, Estimate], tuple[Flag, ...]]:
    dof = float(first.size - 2)
    spread = first - first.mean()
    residual = change - change.mean() - naive * spread
    error = math.sqrt(float(residual @ residual) / dof / float(spread @ spread))
    per = f"{unit} per {unit}" if unit else ""
    found = {"naive_slope": Estimate("naive_slope", naive, error, per, dof=dof)}
    if reliability <= 0.0:
        message = (
            "the baseline varies no more than its noise: the slope of true change on true baseline is not identified"
        )
        found["slope"] = Estimate("slope", math.nan, math.inf, per)
        return found, (Flag("unidentified_slope", message, "warning", "slope"),)
    found["slope"] = Estimate("slope", (naive + 1.0 - reliability) / reliability, error / reliability, per, dof=dof)
    return found, ()


@checked_arguments
def compare_arms(baseline: ArrayLike, endpoint: ArrayLike, arm: ArrayLike, *, unit: str = "points") -> FitResult:
    """Return the difference of two arms by change and by ANCOVA, which answer different questions (Lord's paradox).

    Parameters
    ----------
    baseline, endpoint : array_like, shape (n,)
        Scores before and after.
    arm : array_like, shape (n,)
        1 for the arm of interest, 0 for the reference.
    unit : str
        Unit of the scores.

    Returns
    -------
    FitResult
        "change_difference" (right if both arms would have moved in parallel), "ancova_difference" (right if nothing
        but the baseline score decided who came into which arm: always so under randomisation) and "baseline_gap".
        HC3 standard errors. Where the two disagree and arms were not randomised, neither is right by itself; an
        error-prone baseline biases ANCOVA by b (1 - lambda) times the gap.

    References
    ----------
    Lord (1967), Psychol Bull 68:304.
    """
    from neurochem.response.regression import regress

    y0 = as_vector(baseline, "baseline")
    y1, group = as_vector(endpoint, "endpoint", y0.size), as_vector(arm, "arm", y0.size)
    if set(np.unique(group)) != {0.0, 1.0}:
        msg = f"arm holds {sorted(set(group))}; give 0 (reference) and 1, both of them"
        raise InputError(msg)
    fits = {
        "change_difference": regress(y1 - y0, group, error="none"),
        "ancova_difference": regress(y1, group, covariates={"baseline": y0}, error="none"),
        "baseline_gap": regress(y0, group, error="none"),
    }
    found = {
        name: Estimate(name, fit["slope"].value, fit["slope"].stderr, unit, dof=fit["slope"].dof)
        for name, fit in fits.items()
    }
    return FitResult(model="two arms", name="two arms", estimates=found, diagnostics={"n": float(y0.size)})


@checked_arguments
def baseline_adjusted_change(
    first: ArrayLike, second: ArrayLike, first_se: ArrayLike | None = None, second_se: ArrayLike | None = None
) -> FloatArray:
    """Return each person's change beyond what their baseline lets expect, shape (n,), in the unit of the values.

    Parameters
    ----------
    first, second, first_se, second_se : array_like, shape (n,)
        Values before and after, and their standard errors.

    Returns
    -------
    array, shape (n,)
        Second value less its expectation given the first, over these people: uncorrelated with the first value as
        measured. For display; in a model put the baseline among the covariates instead.
    """
    fit = change_on_baseline(first, second, first_se, second_se)
    w0, w1 = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    return (w1 - w0) - (float(np.mean(w1 - w0)) + fit["naive_slope"].value * (w0 - w0.mean()))


def plot_regression_to_mean(
    first: ArrayLike,
    second: ArrayLike,
    first_se: ArrayLike | None = None,
    second_se: ArrayLike | None = None,
    *,
    name: str = "score",
    unit: str = "points",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw change against baseline beside the line that noise alone would give.

    Parameters
    ----------
    first, second, first_se, second_se : array_like, shape (n,)
        As for `change_on_baseline`.
    name, unit : str
        What was measured.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Everyone's change; the fitted line; where the errors are known, the line that a constant true value with this
        noise would give, and the corrected line.
    """
    from neurochem.figures import BLACK, BLUE, GREY, VERMILLION, label, new_axes

    fit = change_on_baseline(first, second, first_se, second_se, unit=unit)
    w0, w1 = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    ax = new_axes(6.8, 4.8) if ax is None else ax
    centre, grid = float(w0.mean()), np.linspace(w0.min(), w0.max(), 50)
    height = float(np.mean(w1 - w0))
    ax.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.plot(w0, w1 - w0, "o", color=BLACK, markersize=4, label="people")
    naive, true = fit["naive_slope"].value, fit["slope"].value
    ax.plot(grid, height + naive * (grid - centre), color=BLUE, linewidth=1.8, label=f"as measured, slope {naive:.2f}")
    if first_se is not None:
        noise = -(1.0 - fit.diagnostics["reliability"])
        ax.plot(grid, height + noise * (grid - centre), "--", color=GREY, linewidth=1.6,
                label=f"noise of the baseline alone, slope {noise:.2f}")  # fmt: skip
        if np.isfinite(true):
            ax.plot(grid, height + true * (grid - centre), color=VERMILLION, linewidth=1.8,
                    label=f"noise taken out, slope {true:.2f}")  # fmt: skip
    ax.set_xlabel(label(f"{name} at baseline", unit))
    ax.set_ylabel(label(f"change of {name}", unit))
    ax.set_title("Change and its baseline: the dashed line is regression to the mean alone", fontsize=10, loc="left")
    ax.legend(frameon=False, fontsize=8)
    return ax
