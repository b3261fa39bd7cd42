"""Edited scans found by what they hold, and their basis simulated from what the header says."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_study import MEGA, PULSES, mega_raw

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.mrs.edited.singlet_reference import fit_singlets
from neurochem.mrs.spectra import DYNAMIC, EDIT
from neurochem.study.mrs_analysis import Choices, analyse
from neurochem.study.mrs_basis import scheme, simulated_basis, simulation_text
from neurochem.study.mrs_config import EditedConfig
from neurochem.study.mrs_edits import find_edits


@pytest.fixture(scope="module")
def raw():
    return mega_raw(np.random.default_rng(5)).data


def flat(raw, order):
    """Return the scan with ON and OFF among its transients."""
    values = raw.data if order == "interleaved" else np.swapaxes(raw.data, 1, 2)
    values = values.reshape(values.shape[0], -1, values.shape[-1])
    return replace(raw, data=values, dims=("DIM_COIL", "DIM_DYN", "time"), header={})


@pytest.mark.parametrize("order", ["interleaved", "blocked"])
def test_alternating_transients_are_found_by_naa(raw, order):
    data, note = find_edits(flat(raw, order))
    assert order in note
    assert (data.size(EDIT), data.size(DYNAMIC)) == (2, 16)
    np.testing.assert_array_equal(data.data, np.swapaxes(raw.data, 1, 2))


def test_a_dimension_of_the_file_comes_first_and_a_statement_is_believed(raw):
    assert find_edits(raw)[1] == "2 edit conditions, a dimension of the file"
    assert find_edits(flat(raw, "interleaved"), "blocked")[1].endswith("blocked as stated")


def test_an_unedited_scan_that_drifts_and_loses_half_of_naa_is_not_edited(raw):
    off = np.take(raw.data, 1, axis=2)
    # the second half is broadened by motion: every line, not NAA alone
    time_s = np.arange(off.shape[-1]) * raw.dwell_s
    off = np.concatenate([off[:, :8], off[:, 8:] * np.exp(-np.pi * 8.0 * time_s)], axis=1)
    scan = replace(raw, data=off, dims=("DIM_COIL", "DIM_DYN", "time"), header={})
    assert find_edits(scan) == (scan, "")


def test_noise_is_not_edited():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.standard_normal((4, 8, 512)) + 1j * rng.standard_normal((4, 8, 512))
        scan = mrs.Acquisition(values, dims=("DIM_COIL", "DIM_DYN", "time"), dwell_s=5e-4, larmor_mhz=127.73)
        assert find_edits(scan)[1] == ""


def test_the_header_says_how_to_simulate_and_settings_win_over_it(raw):
    stated = replace(raw, header={**raw.header, "EditPulse": PULSES})
    name, timing = scheme(stated, EditedConfig(), conditions=2)
    assert (name, timing["edit_on_ppm"], timing["edit_off_ppm"]) == ("mega-press", 1.9, 7.5)
    assert timing["editing"].duration_s == pytest.approx(0.014)
    _, timing = scheme(stated, EditedConfig(edit_off_ppm=1.5, edit_pulse_s=0.02), conditions=2)
    assert (timing["edit_off_ppm"], timing["editing"].duration_s) == (1.5, pytest.approx(0.02))
    name, timing = scheme(replace(raw, header={"SequenceName": "mega_sLASER"}), EditedConfig(), conditions=2)
    assert (name, timing["edit_on_ppm"], timing["editing"].duration_s) == ("mega-slaser", 1.9, pytest.approx(0.014))
    assert simulation_text(stated, EditedConfig(), conditions=2) == (
        "simulated: mega-press, TE 68 ms, editing at 1.9 and 7.5 ppm, Gaussian editing pulses of 14 ms"
    )


def test_four_conditions_are_hermes_with_both_pulses(raw):
    name, timing = scheme(raw, EditedConfig(edit_pulse_s=0.02), conditions=4)
    assert name == "hermes"
    assert set(timing) == {"editing", "editing_both"}
    with pytest.raises(InputError, match="4 edit conditions, but sequence 'mega-press' has 2"):
        scheme(raw, EditedConfig(sequence="mega-press"), conditions=4)


def test_without_echo_time_there_is_nothing_to_simulate(raw):
    with pytest.raises(InputError, match="echo time is not in the header"):
        simulated_basis(replace(raw, echo_time_s=None), EditedConfig(), conditions=2)


def test_an_order_that_is_given_reaches_the_subtraction(raw):
    choices = Choices(None, "", EditedConfig(simulated=MEGA, order=("off", "on")))
    done = analyse(raw, water=None, choices=choices, name="x")
    assert done.edited.order.found_by == "given"
    # the order is the wrong one: what was edited then points down
    ppm, difference = done.edited.on.ppm, done.edited.difference.spectrum
    upright = np.exp(-1j * np.radians(fit_singlets(done.edited.on).phase_deg))
    near_naa = (ppm > 1.9) & (ppm < 2.15)
    assert (difference * upright).real[near_naa].max() > 3 * abs((difference * upright).real[near_naa].min())
