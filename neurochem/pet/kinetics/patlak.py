"""Patlak's graphical analysis with arterial input."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.multilinear import Design, Regression
from neurochem.pet.plasma_linear import PlasmaLinearModel
from neurochem.pet.view import View
from neurochem.results import Axis
from neurochem.solve import propagated_covariance
from neurochem.units import BoolArray, FloatArray


class Patlak(PlasmaLinearModel):
    """Patlak plot (Patlak, Blasberg and Fenstermacher 1983).

    C_T/C_P = Ki int C_P/C_P + V0 once the reversible part follows plasma. For two tissues the slope tends to Ki = K1
    k3/(k2 + k3) and the intercept to K1 k2/(k2 + k3)^2 (plus vascular activity). Tracer that returns bends the line
    down and biases Ki low. Both sides are frame means of C_P, of its exact integral and of C_T. Unweighted on the graph
    unless weights are given; t* is the earliest start, from the peak of the input on, that leaves every relative
    residual below 10 %, unless given.
    """

    name: ClassVar[str] = "Patlak"
    citation: ClassVar[str] = "Patlak CS, Blasberg RG, Fenstermacher JD (1983), J Cereb Blood Flow Metab 3:1-7"
    equation: ClassVar[str] = "C_T/C_P = Ki int C_P/C_P + V0"
    parameters: ClassVar[tuple[str, ...]] = ("Ki", "V0")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("Ki", "V0")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return Ki int C_P + V0 C_P, the curve that the graph stands for."""
        for name in parameters:
            if name not in self.parameters:
                raise unknown_name(name, self.parameters, kind=f"parameter of {self.name}")
        if "Ki" not in parameters:
            msg = f"{self.name} needs Ki (mL/cm3/min) to make a curve; got {', '.join(parameters) or 'nothing'}"
            raise InputError(msg)
        slope, volume = float(parameters["Ki"]), float(parameters.get("V0", 0.0))
        return slope * view.convolved(0.0)[0][0] + volume * view.input

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of parent plasma; plasma itself takes the target's place."""
        return Design(inputs.input_integral[:, None], (), response_is_integral=False)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return Ki and V0."""
        return np.array([coefficients[0], coefficients[1]])

    def _solve(self, target: Target, design: Design, inputs: ScanInputs, used: BoolArray) -> Regression:
        plasma = inputs.view.input
        usable = used & (plasma > 0)
        if np.count_nonzero(usable) <= 2:
            msg = (
                f"{self.name} has 2 coefficients but only {np.count_nonzero(usable)} usable frames from t* on; "
                "give an earlier t_star_s"
            )
            raise InputError(msg)
        columns = np.column_stack([design.fixed, plasma])
        # the published graph is unweighted in y/C_P against x/C_P
        graph = 1.0 / np.where(usable, plasma, 1.0) ** 2
        weights = np.where(usable, graph if inputs.weighting.startswith("counting") else inputs.weights, 0.0)
        root = np.sqrt(weights)
        coefficients = np.linalg.lstsq(root[:, None] * columns, root * target.means, rcond=None)[0]
        residual = np.where(usable, target.means - columns @ coefficients, 0.0)
        covariance, _ = propagated_covariance(columns, weights, residual, np.diag(target.noise_sd))
        return Regression(coefficients, covariance, target.means, columns, weights > 0, weights)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression from t* on and draw it as the graph."""
        outcome = super().estimate(target, inputs)
        assert outcome.data is not None
        assert outcome.weights is not None
        plasma = np.where(inputs.view.input > 0, inputs.view.input, np.inf)
        axis = Axis(inputs.input_integral / plasma, "integral of plasma / plasma", "min", "activity / plasma", "mL/cm3")
        return replace(
            outcome,
            axis=axis,
            data=outcome.data / plasma,
            fitted=outcome.fitted / plasma,
            weights=outcome.weights * np.where(np.isfinite(plasma), plasma, 0.0) ** 2,
        )


MODELS.add(Patlak(), name=Patlak.name, reference=Patlak.citation, needs=("blood",))
