"""What a study's page says of outcome: findings in plain words, methods as done, limits, a checklist, figures with data."""

from neurochem.response.report.brief import Brief, brief
from neurochem.response.report.checklist import CHECKLIST, checklist_rows
from neurochem.response.report.figures import ReportFigure, report_figures
from neurochem.response.report.findings import finding_rows, flow_rows, headline
from neurochem.response.report.limits import limit_sentences
from neurochem.response.report.methods import methods_paragraphs
from neurochem.response.report.prediction import PredictionPart, prediction_part
from neurochem.response.report.study import OutcomeReport, outcome_report

__all__ = [
    "CHECKLIST",
    "Brief",
    "OutcomeReport",
    "PredictionPart",
    "ReportFigure",
    "brief",
    "checklist_rows",
    "finding_rows",
    "flow_rows",
    "headline",
    "limit_sentences",
    "methods_paragraphs",
    "outcome_report",
    "prediction_part",
    "report_figures",
]
