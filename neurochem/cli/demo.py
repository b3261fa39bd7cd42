"""`neurochem demo [FOLDER]`: a study with known truth, run from scans to outcome, beside its truth."""

import argparse
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neurochem.errors import InputError
from neurochem.naming import write_text

if TYPE_CHECKING:
    from neurochem.results import ResultSet
    from neurochem.study.scoring import MarkerScore, PlantedEffect

STUDY, RESULTS, STAMP = "bids", "results", "neurochem_demo.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    from neurochem.cli.run import worker_count

    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", default=Path("neurochem-demo"),
        help="new folder for the study and its results (default: neurochem-demo)",
    )  # fmt: skip
    parser.add_argument(
        "--participants", type=worker_count, default=24, metavar="N", help="people, two visits each (24)"
    )
    parser.add_argument("--seed", type=int, default=1, help="start of the random numbers (1)")
    parser.add_argument("--workers", type=worker_count, metavar="N", help="processes (default: 2, or 1 on one core)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier demo in FOLDER")


def run(arguments: argparse.Namespace) -> int:
    """Make the study, run both levels, print estimates beside truth, and return the exit code."""
    from neurochem import phantoms
    from neurochem.cli.run import print_report
    from neurochem.cli.show import complain, say
    from neurochem.study import read_config, run_group, run_participants

    folder = arguments.folder
    prepare_folder(folder, overwrite=arguments.overwrite)
    bids, out = folder / STUDY, folder / RESULTS
    workers = arguments.workers or min(2, os.cpu_count() or 1)
    say(f"making a phantom study of {arguments.participants} people, two visits each, in {bids}")
    phantoms.make_study(bids, participants=arguments.participants, seed=arguments.seed)
    record = {"Participants": arguments.participants, "Seed": arguments.seed}
    write_text(folder / STAMP, json.dumps(record, indent=2) + "\n")
    say(f"neurochem run {bids} {out} participant --workers {workers}")
    config = read_config(bids)
    config = replace(config, run=replace(config.run, workers=workers))
    report = run_participants(bids, out, config=config)
    code = print_report(report, out, debug=arguments.debug)
    if not report.state("done"):
        return code
    say(f"\nneurochem run {bids} {out} group")
    group = run_group(bids, out, config=config)
    for warning in group.warnings:
        complain(f"neurochem: warning: {warning}")
    say(truth_text(bids, out))
    say(effects_text(bids, group.results))
    say(f"\nstudy page  {out / 'index.html'}  (open it in a browser; it links the page of every scan)")
    say(f"tables      {out / 'markers.tsv'}  {out / 'group' / 'association.tsv'}")
    return code


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Make sure that the demo may write into a folder; of an earlier demo only what the demo made is removed.

    Raises
    ------
    InputError
        If the folder holds something else, or an earlier demo that was not to be replaced.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / STAMP).is_file():
        msg = f"{folder}: exists and is not an empty folder or an earlier demo; name a new folder"
        raise InputError(msg)
    if not overwrite:
        msg = f"{folder}: holds an earlier demo; name a new folder, or replace it with --overwrite"
        raise InputError(msg)
    for name in (STUDY, RESULTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / STAMP).unlink()


def truth_text(bids: Path, out: Path) -> str:
    """Return the table of estimates beside truth."""
    from neurochem.cli.show import table
    from neurochem.study.scoring import score_markers

    scores = score_markers(bids, out)
    heads = ["marker", "region", "n", "truth", "estimate", "bias", "RMSE", "mean SE", "within 3 SE", "unit"]
    within, usable, scans = (sum(getattr(score, name) for score in scores) for name in ("within", "usable", "scans"))
    share = 100.0 * within / usable if usable else float("nan")
    last = (
        f"{within} of {usable} estimates ({share:.1f} %) lie within 3 standard errors of truth; {scans - usable} failed"
    )
    lines = table(heads, [_score_row(score) for score in scores], words=2)
    return f"\nEstimates beside truth (means over scans)\n{lines}\n{last}"


def _score_row(score: "MarkerScore") -> list[str]:
    numbers = (score.mean_truth, score.mean_estimate, score.bias, score.rmse, score.mean_stderr)
    return [
        score.marker,
        score.region,
        str(score.usable),
        *(f"{number:.3f}" for number in numbers),
        f"{score.within}/{score.usable}",
        score.unit or "ratio",
    ]


def effects_text(bids: Path, results: "ResultSet") -> str:
    """Return the planted effects beside what was found."""
    from neurochem.cli.show import table
    from neurochem.study.scoring import planted_effects

    heads = ["planted effect", "truth", "estimate", "95 % interval", "covers truth", "unit"]
    rows = [_effect_row(effect) for effect in planted_effects(bids, results)]
    return f"\nEffects on outcome, planted and found\n{table(heads, rows)}"


def _effect_row(effect: "PlantedEffect") -> list[str]:
    name = f"{effect.marker} {effect.region} ({effect.at})"
    if effect.estimate is None:
        return [name, f"{effect.truth:.2f}", "not estimated", "-", "-", effect.unit]
    low, high = effect.estimate.interval(0.95)
    found = f"{effect.estimate.value:.2f} +- {effect.estimate.stderr:.2f}"
    interval = f"{low:.2f} to {high:.2f}"
    return [name, f"{effect.truth:.2f}", found, interval, "yes" if effect.covered else "no", effect.unit]
