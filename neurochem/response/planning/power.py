"""How many patients a question needs, given how noisy its marker is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.response.planning.assumptions import TrialAssumption
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTIONS = ("association", "moderation", "arm")
_BLOCK = 4_000_000
_GRID = (0.08, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
_SMALLEST = 16
# Five coefficients and a few people to tell their error from.
_FEWEST_ANALYSED = 8
_MOST_PATIENTS = 1e5


@checked_arguments
def patients_for_correlation(
    r: float, *, power: float = 0.8, alpha: float = 0.05, reliability: float = 1.0, covariates: int = 0
) -> int:
    """Return the number of people that shows a (partial) correlation, by Fisher's z.

    Parameters
    ----------
    r : float
        True correlation of outcome and true marker.
    power, alpha : float
        Chance to see it, and two-sided level.
    reliability : float
        Of the marker; the measured correlation is sqrt(reliability) times r.
    covariates : int
        What is adjusted for.

    Notes
    -----
    n = ((z_a + z_b) / atanh r)^2 + 3 + covariates.

    Examples
    --------
    >>> patients_for_correlation(0.30), patients_for_correlation(0.30, reliability=0.6)
    (85, 144)
    """
    if not 0.0 < abs(r) < 1.0 or not 0.0 < reliability <= 1.0 or not 0.0 < alpha < 1.0 or not alpha < power < 1.0:
        msg = f"r is {r:g}, reliability {reliability:g}, alpha {alpha:g}, power {power:g}; give 0 < |r| < 1, "
        msg += "0 < reliability <= 1 and alpha < power < 1"
        raise InputError(msg)
    quantiles = float(special.ndtri(1.0 - alpha / 2.0) + special.ndtri(power))
    return math.ceil((quantiles / math.atanh(abs(r) * math.sqrt(reliability))) ** 2 + 3.0 + covariates)


@dataclass(frozen=True, slots=True, eq=False)
class StudyPlan:
    """What studies of several sizes would find.

    Attributes
    ----------
    question : str
        "association", "moderation" or "arm".
    effect, reliability, residual_sd, dropout, alpha : float
        What was assumed; effect in points per SD of the true marker (of the arm: points).
    table : DataFrame
        One row a size: patients (enrolled), analysed (mean), power with its 95 % simulation interval (power_low,
        power_high), naive (median slope as measured), corrected (median, by moments), half_width (half of the range
        that holds 95 % of the corrected estimates), wrong_sign (share of significant results with the wrong sign),
        exaggeration (mean size of significant results over the truth).
    simulations : int
        Cohorts of each size.
    """

    question: str
    effect: float
    reliability: float
    residual_sd: float
    dropout: float
    alpha: float
    table: pd.DataFrame
    simulations: int

    def needed(self, power: float = 0.8) -> float:
        """Return the number of patients to enrol for that power, NaN if no size of the table comes near.

        The probit of power is straight in the square root of n; the line runs through the sizes of the table with
        power between 2 and 99.5 %.
        """
        inside = self.table.loc[self.table["power"].between(0.02, 0.995)]
        if len(inside) < 2:
            return math.nan
        root = np.sqrt(inside["patients"].to_numpy(dtype=float))
        line = np.polyfit(root, special.ndtri(inside["power"].to_numpy(dtype=float)), 1)
        if line[0] <= 0.0:
            return math.nan
        count = ((float(special.ndtri(power)) - line[1]) / line[0]) ** 2
        far = self.table["patients"].max() * 3.0
        return float(math.ceil(count)) if count <= far else math.nan

    def summary(self) -> str:
        """Return the plan in words."""
        count = self.needed()
        unit = "points" if self.question == "arm" else "points per SD of the true marker"
        many = (
            f"about {count:.0f} patients must be enrolled"
            if math.isfinite(count)
            else "more patients than tried are needed"
        )
        text = f"To see a true {self.question} of {self.effect:g} {unit} with a chance of 80 %, {many}"
        text += f" ({100 * self.dropout:.0f} % lost, residual SD {self.residual_sd:.1f} points"
        if self.question != "arm":
            text += f", reliability {self.reliability:.2f}"
        text += ")."
        row = self.table.iloc[0]
        if row["power"] < 0.5 and math.isfinite(row["exaggeration"]):
            text += (
                f" With {row['patients']:.0f} the chance is {100 * row['power']:.0f} %, and what passes p < {self.alpha:g} is on "
                f"average {row['exaggeration']:.1f} times the truth."
            )
        return text + " Correction for the scans' noise removes bias; no plan should count on it for power."

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw power, and the precision of the corrected estimate, against the number of patients."""
        from neurochem.figures import BLUE, GREY, VERMILLION, new_axes

        ax = new_axes(6.8, 4.4) if ax is None else ax
        size = self.table["patients"].to_numpy(dtype=float)
        low, power, high = (self.table[name].to_numpy() for name in ("power_low", "power", "power_high"))
        ax.fill_between(size, low, high, color=BLUE, alpha=0.2, linewidth=0)
        ax.plot(size, power, "o-", color=BLUE, markersize=4, label="power (band: simulation error)")
        ax.axhline(0.8, color=GREY, linewidth=0.9, linestyle=":")
        ax.set_xlabel("patients enrolled")
        ax.set_ylabel("power at p < 0.05" if self.alpha == 0.05 else f"power at p < {self.alpha:g}")
        ax.set_ylim(0.0, 1.0)
        beside = ax.twinx()
        beside.plot(
            size, self.table["half_width"], "s--", color=VERMILLION, markersize=4, label="half width, corrected"
        )
        beside.set_ylabel(
            "half width of the 95 % interval (points per SD)" if self.question != "arm" else "half width (points)"
        )
        beside.set_ylim(0.0)
        lines = [*ax.get_lines()[:1], *beside.get_lines()]
        ax.legend(lines, [str(line.get_label()) for line in lines], frameon=False, fontsize=8, loc="lower right")
        title = f"{self.question}: {self.effect:g} points per SD, reliability {self.reliability:.2f}"
        ax.set_title(title if self.question != "arm" else f"arm: {self.effect:g} points", fontsize=10, loc="left")
        return ax


