"""Bias, standard errors and coverage of edited fits over many noisy scans with known truth (tests/benchmarks/edited.py)."""

import numpy as np
import pytest

from neurochem.mrs.concentration_ratios import concentration_ratios
from neurochem.mrs.edited import fit_edited
from tests.benchmarks.edited import MOVED, NOISE, chain_draw, hermes_draw, mega_draw, mega_truth, score
from tests.mrs import edited_truth as known

COUNT = 150


def assert_calibrated(found, count, bias=1.5):
    """Hold bias (percent), standard errors and coverage to what `count` scans can tell."""
    # three standard errors of a standard deviation, and 7 % that priors of the macromolecule, true here, may add to an error
    wide = 3.0 / np.sqrt(2.0 * count)
    # three standard errors of a share of 95 %
    lost = 3.0 * np.sqrt(0.95 * 0.05 / count)
    for row in found.values():
        assert abs(row["bias"]) < bias + 3.0 * row["sd"] / np.sqrt(count)
        assert 1.0 - wide < row["se_over_sd"] < 1.07 + wide
        assert row["coverage"] > 0.95 - lost


@pytest.mark.slow
@pytest.mark.parametrize("noise_sd", NOISE)
@pytest.mark.parametrize("width", list(known.WIDTHS_HZ))
def test_gaba_of_misaligned_scans_is_unbiased_and_its_errors_cover(width, noise_sd):
    assert_calibrated(score(mega_draw(width, noise_sd), mega_truth(), COUNT), COUNT, bias=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("width", list(known.WIDTHS_HZ))
def test_gaba_by_semi_laser_is_unbiased_and_its_errors_cover(width):
    basis = known.slaser_basis()
    assert_calibrated(score(mega_draw(width, NOISE[1], basis=basis), mega_truth(basis), COUNT), COUNT, bias=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("width", list(known.WIDTHS_HZ))
def test_gaba_and_glutathione_of_hermes_are_unbiased_and_their_errors_cover(width):
    plus = known.gaba_plus(known.hermes_basis())
    gaba = score(hermes_draw(width, NOISE[1], "GABA"), {"GABA": known.TRUTH["GABA"], "GABA+": plus}, COUNT)
    gsh = score(hermes_draw(width, NOISE[1], "GSH"), {"GSH": known.TRUTH["GSH"]}, COUNT)
    assert_calibrated(gaba | gsh, COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("noise_sd", NOISE)
def test_the_error_of_a_ratio_is_that_of_repeated_scans(noise_sd):
    rng, found = np.random.default_rng(11), []
    for _ in range(COUNT):
        fit = fit_edited(*known.mega_scan(7.5, noise_sd=noise_sd, rng=rng, **MOVED), basis=known.mega_basis())
        ratio = concentration_ratios(fit, "tCr", ["GABA+"])["GABA+/tCr"]
        found.append((ratio.value, ratio.stderr))
    values, errors = np.array(found).T
    assert abs(values.std(ddof=1) / errors.mean() - 1.0) < 3.0 / np.sqrt(2.0 * COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("width", list(known.WIDTHS_HZ))
def test_gaba_plus_by_peaks_is_within_five_percent(width):
    found = score(mega_draw(width, NOISE[0], method="peaks"), {"GABA+": known.gaba_plus()}, 60)["GABA+"]
    # Gannet's own limit for simulated scans of lines up to 9.7 Hz
    assert abs(found["bias"]) < 5.0
    # misfit of the Gaussian counts as noise, so that errors are larger than the scatter
    assert found["se_over_sd"] > 0.8
    assert found["coverage"] >= 0.87


@pytest.mark.slow
def test_raw_edited_scans_become_concentrations_whose_errors_cover():
    count = 200
    found = score(chain_draw(), mega_truth(), count)
    for name in ("GABA", "GABA+", "Glx"):
        assert abs(found[name]["bias"]) < 5.0
        assert found[name]["coverage"] > 0.90
