"""Edited spectra: conditions found, aligned and subtracted; GABA and GABA+ of simulated scans with known truth."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import BasisMismatchError, InputError, UnknownNameError
from neurochem.mrs.concentration_ratios import concentration_ratios
from neurochem.mrs.edited import align, edited_spectra, fit_edited, split_edits
from neurochem.mrs.edited.peaks import PEAK_SETS, Gaussians, fit_peaks
from neurochem.mrs.edited.plots import plot_edited, plot_edited_fit
from neurochem.mrs.plots import plot_fit
from neurochem.results import FitResult
from tests.benchmarks.edited import wider
from tests.mrs.edited_truth import (
    DWELL_S,
    LARMOR_MHZ,
    POINTS,
    TRUTH,
    WIDTHS_HZ,
    disturbed,
    gaba_plus,
    hermes_basis,
    hermes_scan,
    mega_basis,
    mega_scan,
)

LOW_NOISE = 0.02
CLINICAL_NOISE = 0.15  # GABA+ stands 14 standard deviations of the noise high at 7.5 Hz: about 7 as Gannet counts


@pytest.fixture(scope="module")
def noisy():
    return mega_scan(noise_sd=CLINICAL_NOISE, rng=np.random.default_rng(5), shift_hz=3.0, phase_deg=10.0)


def acquisition(spectra, header=None):
    first = spectra[0]
    return mrs.Acquisition(
        np.array([item.fid for item in spectra]), dims=("DIM_EDIT", "time"), dwell_s=first.dwell_s,
        larmor_mhz=first.larmor_mhz, echo_time_s=first.echo_time_s, repetition_time_s=2.0, header=header or {},
    )  # fmt: skip


# --- conditions


def test_order_comes_from_the_header():
    on, off = mega_scan()
    header = {"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["OFF", "ON"]}}
    found = edited_spectra(acquisition([off, on], header), alignment=None)
    assert found.order.found_by == "header"
    assert_allclose(found.on.fid, on.fid)


def test_edit_offsets_tell_conditions_with_other_names():
    on, off = mega_scan()
    header = {
        "dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["A", "B"]},
        "EditPulse": {"A": {"PulseOffset": 7.5}, "B": {"PulseOffset": 1.9}},
    }  # fmt: skip
    found = edited_spectra(acquisition([off, on], header), alignment=None)
    assert found.order.names == ("off", "on")
    assert found.order.found_by == "header"


def test_suppressed_naa_tells_conditions_without_a_header(noisy):
    for order in ((0, 1), (1, 0)):
        found = edited_spectra(acquisition([noisy[index] for index in order]), alignment=None)
        assert found.order.found_by == "content"
        assert_allclose(found.on.fid, noisy[0].fid)


def test_an_inverted_order_is_recognised_flagged_and_put_right(noisy):
    on, off = noisy
    header = {"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["ON", "OFF"]}}
    found = edited_spectra(acquisition([off, on], header))
    assert found.order.inverted
    right, wrong = (fit_edited(*pair, basis=mega_basis()) for pair in ((on, off), (off, on)))
    assert_allclose(wrong["GABA"].value, right["GABA"].value, rtol=1e-9)
    assert "edit_order_inverted" in {flag.name for flag in wrong.flags}
    assert "edit_order_inverted" not in {flag.name for flag in right.flags}


def test_conditions_that_cannot_be_told_apart_are_refused(noisy):
    with pytest.raises(InputError, match=r"neither the header .* nor the content"):
        edited_spectra(acquisition([noisy[1], noisy[1]]))
    with pytest.raises(InputError, match="3 edit conditions"):
        edited_spectra([noisy[0], noisy[1], noisy[1]])
    with pytest.raises(InputError, match="name each sub-spectrum once"):
        edited_spectra(list(noisy), order=("on", "on"))


def test_interleaved_and_blocked_transients_become_conditions():
    fids = np.arange(6)[:, None] + np.zeros((6, 16)) + 1j
    data = mrs.Acquisition(fids, dims=("DIM_DYN", "time"), dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ)
    inter, block = split_edits(data), split_edits(data, order="blocked")
    assert inter.dims == ("DIM_EDIT", "DIM_DYN", "time")
    assert inter.data[:, :, 0].real.tolist() == [[0, 2, 4], [1, 3, 5]]
    assert block.data[:, :, 0].real.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(InputError, match="cannot be split into 4"):
        split_edits(data, conditions=4)
    with pytest.raises(InputError, match="combine coils and averages first"):
        edited_spectra(inter)
    with pytest.raises(InputError, match="hold no edit conditions"):
        edited_spectra(data)


def test_preprocessed_scans_are_taken(noisy):
    clean = mrs.preprocess(acquisition(noisy, {"dimensions": {"DIM_EDIT": {"EditCondition": ["ON", "OFF"]}}}))
    fit = fit_edited(clean, basis=mega_basis())
    assert_allclose(fit["GABA+"].value, fit_edited(*noisy, basis=mega_basis())["GABA+"].value, rtol=0.01)


# --- alignment


@pytest.mark.parametrize(("width", "hz", "degrees"), [(5.0, 0.02, 0.3), (7.5, 0.02, 0.4), (10.0, 0.07, 1.0)])
def test_three_hertz_and_ten_degrees_between_on_and_off_are_recovered(width, hz, degrees):
    # what is left without noise is edited signal beneath choline, which grows with the linewidth
    found = align(*mega_scan(width, shift_hz=3.0, phase_deg=10.0))
    assert abs(found.shift_hz + 3.0) < hz
    assert abs(found.phase_deg + 10.0) < degrees


def test_alignment_finds_its_own_error(rng):
    found = [align(*mega_scan(noise_sd=0.3, rng=rng, shift_hz=-2.0, phase_deg=-20.0)) for _ in range(40)]
    scores = np.array(
        [[(a.shift_hz - 2.0) / a.shift_stderr_hz, (a.phase_deg - 20.0) / a.phase_stderr_deg] for a in found]
    )
    # a standard deviation of 40 values is known to 11 %; three of these
    assert (np.abs(scores.std(axis=0) - 1.0) < 0.34).all()
    assert (np.abs(scores.mean(axis=0)) < 0.6).all()


def test_alignment_takes_the_artefact_out_of_the_difference(noisy):
    raw, done = edited_spectra(list(noisy), alignment=None), edited_spectra(list(noisy))
    inside = (done.off.ppm > 3.15) & (done.off.ppm < 3.28)
    left = [np.abs(item.difference.spectrum[inside]).max() for item in (raw, done)]
    assert left[1] < 0.1 * left[0]


def test_a_refined_alignment_is_better_than_its_start(noisy):
    fit = fit_edited(*noisy, basis=mega_basis())
    rough = edited_spectra(list(noisy)).alignments["on"]
    moved = fit.settings["refined_alignment"]["on"]
    assert abs(rough.phase_deg + moved["phase_deg"] + 10.0) < 0.5
    assert abs(rough.shift_hz + moved["shift_hz"] + 3.0) < 0.03


def test_an_unknown_window_is_named():
    with pytest.raises(UnknownNameError, match="choline"):
        align(*mega_scan(), window="cholin")


# --- truth


@pytest.mark.parametrize("width", list(WIDTHS_HZ))
def test_gaba_at_low_noise_is_found_by_basis(width, rng):
    fit = fit_edited(*mega_scan(width, shift_hz=3.0, phase_deg=10.0, noise_sd=LOW_NOISE, rng=rng), basis=mega_basis())
    # four standard errors of the noise (0.3 % at 5 Hz, 0.8 % at 10 Hz), and 0.4 % that alignment leaves
    assert_allclose(fit["GABA"].value, TRUTH["GABA"], rtol=0.025)
    assert_allclose(fit["GABA+"].value, gaba_plus(), rtol=0.015)
    assert_allclose(fit["Glx"].value, 12.0, rtol=0.01)
    # the sum holds half of the macromolecules beneath creatine
    assert_allclose(fit["tCr"].value, 8.0, rtol=0.02)


@pytest.mark.parametrize("width", list(WIDTHS_HZ))
def test_gaba_plus_at_low_noise_is_found_by_peaks(width, rng):
    scan = mega_scan(width, shift_hz=3.0, phase_deg=10.0, noise_sd=LOW_NOISE, rng=rng)
    fit = fit_edited(*scan, basis=mega_basis(), method="peaks")
    assert_allclose(fit["GABA+"].value, gaba_plus(), rtol=0.05)
    assert_allclose(fit["Glx"].value, 12.0, rtol=0.03)
    # with Gannet's efficiency alone a Gaussian is not GABA's multiplet, and Glx holds glutathione
    plain = fit_edited(*scan, method="peaks")
    assert_allclose(plain["GABA+"].value, gaba_plus(), rtol=0.10)
    assert 1.0 < plain["Glx"].value / 12.0 < 1.15
    assert "GABA" not in plain


@pytest.mark.parametrize(
    "options", [{"basis": mega_basis}, {"basis": mega_basis, "method": "peaks"}, {"method": "peaks"}]
)
def test_half_and_full_difference_give_the_same_concentration(noisy, options):
    keywords = {key: value() if callable(value) else value for key, value in options.items()}
    half, full = (fit_edited(*noisy, difference=scale, **keywords) for scale in ("half", "full"))
    for name in ("GABA+", "Glx", "tCr"):
        # equal but for rounding, which the search multiplies
        assert_allclose(full[name].value, half[name].value, rtol=1e-6)
        assert_allclose(full[name].stderr, half[name].stderr, rtol=1e-5)
    assert full.settings["difference"] == "full"


def test_a_given_difference_is_scaled_as_it_was_made(noisy):
    on, off = noisy
    whole = edited_spectra([on, off], difference="full").difference
    halved = whole.with_fid(0.5 * whole.fid)
    for options in ({"method": "peaks"}, {"basis": mega_basis()}):
        full = fit_edited(whole, difference="full", **options)["GABA+"].value
        assert_allclose(fit_edited(halved, **options)["GABA+"].value, full, rtol=1e-6)
        # efficiency 0.5 belongs to the half difference: calling the full one half doubles the result
        assert_allclose(fit_edited(whole, difference="half", **options)["GABA+"].value, 2.0 * full, rtol=1e-6)


def test_a_difference_basis_of_the_other_scale_is_refused(noisy):
    with pytest.raises(BasisMismatchError, match="as in a full difference"):
        fit_edited(*noisy, basis=mega_basis("full").difference)
    own = fit_edited(*noisy, basis=mega_basis("full").difference, difference="full")
    assert_allclose(own["GABA+"].value, fit_edited(*noisy, basis=mega_basis().difference)["GABA+"].value, rtol=1e-6)


def test_efficiency_is_a_number_one_can_give(noisy):
    low, high = (fit_edited(*noisy, method="peaks", efficiency={"GABA+": eta}) for eta in (0.4, 0.5))
    assert_allclose(low["GABA+"].value, 1.25 * high["GABA+"].value, rtol=1e-12)
    assert high.settings["editing_efficiency_of_half_difference"] == {"Glx": 0.4, "GABA+": 0.5}
    with pytest.raises(InputError, match="at most 1"):
        fit_edited(*noisy, method="peaks", efficiency={"GABA+": 50.0})


def test_another_echo_time_without_an_efficiency_is_flagged(noisy):
    later = [item.with_fid(item.fid, echo_time_s=0.080) for item in noisy]
    assert "editing_efficiency" in {flag.name for flag in fit_edited(*later, method="peaks").flags}
    assert "editing_efficiency" not in {flag.name for flag in fit_edited(*noisy, method="peaks").flags}


def test_models_of_the_macromolecule_differ_in_gaba_and_hardly_in_gaba_plus(noisy):
    fits = {
        model: fit_edited(*noisy, basis=mega_basis(), macromolecules=model) for model in ("free", "3to2", "FSL-MRS")
    }
    values = {model: (fit["GABA"].value, fit["GABA+"].value) for model, fit in fits.items()}
    for gaba, plus in values.values():
        assert 0.5 < gaba / plus < 0.85
    assert np.ptp([plus for _, plus in values.values()]) < 0.06 * values["3to2"][1]
    assert fits["free"]["GABA"].stderr > fits["3to2"]["GABA"].stderr
    assert fits["free"].diagnostics["gaba_mm_correlation"] < -0.3
    tied = fit_edited(*noisy, basis=mega_basis(), macromolecules="1to1GABA")
    assert_allclose(tied["GABA+"].value, 2.0 * tied["GABA"].value, rtol=1e-12)
    assert_allclose(tied["GABA+"].stderr, 2.0 * tied["GABA"].stderr, rtol=1e-9)
    alone = fit_edited(*noisy, basis=mega_basis(), macromolecules=None)
    assert_allclose(alone["GABA"].value, alone["GABA+"].value, rtol=1e-12)
    with pytest.raises(UnknownNameError, match="did you mean '3to2'"):
        fit_edited(*noisy, basis=mega_basis(), macromolecules="3to")


def test_macromolecules_that_are_missing_where_the_model_takes_them_from_are_told(rng):
    told = []
    for amount in (0.0, 0.55):
        on, off = mega_scan(noise_sd=0.1, rng=rng, mm=amount)
        told.append(
            [
                flag.severity
                for flag in fit_edited(on, off, basis=mega_basis()).flags
                if flag.name == "few_macromolecules"
            ]
        )
    assert told == [["info"], []]


def test_a_basis_whose_editing_leaves_glutamine_out_is_told(noisy):
    grid = {
        "echo_time_s": 0.068,
        "larmor_mhz": noisy[0].larmor_mhz,
        "dwell_s": noisy[0].dwell_s,
        "points": noisy[0].fid.size,
    }
    told = []
    for how in ({}, {"editing": mrs.pulse("gaussian", duration_s=0.014)}):
        basis = mrs.simulate_basis("mega-press", metabolites=["GABA", "Glu", "Gln", "NAA", "Cr", "GPC"], **grid, **how)
        told.append("ideal_editing" in {flag.name for flag in fit_edited(*noisy, basis=basis).flags})
    assert told == [True, False]


def test_hermes_gives_gaba_and_glutathione(rng):
    basis = hermes_basis()
    scans = {
        name: mrs.simulate(basis[name], TRUTH, lorentz_hz=3.0, gauss_hz=4.0, noise_sd=LOW_NOISE, rng=rng, name=name)
        for name in ("a", "b", "c", "d")
    }  # fmt: skip
    turn = np.exp(1j * np.radians(8.0) + 2j * np.pi * 1.5 * scans["b"].time_s)
    scans["b"] = scans["b"].with_fid(scans["b"].fid * turn)
    edited = edited_spectra(scans)
    assert edited.alignments["b"].shift_hz == pytest.approx(-1.5, abs=0.05)
    gaba = fit_edited(edited, basis=basis, macromolecules=None)
    gsh = fit_edited(edited, basis=basis, target="GSH", macromolecules=None)
    assert_allclose(gaba["GABA"].value, TRUTH["GABA"], rtol=0.02)
    assert_allclose(gsh["GSH"].value, TRUTH["GSH"], rtol=0.02)
    # the difference of glutathione holds multiplets alone; the width is that of a singlet in the sum
    assert 4.0 < gsh.diagnostics["fwhm_hz"] < 8.0
    assert "broad_lines" not in {flag.name for flag in gsh.flags}


def test_steps_of_hermes_come_from_edit_offsets():
    basis = hermes_basis()
    scans = [mrs.simulate(basis[name], TRUTH, lorentz_hz=3.0, gauss_hz=4.0) for name in ("d", "c", "b", "a")]
    offsets = ([7.5, 7.5], [4.56, 7.5], [1.9, 7.5], [1.9, 4.56])
    header = {
        "dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["A", "B", "C", "D"]},
        "EditPulse": {name: {"PulseOffset": offset} for name, offset in zip("ABCD", offsets, strict=True)},
    }  # fmt: skip
    assert edited_spectra(acquisition(scans, header), alignment=None).order.names == ("d", "c", "b", "a")


# --- the peak model itself


def test_gaussians_have_the_derivative_they_say():
    model = Gaussians(np.linspace(4.1, 2.8, 60), LARMOR_MHZ)
    theta, heights = np.array([3.7, 9.0, 3.0, 20.0]), np.array([2.0, 1.0])
    slopes = model.derivative(theta, heights)
    for index in range(4):
        step = np.zeros(4)
        step[index] = 1e-6
        numeric = (model.columns(theta + step) - model.columns(theta - step)) @ heights / 2e-6
        assert_allclose(slopes[:, index], numeric, atol=1e-6)


@pytest.mark.parametrize("baseline", ["sinusoidal", "quadratic"])
def test_areas_of_true_gaussians_are_exact_and_their_errors_those_of_the_noise(baseline, rng):
    ppm = np.linspace(4.10, 2.79, 340)
    model = Gaussians(ppm, LARMOR_MHZ)
    theta, heights = np.array([3.71, 10.0, 3.79, 9.0, 3.02, 21.0]), np.array([5.0, 4.0, 3.0])
    clean = model.columns(theta) @ heights + 0.3 + 0.2 * (ppm - 3.4)
    areas = 1.0644670194312262 * heights * theta[1::2]
    options = {"larmor_mhz": LARMOR_MHZ, "baseline": baseline}
    exact = fit_peaks(ppm, clean, PEAK_SETS["GABAGlx"], noise=1e-6, **options)
    # a straight line is a quadratic, and within 1 % of what slope, sine and cosine make
    assert_allclose(exact.areas, [areas[0] + areas[1], areas[2]], rtol=1e-6 if baseline == "quadratic" else 0.01)
    found = [
        fit_peaks(ppm, clean + 0.1 * rng.standard_normal(ppm.size), PEAK_SETS["GABAGlx"], noise=0.1, **options)
        for _ in range(60)
    ]
    spread = np.std([item.areas for item in found], axis=0, ddof=1)
    stated = np.mean([np.sqrt(np.diag(item.covariance)) for item in found], axis=0)
    # the standard deviation of 60 values is known to 9 %; three of these
    assert_allclose(spread / stated, 1.0, atol=0.28)


def test_the_single_peak_model_is_there(noisy):
    fit = fit_edited(*noisy, method="peaks", peaks="GABA")
    assert fit.model == "GABA"
    assert "Glx" not in fit
    assert fit["GABA+"].value > 0


# --- results


def test_results_survive_json_and_draw(noisy):
    for method in ("basis", "peaks"):
        fit = fit_edited(*noisy, basis=mega_basis(), method=method)
        assert FitResult.from_dict(fit.to_dict()).to_dict() == fit.to_dict()
        assert plot_edited_fit(fit).get_title().startswith(fit.model)
        plot_fit(fit)
        assert np.linalg.eigvalsh(fit.covariance).min() > -1e-9 * np.abs(fit.covariance).max()
    assert len(plot_edited(edited_spectra(list(noisy))).lines) == 6


def test_scans_without_signal_fail_with_a_flag_and_no_exception(noisy):
    on, off = noisy
    empty = on.with_fid(np.zeros(POINTS, dtype=complex))
    broken = on.with_fid(np.full(POINTS, np.nan + 0j))
    for options in ({"method": "peaks"}, {"basis": mega_basis()}):
        assert fit_edited(empty, **options).failed
        lost = fit_edited(broken, off, order=("on", "off"), **options)
        assert lost.failed
        assert np.isnan(lost["GABA+"].value)


def test_wrong_calls_say_what_to_do(noisy):
    with pytest.raises(InputError, match="give simulate_basis"):
        fit_edited(*noisy, method="basis")
    with pytest.raises(UnknownNameError, match="method of fit_edited"):
        fit_edited(*noisy, method="peak")
    with pytest.raises(InputError, match="peaks are for GABA"):
        fit_edited(*noisy, target="GSH")
    with pytest.raises(UnknownNameError, match="option of the peak model"):
        fit_edited(*noisy, lineshape="voigt")
    with pytest.raises(UnknownNameError, match="scale of the difference"):
        fit_edited(*noisy, difference="double")


def test_creatine_of_the_sum_is_independent_of_the_difference_and_that_of_off_is_not(noisy):
    summed, plain = fit_edited(*noisy, basis=mega_basis()), fit_edited(*noisy, method="peaks")
    one = [summed.covariance_names.index(name) for name in ("GABA+", "Cr")]
    assert summed.covariance[tuple(one)] == 0.0
    two = [plain.covariance_names.index(name) for name in ("GABA+", "tCr")]
    assert plain.covariance[tuple(two)] != 0.0
    ratio = concentration_ratios(summed, "tCr")["GABA+/tCr"]
    relative = np.hypot(summed["GABA+"].relative_stderr, summed["tCr"].relative_stderr)
    assert_allclose(ratio.relative_stderr, relative, rtol=1e-9)


@pytest.mark.parametrize("kind", ["eddy currents", "a split field", "residual water", "macromolecules in both"])
def test_lines_that_are_not_voigt_and_what_else_is_in_a_scan_leave_gaba_within_three_percent(kind, rng):
    on, off = mega_scan(noise_sd=0.05, rng=rng)
    time_s = on.time_s
    factor = {
        "eddy currents": np.exp(0.4j * (1.0 - np.exp(-time_s / 0.05))),
        "a split field": (1.0 + 0.3 * np.exp(8j * np.pi * time_s)) / 1.3,
    }.get(kind, 1.0)
    added = {
        "residual water": 300.0 * np.exp(2j * np.pi * 3.0 * time_s - 8.0 * np.pi * time_s + 0.7j),
        "macromolecules in both": 1.5 * mrs.macromolecules("default", like=mega_basis().on).fids.sum(axis=0),
    }.get(kind, 0.0)
    turn = np.exp(1j * np.radians(10.0) + 6j * np.pi * time_s)
    scan = on.with_fid((on.fid * factor + added) * turn), off.with_fid(off.fid * factor + added)
    fit = fit_edited(*scan, basis=mega_basis())
    # five standard errors are 2.2 % (GABA+) and 3.7 % (GABA); a Voigt line in the finer alignment would cost 6 to 10 %
    assert_allclose(fit["GABA+"].value, gaba_plus(), rtol=0.03)
    assert_allclose(fit["GABA"].value, TRUTH["GABA"], rtol=0.04)


def test_the_plot_states_what_tells_a_good_fit(noisy):
    fit = fit_edited(*noisy, basis=mega_basis())
    ax = mrs.plot_edited_fit(fit)
    title = ax.get_title()
    for word in ("fit error", "SNR", "linewidth 7.", "macromolecules", "GABA+/tCr"):
        assert word in title
    ppm = np.asarray(fit.axis.values)
    inside = (ppm >= 2.8) & (ppm <= 3.2)
    height = fit.components["GABA+"].real[inside].max()
    assert_allclose(fit.diagnostics["gaba_snr"], height / fit.diagnostics["noise_sd"], rtol=1e-12)
    assert fit.name == "difference"


# --- counts, orders, and rests


def test_conditions_of_unlike_counts_are_means(rng):
    # 96 transients ON and 32 OFF: the noise of OFF is larger by the root of three
    on, off = (mega_scan(noise_sd=sd, rng=rng)[index] for index, sd in ((0, 0.08), (1, 0.08 * np.sqrt(3.0))))
    fit = fit_edited(on, off, basis=mega_basis())
    assert abs(fit["GABA+"].value - gaba_plus()) < 4.0 * fit["GABA+"].stderr
    expected = 0.5 * np.hypot(0.08, 0.08 * np.sqrt(3.0)) * np.sqrt(POINTS)
    assert_allclose(fit.diagnostics["noise_sd"], expected, rtol=0.1)


def test_interleaved_and_blocked_scans_give_the_same_concentration(noisy):
    on, off = noisy
    fits = []
    for order, fids in (("interleaved", [on, off, on, off]), ("blocked", [on, on, off, off])):
        data = mrs.Acquisition(
            np.array([item.fid for item in fids]), dims=("DIM_DYN", "time"), dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ,
            echo_time_s=0.068, repetition_time_s=2.0,
        )  # fmt: skip
        clean = mrs.preprocess(split_edits(data, order=order), steps=["average"])
        fits.append(fit_edited(clean, basis=mega_basis()))
    assert_allclose(fits[0]["GABA+"].value, fits[1]["GABA+"].value, rtol=1e-9)


def test_steps_of_hermes_come_from_naa_and_water_whatever_their_order():
    water = 200.0 * np.exp(2j * np.pi * 0.0 - 20.0 * np.arange(POINTS) * DWELL_S)
    scans = hermes_scan()
    # the editing pulse for glutathione saturates water
    seen = {
        name: item.with_fid(item.fid + (0.02 if name in {"a", "c"} else 1.0) * water) for name, item in scans.items()
    }
    for order in ("abcd", "dcba", "cadb"):
        found = edited_spectra([seen[name] for name in order], alignment=None).order
        assert (found.names, found.found_by) == (tuple(order), "content")


def test_what_misalignment_leaves_is_fitted_with_its_error(rng):
    turned = mega_scan(10.0, noise_sd=LOW_NOISE, rng=rng, shift_hz=3.0, phase_deg=10.0)
    fit = fit_edited(*turned, basis=mega_basis())
    found, rough = fit.settings["refined_alignment"]["on"], edited_spectra(list(turned)).alignments["on"]
    assert abs(rough.phase_deg + found["phase_deg"] + 10.0) < 4.0 * found["phase_stderr_deg"]
    assert abs(rough.shift_hz + found["shift_hz"] + 3.0) < 4.0 * found["shift_stderr_hz"]
    # an alignment that is fixed before the fit would cost 1 % of GABA+ at this width
    assert fit["GABA+"].stderr < 0.005 * fit["GABA+"].value
    assert abs(fit["GABA+"].value - gaba_plus()) < 4.0 * fit["GABA+"].stderr
    assert not set(fit.components) & {"misalignment 1", "misalignment 2"}


@pytest.mark.parametrize("kind", ["2 Hz drift", "Lorentzian 0.5 Hz", "Gaussian 2 Hz"])
def test_broader_lines_of_one_condition_are_told_from_gaba(rng, kind):
    on, off = mega_scan(7.5)
    broad = on.with_fid(on.fid * wider(kind))
    fit = fit_edited(*disturbed({"on": broad, "off": off}, {}, LOW_NOISE, rng).values(), basis=mega_basis())
    # without the widths in the fit GABA is 4 to 9 % low where one line is wider; 1 % is what curvature beyond them may do
    for name, truth in (("GABA", TRUTH["GABA"]), ("GABA+", gaba_plus())):
        assert abs(fit[name].value - truth) < 0.01 * truth + 4.0 * fit[name].stderr
    assert 4.0 * fit["GABA+"].stderr < 0.02 * gaba_plus()
    found = fit.settings["refined_alignment"]["on"]
    width = "lorentz_hz" if kind.startswith("Lorentz") else "gauss_hz2"
    assert found[width] > 4.0 * found[width.replace("_hz", "_stderr_hz")]


def test_equal_lines_are_found_equal(rng):
    fit = fit_edited(*mega_scan(7.5, noise_sd=LOW_NOISE, rng=rng, shift_hz=3.0, phase_deg=10.0), basis=mega_basis())
    found = fit.settings["refined_alignment"]["on"]
    for width, error in (("lorentz_hz", "lorentz_stderr_hz"), ("gauss_hz2", "gauss_stderr_hz2")):
        assert abs(found[width]) < 4.0 * found[error]


def test_a_signed_element_may_be_negative(noisy):
    made = mrs.fit(
        noisy[1], mega_basis().off.drop("Lac").joined(["rest"], -mega_basis().off["Lac"][None, :]), signed=["rest"]
    )
    assert made["rest"].value < 0.0
    with pytest.raises(UnknownNameError, match="signed element"):
        mrs.fit(noisy[1], mega_basis().off, signed=["rests"])
