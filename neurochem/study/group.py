"""The group level: markers and outcome to a table, a forest plot, text, and the study page."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochem import qc, response
from neurochem.errors import MissingFileError
from neurochem.figures import save_figure
from neurochem.naming import MARKERS_FILE, write_text
from neurochem.results import ResultSet
from neurochem.study.bids import check_dataset
from neurochem.study.config import Config, ResponseConfig
from neurochem.study.derivatives import (
    dataset_name,
    merge_markers,
    read_rows,
    write_dataset_files,
    write_fits,
    write_table,
)
from neurochem.study.index import write_index
from neurochem.study.participants import check_folders
from neurochem.study.provenance import command_text, write_provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP_FOLDER = "group"
_COLUMNS: dict[str, dict[str, Any]] = {
    "name": {"Description": "Marker, region and time of the association"},
    "outcome": {"Description": "Scale of the outcome"},
    "outcome_type": {"Description": "How the outcome was formed from the scores"},
    "marker": {"Description": "Marker"},
    "region": {"Description": "Region of the marker"},
    "model": {"Description": "Model the marker came from"},
    "at": {"Description": "baseline, or the marker's change between the visits"},
    "n": {"Description": "People in the model"},
    "slope": {"Description": "Outcome a unit of the marker, adjusted for the covariates"},
    "stderr": {"Description": "Standard error of the slope"},
    "unit": {"Description": "Unit of the slope and its error"},
    "low95": {"Description": "Lower end of the 95 % interval of the slope"},
    "high95": {"Description": "Upper end of the 95 % interval of the slope"},
    "p": {"Description": "Two-sided p of the slope"},
    "p_holm": {"Description": "p adjusted for the family of tests by Holm's method"},
    "p_bh": {"Description": "p adjusted for the family of tests by Benjamini and Hochberg's method"},
    "success": {"Description": "Whether the model can be used"},
    "flags": {"Description": "Names of the warnings"},
}


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What the group level found and wrote.

    Attributes
    ----------
    results : ResultSet
        One association a marker and time.
    sentences : tuple of str
        The associations in words.
    warnings : tuple of str
        What a reader of the cohort must know.
    written : tuple of Path
        Files, relative to the output folder.
    """

    results: ResultSet
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    written: tuple[Path, ...]


def run_group(bids_dir: str | Path, out_dir: str | Path, *, config: Config) -> GroupReport:
    """Relate the markers of a study to outcome.

    Parameters
    ----------
    bids_dir, out_dir : path
        Root of the dataset, and the folder that the participant level wrote.
    config : Config
        From `read_config`; its table [response] says what is related to what.

    Returns
    -------
    GroupReport
        Associations, in words too, and the files written.

    Raises
    ------
    MissingFileError
        If the participant level has not been run.
    CohortError
        If a table of the study breaks a rule; every problem is in the message.
    """
    bids, out = Path(bids_dir), Path(out_dir)
    check_dataset(bids)
    check_folders(bids, out)
    if not (out / MARKERS_FILE).is_file():
        msg = f"{out / MARKERS_FILE}: no such file; run the participant level first: neurochem run BIDS_DIR OUT_DIR participant"
        raise MissingFileError(msg)
    # adds scans that other machines quantified meanwhile; rows that are there stay, edits of qc included
    merge_markers(out)
    cohort = response.read_cohort(bids, out)
    results = associate_family(cohort, config.response)
    sentences = tuple(response.describe(fit) for fit in results.values())
    notes = tuple(str(problem) for problem in cohort.warnings)
    written = _write(bids, out, config, GroupReport(results, sentences, notes, ()))
    return GroupReport(results, sentences, notes, tuple(path.relative_to(out) for path in written))


def associate_family(cohort: response.Cohort, settings: ResponseConfig) -> ResultSet:
    """Return every association that the configuration asks for; all markers of the cohort when it names none."""
    chosen = [{"marker": m.marker, **({"region": m.region} if m.region else {})} for m in settings.markers]
    return response.associate_all(
        cohort,
        outcome=settings.outcome,
        markers=chosen or None,
        at=settings.at,
        outcome_type=settings.outcome_type,
        covariates=settings.covariates,
        baseline_visit=settings.baseline_visit,
        endpoint_visit=settings.endpoint_visit,
    )


def _write(bids: Path, out: Path, config: Config, report: GroupReport) -> list[Path]:
    """Write table, fits, text, forest plot and study page; return their paths."""
    folder = out / GROUP_FOLDER
    results = report.results
    written = write_dataset_files(out, source_name=dataset_name(bids))
    rows = response.family_frame(results).to_dict("records")
    named = [{str(key): value for key, value in row.items()} for row in rows]
    facts = {"Configuration": config.record()["response"]}
    written += write_table(folder / "association.tsv", named, descriptions=_COLUMNS, facts=facts)
    written.append(write_fits(folder / "association_fit.json", list(results.values())))
    written.append(write_text(folder / "association.txt", _text(report)))
    forest = _forest(results)
    if forest is not None:
        written.append(save_figure(forest, folder / "association_forest.png"))
    written.append(write_provenance(out, level="group", command=command_text("group"), config=config.record()))
    written.append(
        write_index(
            out,
            read_rows(out / MARKERS_FILE),
            title=dataset_name(bids),
            notes=report.warnings,
            findings=qc.Findings(results, report.sentences, forest),
        )
    )
    return written


def _forest(results: ResultSet) -> "Figure | None":
    if not results or all(fit.failed for fit in results.values()):
        return None
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(10.5, 1.3 + 0.42 * len(results)), layout="constrained")
    response.plot_forest(results, drawn.add_subplot())
    return drawn


def _text(report: GroupReport) -> str:
    parts = [f"{name}: {sentence}" for name, sentence in zip(report.results, report.sentences, strict=True)]
    parts += [f"Note on the cohort: {warning}" for warning in report.warnings]
    return "\n\n".join(parts) + "\n"
