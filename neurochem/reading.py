"""Files that several rooms read: NIfTI images and JSON sidecars."""

import json
from pathlib import Path
from typing import Any

from neurochem.errors import FileFormatError, MissingFileError
from neurochem.naming import parse_bids_name


def load_nifti(path: str | Path) -> Any:
    """Open a NIfTI file without reading its data.

    Raises
    ------
    MissingFileError, FileFormatError
        If there is no such file, or it is not an image.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    file = Path(path)
    if not file.is_file():
        msg = f"{file}: no such file; give the path of a NIfTI image"
        raise MissingFileError(msg)
    try:
        return nibabel.load(file)
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        msg = f"{file}: not a readable NIfTI image ({error}); it is truncated, damaged or of another format; copy it again"
        raise FileFormatError(msg) from error


def read_json_object(path: str | Path) -> dict[str, Any]:
    """Return the fields of a JSON sidecar, with or without a byte-order mark.

    Raises
    ------
    FileFormatError
        If it is not JSON, or holds anything but one object.
    """
    file = Path(path)
    try:
        record = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        msg = f"{file}: not valid JSON ({error}); repair the sidecar"
        raise FileFormatError(msg) from error
    if not isinstance(record, dict):
        msg = f"{file}: a sidecar is a JSON object, not {type(record).__name__}; repair it"
        raise FileFormatError(msg)
    return record


def inherited_fields(path: str | Path) -> dict[str, Any]:
    """Return fields of sidecars higher up in a BIDS dataset that apply to a file, those of the nearest folder last.

    A sidecar applies if it has the suffix of the file and none of its entities differs; nothing is inherited outside a
    dataset (a folder with dataset_description.json at or above the file).

    Raises
    ------
    FileFormatError
        If one of them is not a JSON object.
    """
    file = Path(path).absolute()
    entities, suffix, _ = parse_bids_name(file.name)
    folders = list(file.parents)
    root = next((index for index, item in enumerate(folders) if (item / "dataset_description.json").is_file()), None)
    fields: dict[str, Any] = {}
    for folder in reversed(folders[1 : root + 1] if root is not None else []):
        for candidate in sorted({*folder.glob(f"*_{suffix}.json"), folder / f"{suffix}.json"}):
            other, _, _ = parse_bids_name(candidate.name)
            if candidate.is_file() and other.items() <= entities.items():
                fields.update(read_json_object(candidate))
    return fields
