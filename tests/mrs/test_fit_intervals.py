"""Profile, bootstrap and correlations agree with the standard errors where those are right, and differ where they must."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError, UnknownNameError
from tests.mrs.conftest import POINTS, TRUTH


@pytest.fixture(scope="module")
def data(basis):
    return mrs.simulate(basis, TRUTH, lorentz_hz=3, gauss_hz=3, noise_sd=0.9, rng=np.random.default_rng(8))


@pytest.fixture(scope="module")
def fitted(basis, data):
    return mrs.fit(data, basis)


@pytest.mark.parametrize("name", ["NAA", "tCr", "Glx", "Ins"])
def test_a_profile_is_the_interval_of_the_error_where_amplitudes_are_large(basis, data, fitted, name):
    profile = mrs.profile_interval(data, basis, name)
    assert profile.stderr_kind == "profile"
    # within a tenth of a standard error: neither noise nor limits bend these profiles
    assert_allclose(profile.interval(), fitted[name].interval(), atol=0.1 * fitted[name].stderr)


def test_a_profile_stops_at_zero(basis):
    rng = np.random.default_rng(2)
    data = mrs.simulate(basis, TRUTH | {"Lac": 0.05}, lorentz_hz=4, noise_sd=2.0, rng=rng)
    low, high = mrs.profile_interval(data, basis, "Lac").interval()
    assert low == 0.0
    assert 0.0 < high < 3.0


def test_a_higher_level_is_wider(basis, data):
    narrow, wide = (mrs.profile_interval(data, basis, "Glu", level=level).limits[0] for level in (0.68, 0.95))
    assert wide[1] < narrow[1] < narrow[2] < wide[2]
    assert_allclose((wide[2] - wide[1]) / (narrow[2] - narrow[1]), 1.96 / 0.994, rtol=0.05)


@pytest.fixture(scope="module")
def replicated(basis, data):
    return mrs.bootstrap(data, basis, rng=np.random.default_rng(4), replicates=50)


def test_bootstrap_errors_are_those_of_the_bound(replicated, fitted):
    fit = replicated
    names = ["NAA", "tCr", "tCho", "Glx", "Ins"]
    ratio = np.array([fit[name].stderr / fitted[name].stderr for name in names])
    # 50 replicates know a standard deviation within 10 %; three of them, and a third of that for the mean of five
    assert np.all(np.abs(ratio - 1.0) < 0.3)
    assert abs(ratio.mean() - 1.0) < 0.15
    assert {fit[name].stderr_kind for name in names} == {"bootstrap"}
    low, high = fit["Glu"].interval(0.95)
    assert low < fit["Glu"].value < high
    assert fit.covariance.shape == (len(fit.covariance_names),) * 2


def test_the_bootstrap_repeats_itself(basis, data, replicated):
    again = mrs.bootstrap(data, basis, rng=np.random.default_rng(4), replicates=50)
    assert again.to_dict() == replicated.to_dict()


def test_correlations_are_those_of_the_covariance(fitted):
    matrix = mrs.correlation(fitted)
    assert_allclose(np.diag(matrix), 1.0)
    assert_allclose(matrix, matrix.T)
    # the same singlet twice, and two multiplets that overlap
    assert matrix.loc["GPC", "PCh"] < -0.7
    assert matrix.loc["Cr", "PCr"] < -0.7
    assert abs(matrix.loc["Lac", "Ins"]) < 0.3


def test_questions_without_an_answer_are_refused(basis, data):
    with pytest.raises(UnknownNameError, match="Glucose"):
        mrs.profile_interval(data, basis, "Glucose")
    with pytest.raises(InputError, match="between 0 and 1"):
        mrs.profile_interval(data, basis, "NAA", level=95)
    with pytest.raises(InputError, match="50 or more"):
        mrs.bootstrap(data, basis, rng=np.random.default_rng(1), replicates=10)
    with pytest.raises(InputError, match="no fit whose interval"):
        mrs.profile_interval(data.with_fid(np.zeros(POINTS)), basis, "NAA")
