"""Flags on a result, and the registry of the quality rules that set them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from neurochem.registry import Registry

SEVERITIES = ("info", "warning", "failure")


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing that a reader of the result must know.

    Attributes
    ----------
    name : str
        Short and stable, for tables: "edge", "high_relative_stderr".
    message : str
        One sentence with the numbers in it.
    severity : str
        "info" (a note), "warning" (the value stays, `qc=flagged`) or "failure" (the value is not usable, `qc=failed`).
    parameter : str
        The estimate it concerns; empty when it concerns the whole fit.
    """

    name: str
    message: str
    severity: str = "warning"
    parameter: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            msg = f"flag severity '{self.severity}' is not one of {', '.join(SEVERITIES)}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class QualityRule:
    """A limit on one metric of a fit.

    Attributes
    ----------
    metric : str
        Key of `FitResult.diagnostics`.
    low, high : float
        The metric is in order within [low, high].
    unit, meaning, source : str
        Unit of the metric, what it measures, and where the limit comes from.
    """

    name: str
    metric: str
    unit: str
    meaning: str
    source: str
    low: float = -math.inf
    high: float = math.inf
    severity: str = "warning"

    def check(self, diagnostics: Mapping[str, float]) -> Flag | None:
        """Return a flag if the metric is present and outside its limits, or not finite."""
        if self.metric not in diagnostics:
            return None
        value = float(diagnostics[self.metric])
        if self.low <= value <= self.high:
            return None
        unit = f" {self.unit}" if self.unit else ""
        allowed = f"at least {self.low:g}" if math.isinf(self.high) else f"at most {self.high:g}"
        if math.isfinite(self.low) and math.isfinite(self.high):
            allowed = f"{self.low:g} to {self.high:g}"
        return Flag(self.name, f"{self.meaning} is {value:.4g}{unit}, expected {allowed}{unit}", self.severity)


PET_RULES: Registry[QualityRule] = Registry("PET quality rule")
MRS_RULES: Registry[QualityRule] = Registry("MRS quality rule")


def add_rule(registry: Registry[QualityRule], rule: QualityRule) -> QualityRule:
    """Register a rule under its own name."""
    return registry.add(rule, name=rule.name, reference=rule.source, needs=(rule.metric,))


def apply_rules(registry: Registry[QualityRule], diagnostics: Mapping[str, float]) -> tuple[Flag, ...]:
    """Return the flags that the rules of a registry set on these diagnostics."""
    checked = (entry.item.check(diagnostics) for entry in registry)
    return tuple(flag for flag in checked if flag is not None)
