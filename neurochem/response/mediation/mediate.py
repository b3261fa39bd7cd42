"""How much of the difference between arms runs through the change of a marker, and how little that proves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.analysis_table import Question, analysis_table, record_of
from neurochem.response.association import with_scan_errors
from neurochem.response.cohort import Cohort
from neurochem.response.covariates import Covariates, encode_covariates
from neurochem.response.design_columns import as_vector
from neurochem.response.linear import t_test_p
from neurochem.response.mediation.product import product_interval
from neurochem.response.model_data import Labels, ModelData
from neurochem.response.moderation.moderate import _two_arms
from neurochem.response.outcomes import OUTCOME_TYPES
from neurochem.response.regression import Inference, fit_model, with_noisy_covariates
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

_LEAST = 12
_CLEAR = 2.0


_FEWEST_DRAWS = 20


@dataclass(frozen=True, slots=True)
class _Paths:
    """Paths of one data set with their classical standard errors, and residuals for the sensitivity value."""

    a: float
    a_se: float
    b: float
    b_se: float
    direct: float
    direct_se: float
    total: float
    total_se: float
    sensitivity: float
    dof: float


@checked_arguments(names=("covariates",))
def mediation(  # noqa: PLR0913 - each keyword is one choice of the analysis
    outcome: ArrayLike,
    mediator: ArrayLike,
    arm: ArrayLike,
    *,
    rng: np.random.Generator,
    covariates: Mapping[str, ArrayLike] | None = None,
    stderr: ArrayLike | None = None,
    covariate_stderr: Mapping[str, ArrayLike] | None = None,
    error_covariance: ArrayLike | None = None,
    bootstraps: int = 5000,
) -> FitResult:
    """Return the paths from arm through a mediator to the outcome; see `mediate`.

    Parameters
    ----------
    outcome, mediator : array_like, shape (n,)
        Outcome, and what changed between assignment and outcome.
    arm : array_like, shape (n,)
        0 or 1.
    rng : Generator
        Bootstrap.
    covariates : mapping, optional
        What was known before assignment.
    stderr, covariate_stderr, error_covariance
        Standard errors of the mediator and of noisy covariates (its own baseline), or their covariance, as for `regress`.
    bootstraps : int
        People drawn with replacement.

    Examples
    --------
    >>> m = [-.02, .05, -.01, .03, -.04, .02, .08, .12, .05, .15, .07, .10]
    >>> y = [-5, -9, -6, -8, -4, -7, -10, -13, -8, -15, -9, -12]
    >>> fit = mediation(y, m, [0] * 6 + [1] * 6, rng=np.random.default_rng(1), bootstraps=200)
    >>> print(f"{fit['indirect'].value:.4f} {fit['direct'].value:.4f} {fit['total'].value:.4f}")
    -5.7805 1.1138 -4.6667
    """
    _check_draws(bootstraps)
    y = as_vector(outcome, "outcome")
    m, t = as_vector(mediator, "mediator", y.size), as_vector(arm, "arm", y.size)
    if set(np.unique(t)) != {0.0, 1.0}:
        msg = f"arm holds {sorted(set(t))[:5]}; give 0 (reference) and 1, both of them"
        raise InputError(msg)
    known = encode_covariates(pd.DataFrame(dict(covariates or {}), index=range(y.size)), {})
    _check_size(y.size, known.matrix.shape[1])
    data = _Case(y, m, t, known.matrix, ("0", "1"), "", "mediator", "mediation")
    noise = np.full(y.size, np.nan) if stderr is None else as_vector(stderr, "stderr", y.size)
    both = Covariates(np.column_stack([t, known.matrix]), ("arm", *known.names), (True, *known.categorical), {}, ())
    model = ModelData(y, m, noise, both, tuple(str(i) for i in range(y.size)))
    model = with_noisy_covariates(model, covariate_stderr or {}, error_covariance)
    return _result(data, rng, bootstraps, _corrected(data, model), {})


@checked_arguments
def mediate(  # noqa: PLR0913 - each keyword is one choice of the analysis and belongs in its record
    cohort: Cohort,
    *,
    outcome: str,
    marker: str,
    rng: np.random.Generator,
    region: str | None = None,
    model: str | None = None,
    arms: tuple[str, str] | None = None,
    outcome_type: str = "change",
    covariates: Sequence[str] = (),
    test_retest_sd: float = 0.0,
    endpoint_visit: str | None = None,
    marker_visit: str | None = None,
    bootstraps: int = 5000,
) -> FitResult:
    """Estimate how much of the difference between two arms runs through the change of a marker.

    Parameters
    ----------
    cohort : Cohort
        The study, with two arms and two scans.
    outcome, marker, region, model, outcome_type, covariates, test_retest_sd, endpoint_visit, marker_visit
        As for `associate` with at="change"; the outcome must be a score.
    rng : Generator
        Bootstrap.
    arms : (reference, other), optional
        Two arms; needed where there are more than two.
    bootstraps : int
        People drawn with replacement.

    Returns
    -------
    FitResult
        "a" (arm on change of the marker), "b" (change of the marker on outcome, given the arm), "indirect" = a b with a
        percentile bootstrap interval, "direct", "total", all as measured; where the scans' errors are known also
        "b_corrected" (maximum likelihood) and "indirect_corrected" with the interval of the product of both paths' confidence
        distributions, that of b the profile likelihood's.
        `diagnostics`: sobel_stderr, sobel_p, sensitivity (correlation of the residuals of marker and outcome at which the
        indirect path would be nothing), n; share_mediated only where total and indirect agree in sign and the total
        is clear.

    Raises
    ------
    InputError
        If there are not two arms, the outcome is yes or no, or there are too few people.

    Notes
    -----
    M = a t + Z, y = b M + c' t + Z, c = a b + c' exactly; Z holds baseline score, baseline marker and covariates. The
    mediator is never randomised: what moves both marker and outcome looks like mediation, in a randomised study too.
    Noise of the mediator shrinks b and moves its share to the direct path.

    Simulated trials of reliability 0.6 and 40 people: the corrected interval holds the true indirect path in 95 %, the one
    as measured in 86 % (it is shrunk by a third, and holds its own mean in 92 %). Where one of the paths is nothing the
    corrected interval shows a path in 1 to 3 %: it is cautious there, as every interval of a product is.

    References
    ----------
    MacKinnon, Lockwood, Williams (2004), Multivariate Behav Res 39:99. Imai, Keele, Tingley (2010), Psychol Methods 15:309.
    """
    _check_draws(bootstraps)
    if OUTCOME_TYPES[outcome_type].binary if outcome_type in OUTCOME_TYPES else False:
        msg = f"outcome_type is '{outcome_type}'; paths multiply for scores only, use change or endpoint"
        raise InputError(msg)
    chosen = _two_arms(cohort, arms)
    question = Question(
        outcome=outcome, marker=marker, region=region, model=model, at="change", outcome_type=outcome_type,
        covariates=tuple(name for name in covariates if name != "arm"), endpoint_visit=endpoint_visit,
        marker_visit=marker_visit,
    )  # fmt: skip
    table = analysis_table(cohort, question)
    rows = table.rows.loc[table.rows["arm"].isin(chosen)].reset_index(drop=True)
    known = encode_covariates(rows[[name for name in table.terms if name != "arm"]], cohort.levels)
    arm = np.asarray(rows["arm"] == chosen[1], dtype=float)
    _check_size(len(rows), known.matrix.shape[1])
    if len(np.unique(arm)) < 2:
        msg = f"complete rows are of one arm only ({len(rows)} people); both arms need a second scan"
        raise InputError(msg)
    data = _Case(
        rows["outcome"].to_numpy(dtype=float), rows["marker"].to_numpy(dtype=float), arm, known.matrix, chosen,
        OUTCOME_TYPES[outcome_type].unit, table.unit or marker, f"{table.scale.label} through change of {table.label}",
    )  # fmt: skip
    settings = {
        **record_of(question, table), "arms": list(chosen), "randomized": cohort.randomized, "test_retest_sd": test_retest_sd,
    }  # fmt: skip
    return _result(data, rng, bootstraps, _corrected(data, _scan_rows(data, rows, known, test_retest_sd)), settings)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """Rows of a mediation."""

    outcome: FloatArray
    mediator: FloatArray
    arm: FloatArray
    terms: FloatArray
    arms: tuple[str, str]
    outcome_unit: str
    mediator_unit: str
    name: str


def _check_draws(bootstraps: int) -> None:
    if bootstraps < _FEWEST_DRAWS:
        msg = f"bootstraps is {bootstraps}; an interval needs at least {_FEWEST_DRAWS}, 5000 are customary"
        raise InputError(msg)


def _check_size(people: int, terms: int) -> None:
    if people < max(_LEAST, terms + 6):
        msg = f"{people} complete rows for {terms + 3} coefficients; mediation needs at least {max(_LEAST, terms + 6)}"
        raise InputError(msg)


def _corrected(data: _Case, model: ModelData) -> Estimate | None:
    """Return path b with the errors of the scans carried, by the likelihood of `associate`."""
    if not np.isfinite(model.stderr).any():
        return None
    labels = Labels("path b", "outcome", data.outcome_unit, "change", data.mediator_unit)
    fit = fit_model(model, labels, Inference())
    return None if fit.failed or fit.model != "structural" else fit["slope"]


def _scan_rows(data: _Case, rows: pd.DataFrame, known: Covariates, day_sd: float) -> ModelData:
    """Return the rows of path b with the errors of both scans."""
    names = ("arm", *known.names)
    covariates = Covariates(np.column_stack([data.arm, known.matrix]), names, (True, *known.categorical), {}, ())
    model = ModelData(
        data.outcome, data.mediator, rows["marker_se"].to_numpy(dtype=float), covariates,
        tuple(rows["participant_id"]),
        error_covariates=tuple(i for i, name in enumerate(names) if name == "baseline_marker"),
    )  # fmt: skip
    return with_scan_errors(model, rows, "change", day_sd)


def _solve(design: FloatArray, target: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return weighted least squares of each row of weights, shape (count, p), and the inverse of its normal matrix."""
    weighted = design[None] * weights[..., None]
    inverse: FloatArray = np.asarray(np.linalg.pinv(weighted.swapaxes(1, 2) @ design), dtype=float)
    return (inverse @ (weighted.swapaxes(1, 2) @ target)[..., None])[..., 0], inverse


