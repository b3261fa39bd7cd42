"""What a page shows of a spectroscopy scan beside its fit: every preprocessing step, and where the voxel lies."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from neurochem import mrs, qc
from neurochem.figures import VERMILLION


def steps_section(clean: mrs.Preprocessed) -> qc.Section:
    """Return the part of the page that shows each step before and after, with what it did in words."""
    from neurochem.mrs.preprocess.plots import plot_steps

    lines = [f"{step.name}: {step.what}" for step in clean.steps]
    return qc.Section("Preprocessing", lines, [(plot_steps(clean), "spectra before and after every step")])


def voxel_section(mask: mrs.VoxelMask, image: Any) -> qc.Section:
    """Return the part of the page that shows the voxel on three planes of an anatomical image."""
    volume = np.asarray(image.dataobj, dtype=float)
    middle = [int(k) for k in np.round(np.argwhere(mask.fractions > 0.5).mean(axis=0))]
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    high = float(np.quantile(volume[volume > 0], 0.99)) if (volume > 0).any() else 1.0
    size = np.linalg.norm(mask.affine[:3, :3], axis=0)
    for axis, ax in enumerate(figure.subplots(1, 3)):
        across, up = (other for other in range(3) if other != axis)
        plane = np.take(volume, middle[axis], axis=axis).T
        ax.imshow(plane, origin="lower", cmap="gray", vmin=0.0, vmax=high, aspect=size[up] / size[across])
        ax.contour(
            np.take(mask.fractions, middle[axis], axis=axis).T, levels=[0.5], colors=[VERMILLION], linewidths=1.5
        )
        ax.set_title(f"{'ijk'[axis]} = {middle[axis]}", fontsize=9)
        ax.set_xlabel(f"{'ijk'[across]} (image voxel)", fontsize=8)
        ax.set_ylabel(f"{'ijk'[up]} (image voxel)", fontsize=8)
    inside = f"{mask.volume_ml:.2f} mL, {100 * mask.covered:.0f} % of it inside the image"
    line = f"{inside}; the nominal box, without chemical shift displacement"
    return qc.Section("Voxel", [line], [(figure, "outline of the voxel on three planes of the anatomical image")])
