"""Errors of sign: a conjugated FID, and edit conditions in the wrong order."""

from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.nifti import with_dimension_header
from neurochem.mrs.preprocess.state import STEPS, Done, State, usable
from neurochem.mrs.preprocess.transients import compared
from neurochem.mrs.spectra import COIL, EDIT, Acquisition, frequency_axis, to_ppm
from neurochem.units import ComplexArray, FloatArray

# NAA and creatine, and where a conjugated FID would show them.
_SINGLETS_PPM = ((1.95, 2.07), (2.97, 3.09))
# A mirrored spectrum is only corrected where its singlets stand this much higher than those of the spectrum as it is.
_SURE = 5.0
# NAA of an edit pulse at 1.9 ppm is mostly gone; less contrast than this says nothing about the order.
_CONTRAST = 2.0


@STEPS.register(
    name="conjugate",
    aliases=("fix_sign",),
    reference="NIfTI-MRS convention: shifts above the reference have negative frequency",
)
def conjugate(state: State, *, when: str = "mirrored") -> Done:
    """Conjugate both scans where the spectrum is mirrored.

    Parameters
    ----------
    state : State
        Any; coils and transients are averaged to look at it.
    when : str
        "mirrored": only if singlets stand five times higher where the mirror image of NAA and creatine would be than where
        NAA and creatine are; "always".
    """
    if when not in {"mirrored", "always"}:
        msg = f"when is '{when}'; allowed are 'mirrored' and 'always'."
        raise InputError(msg)
    ratio = float("nan")
    if when == "mirrored":
        if state.data.nucleus != "1H" or not usable(state.data):
            return Done(state, "no proton signal: sign not looked at")
        ratio = _mirrored(state.data)
        if not ratio > _SURE:
            return Done(
                state, f"singlets stand where they should (mirrored: {ratio:.2g} times as high)", {"ratio": ratio}
            )
    done = state.both(lambda scan: scan.with_data(np.conj(scan.data), scan.dims))
    return Done(done, "conjugated both scans: the spectrum was mirrored", {"ratio": ratio})


@STEPS.register(
    name="edit_order", reference="an edit pulse at 1.9 ppm saturates NAA, so ON is the condition without it"
)
def edit_order(state: State, *, swap: bool | str = "auto") -> Done:
    """Put the condition with the edit pulse on first.

    Parameters
    ----------
    state : State
        With two edit conditions.
    swap : bool or "auto"
        True exchanges the two; "auto" where NAA of the first is at least twice as high as that of the second.

    Notes
    -----
    For editing at 1.9 ppm (GABA), where ON has no NAA.  Afterwards the header names the conditions ON and OFF.
    """
    data = state.data
    if data.size(EDIT) != 2:
        return Done(state, f"{data.size(EDIT)} edit condition{'s' if data.size(EDIT) != 1 else ''}: no order to check")
    if swap not in {True, False, "auto"}:
        msg = f"swap is {swap!r}; allowed are True, False and 'auto'."
        raise InputError(msg)
    if not usable(data):
        return Done(state, "no signal: order of edit conditions not looked at")
    heights = [_singlet_height(_seen(data, index), data, (_SINGLETS_PPM[0],)) for index in range(2)]
    ratio = heights[0] / max(heights[1], np.finfo(float).tiny)
    exchange = ratio > _CONTRAST if swap == "auto" else bool(swap)
    clear = ratio > _CONTRAST or ratio < 1.0 / _CONTRAST
    if swap == "auto" and not clear:
        what = f"NAA is {ratio:.2f} times as high in the first edit condition as in the second: order left as it is"
        return Done(state, what, {"naa_ratio": ratio})
    axis = data.dims.index(EDIT)
    values = np.flip(data.data, axis=axis) if exchange else data.data
    header = with_dimension_header(data, EDIT, {"EditCondition": ["ON", "OFF"]})
    changed = data.with_data(values, data.dims, header=header)
    weights = state.weights
    if weights is not None and exchange:
        weights = np.flip(weights, axis=axis)
    what = "exchanged the edit conditions: ON comes first now" if exchange else "edit conditions are in order, ON first"
    return Done(replace(state, data=changed, weights=weights), what, {"naa_ratio": ratio, "exchanged": exchange})


def _seen(data: Acquisition, edit: int | None = None) -> ComplexArray:
    """Return one spectrum's FID: the strongest coil, transients added in phase of their first points."""
    values, dims = data.data, list(data.dims)
    if edit is not None:
        values = np.take(values, edit, axis=dims.index(EDIT))
        dims.remove(EDIT)
    if COIL in dims:
        axis = dims.index(COIL)
        others = tuple(index for index in range(values.ndim) if index != axis)
        values = np.take(values, int(np.argmax(np.sum(np.abs(values[..., :64]) ** 2, axis=others))), axis=axis)
        dims.remove(COIL)
    return values.reshape(-1, values.shape[-1]).mean(axis=0)


def _mirrored(data: Acquisition) -> float:
    fid = _seen(data)
    mirror = tuple((2 * data.reference_ppm - high, 2 * data.reference_ppm - low) for low, high in _SINGLETS_PPM)
    return _singlet_height(fid, data, mirror) / max(_singlet_height(fid, data, _SINGLETS_PPM), np.finfo(float).tiny)


def _singlet_height(fid: ComplexArray, data: Acquisition, ranges: tuple[tuple[float, float], ...]) -> float:
    """Return the height of the tallest line in each range over its surroundings, added up."""
    part = compared(fid[None, :], data)[0]
    points = 2 * part.size
    ppm: FloatArray = to_ppm(frequency_axis(points, data.dwell_s), data.larmor_mhz, data.reference_ppm)
    size = np.abs(np.fft.fftshift(np.fft.fft(part, points)))
    total = 0.0
    for low, high in ranges:
        inside = (ppm >= low) & (ppm <= high)
        around = (ppm >= low - 0.15) & (ppm <= high + 0.15) & ~inside
        if inside.any() and around.any():
            total += max(float(size[inside].max()) - float(np.median(size[around])), 0.0)
    return total
