"""Concentrations: the worked examples of the literature's formulas, and the whole path on known truth."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError, UnknownNameError
from neurochem.results import Estimate, FitResult
from tests.mrs.conftest import DWELL_S, LARMOR_MHZ, POINTS, TISSUE, TRUTH

DEFAULT = mrs.relaxation_set("default", 127.7)
FSL = mrs.relaxation_set("fsl-mrs", 127.7)
EXAMPLE_A = {
    "signal_ratio": 3.0e-4, "protons": 3, "timing": mrs.Timing(2.0, 0.030), "metabolite": mrs.Times(1.41, 0.2863333),
    "water": DEFAULT.water, "tissue": TISSUE,
}  # fmt: skip
EXAMPLE_B = {
    "signal_ratio": 5.0e-5, "protons": 2, "timing": mrs.Timing(2.0, 0.068), "metabolite": mrs.Times(1.31, 0.088),
    "water": DEFAULT.water, "tissue": TISSUE, "editing_efficiency": 0.5,
}  # fmt: skip
EXAMPLE_D = {
    "signal_ratio": 5.0e-4, "protons": 5, "timing": mrs.Timing(2.0, 0.035), "metabolite": FSL.other,
    "water": FSL.water, "tissue": TISSUE,
}  # fmt: skip


def digits(value, count):
    return float(f"{value:.{count}g}")


@pytest.mark.parametrize(
    ("inputs", "change", "expected"),
    [
        (EXAMPLE_A, {}, 10.69),
        (EXAMPLE_A, {"unit": "mM"}, 7.875),
        (EXAMPLE_A, {"water": FSL.water}, 9.627),
        (EXAMPLE_B, {"metabolite_share": 0.45}, 3.188),
        (EXAMPLE_B, {}, 7.084),
        (EXAMPLE_B, {"metabolite_share": 0.45, "unit": "mM"}, 2.348),
        (EXAMPLE_B, {"metabolite_share": 0.45, "water": FSL.water}, 2.711),
        (EXAMPLE_D, {}, 9.452),
        (EXAMPLE_D, {"unit": "mM"}, 6.963),
    ],
)
def test_worked_examples_in_tissue_are_reproduced_to_every_printed_digit(inputs, change, expected):
    assert digits(mrs.water_scaled(**inputs | change), 4) == expected


def test_worked_example_of_a_phantom_is_reproduced():
    value = mrs.water_scaled(
        3.0e-4, protons=3, timing=mrs.Timing(10.0, 0.030), metabolite=mrs.Times(1.5, 0.8), water=mrs.Times(2.5, 1.5),
        tissue=None,
    )  # fmt: skip
    assert digits(value, 4) == 11.11


@pytest.mark.parametrize(
    ("timing", "times", "metabolite", "expected"),
    [
        (mrs.Timing(2.0, 0.030), DEFAULT, "NAA", [0.5919, 0.6228, 0.3842, 0.6825]),
        (mrs.Timing(2.0, 0.035), FSL, "tCr", [0.4947, 0.5404, 0.3546, 0.6578]),
    ],
)
def test_relaxation_factors_of_the_examples_are_reproduced(timing, times, metabolite, expected):
    factors = [timing.signal(times.water[name]) for name in ("gm", "wm", "csf")]
    assert [digits(value, 4) for value in [*factors, timing.signal(times.metabolite(metabolite))]] == expected


def test_without_relaxation_the_ratio_of_signals_remains():
    # 20 s is the longest time that is taken, and a thousand of them between excitations
    endless = mrs.Times(20.0, 20.0)
    value = mrs.water_scaled(
        3.0e-4, protons=3, timing=mrs.Timing(20_000.0, 0.0), metabolite=endless, water=endless, tissue=None
    )
    assert digits(value, 4) == 11.10
    assert digits(value, 12) == digits(3.0e-4 * 2 / 3 * 55510, 12)


@pytest.mark.parametrize(
    ("inputs", "name", "relaxation", "unit", "expected"),
    [
        (EXAMPLE_A, "NAA", "default", "molal", 10.69), (EXAMPLE_A, "NAA", "default", "molar", 7.875),
        (EXAMPLE_A, "NAA", mrs.Relaxation("a", FSL.water, DEFAULT.metabolites), "molal", 9.627),
        (EXAMPLE_D, "tCr", "fsl-mrs", "molal", 9.452), (EXAMPLE_D, "tCr", "fsl-mrs", "molar", 6.963),
    ],
)  # fmt: skip
def test_worked_examples_go_through_quantify_to_every_printed_digit(inputs, name, relaxation, unit, expected):
    conc = quantified(
        inputs["signal_ratio"] / inputs["protons"], name, inputs["timing"], relaxation, unit=unit, tissue=TISSUE
    )
    assert digits(conc[name].value, 4) == expected


def quantified(coefficient, name, timing, relaxation, **keywords):
    """Return the concentration of a coefficient, signal a proton, against water of amplitude one."""
    scan = {"larmor_mhz": 127.7, "echo_time_s": timing.echo_time_s, "repetition_time_s": timing.repetition_time_s}
    fit = FitResult(
        "LCM", "x", {name: Estimate(name, coefficient, 0.01 * coefficient)},
        covariance=np.array([[(0.01 * coefficient) ** 2]]), covariance_names=(name,),
        settings={**scan, "basis_proton_amplitude": 1.0},
    )  # fmt: skip
    water = mrs.Spectrum(np.exp(-20.0 * np.arange(POINTS) * DWELL_S), dwell_s=DWELL_S, **scan)
    return mrs.quantify(fit, water=water, relaxation=relaxation, **keywords)


def test_a_phantom_goes_through_quantify_without_tissue():
    phantom = mrs.Relaxation("phantom", {"water": mrs.Times(2.5, 1.5)}, {"NAA": mrs.Times(1.5, 0.8)})
    conc = quantified(1.0e-4, "NAA", mrs.Timing(10.0, 0.030), phantom)
    assert digits(conc["NAA"].value, 4) == 11.11
    table = mrs.uncertainty(conc)
    longer = quantified(1.0e-4, "NAA", mrs.Timing(10.0, 0.030), mrs.Relaxation(
        "p", {"water": mrs.Times(2.5, 1.5)}, {"NAA": mrs.Times(1.65, 0.8)}
    ))  # fmt: skip
    assert_allclose(
        table.set_index("source")["effect"]["metabolite_t1"], longer["NAA"].value - conc["NAA"].value, rtol=1e-9
    )
    assert set(table["source"]) >= {"water_t1_water", "water_t2_water"}
    with pytest.raises(InputError, match="one pair of relaxation times but tissue fractions"):
        quantified(1.0e-4, "NAA", mrs.Timing(10.0, 0.030), phantom, tissue=TISSUE)


def test_water_shares_are_of_moles_and_not_of_volume():
    shares = TISSUE.water_fractions()
    assert_allclose([shares["gm"], shares["wm"], shares["csf"]], [0.615789, 0.256579, 0.127632], atol=5e-7)
    content = {"gm": 0.78, "wm": 0.65, "csf": 0.97}
    assert digits(sum(TISSUE.fractions()[name] * content[name] for name in content), 4) == 0.7600


def test_molar_and_molal_differ_by_the_water_content_of_tissue():
    molal, molar = (mrs.water_scaled(**EXAMPLE_A, unit=unit) for unit in ("mmol/kg", "mM"))
    assert_allclose(molar, molal * (0.6 * 0.78 + 0.3 * 0.65) / 0.9, rtol=1e-12)


def test_the_error_of_a_total_uses_the_covariance():
    parts = {name: Estimate(name, 1.0, sd) for name, sd in (("GPC", 0.3), ("PCh", 0.4))}
    covariance = np.array([[0.09, -0.06], [-0.06, 0.16]])
    fit = FitResult("LCM", "x", parts, covariance=covariance, covariance_names=("GPC", "PCh"))
    assert digits(fit.combine("tCho", {"GPC": 1, "PCh": 1}).stderr, 4) == 0.3606


@pytest.mark.parametrize("tissue", [TISSUE, mrs.Tissue(gm=0.2, wm=0.5, csf=0.3)])
@pytest.mark.parametrize("relaxation", ["default", "fsl-mrs"])
def test_concentrations_come_back_exactly_from_simulated_scans(basis, tissue, relaxation):
    scan = {"tissue": tissue, "relaxation": relaxation, "repetition_time_s": 2.0}
    data = mrs.simulate(basis, TRUTH, lorentz_hz=4, gauss_hz=3, phase_deg=30, shift_hz=4, **scan)
    water = mrs.simulate_water(
        dwell_s=DWELL_S, points=POINTS, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03, phase_deg=70, shift_hz=3, **scan
    )
    conc = mrs.quantify(mrs.fit(data, basis), water=water, tissue=tissue, relaxation=relaxation)
    for name, value in (TRUTH | {"tNAA": 11.5, "Glx": 12.0, "tCr": 8.0, "tCho": 1.5}).items():
        assert_allclose(conc[name].value, value, rtol=1e-6)
        assert conc[name].unit == "mmol/kg"


def test_concentrations_do_not_depend_on_the_scale_of_the_basis(tmp_path, basis, water):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=4, tissue=TISSUE, repetition_time_s=2.0)
    scaled = mrs.Basis(
        basis.names, 1e-4 * basis.fids, dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03,
        macromolecules=basis.macromolecules, proton_amplitude=1e-4,
    )  # fmt: skip
    conc = mrs.quantify(mrs.fit(data, scaled), water=water, tissue=TISSUE)
    assert_allclose(conc["NAA"].value, 10.0, rtol=1e-6)
    from_file = mrs.read_basis(mrs.write_basis(scaled, tmp_path / "x.BASIS"))
    conc = mrs.quantify(mrs.fit(data, from_file), water=water, tissue=TISSUE)
    assert_allclose(conc["NAA"].value, 10.0, rtol=1e-6)


@pytest.fixture
def noisy(basis, rng):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=4, tissue=TISSUE, repetition_time_s=2.0, noise_sd=0.2, rng=rng)
    return mrs.fit(data, basis)


def test_the_error_of_the_water_amplitude_is_a_common_factor(noisy, rng):
    water = mrs.simulate_water(
        tissue=TISSUE, dwell_s=DWELL_S, points=POINTS, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03, repetition_time_s=2.0,
        noise_sd=300.0, rng=rng,
    )  # fmt: skip
    conc = mrs.quantify(noisy, water=water, tissue=TISSUE)
    relative = conc.diagnostics["water_relative_stderr"]
    assert 0.0 < relative < 0.05
    for name in ("NAA", "tNAA", "Glx"):
        own = noisy[name].stderr / noisy[name].value if name == "NAA" else None
        if own is not None:
            assert_allclose(conc[name].stderr / conc[name].value, np.hypot(own, relative), rtol=1e-9)
    assert conc["NAA"].stderr_kind == "crlb"


def test_every_number_is_in_the_record(noisy, water):
    conc = mrs.quantify(noisy, water=water, tissue=TISSUE)
    record = conc.settings["quantification"]
    assert record["tissue"] == TISSUE.fractions()
    assert record["relaxation"] == "default 3 T"
    assert record["water_t1_t2_s"]["gm"] == [1.331, 0.110]
    assert_allclose(conc["Ins"].value, noisy["Ins"].value * record["factors"]["Ins"], rtol=1e-12)
    assert FitResult.from_dict(conc.to_dict()).to_dict() == conc.to_dict()


def test_missing_times_are_errors_that_name_the_field(noisy, basis, water):
    no_echo = water.with_fid(water.fid, echo_time_s=None)
    with pytest.raises(InputError, match=r"echo_time_s \(EchoTime\) is not in the header.*Give water_echo_time_s"):
        mrs.quantify(noisy, water=no_echo, tissue=TISSUE)
    assert mrs.quantify(noisy, water=no_echo, tissue=TISSUE, water_echo_time_s=0.03)["NAA"].value > 0
    without = mrs.fit(mrs.simulate(basis, TRUTH, lorentz_hz=4), basis)
    with pytest.raises(
        InputError, match=r"metabolite data: repetition_time_s \(RepetitionTime\).*Give repetition_time_s"
    ):
        mrs.quantify(without, water=water, tissue=TISSUE)
    with pytest.raises(InputError, match="water_echo_time_s is 30; it must lie between 0 and 5 s"):
        mrs.quantify(noisy, water=water, tissue=TISSUE, water_echo_time_s=30.0)


def test_a_suppressed_scan_as_water_is_refused(noisy, rng):
    noise = 1e-3 * (rng.standard_normal(POINTS) + 1j * rng.standard_normal(POINTS))
    spectrum = mrs.Spectrum(noise, dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03, repetition_time_s=2.0)
    with pytest.raises(InputError, match="give the unsuppressed scan"):
        mrs.quantify(noisy, water=spectrum, tissue=TISSUE)


def test_a_scale_that_cannot_be_right_is_flagged(noisy, water):
    assert "implausible_scale" not in {flag.name for flag in mrs.quantify(noisy, water=water, tissue=TISSUE).flags}
    wrong = mrs.quantify(noisy, water=water.with_fid(0.25 * water.fid), tissue=TISSUE)
    assert "implausible_scale" in {flag.name for flag in wrong.flags}
    right = mrs.quantify(noisy, water=water.with_fid(0.25 * water.fid), tissue=TISSUE, water_scale=4.0)
    assert_allclose(right["NAA"].value, mrs.quantify(noisy, water=water, tissue=TISSUE)["NAA"].value, rtol=1e-12)


def test_a_failed_fit_stays_failed(basis, water):
    empty = mrs.Spectrum(
        np.zeros(POINTS), dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03, repetition_time_s=2.0
    )
    conc = mrs.quantify(mrs.fit(empty, basis), water=water, tissue=TISSUE)
    assert conc.failed
    assert np.isnan(conc["Glx"].value)
    assert conc["Glx"].unit == "mmol/kg"


@pytest.mark.parametrize(
    ("fractions", "words"),
    [
        ((60, 30, 10), "Give fractions, not percent"),
        ((0.6, 0.3, 0.3), "they must sum to 1"),
        ((float("nan"), 0.5, 0.5), "gm is nan"),
        ((0.0, 0.0, 1.0), "no tissue besides CSF"),
    ],
)
def test_impossible_tissue_is_refused(fractions, words):
    with pytest.raises(InputError, match=words):
        mrs.Tissue(*fractions)


def test_relaxation_sets_are_found_by_name_and_field():
    with pytest.raises(UnknownNameError, match="did you mean 'default'"):
        mrs.relaxation_set("defualt", 127.7)
    with pytest.raises(InputError, match=r"has no values at 4\.70 T .* it covers 3 T, 7 T"):
        mrs.relaxation_set("default", 200.1)
    assert mrs.relaxation_set("default", 297.2).metabolite("NAA").t1_s == 1.805
    assert DEFAULT.metabolite("Scyllo") == DEFAULT.metabolite("sIns")
    assert DEFAULT.metabolite("Ala").status == "unchecked"
    with pytest.raises(InputError, match="Give seconds, not milliseconds"):
        mrs.Times(1331.0, 110.0)


def test_water_amplitude_is_that_at_time_zero_despite_distorted_first_points(water):
    spoiled = water.fid.copy()
    spoiled[0] *= 0.5
    spoiled[1] *= 1.07
    assert_allclose(mrs.water_amplitude(water.with_fid(spoiled)).value, abs(water.fid[0]), rtol=1e-9)


def test_noise_does_not_raise_the_water_amplitude():
    # weights of the noisy signal favour points that noise has raised: 0.2 % too much at this noise
    scan = {"tissue": TISSUE, "echo_time_s": 0.03, "repetition_time_s": 2.0, "larmor_mhz": LARMOR_MHZ}
    truth = abs(mrs.simulate_water(dwell_s=DWELL_S, points=POINTS, **scan).fid[0])
    rng = np.random.default_rng(3)
    values = [
        mrs.water_amplitude(
            mrs.simulate_water(dwell_s=DWELL_S, points=POINTS, noise_sd=0.024 * truth, rng=rng, **scan)
        ).value
        for _ in range(1000)
    ]
    # one value scatters by 0.75 %, their mean by 0.024 %; what is left of the bias is 0.05 %
    assert abs(np.mean(values) / truth - 1.0) < 0.0012


@pytest.mark.slow
def test_intervals_of_concentrations_cover_truth_with_noise_of_both_scans(basis):
    rng, scan = np.random.default_rng(11), {"tissue": TISSUE, "repetition_time_s": 2.0}
    truth = TRUTH | {"tNAA": 11.5, "Glx": 12.0, "tCr": 8.0, "tCho": 1.5}
    names = ["NAA", "tNAA", "tCr", "tCho", "Ins", "Glu", "Glx", "GSH", "GABA"]
    pulls = []
    for _ in range(200):
        data = mrs.simulate(
            basis, TRUTH, lorentz_hz=4, gauss_hz=3, phase_deg=20, shift_hz=2, noise_sd=0.2, rng=rng, **scan
        )
        water = mrs.simulate_water(
            dwell_s=DWELL_S, points=POINTS, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03, noise_sd=1500.0, rng=rng, **scan
        )
        conc = mrs.quantify(mrs.fit(data, basis), water=water, tissue=TISSUE)
        pulls.append([(conc[name].value - truth[name]) / conc[name].stderr for name in names])
    covered = np.mean(np.abs(pulls) < 1.96, axis=0)
    # 200 draws know 95 % to 1.5 %: three of them below; the error of water includes how far its line is from one curve
    assert covered.min() > 0.90
    assert 0.93 < covered.mean() < 0.99


def test_water_amplitude_covers_truth(rng):
    scan = {"tissue": TISSUE, "echo_time_s": 0.03, "repetition_time_s": 2.0, "larmor_mhz": LARMOR_MHZ}
    truth = abs(mrs.simulate_water(dwell_s=DWELL_S, points=POINTS, **scan).fid[0])
    values = [
        mrs.water_amplitude(mrs.simulate_water(dwell_s=DWELL_S, points=POINTS, noise_sd=100.0, rng=rng, **scan))
        for _ in range(100)
    ]
    covered = np.mean([abs(item.value - truth) < 1.96 * item.stderr for item in values])
    assert covered >= 0.90  # 95 % nominal; three standard errors below is 0.885
