"""How a slope depends on what is assumed of the scans' errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.response.covariates import Covariates
from neurochem.response.measurement_error.noisy_data import any_error_known
from neurochem.response.model_data import Labels, ModelData, is_binary
from neurochem.response.regression import Inference, fit_model
from neurochem.response.reliability import conditional_reliability
from neurochem.results import FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALES = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5)
RELIABILITIES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """A slope under several assumptions on the size of the error.

    Attributes
    ----------
    fit : FitResult
        The analysis that it belongs to.
    """

    fit: FitResult
    _table: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """One row an assumption: scale, reliability, slope, stderr, low95, high95, p, unit, identified, flags."""
        return self._table.copy()

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the slope with its 95 % interval against the assumed reliability; the analysis itself is marked."""
        return _draw(self, ax)

    def __repr__(self) -> str:
        """Return how far the slope moves, on one line."""
        found = self._table.loc[self._table["identified"], "slope"]
        span = f"{found.min():.4g} to {found.max():.4g}" if len(found) else "not identified"
        return f"<Sensitivity of {self.fit.name}: slope {span} over {len(self._table)} assumptions>"


@checked_arguments
def sensitivity(
    fit: FitResult, *, scales: Sequence[float] | None = None, reliabilities: Sequence[float] | None = None
) -> Sensitivity:
    """Return a slope over assumed sizes of the measurement error.

    Parameters
    ----------
    fit : FitResult
        A result of `associate` or `regress`, also one that was saved and loaded.
    scales : sequence of float, optional
        Factors on all standard errors of the scans; 0, 0.5, 0.75, 1, 1.25 and 1.5 by default. 0 is no error at all.
    reliabilities : sequence of float, optional
        Instead of scales: assumed reliabilities of the marker given the other terms, in (0, 1]; each value then has the
        same error variance, (1 - reliability) times the residual variance of the marker. 0.4 to 1 by default where the
        scans have no standard errors.

    Returns
    -------
    Sensitivity
        `.table` and `.plot(ax)`. If conclusions hang on the row, they hang on the size of the error.

    Raises
    ------
    InputError
        If the fit failed, both assumptions are given, or one is out of range.
    """
    if fit.failed:
        msg = f"{fit.name} could not be fitted, so its sensitivity cannot be either; see fit.flags"
        raise InputError(msg)
    if scales is not None and reliabilities is not None:
        msg = "scales and reliabilities are both given; choose one assumption to vary"
        raise InputError(msg)
    data = rows_of(fit)
    if scales is None and (reliabilities is not None or not any_error_known(data)):
        chosen = RELIABILITIES if reliabilities is None else reliabilities
        if not all(0.0 < value <= 1.0 for value in chosen):
            msg = f"reliabilities are {list(chosen)}; each must lie above 0 and up to 1"
            raise InputError(msg)
        cases = [(np.nan, _assumed(data, value)) for value in chosen]
    else:
        chosen = SCALES if scales is None else scales
        if not all(value >= 0.0 for value in chosen):
            msg = f"scales are {list(chosen)}; a factor on a standard error is zero or more"
            raise InputError(msg)
        cases = [(value, _scaled(data, value)) for value in chosen]
    return Sensitivity(fit, pd.DataFrame([_row(fit, scale, case) for scale, case in cases]))


def rows_of(fit: FitResult) -> ModelData:
    """Return the rows of a fit from its record.

    Raises
    ------
    InputError
        If the fit holds no rows, as one pooled over imputations does.
    """
    if "rows" not in fit.settings:
        msg = (
            f"fit '{fit.name}' holds no rows of its own (pooled or made elsewhere); give a fit of associate or regress"
        )
        raise InputError(msg)
    rows = fit.settings["rows"]
    names = fit.covariance_names[2:]
    n = len(rows["outcome"])
    matrix = np.array([[float(cell) for cell in row] for row in rows["covariates"]], dtype=float).reshape(n, len(names))
    covariance = rows.get("error_covariance")
    return ModelData(
        outcome=np.array([float(value) for value in rows["outcome"]]),
        marker=np.array([float(value) for value in rows["marker"]]),
        stderr=np.array([float(value) for value in rows["marker_se"]]),
        covariates=Covariates(matrix, names, tuple("[" in name for name in names), {}, ()),
        ids=tuple(rows["participant_id"]),
        error_covariates=tuple(int(index) for index in rows.get("error_covariates", ())),
        error_covariance=None if covariance is None else np.array(
            [[[float(cell) for cell in line] for line in block] for block in covariance]
        ),
    )  # fmt: skip


