"""Quality pages: one HTML file a scan and one a study, and the verdict on an estimate that tables share.

Nothing here reads a file; the pages take results and return text.
"""

from neurochem.qc.pages import Findings, NumberTable, Panel, Prediction, Section, scan_page, study_page
from neurochem.qc.verdict import Verdict, judge, judge_fit

__all__ = [
    "Findings",
    "NumberTable",
    "Panel",
    "Prediction",
    "Section",
    "Verdict",
    "judge",
    "judge_fit",
    "scan_page",
    "study_page",
]