@checked_arguments
def plan_study(  # noqa: PLR0913 - each keyword is one assumption of the plan
    question: str = "moderation",
    *,
    effect: float,
    rng: np.random.Generator,
    reliability: float = 1.0,
    sizes: Sequence[int] | None = None,
    residual_sd: float | None = None,
    dropout: float = 0.15,
    alpha: float = 0.05,
    simulations: int = 2000,
    prognostic: float = 0.0,
) -> StudyPlan:
    """Simulate studies of several sizes and say what they would find.

    Parameters
    ----------
    question : str
        "moderation" (difference between the slopes of two randomised arms), "association" (slope in everyone), or "arm".
    effect : float
        True effect: points per SD of the true marker; for the arm, points.
    rng : Generator
        Source of the simulated people.
    reliability : float
        Of the marker, 0 to 1: `MARKERS["BP_5HT1A"].reliability`, or ICC of a test-retest study over as many weeks.
    sizes : sequence of int, optional
        Patients enrolled; by default around what a formula says.
    residual_sd : float, optional
        SD of the last score given baseline score and arm, points; that of `TrialAssumption` by default.
    dropout : float
        Share without a last score or scan.
    alpha : float
        Two-sided level.
    simulations : int
        Cohorts of each size.
    prognostic : float
        With moderation: slope that both arms share, points per SD.

    Returns
    -------
    StudyPlan

    Raises
    ------
    InputError
        If an assumption is out of range.

    Notes
    -----
    y = b X + t (c + d X) + e, t = -1/2 and +1/2 at random, W = X + U with error variances mean x Gamma(2, 0.5). The test is
    t of least squares on W with one further covariate; correction by moments, slope over the estimated reliability. All
    cohorts of a size are solved at once. n is about (z_a + z_b)^2 s^2 / (d^2 reliability), times four for an interaction.

    The likelihood of `moderate` trusts precise scans more, and finds an interaction more often than this test where the
    scans' errors differ much (71 against 59 % of 1,000 trials of 100 people at reliability 0.6): the plan is cautious.
    """
    spread = TrialAssumption().residual_sd if residual_sd is None else residual_sd
    _check(question, effect, reliability, spread, dropout)
    share = 1.0 if question == "arm" else reliability
    for size in sizes or ():
        if round(size * (1.0 - dropout)) < _FEWEST_ANALYSED:
            least = math.ceil((_FEWEST_ANALYSED - 0.5) / (1.0 - dropout))
            left = round(size * (1.0 - dropout))
            msg = f"{size} patients leave {left} to analyse when {100 * dropout:.0f} % are lost; the model needs "
            msg += f"{_FEWEST_ANALYSED}: plan {least} or more"
            raise InputError(msg)
    if sizes is None:
        quantiles = float(special.ndtri(1.0 - alpha / 2.0) + special.ndtri(0.8))
        base = (1.0 if question == "association" else 4.0) * (quantiles * spread / effect) ** 2 / share
        if base > _MOST_PATIENTS:
            msg = f"an effect of {effect:g} points takes about {base:.1e} patients, which no study has; give a larger effect"
            raise InputError(msg)
        sizes = [max(_SMALLEST, 2 * round(0.5 * base * factor / (1.0 - dropout))) for factor in _GRID]
    rows = [
        _size(int(n), question, effect, share, spread, dropout, alpha, simulations, prognostic, rng)
        for n in dict.fromkeys(sizes)
    ]
    return StudyPlan(question, effect, share, spread, dropout, alpha, pd.DataFrame(rows), simulations)


