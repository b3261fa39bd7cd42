"""Find what a BIDS dataset holds: people, sessions, PET images or TACs, spectra with their water reference."""

import fnmatch
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurochem.errors import FileFormatError, InputError, MissingFileError, unknown_name
from neurochem.naming import (
    BLOOD_SUFFIX,
    MISSING,
    MRS_REFERENCE_SUFFIX,
    TACS_SUFFIX,
    parse_bids_name,
    sidecar_path,
)

IMAGE_EXTENSIONS = (".nii.gz", ".nii")
# Entities that describe how a derivative was made, not which scan it belongs to.
LABELS_FILE = "dseg.tsv"
_DERIVED_ENTITIES = frozenset({"desc", "seg", "space", "res", "label", "den", "model", "recording", "pvc", "ref"})


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of one person: what is fitted together and gets one page.

    Attributes
    ----------
    participant_id, session_id : str
        "sub-01" and "ses-baseline"; the session is empty in a dataset without sessions.
    modality : str
        "pet" or "mrs".
    path : Path
        The image, the table of time-activity curves, or the spectrum.
    entities : tuple of (key, value)
        BIDS entities of the scan, in the order of its file name.
    """

    participant_id: str
    session_id: str
    modality: str
    path: Path
    entities: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Return the scan's own name, for example "sub-01_ses-baseline_pet"."""
        return "_".join([*(f"{key}-{value}" for key, value in self.entities), self.modality])

    @property
    def label(self) -> str:
        """Return the name as people read it."""
        extra = [f"{key}-{value}" for key, value in self.entities if key not in {"sub", "ses"}]
        return " ".join(part for part in (self.participant_id, self.session_id, *extra, self.modality) if part)

    @property
    def folder(self) -> Path:
        """Return the folder of the scan's results, relative to the output folder."""
        return Path(self.participant_id, *([self.session_id] if self.session_id else []), self.modality)

    @property
    def session_or_missing(self) -> str:
        """Return the session as tables write it."""
        return self.session_id or MISSING


def list_participants(folder: Path) -> list[str]:
    """Return the `sub-` folders of a dataset or derivative, sorted."""
    return sorted(path.name for path in folder.glob("sub-*") if path.is_dir())


def list_sessions(folder: Path, participants: Iterable[str]) -> list[str]:
    """Return every `ses-` folder that any of the participants has, sorted."""
    return sorted({path.name for person in participants for path in (folder / person).glob("ses-*") if path.is_dir()})


def select_labels(wanted: Sequence[str] | None, known: Sequence[str], *, prefix: str, kind: str) -> list[str]:
    """Return the known names that were asked for, all of them when nothing was.

    Parameters
    ----------
    wanted : sequence of str or None
        Labels with or without their prefix: "01" and "sub-01" are the same.
    known : sequence of str
        Full names that exist.
    prefix, kind : str
        "sub-" or "ses-", and the words for a message.

    Raises
    ------
    UnknownNameError
        If a label is not known; the message lists those that are and the nearest.
    """
    if not wanted:
        return list(known)
    labels = [name.removeprefix(prefix) for name in known]
    chosen = set()
    for label in wanted:
        bare = str(label).removeprefix(prefix)
        if bare not in labels:
            raise unknown_name(bare, labels, kind=kind)
        chosen.add(prefix + bare)
    return [name for name in known if name in chosen]


def find_scans(
    bids_dir: Path,
    *,
    tacs: str = "",
    participants: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None,
    nulled: tuple[str, str] | None = None,
) -> list[Scan]:
    """Return the scans of a dataset in a fixed order.

    Parameters
    ----------
    bids_dir : Path
        Root of the dataset.
    tacs : str, optional
        Folder, relative to the root, that holds `*_tacs.tsv`; PET scans are then these tables, not images.
    participants, sessions : sequence of str, optional
        Labels to keep, with or without `sub-` and `ses-`.
    nulled : (key, value), optional
        Entity of metabolite-nulled spectra, which serve others and are left out.

    Returns
    -------
    list of Scan
        Sorted by person, session, modality and name.

    Raises
    ------
    MissingFileError
        If a folder does not exist or holds no person.
    UnknownNameError
        If a label is unknown.
    InputError
        If two scans of one session would give the same markers.
    """
    check_dataset(bids_dir)
    tacs_dir = bids_dir / tacs if tacs else None
    if tacs_dir is not None and not tacs_dir.is_dir():
        msg = f"{tacs_dir}: no such folder; [pet] tacs must name a folder below {bids_dir.name} that holds *_tacs.tsv"
        raise MissingFileError(msg)
    roots = [bids_dir] if tacs_dir is None else [bids_dir, tacs_dir]
    known = sorted({person for root in roots for person in list_participants(root)})
    if not known:
        msg = f"{bids_dir}: no folder sub-*; give the root of a BIDS dataset, where participants.tsv lies"
        raise MissingFileError(msg)
    people = select_labels(participants, known, prefix="sub-", kind="participant label")
    visits = sorted({visit for root in roots for visit in list_sessions(root, known)})
    kept = select_labels(sessions, visits, prefix="ses-", kind="session label")
    found = [scan for person in people for scan in _scans_of(bids_dir, tacs_dir, person)]
    scans = [scan for scan in found if not sessions or scan.session_id in kept]
    scans = [scan for scan in scans if nulled is None or nulled not in scan.entities or scan.modality != "mrs"]
    scans.sort(key=lambda scan: (scan.participant_id, scan.session_id, scan.modality, scan.name))
    _refuse_rivals(scans)
    return scans


