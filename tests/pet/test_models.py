import lmfit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.model import MODELS
from tests.pet.truth import FENG, FRAMINGS, curves, framing, reference_curve

REFERENCE_MODELS = [
    entry.name for entry in MODELS if entry.item.inputs == "reference" and getattr(entry.item, "one_compartment", True)
]
PLASMA_MODELS = [entry.name for entry in MODELS if entry.item.inputs == "plasma" and "intercept" in entry.item.reported]
K2PRIME = 0.1


def options(model: str) -> dict[str, float]:
    return {"k2prime": K2PRIME} if "k2prime" in MODELS[model].options else {}


def truth(frames, bpnd: float, r1: float = 1.2, k2prime: float = K2PRIME):
    reference = reference_curve(k2prime)
    target = nc.pet.simulate("SRTM", frames, {"R1": r1, "k2": r1 * k2prime, "BPND": bpnd}, reference=reference)
    return target, reference.frame_means(frames.start_min, frames.end_min)


@pytest.mark.parametrize("model", REFERENCE_MODELS)
@pytest.mark.parametrize("framing_name", FRAMINGS)
@pytest.mark.parametrize("bpnd", [0.3, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("r1", [0.8, 1.0, 1.2])
def test_bpnd_from_frame_means_alone_is_right(model, framing_name, bpnd, r1):
    frames = FRAMINGS[framing_name]
    target, reference = truth(frames, bpnd, r1)
    fit = nc.pet.fit(curves(frames, target, reference), model, reference="reference", **options(model))["target"]
    # the rebuilt curves err by 1e-5; 2e-4 is what users were promised
    assert abs(fit["BPND"].value - bpnd) < 5e-5 * max(1.0, bpnd)


@pytest.mark.parametrize("model", [name for name in REFERENCE_MODELS if "R1" in MODELS[name].reported])
def test_parameters_are_named_right(model):
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 2.0)
    fit = nc.pet.fit(curves(frames, target, reference), model, reference="reference", **options(model))["target"]
    assert_allclose([fit["R1"].value, fit["k2"].value, fit["k2a"].value], [1.2, 0.12, 0.04], rtol=1e-4)
    k2prime = fit["k2prime"].value if "k2prime" in fit else K2PRIME
    assert_allclose(fit["k2"].value, fit["R1"].value * k2prime, rtol=1e-10)
    assert_allclose(fit["k2a"].value, fit["k2"].value / (1 + fit["BPND"].value), rtol=1e-10)
    assert_allclose(fit["DVR"].value, 1 + fit["BPND"].value, rtol=1e-12)


@pytest.mark.parametrize("model", REFERENCE_MODELS)
def test_an_exact_reference_curve_gives_exact_srtm(model):
    frames = FRAMINGS["15 s to 7 min"]
    target, _ = truth(frames, 2.0)
    tacs = nc.pet.TimeActivityCurves(frames, target, regions=["target"])
    fit = nc.pet.fit(tacs, model, reference=reference_curve(), **options(model))["target"]
    # SRTM needs no integral of the target, the others rebuild it
    assert abs(fit["BPND"].value - 2.0) < (1e-9 if model == "SRTM" else 1e-4)


@pytest.mark.parametrize("model", PLASMA_MODELS)
def test_vt_of_one_tissue_compartment(model):
    frames = FRAMINGS["10 s to 5 min"]
    target = nc.pet.simulate(model, frames, {"K1": 0.3, "k2": 0.05}, blood=FENG)
    tacs = nc.pet.TimeActivityCurves(frames, target, regions=["target"])
    fit = nc.pet.fit(tacs, model, blood=FENG)["target"]
    # the target's integral is rebuilt from frame means
    assert_allclose(fit["VT"].value, 6.0, rtol=2e-5)
    assert_allclose(fit["intercept"].value, -20.0, rtol=1e-4)


@pytest.mark.parametrize("model", [*REFERENCE_MODELS, *PLASMA_MODELS])
def test_rescaled_activity_changes_no_ratio(model):
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 1.5)
    noisy = target * (1 + 0.02 * np.random.default_rng(3).standard_normal(target.size))
    name = "BPND" if model in REFERENCE_MODELS else "VT"
    values = []
    for factor in (1.0, 37.0, 1e-3):
        tacs = curves(frames, noisy * factor, reference * factor, isotope="C11")
        blood = nc.pet.ArterialInput([0, 30, 60, 600, 6000], np.array([0.0, 50.0, 20.0, 5.0, 1.0]) * factor)
        fits = (
            nc.pet.fit(tacs, model, reference="reference", **options(model))
            if name == "BPND"
            else nc.pet.fit(tacs, model, blood=blood)
        )
        values.append((fits["target"][name].value, fits["target"][name].stderr))
    # the search ends where steps fall below 1e-11
    assert_allclose(values[1:], [values[0]] * 2, rtol=1e-7)


