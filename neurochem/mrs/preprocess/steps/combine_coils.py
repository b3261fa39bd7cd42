"""Combination of receive coils."""

from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.coils import coil_weights, combined
from neurochem.mrs.preprocess.state import STEPS, Done, State, Trace, axis_last, without
from neurochem.mrs.spectra import COIL, Acquisition


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
    """
    data, water = state.data, state.water
    if data.size(COIL) == 1:
        return Done(_squeezed(state), "one coil: nothing to combine", {})
    for other, kind in ((water, "water reference"), (noise_scan, "noise scan")):
        if other is not None and other.size(COIL) != data.size(COIL):
            msg = (
                f"{other.source or other.name}: {other.size(COIL)} coils in the {kind}, {data.size(COIL)} in the "
                f"metabolite data; both must come from the same coils. Give the {kind.split()[-1]} of this scan."
            )
            raise InputError(msg)
    if method == "reference" and water is None:
        msg = f"{data.source or data.name}: method 'reference' needs a water reference. Give water=..., or use 'wsvd'."
        raise InputError(msg)
    guide = data if water is None else water
    silent = axis_last(data, COIL) if noise_scan is None else axis_last(noise_scan, COIL)
    weights = coil_weights(
        axis_last(guide, COIL), noise=silent, method=method, noise_model=noise, whole=noise_scan is not None
    )
    done = state.both(lambda scan: without(scan, COIL, combined(scan.data, scan.dims.index(COIL), weights.values)))
    source = "the water reference" if water is not None else "the data"
    what = (
        f"combined {weights.values.size} coils by {source} ({method}, noise {noise}); "
        f"quality {weights.quality:.3f}, noise correlation up to {weights.correlation:.2f}"
    )
    effect = {
        "weights": np.abs(weights.values).tolist(), "quality": weights.quality,
        "largest_noise_correlation": weights.correlation,
    }  # fmt: skip
    trace = Trace(np.abs(weights.values) / np.abs(weights.values).max(), "weight, relative", along="coil")
    return Done(replace(done, weights=None), what, effect, (trace,))


def _squeezed(state: State) -> State:
    def squeezed(scan: Acquisition) -> Acquisition:
        if COIL not in scan.dims or scan.size(COIL) > 1:
            return scan
        return without(scan, COIL, axis_last(scan, COIL)[..., 0, :])

    return state.both(squeezed)