def check_dataset(bids_dir: Path) -> None:
    """Raise MissingFileError unless the folder exists."""
    if not bids_dir.is_dir():
        msg = f"{bids_dir}: no such folder; give the root of a BIDS dataset"
        raise MissingFileError(msg)


def _scans_of(bids_dir: Path, tacs_dir: Path | None, person: str) -> list[Scan]:
    ignored = _ignore_patterns(bids_dir)
    files = sorted((bids_dir / person).rglob("*")) if (bids_dir / person).is_dir() else []
    kinds = {"svs": "mrs"} if tacs_dir is not None else {"svs": "mrs", "pet": "pet"}
    scans = [
        _scan(path, kinds[suffix])
        for path, suffix, extension in _named(files)
        if suffix in kinds and extension in IMAGE_EXTENSIONS and not _is_ignored(path.relative_to(bids_dir), ignored)
    ]
    if tacs_dir is not None:
        tables = sorted((tacs_dir / person).rglob(f"*_{TACS_SUFFIX}.tsv"))
        scans += [_scan(path, "pet") for path, _, _ in _named(tables)]
    return scans


def _named(files: Iterable[Path]) -> list[tuple[Path, str, str]]:
    parsed = ((path, parse_bids_name(path.name)) for path in files)
    return [(path, suffix, extension) for path, (_, suffix, extension) in parsed]


def _scan(path: Path, modality: str) -> Scan:
    entities, _, _ = parse_bids_name(path.name)
    if "sub" not in entities:
        msg = f"{path}: the file name has no entity 'sub'; name it sub-<label>[_ses-<label>]_..., as BIDS asks"
        raise FileFormatError(msg)
    kept = tuple((key, value) for key, value in entities.items() if key not in _DERIVED_ENTITIES)
    session = f"ses-{entities['ses']}" if "ses" in entities else ""
    return Scan(f"sub-{entities['sub']}", session, modality, path, kept)


def _ignore_patterns(bids_dir: Path) -> list[str]:
    file = bids_dir / ".bidsignore"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _is_ignored(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(str(path), p.strip("/")) or fnmatch.fnmatch(path.name, p) for p in patterns)


def _refuse_rivals(scans: Sequence[Scan]) -> None:
    """Two scans that would write the same row of the markers table are an error before anything runs.

    An edited and an unedited spectrum of one voxel have markers of their own; see `neurochem.study.mrs_pairs`.
    """
    seen: dict[tuple[str, ...], Scan] = {}
    for scan in scans:
        key: tuple[str, ...] = (
            scan.participant_id, scan.session_id, scan.modality, dict(scan.entities).get("voi", ""),
        )  # fmt: skip
        if key in seen and declares_edits(scan.path) != declares_edits(seen[key].path):
            key = (*key, "the other of an edited and an unedited one")
        if key in seen:
            msg = (
                f"{scan.path}: second {scan.modality} scan of {scan.participant_id} {scan.session_id} beside "
                f"{seen[key].path.name}; both would give the same markers. List the one to leave out in .bidsignore"
            )
            raise InputError(msg)
        seen[key] = scan


def declares_edits(path: Path) -> bool:
    """Say whether the header of a NIfTI-MRS file has a dimension of edit conditions, without reading its data."""
    if not path.name.endswith(IMAGE_EXTENSIONS):
        return False
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    try:
        extensions = nibabel.load(path).header.extensions  # type: ignore[attr-defined]  # NIfTI alone ends in .nii
        return any(b"DIM_EDIT" in extension.content for extension in extensions)
    except (ImageFileError, OSError, EOFError, ValueError):
        # what is wrong with the file is said when it is read
        return False


