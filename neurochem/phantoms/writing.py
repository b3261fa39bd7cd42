"""Writing images and tables of phantoms: the same input gives the same bytes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.naming import MISSING, write_text, write_via
from neurochem.units import FloatArray


def write_image(path: Path, data: np.ndarray, affine: FloatArray, scale: float | None = None) -> Path:
    """Write a NIfTI image; integers are stored as they are, with `scale` as their slope."""
    import nibabel

    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    if scale is not None:
        # the header stores a float32 slope: values written are those a reader gets back
        image.header.set_slope_inter(np.float32(scale), 0.0)
    return write_via(path, lambda temporary: nibabel.save(image, temporary))


def write_json(path: Path, record: Any) -> Path:
    """Write JSON."""
    return write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def write_table(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Path:
    """Write a TSV; numbers keep ten digits, missing values are n/a."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(row.get(column)) for column in columns) for row in rows]
    return write_text(path, "\n".join(lines) + "\n")


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return MISSING
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def read_truth(path: Path) -> list[dict[str, str]]:
    """Read a table that `write_table` wrote, as text."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]