@pytest.mark.parametrize("model", REFERENCE_MODELS)
def test_multiplied_weights_change_nothing(model):
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 1.5)
    noisy = target * (1 + 0.02 * np.random.default_rng(4).standard_normal(target.size))
    weights = np.linspace(1.0, 2.0, len(frames))
    first, second = (
        nc.pet.fit(
            curves(frames, noisy, reference), model, reference="reference", weights=weights * factor, **options(model)
        )["target"]["BPND"]
        for factor in (1.0, 10.0)
    )
    assert_allclose([second.value, second.stderr], [first.value, first.stderr], rtol=1e-7)


def test_corrupted_frame_of_little_weight_changes_nothing_in_srtm():
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 1.0)
    corrupted = target.copy()
    corrupted[22] *= 1.5
    weights = np.ones(len(frames))
    weights[22] = 1e-9
    fit = nc.pet.fit(curves(frames, corrupted, reference), "SRTM", reference="reference", weights=weights)["target"]
    assert abs(fit["BPND"].value - 1.0) < 1e-5


@pytest.mark.parametrize("model", REFERENCE_MODELS)
def test_excluded_frame_changes_nothing(model):
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 1.0)
    corrupted = target.copy()
    corrupted[22] *= 1.5
    fits = nc.pet.fit(
        curves(frames, corrupted, reference), model, reference="reference", exclude=[22], **options(model)
    )
    # the bridge over one missing five-minute frame errs by a few 1e-5
    assert abs(fits["target"]["BPND"].value - 1.0) < 3e-4
    assert "bridged" in [flag.name for flag in fits["target"].flags]


@pytest.mark.parametrize("model", REFERENCE_MODELS)
@pytest.mark.parametrize("bpnd", [1.0, 2.0, 3.0])
def test_a_break_of_25_minutes_moves_bpnd_little_and_is_flagged(model, bpnd):
    frames = FRAMINGS["20 s to 5 min"]
    keep = (frames.end_min <= 24.1) | (frames.start_min >= 48.9)
    target, reference = truth(frames, bpnd)
    gapped = curves(frames.select(keep), target[keep], reference[keep])
    fit = nc.pet.fit(gapped, model, reference="reference", **options(model))["target"]
    assert abs(fit["BPND"].value - bpnd) < 0.02
    assert "bridged" in [flag.name for flag in fit.flags]


def test_late_start_with_activity_is_bridged_and_flagged():
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 2.0)
    late = curves(frames.select(frames.start_min >= 1.0), target[4:], reference[4:])
    fit = nc.pet.fit(late, "SRTM", reference="reference")["target"]
    assert abs(fit["BPND"].value - 2.0) < 0.02
    assert "bridged" in [flag.name for flag in fit.flags]


def test_zero_length_frame_and_empty_start_are_no_gap():
    frames = framing((4, 30), (20, 240))
    late = nc.pet.Feng(851.1, 21.9, 20.8, 4.13, 0.119, 0.0104, t0_s=130.0).convolved(0.1, 0.1)
    target = nc.pet.simulate("SRTM", frames, {"k2": 0.1, "BPND": 1.0}, reference=late)
    reference = late.frame_means(frames.start_min, frames.end_min)
    shifted = nc.pet.Frames([0.0, *frames.start_s[3:]], [0.0, *frames.duration_s[3:]])
    tacs = curves(shifted, np.array([0.0, *target[3:]]), np.array([0.0, *reference[3:]]))
    fit = nc.pet.fit(tacs, "SRTM", reference="reference")["target"]
    assert [flag.name for flag in fit.flags] == []
    # a bolus that arrives inside a four-minute frame is the spline's hardest case
    assert abs(fit["BPND"].value - 1.0) < 5e-3
    assert not fit.used[0]