def _check(question: str, effect: float, reliability: float, spread: float, dropout: float) -> None:
    if question not in QUESTIONS:
        raise unknown_name(question, QUESTIONS, kind="question")
    if not (0.0 < reliability <= 1.0 and spread > 0.0 and 0.0 <= dropout < 1.0 and math.isfinite(effect) and effect):
        msg = f"effect {effect:g}, reliability {reliability:g}, residual_sd {spread:g}, dropout {dropout:g}; give an effect "
        msg += "other than 0, 0 < reliability <= 1, a positive SD and 0 <= dropout < 1"
        raise InputError(msg)


def _size(  # noqa: PLR0913, PLR0917 - one row of the plan needs every assumption
    n: int, question: str, effect: float, reliability: float, spread: float, dropout: float, alpha: float,
    simulations: int, prognostic: float, rng: np.random.Generator,
) -> dict[str, float]:  # fmt: skip
    used = round(n * (1.0 - dropout))
    found = [
        _simulate(count, used, question, effect, reliability, spread, prognostic, rng)
        for count in _blocks(simulations, used)
    ]
    naive, error, corrected = (np.concatenate([part[i] for part in found]) for i in range(3))
    p = 2.0 * special.stdtr(used - (5.0 if question == "moderation" else 4.0), -np.abs(naive / error))
    hits = p < alpha
    low, high = _wilson(int(hits.sum()), simulations)
    ends = np.nanpercentile(corrected, [2.5, 97.5])
    seen = naive[hits] / reliability / effect
    return {
        "patients": n, "analysed": used, "power": float(hits.mean()), "power_low": low, "power_high": high,
        "naive": float(np.median(naive)), "corrected": float(np.nanmedian(corrected)),
        "half_width": 0.5 * float(ends[1] - ends[0]),
        "wrong_sign": float(np.mean(seen < 0.0)) if hits.any() else math.nan,
        "exaggeration": float(np.mean(np.abs(seen))) if hits.any() else math.nan,
    }  # fmt: skip


def _blocks(simulations: int, used: int) -> list[int]:
    """Return numbers of cohorts that fit into memory at once."""
    most = max(1, _BLOCK // (used * 5))
    return [most] * (simulations // most) + ([simulations % most] if simulations % most else [])


def _simulate(  # noqa: PLR0913, PLR0917 - as above
    count: int, n: int, question: str, effect: float, reliability: float, spread: float, prognostic: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Return naive slopes, their errors, and slopes corrected by moments; shape (count,)."""
    true, severity = rng.standard_normal((2, count, n))
    variance = (1.0 / reliability - 1.0) * np.maximum(rng.gamma(2.0, 0.5, (count, n)), 0.1)
    seen = true + np.sqrt(variance) * rng.standard_normal((count, n))
    side = np.argsort(rng.random((count, n)), axis=1) % 2 - 0.5
    outcome = spread * rng.standard_normal((count, n)) + prognostic * true
    if question == "arm":
        columns = [side, seen, severity]
        outcome += effect * side
    elif question == "moderation":
        columns = [side * seen, seen, side, severity]
        outcome += effect * side * true
    else:
        columns = [seen, side, severity]
        outcome += effect * true
    design = np.stack([*columns, np.ones((count, n))], axis=2)
    normal = np.linalg.inv(design.swapaxes(1, 2) @ design)
    values = (normal @ (design.swapaxes(1, 2) @ outcome[..., None]))[..., 0]
    residual = outcome - (design @ values[..., None])[..., 0]
    errors = np.sqrt(np.sum(residual**2, axis=1) / (n - design.shape[2]) * normal[:, 0, 0])
    # variance of the marker given the other terms, less that of the noise
    marker_variance = np.var(seen, axis=1, ddof=3)
    share = 1.0 - variance.mean(axis=1) / marker_variance
    scale = np.where(share > 0.0, share, np.nan) if question != "arm" else 1.0
    return values[:, 0], errors, values[:, 0] / scale


def _wilson(hits: int, total: int) -> tuple[float, float]:
    z = float(special.ndtri(0.975))
    share = hits / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / (1 + z**2 / total)
    return middle - half, middle + half
