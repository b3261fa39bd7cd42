"""Combination of receive coils."""

from dataclasses import replace
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.coils import agreement, coil_weights, combined
from neurochem.mrs.preprocess.state import STEPS, Done, State, Trace, axis_last, without
from neurochem.mrs.spectra import COIL, Acquisition

# One signal seen by all coils has a quality of 1; a water reference below this is compared with the data.
_ONE_SIGNAL = 0.9
# Sensitivities of two scans of one voxel agree better than this even at low SNR.
_ALIKE = 0.8


@STEPS.register(
    name="combine_coils",
    aliases=("wsvd",),
    reference="Rodgers and Robson 2010, Magn Reson Med 63:881; Hall 2014, NeuroImage 86:35",
)
def combine_coils(
    state: State, *, method: str = "wsvd", noise: str = "covariance", noise_scan: Acquisition | None = None
) -> Done:
    """Combine receive coils with one set of weights for metabolites and water.

    Parameters
    ----------
    state : State
        Scans with DIM_COIL.
    method : str
        "wsvd": sensitivities from the singular vectors of the whitened water reference (of the data without one);
        "reference": from the first points of the water reference.
    noise : str
        "covariance", "variance" (coils alone, no correlation between them) or "none" (sensitivity alone).
    noise_scan : Acquisition, optional
        A scan without excitation; by default the last fifth of the metabolite FIDs is the noise.

    Raises
    ------
    InputError
        If water reference and data disagree in their coils, or "reference" is asked for without a water reference.

    Notes
    -----
    Coils without signal or noise have no weight.  Where the water reference is not one signal (empty, noise) the data weigh
    the coils themselves; where its sensitivities are not those of the data (another voxel, one of the scans conjugated)
    the record says so.
    """
    data, water = state.data, state.water
    _same_coils(data, water, noise_scan)
    if data.size(COIL) == 1:
        return Done(_squeezed(state), "one coil: nothing to combine", {})
    if method == "reference" and water is None:
        msg = f"{data.source or data.name}: method 'reference' needs a water reference. Give water=..., or use 'wsvd'."
        raise InputError(msg)
    quiet = axis_last(data, COIL) if noise_scan is None else axis_last(noise_scan, COIL)
    options: dict[str, Any] = {"noise": quiet, "noise_model": noise, "whole": noise_scan is not None}
    source, doubt, alike = "the data", "", float("nan")
    if water is None:
        weights = coil_weights(axis_last(data, COIL), method=method, **options)
    else:
        weights = coil_weights(axis_last(water, COIL), method=method, **options)
        source, alike = "the water reference", agreement(axis_last(water, COIL), axis_last(data, COIL))
        own = (
            coil_weights(axis_last(data, COIL), method="wsvd", **options) if weights.quality < _ONE_SIGNAL else weights
        )
        if own.quality > weights.quality:
            source, doubt = "the data", f"; the water reference is not one signal (quality {weights.quality:.2f})"
            weights, method = own, "wsvd"
        elif alike < _ALIKE and own.quality >= _ONE_SIGNAL:
            doubt = f"; CHECK: water reference and data disagree in their coils (agreement {alike:.2f})"
    if weights.silent:
        doubt += f"; without silent coils {', '.join(str(coil + 1) for coil in weights.silent)}"
    done = state.both(lambda scan: without(scan, COIL, combined(scan.data, scan.dims.index(COIL), weights.values)))
    what = (
        f"combined {weights.values.size} coils by {source} ({method}, noise {noise}); "
        f"quality {weights.quality:.3f}, noise correlation up to {weights.correlation:.2f}{doubt}"
    )
    effect = {
        "weights": np.abs(weights.values).tolist(), "quality": weights.quality,
        "largest_noise_correlation": weights.correlation, "guide": source, "agreement": alike,
        "silent_coils": [coil + 1 for coil in weights.silent],
    }  # fmt: skip
    trace = Trace(np.abs(weights.values) / np.abs(weights.values).max(), "weight, relative", along="coil")
    return Done(replace(done, weights=None), what, effect, (trace,))


def _same_coils(data: Acquisition, water: Acquisition | None, noise_scan: Acquisition | None) -> None:
    for other, kind in ((water, "water reference"), (noise_scan, "noise scan")):
        if other is not None and other.size(COIL) != data.size(COIL):
            many = "coil" if other.size(COIL) == 1 else "coils"
            msg = (
                f"{other.source or other.name}: {other.size(COIL)} {many} in the {kind}, {data.size(COIL)} in the "
                f"metabolite data; both must come from the same coils. Give the {kind.split()[-1]} of this scan."
            )
            raise InputError(msg)


def _squeezed(state: State) -> State:
    def squeezed(scan: Acquisition) -> Acquisition:
        if COIL not in scan.dims or scan.size(COIL) > 1:
            return scan
        return without(scan, COIL, axis_last(scan, COIL)[..., 0, :])

    return state.both(squeezed)