def test_target_equal_to_reference_has_no_binding_and_unknown_washout():
    frames = FRAMINGS["15 s to 7 min"]
    _, reference = truth(frames, 1.0)
    fit = nc.pet.fit(curves(frames, reference, reference), "SRTM", reference="reference")["target"]
    assert_allclose([fit["BPND"].value, fit["R1"].value], [0.0, 1.0], atol=1e-9)
    assert fit["k2"].interval() == (-np.inf, np.inf)
    assert ("not_identified", "k2") in [(flag.name, flag.parameter) for flag in fit.flags]


@pytest.mark.parametrize("model", [name for name in REFERENCE_MODELS if "BPND" in MODELS[name].reported])
def test_target_equal_to_reference_is_no_trouble_in_any_model(model):
    frames = FRAMINGS["15 s to 7 min"]
    _, reference = truth(frames, 1.0)
    fit = nc.pet.fit(curves(frames, reference, reference), model, reference="reference", **options(model))["target"]
    assert abs(fit["BPND"].value) < 1e-6
    if "R1" in fit:
        assert abs(fit["R1"].value - 1.0) < 1e-6


def test_washout_beyond_the_search_says_edge_and_keeps_its_value():
    frames = FRAMINGS["15 s to 7 min"]
    reference = reference_curve().frame_means(frames.start_min, frames.end_min)
    rising = np.cumsum(np.cumsum(reference * frames.duration_min) * frames.duration_min)
    fit = nc.pet.fit(curves(frames, rising, reference), "SRTM", reference="reference")["target"]
    assert fit["k2a"].at_bound
    assert np.isfinite(fit["BPND"].value)
    assert "edge" in [flag.name for flag in fit.flags]


def test_empty_region_fails_without_an_exception():
    frames = FRAMINGS["15 s to 7 min"]
    _, reference = truth(frames, 1.0)
    fit = nc.pet.fit(curves(frames, np.zeros(len(frames)), reference), "SRTM", reference="reference")["target"]
    assert not fit.success
    assert np.isnan(fit["BPND"].value)
    assert [flag.name for flag in fit.flags] == ["no_signal"]


def test_inputs_are_not_changed():
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 1.0)
    activity = np.column_stack([reference, target - 5.0])
    before = activity.copy()
    tacs = nc.pet.TimeActivityCurves(frames, activity, regions=["reference", "target"])
    nc.pet.fit(tacs, "SRTM", reference="reference")
    assert_allclose(activity, before, rtol=0, atol=0)


def test_lmfit_parameters_fix_bound_and_tie():
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 2.0)
    tacs = curves(frames, target, reference)
    parameters = lmfit.Parameters()
    parameters.add("R1", value=1.0, min=0.5, max=2.0)
    parameters.add("k2prime", value=K2PRIME, vary=False)
    parameters.add("k2", expr="R1*k2prime")
    parameters.add("BPND", value=1.0, min=0.0, max=10.0)
    fit = nc.pet.fit(tacs, "SRTM", reference="reference", parameters=parameters)["target"]
    assert_allclose([fit["R1"].value, fit["BPND"].value, fit["k2"].value], [1.2, 2.0, 0.12], rtol=1e-4)
    assert fit.lmfit.nvarys == 2
    assert parameters["R1"].value == 1.0
    free = lmfit.create_params(R1=1.0, k2=0.1, BPND=1.0)
    noisy = curves(frames, target * (1 + 0.02 * np.random.default_rng(1).standard_normal(target.size)), reference)
    through, own = (
        nc.pet.fit(noisy, "SRTM", reference=reference_curve(), parameters=choice)["target"] for choice in (free, None)
    )
    # the same minimum by two solvers
    assert_allclose(through["BPND"].value, own["BPND"].value, rtol=1e-6)


