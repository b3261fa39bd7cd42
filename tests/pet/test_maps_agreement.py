"""Every voxelwise estimator against the regional fit of the same voxels."""

import numpy as np
import pytest

import neurochem as nc
from neurochem.pet.maps.estimator import ESTIMATORS
from neurochem.pet.maps.estimators.srtm import VoxelSRTM
from neurochem.pet.maps.operators import frame_noise
from neurochem.pet.maps.voxel_blocks import VoxelBlocks
from neurochem.pet.maps.voxel_scan import mean_curve, voxel_inputs
from neurochem.pet.model import MODELS, Target
from tests.pet.maps_truth import (
    FRAMES,
    REFERENCE,
    REFERENCE_MEANS,
    WEIGHTS,
    arterial,
    compared,
    image_of,
    noise_sd,
    one_tissue_curves,
    srtm_curves,
    voxels_as_regions,
)

# maps are stored in single precision, whose rounding is 6e-8; the regional searches end within 1e-8 of the optimum
RELATIVE = 1e-6
LATE = {"t_star_s": 1200.0}

REFERENCE_CASES = [
    ("SRTM", {}),
    ("SRTM2", {"k2prime": 0.1}),
    ("MRTM1", {}),
    ("MRTM2", {"k2prime": 0.1}),
    ("MRTM2", {"k2prime": 0.1, "t_star_s": 900.0}),
    ("LoganRef", {"k2prime": 0.1, **LATE}),
    ("LoganRef", LATE),
    ("LoganRefML", {"k2prime": 0.1, **LATE}),
    ("PatlakRef", LATE),
    ("REPlot", LATE),
    ("SUVR", {"t1_s": 2400.0, "t2_s": 5000.0}),
    ("SUVR", {"t1_s": 2400.0, "t2_s": 4500.0}),
]
PLASMA_CASES = [
    ("1TCM", {}, True),
    ("1TCM", {"VB": 0.05}, True),
    ("1TCM", {"VB": 0.0}, True),
    ("1TCM", {}, False),
    ("Logan", LATE, True),
    ("Logan", {"VB": 0.05, **LATE}, True),
    ("MLLogan", LATE, True),
    ("MLLogan", {"VB": 0.05, **LATE}, True),
    ("MA1", LATE, True),
    ("MA1", {"VB": 0.05, **LATE}, True),
    ("Patlak", LATE, True),
    ("Patlak", {"VB": 0.05, **LATE}, True),
    ("SA", {}, True),
    ("SA", {"VB": 0.05}, True),
    ("SA", {}, False),
]


def named(case):
    return "-".join([case[0], *(f"{key}{value:g}" for key, value in case[1].items()), *map(str, case[2:])])


@pytest.fixture(scope="module")
def binding_image():
    rng = np.random.default_rng(11)
    count = 30
    clean = srtm_curves(rng.choice([0.3, 1.0, 2.0, 3.0], count), rng.uniform(0.8, 1.2, count))
    return image_of(clean + noise_sd() * rng.standard_normal(clean.shape), (5, 3, 2))


@pytest.fixture(scope="module")
def plasma_image():
    rng = np.random.default_rng(12)
    count = 30
    # some voxels without blood, so that the limit of VB is met
    clean = one_tissue_curves(
        rng.uniform(2, 8, count), rng.uniform(0.1, 0.4, count), np.maximum(rng.uniform(-0.02, 0.08, count), 0.0)
    )
    sd = noise_sd(activity=clean.mean(axis=0), level=0.05)
    return image_of(clean + sd * rng.standard_normal(clean.shape), (5, 3, 2))


def inputs_like_maps(image, model, weights=None, **options):
    """Return what `fit_image` prepares for all voxels."""
    given = {key: options.pop(key, None) for key in ("reference", "blood")}
    blocks = VoxelBlocks(image, np.ones(image.shape, dtype=bool))
    return voxel_inputs(
        blocks, MODELS[model], weights=weights, exclude=(), options=options, mean=mean_curve(blocks), **given
    )


def regional_fits(image, inputs, model):
    """Fit every voxel as a region whose noise follows the weights of all voxels, as maps take it to do."""
    kinetic, tacs = MODELS[model], voxels_as_regions(image)
    targets = [Target(name, tacs[name], frame_noise(inputs)) for name in tacs.regions]
    prepared = kinetic.prepare(targets, inputs)
    return {target.region: kinetic.fit(target, prepared) for target in targets}