def find_nulled(scan: Scan, entity: tuple[str, str]) -> Path:
    """Return the metabolite-nulled spectrum of a scan's session and voxel.

    Parameters
    ----------
    scan : Scan
        The spectrum whose macromolecules it shows.
    entity : (key, value)
        What marks it, for example ("acq", "nulled").

    Raises
    ------
    MissingFileError, InputError
        If there is none, or several fit.
    """
    own = dict(scan.entities)
    fitting = []
    for path, suffix, extension in _named(sorted(scan.path.parent.glob("*_svs.nii*"))):
        entities = parse_bids_name(path.name)[0]
        same = all(entities.get(key, own.get(key)) == own.get(key) for key in ("sub", "ses", "voi"))
        if suffix == "svs" and extension in IMAGE_EXTENSIONS and entities.get(entity[0]) == entity[1] and same:
            fitting.append(path)
    if len(fitting) == 1:
        return fitting[0]
    listed = " and ".join(path.name for path in fitting)
    found = f"both {listed} fit" if fitting else f"there is no *_{'-'.join(entity)}*_svs.nii.gz in {scan.path.parent}"
    msg = f"{scan.path}: [mrs] nulled = '{'-'.join(entity)}', but {found}; one metabolite-nulled scan a voxel is needed"
    raise (InputError if fitting else MissingFileError)(msg)


def find_companion(scan: Scan, folder: Path, suffix: str, extensions: Sequence[str]) -> Path | None:
    """Return the one file of that suffix in a folder whose entities do not contradict the scan's, or None.

    Raises
    ------
    InputError
        If several files fit equally well.
    """
    own = dict(scan.entities)
    fitting = []
    for path in sorted(folder.glob("*")):
        entities, found, extension = parse_bids_name(path.name)
        if found != suffix or extension not in extensions:
            continue
        shared = {key: value for key, value in entities.items() if key not in _DERIVED_ENTITIES}
        if all(own.get(key, value) == value for key, value in shared.items()):
            agreement = sum(own.get(key) == value for key, value in shared.items())
            fitting.append((agreement, -len(entities), path))
    if not fitting:
        return None
    fitting.sort(key=lambda item: item[:2], reverse=True)
    if len(fitting) > 1 and fitting[0][:2] == fitting[1][:2]:
        msg = (
            f"{scan.path}: both {fitting[0][2].name} and {fitting[1][2].name} in {folder} fit this scan; "
            f"keep one *_{suffix} file for it"
        )
        raise InputError(msg)
    return fitting[0][2]


def find_segmentation(bids_dir: Path, scan: Scan, folder: str) -> tuple[Path, Path]:
    """Return the label image of a PET scan and the table of label names.

    Raises
    ------
    MissingFileError
        If either does not exist; the message says where it was looked for.
    """
    root = bids_dir / folder
    table = root / LABELS_FILE
    if not table.is_file():
        msg = f"{table}: no such file; [pet] segmentation needs a table dseg.tsv with columns index and name"
        raise MissingFileError(msg)
    labels = find_companion(scan, root / scan.folder, "dseg", IMAGE_EXTENSIONS)
    if labels is None:
        wanted = root / scan.folder / f"{scan.name.removesuffix('_pet')}_dseg.nii.gz"
        msg = f"{wanted}: no such file; every PET image needs its label image, or set [pet] tacs to a folder of TACs"
        raise MissingFileError(msg)
    return labels, table


def find_water(bids_dir: Path, scan: Scan) -> Path:
    """Return the water reference of a spectrum: the sidecar's ReferenceSignal, else the mrsref file beside it.

    Raises
    ------
    MissingFileError
        If there is none; concentrations need it.
    """
    stated = _reference_signal(bids_dir, scan)
    if stated is not None:
        return stated
    water = find_companion(scan, scan.path.parent, MRS_REFERENCE_SUFFIX, IMAGE_EXTENSIONS)
    if water is None:
        msg = (
            f"{scan.path}: no water reference (*_{MRS_REFERENCE_SUFFIX}.nii.gz) in {scan.path.parent}; "
            "concentrations are scaled to water: add the file, or name it in the sidecar's ReferenceSignal"
        )
        raise MissingFileError(msg)
    return water


def _reference_signal(bids_dir: Path, scan: Scan) -> Path | None:
    sidecar = sidecar_path(scan.path)
    if not sidecar.is_file():
        return None
    try:
        stated = json.loads(sidecar.read_text(encoding="utf-8")).get("ReferenceSignal")
        stated = stated[0] if isinstance(stated, list) and stated else stated
    except (ValueError, AttributeError) as error:
        msg = f"{sidecar}: not a JSON object ({error}); write the sidecar again"
        raise FileFormatError(msg) from error
    if stated is None:
        return None
    path = bids_dir / str(stated).removeprefix("bids::").lstrip("/")
    if not path.is_file():
        msg = f"{sidecar}: ReferenceSignal '{stated}' names no file of the dataset; correct it or remove the field"
        raise MissingFileError(msg)
    return path


def find_blood(scan: Scan) -> list[Path]:
    """Return every blood table beside a PET scan: autosampler and manual samples are parts of one input."""
    own = {key: value for key, value in scan.entities if key in {"sub", "ses", "trc", "run"}}
    found = []
    for path in sorted(scan.path.parent.glob(f"*_{BLOOD_SUFFIX}.tsv")):
        entities, _, _ = parse_bids_name(path.name)
        if all(own.get(key, value) == value for key, value in entities.items() if key in {"sub", "ses", "trc", "run"}):
            found.append(path)
    return found
