"""The simplified reference tissue model with blood in both tissues."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.vascular_view import VascularInputs
from neurochem.pet.view import FrameView, View
from neurochem.solve import SeparableFit, delta_method, fit_separable, propagated_covariance
from neurochem.units import FloatArray

# Blood volume of the reference is searched here; starts are 0, 5 and 10 %.
_VBREF_BOUNDS = (-0.5, 0.9)
_VBREF_STARTS = (0.0, 0.05, 0.1)


class _Columns:
    """X = C_R - VBref C_B, X (x) exp(-k2a t) and, where VB is fitted, C_B."""

    def __init__(self, view: FrameView, vb: float | None, vbref: float | None) -> None:
        assert view.blood is not None
        self.view, self.blood, self.vb, self.vbref = view, view.blood, vb, vbref
        self.rate = np.nan
        self.curves: tuple[FloatArray, ...] = ()

    def at(self, rate: float) -> tuple[FloatArray, ...]:
        """Return reference and blood convolved, each with its derivative by the rate."""
        if rate != self.rate:
            (own, own_by), (blood, blood_by) = self.view.convolved(rate), self.view.blood_convolved(rate)
            self.rate, self.curves = rate, (own[0], blood[0], own_by[0], blood_by[0])
        return self.curves

    def fraction(self, theta: FloatArray) -> float:
        """Return the blood volume of the reference."""
        return float(theta[1]) if self.vbref is None else self.vbref

    def columns(self, theta: FloatArray) -> FloatArray:
        own, blood, _, _ = self.at(float(theta[0]))
        fraction = self.fraction(theta)
        pair = [self.view.input - fraction * self.blood, own - fraction * blood]
        return np.column_stack([*pair, self.blood] if self.vb is None else pair)

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        _, blood, own_by, blood_by = self.at(float(theta[0]))
        parts = [amplitudes[1] * (own_by - self.fraction(theta) * blood_by)]
        if self.vbref is None:
            parts.append(-amplitudes[0] * self.blood - amplitudes[1] * blood)
        return np.column_stack(parts)


class SRTMV(KineticModel):
    """Simplified reference tissue model with vascular activity (Tomasi et al. 2008).

    C_T = VB C_B + (1 - VB)/(1 - VBref) [R1 X + (k2 - R1 k2a) X (x) exp(-k2a t)], X = C_R - VBref C_B, k2a = k2/(1 + BPND).
    Needs whole blood, from samples or the image; its noise is taken as none. All else is assumed as in SRTM. VB and
    VBref are seen only in the first minutes and hardly apart: short early frames are needed, and where they are missing
    give `VB` or `VBref` (fractions) as options. A blood curve proportional to the reference determines neither; their
    errors, and those of what hangs on them, are then infinite and flagged. VBref is searched from -0.5 to 0.9, so that
    noise around zero is not cut off; k2a as in SRTM.
    """

    name: ClassVar[str] = "SRTM_V"
    citation: ClassVar[str] = "Tomasi G et al (2008), NeuroImage 42:1402-1411"
    equation: ClassVar[str] = (
        "C_T = VB C_B + (1-VB)/(1-VBref) [R1 X + (k2 - R1 k2a) X (x) exp(-k2a t)], X = C_R - VBref C_B"
    )
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND", "VB", "VBref")
    options: ClassVar[tuple[str, ...]] = ("VB", "VBref")
    one_compartment: ClassVar[bool] = False

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("R1", "k2", "BPND", "k2a", "k2prime", "DVR", "VB", "VBref")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2, BPND, VB and VBref (default 0)."""
        for name in parameters:
            if name not in self.parameters:
                raise unknown_name(name, self.parameters, kind=f"parameter of {self.name}")
        missing = [name for name in ("k2", "BPND") if name not in parameters]
        if missing:
            msg = f"{self.name} needs k2 (1/min) and BPND to make a curve; {' and '.join(missing)} is missing"
            raise InputError(msg)
        given = {"R1": 1.0, "VB": 0.0, "VBref": 0.0, **{name: float(value) for name, value in parameters.items()}}
        r1, k2, vb, vbref = given["R1"], given["k2"], given["VB"], given["VBref"]
        k2a = k2 / (1.0 + given["BPND"])
        tissue, convolved = view.input, view.convolved(k2a)[0][0]
        blood = np.zeros(tissue.shape)
        if vb or vbref:
            vessels = getattr(view, "blood_convolved", None)
            if view.blood is None or vessels is None:
                msg = f"{self.name} with VB = {vb:g} and VBref = {vbref:g} needs whole blood beside the reference; give blood"
                raise InputError(msg)
            blood = vb * view.blood
            tissue, convolved = tissue - vbref * view.blood, convolved - vbref * vessels(k2a)[0][0]
        return np.asarray(blood + (1.0 - vb) / (1.0 - vbref) * (r1 * tissue + (k2 - r1 * k2a) * convolved))

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from R1, k2, BPND, VB and VBref."""
        r1, k2, bpnd, vb, vbref = base
        return np.array([r1, k2, bpnd, k2 / (1.0 + bpnd), k2 / r1, 1.0 + bpnd, vb, vbref])

    def prepare(self, targets: Sequence[Target], inputs: ScanInputs) -> ScanInputs:
        """Return the inputs with whole blood ready to be convolved."""
        if inputs.blood is None:
            msg = "SRTM_V needs whole blood: give blood=ArterialInput(..., whole_blood=...) or another continuous curve"
            raise InputError(msg)
        return VascularInputs.of(inputs)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit k2a (and VBref) by variable projection from the best points of a grid."""
        scan = inputs if isinstance(inputs, VascularInputs) else self.prepare([target], inputs)
        assert isinstance(scan, VascularInputs)
        vb, vbref = (_fraction(scan, name) for name in ("VB", "VBref"))
        columns = _Columns(scan.vascular, vb, vbref)
        weights = scan.weights / np.max(scan.weights)
        data = target.means - (0.0 if vb is None else vb) * columns.blood
        rates = scan.washout_grid[0]
        free = vbref is None
        fit = fit_separable(
            columns,
            data,
            starts=_starts(data, weights, scan, columns),
            lower=np.array([rates[0], _VBREF_BOUNDS[0]])[: 1 + free],
            upper=np.array([rates[-1], _VBREF_BOUNDS[1]])[: 1 + free],
            weights=weights,
        )
        point = np.concatenate([fit.theta, fit.amplitudes])
        covariance = _covariance(columns, fit, weights, data, target, scan)
        values, spread = delta_method(_reporter(vb, vbref), point, covariance)
        edge = {"k2a", "k2", "BPND", "k2prime", "DVR"} if fit.theta_at_bound[0] else set()
        return Outcome(
            names=self.reported,
            values=values,
            covariance=spread,
            fitted=fit.fitted + target.means - data,
            used=scan.kept,
            dof=fit.dof,
            success=fit.converged,
            at_bound=frozenset(edge | ({"VBref"} if free and fit.theta_at_bound[1] else set())),
            fixed=frozenset(name for name, value in (("VB", vb), ("VBref", vbref)) if value is not None),
            diagnostics={"iterations": float(fit.iterations)},
            settings={"k2a_bounds_per_min": [float(rates[0]), float(rates[-1])]},
        )


