"""Blood recordings: what is read, what is refused, and the input made of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

import neurochem as nc
from neurochem.errors import FileFormatError, InputError, MissingFileError, UnitError, UnknownNameError
from neurochem.pet.blood_samples import BloodSamples, BloodSeries
from neurochem.pet.blood_tables import read_blood
from neurochem.pet.derivative_tables import read_derivative_tacs, read_input_function
from neurochem.pet.parent_fraction import fit_parent_fraction
from neurochem.pet.plasma_ratio import fit_blood_to_plasma
from neurochem.pet.polynomial_pieces import polynomial_pieces
from tests.conftest import REFERENCE_CASES

FLAGS = {"PlasmaAvail": True, "MetaboliteAvail": True, "WholeBloodAvail": True, "DispersionCorrected": True}
MANUAL_S = np.array([30, 60, 90, 120, 300, 600, 1200, 2400, 3600, 5400.0])
AUTO_S = np.arange(0, 605, 5.0)


def plasma_truth(t):
    return 80 * (t / 60) * np.exp(-((t / 60) ** 0.7))


def fraction_truth(t):
    m = np.asarray(t, dtype=float) / 60
    return 1 - 0.92 * m**1.6 / (40 + m**1.6)


def write(folder: Path, name: str, columns: dict, sidecar: dict | None) -> Path:
    path = folder / name
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    lines = ["\t".join("n/a" if item != item else str(item) for item in row) for row in rows]  # noqa: PLR0124 - NaN
    path.write_text("\n".join(lines) + "\n")
    if sidecar is not None:
        path.with_suffix(".json").write_text(json.dumps(sidecar))
    return path


def scan(folder: Path, *, shift: float = 0.0, scale: float = 1.0, unit: str = "kBq/mL") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    describe = {"Units": unit}
    manual = {
        "time": MANUAL_S + shift,
        "plasma_radioactivity": scale * plasma_truth(MANUAL_S),
        "metabolite_parent_fraction": fraction_truth(MANUAL_S),
        "whole_blood_radioactivity": 0.7 * scale * plasma_truth(MANUAL_S),
    }
    write(folder, "sub-01_recording-manual_blood.tsv", manual, {
        **FLAGS, "plasma_radioactivity": describe, "whole_blood_radioactivity": describe,
    })  # fmt: skip
    auto = {"time": AUTO_S + shift, "whole_blood_radioactivity": 0.7 * scale * plasma_truth(AUTO_S)}
    write(folder, "sub-01_recording-autosampler_blood.tsv", auto, {
        **FLAGS, "PlasmaAvail": False, "MetaboliteAvail": False, "whole_blood_radioactivity": describe,
    })  # fmt: skip
    return folder


def test_recordings_of_a_scan_are_joined_with_their_sources(tmp_path):
    blood = read_blood(scan(tmp_path / "pet"))
    assert len(blood.whole_blood) == AUTO_S.size + MANUAL_S.size
    assert set(blood.whole_blood.sources) == {"autosampler", "manual"}
    assert set(blood.plasma.sources) == {"manual"}
    assert_allclose(blood.plasma.values, plasma_truth(MANUAL_S), rtol=1e-12)
    assert_allclose(blood.parent_fraction.time_s, MANUAL_S)
    assert (np.diff(blood.whole_blood.time_s) >= 0).all()
    with pytest.raises(ValueError, match="read-only"):
        blood.plasma.values[0] = 1.0


def test_files_folder_units_and_injection_shift_give_the_same(tmp_path):
    first = scan(tmp_path / "a")
    second = scan(tmp_path / "b", shift=45.0, scale=1000.0, unit="Bq/mL")
    (second / "sub-01_pet.json").write_text(
        json.dumps({"InjectionStart": 45.0, "ImageDecayCorrectionTime": 45.0, "TracerRadionuclide": "C11"})
    )
    one = read_blood(first)
    several = read_blood(sorted(first.glob("*_blood.tsv")))
    shifted = read_blood(second)
    for name in ("whole_blood", "plasma", "parent_fraction"):
        for other in (several, shifted):
            assert_allclose(getattr(other, name).time_s, getattr(one, name).time_s, atol=1e-12)
            assert_allclose(getattr(other, name).values, getattr(one, name).values, rtol=1e-12)
    assert shifted.isotope == "C11"
    assert any("45" in note for note in shifted.notes)


def test_decay_is_referred_to_injection(tmp_path):
    folder = scan(tmp_path / "a")
    rate = nc.pet.decay_constant_per_min("C11")
    plain = read_blood(folder).plasma.values
    raw = read_blood(folder, decay_corrected=False, isotope="C11").plasma.values
    assert_allclose(raw, plain * np.exp(rate * MANUAL_S / 60), rtol=1e-12)
    # corrected to TimeZero, ten minutes before injection: the activity at injection is lower
    later = read_blood(folder, injection_start_s=0.0, isotope="C11")
    (folder / "sub-01_pet.json").write_text(json.dumps({"ImageDecayCorrectionTime": -600.0}))
    early = read_blood(folder, injection_start_s=0.0, isotope="C11")
    assert_allclose(early.plasma.values, later.plasma.values * np.exp(-rate * 10), rtol=1e-12)
    with pytest.raises(InputError, match="isotope"):
        read_blood(folder)


def test_samples_before_injection_and_missing_values_are_left_out(tmp_path):
    values = [0.0, 1.0, np.nan, 3.0]
    path = write(tmp_path, "sub-01_recording-manual_blood.tsv",
                 {"time": [-10, 5, 10, 20], "plasma_radioactivity": values},
                 {**FLAGS, "MetaboliteAvail": False, "WholeBloodAvail": False, "DispersionCorrected": False,
                  "DispersionConstant": 9, "plasma_radioactivity": {"Units": "kBq/mL"}})  # fmt: skip
    blood = read_blood(path)
    assert_allclose(blood.plasma.time_s, [5, 20])
    assert blood.whole_blood is None
    assert any("1 samples before injection" in note for note in blood.notes)
    assert any("dispersion was not corrected; its constant is 9 s" in note for note in blood.notes)


def bad_scan(tmp_path, columns=None, sidecar=None, drop=()):
    table = {"time": [10, 20, 30], "plasma_radioactivity": [1.0, 2, 3], "metabolite_parent_fraction": [1.0, 0.9, 0.8]}
    table.update(columns or {})
    side = {**FLAGS, "WholeBloodAvail": False, "plasma_radioactivity": {"Units": "kBq/mL"}, **(sidecar or {})}
    for name in drop:
        table.pop(name, None)
        side.pop(name, None)
    return write(tmp_path, "sub-01_recording-manual_blood.tsv", table, side)


@pytest.mark.parametrize(
    ("columns", "sidecar", "drop", "words"),
    [
        ({}, {}, ["DispersionCorrected"], ["DispersionCorrected", "missing", "assume"]),
        ({}, {"MetaboliteAvail": "yes"}, [], ["MetaboliteAvail", "'yes'", "true or false"]),
        ({}, {"PlasmaAvail": False}, [], ["PlasmaAvail is false", "plasma_radioactivity", "is there"]),
        ({}, {"WholeBloodAvail": True}, [], ["WholeBloodAvail is true", "whole_blood_radioactivity", "is missing"]),
        ({"metabolite_parent_fraction": [1.0, 90.0, 80.0]}, {}, [], ["metabolite_parent_fraction", "row 2", "90", "percent"]),
        ({"plasma_radioactivity": ["1", "x", "3"]}, {}, [], ["plasma_radioactivity", "row 2", "'x'", "number"]),
        ({"plasma_radioactivity": [1.0, np.inf, 3]}, {}, [], ["plasma_radioactivity", "row 2", "inf", "n/a"]),
        ({"plasma_radioactivity": [np.nan] * 3}, {}, [], ["plasma_radioactivity", "no value at all"]),
        ({"time": [10, 5, 30]}, {}, [], ["'time'", "row 2", "5 s", "sort"]),
        ({"time": [10, np.nan, 30]}, {}, [], ["'time'", "row 2", "missing"]),
        ({}, {"plasma_radioactivity": {"Units": "furlong"}}, [], ["plasma_radioactivity", "furlong", "kBq/mL"]),
        ({}, {"plasma_radioactivity": {}}, [], ["plasma_radioactivity", "unit", "assume"]),
    ],
)  # fmt: skip
def test_bad_tables_are_named(tmp_path, columns, sidecar, drop, words):
    path = bad_scan(tmp_path, columns, sidecar, drop)
    with pytest.raises((InputError, UnitError, FileFormatError)) as caught:
        read_blood(path)
    assert path.stem in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_missing_flag_can_be_assumed(tmp_path):
    path = bad_scan(tmp_path, drop=["DispersionCorrected"])
    assert len(read_blood(path, assume={"DispersionCorrected": True}).plasma) == 3


def test_missing_files_and_mixed_scans_are_named(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        read_blood(tmp_path / "sub-01_recording-manual_blood.tsv")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(MissingFileError, match="empty"):
        read_blood(empty)
    path = bad_scan(tmp_path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(FileFormatError, match="not valid JSON"):
        read_blood(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(MissingFileError, match="no such sidecar"):
        read_blood(path)
    write(tmp_path, "sub-02_recording-manual_blood.tsv", {"time": [1.0]}, FLAGS)
    with pytest.raises(InputError, match="recordings of 2 scans"):
        read_blood(tmp_path)
    with pytest.raises(InputError, match="no blood recording"):
        read_blood([])
    with pytest.raises(InputError, match="every sample"):
        read_blood(scan(tmp_path / "late"), injection_start_s=1e6)


def test_the_input_is_plasma_lines_times_the_fitted_fraction(tmp_path):
    blood = read_blood(scan(tmp_path / "pet"))
    made = blood.input("Hill")
    times = np.linspace(0.01, 90, 500)
    expected = np.interp(60 * times, np.append(0, MANUAL_S), np.append(0, plasma_truth(MANUAL_S)))
    expected *= fraction_truth(60 * times)
    # the polynomials follow to 1e-10 of the curve, or 1e-13 of its peak of 30
    assert_allclose(made.values(times), expected, rtol=1e-8, atol=1e-11)
    assert isinstance(made, nc.pet.ArterialInput)
    # whole blood is straight lines through both recordings
    whole = made.blood(5400.0).values(np.array([0.0, 5.0, 15.0, 60.0]))
    assert_allclose(
        whole[1:3], [0.7 * plasma_truth(300.0), np.interp(900, [600, 1200], 0.7 * plasma_truth(np.array([600, 1200])))]
    )


def test_whole_blood_over_ratio_is_plasma(tmp_path):
    blood = read_blood(scan(tmp_path / "pet"))
    for name in ("constant", "linear", "exponential"):
        made = blood.input(None, ratio=name)
        # plasma samples lie on whole-blood samples, so the ratio is 0.7 exactly
        assert_allclose(made.values(AUTO_S / 60), plasma_truth(AUTO_S), rtol=1e-6, atol=1e-9)


def test_models_take_the_input_with_blood_volume_and_a_short_continuation(tmp_path):
    made = read_blood(scan(tmp_path / "pet")).input("Hill")
    frames = nc.pet.Frames(np.arange(0, 5700, 300), np.full(19, 300.0))
    curve = nc.pet.simulate("MA1", frames, {"K1": 0.1, "VT": 3.0, "VB": 0.05}, blood=made)
    assert np.isfinite(curve).all()
    parent = made.parent(5700.0)
    before, after = parent.values(np.array([90 - 1e-9, 90 + 1e-9]))
    assert_allclose(before, after, rtol=1e-6)
    with pytest.raises(InputError, match="continued for at most"):
        made.parent(9000.0)


def test_uncertainty_is_that_of_draws_and_of_repeated_experiments():
    rng = np.random.default_rng(4)
    minutes = np.array([2.0, 10.0, 25.0, 60.0])
    sampled = MANUAL_S
    base = {"plasma": BloodSeries(sampled, plasma_truth(sampled))}
    values, errors = [], []
    for _ in range(150):
        noisy = fraction_truth(sampled) + 0.01 * rng.standard_normal(sampled.size)
        made = BloodSamples(**base, parent_fraction=BloodSeries(sampled, noisy)).input()
        values.append(made.values(minutes))
        errors.append(made.stderr(minutes))
    spread = np.std(values, axis=0)
    # 150 replicates know an SD to 6 %
    assert_allclose(np.sqrt(np.mean(np.square(errors), axis=0)), spread, rtol=0.18)
    drawn = np.std([made.draw(rng).values(minutes) for _ in range(150)], axis=0)
    assert_allclose(drawn, made.stderr(minutes), rtol=0.2)


def test_error_of_a_ratio_divides(tmp_path):
    folder = scan(tmp_path / "pet")
    blood = read_blood(folder)
    rng = np.random.default_rng(1)
    pairs = blood.ratio()
    noisy = pairs.values * (1 + 0.02 * rng.standard_normal(len(pairs)))
    curve = fit_blood_to_plasma(pairs.time_s, noisy)
    made = blood.input(None, ratio=curve)
    relative = curve.result["r"].stderr / curve.result["r"].value
    assert_allclose(made.stderr([1.0, 5.0]), relative * made.values([1.0, 5.0]), rtol=1e-9)


def test_what_an_input_lacks_is_said():
    plasma = BloodSeries([10, 60, 600], [5, 4, 1.0])
    short = BloodSeries([10, 60], [3, 2.0])
    with pytest.raises(InputError, match="parent=None"):
        BloodSamples(plasma=plasma).input()
    with pytest.raises(InputError, match="needs whole_blood"):
        BloodSamples(plasma=plasma).input(None, ratio="constant")
    with pytest.raises(InputError, match="whole blood ends at 60 s but plasma at 600 s"):
        BloodSamples(plasma=plasma, whole_blood=short).input(None)
    assert BloodSamples(plasma=plasma, whole_blood=short).input(None, whole_blood=False).whole_blood is None
    with pytest.raises(InputError, match="neither whole blood nor plasma"):
        BloodSamples()
    with pytest.raises(InputError, match="needs plasma"):
        BloodSamples(whole_blood=short).input(None)
    with pytest.raises(InputError, match="give one of them"):
        BloodSamples(plasma=plasma).input(None, ratio="constant", plasma=fit_parent_fraction([1], [1], model="interp"))
    with pytest.raises(UnknownNameError, match="did you mean 'Hill'"):
        BloodSamples(plasma=plasma, parent_fraction=BloodSeries([10, 60], [1, 0.9])).input("Hil")


def test_polynomials_follow_any_smooth_function():
    made = polynomial_pieces(lambda t: np.exp(-t) * np.sqrt(1 + t**2), np.array([0.0, 0.3, 90.0]))
    times = np.linspace(0, 90, 5000)
    truth = np.exp(-times) * np.sqrt(1 + times**2)
    # a thousandth of the tolerance relative to the peak is allowed where the function is tiny
    assert_allclose(made.values(times), truth, rtol=1e-9, atol=1e-12)
    area = quad(lambda t: np.exp(-t) * np.sqrt(1 + t**2), 0, 90, epsabs=1e-13, limit=200)[0]
    assert_allclose(made.convolved_values(0.0, [90.0])[0], area, rtol=1e-10)
    with pytest.raises(InputError, match="not finite"):
        polynomial_pieces(lambda t: np.full(t.shape, np.nan), np.array([0.0, 1.0]))


def test_input_functions_of_bloodstream(tmp_path):
    columns = {"time": [-1.0, 0, 10, 60], "whole_blood_radioactivity": [0, 0, 3.0, 2], "plasma_radioactivity": [0, 0, 5.0, 4],
               "AIF": [0, 0, 5000.0, 3000]}  # fmt: skip
    path = write(tmp_path, "sub-01_desc-x_inputfunction.tsv", columns, None)
    with pytest.raises(UnitError, match="AIF"):
        read_input_function(path)
    made = read_input_function(path, activity_unit="Bq/mL")
    assert_allclose(made.plasma_parent, [0, 5.0, 3.0])
    assert_allclose(made.time_s, [0, 10, 60])
    assert_allclose(made.whole_blood, [0, 0.003, 0.002])
    with pytest.raises(FileFormatError, match="read_input_function"):
        read_blood(path)
    other = write(tmp_path, "sub-02_inputfunction.tsv", {"time": [0, 1], "aif": [0, 1]}, None)
    with pytest.raises(UnknownNameError, match="AIF"):
        read_input_function(other, activity_unit="kBq/mL")


@pytest.mark.parametrize("suffix", ["tacs", "timeseries"])
def test_curves_of_petprep(tmp_path, suffix):
    columns = {"frame_start": [0, 60], "frame_end": [60, 180], "Left-Putamen": [1000.0, 2000], "Cortex": [500.0, 700]}
    path = write(tmp_path, f"sub-01_seg-gtm_desc-preproc_{suffix}.tsv", columns, {"Units": "Bq/mL"})
    for given in (path, tmp_path):
        tacs = read_derivative_tacs(given)
        assert tacs.regions == ("Left-Putamen", "Cortex")
        assert_allclose(tacs["Left-Putamen"], [1, 2])
        assert_allclose(tacs.frames.duration_s, [60, 120])
    second = write(tmp_path, f"sub-01_seg-raphe_desc-preproc_{suffix}.tsv", columns, {"Units": "Bq/mL"})
    with pytest.raises(InputError, match="2 tables"):
        read_derivative_tacs(tmp_path)
    assert read_derivative_tacs(tmp_path, seg="raphe").where == str(second)
    with pytest.raises(MissingFileError, match="seg-none"):
        read_derivative_tacs(tmp_path, seg="none")
    confounds = write(tmp_path, "sub-01_desc-confounds_timeseries.tsv", {"trans_x": [0.0, 1]}, None)
    with pytest.raises(FileFormatError, match="confounds"):
        read_derivative_tacs(confounds)
    with pytest.raises(UnknownNameError, match="suffix"):
        read_derivative_tacs(write(tmp_path, "sub-01_kinpar.tsv", columns, None))


def pk08() -> dict:
    file = REFERENCE_CASES
    if not file.is_file():
        pytest.skip(f"no reference cases at {file}")
    record = json.loads(file.read_text(encoding="utf-8"))
    return next(case for case in record["cases"] if case["id"].startswith("pk08"))


def test_the_blood_table_of_pk08():
    table = {name: np.array(column) for name, column in pk08()["blood_table"].items()}
    seconds = 60 * table["time_min"]
    sampled = seconds > 0
    blood = BloodSamples(
        whole_blood=BloodSeries(seconds, table["whole_blood"]),
        plasma=BloodSeries(seconds, table["plasma_total"]),
        parent_fraction=BloodSeries(seconds[sampled], table["parent_fraction"][sampled]),
    )
    fit = fit_parent_fraction(blood.parent_fraction.time_s, blood.parent_fraction.values).result
    # the table is rounded to six decimals
    assert_allclose([fit["a"].value, fit["b"].value, 10 ** fit["c"].value], [0.08, 1.6, 40.0], rtol=2e-5)
    for model in ("Hill", "interpolation"):
        made = blood.input(model)
        assert_allclose(made.values(table["time_min"]), table["parent_plasma"], rtol=5e-6, atol=1e-9)
    # plasma-to-blood factor 0.62 + 0.12 t/(t + 20), four decimals of activity
    pairs = blood.ratio()
    minutes = pairs.time_s / 60
    assert_allclose(pairs.values, 0.62 + 0.12 * minutes / (minutes + 20), rtol=2e-5)
