"""`neurochem response plan`: how many patients a question needs."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neurochem.cli.response_tables import check_figure, draw_figure, write_frame

if TYPE_CHECKING:
    import pandas as pd

_PLAN_HEADS = ["patients", "analysed", "power", "as measured", "corrected", "half width", "exaggeration"]


def run_plan(arguments: argparse.Namespace) -> int:
    """Say how many patients are needed."""
    import numpy as np

    from neurochem import response
    from neurochem.cli.show import say, table
    from neurochem.errors import InputError

    check_figure(arguments.figure)
    if arguments.marker is not None and arguments.reliability is not None:
        msg = "--marker and --reliability both say how noisy the marker is; give one of them"
        raise InputError(msg)
    reliability = arguments.reliability if arguments.reliability is not None else 1.0
    if arguments.marker is not None:
        reliability = response.MARKERS[arguments.marker].reliability
    plan = response.plan_study(
        arguments.question, effect=arguments.effect, reliability=reliability, sizes=arguments.patients,
        residual_sd=arguments.residual_sd, dropout=arguments.dropout, simulations=arguments.simulations,
        rng=np.random.default_rng(arguments.seed),
    )  # fmt: skip
    say(table(_PLAN_HEADS, _plan_rows(plan.table), words=0))
    say(plan.summary())
    facts = {"Question": plan.question, "Effect": plan.effect, "Reliability": plan.reliability, "Seed": arguments.seed}
    write_frame(plan.table, arguments.output, {**facts, "Dropout": plan.dropout, "ResidualSD": plan.residual_sd})
    draw_figure(arguments.figure, plan.plot)
    return 0


def _plan_rows(rows: "pd.DataFrame") -> Sequence[Sequence[str]]:
    return [
        [f"{row['patients']:.0f}", f"{row['analysed']:.0f}", f"{row['power']:.3f}",
         *(f"{row[name]:.2f}" for name in ("naive", "corrected", "half_width", "exaggeration"))]
        for _, row in rows.iterrows()
    ]  # fmt: skip
