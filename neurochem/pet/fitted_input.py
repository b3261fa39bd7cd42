"""An arterial input made of fitted parts, which carries their uncertainty."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.pet.blood import ArterialInput
from neurochem.pet.curves import PiecewisePolynomial
from neurochem.pet.polynomial_pieces import joined, polynomial_pieces
from neurochem.pet.sample_fit import SampleCurve
from neurochem.units import FloatArray, minutes_to_seconds, seconds_to_minutes


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of the input: a curve, and the power (1 or -1) with which it enters."""

    name: str
    curve: SampleCurve
    power: int = 1


@dataclass(frozen=True, eq=False, repr=False)
class FittedInput(ArterialInput):
    """Parent plasma as a product of curves, for example plasma samples x fitted parent fraction.

    Parameters
    ----------
    factors : tuple of Factor
        Curves whose product is the parent plasma curve in kBq/mL.
    time_s : array_like, shape (n,)
        Times of the samples on which it rests; the last is the end of the measured input.
    whole_blood : array_like, shape (n,), optional
        Whole blood at those times, straight lines between.
    where : str
        File, for messages.

    Notes
    -----
    The product is turned into polynomials of degree five that follow it to 1e-10 of itself, so that convolutions stay
    exact. Uncertainty is carried by the factors: each keeps the covariance of its parameters, `stderr` propagates it to
    the curve (factors independent of each other), and `draw` makes another input with parameters drawn from it, for the
    propagation into any outcome by simulation. Straight lines through samples carry none.
    """

    factors: tuple[Factor, ...]
    curve: PiecewisePolynomial

    @checked_arguments
    def __init__(
        self, factors: tuple[Factor, ...], time_s: ArrayLike, whole_blood: ArrayLike | None = None, *, where: str = ""
    ) -> None:
        time = np.array(time_s, dtype=float)
        object.__setattr__(self, "factors", tuple(factors))
        super().__init__(time, _product(self.factors, seconds_to_minutes(time)), whole_blood, where=where)
        last = float(seconds_to_minutes(time[-1]))
        knots = np.concatenate([[0.0, last], seconds_to_minutes(time), *(f.curve.knots_min for f in self.factors)])
        pieces = polynomial_pieces(lambda t: _product(self.factors, t), knots[(knots >= 0) & (knots <= last)])
        object.__setattr__(self, "curve", pieces)

    def parent(self, until_s: float) -> PiecewisePolynomial:
        """Return the parent plasma curve, continued until `until_s` as any arterial input is."""
        if self.tail_s(until_s) <= 1e-6:
            return self.curve
        return joined(self.curve, super().parent(until_s))

    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return the standard error of parent plasma from the fitted factors, in kBq/mL, at times within the samples."""
        times = np.atleast_1d(np.asarray(time_min, dtype=float))
        variance = np.zeros(times.shape)
        for index, factor in enumerate(self.factors):
            error = factor.curve.stderr(times)
            others = _product(self.factors[:index] + self.factors[index + 1 :], times)
            own = factor.curve.values(times)
            slope = others if factor.power == 1 else others / own**2
            variance += np.where(np.isnan(error), 0.0, slope * error) ** 2
        return np.sqrt(variance).reshape(np.shape(time_min))

    def draw(self, rng: np.random.Generator) -> "FittedInput":
        """Return the input with every fitted parameter drawn from its normal distribution."""
        drawn = tuple(Factor(f.name, f.curve.draw(rng), f.power) for f in self.factors)
        return FittedInput(drawn, self.time_s, self.whole_blood, where=self.where)

    @property
    def end_s(self) -> float:
        """End of the measured input in seconds."""
        return float(minutes_to_seconds(self.curve.nodes[-1]))


def _product(factors: tuple[Factor, ...], time_min: FloatArray) -> FloatArray:
    total = np.ones(np.shape(time_min))
    for factor in factors:
        values = factor.curve.values(time_min)
        total = total * values if factor.power == 1 else total / values
    return total
