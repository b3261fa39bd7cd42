"""The record of a spectroscopy scan: every step in order, with its parameters and numbers, as JSON can hold it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurochem.records import plain

if TYPE_CHECKING:
    from neurochem import mrs
    from neurochem.study.mrs_analysis import Analysis
    from neurochem.study.mrs_tissue import VoxelTissue


def step_records(done: "Analysis", *, tissue: "VoxelTissue | None" = None) -> list[dict[str, Any]]:
    """Return one record a step in the order of the work: preprocessing, editing, nulled scan, fit, tissue.

    Parameters
    ----------
    done : Analysis
        From `analyse`.
    tissue : VoxelTissue, optional
        Fractions of the voxel and their source.

    Returns
    -------
    list of dict
        Each with name, what, parameters, effect and reference.
    """
    records = [*done.clean.records(), *_edit_records(done)]
    if done.nulled is not None:
        records.append(_nulled_record(done.nulled))
    records.append(_fit_record(done))
    if tissue is not None:
        records.append(_tissue_record(tissue))
    return records


def record_text(records: list[dict[str, Any]]) -> str:
    """Return records as the text of a JSON file."""
    return json.dumps(records, indent=2, ensure_ascii=False) + "\n"


def _record(
    name: str, what: str, effect: Mapping[str, Any], *, reference: str = "", **parameters: Any
) -> dict[str, Any]:
    return {
        "name": name, "what": what, "parameters": plain(parameters), "effect": plain(dict(effect)), "reference": reference,
    }  # fmt: skip


def _edit_records(done: "Analysis") -> list[dict[str, Any]]:
    if done.edited is None:
        return []
    records = [_record("find_edits", done.edits_found, {})]
    return records + [_record(s.name, s.what, s.effect, reference=s.reference) for s in done.edited.steps]


def _nulled_record(nulled: "mrs.MeasuredMacromolecules") -> dict[str, Any]:
    name = nulled.basis.names[0]
    what = f"{len(nulled.lines)} lines of a metabolite-nulled scan make the element '{name}' of the basis"
    effect = {
        "lines": nulled.to_frame().to_dict("records"), "residual_metabolites": dict(nulled.residual_metabolites),
        "residual_over_noise": nulled.residual_over_noise, "flags": [flag.message for flag in nulled.flags],
    }  # fmt: skip
    return _record("measured_macromolecules", what, effect)


def _fit_record(done: "Analysis") -> dict[str, Any]:
    settings = done.fit.settings
    keys = ("ppm", "method", "difference", "target", "macromolecule_model", "baseline", "lineshape")
    chosen = {key: settings[key] for key in keys if key in settings}
    moved = settings.get("refined_alignment")
    what = f"{done.fit.model} with {done.basis}"
    return _record("fit", what, {"refined_alignment": moved} if moved else {}, basis=done.basis, **chosen)


def _tissue_record(tissue: "VoxelTissue") -> dict[str, Any]:
    shares = tissue.shares
    found = {} if shares is None else {
        "unassigned": shares.unassigned, "covered": shares.covered, "volume_ml": shares.volume_ml,
    }  # fmt: skip
    return _record("tissue", f"fractions from {tissue.source}", tissue.tissue.fractions() | found)
