"""GABA corrected for what a voxel is made of: grey matter holds about twice as much as white."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.mrs.tissue import WATER_CONTENT, Tissue, alpha_factor
from neurochem.results import FitResult


@checked_arguments
def alpha_corrected(
    conc: FitResult, names: Sequence[str] | None = None, *, alpha: float = 0.5, group: Tissue | None = None
) -> FitResult:
    """Return concentrations with those corrected for the tissue of the voxel beside them.

    Parameters
    ----------
    conc : FitResult
        From `quantify`, in mmol/kg or mM.
    names : sequence of str, optional
        Which; by default GABA and GABA+ where they are.
    alpha : float
        Concentration in white over that in grey matter (0.5: Harris 2015).
    group : Tissue, optional
        Mean fractions of the group, for the group-normalised form too.

    Returns
    -------
    FitResult
        With "GABA+_tissue" (mmol per litre of the whole voxel, CSF included), "GABA+_alpha" (per litre of pure grey
        matter) and, with a group, "GABA+_alpha_group" (per litre of tissue of the group's composition) for each name; unit mM,
        in the covariance.

    Raises
    ------
    InputError
        If the concentrations are not from `quantify` with tissue fractions, or a name is missing.

    Notes
    -----
    C_tissue = C_molar (1 - f_CSF); C_alpha = C_tissue / (f_GM + alpha f_WM); with group means mu
    C_group = C_tissue (mu_GM + alpha mu_WM) / [(f_GM + alpha f_WM)(mu_GM + mu_WM)].  The fractions count as known:
    `uncertainty` states how much they matter.

    References
    ----------
    Harris AD (2015), J Magn Reson Imaging 42:1431.
    """
    record = conc.settings.get("quantification")
    tissue = _tissue(record)
    chosen = [name for name in ("GABA", "GABA+") if name in conc] if names is None else list(names)
    missing = [name for name in chosen if name not in conc.covariance_names]
    if missing or not chosen:
        listed = ", ".join(conc.covariance_names)
        msg = (
            f"{', '.join(missing) or 'GABA'} is not among the estimates with a covariance ({listed}); give names=[...]."
        )
        raise InputError(msg)
    voxel = _per_voxel(record or {}, tissue)
    factors = {"tissue": voxel, "alpha": voxel * alpha_factor(tissue, alpha)}
    if group is not None:
        factors["alpha_group"] = voxel * alpha_factor(tissue, alpha, group)
    rows = {f"{name}_{suffix}": (name, factor) for name in chosen for suffix, factor in factors.items()}
    return _with_scaled(conc, rows, {"alpha": alpha, "group": None if group is None else group.fractions()})


def _tissue(record: Mapping[str, Any] | None) -> Tissue:
    fractions = (record or {}).get("tissue")
    if not fractions or (record or {}).get("unit") == "i.u.":
        msg = "the concentrations are not in mmol/kg or mM of a voxel with tissue fractions; use quantify(..., tissue=...) first."
        raise InputError(msg)
    return Tissue(**fractions)


def _per_voxel(record: Mapping[str, Any], tissue: Tissue) -> float:
    """Return mmol per litre of the whole voxel for one unit of concentration."""
    outside = 1.0 - tissue.csf
    if record["unit"] == "mM":
        return outside
    return tissue.gm * WATER_CONTENT["gm"] + tissue.wm * WATER_CONTENT["wm"]


def _with_scaled(conc: FitResult, rows: Mapping[str, tuple[str, float]], settings: Mapping[str, Any]) -> FitResult:
    names = conc.covariance_names
    weights = np.vstack([np.eye(len(names)), *(factor * (np.array(names) == name) for name, factor in rows.values())])
    scaled = {
        key: replace(
            conc[name], name=key, value=factor * conc[name].value, stderr=factor * conc[name].stderr, unit="mM", limits=()
        )
        for key, (name, factor) in rows.items()
    }  # fmt: skip
    nothing = np.zeros_like(conc.data)
    record = {field: getattr(conc, field) for field in FitResult.__slots__} | {
        "estimates": {**conc.estimates, **scaled}, "covariance": weights @ conc.covariance @ weights.T,
        "covariance_names": (*names, *rows), "components": {**conc.components, **dict.fromkeys(rows, nothing)},
        "settings": {**conc.settings, "tissue_correction": dict(settings)},
    }  # fmt: skip
    result = FitResult(**record)
    return result if math.isfinite(next(iter(scaled.values())).value) else replace(result, success=False)
