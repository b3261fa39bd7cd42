"""Values of a wrong type are refused by name, with what is allowed, at every door of the room."""

import inspect

import numpy as np
import pytest

from neurochem import mrs
from neurochem.errors import InputError, NeurochemError
from tests.mrs.conftest import TISSUE

GRID = {"dwell_s": 5e-4, "larmor_mhz": 127.73}
WRONG = ["a", 3, 1.5, True, [1], {"a": 1}, (1, "a"), object(), float("nan")]


@pytest.fixture(scope="module")
def small():
    return mrs.resonance_basis(points=512, echo_time_s=0.03, **GRID)


@pytest.fixture(scope="module")
def scan(small):
    return mrs.simulate(small, {"NAA": 10.0, "Cr": 8.0}, lorentz_hz=4, repetition_time_s=2.0)


@pytest.fixture(scope="module")
def doors(small, scan):
    water = mrs.simulate_water(tissue=TISSUE, points=512, echo_time_s=0.03, repetition_time_s=2.0, **GRID)
    coefficients = mrs.fit(scan, small, lipids=None, lineshape="voigt", shifts="shared")
    conc = mrs.quantify(coefficients, water=water, tissue=TISSUE)
    several = mrs.Acquisition(np.stack([scan.fid] * 2), dims=("x", "time"), **GRID)
    times = mrs.relaxation_set("default", 127.7)
    return [
        (mrs.Spectrum, {"fid": scan.fid, **GRID}),
        (mrs.Acquisition, {"data": scan.fid, **GRID}),
        (mrs.Basis, {"names": small.names, "fids": small.fids, **GRID}),
        (small.select, {"names": ["NAA"]}),
        (mrs.quantify, {"fit": coefficients, "water": water, "tissue": TISSUE}),
        (mrs.water_scaled, {
            "signal_ratio": 1e-4, "protons": 3, "timing": mrs.Timing(2.0, 0.03), "metabolite": times.metabolite("NAA"),
            "water": times.water, "tissue": TISSUE,
        }),
        (mrs.water_amplitude, {"water": water}),
        (mrs.Tissue, {"gm": 0.6, "wm": 0.3, "csf": 0.1}), (mrs.Timing, {"repetition_time_s": 2.0, "echo_time_s": 0.03}),
        (mrs.Times, {"t1_s": 1.0, "t2_s": 0.1}), (mrs.relaxation_set, {"name": "default", "larmor_mhz": 127.7}),
        (mrs.uncertainty, {"conc": conc}), (mrs.concentration_ratios, {"fit": conc}),
        (mrs.quantification_gaps, {"data": several}),
        (mrs.stacked, {"scans": [several, several]}),
    ]  # fmt: skip


def refused(door, given, name, value):
    """Call a door with one value replaced; what it says, or None where it took the value."""
    try:
        door(**{**given, name: value})
    except NeurochemError as error:
        return str(error)
    return None


def test_no_argument_of_any_type_ends_in_a_raw_error(doors):
    for door, given in doors:
        for name in inspect.signature(door).parameters:
            said = [refused(door, given, name, value) for value in WRONG]
            assert any(said), f"{door.__name__} takes anything as {name}"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("baseline_dimension_per_ppm", "a", "baseline_dimension_per_ppm is 'a'; it takes a number or None"),
        ("ppm", "x", "ppm is 'x'; it takes 2 values"),
        ("ppm", (1, "a"), "ppm is the tuple"),
        ("macromolecules", [1], "macromolecules is the list"),
        ("ratios", 3, "ratios is 3"),
        ("line_from", "water.nii", "line_from is 'water.nii'"),
        ("allow_mismatch", "yes", "allow_mismatch is 'yes'; it takes True or False"),
        ("basis", "press.basis", "basis is 'press.basis'; it takes a Basis"),
    ],
)
def test_options_of_a_fit_are_refused_by_name(small, scan, name, value, words):
    with pytest.raises(InputError, match=words):
        mrs.fit(**({"spectrum": scan, "basis": small} | {name: value}))


def test_doors_of_files_are_refused_by_name(tmp_path, small, scan):
    with pytest.raises(InputError, match="basis is 'a'; it takes a Basis"):
        mrs.write_basis("a", tmp_path / "x.BASIS")
    with pytest.raises(InputError, match="path is 3"):
        mrs.read(3)
    with pytest.raises(InputError, match=r"averages is 1\.5; it takes a whole number or None"):
        mrs.read(mrs.write(scan, tmp_path / "x.nii"), averages=1.5)
    with pytest.raises(NeurochemError, match="unknown header field of NIfTI-MRS 'EchoTme'; did you mean 'EchoTime'"):
        mrs.write(scan, tmp_path / "y.nii", header={"EchoTme": 0.03})
    with pytest.raises(InputError, match="steps"):
        mrs.preprocess(mrs.Acquisition(scan.fid, **GRID), steps=3)


def test_every_public_function_checks_its_arguments():
    # figures are loaded at their first call, by doors that the room itself holds
    functions = {
        name: item for name, item in vars_of(mrs) if inspect.isfunction(item) and item.__module__ != mrs.__name__
    }
    bare = [name for name, item in functions.items() if not hasattr(item, "__wrapped__")]
    assert [name for name in bare if inspect.signature(functions[name]).parameters] == []


def vars_of(room):
    return [(name, getattr(room, name)) for name in room.__all__]
