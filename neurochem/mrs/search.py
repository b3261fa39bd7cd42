"""The search: two starts, the choice of the baseline, then the final optimum."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurochem.mrs.baseline import Baseline, choose_dimension
from neurochem.mrs.lineshape import gauss_variance, lorentz_gamma
from neurochem.mrs.model import stacked
from neurochem.mrs.setup import BaselineChoice, Setup
from neurochem.solve import SeparableFit, fit_separable
from neurochem.units import FloatArray

# Baseline of the first search, before the data have chosen (effective dimension per ppm and part).
FIRST_DIMENSION_PER_PPM = 4.0
# 2e-5 s turns the phase by 0.9 degrees a ppm at 3 T (the prior of FSL-MRS).
DELAY_SD_S = 2e-5
BROAD_SHIFT_SD_PPM = 0.02
BROAD_WIDTH_SD_HZ = 8.0
_FINE_SHIFT_PPM = 0.08
_WIDEST_HZ = 40.0
_WIDEST_BROAD_HZ = 15.0
# Steps of the search that chooses between starts; the last search has the solver's own limit.
_FIRST_ITERATIONS = 4

Rows = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The optimum.

    Attributes
    ----------
    solved : SeparableFit
        In units of `unit`.
    baseline : Baseline
        Nuisance curves.
    dimension_per_ppm : float
        Their effective dimension.
    unit : float
        What the data over the noise were divided by: 1, or the ratio of residual to noise of the first search where
        that is larger.  A misfit acts as noise: priors weigh against both together.
    """

    solved: SeparableFit
    baseline: Baseline
    dimension_per_ppm: float
    unit: float


def search(setup: Setup, choice: BaselineChoice) -> Found:
    """Return the optimum of a setup.

    Parameters
    ----------
    setup : Setup
        Data and model.
    choice : BaselineChoice
        Baseline; where its dimension is None the data choose.

    Returns
    -------
    Found
        The final search starts from the better of a Lorentzian and a Gaussian start (either alone can end in the
        other's wrong valley), with the baseline chosen and, for soft ratios, the scale of the amplitudes known.
    """
    dimension = FIRST_DIMENSION_PER_PPM if choice.dimension_per_ppm is None else choice.dimension_per_ppm
    first = _fit(setup, _starts(setup), setup.baseline(choice.name, dimension), None, 1.0, _FIRST_ITERATIONS)
    rows = _ratio_rows(setup, first.amplitudes)
    misfit = first.data_cost / first.dof if first.dof > 0 else 1.0
    unit = float(np.sqrt(max(1.0, misfit)))
    if choice.dimension_per_ppm is None and setup.baseline(choice.name, dimension).penalty.size:
        dimension = choose_dimension(
            stacked(setup.data) / unit,
            setup.model.columns(first.theta) / unit,
            rows,
            lambda value: setup.baseline(choice.name, value),
        )
    baseline = setup.baseline(choice.name, dimension)
    return Found(_fit(setup, [first.theta], baseline, rows, unit, 200), baseline, dimension, unit)


# A step of a ten-millionth of a width or shift moves no amplitude by a thousandth of its error.
_STEP = 1e-7


def _fit(
    setup: Setup, starts: Sequence[FloatArray], baseline: Baseline, rows: Rows | None, unit: float, iterations: int
) -> SeparableFit:
    lower, upper, sd = _bounds(setup)
    columns, penalty = baseline.stacked()
    return fit_separable(
        setup.model.scaled(1.0 / unit),
        stacked(setup.data) / unit,
        starts=starts,
        lower=lower,
        upper=upper,
        nonnegative=np.ones(len(setup.names), dtype=bool),
        nuisance=columns,
        nuisance_penalty=penalty,
        amplitude_penalty=rows,
        prior=(np.zeros(setup.model.size), sd),
        variance=1.0,
        step_tolerance=_STEP,
        max_iterations=iterations,
    )


def _bounds(setup: Setup) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return lower and upper bounds and the standard deviations of the priors."""
    larmor, shift = setup.spectrum.larmor_mhz, setup.start.shift_hz
    fine, broad = _FINE_SHIFT_PPM * larmor, 3.0 * BROAD_SHIFT_SD_PPM * larmor
    widest = lorentz_gamma(_WIDEST_HZ), gauss_variance(_WIDEST_HZ)
    lower = np.array([-np.inf, -1e-3, shift - fine, 0.0, 0.0, -broad, 0.0])
    upper = np.array([np.inf, 1e-3, shift + fine, *widest, broad, gauss_variance(_WIDEST_BROAD_HZ)])
    sd = np.full(7, np.inf)
    sd[1], sd[5], sd[6] = DELAY_SD_S, BROAD_SHIFT_SD_PPM * larmor, gauss_variance(BROAD_WIDTH_SD_HZ)
    size = setup.model.size
    return lower[:size], upper[:size], sd[:size]


def _starts(setup: Setup) -> list[FloatArray]:
    """Return a Lorentzian and a Gaussian start."""
    start = setup.start
    common, tail = [start.phase, 0.0, start.shift_hz], [0.0, gauss_variance(1.0)]
    lorentz = [*common, lorentz_gamma(start.width_hz), gauss_variance(0.5), *tail]
    gauss = [*common, lorentz_gamma(0.5), gauss_variance(start.width_hz), *tail]
    return [np.array(values)[: setup.model.size] for values in (lorentz, gauss)]


def _ratio_rows(setup: Setup, amplitudes: FloatArray) -> Rows | None:
    """Return rows (a - mean a_ref) / (sd scale), the scale from the mean over the set; None without soft ratios."""
    if not setup.priors:
        return None
    index = {name: place for place, name in enumerate(setup.names)}
    members = [index[prior.name] for prior in setup.priors] + [index[setup.priors[0].reference]]
    scale = float(np.median(amplitudes[members]))
    if scale <= 0.0:
        scale = float(np.mean(amplitudes[members]))
    if scale <= 0.0:
        return None
    rows = np.zeros((len(setup.priors), len(index)))
    for row, prior in zip(rows, setup.priors, strict=True):
        row[index[prior.name]] = 1.0 / (prior.sd * scale)
        row[index[prior.reference]] = -prior.mean / (prior.sd * scale)
    return rows, np.zeros(len(rows))