def assert_same(maps, fits, *, names=None):
    """Values and errors of voxels that are ok; relative to the value, or to its error where that is larger than it."""
    ok = np.asarray(maps.status == "ok").ravel()
    assert ok.sum() > 0.7 * ok.size
    for name in names or maps.names:
        value, error = maps[name].data.ravel()[ok], maps[name].stderr.ravel()[ok]
        expected = np.array([fit[name].value for fit in fits.values()])[ok]
        their = np.array([fit[name].stderr for fit in fits.values()])[ok]
        scale = np.abs(expected)
        if name == "VB":
            # near its limit VB is far smaller than its error, and the regional search ends at a rounding of the sum of squares
            scale = np.maximum(scale, their)
        assert np.max(np.abs(value - expected) / scale) < RELATIVE, name
        assert np.array_equal(np.isfinite(error), np.isfinite(their)), name
        sound = np.isfinite(their)
        assert np.max(np.abs(error - their)[sound] / their[sound], initial=0.0) < RELATIVE, name


@pytest.mark.parametrize(("model", "options"), REFERENCE_CASES, ids=map(named, REFERENCE_CASES))
def test_reference_models_with_given_weights_agree_in_value_and_error(binding_image, model, options):
    maps = nc.pet.fit_image(binding_image, model, reference=REFERENCE, weights=WEIGHTS, **options)
    fits = nc.pet.fit(voxels_as_regions(binding_image), model, reference=REFERENCE, weights=WEIGHTS, **options)
    assert_same(maps, fits)


@pytest.mark.parametrize(("model", "options"), REFERENCE_CASES, ids=map(named, REFERENCE_CASES))
def test_reference_models_with_default_weights_agree_in_value_and_error(binding_image, model, options):
    """Graphical models are then unweighted on their graph; regional errors follow the noise that maps assume."""
    maps = nc.pet.fit_image(binding_image, model, reference=REFERENCE, **options)
    inputs = inputs_like_maps(binding_image, model, reference=REFERENCE, **options)
    assert_same(maps, regional_fits(binding_image, inputs, model))


@pytest.mark.parametrize(("model", "options", "whole"), PLASMA_CASES, ids=map(named, PLASMA_CASES))
def test_plasma_models_with_given_weights_agree_in_value_and_error(plasma_image, model, options, whole):
    blood = arterial(whole=whole)
    maps = nc.pet.fit_image(plasma_image, model, blood=blood, weights=WEIGHTS, **options)
    fits = nc.pet.fit(voxels_as_regions(plasma_image), model, blood=blood, weights=WEIGHTS, **options)
    if model == "SA":
        assert_spectra_agree(maps, fits)
    else:
        assert_same(maps, fits)


def assert_spectra_agree(maps, fits):
    """Spectra lean on a bound everywhere, so that every voxel that was fitted counts."""
    for name in maps.names:
        expected = np.array([fit[name].value for fit in fits.values()])
        their = np.array([fit[name].stderr for fit in fits.values()])
        value, error = maps[name].data.ravel(), maps[name].stderr.ravel()
        assert np.max(np.abs(value - expected) / np.maximum(np.abs(expected), 1e-3)) < RELATIVE, name
        sound = np.isfinite(their) & (their > 0)
        assert np.max(np.abs(error - their)[sound] / their[sound], initial=0.0) < RELATIVE, name


@pytest.mark.parametrize(
    ("model", "options", "whole"),
    [case for case in PLASMA_CASES if case[0] != "SA"],
    ids=[named(case) for case in PLASMA_CASES if case[0] != "SA"],
)
def test_plasma_models_with_default_weights_agree_in_value_and_error(plasma_image, model, options, whole):
    blood = arterial(whole=whole)
    maps = nc.pet.fit_image(plasma_image, model, blood=blood, **options)
    inputs = inputs_like_maps(plasma_image, model, blood=blood, **options)
    assert_same(maps, regional_fits(plasma_image, inputs, model))


def test_no_estimator_is_left_out_of_these_cases():
    assert {entry.name for entry in ESTIMATORS} <= {case[0] for case in [*REFERENCE_CASES, *PLASMA_CASES]}


