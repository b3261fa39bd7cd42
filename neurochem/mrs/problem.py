"""The least-squares problem of a spectrum: amplitudes and baseline eliminated, a few parameters left to search."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from neurochem.mrs.baseline import Baseline
from neurochem.mrs.model import LinearCombination
from neurochem.solve import Minimum, minimize_least_squares
from neurochem.solve.normal_equations import nonnegative_normal_equations, solve_positive
from neurochem.units import BoolArray, ComplexArray, FloatArray

Rows = tuple[FloatArray, FloatArray]
# A fall of the cost by this much, the noise being one, moves nothing by more than a hundredth of its error.
LEAST_GAIN = 1e-4


@dataclass(slots=True, eq=False)
class Problem:
    """Data, model, baseline and priors, all over the noise.

    Attributes
    ----------
    model : LinearCombination
        Columns.
    data : complex array, shape (n,)
        Spectrum in the window.
    baseline : Baseline
        Real curves and penalties, for real and imaginary part each.
    rows : (array, shape (r, m), array, shape (r,)) or None
        Penalty rows P c ~ t on the amplitudes.
    mean, sd : array, shape (p,)
        Normal prior of the parameters; an infinite standard deviation means none.
    nonnegative : bool array, shape (m,)
        Amplitudes that cannot be negative.

    Notes
    -----
    With orthonormal curves B of penalty p, the least squares over the baseline leaves |W (y - C c)|^2 with
    W = I - B (1 - sqrt(p / (1 + p))) B': two thin products, whatever the number of curves.
    """

    model: LinearCombination
    data: ComplexArray
    baseline: Baseline
    rows: Rows | None
    mean: FloatArray
    sd: FloatArray
    nonnegative: BoolArray
    target: FloatArray = field(init=False)
    passive: BoolArray | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.target = self.whitened(self.data[:, None])[:, 0]

    def whitened(self, curves: ComplexArray) -> FloatArray:
        """Return what the baseline cannot take up, real parts stacked on imaginary parts, shape (2n, k)."""
        points, count = curves.shape
        parts = np.concatenate([curves.real, curves.imag], axis=1)
        columns, penalty = self.baseline.columns, self.baseline.penalty
        if penalty.size:
            taper = 1.0 - np.sqrt(penalty / (1.0 + penalty))
            parts = parts - columns @ (taper[:, None] * (columns.T @ parts))
        return np.concatenate([parts[:, :count], parts[:, count:]], axis=0) if points else parts

    def solve(self, columns: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return amplitudes, the residual with penalty rows, and the normal matrix."""
        gram, slope = columns.T @ columns, columns.T @ self.target
        if self.rows is not None:
            gram, slope = gram + self.rows[0].T @ self.rows[0], slope + self.rows[0].T @ self.rows[1]
        amplitudes, self.passive = nonnegative_normal_equations(gram, slope, self.nonnegative, passive=self.passive)
        residual = self.residual(columns, amplitudes)
        # one step with the residual gives back the digits that squaring the columns cost
        inside = self.passive
        lost = self._transposed(columns[:, inside], residual, inside)
        amplitudes[inside] -= solve_positive(gram[np.ix_(inside, inside)], lost)
        if (amplitudes[inside & self.nonnegative] < 0).any():
            amplitudes = np.where(self.nonnegative, np.maximum(amplitudes, 0.0), amplitudes)
        return amplitudes, self.residual(columns, amplitudes), gram

    def residual(self, columns: FloatArray, amplitudes: FloatArray) -> FloatArray:
        """Return model minus data, penalty rows below."""
        left = columns @ amplitudes - self.target
        return left if self.rows is None else np.concatenate([left, self.rows[0] @ amplitudes - self.rows[1]])

    def _transposed(self, columns: FloatArray, residual: FloatArray, inside: BoolArray) -> FloatArray:
        size = self.target.size
        product = columns.T @ residual[:size]
        return product if self.rows is None else product + self.rows[0][:, inside].T @ residual[size:]

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, Callable[[], FloatArray]]:
        """Return the residual with prior rows, and Kaufman's Jacobian on request."""
        shaped = self.model.at(theta)
        columns = self.whitened(shaped.curves())
        amplitudes, residual, gram = self.solve(columns)
        inside = self.passive.copy() if self.passive is not None else np.ones(amplitudes.size, dtype=bool)
        informed = np.isfinite(self.sd)
        prior = (theta[informed] - self.mean[informed]) / self.sd[informed]
        known: list[FloatArray] = []

        def jacobian() -> FloatArray:
            # the search asks twice at its last point
            if known:
                return known[0]
            change = self.whitened(shaped.slopes(amplitudes))
            part = columns[:, inside]
            pull = solve_positive(gram[np.ix_(inside, inside)], part.T @ change)
            blocks = [change - part @ pull]
            if self.rows is not None:
                blocks.append(-self.rows[0][:, inside] @ pull)
            known.append(np.vstack([*blocks, np.diag(1.0 / self.sd)[informed]]))
            return known[0]

        return np.concatenate([residual, prior]), jacobian

    def search(
        self,
        starts: Sequence[FloatArray],
        lower: FloatArray,
        upper: FloatArray,
        iterations: int = 200,
        gain: float = LEAST_GAIN,
    ) -> Minimum:
        """Return the lowest of the minima that the starts lead to."""
        found = []
        for start in starts:
            self.passive = None
            found.append(
                minimize_least_squares(
                    self.evaluate, start, lower=lower, upper=upper, gain_tolerance=gain, max_iterations=iterations
                )
            )
        return min(found, key=lambda minimum: minimum.cost)
