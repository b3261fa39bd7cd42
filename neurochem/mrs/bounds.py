"""Bounds, priors and starts of the parameters of a fit."""

from dataclasses import dataclass

import numpy as np

from neurochem.mrs.lineshape import gauss_variance, lorentz_gamma
from neurochem.mrs.setup import Setup
from neurochem.units import FloatArray

# 2e-5 s turns the phase by 0.9 degrees a ppm at 3 T (the prior of FSL-MRS).
DELAY_SD_S = 2e-5
BROAD_SHIFT_SD_PPM = 0.02
BROAD_WIDTH_SD_HZ = 8.0
# LCModel's standard deviation of a metabolite's own shift (its source).
LOOSE_SHIFT_SD_PPM = 0.004
_FINE_SHIFT_PPM = 0.08
_WIDEST_HZ = 40.0
_WIDEST_BROAD_HZ = 15.0
# Shares of the coarse width given to the Lorentzian and the Gaussian part.
_MIXED, _LORENTZIAN, _GAUSSIAN = (0.5, 0.7), (1.0, 0.1), (0.1, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Bounds of the parameters, and standard deviations of their priors about zero (infinite: none)."""

    lower: FloatArray
    upper: FloatArray
    sd: FloatArray


def limits(setup: Setup) -> Limits:
    """Return bounds and priors for every parameter of the model of a setup, in its order."""
    larmor, shift, model = setup.spectrum.larmor_mhz, setup.start.shift_hz, setup.model
    fine, broad = _FINE_SHIFT_PPM * larmor, 3.0 * BROAD_SHIFT_SD_PPM * larmor
    groups, line = model.groups, model.distortion
    none = np.zeros(0)
    sd, below, above = (none, none, none) if line is None else (line.sd, line.lower, line.upper)
    own = np.full(len(model.loose), LOOSE_SHIFT_SD_PPM * larmor)
    widest = gauss_variance(_WIDEST_BROAD_HZ)
    pair = [BROAD_SHIFT_SD_PPM * larmor, gauss_variance(BROAD_WIDTH_SD_HZ)]
    lower = [-np.inf, -1e-3, shift - fine, 0.0, 0.0, *([-broad, 0.0] * groups), *below, *(-5.0 * own)]
    top = [lorentz_gamma(_WIDEST_HZ), gauss_variance(_WIDEST_HZ)]
    upper = [np.inf, 1e-3, shift + fine, *top, *([broad, widest] * groups), *above, *(5.0 * own)]
    width = [np.inf, DELAY_SD_S, np.inf, np.inf, np.inf, *(pair * groups), *sd, *own]
    return Limits(np.array(lower), np.array(upper), np.array(width))


def starts(setup: Setup) -> list[FloatArray]:
    """Return starts with a mixed, a Lorentzian and a Gaussian line, at the coarse shift, phase and width."""
    start, model = setup.start, setup.model
    tail = [0.0, gauss_variance(1.0)] * model.groups
    line = np.zeros(0) if model.distortion is None else model.distortion.start
    rest = [*line, *np.zeros(len(model.loose))]
    common = [start.phase, 0.0, start.shift_hz]
    widths = [
        (lorentz_gamma(one * start.width_hz), gauss_variance(two * start.width_hz))
        for one, two in (_MIXED, _LORENTZIAN, _GAUSSIAN)
    ]
    return [np.array([*common, *pair, *tail, *rest]) for pair in widths]
