"""Results of edited fits: estimates as sums of elements, and estimates of another spectrum of the same scan beside them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurochem.mrs.outcome import add_totals
from neurochem.quality import MRS_RULES, Flag, apply_rules
from neurochem.results import Estimate, FitResult


def with_fields(result: FitResult, **changes: Any) -> FitResult:
    """Return the result with other fields."""
    return FitResult(**({name: getattr(result, name) for name in FitResult.__slots__} | changes))


def with_sums(result: FitResult, sums: Mapping[str, Mapping[str, float]], *, drop: Sequence[str] = ()) -> FitResult:
    """Return the result with weighted sums of elements among its estimates and in its covariance.

    Parameters
    ----------
    result : FitResult
        A fit; a failed one gets NaN.
    sums : mapping of str to mapping of str to float
        Weights of elements by name of the sum; a sum may have the name of an element and replaces it.
    drop : sequence of str
        Elements to leave out.
    """
    if not result.success:
        missing = {name: Estimate(name, math.nan, math.nan, stderr_kind="crlb") for name in sums}
        return with_fields(result, estimates={**result.estimates, **missing})
    old = result.covariance_names
    kept = [name for name in old if name not in drop and name not in sums]
    weights = np.array([[float(name == row) for name in old] for row in kept] + [
        [entry.get(name, 0.0) for name in old] for entry in sums.values()
    ])  # fmt: skip
    made = {name: result.combine(name, entry) for name, entry in sums.items()}
    others = {name: item for name, item in result.estimates.items() if name not in drop and name not in sums}
    covariance = weights @ result.covariance @ weights.T
    curves = dict(result.components)
    for name, entry in sums.items():
        if name not in curves:
            curves[name] = np.sum([curves[key] for key in entry], axis=0)
    return with_fields(
        result, estimates={**made, **others}, covariance=covariance, covariance_names=(*kept, *sums), components=curves,
    )  # fmt: skip


def with_reference(result: FitResult, reference: FitResult, names: Sequence[str]) -> FitResult:
    """Return the result with estimates of another spectrum whose noise is independent, such as the sum of ON and OFF.

    Parameters
    ----------
    result : FitResult
        The fit of a difference.
    reference : FitResult
        The fit of the other spectrum.
    names : sequence of str
        Which of its estimates to take; those that `result` has are left.
    """
    if not result.success:
        return result
    chosen = [name for name in reference.covariance_names if name in names and name not in result]
    if not reference.success or not chosen:
        message = "creatine could not be fitted in the sum of the sub-spectra: there is nothing to divide by"
        return with_fields(result, flags=(*result.flags, Flag("no_reference", message)))
    index = [reference.covariance_names.index(name) for name in chosen]
    block = reference.covariance[np.ix_(index, index)]
    return joined(
        result, {name: reference[name] for name in chosen}, block, np.zeros((len(result.covariance), len(index)))
    )


def joined(result: FitResult, estimates: Mapping[str, Estimate], block: np.ndarray, cross: np.ndarray) -> FitResult:
    """Return the result with more estimates, their covariance and that with the old ones.

    Their curves in a difference are zero: editing takes them away.
    """
    size = len(result.covariance_names)
    covariance = np.zeros((size + len(estimates),) * 2)
    covariance[:size, :size], covariance[size:, size:] = result.covariance, block
    covariance[:size, size:], covariance[size:, :size] = cross, cross.T
    nothing = np.zeros_like(result.data)
    whole = with_fields(
        result, estimates={**result.estimates, **estimates}, covariance=covariance,
        covariance_names=(*result.covariance_names, *estimates),
        components={**result.components, **dict.fromkeys(estimates, nothing)},
    )  # fmt: skip
    return with_fields(whole, estimates={**whole.estimates, **add_totals(whole)})


def without(result: FitResult, names: Sequence[str]) -> FitResult:
    """Return the result without some elements: their curves are taken off the data, their errors stay in the others'.

    Parameters
    ----------
    result : FitResult
        A fit.
    names : sequence of str
        Elements; they may not be part of a total.
    """
    gone = set(names)
    estimates = {name: item for name, item in result.estimates.items() if name not in gone}
    kept = [index for index, name in enumerate(result.covariance_names) if name not in gone]
    whole = with_fields(
        result, estimates=estimates, covariance=np.array(result.covariance)[np.ix_(kept, kept)],
        covariance_names=tuple(result.covariance_names[index] for index in kept),
        flags=tuple(flag for flag in result.flags if flag.parameter not in gone),
    )  # fmt: skip
    if not result.success or not gone:
        return whole
    taken = np.sum([result.components[name] for name in names], axis=0)
    curves = {name: curve for name, curve in result.components.items() if name not in gone}
    return with_fields(whole, data=result.data - taken, fitted=result.fitted - taken, components=curves)


def with_linewidth(result: FitResult, total: FitResult) -> FitResult:
    """Return the result with the linewidth of the fitted sum: a difference may hold no singlet to measure it on."""
    if not result.success or not total.success:
        return result
    diagnostics = {**result.diagnostics, "fwhm_hz": total.diagnostics["fwhm_hz"]}
    rules = {entry.name for entry in MRS_RULES}
    own = [flag for flag in result.flags if flag.name not in rules]
    return with_fields(result, diagnostics=diagnostics, flags=(*apply_rules(MRS_RULES, diagnostics), *own))


def with_gaba_quality(result: FitResult) -> FitResult:
    """Return the result with the two figures of merit of GABA+ that Gannet reports.

    Notes
    -----
    gaba_snr is the height of GABA+ between 2.8 and 3.2 ppm over `noise_sd` (Gannet divides by twice the noise);
    gaba_fit_error_percent is 100 standard deviations of the real residual between 2.79 and 3.55 ppm over that height.
    """
    if not result.success or result.axis is None or "GABA+" not in result.components:
        return result
    ppm = np.asarray(result.axis.values)
    line, window = (ppm >= 2.8) & (ppm <= 3.2), (ppm >= 2.79) & (ppm <= 3.55) & result.used
    height = float(np.max(result.components["GABA+"].real[line], initial=0.0))
    if not height > 0.0:
        return result
    rest = float(np.std((result.data - result.fitted).real[window]))
    merit = {"gaba_snr": height / result.diagnostics["noise_sd"], "gaba_fit_error_percent": 100.0 * rest / height}
    return with_fields(result, diagnostics={**result.diagnostics, **merit})
