"""Edited and unedited spectra of one voxel, whose markers must not have the same name."""

from collections.abc import Sequence

from neurochem.errors import ConfigError
from neurochem.study.bids import Scan, declares_edits
from neurochem.study.mrs_config import MrsConfig


def check_mrs_pairs(scans: Sequence[Scan], settings: MrsConfig) -> None:
    """Raise if an edited and an unedited spectrum of one voxel would give the same marker.

    Raises
    ------
    ConfigError
        Naming both spectra, the marker and the keys that choose markers.
    """
    seen: dict[tuple[str, str, str], Scan] = {}
    for scan in scans:
        if scan.modality != "mrs":
            continue
        key = (scan.participant_id, scan.session_id, dict(scan.entities).get("voi", ""))
        if key in seen:
            _check_names(seen[key], scan, settings)
        seen[key] = scan


def _check_names(one: Scan, other: Scan, settings: MrsConfig) -> None:
    edited, unedited = (one, other) if declares_edits(one.path) else (other, one)
    both = [name for name in settings.edited.metabolites if name in settings.metabolites]
    if settings.edited.metabolites and settings.metabolites and not both:
        return
    what = f"{both[0]} is a marker of both" if both else "every estimate becomes a marker of both"
    msg = (
        f"{edited.path.name} is edited and {unedited.path.name} is not, in one voxel, and {what}; name different ones, for "
        'example [mrs] metabolites = ["Glx", "tNAA"] and [mrs.edited] metabolites = ["GABA+"]'
    )
    raise ConfigError(msg)
