"""Graphical analyses whose abscissa and scale are the reference: Patlak's, and the relative equilibrium plots."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import ScanInputs, Target
from neurochem.pet.multilinear import T_STAR_RESIDUAL
from neurochem.quality import Flag
from neurochem.results import Axis
from neurochem.solve import information_covariance, scaled_covariance
from neurochem.units import BoolArray, FloatArray

_FEWEST_POINTS = 5
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ReferenceLine:
    """B y = slope int C_R + offset C_R, solved by weighted least squares.

    Attributes
    ----------
    coefficients : array, shape (2,)
        Slope and offset.
    response, residual : array, shape (n_frames,)
        Left side, and what the line leaves of it (zero for frames that are not used).
    moves, residual_moves : array, shapes (2, k) and (n_frames, k)
        How the unit noise of every frame of target, then reference, moves coefficients and residual.
    used, weights : array, shape (n_frames,)
        Rows used and their weights.
    """

    coefficients: FloatArray
    response: FloatArray
    residual: FloatArray
    moves: FloatArray
    residual_moves: FloatArray
    used: BoolArray
    weights: FloatArray

    @property
    def dof(self) -> float:
        """Return rows used minus coefficients."""
        return float(np.count_nonzero(self.used) - 2)

    def largest_relative_residual(self, residual: FloatArray | None = None) -> float:
        """Return the largest residual relative to the response, where that is above 1 % of its largest value."""
        points = self.used & (np.abs(self.response) > 0.01 * np.max(np.abs(self.response)))
        left = self.residual if residual is None else residual
        return float(np.max(np.abs(left[points] / self.response[points]), initial=0.0))

    def covariance(self) -> FloatArray:
        """Return the covariance of slope and offset, the noise level from the residual."""
        lost = np.zeros(2, dtype=bool)
        return scaled_covariance(self.moves, self.residual_moves, self.weights, self.residual, lost=lost)[0]


def reference_line(target: Target, inputs: ScanInputs, used: BoolArray, *, integral: bool) -> ReferenceLine:
    """Regress the target, or its integral, on integral and value of the reference.

    Parameters
    ----------
    target : Target
        Region.
    inputs : ScanInputs
        Reference and frames.
    used : bool array
        Frames from t* on.
    integral : bool
        Whether the left side is the integral of the target or the target.

    Returns
    -------
    ReferenceLine
        Both sides are frame means. Divided by C_R this is the published graph, on which it is unweighted unless weights
        were given.

    Raises
    ------
    InputError
        If fewer than three frames are usable, or the reference does not vary.
    """
    reference = inputs.view.input
    usable = used & (reference != 0)
    if np.count_nonzero(usable) < 3:
        msg = f"only {np.count_nonzero(usable)} usable frames from t* on, a line needs 3; give an earlier t_star_s"
        raise InputError(msg)
    identity = np.eye(reference.size)
    operator = inputs.target_integral if integral else identity
    columns = np.column_stack([inputs.input_integral, reference])
    graph = 1.0 / np.where(reference == 0, 1.0, reference) ** 2
    weights = np.where(usable, graph if inputs.weighting.startswith("counting") else inputs.weights, 0.0)
    inverse = information_covariance(np.sqrt(weights)[:, None] * columns)
    if np.isinf(np.diag(inverse)).any():
        msg = "the reference and its integral are proportional over the frames from t* on; give another t_star_s"
        raise InputError(msg)
    response = operator @ target.means
    coefficients = inverse @ (columns.T @ (weights * response))
    residual = np.where(usable, response - columns @ coefficients, 0.0)
    direct, right = [operator * target.noise_sd], [(columns.T * weights) @ (operator * target.noise_sd)]
    if target.reference_sd is not None:
        moved = [part * target.reference_sd for part in (inputs.reference_integral, identity)]
        direct.append(-coefficients[0] * moved[0] - coefficients[1] * moved[1])
        right.append((columns.T * weights) @ direct[1] + np.stack([(weights * residual) @ part for part in moved]))
    moves = inverse @ np.hstack(right)
    return ReferenceLine(
        coefficients, response, residual, moves, np.hstack(direct) - columns @ moves, usable, weights
    )  # fmt: skip


def from_t_star(
    inputs: ScanInputs, solve: Callable[[BoolArray], T], misfit: Callable[[T], float]
) -> tuple[float, T, tuple[Flag, ...]]:
    """Solve from the t* that is given, or the earliest after the reference's peak with residuals below 10 %.

    Parameters
    ----------
    inputs : ScanInputs
        Frames, reference and options.
    solve : callable
        Maps the frames to use to a solution.
    misfit : callable
        Largest relative residual of a solution.

    Returns
    -------
    t_star_s, solution, flags
        The latest start is taken, and flagged, if none is good enough.
    """
    frames, kept = inputs.frames, inputs.kept
    given = inputs.options.get("t_star_s")
    if given is not None:
        return float(given), solve(kept & (frames.mid_s >= float(given))), ()
    peak = int(np.argmax(np.where(kept, inputs.view.input, -np.inf)))
    later = np.flatnonzero(kept & (np.arange(kept.size) >= peak))
    for first in later[: max(1, later.size - _FEWEST_POINTS + 1)]:
        t_star = float(frames.start_s[first])
        solution = solve(kept & (frames.mid_s >= t_star))
        if misfit(solution) <= T_STAR_RESIDUAL:
            return t_star, solution, ()
    message = f"no start leaves every relative residual below {100 * T_STAR_RESIDUAL:.0f} %; the latest was taken"
    return t_star, solution, (Flag("t_star_not_found", message),)


def graph(line: ReferenceLine, inputs: ScanInputs, ordinate: str, unit: str) -> tuple[Axis, FloatArray, FloatArray]:
    """Return abscissa, ordinate and line of the published graph, zero where the reference is zero."""
    safe = np.where(inputs.view.input == 0, np.inf, inputs.view.input)
    axis = Axis(inputs.input_integral / safe, "integral of reference / reference", "min", ordinate, unit)
    slope, offset = line.coefficients
    fitted = slope * inputs.input_integral / safe + np.where(np.isinf(safe), 0.0, offset)
    return axis, line.response / safe, fitted


def graph_weights(line: ReferenceLine, inputs: ScanInputs) -> FloatArray:
    """Return the weights of the points on the graph."""
    return np.where(line.used, line.weights * inputs.view.input**2, 0.0)