def _products(data: _Case, weights: FloatArray) -> FloatArray:
    """Return a b of every draw of people."""
    base = np.column_stack([data.arm, np.ones(data.arm.size), data.terms])
    a = _solve(base, data.mediator, weights)[0][:, 0]
    b = _solve(np.column_stack([data.mediator, base]), data.outcome, weights)[0][:, 0]
    return a * b


def _paths(data: _Case) -> _Paths:
    n = data.arm.size
    base = np.column_stack([data.arm, np.ones(n), data.terms])
    full = np.column_stack([data.mediator, base])
    fits = {}
    for key, design, target in (("m", base, data.mediator), ("y", full, data.outcome), ("c", base, data.outcome)):
        found, inverse = _solve(design, target, np.ones((1, n)))
        residual = target - design @ found[0]
        errors = np.sqrt(np.diag(inverse[0]) * float(residual @ residual) / (n - design.shape[1]))
        fits[key] = (found[0], errors, residual)
    joint = float(np.corrcoef(fits["m"][2], fits["c"][2])[0, 1])
    return _Paths(
        a=float(fits["m"][0][0]), a_se=float(fits["m"][1][0]), b=float(fits["y"][0][0]), b_se=float(fits["y"][1][0]),
        direct=float(fits["y"][0][1]), direct_se=float(fits["y"][1][1]), total=float(fits["c"][0][0]),
        total_se=float(fits["c"][1][0]), sensitivity=joint, dof=float(n - full.shape[1]),
    )  # fmt: skip


