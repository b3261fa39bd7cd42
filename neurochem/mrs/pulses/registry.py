"""ShapedPulse shapes by name."""

from collections.abc import Callable
from typing import Any

from neurochem.arguments import checked_arguments
from neurochem.mrs.pulses.calibration import calibrated
from neurochem.mrs.pulses.waveform import ShapedPulse
from neurochem.registry import Registry

# Each shape maps keywords, `duration_s` among them, to a pulse of any amplitude.
SHAPES: Registry[Callable[..., ShapedPulse]] = Registry("pulse shape", "neurochem.mrs.pulses.shapes")


@checked_arguments
def pulse(
    shape: str, *, duration_s: float, flip_deg: float = 180.0, purpose: str | None = None, **options: Any
) -> ShapedPulse:
    """Return a pulse of a named shape, calibrated to a flip angle.

    Parameters
    ----------
    shape : str
        "gaussian", "sinc_gaussian", "hyperbolic_secant" or "rectangular"; `pulse_shapes()` lists them.
    duration_s : float
        Duration (s).
    flip_deg : float
        Flip angle on resonance (degrees); 180 makes a frequency-modulated shape an adiabatic full passage.
    purpose : str, optional
        "excitation", "refocusing" or "inversion"; by default excitation up to 90 degrees and refocusing above.
    **options
        Of the shape: `points` (slices) for all; `truncation` for gaussian; `lobes`, `window` for sinc_gaussian;
        `bandwidth_hz`, `mu`, `truncation` for hyperbolic_secant.

    Returns
    -------
    ShapedPulse
        Immutable; `profile`, `bandwidth_hz`, `inversion_fwhm_hz` and `plot` describe it.

    Raises
    ------
    UnknownNameError
        If there is no such shape.
    InputError
        If an option cannot mean anything, or no amplitude gives the flip angle.

    Examples
    --------
    >>> edit = pulse("gaussian", duration_s=0.014)
    >>> round(edit.inversion_fwhm_hz), round(edit.flip_deg, 9)
    (109, 180.0)
    """
    purpose = ("excitation" if flip_deg <= 90.0 else "refocusing") if purpose is None else purpose
    return calibrated(SHAPES[shape](duration_s=duration_s, purpose=purpose, **options), flip_deg)


@checked_arguments
def pulse_shapes() -> list[str]:
    """Return the names of the shapes that `pulse` knows."""
    return SHAPES.names()
