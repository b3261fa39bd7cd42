"""What the configuration of a study says of measurement error reaches every model of the group level."""

import numpy as np
import pytest
from small_study import small_study

from neurochem.errors import ConfigError, UnknownNameError
from neurochem.response import associate_all
from neurochem.response.regression import ERROR_MODELS
from neurochem.study import config as study_config
from neurochem.study.config import parse_config
from neurochem.study.group import associate_family


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return small_study(np.random.default_rng(4), patients=40).read(tmp_path_factory.mktemp("study"))


def fits(cohort, **keys):
    settings = parse_config({"response": {"covariates": [], "at": "baseline", **keys}}).response
    return associate_family(cohort, settings)


def test_the_error_model_of_the_configuration_is_the_one_that_is_fitted(cohort):
    assert {fit.model for fit in fits(cohort).values()} == {"structural"}
    assert {fit.model for fit in fits(cohort, error="none").values()} == {"OLS"}
    assert {fit.model for fit in fits(cohort, error="rc").values()} == {"regression calibration"}


def test_day_to_day_variance_is_that_of_its_marker_alone(cohort):
    found = fits(cohort, test_retest_sd={"BPND midbrain": 0.1})
    assert found["BPND midbrain (baseline)"].settings["test_retest_sd"] == 0.1
    assert found["Glx (baseline)"].settings["test_retest_sd"] == 0.0
    plain = fits(cohort)
    for name, less in (("BPND midbrain (baseline)", True), ("Glx (baseline)", False)):
        gap = plain[name].diagnostics["reliability"] - found[name].diagnostics["reliability"]
        assert (gap > 0.01) is less


def test_one_sd_may_serve_every_marker_where_they_are_given_in_code(cohort):
    found = associate_all(cohort, outcome="madrs", at=("baseline",), test_retest_sd=0.05)
    assert {fit.settings["test_retest_sd"] for fit in found.values()} == {0.05}


def test_a_marker_that_is_not_there_is_named(cohort):
    with pytest.raises(UnknownNameError, match="'BPNG'; did you mean 'BPND'"):
        fits(cohort, test_retest_sd={"BPNG": 0.1})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"error": "mle"},
            r"error = 'mle' is not allowed; it must be one of ml, reml, rc, simex, none \(did you mean 'ml'",
        ),
        ({"test_retest_sd": 0.1}, "test_retest_sd = 0.1 is not allowed; it must be a table of markers"),
        ({"test_retest_sd": {"GABA": -1}}, "it must be a table of markers and the SD of each, above zero"),
    ],
)
def test_a_mistake_is_told_when_the_configuration_is_read(keys, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({"response": keys})


def test_the_configuration_knows_the_error_models_that_there_are():
    assert study_config.ERROR_MODELS == ERROR_MODELS


def test_the_record_of_a_run_says_what_was_chosen():
    record = parse_config({"response": {"error": "rc", "test_retest_sd": {"GABA": 0.1}}}).record()
    assert record["response"]["error"] == "rc"
    assert record["response"]["test_retest_sd"] == {"GABA": 0.1}