def test_lmfit_offers_intervals_and_contours():
    frames = FRAMINGS["15 s to 7 min"]
    target, reference = truth(frames, 2.0)
    noisy = curves(frames, target * (1 + 0.02 * np.random.default_rng(1).standard_normal(target.size)), reference)
    free = lmfit.create_params(R1=1.0, k2=0.1, BPND=1.0)
    fit = nc.pet.fit(noisy, "SRTM", reference="reference", parameters=free)["target"]
    rows = fit.lmfit.conf_interval(sigmas=[2])["BPND"]
    low, high = rows[0][1], rows[-1][1]
    assert low < fit["BPND"].value < high
    # the profile's two-sigma interval is about two standard errors on each side
    assert_allclose(high - fit["BPND"].value, 2 * fit["BPND"].stderr, rtol=0.3)
    _, _, grid = fit.lmfit.conf_interval2d("R1", "BPND", nx=4, ny=4)
    assert grid.shape == (4, 4)


def test_lmfit_is_refused_where_there_is_nothing_to_search():
    frames = FRAMINGS["15 s to 7 min"]
    tacs = curves(frames, *truth(frames, 2.0))
    with pytest.raises(InputError, match="MRTM1 is linear"):
        nc.pet.fit(tacs, "MRTM1", reference="reference", parameters=lmfit.create_params(R1=1.0))
    with pytest.raises(UnknownNameError, match="unknown lmfit parameter 'k2'"):
        nc.pet.fit(tacs, "SRTM", reference="reference", parameters=lmfit.create_params(R1=1.0, BPND=2.0))


def test_vascular_correction_recovers_tissue():
    frames = FRAMINGS["10 s to 5 min"]
    time_s = np.concatenate([np.arange(0.0, 120.0), np.arange(120.0, 6000.0, 10.0)])
    plasma = FENG.values(time_s / 60.0)
    blood = nc.pet.ArterialInput(time_s, plasma, whole_blood=0.7 * plasma)
    target = nc.pet.simulate("Logan", frames, {"K1": 0.3, "k2": 0.05, "VB": 0.05}, blood=blood)
    tacs = nc.pet.TimeActivityCurves(frames, target, regions=["target"])
    for model in PLASMA_MODELS:
        corrected, plain = (nc.pet.fit(tacs, model, blood=blood, **choice)["target"] for choice in ({"VB": 0.05}, {}))
        assert_allclose(corrected["VT"].value, 6.0, rtol=5e-5)
        assert abs(plain["VT"].value - 6.0) > 0.01
    with pytest.raises(InputError, match="needs whole blood"):
        nc.pet.fit(tacs, "MA1", blood=FENG, VB=0.05)


def test_default_start_is_one_for_all_regions_and_curvature_is_flagged():
    frames = FRAMINGS["15 s to 7 min"]
    grid = np.union1d(frames.start_min, frames.end_min)

    def two_tissue(k1, k2, k3, k4):
        total = k2 + k3 + k4
        fast = (total + np.sqrt(total**2 - 4 * k2 * k4)) / 2
        slow = k2 * k4 / fast
        parts = [FENG.prepare(grid).response(rate).integrals[0] for rate in (slow, fast)]
        return k1 * ((k3 + k4 - slow) * parts[0] + (fast - k3 - k4) * parts[1]) / (fast - slow) / frames.duration_min

    quick, slow = two_tissue(0.3, 0.1, 0.12, 0.04), two_tissue(0.15, 0.12, 0.02, 0.006)
    tacs = nc.pet.TimeActivityCurves(frames, np.column_stack([quick, slow]), regions=["quick", "slow"])
    for model in ("Logan", "MA1"):
        fits = nc.pet.fit(tacs, model, blood=FENG)
        assert fits["quick"].settings["t_star_s"] == fits["slow"].settings["t_star_s"] == 0.4 * 5400
        names = {region: [flag.name for flag in fits[region].flags] for region in fits}
        assert "curved" in names["slow"]
        # VT is 12; the line still bends a little after 36 minutes
        assert abs(fits["quick"]["VT"].value / 12.0 - 1.0) < 0.04


