"""Immutable results, the same for a tissue curve, a spectrum and a regression.

A standard error is absolute, in the unit of its value, and says what kind it is.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.errors import FileFormatError, MissingFileError, unknown_name
from neurochem.estimates import STDERR_KINDS, Axis, Estimate, axis_record, estimate_record, frozen_array
from neurochem.naming import write_text
from neurochem.quality import Flag
from neurochem.records import decode, encode, number_value, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["STDERR_KINDS", "Axis", "Estimate", "FitResult", "Flag", "ResultSet", "frozen_array"]

_FORMAT = "neurochem-fit-1"


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """One fit: estimates with errors, and all that is needed to draw and judge it again.

    Attributes
    ----------
    model, name : str
        Model, and the region, spectrum or outcome that was fitted.
    estimates : mapping of str to Estimate
        Fitted and derived parameters; `fit["BPND"]` looks here.
    success : bool
        False when the fit cannot be used; estimates are then NaN and a flag says why.
    flags : tuple of Flag
        What a reader must know.
    axis : Axis or None
        Positions of the data.
    data, fitted, weights : array, shape (n,)
        Data, model and weight (one over variance) at the axis positions.
    used : bool array, shape (n,)
        Which points the fit used.
    covariance : array, shape (p, p)
        Covariance of the estimates in `covariance_names`, in that order.
    diagnostics : mapping of str to float
        Goodness of fit and quality metrics.
    settings : mapping
        Every choice that determined the result, for the record.
    components : mapping of str to array
        Named curves on the same axis (reference curve, baseline, one metabolite).
    lmfit : object
        lmfit's own result when the fit went through it.
    """

    model: str
    name: str
    estimates: Mapping[str, Estimate]
    success: bool = True
    flags: tuple[Flag, ...] = ()
    axis: Axis | None = None
    data: np.ndarray = field(default_factory=lambda: frozen_array([]))
    fitted: np.ndarray = field(default_factory=lambda: frozen_array([]))
    weights: np.ndarray = field(default_factory=lambda: frozen_array([]))
    used: np.ndarray = field(default_factory=lambda: frozen_array(np.zeros(0, dtype=bool)))
    covariance: np.ndarray = field(default_factory=lambda: frozen_array(np.zeros((0, 0))))
    covariance_names: tuple[str, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    components: Mapping[str, np.ndarray] = field(default_factory=dict)
    lmfit: Any = None

    def __post_init__(self) -> None:
        for name in ("data", "fitted", "weights", "used", "covariance"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))
        for name in ("estimates", "diagnostics", "settings"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        curves = {key: frozen_array(curve) for key, curve in self.components.items()}
        object.__setattr__(self, "components", MappingProxyType(curves))
        object.__setattr__(self, "flags", tuple(self.flags))

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Rebuild from the record, since read-only views of mappings cannot be pickled."""
        return _rebuild, (self.to_dict(), self.lmfit)

    @property
    def residual(self) -> np.ndarray:
        """Data minus model, in the unit of the data."""
        return self.data - self.fitted

    def __getitem__(self, name: str) -> Estimate:
        """Return one estimate; the name is found without regard to case."""
        if name in self.estimates:
            return self.estimates[name]
        for key, estimate in self.estimates.items():
            if key.casefold() == str(name).casefold():
                return estimate
        raise unknown_name(name, self.estimates, kind=f"estimate of {self.model}")

    def __contains__(self, name: object) -> bool:
        """Say whether there is an estimate of exactly this name."""
        return name in self.estimates

    def __iter__(self) -> Iterator[Estimate]:
        """Iterate over the estimates."""
        return iter(self.estimates.values())

    def __len__(self) -> int:
        """Return the number of estimates."""
        return len(self.estimates)

    def __repr__(self) -> str:
        """Return model, name and the estimates on one line."""
        listed = ", ".join(repr(estimate) for estimate in self)
        state = "" if self.success else " FAILED"
        return f"<{self.model} {self.name}{state}: {listed}>"

    @property
    def failed(self) -> bool:
        """Whether the fit must not be used."""
        return not self.success or any(flag.severity == "failure" for flag in self.flags)

    def flagged(self, parameter: str = "") -> tuple[Flag, ...]:
        """Return the warnings and failures that concern one parameter or the whole fit."""
        return tuple(f for f in self.flags if f.severity != "info" and f.parameter in {"", parameter})

    def combine(self, name: str, coefficients: Mapping[str, float], unit: str | None = None) -> Estimate:
        """Return a weighted sum of estimates, its error through the covariance.

        Parameters
        ----------
        name : str
            Name of the sum, for example "Glx".
        coefficients : mapping of str to float
            Weight of each term; every term must be in `covariance_names`.
        unit : str, optional
            Unit of the sum; that of the first term by default.

        Returns
        -------
        Estimate
            Value w'x and standard error sqrt(w' C w).
        """
        missing = [key for key in coefficients if key not in self.covariance_names]
        if missing:
            raise unknown_name(missing[0], self.covariance_names, kind="term with a covariance")
        index = [self.covariance_names.index(key) for key in coefficients]
        weight = np.array(list(coefficients.values()), dtype=float)
        block = self.covariance[np.ix_(index, index)]
        first = self[next(iter(coefficients))]
        value = float(weight @ [self[key].value for key in coefficients])
        variance = float(weight @ block @ weight)
        stderr = math.sqrt(variance) if variance >= 0 else math.nan
        at_bound = all(self[key].at_bound for key in coefficients)
        return replace(
            first,
            name=name,
            value=value,
            stderr=stderr,
            unit=first.unit if unit is None else unit,
            at_bound=at_bound,
            limits=(),
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table, one row a parameter, columns in a fixed order."""
        import pandas as pd

        rows = []
        for estimate in self:
            low, high = estimate.interval(0.95)
            rows.append(
                {
                    "name": self.name, "model": self.model, "parameter": estimate.name, "value": estimate.value,
                    "stderr": estimate.stderr, "unit": estimate.unit, "low95": low, "high95": high,
                    "stderr_kind": estimate.stderr_kind, "fixed": estimate.fixed, "at_bound": estimate.at_bound,
                    "success": self.success, "flags": ";".join(f.name for f in self.flagged(estimate.name)),
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return the fit as text: estimates with intervals, then flags and diagnostics."""
        warned = any(flag.severity == "warning" for flag in self.flags)
        state = "FAILED" if self.failed else "flagged" if warned else "ok"
        lines = [f"{self.model}  {self.name}  {state}"]
        for estimate in self:
            low, high = estimate.interval(0.95)
            lines.append(f"  {estimate!r}   95 % [{low:.5g}, {high:.5g}] ({estimate.stderr_kind})")
        lines += [f"  {flag.severity}: {flag.message}" for flag in self.flags]
        lines += [f"  {key} = {value:.5g}" for key, value in self.diagnostics.items()]
        return "\n".join(lines)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw data, fit and residual into `ax`, or into a new figure, and return the axes."""
        from neurochem.figures import draw_fit

        return draw_fit(self, ax)

    def to_dict(self) -> dict[str, Any]:
        """Return a record of plain values, which `from_dict` reads."""
        return {
            "format": _FORMAT,
            "model": self.model,
            "name": self.name,
            "success": self.success,
            "estimates": [estimate_record(estimate) for estimate in self],
            "flags": [
                {"name": f.name, "message": f.message, "severity": f.severity, "parameter": f.parameter}
                for f in self.flags
            ],
            "axis": axis_record(self.axis),
            "data": encode(self.data),
            "fitted": encode(self.fitted),
            "weights": encode(self.weights),
            "used": self.used.tolist(),
            "covariance": encode(self.covariance),
            "covariance_names": list(self.covariance_names),
            "diagnostics": {key: number_value(value) for key, value in self.diagnostics.items()},
            "settings": plain(dict(self.settings)),
            "components": {key: encode(curve) for key, curve in self.components.items()},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "FitResult":
        """Return the fit that `to_dict` recorded."""
        estimates = [
            Estimate(**{**item, "value": float(item["value"]), "stderr": float(item["stderr"]),
                        "dof": float(item["dof"]), "limits": tuple(tuple(map(float, row)) for row in item["limits"])})
            for item in record["estimates"]
        ]  # fmt: skip
        axis = record["axis"]
        return cls(
            model=record["model"],
            name=record["name"],
            estimates={estimate.name: estimate for estimate in estimates},
            success=record["success"],
            flags=tuple(Flag(**flag) for flag in record["flags"]),
            axis=None if axis is None else Axis(**{**axis, "values": decode(axis["values"])}),
            data=decode(record["data"]),
            fitted=decode(record["fitted"]),
            weights=decode(record["weights"]),
            used=np.asarray(record["used"], dtype=bool),
            covariance=decode(record["covariance"]),
            covariance_names=tuple(record["covariance_names"]),
            diagnostics={key: float(value) for key, value in record["diagnostics"].items()},
            settings=record["settings"],
            components={key: decode(curve) for key, curve in record["components"].items()},
        )

    def save(self, path: str | Path) -> Path:
        """Write the fit as JSON (to a temporary name, then renamed) and return the path."""
        return write_text(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "FitResult":
        """Read a fit that `save` wrote."""
        file = Path(path)
        if not file.is_file():
            msg = f"{file}: no such file; give the JSON file of a fit"
            raise MissingFileError(msg)
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            msg = f"{file}: not valid JSON ({error}); give a file that FitResult.save wrote"
            raise FileFormatError(msg) from error
        if not isinstance(record, dict) or record.get("format") != _FORMAT:
            msg = f"{file}: field 'format' is not '{_FORMAT}'; give a file that FitResult.save wrote"
            raise FileFormatError(msg)
        return cls.from_dict(record)


def _rebuild(record: Mapping[str, Any], lmfit: Any) -> FitResult:
    return replace(FitResult.from_dict(record), lmfit=lmfit)


class ResultSet(Mapping[str, FitResult]):
    """Fits by name, in order: one a region, or one a spectrum."""

    def __init__(self, fits: Mapping[str, FitResult]) -> None:
        self._fits = dict(fits)

    def __getitem__(self, name: str) -> FitResult:
        """Return the fit of that name."""
        if name not in self._fits:
            raise unknown_name(name, self._fits, kind="result")
        return self._fits[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._fits)

    def __len__(self) -> int:
        """Return the number of fits."""
        return len(self._fits)

    def __repr__(self) -> str:
        """Return the names on one line."""
        return f"<ResultSet of {len(self)}: {', '.join(self)}>"

    def to_frame(self) -> "pd.DataFrame":
        """Return one tidy table of all fits."""
        import pandas as pd

        return pd.concat([fit.to_frame() for fit in self.values()], ignore_index=True) if self else pd.DataFrame()

    def summary(self) -> str:
        """Return all fits as text."""
        return "\n".join(fit.summary() for fit in self.values())
