"""Fit a non-linear model through the parameters that a user made with lmfit."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.multilinear import MultilinearModel
from neurochem.results import FitResult
from neurochem.solve import delta_method

if TYPE_CHECKING:
    import lmfit


def fit_parameters(
    kinetic: KineticModel, target: Target, inputs: ScanInputs, parameters: "lmfit.Parameters"
) -> FitResult:
    """Fit one region with the user's bounds, fixed values and ties.

    Parameters
    ----------
    kinetic : KineticModel
        A non-linear model; its `parameters` must be in `parameters`.
    target, inputs
        As for `KineticModel.fit`.
    parameters : lmfit.Parameters
        Left unchanged.

    Returns
    -------
    FitResult
        Same estimates as without lmfit, and lmfit's own result in `lmfit`.

    Raises
    ------
    InputError
        If the model is linear: it has nothing to search.
    """
    from neurochem.solve.lmfit_bridge import fit_with_lmfit

    if isinstance(kinetic, MultilinearModel) or not hasattr(kinetic, "derived"):
        msg = f"{kinetic.name} is linear and takes no lmfit parameters; use a non-linear model such as SRTM"
        raise InputError(msg)
    names = kinetic.parameters
    bridge = fit_with_lmfit(
        lambda values: kinetic.predict({name: values[name] for name in names}, inputs.view),
        target.means,
        inputs.weights / np.max(inputs.weights),
        parameters,
        required=names,
    )
    index = [bridge.names.index(name) for name in names]
    base = np.array([bridge.values[name] for name in names])
    values, covariance = delta_method(kinetic.derived, base, bridge.covariance[np.ix_(index, index)])
    outcome = Outcome(
        names=kinetic.reported,
        values=values,
        covariance=covariance,
        fitted=kinetic.predict(dict(zip(names, base, strict=True)), inputs.view),
        used=inputs.kept,
        dof=float(np.count_nonzero(inputs.kept) - len(bridge.result.var_names)),
        success=bridge.success,
        at_bound=frozenset(bridge.at_bound),
        fixed=frozenset(bridge.fixed),
        settings={"solver": "lmfit least_squares"},
        lmfit=bridge.result,
    )
    return kinetic.result(target, inputs, outcome)
