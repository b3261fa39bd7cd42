"""k2' of a scan from its regions, and what an error of it would do."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.fitting import fit
from neurochem.pet.model import MODELS
from neurochem.pet.shared_washout import BINDING_THRESHOLD, binds
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.results import Estimate, FitResult

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("joint", "median")
# SRTM and MRTM1 are the models that give every region a k2' of its own.
_SINGLE = ("SRTM", "MRTM1")


@checked_arguments
def estimate_k2prime(
    tacs: TimeActivityCurves,
    *,
    reference: Any,
    regions: Sequence[str] | None = None,
    method: str = "joint",
    model: str = "SRTM",
    **keywords: Any,
) -> Estimate:
    """Return k2' of the reference region with its standard error.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves of one scan.
    reference : str, array, TimeActivityCurves of one region, or Curve
        As for `fit`.
    regions : sequence of str, optional
        Regions to consider; by default all but the reference.
    method : str
        "joint": the k2' of one SRTM2 fit of all regions that bind, its error by propagation of every region's noise and
        the reference's. "median": the median of the k2' that `model` gives those regions one by one.
    model : str
        "SRTM" or "MRTM1", for the median.
    **keywords
        `weights` and `exclude`, as for `fit`.

    Returns
    -------
    Estimate
        k2prime in 1/min. Give it on as `fit(..., k2prime=k.value, k2prime_stderr=k.stderr)`.

    Raises
    ------
    UnknownNameError, InputError
        If a name is not known, or no region gives a median.

    Notes
    -----
    Regions bind when their BPND is above 0.5 and above twice its standard error; elsewhere k2' is hardly determined. For
    the joint fit without such regions see `SRTM2`. The standard error of the median takes the regions to be independent
    and is the larger of their spread and their own errors; the noise of the reference, which all share, is then counted
    too small, in the joint fit it is not. Wu and Carson (2002) found the mean biased by 2 to 6 % and the median not.

    References
    ----------
    Wu Y, Carson RE (2002), J Cereb Blood Flow Metab 22:1440-1452.
    """
    if method not in METHODS:
        raise unknown_name(method, METHODS, kind="method for k2'")
    if method == "median":
        return _median(tacs, reference, regions, model, keywords)
    fits = fit(tacs, "SRTM2", reference=reference, regions=regions, **keywords)
    for result in fits.values():
        if result.success:
            return replace(result["k2prime"], dof=float(result.settings["k2prime_dof"]))
    msg = f"no region of {', '.join(fits)} could be fitted; k2' cannot be estimated"
    raise InputError(msg)


def _median(
    tacs: TimeActivityCurves, reference: Any, regions: Sequence[str] | None, model: str, keywords: dict[str, Any]
) -> Estimate:
    if model not in _SINGLE:
        raise unknown_name(model, _SINGLE, kind="model for the median of k2'")
    fits = fit(tacs, model, reference=reference, regions=regions, **keywords)
    chosen = [result["k2prime"] for result in fits.values() if _usable(result)]
    if not chosen:
        msg = (
            f"no region of {', '.join(fits)} has a BPND above {BINDING_THRESHOLD:g} that is sure, so {model} does not "
            "determine k2'; name regions that bind, or give k2prime"
        )
        raise InputError(msg)
    values = np.array([estimate.value for estimate in chosen])
    errors = np.array([estimate.stderr for estimate in chosen])
    middle, count = float(np.median(values)), values.size
    # the median of normal values has pi/2 times the variance of their mean, from three values on
    factor = math.sqrt((math.pi / 2 if count > 2 else 1.0) / count)
    spread = 1.4826 * float(np.median(np.abs(values - middle))) if count > 2 else 0.0
    own = math.sqrt(float(np.mean(errors**2)))
    dof = float(np.sum([estimate.dof for estimate in chosen])) if own >= spread else count - 1.0
    return Estimate("k2prime", middle, factor * max(own, spread), "1/min", dof=dof)


def _usable(result: FitResult) -> bool:
    bound, k2prime = result["BPND"], result["k2prime"]
    return (
        result.success
        and not k2prime.at_bound
        and math.isfinite(k2prime.stderr)
        and k2prime.value > 0
        and binds(bound.value, bound.stderr)
    )


@checked_arguments
def k2prime_sensitivity(
    tacs: TimeActivityCurves,
    model: str = "SRTM2",
    *,
    reference: Any,
    k2prime: float | None = None,
    change: float = 0.2,
    regions: Sequence[str] | None = None,
    **keywords: Any,
) -> "pd.DataFrame":
    """Return BPND of every region at k2' and at k2' lower and higher by a share.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves of one scan.
    model : str
        A model with the option `k2prime`: SRTM2, MRTM2, LoganRef, LoganRefML or REGP.
    reference : str, array, TimeActivityCurves of one region, or Curve
        As for `fit`.
    k2prime : float, optional
        1/min; by default the joint estimate of the scan.
    change : float
        Share by which k2' is moved, above 0 and below 1.
    regions : sequence of str, optional
        Regions to fit; by default all but the reference.
    **keywords
        As for `fit`.

    Returns
    -------
    pandas.DataFrame
        One row a region: region, model, k2prime, BPND, stderr, BPND_low and BPND_high (k2' times 1 - change and
        1 + change), and percent_low and percent_high, the changes in percent of BPND.

    Raises
    ------
    UnknownNameError, InputError
        If the model takes no k2', or `change` is not a share.
    """
    import pandas as pd

    kinetic = MODELS[model]
    if "k2prime" not in kinetic.options:
        known = [entry.name for entry in MODELS if "k2prime" in entry.item.options]
        raise unknown_name(model, known, kind="model that takes k2'")
    if not 0.0 < change < 1.0:
        msg = f"change is {change:g}; it must lie between 0 and 1, for example 0.2 for 20 %"
        raise InputError(msg)
    middle = k2prime
    if middle is None:
        shared = {key: keywords[key] for key in ("weights", "exclude") if key in keywords}
        middle = estimate_k2prime(tacs, reference=reference, regions=regions, **shared).value
    found = [
        fit(tacs, model, reference=reference, regions=regions, k2prime=middle * factor, **keywords)
        for factor in (1.0, 1.0 - change, 1.0 + change)
    ]
    rows = []
    for region in found[0]:
        value, low, high = (fits[region]["BPND"].value for fits in found)
        rows.append({
            "region": region, "model": kinetic.name, "k2prime": middle, "BPND": value,
            "stderr": found[0][region]["BPND"].stderr, "BPND_low": low, "BPND_high": high,
            "percent_low": 100.0 * (low / value - 1.0), "percent_high": 100.0 * (high / value - 1.0),
        })  # fmt: skip
    return pd.DataFrame(rows)
