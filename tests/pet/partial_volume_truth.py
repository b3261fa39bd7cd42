"""Blurred objects in closed form, and small phantoms of uniform regions."""

import math

import numpy as np
from scipy.special import erf

from neurochem.pet.partial_volume import gaussian_smooth

SIGMA_PER_FWHM = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))


def slab_recovery(thickness, sigma):
    """Return the mean over a slab of the blurred slab."""
    if sigma == 0:
        return 1.0
    u = thickness / (math.sqrt(2.0) * sigma)
    return erf(u) - (1.0 - math.exp(-u * u)) / (u * math.sqrt(math.pi))


def interval_overlap(a, b, sigma):
    """Return the integral over interval a of blurred interval b, in mm."""

    def second(x):
        """Return the integral of the normal distribution function, rising from 0."""
        z = x / sigma
        return 0.5 * x * (1.0 + math.erf(z / math.sqrt(2.0))) + sigma * math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

    return (second(a[1] - b[0]) - second(a[0] - b[0])) - (second(a[1] - b[1]) - second(a[0] - b[1]))


def ball_centre_recovery(radius, sigma):
    """Return the centre of a blurred ball of activity one."""
    u = radius / sigma
    return math.erf(u / math.sqrt(2.0)) - math.sqrt(2.0 / math.pi) * u * math.exp(-0.5 * u * u)


def ball_mean_recovery(radius, sigma):
    """Return the mean over a ball of the blurred ball.

    The chance that two points at distance r both lie in it is 1 - 3 r/(4 a) + r^3/(16 a^3); its Gaussian mean has moments
    of r up to 2 a that are erf and exponentials.
    """
    end = 2.0 * radius
    u = 0.5 * (end / sigma) ** 2
    norm = 4.0 * math.pi / (2.0 * math.pi * sigma**2) ** 1.5
    second = ball_centre_recovery(end, sigma)
    third = norm * 2.0 * sigma**4 * (1.0 - (1.0 + u) * math.exp(-u))
    fifth = norm * 8.0 * sigma**6 * (1.0 - (1.0 + u + 0.5 * u * u) * math.exp(-u))
    return second - 0.75 * third / radius + fifth / (16.0 * radius**3)


def ball_profile(distance, radius, sigma):
    """Return a blurred ball of activity one at distances from its centre."""
    r = np.maximum(distance, 1e-6)
    root = math.sqrt(2.0) * sigma
    steps = 0.5 * (erf((radius + r) / root) + erf((radius - r) / root))
    waves = np.exp(-(((radius - r) / root) ** 2)) - np.exp(-(((radius + r) / root) ** 2))
    return steps - sigma / (r * math.sqrt(2.0 * math.pi)) * waves


def ball_shares(count, voxel_mm, radius, parts=8):
    """Return the share of every voxel of a cube that lies within a centred ball, by counting points; their sum is exact."""
    fine = (np.arange(count * parts) + 0.5) * (voxel_mm / parts) - 0.5 * count * voxel_mm
    square = fine**2
    inside = np.zeros((count, count, count))
    for index in range(count):
        rows = square[index * parts : (index + 1) * parts, None, None] + square[:, None] + square
        inside[index] = (rows <= radius**2).reshape(parts, count, parts, count, parts).mean(axis=(0, 2, 4))
    return inside * (4.0 / 3.0 * math.pi * radius**3 / voxel_mm**3 / inside.sum())


def oblique(voxel_mm, angle=0.4):
    """Return the affine of rotated, shifted voxels."""
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    affine = np.eye(4)
    affine[:3, :3] = turn * np.asarray(voxel_mm)
    affine[:3, 3] = (-40.0, 12.0, 7.0)
    return affine


VOXEL_MM = (2.0, 1.5, 2.5)
FWHM_MM = (6.0, 5.0, 7.0)
NAMES = {3: "white", 7: "cortex", 8: "putamen", 20: "nucleus"}
VALUES = {3: 1.0, 7: 4.0, 8: 6.0, 20: 9.0}


def head():
    """Return labels of a nucleus beside a putamen in white matter, with a cortex of two voxels around."""
    x, y, z = np.meshgrid(*(np.arange(n) - 0.5 * (n - 1) for n in (30, 32, 24)), indexing="ij")
    far = np.sqrt((x / 12.0) ** 2 + (y / 13.0) ** 2 + (z / 9.0) ** 2)
    labels = np.zeros(far.shape, dtype=np.int16)
    labels[far < 1.0] = 7
    labels[far < 0.82] = 3
    labels[6:12, 11:20, 8:16] = 8
    labels[12:15, 13:17, 10:14] = 20
    return labels


def head_image(labels, *, background=0.0, outside="zero", values=None, fwhm_mm=FWHM_MM, affine=None):
    """Return (true, blurred) images of uniform regions."""
    table = np.full(21, background)
    for label, value in (VALUES if values is None else values).items():
        table[label] = value
    truth = table[labels]
    grid = np.diag([*VOXEL_MM, 1.0]) if affine is None else affine
    return truth, gaussian_smooth(truth, fwhm_mm, grid, outside=outside)
