"""Draws from the posterior: the same answer as the quick fit, limits included."""

import sys

import numpy as np
import pytest

from neurochem import mrs
from neurochem.errors import ConfigError, InputError
from tests.benchmarks import spectra


def test_without_emcee_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "emcee", None)
    case = spectra.make_case("voigt", 0)
    with pytest.raises(ConfigError, match=r"neurochem\[mcmc\]"):
        mrs.sample(case.spectrum, spectra.basis(), rng=np.random.default_rng(1))


def test_too_few_steps_are_refused():
    pytest.importorskip("emcee")
    case = spectra.make_case("voigt", 0)
    with pytest.raises(InputError, match="100 or more"):
        mrs.sample(case.spectrum, spectra.basis(), rng=np.random.default_rng(1), steps=10)


@pytest.mark.slow
def test_expected_values_are_those_of_a_chain():
    pytest.importorskip("emcee")
    case = spectra.make_case("low snr", 1)
    fit = mrs.fit(case.spectrum, spectra.basis())
    chain = mrs.sample(case.spectrum, spectra.basis(), rng=np.random.default_rng(1), steps=1500)
    assert 0.1 < chain.diagnostics["acceptance"] < 0.6
    for name in spectra.SCORED:
        # some 15 autocorrelation times of 60 walkers know a mean within a tenth of a standard deviation
        assert abs(chain[name].value - fit[name].value) < 0.35 * fit[name].stderr
        # widths cannot be negative either, which the chain knows and the linearised error does not
        assert 0.7 < chain[name].stderr / fit[name].stderr < 1.15
        low, high = chain[name].interval(0.95)
        assert 0.0 <= low < chain[name].value < high
