import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from tests.pet.truth import FENG, FRAMINGS


def dasb():
    frames = FRAMINGS["15 s to 7 min"]
    curve = FENG.convolved(0.45, 0.06)
    columns = {"cerebellum": curve.frame_means(frames.start_min, frames.end_min)}
    for name, r1, bpnd in (("midbrain", 0.85, 3.2), ("thalamus", 1.05, 1.9)):
        columns[name] = nc.pet.simulate("SRTM", frames, {"R1": r1, "k2": 0.06 * r1, "BPND": bpnd}, reference=curve)
    return nc.pet.TimeActivityCurves(
        frames, np.column_stack(list(columns.values())), regions=list(columns), isotope="C11"
    )


def test_a_tracer_chooses_model_and_reference_and_says_so():
    fits = nc.pet.fit(dasb(), tracer="[11C]DASB")
    fit = fits["midbrain"]
    assert "cerebellum" not in fits
    assert fit.model == "SRTM2"
    assert "DASB" in fit.settings["tracer"]
    assert fit.settings["tracer_notes"]
    # the tracer's known caveats are flags; noise-free curves give BPND back
    assert {flag.name for flag in fit.flags} - {"k2prime_joint"}
    assert_allclose(fit["BPND"].value, 3.2, rtol=1e-4)


def test_what_is_given_wins_over_the_tracer():
    fit = nc.pet.fit(dasb(), "MRTM2", tracer="DASB", k2prime=0.06)["thalamus"]
    assert fit.model == "MRTM2"
    assert fit.settings["k2prime"] == 0.06
    assert "population_k2prime" not in [flag.name for flag in fit.flags]


def test_neither_model_nor_tracer_is_an_error():
    with pytest.raises(InputError, match="neither model nor tracer is given"):
        nc.pet.fit(dasb())
    with pytest.raises(UnknownNameError, match="unknown tracer 'DASBB'; did you mean"):
        nc.pet.fit(dasb(), tracer="DASBB")


def test_weights_can_be_named():
    by_name = nc.pet.fit(dasb(), "SRTM", reference="cerebellum", weights="duration")["midbrain"]
    assert by_name.settings["weights"] == "duration (formula)"
    with pytest.raises(UnknownNameError, match=r"unknown .* 'durations'"):
        nc.pet.fit(dasb(), "SRTM", reference="cerebellum", weights="durations")


def test_closed_form_plasma_and_blood_go_through_fit():
    frames = FRAMINGS["10 s to 5 min"]
    whole = nc.pet.ExponentialSum([nc.pet.Term(0.7 * t.amplitude, t.rate, t.power) for t in FENG.terms], FENG.onset)
    blood = nc.pet.PlasmaAndBlood(FENG, whole)
    truth = {"K1": 0.3, "k2": 0.1, "k3": 0.12, "k4": 0.04, "VB": 0.05}
    target = nc.pet.simulate("2TCM", frames, truth, blood=blood)
    tacs = nc.pet.TimeActivityCurves(frames, target, regions=["target"])
    fit = nc.pet.fit(tacs, "2TCM", blood=blood)["target"]
    assert_allclose([fit["VT"].value, fit["VB"].value], [12.0, 0.05], rtol=1e-6)
    fixed = nc.pet.fit(tacs, "2TCM", blood=blood, VB=0.05)["target"]
    assert fixed["VB"].fixed
    assert_allclose(fixed["k3"].value, 0.12, rtol=1e-5)


def test_vascular_reference_model_simulates_and_fits_back():
    frames = FRAMINGS["10 s to 5 min"]
    curve = FENG.convolved(0.1, 0.1)
    truth = {"R1": 1.1, "k2": 0.11, "BPND": 1.5, "VB": 0.05, "VBref": 0.0}
    target = nc.pet.simulate("SRTM_V", frames, truth, reference=curve, blood=FENG)
    tacs = nc.pet.TimeActivityCurves(frames, target, regions=["target"])
    fit = nc.pet.fit(tacs, "SRTM_V", reference=curve, blood=FENG, VBref=0.0)["target"]
    assert_allclose([fit["BPND"].value, fit["VB"].value], [1.5, 0.05], rtol=1e-5)
