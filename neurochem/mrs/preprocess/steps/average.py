"""Averaging of transients."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.noise import measured, scatter_of
from neurochem.mrs.preprocess.state import STEPS, Done, State, axis_last, without
from neurochem.mrs.spectra import COIL, DYNAMIC, EDIT, Acquisition
from neurochem.units import FloatArray


@STEPS.register(name="average", reference="mean over DIM_DYN; noise from the scatter of transients")
def average(state: State, *, weighted: bool = False) -> Done:
    """Average the transients of each scan, and measure the noise of the result.

    Parameters
    ----------
    state : State
        Coils combined, transients aligned.
    weighted : bool
        Weight transients by their similarity (one over the energy in which they differ, of "reject_outliers") instead of
        equally.  Rejected ones have no weight either way.

    Notes
    -----
    Weights sum to one, so metabolites and water keep one scale, whatever the number of transients.  Edit conditions stay
    apart; those of a water reference are averaged.  The noise is measured here, before anything makes it coloured.
    """
    data, water = state.data, state.water
    counts = {"data": data.size(DYNAMIC), "water": 1 if water is None else water.size(DYNAMIC)}
    scatter = math.nan
    rejected = 0
    if DYNAMIC in data.dims:
        weights = _weights(state, weighted)
        rejected = int(np.count_nonzero(weights == 0))
        if COIL not in data.dims and counts["data"] > 1:
            scatter = scatter_of(data, weights)
        axis = data.dims.index(DYNAMIC)
        data = without(data, DYNAMIC, np.sum(data.data * weights[..., None], axis=axis))
    if water is not None:
        water = _plain_mean(water)
    done = replace(
        state, data=data, water=water, weights=None, noise=None if COIL in data.dims else measured(data, scatter)
    )
    what = f"averaged {_transients(counts['data'])}"
    if rejected:
        what += f" without {rejected} rejected {'one' if rejected == 1 else 'ones'}"
    if water is not None:
        what += f", {_transients(counts['water'])} of the water reference"
    if max(counts.values()) == 1:
        what = "one transient: nothing to average"
    effect: dict[str, Any] = dict(counts) | {"rejected": rejected}
    if done.noise is not None:
        effect |= {"noise_sd": done.noise.sd, "noise_from": done.noise.source}
    return Done(done, what, effect)


def _weights(state: State, weighted: bool) -> FloatArray:
    """Return weights that sum to one over the transients of each edit condition."""
    data = state.data
    axis = data.dims.index(DYNAMIC)
    given = np.ones(data.shape[:-1]) if state.weights is None else np.asarray(state.weights, dtype=float)
    if given.shape != data.shape[:-1]:
        msg = (
            f"{data.source or data.name}: weights of shape {given.shape} for FIDs of shape {data.shape[:-1]}; a step between "
            "rejection and averaging changed the dimensions. Put combine_coils before reject_outliers."
        )
        raise InputError(msg)
    given = given if weighted else (given > 0).astype(float)
    total = given.sum(axis=axis, keepdims=True)
    if (total <= 0).any():
        msg = f"{data.source or data.name}: every transient was rejected; look at them, or raise the limit of reject_outliers."
        raise InputError(msg)
    return given / total


def _transients(count: int) -> str:
    return f"{count} transient{'' if count == 1 else 's'}"


def _plain_mean(water: Acquisition) -> Acquisition:
    for dim in (DYNAMIC, EDIT):
        if dim in water.dims:
            water = without(water, dim, axis_last(water, dim).mean(axis=-2))
    return water
