"""A call that works for every public function of the PET room, to be spoiled one argument at a time."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import nibabel
import numpy as np

import neurochem as nc
from neurochem.pet.fitted_input import Factor
from tests.pet.truth import FENG, framing

Call = tuple[Callable[..., Any], dict[str, Any]]

FRAMES = framing((4, 30), (3, 60), (3, 300), (4, 600))
TIMES = np.linspace(0.0, 4000.0, 24)
LABELS = np.repeat([0, 1, 2, 2], 16).reshape(4, 4, 4)
PLASMA = nc.pet.ArterialInput(TIMES, FENG.values(TIMES / 60), 0.6 * FENG.values(TIMES / 60))


@cache
def scan() -> nc.pet.TimeActivityCurves:
    reference = FENG.convolved(0.1, 0.1)
    truth = {"putamen": 2.0, "midbrain": 1.0, "cortex": 0.4}
    columns = [nc.pet.simulate("1TCM", FRAMES, {"K1": 0.1, "k2": 0.1, "VB": 0.0}, blood=FENG)]
    columns += [
        nc.pet.simulate("SRTM", FRAMES, {"R1": 1, "k2": 0.1, "BPND": bp}, reference=reference) for bp in truth.values()
    ]
    noise = 1.0 + 0.01 * np.random.default_rng(1).standard_normal((len(FRAMES), 4))
    return nc.pet.TimeActivityCurves(
        FRAMES, np.column_stack(columns) * noise, regions=["cerebellum", *truth], isotope="C11"
    )


@cache
def image() -> nc.pet.DynamicImage:
    data = np.tile(scan()["putamen"], (4, 4, 4, 1)) * np.linspace(0.8, 1.2, 64).reshape(4, 4, 4, 1)
    return nc.pet.DynamicImage(data, FRAMES, np.diag([2.0, 2.0, 2.0, 1.0]), isotope="C11")


@cache
def parts() -> dict[str, Any]:
    fraction = 1.0 / (1.0 + (TIMES[1:] / 1500.0) ** 1.2)
    truth = {"putamen": {"R1": 1, "k2": 0.1, "BPND": 2}}
    protocol = nc.pet.Protocol(FRAMES, "SRTM", truth, FENG.convolved(0.1, 0.1), cv_at_s=2000.0)
    series = nc.pet.BloodSeries(TIMES, PLASMA.whole_blood, name="whole_blood")
    return {
        "labels": LABELS,
        "fits": [
            nc.pet.fit(scan(), model, reference="cerebellum", **more)
            for model, more in (("MRTM2", {"k2prime": 0.1}), ("MRTM1", {}))
        ],
        "fraction": (TIMES[1:], fraction),
        "parent": nc.pet.fit_parent_fraction(TIMES[1:], fraction, model="Hill"),
        "series": series,
        "image": nc.pet.time_average(image(), 600.0, 1800.0),
        "occupancy": nc.pet.occupancy_curve([1, 2, 5, 10, 20], [20, 35, 55, 70, 80]),
        "lassen": nc.pet.lassen([10, 8, 6, 5.0], [6, 5, 4.2, 3.6]),
        "protocol": protocol,
        "table": nc.pet.simulate_protocol(
            protocol, {"MRTM2": {"k2prime": 0.1}}, replicates=20, rng=np.random.default_rng(1)
        ),
        "starts": nc.pet.scan_t_star(scan(), "LoganRef", reference="cerebellum", starts_s=[600.0, 900.0], k2prime=0.1),
    }


def classes() -> dict[str, Call]:
    """Return calls of the classes that a user makes."""
    pet, made, curve = nc.pet, parts(), FENG.convolved(0.1, 0.1)
    return {
        "ArterialInput": (pet.ArterialInput, {"time_s": TIMES, "plasma_parent": TIMES, "whole_blood": TIMES}),
        "BloodSamples": (pet.BloodSamples, {"whole_blood": made["series"], "isotope": "C11", "notes": ("a",), "where": ""}),
        "BloodSeries": (
            pet.BloodSeries,
            {"time_s": TIMES, "values": TIMES, "sources": ("a",) * TIMES.size, "name": "plasma", "where": ""},
        ),
        "DynamicImage": (
            pet.DynamicImage,
            {
                "data": np.ones((2, 2, 2, len(FRAMES))), "frames": FRAMES, "affine": np.eye(4), "isotope": "C11",
                "scale": np.ones(len(FRAMES)), "kept": np.ones(len(FRAMES), dtype=bool), "where": "", "notes": ("a",),
            },
        ),
        "ExponentialRelease": (pet.ExponentialRelease, {"start": 10.0, "rate": 0.1}),
        "ExponentialSum": (pet.ExponentialSum, {"terms": [pet.Term(1.0, 0.1)], "onset_min": 0.0}),
        "Feng": (pet.Feng, {"A1": 800.0, "A2": 20.0, "A3": 20.0, "L1": 4.0, "L2": 0.1, "L3": 0.01, "t0_s": 5.0}),
        "FittedInput": (
            pet.FittedInput,
            {"factors": (Factor("parent", made["parent"]),), "time_s": TIMES[1:], "whole_blood": TIMES[1:], "where": ""},
        ),
        "FrameSpline": (pet.FrameSpline, {"frames": FRAMES, "start_is_zero": True}),
        "Frames": (pet.Frames, {"start_s": [0, 10], "duration_s": [10, 10], "where": ""}),
        "GammaRelease": (pet.GammaRelease, {"start": 10.0, "peak": 20.0, "alpha": 1.0}),
        "JoinedExponentials": (pet.JoinedExponentials, {"parts": [pet.ExponentialSum([pet.Term(1.0, 0.1)])]}),
        "PiecewisePolynomial": (
            pet.PiecewisePolynomial, {"nodes_min": np.arange(3.0), "coefficients": np.ones((2, 3))}
        ),
        "PlasmaAndBlood": (pet.PlasmaAndBlood, {"plasma_parent": FENG, "whole_blood": FENG}),
        "PointSpread": (
            pet.PointSpread, {"fwhm_mm": 6.0, "voxel_mm": [2.0, 2.0, 2.0], "outside": "zero", "fwhm_includes_voxel": False}
        ),
        "Protocol": (
            pet.Protocol,
            {
                "frames": FRAMES, "model": "SRTM", "truth": {"putamen": {"R1": 1, "k2": 0.1, "BPND": 2}}, "input": curve,
                "cv": 0.03, "cv_at_s": 2000.0, "isotope": "C11", "reference_voxels": 10.0,
            },
        ),
        "StaticImage": (
            pet.StaticImage,
            {"data": np.ones((2, 2, 2)), "affine": np.eye(4), "unit": "kBq/mL", "description": "a", "facts": {}, "where": ""},
        ),
        "StepRelease": (pet.StepRelease, {"start": 10.0}),
        "Term": (pet.Term, {"amplitude": 1.0, "rate": 0.1, "power": 0}),
        "TimeActivityCurves": (
            pet.TimeActivityCurves,
            {
                "frames": FRAMES, "activity": scan().activity, "regions": list(scan().regions), "isotope": "C11",
                "weights": np.ones(len(FRAMES)), "voxels": np.ones(4), "where": "",
            },
        ),
    }  # fmt: skip


def fits() -> dict[str, Call]:
    """Return calls of what fits curves and images."""
    pet, tacs, made = nc.pet, scan(), parts()
    reference = {"tacs": tacs, "reference": "cerebellum"}
    time, fraction = made["fraction"]
    sampled = {"time_s": time, "weights": np.ones(time.size), "fixed": {}, "variance": 1e-4, "where": ""}
    small = {"regions": ["putamen"], "weights": np.ones(len(FRAMES)), "exclude": [0]}
    return {
        "bootstrap_interval": (
            pet.bootstrap_interval,
            {
                **reference, "model": "MRTM2", "region": "putamen", "parameter": "BPND", "replicates": 100, "level": 0.9,
                "k2prime": 0.1, "rng": np.random.default_rng(1),
            },
        ),
        "profile_interval": (
            pet.profile_interval,
            {**reference, "model": "SRTM", "region": "putamen", "parameter": "BPND", "level": 0.9},
        ),
        "estimate_k2prime": (
            pet.estimate_k2prime,
            {**reference, "regions": ["putamen", "midbrain"], "method": "median", "model": "SRTM"},
        ),
        "k2prime_sensitivity": (
            pet.k2prime_sensitivity,
            {**reference, "model": "MRTM2", "k2prime": 0.1, "change": 0.2, "regions": ["putamen"]},
        ),
        "fit": (pet.fit, {**reference, **small, "model": "MRTM2", "tracer": None, "blood": None, "k2prime": 0.1,
                          "k2prime_stderr": 0.01, "t_star_s": 600.0, "parameters": None}),
        "fit by tracer": (pet.fit, {"tacs": tacs, "tracer": "DASB", "regions": ["putamen"]}),
        "fit with blood": (pet.fit, {**small, "tacs": tacs, "model": "Logan", "blood": PLASMA, "t_star_s": 600.0, "VB": 0.0}),
        "fit by spectrum": (
            pet.fit, {"tacs": tacs, "model": "SA", "blood": PLASMA, "trapping": True, "slowest_per_min": 0.01, "VB": 0.0}
        ),
        "fit with two volumes": (pet.fit, {**reference, "model": "SRTM_V", "blood": FENG, "VB": 0.03, "VBref": 0.03}),
        "fit of a ratio": (pet.fit, {**reference, "model": "SUVR", "t1_s": 900.0, "t2_s": 2400.0}),
        "fit of a release": (
            pet.fit,
            {**reference, "model": "lpntPET", "regions": ["putamen"], "release_start_s": 900.0, "release_end_s": 2400.0,
             "alpha": 1.0},
        ),
        "fit of a step": (pet.fit, {**reference, "model": "LSRRM", "regions": ["putamen"], "T_s": 1200.0, "tau": 0.1}),
        "fit of a tied volume": (pet.fit, {"tacs": tacs, "model": "2TCMtied", "blood": PLASMA, "regions": ["putamen"],
                                           "VND": 1.0, "VND_region": None}),
        "fit_image": (
            pet.fit_image,
            {
                "image": image(), "model": "SRTM2", "reference": tacs["cerebellum"], "blood": None,
                "mask": np.ones((4, 4, 4), dtype=bool), "weights": np.ones(len(FRAMES)), "exclude": [0],
                "parameters": ["BPND"], "smooth_fwhm_mm": 4.0, "hypr_fwhm_mm": None, "spatial_fwhm_mm": None,
                "low_signal": 0.05, "threads": 1, "k2prime": 0.1,
            },
        ),
        "fit_image of SRTM": (
            pet.fit_image,
            {"image": image(), "model": "SRTM", "reference": tacs["cerebellum"], "hypr_fwhm_mm": 4.0, "spatial_fwhm_mm": 4.0},
        ),
        "fit_midtime": (
            pet.fit_midtime,
            {**reference, "model": "LoganRef", "blood": None, "k2prime": 0.1, "t_star_s": 600.0,
             "weights": np.ones(len(FRAMES)), "integration": "trapezoid"},
        ),
        "fit_input": (pet.fit_input, {**sampled, "activity": FENG.values(time / 60), "model": "spline"}),
        "fit_parent_fraction": (pet.fit_parent_fraction, {**sampled, "fraction": fraction, "model": "Hill"}),
        "fit_blood_to_plasma": (pet.fit_blood_to_plasma, {**sampled, "ratio": 1.0 / (0.6 + time / 1e5), "model": "constant"}),
        "estimate_delay": (
            pet.estimate_delay,
            {"tacs": tacs, "blood": PLASMA, "region": "putamen", "model": "1TCM", "until_s": 600.0, "limits_s": (-20.0, 20.0),
             "weights": np.ones(len(FRAMES))},
        ),
        "release_test": (
            pet.release_test,
            {**reference, "region": "putamen", "model": "LSRRM", "rng": np.random.default_rng(1), "replicates": 19,
             "weights": np.ones(len(FRAMES)), "exclude": (0,), "T_s": 1200.0, "tau": 0.1},
        ),
        "scan_t_star": (
            pet.scan_t_star,
            {**reference, "model": "LoganRef", "parameter": "BPND", "starts_s": [600.0, 900.0], "k2prime": 0.1},
        ),
        "simulate": (
            pet.simulate,
            {"model": "SRTM", "frames": FRAMES, "parameters": {"R1": 1.0, "k2": 0.1, "BPND": 2.0},
             "reference": tacs["cerebellum"], "blood": None, "times_s": None},
        ),
        "simulate at times": (
            pet.simulate,
            {"model": "1TCM", "parameters": {"K1": 1.0, "k2": 0.1, "VB": 0.0}, "blood": PLASMA, "times_s": [1.0, 60.0]},
        ),
        "simulate_protocol": (
            pet.simulate_protocol,
            {"protocol": made["protocol"], "models": {"LoganRef": {"k2prime": 0.1, "t_star_s": 600.0}}, "ends_s": [3000.0],
             "parameter": "BPND", "replicates": 20, "rng": np.random.default_rng(1)},
        ),
    }  # fmt: skip


def images() -> dict[str, Call]:
    """Return calls of what is done to images."""
    pet, made, picture = nc.pet, parts(), image()
    labels = {"image": picture, "labels": made["labels"], "names": {1: "a", 2: "b"}, "skip_absent": False}
    maps = {"image": picture, "maps": (made["labels"] > 0)[..., None] * 1.0, "names": ["a"]}
    affine = picture.affine
    return {
        "denoise_image": (pet.denoise_image, {"image": picture, "method": "gaussian", "fwhm_mm": 4.0}),
        "smooth_image": (pet.smooth_image, {"image": picture, "fwhm_mm": 4.0, "mask": np.ones((4, 4, 4))}),
        "hypr_lr": (
            pet.hypr_lr,
            {"image": picture, "fwhm_mm": 4.0, "mask": np.ones((4, 4, 4)), "weights": np.ones(len(FRAMES)),
             "windows_s": [(0.0, 300.0), (300.0, 3600.0)], "floor": 0.01},
        ),
        "extract_tacs": (pet.extract_tacs, {**labels, "non_finite": "refuse"}),
        "extract_tacs by maps": (pet.extract_tacs, maps),
        "extract_statistics": (pet.extract_statistics, {**labels, "non_finite": "leave_out"}),
        "gaussian_smooth": (
            pet.gaussian_smooth,
            {"volume": np.ones((4, 4, 4)), "fwhm_mm": 4.0, "affine": affine, "outside": "zero", "fwhm_includes_voxel": False},
        ),
        "partial_volume_correct": (
            pet.partial_volume_correct,
            {
                "image": made["image"], "regions": made["labels"], "fwhm_mm": 4.0, "method": "rbv", "names": {1: "a", 2: "b"},
                "skip_absent": False, "background": "region", "outside": "zero", "fwhm_includes_voxel": False,
                "noise_variance": None, "noise_fwhm_mm": 4.0, "stderr": None, "out": None, "maps": None, "affine": None,
            },
        ),
        "suv": (
            pet.suv,
            {"image": picture, "injected_dose_mbq": 300.0, "body_weight_kg": 70.0, "start_s": 600.0, "end_s": 1200.0},
        ),
        "suvr": (
            pet.suvr, {"image": picture, "reference_mask": made["labels"] == 1, "start_s": 600.0, "end_s": 1200.0}
        ),
        "time_average": (pet.time_average, {"image": picture, "start_s": 600.0, "end_s": 1200.0, "allow_gaps": False}),
    }  # fmt: skip


def values() -> dict[str, Call]:
    """Return calls of what works on numbers, curves, results and names."""
    pet, tacs, made = nc.pet, scan(), parts()
    one, two = made["fits"]
    ones = np.ones(len(FRAMES))
    return {
        "choose": (
            pet.choose,
            {"tracer_or_name": "DASB", "regions": ["cerebellum", "putamen"], "has_blood": False, "model": "MRTM2",
             "reference": "cerebellum", "scan_min": 90.0, "isotope": "C11"},
        ),
        "compare_models": (pet.compare_models, {"results": [one, two], "nested": [("MRTM2", "MRTM1")]}),
        "correct_dispersion": (pet.correct_dispersion, {"curve": FENG, "tau_s": 5.0}),
        "correct_series": (pet.correct_series, {"series": made["series"], "tau_s": 5.0}),
        "counting_weights": (
            pet.counting_weights, {"frames": FRAMES, "activity": tacs["putamen"], "isotope": "C11", "relative": True}
        ),
        "decay_constant_per_min": (pet.decay_constant_per_min, {"isotope": "C11"}),
        "disperse": (pet.disperse, {"curve": PLASMA, "tau_s": 5.0, "until_s": 3000.0}),
        "draw_agreement": (pet.draw_agreement, {"first": [1, 2, 3.0], "second": [1.1, 2.2, 2.9], "unit": "", "ax": None}),
        "draw_lassen": (pet.draw_lassen, {"fit": made["lassen"], "ax": None}),
        "draw_occupancy_curve": (pet.draw_occupancy_curve, {"fit": made["occupancy"], "ax": None}),
        "draw_protocol": (pet.draw_protocol, {"table": made["table"], "ax": None, "region": "putamen"}),
        "draw_t_star": (pet.draw_t_star, {"scan": made["starts"], "ax": None, "limit": 0.1}),
        "f_test": (pet.f_test, {"simple": one["putamen"], "full": two["putamen"]}),
        "frame_decay_factor": (
            pet.frame_decay_factor, {"start_min": FRAMES.start_min, "duration_min": FRAMES.duration_min, "isotope": "C11"}
        ),
        "frame_weights": (
            pet.frame_weights,
            {"tacs_or_frames": FRAMES, "method": "counting", "activity": tacs["putamen"], "isotope": "C11", "counts": None},
        ),
        "graph_weights": (pet.graph_weights, {"weights": ones, "divisor": ones}),
        "image_input": (
            pet.image_input, {"tacs": tacs, "region": "cortex", "recovery": 0.9, "ratio": None, "parent": made["parent"]}
        ),
        "input_weights": (pet.input_weights, {"time_s": TIMES, "activity": TIMES + 1, "isotope": "C11"}),
        "lassen": (
            pet.lassen,
            {"baseline": [10, 8, 6, 5.0], "drug": [6, 5, 4.2, 3.6], "baseline_stderr": [1, 1, 1, 1.0],
             "drug_stderr": [1, 1, 1, 1.0], "regions": list("abcd"), "method": "york", "parameter": "VT"},
        ),
        "occupancy_curve": (
            pet.occupancy_curve,
            {"dose": [1, 2, 5, 10, 20], "occupancy": [20, 35, 55, 70, 80], "stderr": [5, 5, 5, 5, 5.0], "maximum": 100.0,
             "unit": "mg", "dose_name": "dose"},
        ),
        "parent_fraction_weights": (
            pet.parent_fraction_weights, {"time_s": TIMES, "plasma": TIMES + 1, "isotope": "C11"}
        ),
        "ratio_occupancy": (
            pet.ratio_occupancy,
            {"baseline": 3.0, "drug": 1.0, "baseline_stderr": 0.1, "drug_stderr": 0.1, "correlation": 0.0},
        ),
        "regional_occupancy": (pet.regional_occupancy, {"baseline": one, "drug": one, "parameter": "BPND"}),
        "retest_reliability": (
            pet.retest_reliability,
            {"first": [1, 2, 3, 4.0], "second": [1.1, 2.2, 2.9, 4.1], "name": "a", "unit": "", "level": 0.95},
        ),
        "shift_input": (pet.shift_input, {"blood": PLASMA, "delay_s": 5.0}),
        "tracer": (pet.tracer, {"name": "DASB"}),
    }  # fmt: skip


def read_back(folder: Any) -> dict[str, Call]:
    """Return calls of what reads an image and blood with their sidecars."""
    picture, table, aif = (
        folder / "a_pet.nii.gz",
        folder / "sub-1_recording-manual_blood.tsv",
        folder / "a_inputfunction.tsv",
    )
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2, 2), dtype=np.float32), np.eye(4)), picture)
    record = {"FrameTimesStart": [0, 60], "FrameDuration": [60, 60], "Units": "Bq/mL", "TracerRadionuclide": "C11"}
    (folder / "a_pet.json").write_text(json.dumps(record))
    table.write_text("time\twhole_blood_radioactivity\n0\t0\n10\t5\n20\t3\n")
    flags = dict.fromkeys(("PlasmaAvail", "MetaboliteAvail", "DispersionCorrected"), False)
    blood = {"time": {"Units": "s"}, "whole_blood_radioactivity": {"Units": "kBq/mL"}, "WholeBloodAvail": True, **flags}
    table.with_suffix(".json").write_text(json.dumps(blood))
    aif.write_text("time\tAIF\n0\t0\n10\t5\n20\t3\n")
    return {
        "read_blood": (
            nc.pet.read_blood,
            {"path": table, "injection_start_s": 0.0, "isotope": "C11", "decay_corrected": True, "assume": {}},
        ),
        "read_image": (
            nc.pet.read_image,
            {"path": picture, "isotope": "C11", "activity_unit": "Bq/mL", "sidecar": None, "memory_limit_bytes": 1000},
        ),
        "read_input_function": (nc.pet.read_input_function, {"path": aif, "activity_unit": "kBq/mL"}),
    }


def files(folder: Any) -> dict[str, Call]:
    """Return calls of what reads and writes files, made in a folder."""
    pet, tacs = nc.pet, scan()
    curves, bld, tac = folder / "a_tacs.tsv", folder / "a.bld", folder / "a.tac"
    pet.write_tacs(tacs, curves)
    pet.write_pmod_tac(tacs, tac)
    pet.write_pmod_bld(TIMES, TIMES, bld)
    blood, names = folder / "a_blood.tsv", folder / "dseg.tsv"
    blood.write_text("time\tplasma_parent\twhole_blood\tfraction\n" + "".join(f"{t}\t{t}\t{t}\t0.5\n" for t in TIMES))
    names.write_text("index\tname\n1\ta\n")
    return {
        **read_back(folder),
        "read_arterial_input": (
            pet.read_arterial_input,
            {"path": blood, "time": "time", "plasma_parent": "plasma_parent", "whole_blood": "whole_blood",
             "parent_fraction": "fraction", "time_unit": "s", "activity_unit": "kBq/mL"},
        ),
        "read_derivative_tacs": (
            pet.read_derivative_tacs, {"path": curves, "seg": None, "desc": None, "activity_unit": "kBq/mL"}
        ),
        "read_label_names": (pet.read_label_names, {"path": names}),
        "read_pmod_bld": (pet.read_pmod_bld, {"path": bld, "activity_unit": "kBq/mL"}),
        "read_pmod_tac": (pet.read_pmod_tac, {"path": tac, "isotope": "C11"}),
        "read_tacs": (
            pet.read_tacs,
            {"path": curves, "start": "frame_start", "end": "frame_end", "duration": None, "regions": ["putamen"],
             "weights": None, "time_unit": "s", "activity_unit": "kBq/mL", "isotope": "C11"},
        ),
        "write_pmod_bld": (
            pet.write_pmod_bld,
            {"time_s": TIMES, "values": TIMES, "path": folder / "b.bld", "name": "whole-blood", "time_unit": "seconds",
             "fraction": False},
        ),
        "write_pmod_tac": (pet.write_pmod_tac, {"tacs": tacs, "path": folder / "b.tac", "time_unit": "seconds"}),
        "write_tacs": (pet.write_tacs, {"tacs": tacs, "path": folder / "b_tacs.tsv"}),
    }  # fmt: skip
