"""Whatever is passed for one argument of a public function, only errors of the package come out."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.typing import ArrayLike

import neurochem as nc
from neurochem.arguments import checked_arguments, kind_of
from neurochem.errors import InputError, NeurochemError, UnknownNameError
from tests.pet import public_calls
from tests.pet.public_calls import FRAMES, image, scan

ODD = (
    None, True, "", "a", b"x", 0, -1, 3, 2.5, float("nan"), float("inf"), 1j, [], [1, "a"], [[1.0], [1.0, 2.0]], {"a": 1},
    object(), np.array("x"), np.ones((2, 2)), np.zeros(0), np.full(14, np.nan), len, Path("nowhere"),
)  # fmt: skip
GROUPS = ("classes", "fits", "images", "values", "files")
# Made by the package, not by a user; Curve has no values to give.
NO_CALL = {"Curve", "ParametricMap", "ParametricMaps", "PartialVolumeResult", "RegionStatistics", "ReleaseTest"}


@pytest.fixture
def calls(tmp_path, monkeypatch) -> Callable[[str], dict[str, public_calls.Call]]:
    """The calls of a group, in a folder of their own, since a name may be that of a file to write."""
    monkeypatch.chdir(tmp_path)

    def made(group: str) -> dict[str, public_calls.Call]:
        return public_calls.files(tmp_path) if group == "files" else getattr(public_calls, group)()

    return made


@pytest.mark.parametrize("group", GROUPS)
def test_the_calls_work_before_they_are_spoiled(calls, group):
    for function, keywords in calls(group).values():
        function(**keywords)
    plt.close("all")


def test_every_public_function_has_a_call(calls):
    called = {function.__name__ for group in GROUPS for function, _ in calls(group).values()}
    public = {name for name in nc.pet.__all__ if callable(getattr(nc.pet, name))}
    needed = {name for name in public - NO_CALL if inspect.signature(getattr(nc.pet, name)).parameters}
    assert needed <= called


@pytest.mark.parametrize("group", GROUPS)
def test_an_odd_value_of_any_argument_is_refused_by_name_or_taken(calls, group):
    escaped = []
    for label, (function, keywords) in calls(group).items():
        for name in keywords:
            for value in ODD:
                try:
                    function(**{**keywords, name: value})
                except NeurochemError:
                    continue
                except Exception as error:
                    escaped.append((label, name, value, repr(error)))
        plt.close("all")
    assert not escaped


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t_star_s": "a"}, r"t_star_s is 'a'; it takes a time in seconds after injection"),
        ({"k2prime": "x"}, r"k2prime is 'x'; it takes a positive rate in 1/min, for example 0.06"),
        ({"exclude": 3}, r"fit: exclude is 3; it takes a sequence of whole numbers"),
        ({"exclude": [0.5]}, r"fit: exclude is the list \[0.5\]; it takes a sequence of whole numbers"),
        ({"weights": [1, "a"]}, r"fit: weights is the list \[1, 'a'\]; it takes an array of numbers"),
        ({"regions": 3}, r"fit: regions is 3; it takes a sequence of texts"),
        (
            {"tacs": [1]},
            r"fit: tacs is the list \[1\]; it takes a TimeActivityCurves \(read_tacs or extract_tacs give one\)",
        ),
        ({"reference": 3.0}, r"reference must be 14 finite frame means"),
        ({"blood": "x.tsv"}, r"fit: blood is 'x.tsv'; it takes an ArterialInput"),
        ({"parameters": {"BPND": 1}}, r"fit: parameters is the dict .* it takes a Parameters or None"),
    ],
)
def test_a_wrong_type_is_named_with_what_is_allowed(change, message):
    given = {"tacs": scan(), "model": "MRTM2", "reference": "cerebellum", "k2prime": 0.1, **change}
    with pytest.raises(InputError, match=message):
        nc.pet.fit(**given)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weights": "foo"}, UnknownNameError, r"'foo'.* Available: .*counting"),
        ({"threads": 0}, InputError, "threads is 0; give a whole number from 1"),
        ({"threads": 1.5}, InputError, "fit_image: threads is 1.5; it takes a whole number"),
        ({"mask": np.ones((2, 2))}, InputError, "masks have shape"),
        ({"mask": np.full((4, 4, 4), "a")}, InputError, "mask is an array of <U1"),
        (
            {"parameters": ["VT"]},
            UnknownNameError,
            r"unknown map of SRTM 'VT'.* Available: R1, k2, BPND, k2a, k2prime, DVR",
        ),
        ({"parameters": []}, InputError, "parameters is empty; name at least one of R1, .*DVR"),
        ({"parameters": 3}, InputError, "parameters is 3; it takes a sequence of texts"),
        ({"low_signal": "a"}, InputError, "low_signal is 'a'; it takes a number"),
        (
            {"smooth_fwhm_mm": "a"},
            InputError,
            "smooth_fwhm_mm is 'a'; it takes a number, a sequence of numbers or None",
        ),
    ],
)
def test_a_wrong_choice_of_maps_is_named(change, error, message):
    with pytest.raises(error, match=message):
        nc.pet.fit_image(**{"image": image(), "model": "SRTM", "reference": scan()["cerebellum"], **change})


def test_frames_of_text_and_labels_that_are_not_whole_are_named():
    with pytest.raises(InputError, match=r"Frames: start_s is the list \['0', '60'\]; it takes an array of numbers"):
        nc.pet.Frames(["0", "60"], [60, 60])
    with pytest.raises(InputError, match=r"names is the dict .* it takes a mapping of a whole number to a text"):
        nc.pet.extract_tacs(image(), np.ones((4, 4, 4)), {1.5: "a"})
    with pytest.raises(InputError, match=r"label array: labels hold 1.5, .* whole numbers"):
        nc.pet.extract_tacs(image(), np.full((4, 4, 4), 1.5), {1: "a"})
    assert len(FRAMES) == 14


@cache
def allowed() -> dict[str, object]:
    return {
        "whole": (int, [3, np.int16(3)], [3.0, True, "3"]),
        "number": (float | None, [3, 2.5, np.float32(1), np.array(1.0), None], [True, "3", 1j, [1.0]]),
        "numbers": (ArrayLike, [[1, 2], (1.0,), np.ones(2), 3, [True]], ["3", None, {"a": 1}, ["a"], np.array("a")]),
        "path": (str | os.PathLike, ["a", Path("a")], [b"a", 3]),
        "texts": (Sequence[str], ["a", ["a"], ("a", "b"), np.array(["a"])], [[1], 3, {"a": 1}, b"a"]),
        "pair": (tuple[float, float], [(1, 2.0), [1, 2]], [(1,), (1, 2, 3), (1, "a"), 1]),
        "mapping": (Mapping[str, float], [{}, {"a": 1}], [{"a": "b"}, {1: 1}, [("a", 1)]]),
        "choice": (Literal["a", "b"], ["a"], ["c", 1]),
        "class": (nc.pet.Frames, [FRAMES], [None, "a"]),
        "class not loaded": ("Fraction | None", [None], ["a", 1]),
        "function": (Callable[[int], int], [len], ["a"]),
    }


@pytest.mark.parametrize("name", list(allowed()))
def test_annotations_say_what_a_parameter_takes(name):
    annotation, good, bad = allowed()[name]
    kind = kind_of(annotation)
    assert [value for value in good if not kind.fits(value)] == []
    assert [value for value in bad if kind.fits(value)] == []


def test_a_checked_function_stays_the_same_function():
    @checked_arguments
    def mean(values: ArrayLike, *, scale: float = 1.0, note: "str" = "", **more: object) -> float:
        """Return a mean."""
        return scale * float(np.mean(values))

    assert mean.__doc__ == "Return a mean."
    assert list(inspect.signature(mean).parameters) == ["values", "scale", "note", "more"]
    assert mean([1, 3], scale=2, other=object()) == 4.0
    with pytest.raises(InputError, match="mean: scale is '2'; it takes a number"):
        mean([1, 3], scale="2")
    with pytest.raises(InputError, match="note is 3; it takes a text"):
        mean([1, 3], note=3)
    with pytest.raises(TypeError, match="missing 1 required"):
        mean()
