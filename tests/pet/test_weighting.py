"""Frame weights by name."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.weighting import WEIGHTS, frame_weights, graph_weights, weight_methods
from tests.pet.truth import FRAMINGS, curves, reference_curve

FRAMES = nc.pet.Frames([0, 0, 60, 120, 300], [0, 60, 60, 180, 600])
ACTIVITY = np.array([0.0, 4.0, 10.0, 8.0, 5.0])


@pytest.mark.parametrize("method", WEIGHTS.names())
def test_weights_are_scaled_and_leave_out_frames_of_zero_length(method):
    weights = frame_weights(FRAMES, method, activity=ACTIVITY, isotope="C11")
    assert weights[0] == 0.0
    assert weights.max() == 1.0
    assert (weights[1:] > 0).all()
    assert_allclose(frame_weights(FRAMES, method, activity=37.0 * ACTIVITY, isotope="C11"), weights, rtol=1e-14)


# by hand for d = 1, 1, 3, 10 min, C = 4, 10, 8, 5, decay as computed by the scanner's formula
D = nc.pet.frame_decay_factor(np.array([0.0, 1, 2, 5]), np.array([1.0, 1, 3, 10]), "C11")
MIDDLE = np.exp(np.log(2) / 20.3402 * np.array([0.5, 1.5, 3.5, 10]))
BY_HAND = {
    "counting": [1 / 4 / D[0], 1 / 10 / D[1], 3 / 8 / D[2], 10 / 5 / D[3]],
    "constant": [1, 1, 1, 1],
    "duration": [1, 1, 3, 10],
    "sqrt_duration": [1, 1, 3**0.5, 10**0.5],
    "duration_decay": [1 / MIDDLE[0], 1 / MIDDLE[1], 3 / MIDDLE[2], 10 / MIDDLE[3]],
    "duration_over_activity": [1 / 4, 1 / 10, 3 / 8, 2],
    "duration_over_rate": [D[0] / 4, D[1] / 10, 3 * D[2] / 8, 2 * D[3]],
    "duration_squared_over_rate": [D[0] / 4, D[1] / 10, 9 * D[2] / 8, 20 * D[3]],
    "sqrt_counts": [(4 / D[0]) ** 0.5, (10 / D[1]) ** 0.5, (24 / D[2]) ** 0.5, (50 / D[3]) ** 0.5],
    "true_counts": [1 / 4 / D[0], 1 / 10 / D[1], 3 / 8 / D[2], 10 / 5 / D[3]],
    "mid_frame_counting": [1 / 4 / MIDDLE[0], 0.1 / MIDDLE[1], 3 / 8 / MIDDLE[2], 2 / MIDDLE[3]],
}


@pytest.mark.parametrize("method", WEIGHTS.names())
def test_every_formula_against_numbers_worked_by_hand(method):
    expected = np.array(BY_HAND[method])
    weights = frame_weights(FRAMES, method, activity=ACTIVITY, isotope="11C")
    assert_allclose(weights[1:], expected / expected.max(), rtol=1e-13)


def test_the_default_is_the_default_of_fits():
    frames = FRAMINGS["15 s to 7 min"]
    reference = reference_curve().frame_means(frames.start_min, frames.end_min)
    tacs = curves(frames, 1.3 * reference, reference, isotope="C11")
    expected = nc.pet.counting_weights(frames, tacs.activity.mean(axis=1), "C11")
    assert_allclose(frame_weights(tacs), expected, rtol=1e-14)


def test_counts_of_the_scanner_replace_those_of_the_curve():
    decay = np.append(1.0, D)
    counts = 7.0 * ACTIVITY * FRAMES.duration_min / decay
    given = frame_weights(FRAMES, "true_counts", counts=counts, isotope="C11")
    expected = frame_weights(FRAMES, "counting", activity=ACTIVITY, isotope="C11")
    assert_allclose(given, expected, rtol=1e-13)


def test_an_empty_frame_counts_as_one_percent_of_the_peak():
    empty = np.array([0.0, -3.0, 10.0, 8.0, 5.0])
    floored = np.array([0.0, 0.1, 10.0, 8.0, 5.0])
    assert_allclose(frame_weights(FRAMES, activity=empty), frame_weights(FRAMES, activity=floored), rtol=1e-14)


def test_a_graph_with_transformed_weights_is_the_undivided_regression():
    rng = np.random.default_rng(5)
    x, c, w = rng.uniform(1, 5, 12), rng.uniform(2, 3, 12), rng.uniform(0.2, 1, 12)
    y = 2.5 * x - 4.0 * c + 0.1 * rng.standard_normal(12)
    root = np.sqrt(w)[:, None]
    undivided = np.linalg.lstsq(root * np.column_stack([x, c]), root[:, 0] * y, rcond=None)[0]
    slope, intercept = np.polyfit(x / c, y / c, 1, w=np.sqrt(graph_weights(w, c)))
    assert_allclose([slope, intercept], undivided, rtol=1e-12)


def test_the_table_lists_every_method_with_formula_and_source():
    table = weight_methods()
    assert [row["name"] for row in table] == list(BY_HAND)
    assert all(row["formula"] and row["meaning"] and row["reference"] for row in table)


def test_bad_input_says_what_to_do():
    with pytest.raises(UnknownNameError, match="did you mean 'duration'"):
        frame_weights(FRAMES, "durations")
    with pytest.raises(InputError, match="need activity="):
        frame_weights(FRAMES)
    with pytest.raises(InputError, match="5 finite numbers"):
        frame_weights(FRAMES, activity=[1.0, 2.0])
    with pytest.raises(InputError, match="5 finite numbers"):
        frame_weights(FRAMES, activity=-ACTIVITY)
    with pytest.raises(InputError, match="divisor"):
        graph_weights([1.0, 1.0], [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="all zero"):
        graph_weights([0.0, 0.0], [1.0, 2.0])