def _fraction(inputs: ScanInputs, name: str) -> float | None:
    given = inputs.options.get(name)
    if given is None:
        return None
    value = float(given)
    if not 0.0 <= value < 1.0:
        msg = f"{name} is {value:g}; it is a volume fraction, at least 0 and below 1 (0.05 for 5 %)"
        raise InputError(msg)
    return value


def _reporter(vb: float | None, vbref: float | None) -> Callable[[np.ndarray], np.ndarray]:
    """Return what maps k2a, (VBref), the two amplitudes and (VB) to the reported parameters."""

    def reported(point: np.ndarray) -> np.ndarray:
        k2a = point[0]
        reference = point[1] if vbref is None else vbref
        first = 2 if vbref is None else 1
        volume = point[first + 2] if vb is None else vb
        scale = (1.0 - reference) / (1.0 - volume)
        r1, slow = scale * point[first], scale * point[first + 1]
        k2 = slow + r1 * k2a
        # BPND as a sum stays sharp where k2a is not determined (slow = 0)
        bpnd = slow / k2a + r1 - 1.0
        return np.array([r1, k2, bpnd, k2a, k2 / r1, 1.0 + bpnd, volume, reference])

    return reported


def _starts(data: FloatArray, weights: FloatArray, scan: VascularInputs, columns: _Columns) -> list[FloatArray]:
    """Return the best rate of the grid for each start of VBref."""
    rates, curves = scan.washout_grid
    root = np.sqrt(weights)
    found = []
    for fraction in _VBREF_STARTS if columns.vbref is None else (columns.vbref,):
        fixed = [scan.view.input - fraction * columns.blood, *([columns.blood] if columns.vb is None else [])]
        basis = np.linalg.qr(root[:, None] * np.column_stack(fixed))[0]
        tails = root * (curves - fraction * scan.blood_grid)
        tails = tails - (tails @ basis) @ basis.T
        left = root * np.where(weights > 0, data, 0.0)
        left = left - basis @ (basis.T @ left)
        explained = (tails @ left) ** 2 / np.maximum(np.sum(tails**2, axis=1), np.finfo(float).tiny)
        rate = float(rates[int(np.argmax(explained))])
        found.append(np.array([rate, fraction] if columns.vbref is None else [rate]))
    return found


def _covariance(
    columns: _Columns, fit: SeparableFit, weights: FloatArray, data: FloatArray, target: Target, inputs: ScanInputs
) -> FloatArray:
    """Return the covariance of rate, VBref and amplitudes from the noise of target and reference."""
    count = fit.amplitudes.size
    free = np.concatenate([~fit.theta_at_bound, np.ones(count, dtype=bool)])
    jacobian = np.column_stack([columns.derivative(fit.theta, fit.amplitudes), columns.columns(fit.theta)])[:, free]
    noise = np.diag(target.noise_sd)
    if target.reference_sd is not None:
        operator = fit.amplitudes[0] * np.eye(len(inputs.frames))
        operator += fit.amplitudes[1] * inputs.reference_operator(float(fit.theta[0]))
        noise = np.hstack([noise, operator * target.reference_sd])
    block, _ = propagated_covariance(jacobian, weights, data - fit.fitted, noise)
    covariance = np.zeros((free.size, free.size))
    covariance[np.ix_(free, free)] = block
    return covariance


MODELS.add(SRTMV(), name=SRTMV.name, aliases=("SRTMV",), reference=SRTMV.citation, needs=("reference", "blood"))