def _result(
    data: _Case, rng: np.random.Generator, bootstraps: int, corrected: Estimate | None, settings: Mapping[str, Any]
) -> FitResult:
    paths = _paths(data)
    indirect = paths.a * paths.b
    sobel = math.hypot(paths.a * paths.b_se, paths.b * paths.a_se)
    weights = _resampled(data.arm, bootstraps, rng)
    draws = np.concatenate([_products(data, part) for part in np.array_split(weights, max(1, bootstraps // 500))])
    low, high = (float(x) for x in np.percentile(draws, [2.5, 97.5]))
    per = f"{data.outcome_unit} per {data.mediator_unit}".strip()
    estimates = {
        "a": Estimate("a", paths.a, paths.a_se, data.mediator_unit, dof=paths.dof + 1.0),
        "b": Estimate("b", paths.b, paths.b_se, per, dof=paths.dof),
        "indirect": Estimate("indirect", indirect, float(draws.std(ddof=1)), data.outcome_unit, stderr_kind="bootstrap",
                             limits=((0.95, low, high),)),
        "direct": Estimate("direct", paths.direct, paths.direct_se, data.outcome_unit, dof=paths.dof),
        "total": Estimate("total", paths.total, paths.total_se, data.outcome_unit, dof=paths.dof + 1.0),
    }  # fmt: skip
    flags = _warnings(paths, indirect)
    if corrected is not None:
        estimates |= _corrected_paths(paths, corrected, data)
    diagnostics = {
        "n": float(data.arm.size), "sobel_stderr": sobel, "sobel_z": indirect / sobel,
        "sobel_p": t_test_p(indirect, sobel, math.inf), "sensitivity": paths.sensitivity, "dof": paths.dof,
    }  # fmt: skip
    if not flags:
        diagnostics["share_mediated"] = indirect / paths.total
    record = {**settings, "arms": list(data.arms), "bootstraps": bootstraps, "error": "ml" if corrected else "none"}
    return FitResult(
        model="mediation", name=data.name, estimates=estimates, diagnostics=diagnostics, settings=record,
        flags=(*flags, *_unidentified(corrected)),
    )  # fmt: skip


def _resampled(arm: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Return how often each person is drawn, arms kept at their size."""
    weights = np.zeros((count, arm.size))
    for side in (0.0, 1.0):
        members = np.flatnonzero(arm == side)
        weights[:, members] = rng.multinomial(members.size, np.full(members.size, 1.0 / members.size), size=count)
    return weights


def _corrected_paths(paths: _Paths, b: Estimate, data: _Case) -> dict[str, Estimate]:
    """Return b and a b with the scans' errors carried; the product's interval from both confidence distributions."""
    found = {"b_corrected": Estimate("b_corrected", b.value, b.stderr, b.unit, dof=b.dof, limits=b.limits)}
    ends, error = (-math.inf, math.inf), math.inf
    if math.isfinite(b.stderr) and all(math.isfinite(end) for end in b.interval()):
        ends = product_interval(Estimate("a", paths.a, paths.a_se, dof=paths.dof + 1.0), b)
        error = math.hypot(paths.a * b.stderr, b.value * paths.a_se)
    found["indirect_corrected"] = Estimate(
        "indirect_corrected",
        paths.a * b.value,
        error,
        data.outcome_unit,
        stderr_kind="profile",
        limits=((0.95, *ends),),
    )
    return found


def _warnings(paths: _Paths, indirect: float) -> tuple[Flag, ...]:
    """Return why no share of mediation may be given, if so."""
    if indirect * paths.total < 0.0 or paths.direct * paths.total < 0.0:
        message = "total and partial paths differ in sign: no share of mediation is given"
        return (Flag("inconsistent_mediation", message, "warning", "indirect"),)
    if abs(paths.total) < _CLEAR * paths.total_se:
        message = "the arms are not clearly different in outcome: no share of mediation is given"
        return (Flag("unclear_total", message, "info", "total"),)
    return ()


def _unidentified(b: Estimate | None) -> tuple[Flag, ...]:
    if b is None or all(math.isfinite(end) for end in b.interval()):
        return ()
    message = "the change spreads no more than the noise of the scans: the corrected path has no finite interval"
    return (Flag("unidentified_path", message, "warning", "indirect_corrected"),)


@checked_arguments
def describe_mediation(fit: FitResult) -> str:
    """Return what a fit of `mediate` says, and the assumption that it cannot test."""
    reference, other = fit.settings["arms"]
    name = "indirect_corrected" if _finite(fit, "indirect_corrected") else "indirect"
    low, high = fit[name].interval()
    shown = low > 0.0 or high < 0.0
    verb = "is consistent with a path" if shown else "does not show a path"
    text = (
        f"In {fit.diagnostics['n']:.0f} patients the difference between {other} and {reference} in outcome is "
        f"{_text(fit['total'])}; the part that goes with the change of {fit.settings.get('marker_label', 'the mediator')} is "
        f"{_text(fit[name])}"
    )
    if name == "indirect":
        text += ", as measured"
    else:
        text += f", corrected for the noise of the scans (as measured {_text(fit['indirect'])})"
    text += f". This {verb} through the marker"
    if shown:
        text += (
            ", but the marker's change was not randomised: anything that moves both marker and outcome would look the same. "
            f"A correlation of {fit.diagnostics['sensitivity']:.2f} between what else moves the two would be enough to make "
            "the indirect path nothing"
        )
    return " ".join([f"{text}.", *(f"{flag.message[:1].upper()}{flag.message[1:]}." for flag in fit.flags)])


def _finite(fit: FitResult, name: str) -> bool:
    return name in fit and all(math.isfinite(end) for end in fit[name].interval())


def _text(found: Estimate) -> str:
    low, high = found.interval()
    return f"{found.value:.3g} {found.unit} (95 % interval {low:.3g} to {high:.3g})".replace("  ", " ")
