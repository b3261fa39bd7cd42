import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem.errors import InputError
from neurochem.pet import ExponentialSum, Feng, Frames, FrameSpline, PiecewisePolynomial, Term
from neurochem.pet.moments import exponential_divided_differences, power_moments
from tests.pet.truth import FENG, FRAMINGS, reference_curve

mpmath.mp.dps = 40


@pytest.mark.parametrize("x", [0.0, 1e-9, 1e-3, 0.5, 1.999, 2.001, 7.0, 60.0, 700.0])
def test_power_moments_equal_their_integral(x):
    moments = power_moments(np.array([x]), 4)
    for power in range(5):
        exact = mpmath.quad(lambda u, p=power: u**p * mpmath.exp(-x * (1 - u)), [0, 0.5, 0.9, 0.99, 0.999, 1])
        # the recursion loses at most a few units in the last place
        assert_allclose(moments[power][0], float(exact), rtol=2e-14)


@pytest.mark.parametrize(
    "nodes", [[-1.0, -2.0, 0.0], [-1.0, -1.0, 0.0], [-1.0, -1.0 - 1e-9, -1e-12], [-40.0, -0.001, 0.0, -0.001]]
)
def test_divided_differences_hold_for_equal_and_nearly_equal_nodes(nodes):
    # exact by the Hermite-Genocchi recursion in 40 digits, equal nodes moved apart by 1e-15
    points = [mpmath.mpf(z) + i * mpmath.mpf(10) ** -15 for i, z in enumerate(nodes)]
    table = [mpmath.exp(z) for z in points]
    for order in range(1, len(points)):
        table = [(table[i + 1] - table[i]) / (points[i + order] - points[i]) for i in range(len(points) - order)]
    result = exponential_divided_differences(np.array(nodes))
    assert_allclose(result[-1], float(table[0]), rtol=1e-12)


