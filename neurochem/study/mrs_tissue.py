"""What a spectroscopy voxel is made of and where it lies: tables, probability maps and the T1w image of a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurochem import mrs
from neurochem.errors import FileFormatError, InputError, MissingFileError
from neurochem.naming import parse_bids_name
from neurochem.study.bids import IMAGE_EXTENSIONS, Scan
from neurochem.study.derivatives import read_rows
from neurochem.study.mrs_config import TISSUE_TABLE, MrsConfig

VOXEL = "voxel"
FRACTIONS = ("gm", "wm", "csf")
# Labels of BIDS derivatives: https://bids-specification.readthedocs.io, imaging derivatives, probabilistic segmentations.
LABELS = {"gm": "GM", "wm": "WM", "csf": "CSF"}
_MAP_SUFFIX = "probseg"
# Spaces in which an image of the session has the scanner's coordinates.
_OWN_SPACES = ("", "T1w", "orig", "scanner", "individual")
_NEEDS = (
    "the table needs participant_id, session_id, gm, wm, csf (and voi, acq or run where a session has several spectra)"
)


@dataclass(frozen=True, slots=True)
class VoxelTissue:
    """Tissue of a voxel and where it comes from.

    Attributes
    ----------
    tissue : Tissue
        Volume fractions.
    source : str
        What they were taken from, relative to the dataset.
    shares : TissueShares or None
        What the maps say beside the fractions.
    """

    tissue: mrs.Tissue
    source: str
    shares: mrs.TissueShares | None = None


def tissue_inputs(bids_dir: Path, scan: Scan, settings: MrsConfig) -> list[Path]:
    """Return the files that the tissue of a scan comes from: the table, or the maps.

    Raises
    ------
    MissingFileError
        If there are neither; the message says where both were looked for.
    InputError
        If several maps fit equally well.
    """
    table = bids_dir / (settings.tissue or TISSUE_TABLE)
    if settings.tissue:
        if not table.is_file():
            msg = f"{table}: no such file; [mrs] tissue names a table: {_NEEDS}"
            raise MissingFileError(msg)
        return [table]
    if not settings.tissue_maps and table.is_file():
        return [table]
    folders = [bids_dir / name for name in settings.tissue_maps] or [bids_dir]
    maps = find_maps(folders, scan)
    if maps is None:
        msg = _no_maps(folders, scan, table, named=bool(settings.tissue_maps))
        raise MissingFileError(msg)
    return [maps[name] for name in FRACTIONS if name in maps]


def _no_maps(folders: Sequence[Path], scan: Scan, table: Path, *, named: bool) -> str:
    where = ", ".join(str(folder / scan.participant_id) for folder in folders)
    wanted = f"{'_'.join(filter(None, (scan.participant_id, scan.session_id)))}_label-GM_probseg.nii.gz (WM, CSF)"
    looked = (
        f"no tissue maps of {scan.label} in {where} ([{scan.session_id or 'ses-*'}/]anat); [mrs] tissue_maps looks for "
        f"{wanted}"
    )
    if named:
        return looked
    return f"{table}: no such file ([mrs] tissue names a table: {_NEEDS}), and {looked}"


def scan_tissue(bids_dir: Path, scan: Scan, settings: MrsConfig, data: mrs.Acquisition) -> VoxelTissue:
    """Return the tissue of a scan's voxel, from the table or the maps.

    Raises
    ------
    MissingFileError, FileFormatError, InputError
        If the table, one of its columns, the row of the scan or a map is missing, or a number cannot be a fraction.
    """
    files = tissue_inputs(bids_dir, scan, settings)
    names = ", ".join(str(file.relative_to(bids_dir)) if file.is_relative_to(bids_dir) else file.name for file in files)
    if files[0].name.endswith(IMAGE_EXTENSIONS):
        shares = mrs.tissue_from_maps(data, *files)
        return VoxelTissue(shares.tissue, names, shares)
    return VoxelTissue(_from_table(files[0], scan), names)


def _from_table(file: Path, scan: Scan) -> mrs.Tissue:
    rows = read_rows(file)
    missing = [name for name in ("participant_id", *FRACTIONS) if rows and name not in rows[0]]
    if missing:
        msg = f"{file}: column '{missing[0]}' is missing; {_NEEDS}"
        raise FileFormatError(msg)
    own = [row for row in rows if _belongs(row, scan)]
    where = f"{scan.participant_id} {scan.session_or_missing}"
    if len(own) != 1:
        found = "no row" if not own else f"{len(own)} rows"
        msg = f"{file}: {found} for {where}; give one row a spectrum"
        raise InputError(msg)
    try:
        return mrs.Tissue(**{name: float(own[0][name]) for name in FRACTIONS})
    except ValueError as error:
        msg = f"{file}: {where}: {error}"
        raise InputError(msg) from error


def _belongs(row: Mapping[str, str], scan: Scan) -> bool:
    """Say whether a row is of a scan: every column that is an entity must agree, "n/a" with a scan that lacks it."""
    own = {"voi": VOXEL} | dict(scan.entities)
    others = ("voi", "acq", "run")
    return (
        row["participant_id"] == scan.participant_id
        and row.get("session_id", scan.session_or_missing) == scan.session_or_missing
        and all(row[key] == own.get(key, "n/a") or row[key] in {"n/a", ""} for key in others if key in row)
    )


def find_maps(folders: Sequence[Path], scan: Scan) -> dict[str, Path] | None:
    """Return grey- and white-matter maps of a scan, and that of fluid if there is one, from the first folder with them.

    Parameters
    ----------
    folders : sequence of Path
        Roots of datasets or derivatives.
    scan : Scan
        The spectrum.

    Returns
    -------
    dict or None
        "gm", "wm" and perhaps "csf"; the session's own, else the participant's.
    """
    for folder in folders:
        for place in anatomical_folders(folder, scan):
            found = {name: _only(place, scan, _MAP_SUFFIX, label) for name, label in LABELS.items()}
            maps = {name: path for name, path in found.items() if path is not None}
            if "gm" in maps and "wm" in maps:
                return maps
    return None


def find_t1w(folders: Sequence[Path], scan: Scan) -> Path | None:
    """Return the T1w image of a scan: of its session, else of the participant; never that of another session.

    Of several the first by name is taken, one without a description (desc-) before others: it is for a picture alone.
    """
    for folder in folders:
        for place in anatomical_folders(folder, scan):
            found = [path for path, _ in _images(place, scan, "T1w", "")]
            if found:
                return min(found, key=lambda path: ("desc-" in path.name, path.name))
    return None


def anatomical_folders(root: Path, scan: Scan) -> list[Path]:
    """Return the folders of a session's and of the participant's anatomical images that are there, in this order."""
    person = root / scan.participant_id
    places = [person / scan.session_id / "anat"] if scan.session_id else []
    return [place for place in (*places, person / "anat") if place.is_dir()]


def _images(place: Path, scan: Scan, suffix: str, label: str) -> list[tuple[Path, int]]:
    """Return images of a suffix and label in the coordinates of the scanner, each with its number of entities."""
    own = dict(scan.entities)
    found = []
    for path in sorted(place.glob(f"*_{suffix}.nii*")):
        entities, _, extension = parse_bids_name(path.name)
        # acq- and run- of an image are its own, not those of the spectrum
        agrees = all(entities.get(key, own.get(key)) == own.get(key) for key in ("sub", "ses"))
        here = entities.get("space", "") in _OWN_SPACES and entities.get("label", "") == label
        if extension in IMAGE_EXTENSIONS and agrees and here:
            found.append((path, len(entities)))
    return found


def _only(place: Path, scan: Scan, suffix: str, label: str) -> Path | None:
    found = sorted(_images(place, scan, suffix, label), key=lambda item: item[1])
    if len(found) > 1 and found[0][1] == found[1][1]:
        msg = (
            f"{scan.path}: both {found[0][0].name} and {found[1][0].name} in {place} fit this scan; keep one map of "
            f"label-{label} for it, or give fractions in a table ([mrs] tissue)"
        )
        raise InputError(msg)
    return found[0][0] if found else None
