"""An input taken from the image."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.image_input import image_input
from neurochem.pet.parent_fraction import fit_parent_fraction
from neurochem.pet.plasma_ratio import fit_blood_to_plasma
from tests.pet.truth import FENG, framing

FRAMES = framing((30, 2), (12, 10), (6, 30), (5, 60), (5, 300), (5, 600))
EDGES = (FRAMES.start_min, FRAMES.end_min)
SAMPLES_S = 60 * np.array([2, 5, 10, 20, 40, 60.0])


def hill(minutes):
    return 1 - 0.9 * minutes**1.5 / (30 + minutes**1.5)


def vessel(scale: float = 1.0) -> nc.pet.TimeActivityCurves:
    return nc.pet.TimeActivityCurves(FRAMES, scale * FENG.frame_means(*EDGES), regions=["aorta"])


def test_frame_means_are_kept_and_recovery_divides():
    made = image_input(vessel(0.8), "aorta", recovery=0.8)
    until = float(FRAMES.end_s[-1])
    means = made.parent(until).frame_means(*EDGES)
    assert_allclose(means, FENG.frame_means(*EDGES), rtol=1e-8)


def test_vt_from_an_image_input_is_that_of_the_true_input():
    tissue = nc.pet.simulate("MA1", FRAMES, {"K1": 0.1, "VT": 3.0}, blood=FENG)
    tacs = nc.pet.TimeActivityCurves(FRAMES, np.column_stack([tissue, vessel()["aorta"]]), regions=["brain", "aorta"])
    fit = nc.pet.fit(tacs, "MA1", blood=image_input(tacs, "aorta"), regions=["brain"], t_star_s=600.0)["brain"]
    # frames of 2 s rebuild the bolus to better than a thousandth
    assert_allclose(fit["VT"].value, 3.0, rtol=1e-3)


def test_ratio_and_parent_fraction_enter_with_their_errors():
    rng = np.random.default_rng(3)
    parent = fit_parent_fraction(SAMPLES_S, hill(SAMPLES_S / 60) + 0.005 * rng.standard_normal(6))
    ratio = fit_blood_to_plasma(SAMPLES_S, 0.7 + 0.01 * rng.standard_normal(6))
    plain = image_input(vessel(), "aorta")
    made = image_input(vessel(), "aorta", ratio=ratio, parent=parent)
    minutes = np.array([1.0, 8.0, 33.0])
    expected = plain.values(minutes) / ratio.values(minutes) * parent.values(minutes)
    assert_allclose(made.values(minutes), expected, rtol=1e-8)
    relative = np.hypot(ratio.stderr(minutes) / ratio.values(minutes), parent.stderr(minutes) / parent.values(minutes))
    assert_allclose(made.stderr(minutes), expected * relative, rtol=1e-8)
    assert_allclose(plain.stderr(minutes), 0.0)
    drawn = np.std([made.draw(rng).values(minutes) for _ in range(150)], axis=0)
    assert_allclose(drawn, made.stderr(minutes), rtol=0.25)


def test_bad_regions_are_named():
    with pytest.raises(UnknownNameError, match="did you mean 'aorta'"):
        image_input(vessel(), "aort")
    for recovery in (0.0, -1.0, 80.0, np.nan):
        with pytest.raises(InputError, match="recovery is"):
            image_input(vessel(), "aorta", recovery=recovery)
    late = nc.pet.TimeActivityCurves(nc.pet.Frames([60, 120], [60, 60]), [1.0, 2.0], regions=["aorta"], where="x.tsv")
    with pytest.raises(InputError, match=r"x.tsv: frames leave 0 to 60 s uncovered"):
        image_input(late, "aorta")
