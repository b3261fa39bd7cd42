"""The study page: built from what lies in the output folder, so that each level can write it anew."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurochem import qc
from neurochem.naming import parse_bids_name, write_text
from neurochem.reading import read_json_object
from neurochem.study.derivatives import MARKERS_SUFFIX, read_rows
from neurochem.study.scans import read_scans

INDEX_FILE = "index.html"
GROUP_FOLDER = "group"


def write_index(
    out_dir: Path,
    markers: Sequence[Mapping[str, str]],
    *,
    title: str = "",
    notes: Sequence[str] = (),
    findings: qc.Findings | None = None,
) -> Path:
    """Write the study page and return its path; parameters as for `neurochem.qc.study_page`."""
    scans = list_pages(out_dir)
    people = sorted({scan["participant_id"] for scan in scans})
    facts = {
        "people": str(len(people)),
        "scans": str(len(scans)),
        "marker values": str(len(markers)),
        **{state: str(sum(row["qc"] == state for row in markers)) for state in ("ok", "flagged", "failed")},
    }
    lost = [row for row in read_scans(out_dir) if row["state"] != "done"]
    if lost:
        facts["scans not quantified"] = str(len(lost))
    notes = [*(f"{row['scan']} was not quantified: {row['reason']}" for row in lost), *notes]
    page = qc.study_page(
        title=title or "Study",
        markers=markers,
        scans=scans,
        facts=facts,
        notes=notes,
        findings=findings,
    )
    return write_text(out_dir / INDEX_FILE, page)


def tracer_names(bids_dir: Path) -> tuple[str, ...]:
    """Return the tracers that the PET sidecars of a dataset name, each once; an empty tuple where none does."""
    names: set[str] = set()
    for file in sorted(
        {*bids_dir.glob("*_pet.json"), *bids_dir.glob("sub-*/**/*_pet.json"), *bids_dir.glob("pet.json")}
    ):
        name = str(read_json_object(file).get("TracerName", "")).strip()
        if name and name != "n/a":
            names.add(name)
    return tuple(sorted(names))


def list_pages(out_dir: Path) -> list[dict[str, Any]]:
    """Return one record a scan page: whose it is, its address, and the verdicts on its markers."""
    pages = sorted(out_dir.glob("sub-*/**/*.html"), key=lambda path: path.relative_to(out_dir).as_posix())
    return [_page_record(out_dir, page) for page in pages]


def _page_record(out_dir: Path, page: Path) -> dict[str, Any]:
    entities, modality, _ = parse_bids_name(page.name)
    table = page.with_name(page.name.removesuffix(f"_{modality}.html") + f"_{MARKERS_SUFFIX}.tsv")
    states = [row["qc"] for row in read_rows(table)] if table.is_file() else []
    return {
        "participant_id": f"sub-{entities.get('sub', '')}",
        "session_id": f"ses-{entities['ses']}" if "ses" in entities else "",
        "modality": modality,
        "name": page.stem,
        "page": page.relative_to(out_dir).as_posix(),
        **{state: states.count(state) for state in ("ok", "flagged", "failed")},
    }
