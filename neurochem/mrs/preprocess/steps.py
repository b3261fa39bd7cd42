"""The registered steps.

A step takes and returns a state (metabolite data and water reference together), so that both are combined, weighted
and scaled alike; it also says in one sentence what it did, or why it did nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.coils import coil_weights
from neurochem.mrs.preprocess.eddy import eddy_phase
from neurochem.mrs.preprocess.residual_water import remove_components
from neurochem.mrs.spectra import COIL, DYNAMIC, TIME, Acquisition
from neurochem.registry import Registry
from neurochem.units import ComplexArray

Effect = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Metabolite data and, where there is one, the water reference."""

    data: Acquisition
    water: Acquisition | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a step made of a state.

    Attributes
    ----------
    state : State
        After the step.
    what : str
        One sentence.
    effect : mapping
        Numbers worth keeping.
    """

    state: State
    what: str
    effect: Effect


StepFunction = Callable[[State], Done]
STEPS: Registry[StepFunction] = Registry("preprocessing step")
# Residual water is left to the fit, which models its tail without touching the metabolites; "remove_water" is there.
DEFAULT_STEPS = ("combine_coils", "average", "eddy_currents")


def _axis_last(data: Acquisition, dim: str) -> ComplexArray:
    """Return the data with a dimension moved to just before time."""
    return np.moveaxis(data.data, data.dims.index(dim), -2)


def _without(data: Acquisition, dim: str, values: ComplexArray) -> Acquisition:
    return data.with_data(values, tuple(name for name in data.dims if name != dim))


@STEPS.register(
    name="combine_coils", reference="Rodgers and Robson 2010, Magn Reson Med 63:881; Hall 2014, NeuroImage 86:35"
)
def combine_coils(state: State) -> Done:
    """Combine receive coils with one set of weights for metabolites and water."""
    data, water = state.data, state.water
    if data.size(COIL) == 1:
        return Done(_squeezed(state, COIL), "one coil: nothing to combine", {})
    if water is not None and water.size(COIL) != data.size(COIL):
        msg = (
            f"{water.source or water.name}: {water.size(COIL)} coils in the water reference, {data.size(COIL)} in the "
            "metabolite data; both must come from the same coils. Give the reference of this scan."
        )
        raise InputError(msg)
    guide = data if water is None else water
    weights = coil_weights(_axis_last(guide, COIL), noise=_axis_last(data, COIL))
    combined = [
        None if scan is None else _without(scan, COIL, np.einsum("c,...ct->...t", weights, _axis_last(scan, COIL)))
        for scan in (data, water)
    ]
    what = f"combined {weights.size} coils, weighted by the {'water reference' if water is not None else 'data'} over noise"
    return Done(replace(state, data=combined[0], water=combined[1]), what, {"weights": np.abs(weights).tolist()})  # type: ignore[arg-type] # the first is never None


@STEPS.register(name="average", reference="mean over DIM_DYN")
def average(state: State) -> Done:
    """Average the transients of each scan."""
    counts = {"data": state.data.size(DYNAMIC), "water": 1 if state.water is None else state.water.size(DYNAMIC)}
    scans = [
        scan
        if scan is None or DYNAMIC not in scan.dims
        else _without(scan, DYNAMIC, _axis_last(scan, DYNAMIC).mean(axis=-2))
        for scan in (state.data, state.water)
    ]
    what = f"averaged {counts['data']} transients, {counts['water']} of the water reference"
    if max(counts.values()) == 1:
        what = "one transient: nothing to average"
    return Done(replace(state, data=scans[0], water=scans[1]), what, counts)  # type: ignore[arg-type] # the first is never None


@STEPS.register(name="eddy_currents", aliases=("ecc",), reference="Klose 1990, Magn Reson Med 14:26", needs=("water",))
def eddy_currents(state: State) -> Done:
    """Subtract the phase of the water reference from both scans."""
    data, water = state.data, state.water
    if water is None:
        return Done(state, "no water reference: eddy currents not corrected", {})
    if water.data.ndim != 1 or water.size(TIME) != data.size(TIME) or abs(water.dwell_s / data.dwell_s - 1.0) > 1e-6:
        return Done(state, "the water reference has another sampling: eddy currents not corrected", {})
    phase, last = eddy_phase(water.data)
    turn = np.exp(-1j * phase)
    done = State(data.with_data(data.data * turn, data.dims), water.with_data(water.data * turn, water.dims))
    until = last * water.dwell_s
    what = f"subtracted the phase of the water reference, measured to {1e3 * until:.0f} ms and extrapolated after that"
    return Done(done, what, {"measured_to_s": until, "phase_at_start_deg": float(np.degrees(phase[0]))})


@STEPS.register(name="remove_water", aliases=("hsvd",), reference="Barkhuijsen 1987, J Magn Reson 73:553 (HSVD)")
def remove_water(state: State) -> Done:
    """Subtract residual water: damped exponentials within 0.4 ppm of it. Tails of strong lines go with it (see fit)."""
    data = state.data
    if data.data.ndim != 1 or data.nucleus != "1H" or not np.isfinite(data.data).all() or not data.data.any():
        return Done(state, "not one proton FID: residual water not removed", {})
    reach = 0.4 * data.larmor_mhz
    centre = (data.reference_ppm - 4.65) * data.larmor_mhz
    cleaned, count = remove_components(data.data, data.dwell_s, centre_hz=centre, reach_hz=reach)
    share = float(np.linalg.norm(cleaned) / np.linalg.norm(data.data))
    what = (
        f"removed {count} damped exponentials within 0.4 ppm of water; {100 * share:.0f} % of the signal's norm is left"
    )
    return Done(
        replace(state, data=data.with_data(cleaned, data.dims)), what, {"components": count, "norm_left": share}
    )


def _squeezed(state: State, dim: str) -> State:
    scans = [
        scan
        if scan is None or dim not in scan.dims or scan.size(dim) > 1
        else _without(scan, dim, _axis_last(scan, dim)[..., 0, :])
        for scan in (state.data, state.water)
    ]
    return replace(state, data=scans[0], water=scans[1])  # type: ignore[arg-type] # the first is never None
