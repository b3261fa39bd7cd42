"""From a relative waveform to a pulse of a stated flip angle."""

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq, minimize

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.mrs.pulses.waveform import ShapedPulse
from neurochem.units import FloatArray

# An adiabatic passage never ends exactly at -1; its field is the least that inverts to this.
ADIABATIC_MZ = -0.999
_PEAK_STEPS_HZ = np.geomspace(1.0, 2e4, 400)


def calibrated(pulse: ShapedPulse, flip_deg: float) -> ShapedPulse:
    """Return the pulse with the amplitude that turns a spin on resonance by the flip angle.

    Parameters
    ----------
    pulse : ShapedPulse
        Waveform of any amplitude.
    flip_deg : float
        Flip angle (degrees), between 0 and 360.

    Returns
    -------
    ShapedPulse
        Of constant phase: its area 360 sum(amplitude) dt is the flip angle, which is exact on resonance.  Frequency-
        modulated: the smallest amplitude for which Mz on resonance is cos(flip), by exact rotation; 180 degrees are
        reached when Mz is -0.999, the threshold of the adiabatic passage.

    Raises
    ------
    InputError
        If the flip angle is out of range, or no amplitude up to 20 kHz reaches it.
    """
    if not 0.0 < flip_deg <= 360.0:
        msg = f"{pulse.name}: flip_deg is {flip_deg:g}; it must lie between 0 and 360 degrees."
        raise InputError(msg)
    if pulse.constant_phase:
        area = float(pulse.amplitude_hz.sum()) * pulse.slice_s
        if abs(area) < 1e-9 * pulse.peak_hz * pulse.duration_s:
            msg = (
                f"{pulse.name}: the amplitudes add up to zero, so that no factor gives {flip_deg:g} degrees on "
                "resonance. Give a waveform with area, or one with its amplitude in Hz."
            )
            raise InputError(msg)
        return pulse.scaled(flip_deg / 360.0 / area)
    return pulse.scaled(_least_peak(pulse, flip_deg) / pulse.peak_hz)


def _least_peak(pulse: ShapedPulse, flip_deg: float) -> float:
    """Return the smallest peak amplitude (Hz) at which Mz on resonance reaches the flip angle."""
    if pulse.peak_hz == 0.0 or flip_deg > 180.0:
        msg = (
            f"{pulse.name}: a frequency-modulated waveform with peak {pulse.peak_hz:g} cannot be calibrated to "
            f"{flip_deg:g} degrees; the angle may be up to 180 and the peak must be positive."
        )
        raise InputError(msg)
    wanted = max(float(np.cos(np.radians(flip_deg))), ADIABATIC_MZ)

    def excess(peak_hz: float) -> float:
        return float(pulse.profile(np.zeros(1), b1_scale=peak_hz / pulse.peak_hz).mz[0]) - wanted

    reached = pulse.profile(np.zeros(_PEAK_STEPS_HZ.size), b1_scale=_PEAK_STEPS_HZ / pulse.peak_hz).mz <= wanted
    if reached[1:].any():
        first = 1 + int(np.argmax(reached[1:]))
        return float(brentq(excess, _PEAK_STEPS_HZ[first - 1], _PEAK_STEPS_HZ[first], xtol=1e-9))
    msg = (
        f"{pulse.name}: no amplitude up to {_PEAK_STEPS_HZ[-1]:g} Hz turns Mz on resonance to {wanted:g} within "
        f"{1e3 * pulse.duration_s:g} ms. Give a longer pulse, or a narrower band."
    )
    raise InputError(msg)


@checked_arguments
def dual_band(pulse: ShapedPulse, separation_hz: float) -> ShapedPulse:
    """Return a pulse that acts on two bands at once, as HERMES needs for GABA and glutathione.

    Parameters
    ----------
    pulse : ShapedPulse
        Of one band, calibrated.
    separation_hz : float
        Distance of the bands (Hz); they lie at plus and minus half of it around the carrier.

    Returns
    -------
    ShapedPulse
        The waveform times 2 cos(pi d t), t from its middle.  Each band shifts and weakens the other (Bloch and Siegert), so
        that factor and d are adjusted until both centres end where the one band ended.

    Raises
    ------
    InputError
        If the bands would overlap: the separation is below the bandwidth.
    """
    if abs(separation_hz) < pulse.bandwidth_hz:
        msg = (
            f"{pulse.name}: separation_hz is {separation_hz:g} and the band is {pulse.bandwidth_hz:.4g} Hz wide; two "
            "bands must not overlap. Give a longer pulse."
        )
        raise InputError(msg)
    # exactly antisymmetric about the middle
    time_s = (np.arange(len(pulse)) - 0.5 * (len(pulse) - 1)) * pulse.slice_s
    centres = 0.5 * separation_hz * np.array([-1.0, 1.0])
    wanted = float(pulse.profile(np.zeros(1)).mz[0])

    def modulated(factors: FloatArray) -> ShapedPulse:
        waves = 2.0 * factors[0] * np.cos(np.pi * factors[1] * separation_hz * time_s)
        return replace(pulse, amplitude_hz=pulse.amplitude_hz * waves, name=name)

    def miss(factors: FloatArray) -> float:
        return float(np.sum((modulated(factors).profile(centres).mz - wanted) ** 2))

    name = f"{pulse.name}, two bands {separation_hz:.4g} Hz apart"
    best = minimize(miss, np.ones(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-16})
    return modulated(best.x)
