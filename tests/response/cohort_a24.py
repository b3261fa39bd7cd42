"""A small published-style data set: 24 people, two arms, three sites, HAM-D17 before and after, one marker with errors.

Reference values in the tests were computed independently with numpy, scipy and statsmodels.
"""

import numpy as np
import pandas as pd

from neurochem.response import Cohort, MarkerColumn

TEXT = """\
01 ssri A 20 16 1.40 0.13
02 placebo A 24 16 1.50 0.07
03 ssri A 21 13 1.43 0.11
04 placebo A 24 20 1.23 0.05
05 ssri A 18 9 1.51 0.07
06 placebo A 24 13 1.51 0.07
07 ssri A 18 9 1.26 0.13
08 placebo A 23 15 1.56 0.05
09 ssri B 21 14 1.20 0.06
10 placebo B 20 15 1.41 0.09
11 ssri B 22 13 1.37 0.14
12 placebo B 20 14 1.63 0.09
13 ssri B 20 7 1.55 0.05
14 placebo B 23 17 1.38 0.09
15 ssri B 28 15 1.42 0.09
16 placebo B 19 13 1.34 0.05
17 ssri C 25 21 1.40 0.08
18 placebo C 25 11 1.57 0.09
19 ssri C 19 8 1.61 0.08
20 placebo C 23 16 1.55 0.07
21 ssri C 24 11 1.57 0.12
22 placebo C 19 11 1.21 0.10
23 ssri C 25 10 1.72 0.11
24 placebo C 25 19 1.32 0.13
"""


def a24_frame() -> pd.DataFrame:
    rows = [line.split() for line in TEXT.splitlines()]
    frame = pd.DataFrame(rows, columns=["id", "arm", "site", "y0", "y8", "bp", "se"])
    return frame.astype({"y0": float, "y8": float, "bp": float, "se": float}).assign(group="patient")


def a24_cohort(frame: pd.DataFrame | None = None) -> Cohort:
    return Cohort(
        a24_frame() if frame is None else frame,
        participant="id",
        visits={"baseline": 0, "week8": 8},
        scores={"hamd17": {"baseline": "y0", "week8": "y8"}},
        markers=[MarkerColumn("BPND", "baseline", "bp", se="se", region="midbrain", model="SRTM", se_source="fit")],
    )


def column(name: str) -> np.ndarray:
    return a24_frame()[name].to_numpy()
