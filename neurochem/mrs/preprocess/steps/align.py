"""Alignment of transients in frequency and phase: three methods, one step each."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.outliers import similarity_weights, unlikeness
from neurochem.mrs.preprocess.rats import least_degree, register_rats
from neurochem.mrs.preprocess.registration import Alignment, Register, align, band_limited, register, start_of
from neurochem.mrs.preprocess.state import STEPS, Done, State, Trace, usable
from neurochem.mrs.preprocess.transients import (
    ALIGN_PPM,
    ALIGN_S,
    JUDGE_PPM,
    compared,
    judged_band,
    stacks,
    water_steady,
)
from neurochem.mrs.spectra import DYNAMIC, Acquisition
from neurochem.units import ComplexArray

MAX_SHIFT_HZ = 20.0
_TAPER_PPM = 0.1
_OUTLIER_LIMIT = 3.0
_WATER_SECONDS = 0.2
# Fewer transients do not tell what is usual among them.
_FEWEST = 8
_RATS_DEGREE, _MOST_DEGREE = 2, 10
# Finds the shifts of one stack of transients.
Finder = Callable[[ComplexArray, Acquisition], Alignment]


@STEPS.register(name="spectral_registration", reference="Near 2015, Magn Reson Med 73:44")
def spectral_registration(
    state: State,
    *,
    reference: str | ComplexArray = "median",
    rounds: int = 4,
    seconds: float = ALIGN_S,
    max_shift_hz: float = MAX_SHIFT_HZ,
) -> Done:
    """Align transients in time, over the whole band.

    Parameters
    ----------
    state : State
        Coils combined.
    reference : str or complex array
        "median" (the transient most like the median), "first", or a FID.
    rounds : int
        Against the reference (1), then against the mean of the aligned transients.
    seconds : float
        Part of the FID that is compared (s).
    max_shift_hz : float
        Largest shift searched (Hz).  Beyond half the distance of choline and creatine (0.09 ppm is 11 Hz at 3 T) one line
        may be taken for the other where the noise is high.

    Notes
    -----
    Residual water that is strong and stable decides; where it comes and goes, use "align".
    """
    _check_search(rounds, seconds, max_shift_hz)

    def find(fids: ComplexArray, scan: Acquisition) -> Alignment:
        part = compared(fids, scan, seconds=seconds, water_filter=False)
        method = partial(register, dwell_s=scan.dwell_s, max_shift_hz=max_shift_hz)
        # a whole FID is given, its first part is compared
        whole = not isinstance(reference, str) and reference.shape == fids.shape[-1:]
        first = reference[: part.shape[-1]] if whole else reference
        return align(part, method, dwell_s=scan.dwell_s, start=start_of(part, first), rounds=rounds)

    return _aligned(state, find, "spectral registration", max_shift_hz)


@STEPS.register(
    name="align", aliases=("robust_spectral_registration",), reference="Mikkelsen 2020, Magn Reson Med 84:2; Near 2015"
)
def robust_registration(
    state: State,
    *,
    ppm: tuple[float, float] = ALIGN_PPM,
    rounds: int = 6,
    seconds: float = ALIGN_S,
    max_shift_hz: float = MAX_SHIFT_HZ,
    water_filter: bool | str = "auto",
) -> Done:
    """Align transients in time, without residual water, against a reference in which unlike ones count little.

    Parameters
    ----------
    state : State
        Coils combined.
    ppm : tuple of float
        Range of shifts of the reference.
    rounds : int
        At most so many: the first against the transient most like the median, the others against the mean of all others,
        weighted by similarity, without outliers.
    seconds : float
        Part of the FID that is compared (s).
    max_shift_hz : float
        Largest shift searched (Hz).
    water_filter : bool or "auto"
        Take residual water out before comparing (by projection, alike in every transient); "auto" does unless aligned
        transients are as like each other where water is as noise allows.

    Notes
    -----
    In the spirit of robust spectral registration; the water filter is a projection instead of an HSVD of each transient,
    and the reference is found in rounds instead of one transient after the other.  The filter takes a fifth of what is
    known of the phase with it: at an SNR of 10 and 30 ms 1.9 to 2.3 instead of 1.6 to 1.7 degrees.  Where water of 10 times
    NAA and more changes from transient to transient no smaller filter does better.
    """
    _check_search(rounds, seconds, max_shift_hz)
    if isinstance(water_filter, str) and water_filter != "auto":
        msg = f"water_filter is '{water_filter}'; give True, False, or 'auto'."
        raise InputError(msg)

    def find(fids: ComplexArray, scan: Acquisition) -> Alignment:
        band, judged = judged_band(scan, ppm), judged_band(scan, JUDGE_PPM)
        taper = _TAPER_PPM * scan.larmor_mhz

        def method(transients: ComplexArray, references: ComplexArray) -> tuple[np.ndarray, np.ndarray]:
            limited = band_limited(references, scan.dwell_s, band, taper)
            return register(transients, limited, dwell_s=scan.dwell_s, max_shift_hz=max_shift_hz)

        def weigh(aligned: ComplexArray, mean: ComplexArray) -> np.ndarray:
            return similarity_weights(unlikeness(aligned, mean, dwell_s=scan.dwell_s, band_hz=judged), _OUTLIER_LIMIT)

        options: dict[str, Any] = {
            "dwell_s": scan.dwell_s, "rounds": rounds, "weigh": weigh if fids.shape[0] >= _FEWEST else None
        }  # fmt: skip
        part = compared(fids, scan, seconds=seconds, water_filter=bool(water_filter))
        found = align(part, method, start=start_of(part, "median"), **options)
        if water_filter == "auto" and fids.shape[0] >= _FEWEST:
            whole = compared(fids, scan, seconds=seconds, water_filter=False)
            aligned = found.corrected(whole, scan.dwell_s)
            if water_steady(aligned[found.weights > 0], scan, fids[:, -max(fids.shape[-1] // 5, 8) :]):
                found = align(whole, method, start=found.weights @ aligned, **options)
        return found

    return _aligned(state, find, "robust spectral registration", max_shift_hz)


@STEPS.register(name="rats", reference="Wilson 2019, Magn Reson Med 81:2878")
def rats(
    state: State,
    *,
    ppm: tuple[float, float] = ALIGN_PPM,
    rounds: int = 6,
    seconds: float = ALIGN_S,
    max_shift_hz: float = MAX_SHIFT_HZ,
    baseline_degree: int | str = "auto",
) -> Done:
    """Align transients in the frequency domain over a limited range, with a polynomial baseline.

    Parameters
    ----------
    state : State
        Coils combined.
    ppm : tuple of float
        Range of shifts that is compared.
    rounds, seconds, max_shift_hz
        As for "align".
    baseline_degree : int or "auto"
        Of the complex polynomial that takes up changes of the baseline (-1 for none); "auto" starts with 2, the published
        degree, and then takes as much of it as the transients need (Mallows' Cp).

    Notes
    -----
    A baseline takes with it what is known of the phase: bounds of Cramer and Rao for a spectrum of 30 ms at 3 T and an SNR
    of 10 are 0.15 Hz and 1.4 degrees for the whole FID, 0.16 Hz and 1.6 degrees for 1.8 to 4.2 ppm without baseline, 0.19
    and 2.5 with a constant, 0.21 and 2.9 with degree 2.  Where the baseline is steady "auto" gets along without.
    """
    _check_search(rounds, seconds, max_shift_hz)
    if baseline_degree != "auto" and (isinstance(baseline_degree, str) or not -1 <= baseline_degree <= _MOST_DEGREE):
        msg = f"baseline_degree is {baseline_degree!r}; give 'auto', or a degree from -1 to {_MOST_DEGREE}."
        raise InputError(msg)
    degrees: list[int] = []

    def find(fids: ComplexArray, scan: Acquisition) -> Alignment:
        part = compared(fids, scan, seconds=seconds, water_filter=False)
        band = judged_band(scan, ppm)
        options: dict[str, Any] = {"dwell_s": scan.dwell_s, "band_hz": band, "max_shift_hz": max_shift_hz}
        start = start_of(part, "median")

        def found(degree: int, first: ComplexArray) -> Alignment:
            method: Register = partial(register_rats, **options, degree=degree)
            return align(part, method, dwell_s=scan.dwell_s, start=first, rounds=rounds, leave_out=False)

        alignment = found(_RATS_DEGREE if isinstance(baseline_degree, str) else baseline_degree, start)
        degrees.append(_RATS_DEGREE if isinstance(baseline_degree, str) else baseline_degree)
        if isinstance(baseline_degree, str):
            mean = alignment.corrected(part, scan.dwell_s).mean(axis=0)
            degrees[-1] = least_degree(part, mean, **options, most=_RATS_DEGREE)
            if degrees[-1] < _RATS_DEGREE:
                alignment = found(degrees[-1], mean)
        return alignment

    done = _aligned(state, find, "RATS", max_shift_hz)
    return replace(done, effect=dict(done.effect) | {"baseline_degree": degrees}) if degrees else done


def _check_search(rounds: int, seconds: float, max_shift_hz: float) -> None:
    for name, value in (("rounds", rounds), ("seconds", seconds), ("max_shift_hz", max_shift_hz)):
        if not value > 0:
            msg = f"{name} is {value}; it must be above 0, or nothing is aligned. Leave the step out for that."
            raise InputError(msg)


def _aligned(state: State, find: Finder, method: str, max_shift_hz: float) -> Done:
    """Align the metabolite data with `find`, and the water reference, whose one line is its own best guide."""
    if DYNAMIC not in state.data.dims or state.data.size(DYNAMIC) == 1:
        return Done(replace(state, water=_aligned_water(state.water)), "one transient: nothing to align")
    if not usable(state.data):
        return Done(state, "no signal, or NaN: transients not aligned")
    data, shifts, phases = _corrected(state.data, find)
    spread = float(np.std(shifts, axis=-1).max()), float(np.std(phases, axis=-1).max())
    ends = int(np.count_nonzero(np.abs(shifts) >= 0.999 * max_shift_hz))
    what = (
        f"aligned {state.data.size(DYNAMIC)} transients by {method}: standard deviation {spread[0]:.2f} Hz, "
        f"{spread[1]:.1f} degrees"
    )
    if ends:
        what += f"; {ends} at the end of the search ({max_shift_hz:g} Hz)"
    effect = {"shift_hz": shifts.tolist(), "phase_deg": phases.tolist(), "at_end_of_search": ends}
    traces = Trace(shifts, "shift", "Hz"), Trace(phases, "phase", "degree")
    return Done(replace(state, data=data, water=_aligned_water(state.water)), what, effect, traces)


def _corrected(data: Acquisition, find: Finder) -> tuple[Acquisition, np.ndarray, np.ndarray]:
    """Return the data with shifts and phases taken out, and those of each stack, relative to their median."""
    layout, pieces = stacks(data)
    found = [find(fids, data) for fids in pieces]
    rows = [alignment.corrected(fids, data.dwell_s) for alignment, fids in zip(found, pieces, strict=True)]
    shifts = np.stack([alignment.shift_hz for alignment in found])
    phases = np.stack([np.degrees(np.angle(np.exp(1j * alignment.phase_rad))) for alignment in found])
    return data.with_data(layout.put(rows), data.dims), shifts, phases


def _aligned_water(water: Acquisition | None) -> Acquisition | None:
    if water is None or DYNAMIC not in water.dims or water.size(DYNAMIC) == 1 or not usable(water):
        return water

    def find(fids: ComplexArray, scan: Acquisition) -> Alignment:
        part = compared(fids, scan, seconds=_WATER_SECONDS, water_filter=False)
        method = partial(register, dwell_s=scan.dwell_s, max_shift_hz=MAX_SHIFT_HZ)
        return align(part, method, dwell_s=scan.dwell_s, start=start_of(part, "median"), rounds=2)

    return _corrected(water, find)[0]