@pytest.mark.parametrize(("model", "options"), REFERENCE_CASES, ids=map(named, REFERENCE_CASES))
def test_a_reference_of_frame_means_gives_the_regional_values(binding_image, model, options):
    """Errors of the maps leave out the reference's noise, so that only values are the same."""
    maps = nc.pet.fit_image(binding_image, model, reference=REFERENCE_MEANS, weights=WEIGHTS, **options)
    fits = nc.pet.fit(voxels_as_regions(binding_image), model, reference=REFERENCE_MEANS, weights=WEIGHTS, **options)
    found = compared(maps, fits)
    assert max(found.value.values()) < RELATIVE


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_srtm_agrees_on_many_voxels_of_every_binding(count):
    """At 10 % noise; null voxels, whose k2a is barely known, among them."""
    rng = np.random.default_rng(5)
    clean = srtm_curves(rng.choice([0.0, 0.3, 1.0, 2.0, 3.0], count), rng.uniform(0.8, 1.2, count))
    image = image_of(clean + noise_sd() * rng.standard_normal(clean.shape), (count // 10, 10, 1))
    maps = nc.pet.fit_image(image, "SRTM", reference=REFERENCE, weights=WEIGHTS)
    fits = nc.pet.fit(voxels_as_regions(image), "SRTM", reference=REFERENCE, weights=WEIGHTS)
    found = compared(maps, fits)
    assert found.count > 0.85 * count
    assert found.value["BPND"] < RELATIVE
    for name in ("R1", "BPND", "DVR"):
        assert max(found.value[name], found.stderr[name]) < RELATIVE
    edges = np.array([fit["k2a"].at_bound for fit in fits.values()])
    np.testing.assert_array_equal(np.asarray(maps.status == "edge").ravel(), edges)


def test_the_optimum_is_global_against_a_dense_search():
    """Not the nearest of the tabulated rates: the residual there is never beaten by 4,000 rates tried one by one."""
    rng = np.random.default_rng(6)
    clean = srtm_curves([0.0, 0.3, 1.0, 3.0] * 5, np.linspace(0.8, 1.2, 20))
    rows = np.tile(clean, (15, 1)) + 2 * noise_sd() * rng.standard_normal((300, len(FRAMES)))
    inputs = inputs_like_maps(image_of(rows), "SRTM", reference=REFERENCE, weights=WEIGHTS)
    found = VoxelSRTM(inputs).family.search(rows)
    root = np.sqrt(WEIGHTS / WEIGHTS.max())
    low, high = inputs.washout_grid[0][[0, -1]]
    curves = root * inputs.view.convolved(np.geomspace(low, high, 4000))[0]
    first = root * inputs.view.input
    first /= np.linalg.norm(first)
    curves -= (curves @ first)[:, None] * first
    curves /= np.linalg.norm(curves, axis=1)[:, None]
    data = root * rows
    left = data - (data @ first)[:, None] * first
    best = np.sum(left**2, axis=1) - np.max((left @ curves.T) ** 2, axis=1)
    # rounding of a sum of squares that is a thousandth of the data's own
    assert np.max(found.rss / best - 1) < 1e-10


@pytest.mark.parametrize("model", ["REGP", "2TCM"])
def test_models_without_a_blocked_form_are_the_regional_fit(model):
    rng = np.random.default_rng(8)
    needs_plasma = MODELS[model].inputs == "plasma"
    clean = one_tissue_curves([3.0, 6.0], [0.2, 0.3], [0.03, 0.05]) if needs_plasma else srtm_curves([1.0, 2.0], [1, 1])
    image = image_of(clean * (1 + 0.01 * rng.standard_normal(clean.shape)))
    given = {"blood": arterial()} if needs_plasma else {"reference": REFERENCE, "k2prime": 0.1, **LATE}
    maps = nc.pet.fit_image(image, model, weights=WEIGHTS, **given)
    fits = nc.pet.fit(voxels_as_regions(image), model, weights=WEIGHTS, **given)
    assert maps.settings["solver"] == "regional fit of every voxel"
    for name in fits["v0"].estimates:
        expected = [fit[name].value for fit in fits.values()]
        np.testing.assert_allclose(maps[name].data.ravel(), expected, rtol=RELATIVE)
