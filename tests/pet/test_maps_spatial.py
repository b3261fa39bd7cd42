"""The spatial constraint on washout rates: what it gains, what it costs, and that it does nothing where it should not."""

from functools import cache

import numpy as np
import pytest

import neurochem as nc
from tests.pet.maps_truth import FRAMES, REFERENCE, noise_sd, srtm_curves

SHAPE = (30, 30, 8)
GRID = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij"))
WEIGHTS = 1.0 / noise_sd() ** 2


def smooth_truth():
    """Return BPND that varies from 0.2 to 1.8 over the volume."""
    return np.round(1.0 + 0.8 * np.sin(2.5 * GRID[0]) * np.cos(2 * GRID[1]), 1)


def edged_truth():
    """Return BPND of 2 beside 0.5, and a slab where nothing binds."""
    truth = np.where(GRID[0] + 0.3 * GRID[1] > 0.1, 2.0, 0.5)
    truth[GRID[2] > 0.5] = 0.0
    return truth


TRUTHS = {"smooth": smooth_truth(), "edged": edged_truth()}


@cache
def curves_of(bpnd):
    return srtm_curves(np.full(5, bpnd), np.linspace(0.85, 1.15, 5))


def phantom(kind, level):
    truth = TRUTHS[kind]
    delivery = np.clip(np.round(2 + 2 * GRID[1]), 0, 4).astype(int)
    volume = np.zeros((*SHAPE, len(FRAMES)))
    for bpnd in np.unique(truth):
        here = truth == bpnd
        volume[here] = curves_of(float(bpnd))[delivery[here]]
    volume += noise_sd(level=level) * np.random.default_rng(4).standard_normal(volume.shape)
    return nc.pet.DynamicImage(volume.astype(np.float32), FRAMES, np.diag([2.0, 2, 2, 1]), isotope="C11")


def fitted(image, **choices):
    return nc.pet.fit_image(image, "SRTM", reference=REFERENCE, weights=WEIGHTS, **choices)


def robust_sd(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


@pytest.mark.parametrize(("kind", "level", "gain"), [("smooth", 0.1, 0.75), ("edged", 0.1, 0.75), ("edged", 0.2, 0.75)])
def test_spread_falls_by_a_quarter_and_more_and_errors_stay_true(kind, level, gain):
    """Measured: spread 0.51 to 0.75 of the free fit's, bias up to 1.2 % at 20 % noise, coverage 93 to 97 %."""
    truth, image = TRUTHS[kind], phantom(kind, level)
    free, held = fitted(image), fitted(image, spatial_fwhm_mm=6.0)
    for low, high in ((-0.1, 0.1), (0.2, 0.7), (0.8, 1.3), (1.4, 2.1)):
        here = (truth >= low) & (truth <= high)
        if not here.any():
            continue
        loose, tight = (maps["BPND"].data[here].astype(float) - truth[here] for maps in (free, held))
        errors = held["BPND"].stderr[here]
        # a null voxel's washout is not determined, so that its BPND leans little on it, but for the outliers
        assert robust_sd(tight) < (gain if low > 0 else 0.9) * robust_sd(loose)
        assert np.sqrt(np.mean(tight**2)) < gain * np.sqrt(np.mean(loose**2))
        assert abs(np.median(tight)) < 0.02 + 0.1 * level * high
        assert 0.91 < np.mean(np.abs(tight) < 1.96 * errors) < 0.985
        if low > 0:
            assert np.median(errors) < np.median(free["BPND"].stderr[here])


def test_the_constraint_keeps_null_voxels_off_the_limits_of_the_search():
    image = phantom("edged", 0.1)
    assert fitted(image).counts()["edge"] > 200
    held = fitted(image, spatial_fwhm_mm=6.0)
    assert held.counts()["edge"] == 0
    assert np.abs(held["BPND"].data[TRUTHS["edged"] == 0]).max() < 0.3
    assert held.settings["spatial_fwhm_mm"] == 6.0


def test_with_hardly_any_noise_a_huge_neighbourhood_changes_nothing():
    """The prior of a whole volume is wrong for every voxel of it, and gives way to data a hundred times as sure."""
    image = phantom("edged", 1e-4)
    binds = TRUTHS["edged"] > 0
    free, held = fitted(image), fitted(image, spatial_fwhm_mm=1000.0)
    np.testing.assert_allclose(held["BPND"].data[binds], free["BPND"].data[binds], rtol=2e-4)
    np.testing.assert_allclose(held["R1"].data[binds], free["R1"].data[binds], rtol=2e-4)


def test_a_neighbourhood_narrower_than_a_voxel_still_leans_on_the_voxel_itself_alone():
    """No neighbour lends anything, so that the estimate stays where it was."""
    image = phantom("smooth", 0.1)
    free, held = fitted(image), fitted(image, spatial_fwhm_mm=0.2)
    ok = np.asarray(free.status == "ok")
    np.testing.assert_allclose(held["BPND"].data[ok], free["BPND"].data[ok], atol=2e-5, rtol=2e-5)


def test_smoothing_lowers_the_spread_and_says_that_errors_are_not_calibrated():
    image = phantom("smooth", 0.2)
    truth, inside = TRUTHS["smooth"], np.abs(GRID).max(axis=0) < 0.7
    free = fitted(image)
    for choice in ("smooth_fwhm_mm", "hypr_fwhm_mm"):
        quiet = fitted(image, **{choice: 4.0})
        assert quiet.settings[choice] == 4.0
        assert "not calibrated" in {flag.name: flag for flag in quiet.flags}["denoised"].message
        spread = [robust_sd((maps["BPND"].data - truth)[inside]) for maps in (free, quiet)]
        # 0.61 measured, the blur of the truth included
        assert spread[1] < 0.7 * spread[0]
