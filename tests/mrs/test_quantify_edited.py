"""Units by name, alpha correction, ratios and sensitivities; the worked examples of the formulas for edited GABA."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError, UnknownNameError
from neurochem.mrs.concentration_ratios import concentration_ratios
from neurochem.mrs.edited import fit_edited
from neurochem.mrs.lineshape import gauss_variance
from neurochem.mrs.quantify import GANNET_GABA_SHARE, quantify
from neurochem.mrs.relaxation import relaxation_table
from neurochem.mrs.sensitivity import uncertainty
from neurochem.mrs.tissue import alpha_factor
from neurochem.mrs.tissue_correction import alpha_corrected
from neurochem.results import Estimate, FitResult
from tests.mrs.conftest import TISSUE
from tests.mrs.edited_truth import DWELL_S, LARMOR_MHZ, METABOLITES, POINTS, TRUTH, gaba_plus, mega_basis, mega_scan

DEFAULT = mrs.relaxation_set("default", LARMOR_MHZ)
GROUP = mrs.Tissue(gm=0.55, wm=0.35, csf=0.10)
GABA = mrs.Times(1.31, 0.088)
EXAMPLE_B = {
    "signal_ratio": 5.0e-5, "protons": 2, "timing": mrs.Timing(2.0, 0.068), "metabolite": GABA, "water": DEFAULT.water,
    "tissue": TISSUE, "editing_efficiency": 0.5, "metabolite_share": 0.45,
}  # fmt: skip


def digits(value, count=4):
    return float(f"{value:.{count}g}")


def coefficient(name, value, stderr=0.0, echo_time_s=0.068):
    """Return a fit of one element whose coefficient is signal a proton, as `fit_edited` returns it."""
    settings = {
        "larmor_mhz": LARMOR_MHZ, "basis_proton_amplitude": 1.0, "echo_time_s": echo_time_s, "repetition_time_s": 2.0,
    }  # fmt: skip
    return FitResult(
        "GABAGlx", "x", {name: Estimate(name, value, stderr)}, covariance=np.array([[stderr**2]]), covariance_names=(name,),
        settings=settings,
    )  # fmt: skip


def unit_water(echo_time_s=0.068):
    """Return water whose amplitude is one."""
    time_s = np.arange(POINTS) * DWELL_S
    return mrs.Spectrum(
        np.exp(-20.0 * time_s), dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=echo_time_s, repetition_time_s=2.0
    )


@pytest.fixture(scope="module")
def edited_water():
    return mrs.simulate_water(
        tissue=TISSUE, dwell_s=DWELL_S, points=POINTS, larmor_mhz=LARMOR_MHZ, echo_time_s=0.068, repetition_time_s=2.0,
        noise_sd=100.0, rng=np.random.default_rng(2),
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    """A noisy edited scan of a voxel with CSF and relaxation, fitted by basis."""
    timing, inside = mrs.Timing(2.0, 0.068), 1.0 - TISSUE.water_fractions()["csf"]
    weights = {name: inside * timing.signal(DEFAULT.metabolite(name)) for name in METABOLITES}
    scan = mega_scan(
        noise_sd=0.03, rng=np.random.default_rng(4), shift_hz=2.0, phase_deg=-8.0, weights=weights,
        mm=0.55 * weights["GABA"],
    )  # fmt: skip
    return fit_edited(*scan, basis=mega_basis())


# --- worked examples


def test_the_institutional_unit_is_gannets_simple_formula():
    assert digits(mrs.water_scaled(**EXAMPLE_B, unit="i.u.")) == 1.839
    assert digits(mrs.water_scaled(**{**EXAMPLE_B, "tissue": None}, unit="institutional")) == 1.839


def test_rounded_water_concentrations_give_the_same_molal_value():
    # Gannet writes 43.30, 36.08 and 53.84 mol/L for the product of water content and 55.51
    timing, rounded = mrs.Timing(2.0, 0.068), {"gm": 43.30, "wm": 36.08, "csf": 53.84}
    total = sum(TISSUE.fractions()[name] * rounded[name] for name in rounded)
    shares = {name: TISSUE.fractions()[name] * rounded[name] / total for name in rounded}
    factor = sum(shares[name] * timing.signal(DEFAULT.water[name]) for name in rounded) / (1.0 - shares["csf"])
    value = 5.0e-5 * 0.45 / 0.5 * 55510.0 * factor / timing.signal(GABA)
    assert digits(value, 6) == 3.18775
    assert digits(mrs.water_scaled(**EXAMPLE_B)) == digits(value) == 3.188


def test_relaxation_factors_of_edited_gaba_are_reproduced():
    timing = mrs.Timing(2.0, 0.068)
    assert [digits(timing.signal(DEFAULT.water[name])) for name in ("gm", "wm", "csf")] == [0.4190, 0.3855, 0.3563]
    assert digits(timing.signal(DEFAULT.metabolite("GABA+"))) == 0.3614


def test_example_b_goes_through_quantify_to_every_printed_digit():
    # S_M/S_w = 5e-5 is a coefficient of 5e-5 / (2 protons x efficiency 0.5) for water of amplitude one
    fit = coefficient("GABA+", 5.0e-5)
    for unit, whole, share in (("mmol/kg", 7.084, 3.188), ("mM", None, 2.348), ("i.u.", None, 1.839)):
        conc = quantify(fit, water=unit_water(), tissue=TISSUE, unit=unit, gaba_share=GANNET_GABA_SHARE)
        assert digits(conc["GABA"].value) == share
        assert whole is None or digits(conc["GABA+"].value) == whole
        assert conc["GABA"].unit == unit


@pytest.mark.parametrize("unit", ["molal", "molar"])
def test_alpha_correction_is_that_of_harris(unit):
    conc = quantify(coefficient("GABA+", 5.0e-5), water=unit_water(), tissue=TISSUE, unit=unit, gaba_share=0.45)
    found = alpha_corrected(conc, group=GROUP)
    assert digits(found["GABA_tissue"].value) == 2.114
    assert digits(found["GABA_alpha"].value) == 2.818
    assert digits(found["GABA_alpha_group"].value) == 2.270
    assert found["GABA_alpha"].unit == "mM"


def test_alpha_one_is_the_mean_over_tissue():
    assert_allclose(alpha_factor(TISSUE, 1.0), 1.0 / 0.9)
    assert_allclose(alpha_factor(TISSUE, 1.0, GROUP), 1.0 / 0.9)
    assert_allclose(alpha_factor(GROUP, 0.3, GROUP), 1.0 / 0.9)
    with pytest.raises(InputError, match="alpha is -1"):
        alpha_factor(TISSUE, -1.0)
    with pytest.raises(InputError, match="use quantify"):
        alpha_corrected(coefficient("GABA+", 1.0))


def test_alpha_correction_keeps_relative_errors(fitted, edited_water):
    conc = quantify(fitted, water=edited_water, tissue=TISSUE)
    found = alpha_corrected(conc, group=GROUP)
    for name in ("GABA_tissue", "GABA_alpha", "GABA_alpha_group"):
        assert_allclose(found[name].relative_stderr, conc["GABA"].relative_stderr, rtol=1e-12)
    ratio = concentration_ratios(found, "GABA_alpha", ["GABA"])["GABA/GABA_alpha"]
    assert ratio.stderr < 1e-6 * ratio.value


# --- the whole path


def test_edited_concentrations_come_back(fitted, edited_water):
    conc = quantify(fitted, water=edited_water, tissue=TISSUE)
    # standard errors are 1 % (GABA) to 0.1 % (creatine); creatine holds macromolecules of the sum, below 2 %
    for name, rtol in (("GABA", 0.05), ("Glu", 0.03), ("NAA", 0.02), ("tCr", 0.02)):
        truth = 8.0 if name == "tCr" else TRUTH[name]
        assert_allclose(conc[name].value, truth, rtol=rtol)
    assert_allclose(conc["GABA+"].value, gaba_plus(), rtol=0.03)
    assert conc["GABA+"].unit == "mmol/kg"
    assert not conc.failed
    assert FitResult.from_dict(conc.to_dict()).to_dict() == conc.to_dict()


def test_gaba_and_gaba_plus_relax_alike(fitted, edited_water):
    factors = quantify(fitted, water=edited_water, tissue=TISSUE).settings["quantification"]["factors"]
    assert factors["GABA+"] == factors["GABA"]
    assert factors["MM09+MM3co"] < factors["GABA"]


def test_a_share_is_not_taken_where_the_fit_separated_macromolecules(fitted, edited_water):
    with pytest.raises(InputError, match="separated by the fit"):
        quantify(fitted, water=edited_water, tissue=TISSUE, gaba_share=0.45)
    with pytest.raises(InputError, match="at most 1"):
        quantify(coefficient("GABA+", 1.0), water=edited_water, tissue=TISSUE, gaba_share=45.0)


def test_units_are_found_by_name_and_missing_tissue_is_named(fitted, edited_water):
    with pytest.raises(UnknownNameError, match=r"mmol/kg, mM, i\.u\."):
        quantify(fitted, water=edited_water, tissue=TISSUE, unit="mmol")
    with pytest.raises(InputError, match=r"tissue is missing.*or unit='i\.u\.'"):
        quantify(fitted, water=edited_water)
    assert quantify(fitted, water=edited_water, unit="i.u.").settings["quantification"]["tissue"] is None


def test_a_scale_that_cannot_be_right_is_flagged_for_edited_scans_too():
    conc = quantify(coefficient("GABA+", 5.0e-4), water=unit_water(), unit="i.u.")
    assert "implausible_scale" in {flag.name for flag in conc.flags}
    conc = quantify(coefficient("GABA+", 5.0e-5), water=unit_water(), unit="i.u.")
    assert "implausible_scale" not in {flag.name for flag in conc.flags}


# --- ratios


def pair(correlation):
    covariance = np.array([[0.04, correlation * 0.2 * 0.5], [correlation * 0.2 * 0.5, 0.25]])
    parts = {"GABA": Estimate("GABA", 2.0, 0.2), "Cr": Estimate("Cr", 8.0, 0.5)}
    return FitResult("LCM", "x", parts, covariance=covariance, covariance_names=("GABA", "Cr"))


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.8])
def test_the_error_of_a_ratio_is_that_of_correlated_draws(correlation, rng):
    fit = pair(correlation)
    draws = rng.multivariate_normal([2.0, 8.0], fit.covariance, size=200_000)
    seen = draws[:, 0] / draws[:, 1]
    ratio = concentration_ratios(fit, "Cr")["GABA/Cr"]
    # second-order terms of 6 % errors are 1 % of the standard error
    assert_allclose(ratio.stderr, seen.std(), rtol=0.02)
    low, high = ratio.interval(0.95)
    # Fieller: the hypothesis x - r y = 0 is not rejected inside
    for edge in (low, high):
        weights = np.array([1.0, -edge])
        assert_allclose(abs(weights @ [2.0, 8.0]) / math.sqrt(weights @ fit.covariance @ weights), 1.959964, rtol=1e-6)
    assert low < 0.25 < high


def test_correlations_matter():
    together, apart = (concentration_ratios(pair(value), "Cr")["GABA/Cr"].stderr for value in (0.8, -0.8))
    assert apart > 1.9 * together


def test_the_water_amplitude_cancels_in_ratios_of_concentrations(fitted, edited_water):
    weak = edited_water.with_fid(edited_water.fid)
    conc = quantify(fitted, water=weak, tissue=TISSUE)
    ratio = concentration_ratios(conc, "tCr", ["GABA+"])["GABA+/tCr"]
    raw = concentration_ratios(fitted, "tCr", ["GABA+"])["GABA+/tCr"]
    assert_allclose(ratio.relative_stderr, raw.relative_stderr, rtol=1e-6)
    # relaxation of GABA and creatine differ: the ratio of concentrations is larger than that of signals
    timing = mrs.Timing(2.0, 0.068)
    times = timing.signal(DEFAULT.metabolite("Cr")) / timing.signal(GABA)
    assert_allclose(ratio.value / raw.value, times, rtol=1e-9)


def test_a_divisor_that_is_not_there_gives_an_infinite_interval_and_a_flag():
    covariance = np.diag([0.01, 4.0])
    parts = {"GABA": Estimate("GABA", 2.0, 0.1), "Cr": Estimate("Cr", 1.0, 2.0)}
    fit = FitResult("LCM", "x", parts, covariance=covariance, covariance_names=("GABA", "Cr"))
    found = concentration_ratios(fit, "Cr")
    assert found["GABA/Cr"].interval(0.95) == (-math.inf, math.inf)
    assert "uncertain_reference" in {flag.name for flag in found.flags}
    with pytest.raises(UnknownNameError, match="reference of a ratio"):
        concentration_ratios(fit, "tCr")


# --- uncertainty


@pytest.mark.parametrize("unit", ["mmol/kg", "mM"])
def test_sensitivities_are_what_quantify_gives_with_the_change_made(fitted, edited_water, unit):
    conc = quantify(fitted, water=edited_water, tissue=TISSUE, unit=unit)
    table = uncertainty(conc, gm=0.05, csf=0.02, water_t2=0.10, metabolite_t1=-0.10)
    found = table.set_index(["source", "name"])["effect"]
    water = {**DEFAULT.water, "gm": mrs.Times(1.331, 0.121)}
    slow = {name: mrs.Times(0.9 * t.t1_s, t.t2_s) for name, t in ((n, DEFAULT.metabolite(n)) for n in METABOLITES)}
    changes = {
        "gm": {"tissue": mrs.Tissue(0.65, 0.25, 0.10)},
        "csf": {"tissue": mrs.Tissue(0.6 - 0.02 * 2 / 3, 0.3 - 0.02 / 3, 0.12)},
        "water_t2_gm": {"relaxation": mrs.Relaxation("x", water, DEFAULT.metabolites, DEFAULT.other)},
        "metabolite_t1": {"relaxation": mrs.Relaxation("x", DEFAULT.water, slow, DEFAULT.other)},
        "relaxation set": {"relaxation": "fsl-mrs"},
    }  # fmt: skip
    for source, change in changes.items():
        other = quantify(fitted, **({"water": edited_water, "tissue": TISSUE, "unit": unit} | change))
        for name in ("GABA", "GABA+", "tCr", "Glx"):
            effect = found[source, name]
            if source == "relaxation set":
                rows = table[(table["name"] == name) & (table["change"] == "fsl-mrs 3 T")]
                effect = rows["effect"].item()
            assert_allclose(effect, other[name].value - conc[name].value, rtol=1e-9, atol=1e-12)


def test_the_standard_error_splits_into_fit_and_water(fitted, edited_water):
    conc = quantify(fitted, water=edited_water, tissue=TISSUE)
    table = uncertainty(conc)
    errors = table[table["kind"] == "standard error"].pivot_table(index="name", columns="source", values="effect")
    assert_allclose(np.hypot(errors["fit"], errors["water amplitude"]), errors["total"], rtol=1e-9)
    relative = conc.diagnostics["water_relative_stderr"]
    assert_allclose(errors["water amplitude"]["GABA"], relative * conc["GABA"].value, rtol=1e-12)
    assert set(table["kind"]) == {"standard error", "sensitivity"}
    with pytest.raises(InputError, match=r"not made by neurochem\.mrs\.quantify"):
        uncertainty(fitted)


def test_macromolecules_do_not_feel_relaxation(fitted, edited_water):
    table = uncertainty(quantify(fitted, water=edited_water, tissue=TISSUE))
    rows = table[(table["name"] == "MM09+MM3co") & table["source"].isin(["metabolite_t1", "metabolite_t2"])]
    assert_allclose(rows["effect"], 0.0, atol=1e-12)


# --- relaxation sets


def test_named_relaxation_sets_differ_where_their_sources_do():
    gannet, stanisz = (mrs.relaxation_set(name, LARMOR_MHZ) for name in ("gannet", "stanisz"))
    assert gannet.water == DEFAULT.water
    assert gannet.metabolite("GSH").t1_s == 0.400
    assert gannet.metabolite("GABA").t2_s == DEFAULT.metabolite("GABA").t2_s == 0.088
    assert (
        DEFAULT.metabolite("Glx")
        == gannet.metabolite("Glx")
        == mrs.Times(1.23, 0.18, gannet.metabolite("Glx").source, gannet.metabolite("Glx").status)
    )
    assert (stanisz.water["gm"].t1_s, stanisz.water["csf"].t1_s) == (1.820, 3.817)
    with pytest.raises(InputError, match="no values at 7"):
        mrs.relaxation_set("gannet", 298.0)


def test_every_relaxation_time_has_a_source():
    table = relaxation_table()
    assert set(table["set"]) == {"default", "fsl-mrs", "gannet", "stanisz"}
    assert (table["t1_source"].str.len() > 5).all()
    assert len(relaxation_table("stanisz")) == 2
    with pytest.raises(UnknownNameError, match="did you mean 'gannet'"):
        relaxation_table("ganet")


@pytest.mark.parametrize("difference", ["half", "full"])
def test_a_difference_of_known_area_becomes_the_printed_institutional_units(difference):
    # GABA+ of S_M/S_w = 5e-5 in the half difference, as a Gaussian, which is what the peak model fits
    time_s = np.arange(POINTS) * DWELL_S
    lines = ((3.015, 5.0e-5, 20.0), (3.71, 4.0e-5, 10.0), (3.79, 4.0e-5, 10.0), (2.008, -3.0e-4, 6.0))
    fid = np.zeros(POINTS, dtype=complex)
    for ppm, size, width in lines:
        hertz = (4.65 - ppm) * LARMOR_MHZ
        fid += size * np.exp(2j * np.pi * hertz * time_s - gauss_variance(width) * time_s**2)
    scale = 2.0 if difference == "full" else 1.0
    spectrum = unit_water().with_fid(scale * fid, name="difference")
    fit = fit_edited(spectrum, method="peaks", difference=difference)
    for unit, tissue, whole, share in (
        ("i.u.", None, None, 1.839), ("mmol/kg", TISSUE, 7.084, 3.188), ("mM", TISSUE, None, 2.348)
    ):  # fmt: skip
        conc = quantify(fit, water=unit_water(), tissue=tissue, unit=unit, gaba_share=GANNET_GABA_SHARE)
        assert digits(conc["GABA"].value) == share
        assert whole is None or digits(conc["GABA+"].value) == whole
