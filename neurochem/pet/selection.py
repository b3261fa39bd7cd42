"""Which model the data ask for: information criteria and F tests on fits of the same curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.results import FitResult, ResultSet

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Pairs in which the first model is the second with a parameter fixed.
NESTED = (
    ("1TCM", "2TCM"), ("2TCMirr", "2TCM"), ("MRTM2", "MRTM1"), ("SRTM2", "SRTM"), ("SRTM", "FRTM"), ("1TCM", "2TCMirr"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model of one region.

    Attributes
    ----------
    region, model : str
        What was fitted.
    points, parameters : int
        Frames used, and fitted parameters without the variance.
    rss : float
        Weighted residual sum of squares, the largest weight being 1.
    aicc, bic : float
        Criteria; lower is better, only differences within a region mean anything. NaN where a fit failed.
    delta : float
        AICc above the best of the region.
    weight : float
        Akaike weight: share of the evidence among the models compared.
    """

    region: str
    model: str
    points: int
    parameters: int
    rss: float
    aicc: float
    bic: float
    delta: float
    weight: float


@dataclass(frozen=True, slots=True)
class NestedTest:
    """An F test of a model against one that contains it.

    Attributes
    ----------
    region, simple, full : str
        Region and the two models.
    f, dof, p : float, (float, float), float
        Ratio, its degrees of freedom, and the chance of a larger one if the simple model is right.
    """

    region: str
    simple: str
    full: str
    f: float
    dof: tuple[float, float]
    p: float


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Models compared on the same curves.

    Attributes
    ----------
    candidates : tuple of Candidate
        One a region and model.
    tests : tuple of NestedTest
        One a region and nested pair.
    """

    candidates: tuple[Candidate, ...]
    tests: tuple[NestedTest, ...]

    def best(self, region: str) -> str:
        """Return the model of lowest AICc in a region."""
        found = [item for item in self.candidates if item.region == region and not math.isnan(item.aicc)]
        if not found:
            raise unknown_name(region, dict.fromkeys(item.region for item in self.candidates), kind="region with a fit")
        return min(found, key=lambda item: item.aicc).model

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table of the criteria, one row a region and model."""
        import pandas as pd

        names = list(Candidate.__slots__)
        return pd.DataFrame([{name: getattr(item, name) for name in names} for item in self.candidates], columns=names)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the Akaike weight of every model in every region, and return the axes."""
        return draw_comparison(self, ax)


@checked_arguments
def compare_models(
    results: Sequence[ResultSet] | Mapping[str, ResultSet], *, nested: Sequence[tuple[str, str]] = NESTED
) -> ModelComparison:
    """Compare models that were fitted to the same curves with the same weights.

    Parameters
    ----------
    results : sequence of ResultSet, or mapping of label to ResultSet
        One a model; labels replace the names of the models.
    nested : sequence of (simple, full)
        Pairs for the F test; pairs that are not among the models are passed over.

    Returns
    -------
    ModelComparison
        For the regions that every model fitted.

    Raises
    ------
    InputError
        If there are fewer than two models, no common region, or the fits do not share data, frames and weights: a graph
        (Logan, Patlak) is not the curve and cannot be compared with it.

    Notes
    -----
    With n frames, p parameters and k = p + 1 (the variance is estimated too): AICc = n ln(RSS/n) + 2k + 2k(k+1)/(n-k-1),
    BIC = n ln(RSS/n) + k ln n, F = [(RSS1 - RSS2)/(p2 - p1)]/[RSS2/(n - p2)]. All take independent normal errors of the
    variance that the weights state; the residual of a multilinear form is not quite that. Parameters shared by all regions
    (k2', VND) are not counted in each. The F test is not valid for a parameter at its bound, and needs nested models.

    References
    ----------
    Hurvich CM, Tsai CL (1989), Biometrika 76:297; Schwarz G (1978), Ann Stat 6:461.
    """
    named = _named(results)
    regions = [region for region in next(iter(named.values())) if all(region in fits for fits in named.values())]
    if not regions:
        msg = f"the models {', '.join(named)} share no region; fit the same regions with each"
        raise InputError(msg)
    candidates: list[Candidate] = []
    tests: list[NestedTest] = []
    for region in regions:
        fits = {label: fits[region] for label, fits in named.items()}
        _check_same(fits, region)
        rows = _criteria(region, fits)
        candidates += rows
        tests += _tests(rows, nested)
    return ModelComparison(tuple(candidates), tuple(tests))


@checked_arguments
def f_test(simple: FitResult, full: FitResult) -> NestedTest:
    """Return the F test of a model against one that contains it, on the same data; see `compare_models`."""
    fits = {simple.model: simple, full.model: full}
    if len(fits) < 2:
        msg = f"both fits are of {simple.model}; give two nested models"
        raise InputError(msg)
    _check_same(fits, simple.name)
    rows = _criteria(simple.name, fits)
    found = _tests(rows, ((simple.model, full.model),))
    if not found:
        msg = f"{full.model} has no more parameters than {simple.model}, or one of the fits failed; give the larger model second"
        raise InputError(msg)
    return found[0]


def _named(results: Sequence[ResultSet] | Mapping[str, ResultSet]) -> dict[str, ResultSet]:
    """Return result sets by the name of their model."""
    if isinstance(results, Mapping):
        named = dict(results)
    else:
        named = {next(iter(fits.values())).model if fits else "": fits for fits in results}
    if len(named) < 2 or len(named) < len(results):
        msg = f"{len(results)} result sets of {len(named)} different models; give two or more, labelled in a mapping if need be"
        raise InputError(msg)
    return named


def _check_same(fits: Mapping[str, FitResult], region: str) -> None:
    """Raise unless all fits saw the same data, frames and weights."""
    (first_label, first), *others = fits.items()
    for label, other in others:
        same = (
            other.data.shape == first.data.shape
            and np.allclose(other.data, first.data, rtol=1e-9, atol=0.0)
            and np.array_equal(other.used, first.used)
            and np.allclose(_weights(other), _weights(first), rtol=1e-9, atol=0.0)
        )
        if not same:
            msg = (
                f"region '{region}': {first_label} and {label} were not fitted to the same data, frames and weights, so their "
                "residuals cannot be compared. A graph (Logan, Patlak) is not the curve; give weights= and the same t_star_s."
            )
            raise InputError(msg)


def _weights(fit: FitResult) -> np.ndarray:
    used = np.where(fit.used, fit.weights, 0.0)
    return used / np.max(used, initial=np.finfo(float).tiny)


def _criteria(region: str, fits: Mapping[str, FitResult]) -> list[Candidate]:
    """Return the criteria of every model of a region."""
    rows = []
    for label, fit in fits.items():
        points = int(np.count_nonzero(fit.used))
        dof = float(fit.diagnostics.get("dof", math.nan))
        usable = not fit.failed and math.isfinite(dof)
        parameters = round(points - dof) if usable else 0
        rss = float(np.sum((_weights(fit) * fit.residual**2)[fit.used])) if usable else math.nan
        k = parameters + 1
        sound = usable and points - k - 1 > 0 and rss > 0
        base = points * math.log(rss / points) if sound else math.nan
        aicc = base + 2 * k + 2 * k * (k + 1) / (points - k - 1) if sound else math.nan
        rows.append((label, points, parameters, rss, aicc, base + k * math.log(points) if sound else math.nan))
    lowest = min((row[4] for row in rows if not math.isnan(row[4])), default=math.nan)
    relative = [math.exp(-0.5 * (row[4] - lowest)) if not math.isnan(row[4]) else 0.0 for row in rows]
    total = sum(relative)
    return [
        Candidate(region, *row, delta=row[4] - lowest, weight=share / total if total else math.nan)
        for row, share in zip(rows, relative, strict=True)
    ]


def _tests(rows: Sequence[Candidate], nested: Sequence[tuple[str, str]]) -> list[NestedTest]:
    """Return the F tests of the pairs that are there."""
    from scipy import stats

    by_model = {row.model: row for row in rows if not math.isnan(row.rss)}
    tests = []
    for simple, full in nested:
        if simple not in by_model or full not in by_model:
            continue
        a, b = by_model[simple], by_model[full]
        dof = (float(b.parameters - a.parameters), float(b.points - b.parameters))
        if min(dof) <= 0 or b.rss <= 0:
            continue
        ratio = (a.rss - b.rss) / dof[0] / (b.rss / dof[1])
        tests.append(NestedTest(a.region, simple, full, ratio, dof, float(stats.f.sf(max(ratio, 0.0), *dof))))
    return tests


def draw_comparison(comparison: ModelComparison, ax: "Axes | None" = None) -> "Axes":
    """Draw Akaike weights as bars, one group a region, and return the axes."""
    from neurochem.figures import colour, new_axes

    ax = new_axes() if ax is None else ax
    regions = list(dict.fromkeys(item.region for item in comparison.candidates))
    models = list(dict.fromkeys(item.model for item in comparison.candidates))
    width = 0.8 / len(models)
    for index, model in enumerate(models):
        heights = [item.weight for item in comparison.candidates if item.model == model]
        offset = (index - 0.5 * (len(models) - 1)) * width
        ax.bar(np.arange(len(regions)) + offset, heights, 0.92 * width, color=colour(index), label=model)
    ax.set_xticks(range(len(regions)), regions)
    ax.set_ylim(0.0, 1.0)
    ax.set_ylabel("Akaike weight")
    ax.legend(frameon=False, fontsize=8)
    return ax