def _scaled(data: ModelData, scale: float) -> ModelData:
    if scale == 0.0:  # no error at all, also where it was endless
        covariance = None if data.error_covariance is None else np.zeros_like(data.error_covariance)
        return replace(data, stderr=np.zeros_like(data.stderr), error_covariance=covariance)
    covariance = None if data.error_covariance is None else scale**2 * data.error_covariance
    return replace(data, stderr=scale * data.stderr, error_covariance=covariance)


def _assumed(data: ModelData, reliability: float) -> ModelData:
    """Return the rows with one error variance for all values of the marker; noisy covariates keep theirs."""
    others = [i for i in range(len(data.covariates.names)) if i not in data.error_covariates]
    free = conditional_reliability(data.marker, np.zeros(data.marker.size), data.covariates.matrix[:, others])
    variance = (1.0 - reliability) * free.tau2
    stderr = np.full(data.marker.size, np.sqrt(variance))
    if data.error_covariance is None:
        return replace(data, stderr=stderr)
    covariance = data.error_covariance.copy()
    # the covariance with the baseline's error keeps its correlation
    old = np.sqrt(data.error_covariance[:, 0, 0])
    ratio = np.divide(stderr, old, out=np.zeros_like(old), where=old > 0.0)[:, None]
    covariance[:, 0, :] *= ratio
    covariance[:, :, 0] *= ratio
    covariance[:, 0, 0] = stderr**2
    return replace(data, stderr=stderr, error_covariance=covariance)


def _row(fit: FitResult, scale: float, data: ModelData) -> dict[str, object]:
    family = "binomial" if is_binary(fit) else "gaussian"
    asked = str(fit.settings.get("error", "ml"))
    error = "ml" if asked == "none" else asked
    unit = fit["slope"].unit
    found = fit_model(data, Labels(fit.name, "", "", "", ""), Inference(family, error, "classical"))
    slope = found["slope"]
    low, high = slope.interval(0.95)
    others = [i for i in range(len(data.covariates.names)) if i not in data.error_covariates]
    stderr = data.stderr if np.isfinite(data.stderr).any() else np.zeros_like(data.stderr)
    share = conditional_reliability(data.marker, stderr, data.covariates.matrix[:, others], weighted=True).value
    return {
        "scale": scale, "reliability": share, "slope": slope.value, "stderr": slope.stderr, "low95": low, "high95": high,
        "p": found.diagnostics["p_value"], "unit": unit,
        "identified": bool(np.isfinite([slope.value, low, high]).all()),
        "flags": ";".join(flag.name for flag in found.flagged("slope")),
    }  # fmt: skip


def _draw(result: Sensitivity, ax: "Axes | None") -> "Axes":
    from neurochem.figures import BLUE, GREY, VERMILLION, label, new_axes

    ax = new_axes(6.5, 4.4) if ax is None else ax
    table = result.table.sort_values("reliability", kind="stable")
    known = table.loc[table["identified"]]
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    ax.fill_between(known["reliability"], known["low95"], known["high95"], color=BLUE, alpha=0.18, linewidth=0,
                    label="95 % interval")  # fmt: skip
    ax.plot(known["reliability"], known["slope"], "o-", color=BLUE, markersize=4, label="slope")
    ends = known[["low95", "high95"]].to_numpy()
    if ends.size:
        # the widest interval must not flatten all others
        middle = np.sort(ends[:, 1] - ends[:, 0])[len(ends) // 2]
        centre = known["slope"].median()
        ax.set_ylim(max(ends.min(), centre - 2.2 * middle), min(ends.max(), centre + 2.2 * middle))
    used = table.loc[table["scale"] == 1.0]
    if len(used):
        ax.axvline(float(used["reliability"].iloc[0]), color=VERMILLION, linewidth=1.0, linestyle="--",
                   label="errors as given")  # fmt: skip
    for row in table.loc[~table["identified"]].to_dict("records"):
        ax.axvspan(row["reliability"] - 0.008, row["reliability"] + 0.008, color=GREY, alpha=0.35, linewidth=0)
    if not table["identified"].all():
        ax.plot([], [], color=GREY, alpha=0.35, linewidth=6, label="not identified")
    for row in known.dropna(subset="scale").to_dict("records"):
        ax.annotate(f"{row['scale']:g} x", (row["reliability"], row["slope"]), xytext=(-7, 6),
                    textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
    ax.set_xlabel("assumed reliability of the marker given the other terms")
    ax.set_ylabel(label("slope", str(table["unit"].iloc[0])))
    ax.set_title(result.fit.name, fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return ax
