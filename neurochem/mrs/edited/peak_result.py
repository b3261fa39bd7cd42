"""Fitting a difference by peaks: from areas to the coefficients that `quantify` takes."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.mrs.edited.basis_fit import DifferenceBasis
from neurochem.mrs.edited.peak_response import peak_response
from neurochem.mrs.edited.peaks import (
    CHOLINE_PPM,
    EFFICIENCY,
    PEAK_SETS,
    PROTONS,
    PeakFit,
    PeakSet,
    fit_peaks,
    outside_choline,
)
from neurochem.mrs.edited.results import joined
from neurochem.mrs.edited.singlet_reference import SingletReference, fit_singlets, unlocated
from neurochem.mrs.lineshape import gauss_variance, lorentz_gamma
from neurochem.mrs.outcome import failed_result
from neurochem.mrs.sequences.editing import DIFFERENCES
from neurochem.mrs.spectra import Spectrum, noise_sd
from neurochem.quality import MRS_RULES, Flag, apply_rules
from neurochem.results import Axis, Estimate, FitResult
from neurochem.units import ComplexArray, FloatArray

_GANNET = "Gannet (TE 68 ms)"
# GABA beneath creatine turns its phase in ON and in OFF by some degrees each, in opposite directions.
_PHASED_PPM = (2.85, 3.30)
# Echo time (s) to which the default efficiencies belong, and how far another may be.
_EFFICIENCY_ECHO_S, _ECHO_TOLERANCE_S = 0.068, 0.004


def fit_by_peaks(  # noqa: PLR0913 - keywords of one fit
    difference: Spectrum,
    unedited: Spectrum | None,
    place: SingletReference,
    *,
    scale: str,
    unedited_weight: float,
    peaks: str = "GABAGlx",
    baseline: str | None = None,
    efficiency: Mapping[str, float] | None = None,
    response: DifferenceBasis | None = None,
    exclude_choline: bool = True,
    name: str,
    settings: Mapping[str, object],
) -> FitResult:
    """Return GABA+ (and Glx) by Gaussians, with creatine and choline of the unedited spectrum where there is one.

    Parameters
    ----------
    difference, unedited : Spectrum
        Aligned.  Creatine's amplitude is that in `unedited`.
    place : SingletReference
        Phase, shift and linewidth, from `located`.
    scale : str
        "half" or "full".
    unedited_weight : float
        Weight of the unedited spectrum in the difference: what correlates their noise.
    peaks, baseline : str
        As for `fit_edited`.
    efficiency : mapping of str to float, optional
        Signal a proton of each estimate in the half difference; Gannet's by default.
    response : DifferenceBasis, optional
        Elements from which it is made, where it is not given.
    exclude_choline : bool
        Leave out 3.16 to 3.285 ppm.
    """
    chosen = PEAK_SETS[peaks]
    if not np.isfinite(difference.fid).all() or not difference.fid.any():
        return failed_result(
            name, chosen.names, settings, "not_finite", "the difference holds NaN or nothing but zeros"
        )
    axis, data, inside = _upright(difference, place, chosen.ppm)
    used = outside_choline(axis) if exclude_choline else np.ones(axis.size, dtype=bool)
    noise = max(noise_sd(difference), 1e-12 * float(np.abs(data).max()))
    found = fit_peaks(
        axis, data.real, chosen, larmor_mhz=difference.larmor_mhz, noise=noise, baseline=baseline, used=used
    )
    eta, source = _efficiency(chosen, efficiency)
    if efficiency is None and response is not None:
        eta = peak_response(
            response, difference, place, chosen, scale=scale, baseline=baseline, exclude_choline=exclude_choline
        )
        source = "the same Gaussians in a simulated difference"
    per_proton = _per_proton(found, eta, scale, difference.dwell_s)
    values, covariance = per_proton * found.areas, found.covariance * np.outer(per_proton, per_proton)
    estimates = {
        key: Estimate(key, float(value), float(math.sqrt(variance)), stderr_kind="crlb")
        for key, value, variance in zip(found.names, values, np.diag(covariance), strict=True)
    }
    record = {
        "elements": list(found.names), "macromolecules": [], "peaks": PEAK_SETS.entry(peaks).name, "ppm": list(chosen.ppm),
        "baseline": chosen.baseline if baseline is None else baseline, "editing_efficiency_of_half_difference": dict(eta),
        "efficiency_source": source, "protons": {key: PROTONS[key] for key in found.names},
        "left_out_ppm": list(CHOLINE_PPM) if exclude_choline else [],
        "centres_ppm": found.fitted.theta[0::2].tolist(), "widths_hz": found.fitted.theta[1::2].tolist(),
    }  # fmt: skip
    diagnostics = _diagnostics(found, place, noise, difference.larmor_mhz)
    result = FitResult(
        model=PEAK_SETS.entry(peaks).name, name=name, estimates=estimates,
        axis=Axis(axis, "chemical shift", "ppm", data_name="signal", descending=True), data=data.real,
        fitted=np.sum(list(found.curves.values()), axis=0), weights=np.full(axis.size, 1.0 / noise**2), used=used,
        covariance=covariance, covariance_names=found.names, diagnostics=diagnostics,
        settings={**settings, **record}, components=dict(found.curves),
        flags=(*apply_rules(MRS_RULES, diagnostics), *_flags(found, chosen, source, difference)),
    )  # fmt: skip
    if unedited is None:
        return result
    turn = math.radians(place.phase_deg)
    return _with_singlets(result, found, fit_singlets(unedited), inside, per_proton, (unedited_weight, turn))


def located(difference: Spectrum, total: Spectrum | None, sum_fit: FitResult | None) -> SingletReference:
    """Return phase, shift and linewidth of a difference.

    Parameters
    ----------
    difference : Spectrum
        NAA's inverted line gives them where there is nothing else.
    total : Spectrum, optional
        The sum of the sub-spectra: its creatine and choline do.
    sum_fit : FitResult, optional
        A fit of the sum by a basis, which is best.
    """
    if not np.isfinite(difference.fid).all() or not difference.fid.any():
        # a fit of it fails with a flag, later
        return unlocated()
    place = fit_singlets(difference, inverted_naa=True) if total is None else fit_singlets(total, ppm=_PHASED_PPM)
    if sum_fit is None or not sum_fit.success:
        return place
    found = sum_fit.diagnostics
    gamma, variance = lorentz_gamma(found["lorentz_hz"]), gauss_variance(found["gauss_hz"])
    return replace(
        place, shift_hz=found["shift_hz"], phase_deg=found["phase_deg"], fwhm_hz=found["fwhm_hz"], gamma=gamma,
        variance=variance,
    )  # fmt: skip


def _efficiency(chosen: PeakSet, given: Mapping[str, float] | None) -> tuple[Mapping[str, float], str]:
    eta = {**EFFICIENCY, **(given or {})}
    for key, value in (given or {}).items():
        if key not in EFFICIENCY:
            raise unknown_name(key, EFFICIENCY, kind="estimate with an editing efficiency")
        if not 0.0 < value <= 1.0:
            msg = f"efficiency of {key} is {value}; it must lie above 0 and at most 1: the signal a proton in a half difference."
            raise InputError(msg)
    return {key: eta[key] for key in chosen.names}, _GANNET if given is None else "given"


def _upright(
    difference: Spectrum, reference: SingletReference, window: tuple[float, float]
) -> tuple[FloatArray, ComplexArray, np.ndarray]:
    """Return shifts, phased data and FFT indices in the window, shifts descending."""
    frequency = np.fft.fftfreq(difference.points, difference.dwell_s)
    ppm = difference.reference_ppm - (frequency - reference.shift_hz) / difference.larmor_mhz
    inside = np.flatnonzero((ppm >= window[0]) & (ppm <= window[1]))
    inside = inside[np.argsort(-ppm[inside])]
    data = np.fft.fft(difference.fid)[inside] * np.exp(-1j * math.radians(reference.phase_deg))
    return np.asarray(ppm[inside], dtype=float), np.asarray(data, dtype=complex), inside


def _per_proton(found: PeakFit, eta: Mapping[str, float], scale: str, dwell_s: float) -> FloatArray:
    """Return what an area (unit x Hz) is multiplied by: signal at time zero over protons and efficiency."""
    full = DIFFERENCES[scale] / DIFFERENCES["half"]
    # a one-sided FID has half of its first point in the area of its line
    return np.array([2.0 * dwell_s / (PROTONS[name] * eta[name] * full) for name in found.names])


def _diagnostics(found: PeakFit, reference: SingletReference, noise: float, larmor_mhz: float) -> dict[str, float]:
    heights = noise * found.fitted.amplitudes
    top = float(abs(heights[-1]))
    return {
        "snr": float(np.max(heights)) / noise, "gaba_snr": float(heights[-1]) / noise, "fqn": found.misfit,
        "noise_sd": noise, "fwhm_hz": reference.fwhm_hz, "gaba_fwhm_hz": float(found.fitted.theta[-1]),
        "gaba_ppm": float(found.fitted.theta[-2]), "shift_hz": reference.shift_hz,
        "shift_ppm": -reference.shift_hz / larmor_mhz, "phase_deg": reference.phase_deg,
        "relative_residual_percent": 100.0 * math.sqrt(found.misfit) * noise / max(top, 1e-300),
    }  # fmt: skip


def _flags(found: PeakFit, chosen: PeakSet, source: str, spectrum: Spectrum) -> list[Flag]:
    flags = []
    if not found.fitted.converged:
        flags.append(Flag("not_converged", "the search of the peaks stopped without converging"))
    for index, peak in enumerate(chosen.peaks):
        held = found.fitted.theta_at_bound[2 * index : 2 * index + 2]
        for what, value, stuck in zip(("centre", "width"), found.fitted.theta[2 * index :], held, strict=False):
            if stuck:
                message = (
                    f"{what} of the {peak.name} peak near {peak.ppm:g} ppm ended at the edge of its search, {value:.4g}"
                )
                flags.append(Flag("edge", message, parameter=peak.name))
    echo = spectrum.echo_time_s
    if source == _GANNET and (echo is None or abs(echo - _EFFICIENCY_ECHO_S) > _ECHO_TOLERANCE_S):
        stated = "unknown" if echo is None else f"{1e3 * echo:g} ms"
        message = (
            f"the editing efficiencies 0.5 (GABA+) and 0.4 (Glx) belong to TE 68 ms, the echo time is {stated}: "
            "give efficiency=..., or a basis of the sequence"
        )
        flags.append(Flag("editing_efficiency", message))
    return flags


def _with_singlets(
    result: FitResult,
    found: PeakFit,
    reference: SingletReference,
    inside: np.ndarray,
    per_proton: FloatArray,
    coupling: tuple[float, float],
) -> FitResult:
    """Return the result with creatine and choline, and the covariance that one noise in both spectra makes."""
    weight, turn = coupling
    place = {int(index): row for row, index in enumerate(reference.window)}
    shared = [(row, place[int(index)]) for row, index in enumerate(inside) if int(index) in place]
    cross = np.zeros((len(found.names), len(reference.names)))
    if shared:
        mine, theirs = (np.array(rows) for rows in zip(*shared, strict=True))
        count = reference.window.size
        seen = math.cos(turn) * reference.gain[:, theirs] + math.sin(turn) * reference.gain[:, count + theirs]
        cross = weight * reference.noise**2 * (per_proton[:, None] * found.gain[:, mine]) @ seen.T
    estimates = {
        name: Estimate(name, float(value), float(math.sqrt(variance)), stderr_kind="crlb")
        for name, value, variance in zip(
            reference.names, reference.amplitudes, np.diag(reference.covariance), strict=True
        )
    }
    return joined(result, estimates, reference.covariance, cross)
