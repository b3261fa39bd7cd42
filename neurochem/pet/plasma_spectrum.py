"""A tissue curve as a spectrum of exponentials: the dictionary, and what its amplitudes mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.compartments import Blood
from neurochem.pet.model import KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.one_tissue import plasma_tissue
from neurochem.pet.view import FrameView, View
from neurochem.quality import Flag
from neurochem.solve import delta_method, propagated_covariance
from neurochem.units import FloatArray

RATES = 100
# Slowest rate times the scan's length: slower ones cannot be told from trapping and make VT explode.
_SLOWEST_TIMES_SCAN = 0.1
_FASTEST_PER_MIN = 6.0
NAMES = ("K1", "VT", "Ki", "VB")

_KNOWN: WeakKeyDictionary[FrameView, tuple[float, FloatArray, FloatArray]] = WeakKeyDictionary()


def dictionary(inputs: ScanInputs, slowest_times_scan: float = _SLOWEST_TIMES_SCAN) -> tuple[FloatArray, FloatArray]:
    """Return rates (1/min), log-spaced, and the frame means of the input convolved with each, shape (n_rates, n_frames).

    Computed once for all regions of a scan.

    Parameters
    ----------
    inputs : ScanInputs
        Its option `slowest_per_min` sets the slowest rate.
    slowest_times_scan : float
        Slowest rate times the scan's length where the option is not given.

    Raises
    ------
    InputError
        If the option is not positive or above the fastest rate.
    """
    given = inputs.options.get("slowest_per_min")
    slowest = slowest_times_scan / float(inputs.frames.end_min[-1]) if given is None else float(given)
    if not 0.0 < slowest < _FASTEST_PER_MIN:
        msg = f"slowest_per_min is {slowest:g}; the slowest rate lies between 0 and {_FASTEST_PER_MIN:g} 1/min, for example 0.01"
        raise InputError(msg)
    known = _KNOWN.get(inputs.view)
    if known is None or known[0] != slowest:
        rates = np.geomspace(slowest, _FASTEST_PER_MIN, RATES)
        known = (slowest, rates, inputs.view.convolved(rates)[0])
        _KNOWN[inputs.view] = known
    return known[1], known[2]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The dictionary of one region: exponentials, then trapping, then whole blood where its fraction is fitted.

    Without trapping its column is zero and takes no amplitude.
    """

    rates: FloatArray
    columns: FloatArray
    blood: Blood
    trapping: bool

    @classmethod
    def of(cls, target: Target, inputs: ScanInputs, model: str) -> "Spectrum":
        """Return the dictionary that the input and the options call for."""
        rates, curves = dictionary(inputs)
        blood = Blood.of(target, inputs, model)
        trapping = bool(inputs.options.get("trapping", False))
        kept = inputs.input_integral if trapping else np.zeros(inputs.input_integral.size)
        return cls(rates, np.column_stack([curves.T, kept, blood.column]), blood, trapping)

    def weighted(self, inputs: ScanInputs) -> tuple[FloatArray, FloatArray]:
        """Return dictionary and data, rows scaled by the root of their weight, frames left out removed."""
        root = np.sqrt(inputs.weights / np.max(inputs.weights))[inputs.kept]
        return root[:, None] * self.columns[inputs.kept], root * self.blood.means[inputs.kept]

    def outcome(
        self, amplitudes: FloatArray, target: Target, inputs: ScanInputs, *, order: float, mu: float | None = None
    ) -> Outcome:
        """Return K1, VT, Ki and VB from the amplitudes, with errors.

        Parameters
        ----------
        amplitudes : array, shape (n_columns,)
            Not negative.
        target, inputs
            The region and what regions share.
        order : float
            Number of terms counted against the degrees of freedom.
        mu : float, optional
            Penalty, for the diagnostics.

        Notes
        -----
        Errors by the delta method on the active set: neighbouring active rates stand for one exponential between them,
        whose rate and amplitude are both uncertain. That the set itself was chosen from the data is not in them.
        """
        if not amplitudes[: RATES + 1].any():
            msg = "no tracer enters the tissue (K1 is zero)"
            raise np.linalg.LinAlgError(msg)
        fitted = self.columns @ amplitudes
        values = self._values(amplitudes)
        weights = inputs.weights / np.max(inputs.weights)
        covariance = self._covariance(amplitudes, weights, self.blood.means - fitted, target, inputs)
        rates = amplitudes[:RATES]
        at_bound = {name for name, edge in (("VT", rates[0]), ("K1", rates[-1])) if edge > 0}
        if self.blood.fraction is None and amplitudes[-1] == 0:
            at_bound.add("VB")
        flags: tuple[Flag, ...] = ()
        if values[2] > 0:
            message = (
                f"{100 * values[2] / values[0]:.2g} % of K1 goes where nothing washes out; VT counts only the rest"
            )
            flags = (Flag("trapping", message, "warning", "VT"),)
        terms = float(np.count_nonzero(amplitudes))
        return Outcome(
            names=NAMES,
            values=values,
            covariance=covariance,
            fitted=fitted + self.blood.added(inputs),
            used=inputs.kept,
            dof=float(np.count_nonzero(inputs.kept) - order),
            at_bound=frozenset(at_bound),
            fixed=self.blood.fixed | (frozenset() if self.trapping else frozenset({"Ki"})),
            flags=flags,
            diagnostics={"terms": terms, "exponentials": float(len(groups_of(rates)))}
            | ({} if mu is None else {"mu": mu}),
            settings={"rate_bounds_per_min": [float(self.rates[0]), float(self.rates[-1])], "rates": RATES},
        )

    def _values(self, amplitudes: FloatArray) -> FloatArray:
        fraction = float(amplitudes[-1]) if self.blood.fraction is None else self.blood.fraction
        spectrum, kept = amplitudes[:RATES] / (1.0 - fraction), amplitudes[RATES] / (1.0 - fraction)
        return np.array([spectrum.sum() + kept, np.sum(spectrum / self.rates), kept, fraction])

    def _covariance(
        self, amplitudes: FloatArray, weights: FloatArray, residual: FloatArray, target: Target, inputs: ScanInputs
    ) -> FloatArray:
        """Return the covariance of what is reported; trapping and blood that came out zero get that of an upper limit."""
        groups = groups_of(amplitudes[:RATES])
        heights = np.array([amplitudes[group].sum() for group in groups])
        centres = np.array([np.average(self.rates[group], weights=amplitudes[group]) for group in groups])
        others = self.columns[:, RATES:]
        active = amplitudes[RATES:] > 0
        count = len(groups)
        if count:
            curves, slopes = inputs.view.convolved(centres)
            jacobian = np.column_stack([(slopes * heights[:, None]).T, curves.T, others])
        else:
            jacobian = others

        def reported(p: np.ndarray) -> np.ndarray:
            rates, sizes, rest = p[:count], p[count : 2 * count], p[2 * count :]
            fraction = rest[1] if self.blood.fraction is None else self.blood.fraction + 0.0 * rest[0]
            free = 1.0 - fraction
            return np.array([(sizes.sum() + rest[0]) / free, np.sum(sizes / rates) / free, rest[0] / free, fraction])

        point = np.concatenate([centres, heights, amplitudes[RATES:]])

        def spread(kept: np.ndarray) -> FloatArray:
            block = np.zeros((point.size, point.size))
            noise = np.diag(target.noise_sd)
            block[np.ix_(kept, kept)] = propagated_covariance(jacobian[:, kept], weights, residual, noise)[0]
            return delta_method(reported, point, block)[1]

        always = np.ones(2 * count, dtype=bool)
        covariance = spread(np.concatenate([always, active]))
        if not active.all():
            whole = np.diag(spread(np.concatenate([always, np.ones(active.size, dtype=bool)])))
            for index in 2 + np.flatnonzero(~active):
                if index == 3 or self.trapping:
                    covariance[index, index] = whole[index]
        return covariance


def groups_of(amplitudes: FloatArray) -> list[np.ndarray]:
    """Return the places of positive amplitudes, in runs of neighbours."""
    active = np.flatnonzero(amplitudes > 0)
    return [] if active.size == 0 else np.split(active, np.flatnonzero(np.diff(active) > 1) + 1)


class SpectrumModel(KineticModel):
    """A model that describes the tissue by a spectrum of exponentials; how the amplitudes are found is its own matter."""

    inputs: ClassVar[str] = "plasma"
    parameters: ClassVar[tuple[str, ...]] = ("K1", "VT", "VB")
    options: ClassVar[tuple[str, ...]] = ("VB", "trapping", "slowest_per_min")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return NAMES

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the curve of a single exponential from K1, VT (or k2) and VB."""
        return plasma_tissue(parameters, view, self.name)
