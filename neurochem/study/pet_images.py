"""Dynamic images as files: what was made of an image, with the sidecar that lets it be read again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.naming import sidecar_path, write_via
from neurochem.pet import DynamicImage
from neurochem.records import plain
from neurochem.study.derivatives import write_json


def write_dynamic_image(image: DynamicImage, path: Path, facts: Mapping[str, Any] | None = None) -> Path:
    """Write an image in single precision with its BIDS sidecar; return the path.

    Parameters
    ----------
    image : DynamicImage
        In kBq/mL, decay corrected to injection, as every image in memory is.
    path : Path
        Name that ends in .nii or .nii.gz.
    facts : mapping, optional
        What determined it, written before the frames.

    Notes
    -----
    Times in the file count from injection: frames before it and the shift to TimeZero of the source are gone.
    """
    import nibabel

    record: dict[str, Any] = {
        **plain(dict(facts or {})),
        "Units": "kBq/mL",
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 0,
        "InjectionStart": 0,
        "FrameTimesStart": image.frames.start_s.tolist(),
        "FrameDuration": image.frames.duration_s.tolist(),
    }
    if image.isotope is not None:
        record["TracerRadionuclide"] = image.isotope
    if image.notes:
        record["Notes"] = list(image.notes)
    data = np.empty((*image.shape, len(image.frames)), dtype=np.float32)
    for index in range(len(image.frames)):
        data[..., index] = image.frame(index)
    file = nibabel.Nifti1Image(data, image.affine)
    file.header.set_xyzt_units("mm", "sec")
    write_json(sidecar_path(path), record)
    return write_via(path, lambda temporary: nibabel.save(file, temporary))
