"""Patlak's plots, the relative equilibrium plot and SUVR: fixed linear combinations of the frames."""

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.kinetics.patlak import Patlak
from neurochem.pet.maps.estimator import ESTIMATORS, EstimatorEntry, VoxelEstimator
from neurochem.pet.maps.operators import LinearOperator, frame_noise
from neurochem.pet.maps.regression import frames_from
from neurochem.pet.model import ScanInputs
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.window import integral_row, window_of
from neurochem.solve import information_covariance
from neurochem.units import FloatArray


def _line(
    inputs: ScanInputs, model: str, names: tuple[str, ...], *, integral: bool, shift: FloatArray | None = None
) -> LinearOperator:
    """Return the regression of the target, or its integral, on integral and value of the input from t* on."""
    usable = frames_from(inputs, 2, model) & (inputs.view.input != 0)
    columns = np.column_stack([inputs.input_integral, inputs.view.input])
    graph = 1.0 / np.where(usable, inputs.view.input, 1.0) ** 2
    weights = np.where(usable, graph if inputs.weighting.startswith("counting") else inputs.weights, 0.0)
    inverse = information_covariance(np.sqrt(weights)[:, None] * columns)
    if np.isinf(np.diag(inverse)).any():
        msg = f"{model}: the input and its integral are proportional over the frames from t* on; give another t_star_s"
        raise InputError(msg)
    operator = inputs.target_integral if integral else np.eye(usable.size)
    estimates = inverse @ (columns.T * weights) @ operator
    residual = np.sqrt(weights)[:, None] * (operator - columns @ estimates)
    fraction = float(inputs.options.get("VB") or 0.0)
    return LinearOperator(
        names,
        estimates,
        residual[usable],
        frame_noise(inputs),
        offset=fraction * inputs.view.blood if fraction and inputs.view.blood is not None else None,
        divisor=1.0 - fraction,
        shift=shift,
        settings={"t_star_s": float(inputs.options.get("t_star_s") or 0.0)},
    )


def _suvr(inputs: ScanInputs) -> VoxelEstimator:
    """Return the ratio of integrals over the window; the noise level is what (a + b t) C_R leaves in it."""
    window = window_of(inputs, "SUVR")
    start, end = window[0] / 60.0, window[1] / 60.0
    spline = FrameSpline(inputs.frames.select(inputs.kept), start_is_zero=inputs.start_is_zero)
    below = float(inputs.curve.frame_means([start], [end])[0]) * (end - start)
    if below == 0:
        msg = f"the reference is zero from {window[0]:g} to {window[1]:g} s; give another window"
        raise InputError(msg)
    row = np.zeros(len(inputs.frames))
    row[inputs.kept] = integral_row(spline, start, end) / below
    overlap = np.minimum(inputs.frames.end_min, end) - np.maximum(inputs.frames.start_min, start)
    used = inputs.kept & (overlap >= 0.5 * inputs.frames.duration_min) & (overlap > 0)
    noise = frame_noise(inputs)
    residual = np.zeros((0, row.size))
    if np.count_nonzero(used) > 2:
        time = inputs.frames.mid_min[used]
        reference = inputs.view.input[used]
        root = 1.0 / noise[used]
        columns = root[:, None] * np.column_stack([reference, (time - time.mean()) * reference])
        residual = np.zeros((root.size, row.size))
        residual[:, used] = (np.eye(root.size) - columns @ np.linalg.pinv(columns)) * root
    return LinearOperator(("SUVR",), row[None, :], residual, noise, settings={"window_s": list(window)})


def _patlak(inputs: ScanInputs) -> VoxelEstimator:
    Patlak().tissue(inputs.view.input, inputs)  # refuses a VB that is no fraction or has no whole blood
    return _line(inputs, "Patlak", ("Ki", "V0"), integral=False)


ESTIMATORS.add(
    EstimatorEntry(lambda inputs: _line(inputs, "PatlakRef", ("KiRef", "ratio_intercept"), integral=False)),
    name="PatlakRef",
    reference="regional PatlakRef as a fixed linear map",
)
ESTIMATORS.add(
    EstimatorEntry(
        lambda inputs: _line(inputs, "REPlot", ("BPND", "intercept"), integral=True, shift=np.array([-1.0, 0.0]))
    ),
    name="REPlot",
    reference="regional REPlot as a fixed linear map",
)
ESTIMATORS.add(EstimatorEntry(_suvr), name="SUVR", reference="regional SUVR as a fixed linear map")
ESTIMATORS.add(EstimatorEntry(_patlak), name="Patlak", reference="regional Patlak as a fixed linear map")
