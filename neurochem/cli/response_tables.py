"""What every action of `neurochem response` shares: read the study, write a table, draw a figure."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from neurochem.response import Cohort


def read_study(arguments: argparse.Namespace) -> "Cohort":
    """Read the cohort and say what a reader of it must know."""
    from neurochem.cli.show import complain
    from neurochem.response import read_cohort

    cohort = read_cohort(arguments.bids_dir, arguments.out_dir)
    for problem in cohort.warnings:
        complain(f"neurochem: warning: {problem}")
    return cohort


def choices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what every model of one marker takes."""
    return {
        "outcome": arguments.outcome, "outcome_type": arguments.outcome_type, "endpoint_visit": arguments.endpoint,
        "covariates": arguments.covariates, "marker": arguments.marker, "region": arguments.region,
        "test_retest_sd": arguments.test_retest_sd,
    }  # fmt: skip


def write_frame(table: "pd.DataFrame", path: Path | None, facts: dict[str, Any]) -> None:
    """Write a table with its sidecar, if one was asked for."""
    from neurochem.cli.show import wrote
    from neurochem.study.derivatives import write_table

    if path is None:
        return
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    described = {str(name): {"Description": str(name).replace("_", " ")} for name in table.columns}
    for file in write_table(path, rows, descriptions=described, facts=facts):
        wrote(file)


def draw_figure(path: Path | None, draw: Callable[[], Any]) -> None:
    """Draw and write a figure, if one was asked for."""
    from neurochem.cli.show import wrote
    from neurochem.figures import save_figure

    if path is not None:
        wrote(save_figure(draw().get_figure(), path))


def check_figure(path: Path | None) -> None:
    """Refuse, before any work, a figure's file name that nothing draws."""
    from neurochem.errors import InputError

    if path is not None and path.suffix.casefold() not in {".png", ".pdf", ".svg"}:
        msg = f"--figure {path}: cannot draw '{path.suffix}'; end the name in .png, .pdf, .svg"
        raise InputError(msg)


def plain_settings(settings: Any) -> dict[str, Any]:
    """Return the settings of a fit for a sidecar, without the rows of people."""
    from neurochem.records import plain

    return {key: plain(value) for key, value in dict(settings).items() if key not in {"rows", "influence", "dropped"}}
