"""Planning a study: simulated cohorts with known truth, and how many patients a question needs."""

from neurochem.response.planning.assumptions import MARKERS, MarkerAssumption, TrialAssumption
from neurochem.response.planning.power import QUESTIONS, StudyPlan, patients_for_correlation, plan_study
from neurochem.response.planning.simulate import SimulatedCohort, simulate_cohort

__all__ = [
    "MARKERS",
    "QUESTIONS",
    "MarkerAssumption",
    "SimulatedCohort",
    "StudyPlan",
    "TrialAssumption",
    "patients_for_correlation",
    "plan_study",
    "simulate_cohort",
]
