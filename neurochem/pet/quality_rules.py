"""Limits beyond which a PET fit is flagged."""

from neurochem.quality import PET_RULES, QualityRule, add_rule

RELATIVE_RESIDUAL = add_rule(
    PET_RULES,
    QualityRule(
        name="poor_fit",
        metric="relative_residual",
        unit="",
        meaning="weighted residual relative to the curve",
        source="chosen here: regional curves with a larger misfit do not follow the model",
        high=0.15,
    ),
)
