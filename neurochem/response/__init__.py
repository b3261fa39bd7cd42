"""How baseline and change of neurochemical markers relate to the outcome of treatment.

A cohort of four checked tables (people, visits, scores, markers with their errors), outcomes from rating scales, and
covariate-adjusted regression of outcome on a marker, with everyone who dropped out accounted for.
"""

import importlib
from typing import Any

from neurochem.response.association import analysis_rows, associate, coefficient_table
from neurochem.response.baseline_change import (
    baseline_adjusted_change,
    change_on_baseline,
    compare_arms,
    expected_without_treatment,
    plot_regression_to_mean,
)
from neurochem.response.change import change, percent_change, reliable_change, reliable_change_index
from neurochem.response.cohort import Cohort
from neurochem.response.courses import changed_markers, outcome_categories, score_slopes, sustained_remission
from neurochem.response.describe import describe
from neurochem.response.effect_sizes import auc, compare_auc, hedges_g
from neurochem.response.family import adjust_p_values, associate_all, family_frame
from neurochem.response.harmonize import LeaveSiteOut, refuse_scanner_visit_confounding
from neurochem.response.imputation import impute
from neurochem.response.imputed_association import associate_imputed
from neurochem.response.influence import influence, plot_influence
from neurochem.response.marker_errors import ratio_of_markers, reliability_of_mean, scan_stderr, stderr_from_crlb
from neurochem.response.measurement_error.mean_change import mean_with_errors
from neurochem.response.measurement_error.sensitivity import Sensitivity, sensitivity
from neurochem.response.mediation import describe_mediation, mediate
from neurochem.response.missingness import missingness
from neurochem.response.mixed import regress_trajectory
from neurochem.response.moderation import (
    Advantage,
    advantage_of,
    describe_moderation,
    johnson_neyman,
    moderate,
    personal_advantage,
)
from neurochem.response.ordinal import regress_ordinal
from neurochem.response.outcomes import (
    OUTCOME_TYPES,
    is_remission,
    is_response,
    outcome_values,
    percent_reduction,
    score_change,
)
from neurochem.response.planning import (
    MARKERS,
    MarkerAssumption,
    SimulatedCohort,
    StudyPlan,
    TrialAssumption,
    patients_for_correlation,
    plan_study,
    simulate_cohort,
)
from neurochem.response.pooling import pool_estimates, pool_imputations
from neurochem.response.prediction import (
    ModelCard,
    PredictionResult,
    predict,
    riley_binary,
    riley_continuous,
    validate_cohort,
    validate_external,
)
from neurochem.response.problems import Problem
from neurochem.response.reading import read_cohort
from neurochem.response.regression import regress
from neurochem.response.reliability import Reliability, conditional_reliability
from neurochem.response.repeatability import Repeatability, repeatability
from neurochem.response.scales import SCALES, Remission, Scale
from neurochem.response.screening import ScreenResult, random_effects, screen
from neurochem.response.survival import kaplan_meier, regress_survival, time_to_response
from neurochem.response.wide_tables import MarkerColumn

_PLOTS = ("plot_association", "plot_forest")

__all__ = [
    "MARKERS",
    "OUTCOME_TYPES",
    "SCALES",
    "Advantage",
    "Cohort",
    "ComBat",
    "LeaveSiteOut",
    "LongitudinalComBat",
    "MarkerAssumption",
    "MarkerColumn",
    "ModelCard",
    "PredictionResult",
    "Problem",
    "Reliability",
    "Remission",
    "Repeatability",
    "Scale",
    "ScreenResult",
    "Sensitivity",
    "SimulatedCohort",
    "StudyPlan",
    "TrialAssumption",
    "adjust_p_values",
    "advantage_of",
    "analysis_rows",
    "associate",
    "associate_all",
    "associate_imputed",
    "auc",
    "baseline_adjusted_change",
    "change",
    "change_on_baseline",
    "changed_markers",
    "coefficient_table",
    "compare_arms",
    "compare_auc",
    "conditional_reliability",
    "describe",
    "describe_mediation",
    "describe_moderation",
    "expected_without_treatment",
    "family_frame",
    "hedges_g",
    "impute",
    "influence",
    "is_remission",
    "is_response",
    "johnson_neyman",
    "kaplan_meier",
    "mean_with_errors",
    "mediate",
    "missingness",
    "moderate",
    "outcome_categories",
    "outcome_values",
    "patients_for_correlation",
    "percent_change",
    "percent_reduction",
    "personal_advantage",
    "plan_study",
    "plot_association",
    "plot_forest",
    "plot_influence",
    "plot_regression_to_mean",
    "pool_estimates",
    "pool_imputations",
    "predict",
    "random_effects",
    "ratio_of_markers",
    "read_cohort",
    "refuse_scanner_visit_confounding",
    "regress",
    "regress_ordinal",
    "regress_survival",
    "regress_trajectory",
    "reliability_of_mean",
    "reliable_change",
    "reliable_change_index",
    "repeatability",
    "riley_binary",
    "riley_continuous",
    "scan_stderr",
    "score_change",
    "score_slopes",
    "screen",
    "sensitivity",
    "simulate_cohort",
    "stderr_from_crlb",
    "sustained_remission",
    "time_to_response",
    "validate_cohort",
    "validate_external",
]


def __getattr__(name: str) -> Any:
    """Load plots and transformers, and matplotlib or scikit-learn with them, the first time one is asked for."""
    if name in {"ComBat", "LongitudinalComBat"}:
        return getattr(importlib.import_module("neurochem.response.harmonize"), name)
    if name in _PLOTS:
        return getattr(importlib.import_module("neurochem.response.plots"), name)
    msg = f"module 'neurochem.response' has no attribute '{name}'"
    raise AttributeError(msg)
