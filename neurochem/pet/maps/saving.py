"""Maps as files: NIfTI images with JSON sidecars under the draft BIDS names."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurochem.naming import (
    MODEL_ENTITY,
    PARAMETRIC_MAP_SUFFIX,
    bids_name,
    parse_bids_name,
    sidecar_path,
    write_text,
    write_via,
)
from neurochem.pet.maps.status import MEANINGS
from neurochem.records import plain

if TYPE_CHECKING:
    from neurochem.pet.maps.result import ParametricMaps


def save_maps(
    maps: "ParametricMaps", folder: str | Path, prefix: str = "", names: tuple[str, ...] | None = None
) -> list[Path]:
    """Write `<prefix>_model-<model>_meas-<parameter>_mimap.nii.gz`, the same with `desc-stderr`, and the status.

    Parameters
    ----------
    maps : ParametricMaps
        What to write.
    folder : path
        Where; made if it is not there.
    prefix : str
        Entities of the scan, for example "sub-01_ses-baseline".
    names : tuple of str, optional
        Parameters; all by default.

    Returns
    -------
    list of Path
        The images. Each has a sidecar that states unit, model, settings, and what the status codes mean.

    Notes
    -----
    The entity `meas` and the suffix `mimap` are drafts of the BIDS PET derivatives, not a standard.
    """
    target = Path(folder)
    entities = parse_bids_name(f"{prefix}_x")[0] if prefix else {}
    shared = {
        "ModelName": maps.model,
        "Settings": plain(dict(maps.settings)),
        "Flags": [flag.message for flag in maps.flags],
        "VoxelCounts": maps.counts(),
    }
    written = []
    for name in names or maps.names:
        known = maps[name]
        for stderr in (False, True):
            stem = {**entities, MODEL_ENTITY: maps.model, "meas": known.name, "desc": "stderr" if stderr else ""}
            what = f"standard error of {known.name}" if stderr else known.name
            record = {"Description": f"{what} in every voxel", "Units": known.unit or "ratio", **shared}
            volume = known.stderr if stderr else known.data
            written.append(_write(target / bids_name(stem, PARAMETRIC_MAP_SUFFIX, ".nii.gz"), volume, maps, record))
    stem = {**entities, MODEL_ENTITY: maps.model, "desc": "status"}
    meanings = {str(int(code)): f"{code.name.casefold()}: {text}" for code, text in MEANINGS.items()}
    record = {"Description": "what became of every voxel", "Levels": meanings, **shared}
    path = target / bids_name(stem, PARAMETRIC_MAP_SUFFIX, ".nii.gz")
    written.append(_write(path, np.asarray(maps.status), maps, record))
    return written


def _write(path: Path, volume: np.ndarray, maps: "ParametricMaps", record: dict[str, object]) -> Path:
    import nibabel

    image = nibabel.Nifti1Image(volume, maps.affine)
    image.header.set_xyzt_units("mm")
    write_text(sidecar_path(path), json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return write_via(path, lambda temporary: nibabel.save(image, temporary))
