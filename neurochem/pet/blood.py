"""Arterial input functions, continuous in time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.curves import Curve, ExponentialSum, PiecewisePolynomial, Prepared, Term
from neurochem.results import frozen_array
from neurochem.units import FloatArray, seconds_to_minutes

# How much of the measured span an input may be continued beyond its last sample.
_LONGEST_TAIL = 0.1
# The share of the samples at the end that sets the slope of the continuation.
_TAIL_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class ArterialInput(Curve):
    """Parent tracer in arterial plasma, and whole blood, piecewise linear between samples.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        Sample times in seconds after injection, ascending.
    plasma_parent : array_like, shape (n,)
        Metabolite-corrected plasma activity in kBq/mL, decay corrected to injection.
    whole_blood : array_like, shape (n,), optional
        Whole-blood activity in kBq/mL, not corrected for metabolites.
    where : str
        File it came from, for messages.

    Notes
    -----
    Before the first sample the curve rises in a straight line from zero at injection. Beyond the last sample it is
    continued, for at most a tenth of the sampled span, by the exponential that fits the last fifth of the samples;
    `tail_s` says for how long and results flag it.

    Raises
    ------
    InputError
        If times do not ascend or values are not finite.
    """

    time_s: FloatArray
    plasma_parent: FloatArray
    whole_blood: FloatArray | None
    where: str

    @checked_arguments
    def __init__(
        self, time_s: ArrayLike, plasma_parent: ArrayLike, whole_blood: ArrayLike | None = None, *, where: str = ""
    ) -> None:
        time = np.array(time_s, dtype=float)
        place = f"{where}: " if where else ""
        if time.ndim != 1 or time.size < 2 or not np.isfinite(time).all() or time[0] < 0 or (np.diff(time) <= 0).any():
            msg = (
                f"{place}sample times must be two or more finite numbers of seconds after injection, each later than the one "
                f"before; got {time.size} from {time.min(initial=np.inf):g} to {time.max(initial=-np.inf):g} s. "
                "Sort the samples and remove doubles."
            )
            raise InputError(msg)
        curves = {"plasma_parent": plasma_parent, "whole_blood": whole_blood}
        arrays = {
            name: None if curve is None else _checked(np.array(curve, dtype=float), time, name, place)
            for name, curve in curves.items()
        }
        object.__setattr__(self, "time_s", frozen_array(time))
        object.__setattr__(self, "plasma_parent", arrays["plasma_parent"])
        object.__setattr__(self, "whole_blood", arrays["whole_blood"])
        object.__setattr__(self, "where", where)

    def __repr__(self) -> str:
        """Return the number of samples, their span and their peak on one line."""
        blood = ", with whole blood" if self.whole_blood is not None else ""
        return (
            f"<ArterialInput {self.time_s.size} samples, {self.time_s[0]:g} to {self.time_s[-1]:g} s, "
            f"peak {float(np.max(self.plasma_parent)):.4g} kBq/mL{blood}>"
        )

    def tail_s(self, until_s: float) -> float:
        """Return for how many seconds the input must be continued beyond its last sample."""
        return max(0.0, float(until_s) - float(self.time_s[-1]))

    def parent(self, until_s: float) -> PiecewisePolynomial:
        """Return the parent plasma curve, continued until `until_s`."""
        return self._continued(self.plasma_parent, until_s, "plasma_parent")

    def blood(self, until_s: float) -> PiecewisePolynomial | None:
        """Return the whole-blood curve, continued until `until_s`, or None."""
        return None if self.whole_blood is None else self._continued(self.whole_blood, until_s, "whole_blood")

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return parent plasma at some times in minutes."""
        latest = float(np.max(np.asarray(time_min, dtype=float), initial=0.0)) * 60.0
        return self.parent(latest).values(time_min)

    def prepare(self, edges_min: FloatArray) -> Prepared:
        """Return parent plasma cut at edges in minutes."""
        return self.parent(float(edges_min[-1]) * 60.0).prepare(edges_min)

    def _continued(self, samples: FloatArray, until_s: float, name: str) -> PiecewisePolynomial:
        time, values = self.time_s, samples
        if time[0] > 0:
            time, values = np.concatenate([[0.0], time]), np.concatenate([[0.0], values])
        tail = self.tail_s(until_s)
        if tail > 1e-6:
            span = float(self.time_s[-1] - self.time_s[0])
            if tail > _LONGEST_TAIL * span:
                place = f"{self.where}: " if self.where else ""
                msg = (
                    f"{place}{name} ends at {self.time_s[-1]:.0f} s but the last frame ends at {until_s:.0f} s; the input may be "
                    f"continued for at most {_LONGEST_TAIL * span:.0f} s. Give later samples or exclude the late frames."
                )
                raise InputError(msg)
            # nodes a few seconds apart keep the straight pieces within 1e-6 of the exponential
            added = self.time_s[-1] + np.linspace(0.0, tail, 20)[1:]
            time = np.concatenate([time, added])
            values = np.concatenate(
                [values, samples[-1] * np.exp(-self._tail_rate(samples) * (added - self.time_s[-1]))]
            )
        return PiecewisePolynomial.linear(seconds_to_minutes(time), values)

    def _tail_rate(self, samples: FloatArray) -> float:
        """Return the washout rate (1/s) of the last samples, zero if they do not fall."""
        late = self.time_s >= self.time_s[-1] - _TAIL_SHARE * (self.time_s[-1] - self.time_s[0])
        usable = late & (samples > 0)
        if np.count_nonzero(usable) < 2 or samples[-1] <= 0:
            return 0.0
        slope = np.polyfit(self.time_s[usable], np.log(samples[usable]), 1)[0]
        return max(0.0, -float(slope))


def _checked(values: FloatArray, time: FloatArray, name: str, place: str) -> FloatArray:
    if values.shape != time.shape:
        msg = f"{place}{name} has {values.size} values for {time.size} times; give one a sample"
        raise InputError(msg)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        msg = f"{place}{name} at {time[bad[0]]:g} s is {values[bad[0]]}; interpolate or remove the sample"
        raise InputError(msg)
    return frozen_array(values)


class Feng(ExponentialSum):
    """Feng's plasma input in closed form.

    C(t) = (A1 tau - A2 - A3) exp(-L1 tau) + A2 exp(-L2 tau) + A3 exp(-L3 tau), tau = t - t0, and zero before t0.

    Parameters
    ----------
    A1 : float
        kBq/mL/min.
    A2, A3 : float
        kBq/mL.
    L1, L2, L3 : float
        Rates in 1/min.
    t0_s : float
        Arrival in seconds after injection.

    References
    ----------
    Feng D, Huang SC, Wang X (1993), Int J Biomed Comput 32:95-110.
    """

    @checked_arguments
    def __init__(
        self, A1: float, A2: float, A3: float, L1: float, L2: float, L3: float, t0_s: float = 0.0  # noqa: N803 - the symbols of the paper
    ) -> None:  # fmt: skip
        for name, rate in (("L1", L1), ("L2", L2), ("L3", L3)):
            if not (np.isfinite(rate) and rate > 0):
                msg = f"{name} is {rate:g}; rates are positive here (1/min), the paper prints them with a minus sign"
                raise InputError(msg)
        terms = [Term(A1, L1, 1), Term(-A2 - A3, L1), Term(A2, L2), Term(A3, L3)]
        super().__init__(terms, float(seconds_to_minutes(t0_s)))
