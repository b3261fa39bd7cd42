"""Images of known truth that the tests of parametric maps share."""

from dataclasses import dataclass

import numpy as np

import neurochem as nc
from tests.pet.plasma_truth import BLOOD
from tests.pet.truth import FENG, FRAMINGS, reference_curve

FRAMES = FRAMINGS["15 s to 7 min"]
REFERENCE = reference_curve()
REFERENCE_MEANS = REFERENCE.frame_means(FRAMES.start_min, FRAMES.end_min)
PLASMA = FENG
AFFINE = np.array([[0.0, -2, 0, 30], [2, 0, 0, -40], [0, 0, 3, 10], [0, 0, 0, 1.0]])
# one over variance: not proportional to anything the package would choose by itself
WEIGHTS = np.sqrt(FRAMES.duration_s) * np.linspace(1.0, 0.4, len(FRAMES))


def noise_sd(frames=FRAMES, activity=REFERENCE_MEANS, *, level=0.10, at_min=45.0, half_life_min=20.4):
    """Return counting noise of every frame, a share `level` of the activity in the frame at `at_min`."""
    decay = np.exp(np.log(2) * frames.mid_min / half_life_min)
    shape = np.sqrt(activity * decay / frames.duration_s)
    here = int(np.searchsorted(frames.end_min, at_min))
    return level * activity[here] * shape / shape[here]


def srtm_curves(bpnd, r1, *, k2prime=0.1, frames=FRAMES, reference=REFERENCE):
    """Return noise-free SRTM curves, shape (n, n_frames)."""
    pairs = zip(np.atleast_1d(bpnd), np.atleast_1d(r1), strict=True)
    truth = [{"R1": r, "k2": k2prime * r, "BPND": b} for b, r in pairs]
    return np.array([nc.pet.simulate("SRTM", frames, record, reference=reference) for record in truth])


def one_tissue_curves(vt, k1, vb, *, frames=FRAMES):
    """Return noise-free one-tissue curves with whole blood, shape (n, n_frames)."""
    blood = arterial()
    truth = [{"K1": k, "VT": v, "VB": b} for v, k, b in zip(vt, k1, vb, strict=True)]
    return np.array([nc.pet.simulate("1TCM", frames, record, blood=blood) for record in truth])


def arterial(*, whole=True):
    time_s = np.concatenate([np.arange(0.0, 180.0), np.arange(180.0, FRAMES.end_s[-1] + 61.0, 10.0)])
    return nc.pet.ArterialInput(time_s, PLASMA.values(time_s / 60), BLOOD.values(time_s / 60) if whole else None)


def image_of(rows, shape=None, *, frames=FRAMES, dtype=np.float32, order="C", affine=AFFINE, **keywords):
    """Return voxels, shape (n, n_frames), as an image; in a line along x unless a shape is given."""
    rows = np.asarray(rows)
    volume = np.array(rows.reshape(*(shape or (len(rows), 1, 1)), rows.shape[-1]), dtype=dtype, order=order)
    return nc.pet.DynamicImage(volume, frames, affine, isotope="C11", **keywords)


def voxels_as_regions(image):
    """Return every voxel of an image as a region, in the order of the volume."""
    rows = np.asarray(image.data, dtype=float).reshape(-1, image.data.shape[3])
    return nc.pet.TimeActivityCurves(
        image.frames, rows.T, regions=[f"v{i}" for i in range(len(rows))], isotope=image.isotope
    )


@dataclass(frozen=True)
class Agreement:
    """Largest relative differences of values and standard errors over voxels that are ok, and how many those are."""

    value: dict
    stderr: dict
    count: int


def compared(maps, fits, *, status=("ok",)):
    """Compare maps with the regional fits of the same voxels, which are listed in the order of the volume."""
    chosen = np.any([np.asarray(maps.status == name).ravel() for name in status], axis=0)
    values, errors = {}, {}
    for name in maps.names:
        here, error = maps[name].data.ravel()[chosen], maps[name].stderr.ravel()[chosen]
        there = np.array([fit[name].value for fit in fits.values()])[chosen]
        their = np.array([fit[name].stderr for fit in fits.values()])[chosen]
        values[name] = _largest(here, there)
        errors[name] = _largest(error, their)
    return Agreement(values, errors, int(chosen.sum()))


def _largest(here, there):
    assert np.array_equal(np.isfinite(here), np.isfinite(there))
    sound = np.isfinite(there)
    if not sound.any():
        return 0.0
    return float(np.max(np.abs(here[sound] - there[sound]) / np.maximum(np.abs(there[sound]), 1e-30)))