def test_logan_without_k2prime_is_flagged_as_biased():
    frames = FRAMINGS["15 s to 7 min"]
    fit = nc.pet.fit(curves(frames, *truth(frames, 3.0)), "LoganRef", reference="reference")["target"]
    assert "biased_without_k2prime" in [flag.name for flag in fit.flags]
    assert fit["DVR"].value < 3.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: nc.pet.fit(t, "SRMT", reference="reference"), "unknown PET model 'SRMT'; did you mean 'SRTM'"),
        (lambda t: nc.pet.fit(t, "SRTM", reference="refrence"), "unknown region 'refrence'; did you mean 'reference'"),
        (lambda t: nc.pet.fit(t, "SRTM"), "SRTM needs a reference"),
        (lambda t: nc.pet.fit(t, "MRTM2", reference="reference"), "MRTM2 needs k2prime"),
        (lambda t: nc.pet.fit(t, "SRTM", reference="reference", k2prime=0.1), "unknown option of SRTM 'k2prime'"),
        (lambda t: nc.pet.fit(t, "Logan"), "Logan needs blood"),
        (lambda t: nc.pet.fit(t, "SRTM", reference=[1.0, 2.0]), r"finite frame means in kBq/mL.*got shape \(2,\)"),
        (lambda t: nc.pet.fit(t, "SRTM", reference="reference", weights=[1.0]), "one over the variance"),
        (lambda t: nc.pet.fit(t, "SRTM", reference="reference", exclude=[99]), "exclude names frame 99"),
        (lambda t: nc.pet.fit(t, "MA1", blood=FENG, t_star_s=5390.0), "usable frames from t"),
    ],
)
def test_errors_say_what_to_do(call, message):
    frames = FRAMINGS["15 s to 7 min"]
    with pytest.raises((InputError, UnknownNameError), match=message):
        call(curves(frames, *truth(frames, 1.0)))


@given(scale=st.floats(0.2, 5.0), bpnd=st.floats(0.2, 5.0), r1=st.floats(0.6, 1.5))
@settings(max_examples=15, deadline=None)
def test_stretching_time_scales_rates_only(scale, bpnd, r1):
    frames = FRAMINGS["15 s to 7 min"]
    stretched = nc.pet.Frames(frames.start_s * scale, frames.duration_s * scale)
    target, reference = truth(frames, bpnd, r1)
    first, second = (
        nc.pet.fit(curves(grid, target, reference), "SRTM", reference="reference")["target"]
        for grid in (frames, stretched)
    )
    # noise-free residuals are at the level of the spline's error, so the minimum is flat to 1e-6
    assert_allclose(second["BPND"].value, first["BPND"].value, rtol=1e-5, atol=1e-6)
    assert_allclose(second["k2"].value * scale, first["k2"].value, rtol=1e-5)


def test_simulate_gives_values_at_times():
    times = np.array([0.0, 30.0, 600.0, 3600.0])
    reference = reference_curve()
    values = nc.pet.simulate("SRTM", None, {"k2": 0.1, "BPND": 0.0}, reference=reference, times_s=times)
    assert_allclose(values, reference.values(times / 60.0), rtol=1e-12)


def test_every_model_is_listed_with_its_source():
    for record in nc.pet.models():
        assert record["reference"]
        assert record["equation"]
        assert record["inputs"] in {"reference", "plasma"}


def test_the_list_of_models_stays_a_function_after_a_fit():
    frames = FRAMINGS["15 s to 7 min"]
    nc.pet.fit(curves(frames, *truth(frames, 1.0)), "SRTM", reference="reference")
    assert callable(nc.pet.models)


def test_a_value_that_cannot_be_physical_is_flagged():
    frames = FRAMINGS["15 s to 7 min"]
    tacs = nc.pet.TimeActivityCurves(frames, frames.mid_s**2, regions=["time"])
    fit = nc.pet.fit(tacs, "MA1", blood=FENG)["time"]
    assert (fit["VT"].value < 0) == ("negative" in [flag.name for flag in fit.flags])
    assert fit["VT"].value < 0
