"""Leaving out transients with NaN or infinite samples."""

from dataclasses import replace

import numpy as np

from neurochem.mrs.preprocess.state import STEPS, Done, State
from neurochem.mrs.spectra import DYNAMIC, Acquisition
from neurochem.units import BoolArray


@STEPS.register(name="drop_invalid", reference="leaves out transients with NaN or infinite samples")
def drop_invalid(state: State) -> Done:
    """Leave out transients with samples that are no numbers, in all coils and edit conditions.

    Parameters
    ----------
    state : State
        Any.

    Notes
    -----
    `preprocess` puts this step first by itself where a scan holds such samples.  Scans of one transient, and scans of which
    no transient is whole, stay as they are: later steps and the fit say that there is nothing to be had.
    """
    data, lost = _without(state.data)
    water, lost_water = (None, []) if state.water is None else _without(state.water)
    weights = state.weights
    if lost and weights is not None and weights.shape == state.data.shape[:-1]:
        weights = np.delete(weights, lost, axis=state.data.dims.index(DYNAMIC))
    what = "every transient is whole, or none: nothing left out"
    if lost or lost_water:
        what = (
            f"left out {len(lost)} of {state.data.size(DYNAMIC)} transients with NaN or infinite samples"
            f", {len(lost_water)} of the water reference"
        )
    effect = {"dropped": lost, "dropped_water": lost_water}
    return Done(replace(state, data=data, water=water, weights=weights), what, effect)


def all_finite(data: Acquisition) -> bool:
    """Say whether there is no NaN or infinite sample; a sum shows them without a copy of the data."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.isfinite(np.sum(data.data))) or bool(np.isfinite(data.data).all())


def _without(data: Acquisition) -> tuple[Acquisition, list[int]]:
    if DYNAMIC not in data.dims or all_finite(data):
        return data, []
    axis = data.dims.index(DYNAMIC)
    rows = np.moveaxis(data.data, axis, 0)
    whole: BoolArray = np.asarray(np.isfinite(rows.reshape(rows.shape[0], -1)).all(axis=1))
    if not whole.any():
        return data, []
    return data.with_data(np.moveaxis(rows[whole], 0, axis), data.dims), np.flatnonzero(~whole).tolist()
