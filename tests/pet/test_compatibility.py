"""The arithmetic of older software, reproduced, and what it costs."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import trapezoid

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.compatibility import fit_midtime
from tests.conftest import REFERENCE_CASES
from tests.pet.truth import FENG, FRAMINGS, curves, reference_curve

FILE = REFERENCE_CASES
# Largest error of BPND over R1 0.8, 1, 1.2 and the three framings, noise-free, k2' 0.1/min; as in the docstring.
COST = {
    ("SRTM", "trapezoid"): (0.0014, 0.0024, 0.0037, 0.0051),
    ("MRTM1", "trapezoid"): (0.0007, 0.0018, 0.0037, 0.0060),
    ("MRTM1", "frame_sums"): (0.0005, 0.0016, 0.0040, 0.0070),
    ("MRTM2", "trapezoid"): (0.0010, 0.0023, 0.0045, 0.0070),
    ("MRTM2", "frame_sums"): (0.0001, 0.0005, 0.0011, 0.0019),
    ("LoganRef", "trapezoid"): (0.0009, 0.0021, 0.0039, 0.0057),
    ("LoganRef", "frame_sums"): (0.0000, 0.0004, 0.0018, 0.0042),
}


def noise_free(frames, bpnd: float, r1: float = 1.0):
    reference = reference_curve(0.1)
    target = nc.pet.simulate("SRTM", frames, {"R1": r1, "k2": 0.1 * r1, "BPND": bpnd}, reference=reference)
    return curves(frames, target, reference.frame_means(frames.start_min, frames.end_min))


def cost(model: str, integration: str, bpnd: float) -> float:
    options = {"k2prime": 0.1} if model in {"MRTM2", "LoganRef"} else {}
    errors = [
        fit_midtime(noise_free(frames, bpnd, r1), model, reference="reference", integration=integration, **options)[
            "target"
        ]["BPND"].value
        - bpnd
        for frames in FRAMINGS.values()
        for r1 in (0.8, 1.0, 1.2)
    ]
    return float(np.max(np.abs(errors)))


@pytest.mark.parametrize(("model", "integration"), COST)
def test_the_cost_is_what_the_docstring_says(model, integration):
    measured = [cost(model, integration, bpnd) for bpnd in (0.3, 1.0, 2.0, 3.0)]
    # the table is rounded to four decimals
    assert_allclose(measured, COST[model, integration], atol=5.5e-5, rtol=0)


def test_a_break_costs_what_the_docstring_says():
    frames = FRAMINGS["15 s to 7 min"]
    whole = noise_free(frames, 2.0)
    keep = ~((frames.mid_min > 20) & (frames.mid_min < 45))
    tacs = nc.pet.TimeActivityCurves(frames.select(keep), whole.activity[keep], regions=whole.regions)
    lines = fit_midtime(tacs, "MRTM2", reference="reference", k2prime=0.1)["target"]["BPND"].value
    sums = fit_midtime(tacs, "MRTM2", reference="reference", k2prime=0.1, integration="frame_sums")["target"][
        "BPND"
    ].value
    assert_allclose([lines - 2.0, sums - 2.0], [-0.089, 0.527], atol=6e-4)


def by_hand(frames, target, reference, k2prime):
    """Trapezoids through (0, 0) and mid-frame values, written out."""
    t = np.append(0.0, frames.mid_min)
    integrals = [
        np.array([trapezoid(np.append(0.0, curve)[: n + 2], t[: n + 2]) for n in range(len(frames))])
        for curve in (reference, target)
    ]
    g1, g2 = np.linalg.lstsq(np.column_stack([integrals[0] + reference / k2prime, integrals[1]]), target, rcond=None)[0]
    late = frames.mid_min >= 30
    slope = np.polyfit(((integrals[0] + reference / k2prime) / target)[late], (integrals[1] / target)[late], 1)[0]
    return -g1 / g2 - 1.0, slope


def test_trapezoids_written_out_give_the_same():
    frames = FRAMINGS["15 s to 7 min"]
    tacs = noise_free(frames, 2.0)
    noisy = tacs["target"] * (1 + 0.02 * np.random.default_rng(1).standard_normal(len(frames)))
    tacs = curves(frames, noisy, tacs["reference"])
    bpnd, dvr = by_hand(frames, noisy, tacs["reference"], 0.1)
    found = fit_midtime(tacs, "mrtm2", reference="reference", k2prime=0.1)["target"]
    assert_allclose(found["BPND"].value, bpnd, rtol=1e-10)
    assert_allclose(found["R1"].value * 0.1, found["k2"].value, rtol=1e-12)
    graph = fit_midtime(tacs, "LoganRef", reference="reference", k2prime=0.1, t_star_s=1800.0)["target"]
    assert_allclose(graph["DVR"].value, dvr, rtol=1e-10)


@pytest.fixture(scope="module")
def cases() -> dict:
    if not FILE.is_file():
        pytest.skip(f"no reference cases at {FILE}")
    record = json.loads(FILE.read_text(encoding="utf-8"))
    record["cases"] = {case["id"][:4]: case for case in record["cases"]}
    return record


@pytest.fixture(scope="module")
def frames(cases) -> nc.pet.Frames:
    return nc.pet.Frames(cases["frames"]["frame_start_s"], cases["frames"]["frame_duration_s"])


@pytest.mark.parametrize("t_star_min", [10, 30, 50])
@pytest.mark.parametrize(
    ("case", "table", "curve"),
    [("pk01", "logan", "tac_frame_average"), ("pk02", "logan_on_tissue_only", "tissue_only_frame_average")],
)
def test_plasma_logan_slopes_of_the_frame_recipe(cases, frames, case, table, curve, t_star_min):
    p = cases["input_feng"]["parameters"]
    feng = nc.pet.Feng(p["A1"], p["A2"], p["A3"], p["L1"], p["L2"], p["L3"], t0_s=60.0 * p["t0"])
    tacs = nc.pet.TimeActivityCurves(frames, cases["cases"][case][curve], regions=["t"])
    fit = fit_midtime(tacs, "Logan", blood=feng, t_star_s=60.0 * t_star_min, integration="frame_sums")["t"]
    expected = cases["cases"][case]["expected"][table][f"tstar_{t_star_min}"]
    assert fit.used.sum() == expected["n_frames"]
    assert_allclose(fit["VT"].value, expected["slope_frame_recipe"], rtol=1e-9)
    assert_allclose(fit["intercept"].value, expected["intercept_frame_recipe"], rtol=1e-9)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_reference_models_of_the_frame_recipe(cases, frames, index):
    case = cases["cases"]["pk04"]
    truth = case["targets"][index]
    tacs = curves(frames, truth["tac_frame_average"], case["reference"]["tac_frame_average"])
    keywords = {"reference": "reference", "integration": "frame_sums"}
    fit = fit_midtime(tacs, "MRTM1", **keywords)["target"]
    for name in ("BPND", "R1", "k2", "k2prime"):
        assert_allclose(fit[name].value, truth["mrtm1_frame_recipe"][name], rtol=1e-9)
    fit = fit_midtime(tacs, "MRTM2", k2prime=0.054, **keywords)["target"]
    for name in ("BPND", "R1"):
        assert_allclose(fit[name].value, truth["mrtm2_frame_recipe"][name], rtol=1e-9)
    for minutes in (10, 30, 50):
        expected = truth["reference_logan"][f"tstar_{minutes}"]
        fit = fit_midtime(tacs, "LoganRef", k2prime=0.054, t_star_s=60.0 * minutes, **keywords)["target"]
        assert_allclose(fit["DVR"].value, expected["DVR_frame_recipe_with_k2prime"], rtol=1e-9)
        fit = fit_midtime(tacs, "LoganRef", t_star_s=60.0 * minutes, **keywords)["target"]
        assert_allclose(fit["DVR"].value, expected["DVR_frame_recipe_without_k2prime"], rtol=1e-9)


def test_simulated_reference_scans_give_the_error_measured_with_kinfitr(real_data):
    import pandas as pd

    folder = real_data / "pet" / "simref"
    truth = pd.read_csv(folder / "truth.tsv", sep="\t").set_index(["PET", "region"])["bp"]
    errors = []
    for path in sorted(folder.glob("simref_*.tsv")):
        table = pd.read_csv(path, sep="\t")
        regions = ["Reference", "ROI1", "ROI2", "ROI3"]
        frames = nc.pet.Frames(60 * table["StartTime"], 60 * table["Duration"])
        tacs = nc.pet.TimeActivityCurves(frames, table[regions].to_numpy(), regions=regions)
        # the measured numbers are met with the root of the stored weights, not with the weights (0.0208, -0.0050)
        fits = fit_midtime(tacs, "SRTM", reference="Reference", weights=np.sqrt(table["Weights"]))
        scan = path.stem.removeprefix("simref_")
        errors += [fits[region]["BPND"].value - truth[scan, region] for region in fits]
    assert len(errors) == 18
    assert_allclose(np.sqrt(np.mean(np.square(errors))), 0.0205, atol=5.1e-5)
    assert_allclose(np.mean(errors), -0.0048, atol=5.1e-5)


def test_the_grid_derivative_is_the_slope_of_the_columns():
    from neurochem.pet.compatibility import _GridColumns

    frames = FRAMINGS["15 s to 7 min"]
    columns = _GridColumns(frames.mid_min, reference_curve().frame_means(frames.start_min, frames.end_min))
    amplitudes = np.array([1.1, 0.03])
    step = 1e-6
    rise = columns.columns(np.array([0.05 + step])) - columns.columns(np.array([0.05 - step]))
    found = columns.derivative(np.array([0.05]), amplitudes)[:, 0]
    # central differences of step 1e-6 are good to about 1e-8
    assert_allclose(found, rise @ amplitudes / (2 * step), rtol=1e-6, atol=1e-6 * np.abs(found).max())


def test_results_say_how_they_were_made():
    fit = fit_midtime(noise_free(FRAMINGS["15 s to 7 min"], 1.0, 1.2), "MRTM1", reference="reference")["target"]
    assert [flag.name for flag in fit.flags] == ["midtime_arithmetic"]
    assert not fit.flagged()
    assert fit.settings["integration"] == "trapezoid"


def test_bad_input_says_what_to_do():
    frames = FRAMINGS["15 s to 7 min"]
    tacs = noise_free(frames, 1.0)
    with pytest.raises(UnknownNameError, match="did you mean 'MRTM2'"):
        fit_midtime(tacs, "MRTM3", reference="reference")
    with pytest.raises(UnknownNameError, match="trapezoid"):
        fit_midtime(tacs, "MRTM1", reference="reference", integration="trapez")
    with pytest.raises(InputError, match="needs reference="):
        fit_midtime(tacs, "MRTM1")
    with pytest.raises(InputError, match="needs blood="):
        fit_midtime(tacs, "Logan")
    with pytest.raises(InputError, match="needs k2prime"):
        fit_midtime(tacs, "MRTM2", reference="reference")
    with pytest.raises(InputError, match="must be positive"):
        fit_midtime(tacs, "LoganRef", reference="reference", k2prime=-1.0)
    with pytest.raises(InputError, match="earlier t_star_s"):
        fit_midtime(tacs, "LoganRef", reference="reference", t_star_s=5000.0)
    with pytest.raises(InputError, match="30 finite"):
        fit_midtime(tacs, "MRTM1", reference="reference", weights=[1.0])
    with pytest.raises(InputError, match="30 finite"):
        fit_midtime(tacs, "Logan", blood=FENG.values(frames.mid_min)[:4])
