"""A small dynamic PET scan of a brain-like object with known kinetics and counting noise."""

from typing import Any

import numpy as np

from neurochem.pet import Feng, Frames, decay_constant_per_min, simulate
from neurochem.phantoms.people import K1_REFERENCE, REFERENCE, REGIONS, Visit
from neurochem.units import FloatArray

ISOTOPE = "C11"
SHAPE = (18, 22, 16)
VOXEL_MM = 9.0
# 90 minutes in 30 frames of 15 s to 7 min.
FRAME_DURATIONS_S = (15,) * 4 + (30,) * 4 + (60,) * 4 + (120,) * 5 + (300,) * 9 + (420,) * 4
# Feng's published shape, scaled to a plausible plasma curve; arrival 20 s after injection.
INPUT = Feng(A1=851.1225, A2=21.8798, A3=20.8113, L1=4.133859, L2=0.1191, L3=0.01043, t0_s=20.0)
# Decays counted per (kBq/mL s) in one voxel: sets the noise.
SENSITIVITY = 0.06
LABELS = {1: REFERENCE, **{index + 2: name for index, name in enumerate(REGIONS)}}


def frames() -> Frames:
    """Return the frames of the scan."""
    durations = np.array(FRAME_DURATIONS_S, dtype=float)
    return Frames(np.concatenate([[0.0], np.cumsum(durations)[:-1]]), durations)


def affine() -> FloatArray:
    """Return the affine of the image, origin at its centre."""
    matrix = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    matrix[:3, 3] = -VOXEL_MM * (np.array(SHAPE) - 1) / 2.0
    return matrix


def label_image() -> np.ndarray:
    """Return the labels of the object, shape (x, y, z): an ellipsoid of cortex and white matter with nuclei inside."""
    x, y, z = np.meshgrid(*(np.arange(n) - (n - 1) / 2.0 for n in SHAPE), indexing="ij")
    head = (x / 8.0) ** 2 + (y / 10.0) ** 2 + (z / 7.2) ** 2
    labels = np.zeros(SHAPE, dtype=np.int16)
    numbers = {name: number for number, name in LABELS.items()}
    labels[(head <= 1.0) & (head > 0.62) & (z > -3.0)] = numbers["cortex"]

    def ball(name: str, centre: tuple[float, float, float], radius: float) -> None:
        distance = (np.abs(x) - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2
        labels[distance <= radius**2] = numbers[name]

    ball("thalamus", (1.6, -0.5, 1.0), 1.6)
    ball("putamen", (3.8, 2.0, 0.5), 1.6)
    ball("hippocampus", (3.6, -2.0, -2.2), 1.3)
    ball("midbrain", (0.5, -1.5, -2.0), 1.4)
    ball(REFERENCE, (2.2, -6.0, -4.0), 2.3)
    return labels


def regional_curves(visit: Visit, grid: Frames) -> dict[str, FloatArray]:
    """Return the exact frame means of every region in kBq/mL."""
    reference = INPUT.convolved(K1_REFERENCE, visit.k2prime)
    curves = {REFERENCE: reference.frame_means(grid.start_min, grid.end_min)}
    for region, bpnd in visit.bpnd.items():
        r1 = visit.r1[region]
        truth = {"R1": r1, "k2": r1 * visit.k2prime, "BPND": bpnd}
        curves[region] = simulate("SRTM", grid, truth, reference=reference)
    return curves


def make_scan(visit: Visit, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return a noisy image and its scale.

    Parameters
    ----------
    visit : Visit
        Truth.
    rng : numpy.random.Generator
        Source of the counting noise.

    Returns
    -------
    stored : int16 array, shape (x, y, z, n_frames)
        Multiply by `scale` for Bq/mL, decay corrected to injection.
    scale : float

    Notes
    -----
    Each voxel and frame counts a Poisson number of decays, so that var(C) = C D/(sensitivity d) with D the decay factor.
    Voxels are independent and there is no blur: partial volume is not part of this object.
    """
    grid = frames()
    labels = label_image()
    curves = regional_curves(visit, grid)
    table = np.zeros((max(LABELS) + 1, len(grid)))
    for number, name in LABELS.items():
        table[number] = curves[name]
    # tissue without a label of its own takes up tracer without binding it
    inside = 0.6 * curves[REFERENCE]
    head = _head()
    expected = np.where((labels == 0)[..., None], np.where(head[..., None], inside, 0.0), table[labels])
    rate = decay_constant_per_min(ISOTOPE)
    per_count = np.exp(rate * grid.mid_min) / (SENSITIVITY * grid.duration_s)
    measured = rng.poisson(np.maximum(expected, 0.0) / per_count) * per_count
    scale = 1000.0 * float(measured.max()) / 32000.0
    return np.round(1000.0 * measured / scale).astype(np.int16), scale


def _head() -> np.ndarray:
    x, y, z = np.meshgrid(*(np.arange(n) - (n - 1) / 2.0 for n in SHAPE), indexing="ij")
    return (x / 8.0) ** 2 + (y / 10.0) ** 2 + (z / 7.2) ** 2 <= 1.0


def sidecar() -> dict[str, Any]:
    """Return the BIDS sidecar of a scan; fields that a phantom does not have say so."""
    grid = frames()
    return {
        "Manufacturer": "none (phantom)",
        "ManufacturersModelName": "neurochem phantom",
        "Units": "Bq/mL",
        "TracerName": "DASB-like",
        "TracerRadionuclide": ISOTOPE,
        "InjectedRadioactivity": 500,
        "InjectedRadioactivityUnits": "MBq",
        "InjectedMass": "n/a",
        "InjectedMassUnits": "n/a",
        "SpecificRadioactivity": "n/a",
        "SpecificRadioactivityUnits": "n/a",
        "ModeOfAdministration": "bolus",
        "TimeZero": "10:00:00",
        "ScanStart": 0,
        "InjectionStart": 0,
        "FrameTimesStart": grid.start_s.tolist(),
        "FrameDuration": grid.duration_s.tolist(),
        "AcquisitionMode": "dynamic",
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 0,
        "ReconMethodName": "none (simulated image)",
        "ReconMethodParameterLabels": ["none"],
        "ReconFilterType": "none",
        "AttenuationCorrection": "not needed (simulated)",
    }
