"""Spectral analysis in every voxel."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.pet.compartments import given_blood_fraction
from neurochem.pet.curve_family import CurveTable
from neurochem.pet.maps.estimator import ESTIMATORS, EstimatorEntry, Solution, VoxelEstimator
from neurochem.pet.maps.nonnegative_blocks import BlockNonnegative
from neurochem.pet.maps.propagation import noise_level
from neurochem.pet.model import ScanInputs
from neurochem.pet.plasma_spectrum import RATES, dictionary
from neurochem.units import BoolArray, FloatArray

# Columns whose directions differ by less cannot be told apart in double precision.
_ALIKE = 1e-14


class VoxelSpectral(VoxelEstimator):
    """Non-negative spectrum of exponentials, the regional fit's dictionary and limits, with K1, VT, Ki and VB of it.

    Errors as in the regional fit: neighbouring active rates stand for one exponential whose rate and amplitude are both
    uncertain; that the set was chosen from the data is not in them.
    """

    def __init__(self, inputs: ScanInputs) -> None:
        self.fraction = given_blood_fraction(inputs, "SA")
        self.trapping = bool(inputs.options.get("trapping", False))
        self.rates, curves = dictionary(inputs)
        self.root = np.sqrt(inputs.weights / np.max(inputs.weights))
        others = [inputs.input_integral] if self.trapping else []
        blood = inputs.view.blood
        if self.fraction is None:
            assert blood is not None
            others.append(blood)
        self._offset = None if not self.fraction or blood is None else self.fraction * blood
        limits = (float(self.rates[0]), float(self.rates[-1]))
        columns = self.root[:, None] * np.column_stack([curves.T, *others])
        self.table = CurveTable(inputs.view.convolved, limits, self.root, beside=columns[:, RATES:])
        self._others = columns[:, RATES:].T @ self.table.span
        self._solver = BlockNonnegative(self.table.span.T @ columns)
        self.points = int(np.count_nonzero(inputs.kept))
        self.names = ("K1", "VT", *(("Ki",) if self.trapping else ()), *(("VB",) if self.fraction is None else ()))
        self.settings: Mapping[str, Any] = {"rate_bounds_per_min": list(limits), "rates": RATES, "VB": self.fraction}

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Solve for the spectra and derive what is reported."""
        weighted = (block if self._offset is None else block - self._offset) * self.root
        reduced = weighted @ self.table.span
        outside = np.einsum("ij,ij->i", weighted, weighted) - np.einsum("ij,ij->i", reduced, reduced)
        active, amplitudes = self._solver.solve(reduced)
        order = np.argsort(active, axis=1)
        active, amplitudes = (np.take_along_axis(part, order, axis=1) for part in (active, amplitudes))
        terms = _Terms.of(active, amplitudes, self.rates, self._others.shape[0])
        left = reduced - np.einsum("bk,bkd->bd", amplitudes, self._solver.columns(active))
        rss = np.maximum(outside, 0.0) + np.einsum("ij,ij->i", left, left)
        return self._reported(terms, rss, active)

    def _reported(self, terms: "_Terms", rss: FloatArray, active: np.ndarray) -> Solution:
        heights, centres, others = terms.heights, terms.centres, terms.others
        kept = others[:, 0] if self.trapping else np.zeros(len(heights))
        volume = others[:, -1] if self.fraction is None else np.full(len(heights), self.fraction)
        free = 1.0 - volume
        with np.errstate(divide="ignore", invalid="ignore"):
            k1 = (heights.sum(axis=1) + kept) / free
            vt = terms.volume / free
        values = {"K1": k1, "VT": vt, "Ki": kept / free, "VB": volume}
        by_height = np.where(terms.present, 1.0, 0.0) / free[:, None]
        by_rate = np.zeros_like(by_height)
        zero = np.zeros((len(heights), others.shape[1]))
        trapped, blood = zero.copy(), zero.copy()
        if self.trapping:
            trapped[:, 0] = 1.0 / free
        if self.fraction is None:
            blood[:, -1] = 1.0
        lift = blood / free[:, None]
        gradients = {
            "K1": np.hstack([by_rate, by_height, trapped + k1[:, None] * lift]),
            # the volume of the terms, which differs a little from that of the rates they stand for
            "VT": np.hstack(
                [
                    -by_height * heights / centres**2,
                    by_height / centres,
                    np.sum(by_height * heights / centres, axis=1, keepdims=True) * lift,
                ]
            ),
            "Ki": np.hstack([by_rate, by_rate, trapped + (kept / free)[:, None] * lift]),
            "VB": np.hstack([by_rate, by_rate, blood]),
        }
        stderrs = self._stderrs(terms, rss, gradients)
        empty = ~terms.present.any(axis=1) & ~(kept > 0)
        slow, fast = (active == 0).any(axis=1), (active == RATES - 1).any(axis=1)
        return Solution(
            {name: values[name] for name in self.names},
            {name: stderrs[name] for name in self.names},
            np.asarray(slow | fast | empty),
        )

    def _stderrs(self, terms: "_Terms", rss: FloatArray, gradients: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Return standard errors by the delta method on each voxel's own exponentials."""
        curves, slopes = self.table.at(np.where(terms.present, terms.centres, self.rates[RATES // 2]))
        shown = terms.present[:, :, None]
        others = np.broadcast_to(self._others, (len(rss), *self._others.shape))
        columns = np.concatenate(
            [np.where(shown, slopes * terms.heights[:, :, None], 0.0), np.where(shown, curves, 0.0), others], axis=1
        )
        active = np.concatenate([terms.present, terms.present, terms.others > 0], axis=1)
        inside = _inverse_root(columns, active)
        sigma = noise_level(rss, self.points - active.sum(axis=1))
        found = {name: sigma * _root_form(inside, gradient) for name, gradient in gradients.items()}
        lost = ~active[:, 2 * terms.present.shape[1] :]
        if lost.any():
            # trapping and blood that came out at zero get the error of an upper limit
            every = active.copy()
            every[:, 2 * terms.present.shape[1] :] = True
            whole = _inverse_root(columns, every)
            wide = noise_level(rss, self.points - every.sum(axis=1))
            for name, index in (("Ki", 0), ("VB", -1)):
                if name in self.names:
                    found[name] = np.where(lost[:, index], wide * _root_form(whole, gradients[name]), found[name])
        return found


def _inverse_root(columns: FloatArray, active: BoolArray) -> FloatArray:
    """Return W with W W' the inverse information of active columns, zero for the others, shape (B, p, p).

    From the triangular factor of the columns themselves: neighbouring exponentials are so alike that products of columns
    would keep few digits.
    """
    chosen = np.where(active[:, :, None], columns, 0.0)
    norms = np.linalg.norm(chosen, axis=2)
    used = active & (norms > 0)
    safe = np.where(used, norms, 1.0)
    # a row of its own makes a column that is not there solvable
    rows = np.concatenate([chosen / safe[:, :, None], ~used[:, :, None] * np.eye(active.shape[1])], axis=2)
    triangle = np.linalg.qr(rows.transpose(0, 2, 1), mode="r")
    diagonal = np.einsum("bii->bi", triangle)
    diagonal[np.abs(diagonal) < _ALIKE] = _ALIKE
    return np.where(used[:, :, None], np.linalg.inv(triangle) / safe[:, :, None], 0.0)


def _root_form(inverse_root: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return the length of W' g for each voxel."""
    return np.linalg.norm(np.einsum("bi,bij->bj", gradient, inverse_root), axis=1)


class _Terms:
    """Runs of neighbouring active rates as single exponentials, padded to one width."""

    def __init__(self, heights: FloatArray, centres: FloatArray, volume: FloatArray, others: FloatArray) -> None:
        self.heights, self.volume, self.others = heights, volume, others
        self.present: BoolArray = heights > 0
        self.centres = np.where(self.present, centres, 1.0)

    @classmethod
    def of(cls, active: np.ndarray, amplitudes: FloatArray, rates: FloatArray, others: int) -> "_Terms":
        """Return the terms from sorted active columns and their amplitudes."""
        is_rate = active < RATES
        new = is_rate.copy()
        new[:, 1:] &= ~((np.diff(active, axis=1) == 1) & is_rate[:, 1:])
        run = np.cumsum(new, axis=1) - 1
        width = max(1, int(run.max(initial=0)) + 1)
        rows = np.repeat(np.arange(len(active))[:, None], active.shape[1], axis=1)[is_rate]
        heights, moments = np.zeros((len(active), width)), np.zeros((len(active), width))
        np.add.at(heights, (rows, run[is_rate]), amplitudes[is_rate])
        np.add.at(moments, (rows, run[is_rate]), amplitudes[is_rate] * rates[active[is_rate]])
        rest = np.zeros((len(active), others))
        for index in range(others):
            rest[:, index] = np.sum(np.where(active == RATES + index, amplitudes, 0.0), axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            volume = np.sum(np.where(is_rate, amplitudes / rates[np.minimum(active, RATES - 1)], 0.0), axis=1)
            return cls(heights, moments / heights, volume, rest)


ESTIMATORS.add(
    EstimatorEntry(VoxelSpectral), name="SA", reference="regional spectral analysis, active sets of all voxels at once"
)