def test_convolution_of_exponentials_equals_quadrature():
    curve = ExponentialSum([Term(3.0, 4.1, 1), Term(-1.0, 4.1), Term(1.0, 0.12)], onset_min=0.3)
    edges = np.array([0.0, 0.2, 0.31, 1.0, 5.0, 60.0])
    for rate in (0.0, 1e-4, 0.12, 0.12 + 1e-12, 2.0):
        response = curve.prepare(edges).response(rate)

        def exact(t, rate=rate):
            if t <= 0.3:
                return mpmath.mpf(0)

            def inner(s):
                fade = mpmath.exp(-mpmath.mpf(rate) * (t - mpmath.mpf("0.3") - s))
                return ((3 * s - 1) * mpmath.exp(-4.1 * s) + mpmath.exp(-mpmath.mpf("0.12") * s)) * fade

            end = t - mpmath.mpf("0.3")
            return mpmath.quad(inner, mpmath.linspace(0, end, 12))

        values = [float(exact(mpmath.mpf(t))) for t in edges]
        # quadrature itself is good to about 1e-13
        assert_allclose(response.at_edges[0], values, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(
    "curve",
    [
        FENG,
        reference_curve(),
        PiecewisePolynomial.linear(np.array([0.0, 1.0, 3.0, 90.0]), np.array([0.0, 5.0, 2.0, 1.0])),
    ],
)
@pytest.mark.parametrize("rate", [1e-6, 0.02, 0.1, 1.5])
def test_derivative_by_rate_is_exact(curve, rate):
    frames = FRAMINGS["15 s to 7 min"]
    edges = np.union1d(frames.start_min, frames.end_min)
    step = 1e-4 * rate
    response = curve.prepare(edges).response([rate - step, rate, rate + step])
    numeric = (response.integrals[2] - response.integrals[0]) / (2 * step)
    # central differences: truncation (1e-4)^2 and cancellation 1e-15/1e-4
    assert_allclose(response.integrals_by_rate[1], numeric, rtol=1e-6, atol=1e-7 * np.abs(numeric).max())


def test_closed_form_convolution_equals_the_numeric_response():
    frames = FRAMINGS["10 s to 5 min"]
    made = FENG.convolved(0.4, 0.05).frame_means(frames.start_min, frames.end_min)
    edges = np.union1d(frames.start_min, frames.end_min)
    direct = 0.4 * FENG.prepare(edges).response(0.05).integrals[0] / frames.duration_min
    # partial fractions cancel between terms early on
    assert_allclose(made, direct, rtol=1e-10)


def test_convolution_with_one_of_its_own_rates_raises_the_power():
    curve = ExponentialSum([Term(2.0, 0.1)]).convolved(1.0, 0.1)
    assert_allclose(curve.values([3.0]), [2.0 * 3.0 * np.exp(-0.3)], rtol=1e-14)


def test_convolution_with_a_nearly_equal_rate_is_refused():
    with pytest.raises(InputError, match="too close"):
        FENG.convolved(1.0, 0.1191 * (1 + 1e-6))


def test_piecewise_polynomial_refuses_to_be_used_beyond_its_end():
    curve = PiecewisePolynomial.linear(np.array([0.0, 10.0]), np.array([0.0, 1.0]))
    with pytest.raises(InputError, match=r"ends at 600\.0 s but is needed until 660\.0 s"):
        curve.values([11.0])


@pytest.mark.parametrize("name", FRAMINGS)
def test_rebuilt_curve_keeps_its_frame_means(name):
    frames = FRAMINGS[name]
    means = reference_curve().frame_means(frames.start_min, frames.end_min)
    rebuilt = FrameSpline(frames).curve(means)
    assert_allclose(rebuilt.frame_means(frames.start_min, frames.end_min), means, rtol=1e-12)


def test_rebuilt_curve_operators_equal_the_curve_itself():
    frames = FRAMINGS["15 s to 7 min"]
    spline = FrameSpline(frames)
    means = reference_curve().frame_means(frames.start_min, frames.end_min)
    edges = np.union1d(frames.start_min, frames.end_min)
    for rate in (0.0, 0.03, 1.0):
        direct = spline.curve(means).prepare(edges).response(rate).integrals[0] / frames.duration_min
        assert_allclose(spline.convolution_operator(rate) @ means, direct, rtol=1e-11)


def test_integral_of_the_rebuilt_curve_is_close_to_the_truth():
    frames = FRAMINGS["15 s to 7 min"]
    curve = reference_curve()
    means = curve.frame_means(frames.start_min, frames.end_min)
    edges = np.union1d(frames.start_min, frames.end_min)
    exact = curve.prepare(edges).response(0.0).integrals[0] / frames.duration_min
    error = np.abs(FrameSpline(frames).integral_operator() @ means / exact - 1.0)
    # past the input's peak the spline's shape inside a frame matters little against the exact integral before it
    assert error[10:].max() < 5e-5


def test_gap_is_bridged_smoothly():
    frames = FRAMINGS["20 s to 5 min"]
    curve = reference_curve()
    keep = (frames.end_min <= 24.1) | (frames.start_min >= 48.9)
    gapped = frames.select(keep)
    spline = FrameSpline(gapped)
    assert spline.bridged
    rebuilt = spline.curve(curve.frame_means(gapped.start_min, gapped.end_min))
    middle = np.array([30.0, 36.0, 42.0])
    # the bridge is an assumption; on this curve it is right to one percent
    assert_allclose(rebuilt.values(middle), curve.values(middle), rtol=1e-2)


def test_single_frame_is_a_line_from_zero():
    spline = FrameSpline(Frames([0.0], [60.0]))
    assert_allclose(spline.curve(np.array([2.0])).values([0.0, 1.0]), [0.0, 4.0])


def test_feng_is_zero_before_arrival():
    feng = Feng(851.1225, 21.8798, 20.8113, 4.133859, 0.1191, 0.01043, t0_s=44.1)
    assert feng.values([0.0, 0.7, 0.735]).tolist() == [0.0, 0.0, 0.0]
    assert feng.values([0.74])[0] > 0
