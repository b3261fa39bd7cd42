"""`neurochem run BIDS_DIR OUT_DIR {participant,group}`: a BIDS App."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import neurochem
from neurochem.errors import InputError

if TYPE_CHECKING:
    from neurochem.results import ResultSet
    from neurochem.study import Config, RunReport, ScanJob

EXIT_OK, EXIT_DEFECT, EXIT_INPUT = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("bids_dir", metavar="BIDS_DIR", type=Path, help="root of the BIDS dataset")
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder for the results")
    parser.add_argument(
        "level", choices=("participant", "group"), help="participant: scans to markers; group: markers to outcome"
    )
    parser.add_argument(
        "--participant-label", nargs="+", metavar="LABEL", help="people to run, with or without sub- (default: all)"
    )
    parser.add_argument(
        "--session-label", nargs="+", metavar="LABEL", help="sessions to run, with or without ses- (default: all)"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file (default: BIDS_DIR/code/neurochem.toml)")
    parser.add_argument(
        "--maps", action="store_true", help="fit the model to every voxel of PET images as well (default: [pet] maps)"
    )
    parser.add_argument("--workers", type=worker_count, metavar="N", help="processes (default: [run] workers, else 1)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be read and written, and write nothing")
    parser.add_argument("--version", action="version", version=f"neurochem {neurochem.__version__}")


def worker_count(text: str) -> int:
    """Return a number of workers, for argparse."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        msg = f"'{text}' is not a number of processes; give 1 or more"
        raise argparse.ArgumentTypeError(msg)
    return count


def run(arguments: argparse.Namespace) -> int:
    """Run one level and return the exit code."""
    from neurochem.study import read_config
    from neurochem.study.bids import check_dataset

    check_dataset(arguments.bids_dir)
    config = read_config(arguments.bids_dir, arguments.config)
    if arguments.workers:
        config = replace(config, run=replace(config.run, workers=arguments.workers))
    if arguments.maps:
        config = replace(config, pet=replace(config.pet, maps=True))
    if arguments.level == "group":
        return _group(arguments, config)
    return _participant(arguments, config)


def _participant(arguments: argparse.Namespace, config: "Config") -> int:
    from neurochem.study import plan_participants, run_participants

    chosen = {"participants": arguments.participant_label, "sessions": arguments.session_label}
    if arguments.dry_run:
        return _dry_run(plan_participants(arguments.bids_dir, arguments.out_dir, config=config, **chosen))
    report = run_participants(arguments.bids_dir, arguments.out_dir, config=config, **chosen)
    return print_report(report, arguments.out_dir, debug=arguments.debug)


def _dry_run(jobs: "list[ScanJob]") -> int:
    from neurochem.cli.show import complain, say
    from neurochem.study import describe_job

    ready = 0
    for job in jobs:
        try:
            say(describe_job(job))
            ready += 1
        except InputError as error:
            complain(f"neurochem: error: {job.scan.label}: {error}")
    say(f"dry run: {ready} of {len(jobs)} scans would be quantified into {jobs[0].out_dir}; nothing was written")
    return EXIT_OK if ready == len(jobs) else EXIT_INPUT


def print_report(report: "RunReport", out_dir: Path, *, debug: bool = False) -> int:
    """Say what was done, written and refused, with the traceback of a defect if asked for, and return the exit code."""
    from neurochem.cli.show import complain, say, wrote

    done, refused, defects = (report.state(state) for state in ("done", "refused", "defect"))
    for outcome in done:
        for note in outcome.notes:
            complain(f"neurochem: warning: {outcome.scan.label}: {note}")
    for outcome in refused:
        complain(f"neurochem: error: {outcome.scan.label}: {outcome.message}")
    for outcome in defects:
        complain(f"neurochem: defect: {outcome.scan.label}: {outcome.message} (please report it)")
        if debug:
            complain(outcome.details)
    if done:
        counts = ", ".join(f"{report.count(state)} {state}" for state in ("ok", "flagged", "failed"))
        say(f"{len(done)} of {len(report.outcomes)} scans quantified; markers: {counts}")
        say(f"wrote {sum(len(outcome.written) for outcome in done)} files of scans below {out_dir}")
        for path in report.written:
            wrote(out_dir / path)
    if defects:
        return EXIT_DEFECT
    return EXIT_INPUT if refused else EXIT_OK


def _group(arguments: argparse.Namespace, config: "Config") -> int:
    from neurochem.cli.show import complain, say, wrote
    from neurochem.study import run_group

    if arguments.participant_label or arguments.session_label:
        msg = "--participant-label and --session-label choose scans; leave them out at group level, which takes all markers"
        raise InputError(msg)
    if arguments.maps:
        msg = "--maps is of the participant level, which reads images; leave it out at group level"
        raise InputError(msg)
    if arguments.dry_run:
        say(
            f"dry run: markers of {arguments.out_dir} would be related to {config.response.outcome}; nothing was written"
        )
        return EXIT_OK
    report = run_group(arguments.bids_dir, arguments.out_dir, config=config)
    for warning in report.warnings:
        complain(f"neurochem: warning: {warning}")
    for name, fit in report.results.items():
        for flag in fit.flagged("slope"):
            complain(f"neurochem: {flag.severity}: {name}: {flag.message}")
    say(associations_text(report.results))
    for path in report.written:
        wrote(arguments.out_dir / path)
    if report.results and all(fit.failed for fit in report.results.values()):
        complain("neurochem: warning: no association could be computed; the flags above say why for each")
    return EXIT_OK


def associations_text(results: "ResultSet") -> str:
    """Return the associations as a table for the terminal."""
    from neurochem.cli.show import table
    from neurochem.qc.summary import association_table

    record = association_table(results)
    rows = [[text.replace("\u2212", "-") for text in row] for row in record["rows"]]
    return table(record["heads"], rows) if rows else "no association could be formed"
