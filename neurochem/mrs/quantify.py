"""From coefficients of a basis to concentrations, by the water signal of the same voxel."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.outcome import TOTALS, add_totals
from neurochem.mrs.relaxation import Relaxation, Times, relaxation_set, signal_fraction
from neurochem.mrs.spectra import Acquisition, Spectrum, as_spectrum
from neurochem.mrs.tissue import WATER_CONTENT, Tissue
from neurochem.mrs.voxel import TissueShares
from neurochem.mrs.water import WaterAmplitude, water_amplitude
from neurochem.quality import Flag
from neurochem.results import Estimate, FitResult

# Pure water: 1000 g / 18.015 g/mol (mmol/kg).
WATER_MOLALITY = 55510.0
# Units by name: per kg of tissue water, per litre of tissue, and institutional units of one formula that has no tissue in it.
UNITS = MappingProxyType({"mmol/kg": ("molal",), "mM": ("molar",), "i.u.": ("institutional", "iu")})
# Water of the institutional unit: T1, T2 (s) and visibility of Gannet's formula without segmentation.
INSTITUTIONAL_WATER = Times(1.100, 0.095, "Gannet's formula without segmentation")
INSTITUTIONAL_VISIBILITY = 0.65
# The one compartment of a phantom: pure water.
PHANTOM = "water"
# Fraction of GABA in GABA+ that Gannet takes to be constant; it depends on the sequence.
GANNET_GABA_SHARE = 0.45
# Total creatine of healthy tissue is 6 to 10 mmol/kg; half of the least and one and a third of the most raise a flag.
PLAUSIBLE_CREATINE = (5.0, 11.0)
# GABA+ of edited scans is some 1.5 to 3.5 i.u. (from memory, unchecked); a third of the least and twice the most raise a flag.
PLAUSIBLE_GABA_PLUS = (0.5, 7.0)
_PLAUSIBLE = ((("tCr", "Cr"), PLAUSIBLE_CREATINE, "6 to 10"), (("GABA+",), PLAUSIBLE_GABA_PLUS, "1.5 to 3.5"))


@checked_fields
@dataclass(frozen=True, slots=True)
class Timing:
    """TR and TE (s) and flip angle of one scan."""

    repetition_time_s: float
    echo_time_s: float
    flip_angle_deg: float = 90.0

    def signal(self, times: Times) -> float:
        """Return what relaxation leaves of a signal with these times."""
        return signal_fraction(
            times,
            repetition_time_s=self.repetition_time_s,
            echo_time_s=self.echo_time_s,
            flip_angle_deg=self.flip_angle_deg,
        )


@checked_arguments
def water_scaled(  # noqa: PLR0913 - the quantities of one equation
    signal_ratio: float,
    *,
    protons: float,
    timing: Timing,
    metabolite: Times,
    water: Mapping[str, Times] | Times,
    tissue: Tissue | None,
    water_timing: Timing | None = None,
    unit: str = "mmol/kg",
    editing_efficiency: float = 1.0,
    metabolite_share: float = 1.0,
) -> float:
    """Return a concentration from the ratio of a metabolite's signal to that of water.

    Parameters
    ----------
    signal_ratio : float
        S_M / S_w, same gain, averages and coil weights.
    protons : float
        Protons in the metabolite's signal.
    timing, water_timing : Timing
        Of the metabolite scan and of the water scan (the same by default).
    metabolite : Times
        T1 and T2 of the metabolite.
    water : mapping of str to Times, or Times
        By compartment "gm", "wm", "csf"; one pair without `tissue`.
    tissue : Tissue or None
        Volume fractions; None for pure water (a phantom).
    unit : str
        "mmol/kg" (per kg tissue water; "molal"), "mM" (per litre tissue; "molar") or "i.u." ("institutional": one pool of
        water, no tissue; `water` and `tissue` are not used).
    editing_efficiency, metabolite_share : float
        For edited peaks: the fraction of the signal that editing keeps (0.5 for GABA in the half difference, 1.0 in the
        full one), and the part of the peak that is the metabolite rather than macromolecules.

    Returns
    -------
    float
        Concentration.

    Notes
    -----
    With f volume fractions, d relative water contents (0.78, 0.65, 0.97) and g = f d / sum f d, no metabolite in CSF::

        molal = (S_M/S_w) (2/N) 55510 sum_i(g_i R_w,i) / ((1 - g_CSF) R_M)
        molar = (S_M/S_w) (2/N) 55510 sum_i(f_i d_i R_w,i) / ((1 - f_CSF) R_M)
        i.u.  = (S_M/S_w) (2/N) 55510 x 0.65 R(T1 1.100 s, T2 0.095 s) / R_M

    The molal form divides by the share of *water* outside CSF, not by the volume outside CSF.

    References
    ----------
    Gasparovic C (2006), Magn Reson Med 55:1219; Near J (2021), NMR Biomed 34:e4257; Ernst T (1993), J Magn Reson B 102:1;
    Edden RAE (2014), J Magn Reson Imaging 40:1445 (i.u.).
    """
    for name, value in (("protons", protons), ("editing_efficiency", editing_efficiency)):
        if not (math.isfinite(value) and value > 0.0):
            msg = f"{name} is {value}; it must be positive."
            raise InputError(msg)
    factor = water_factor(tissue, water, water_timing or timing, unit)
    edited = metabolite_share / editing_efficiency
    return signal_ratio * (2.0 / protons) * edited * factor / timing.signal(metabolite)


def unit_name(unit: str) -> str:
    """Return the unit that a name or alias stands for: "mmol/kg", "mM" or "i.u.".

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    for name, aliases in UNITS.items():
        if str(unit).casefold() in {name.casefold(), *aliases}:
            return name
    raise unknown_name(unit, [*UNITS, *(alias for aliases in UNITS.values() for alias in aliases)], kind="unit")


def water_factor(tissue: Tissue | None, water: Mapping[str, Times] | Times, timing: Timing, unit: str) -> float:
    """Return 55510 sum(R_w x share of water) / (what the metabolite is dissolved in); arguments as for `water_scaled`."""
    unit = unit_name(unit)
    if unit == "i.u.":
        return WATER_MOLALITY * INSTITUTIONAL_VISIBILITY * timing.signal(INSTITUTIONAL_WATER)
    if isinstance(water, Mapping) and set(water) == {PHANTOM}:
        water = water[PHANTOM]
    if isinstance(water, Times):
        if tissue is not None:
            msg = (
                "water has one pair of relaxation times but tissue fractions are given; give times for gm, wm and csf."
            )
            raise InputError(msg)
        return WATER_MOLALITY * timing.signal(water)
    if tissue is None:
        msg = "tissue fractions are missing; give tissue=neurochem.mrs.Tissue(gm=..., wm=..., csf=...)"
        raise InputError(msg)
    signal = {name: timing.signal(water[name]) for name in WATER_CONTENT}
    if unit == "mmol/kg":
        shares = tissue.water_fractions()
        return WATER_MOLALITY * sum(shares[name] * signal[name] for name in shares) / (1.0 - shares["csf"])
    volumes = tissue.fractions()
    content = sum(volumes[name] * WATER_CONTENT[name] * signal[name] for name in volumes)
    return WATER_MOLALITY * content / (1.0 - volumes["csf"])


@checked_arguments
def quantify(  # noqa: PLR0913 - keywords of one analysis
    fit: FitResult,
    *,
    water: Spectrum | Acquisition,
    tissue: Tissue | TissueShares | None = None,
    relaxation: str | Relaxation = "default",
    unit: str = "mmol/kg",
    gaba_share: float | None = None,
    water_scale: float = 1.0,
    echo_time_s: float | None = None,
    repetition_time_s: float | None = None,
    water_echo_time_s: float | None = None,
    water_repetition_time_s: float | None = None,
) -> FitResult:
    """Return the concentrations of a fit, scaled by the unsuppressed water of the same voxel.

    Parameters
    ----------
    fit : FitResult
        From `neurochem.mrs.fit` or `fit_edited`.
    water : Spectrum or Acquisition
        Unsuppressed water, combined and scaled as the metabolite data were (`preprocess(...).water`).
    tissue : Tissue or TissueShares
        Volume fractions of the voxel, as given or from `tissue_from_maps`; not needed for "i.u.", nor for a phantom, whose
        `relaxation` has water of one compartment: Relaxation("phantom", {"water": Times(2.5, 1.5)}, {...}).
    relaxation : str or Relaxation
        Name of a set (`relaxation_sets`) or times of your own.
    unit : str
        "mmol/kg" of tissue water ("molal"), "mM" (mmol per litre of tissue, "molar"), or "i.u." ("institutional": Gannet's
        formula without segmentation; see `water_scaled`).
    gaba_share : float, optional
        Add "GABA" = share x "GABA+" where the fit did not separate macromolecules; Gannet's share is 0.45.  A constant: such
        "GABA" says no more than GABA+.
    water_scale : float
        What the water reference must be multiplied by to be on the scale of the metabolite data, where gain or the
        number of summed averages differ; files do not say.
    echo_time_s, repetition_time_s, water_echo_time_s, water_repetition_time_s : float, optional
        TE and TR (s) of both scans, where the headers lack them or are wrong; they win over the headers.

    Returns
    -------
    FitResult
        The same shape: estimates with `unit`, covariance scaled likewise with the error of the water amplitude as a
        factor common to all, totals recomputed from their parts (which relax differently).  Macromolecules are scaled
        without relaxation of their own, GABA+ with that of GABA.  `settings["quantification"]` records every number used;
        `uncertainty` splits the error into its sources, `concentration_ratios` divides by creatine, `alpha_corrected`
        corrects GABA for tissue.

    Raises
    ------
    InputError
        If TE or TR is unknown, naming the field, the water reference has no signal, or tissue is missing.

    Notes
    -----
    See `water_scaled`.  A coefficient c of a basis with one unit a proton at excitation is S_M / N already, since J
    evolution is inside the basis; for other bases c is multiplied by `Basis.proton_amplitude`.
    """
    reference, unit = as_spectrum(water), unit_name(unit)
    times = relaxation
    if not isinstance(times, Relaxation):
        times = relaxation_set(times, float(fit.settings["larmor_mhz"]))
    voxel = _voxel(tissue, unit, times)
    fit = fit if gaba_share is None else _with_gaba_share(fit, gaba_share)
    timing = _timing("metabolite data", fit.settings, echo_time_s, repetition_time_s, "")
    header = {"echo_time_s": reference.echo_time_s, "repetition_time_s": reference.repetition_time_s}
    water_timing = _timing(
        f"water reference {reference.source or reference.name}",
        header,
        water_echo_time_s,
        water_repetition_time_s,
        "water_",
    )
    if not (math.isfinite(water_scale) and water_scale > 0.0):
        msg = f"water_scale is {water_scale}; it must be positive. Leave it out where both scans have one scale."
        raise InputError(msg)
    amplitude = water_amplitude(reference).scaled(water_scale)
    common = water_factor(voxel, times.water, water_timing, unit) * 2.0 / amplitude.value
    common *= float(fit.settings["basis_proton_amplitude"])
    broad = set(fit.settings.get("macromolecules", ()))
    left = {name: 1.0 if name in broad else timing.signal(times.metabolite(name)) for name in fit.covariance_names}
    factors = {name: common / fraction for name, fraction in left.items()}
    settings = dict(fit.settings) | {
        "quantification": _record(voxel, times, timing, water_timing, amplitude, left)
        | {"unit": unit, "water_scale": water_scale, "factors": factors, "gaba_share": gaba_share}
    }
    return _scaled(fit, factors, amplitude, unit, settings)


def _timing(what: str, header: Mapping[str, Any], echo: float | None, repetition: float | None, prefix: str) -> Timing:
    values = {"echo_time_s": echo, "repetition_time_s": repetition}
    for key, label in (("echo_time_s", "EchoTime"), ("repetition_time_s", "RepetitionTime")):
        value = header.get(key) if values[key] is None else values[key]
        if value is None:
            msg = (
                f"{what}: {key} ({label}) is not in the header; quantification corrects for relaxation and needs it. "
                f"Give {prefix}{key}=... in seconds."
            )
            raise InputError(msg)
        limit = 5.0 if key == "echo_time_s" else 100.0
        if not (math.isfinite(value) and 0.0 < value <= limit):
            msg = f"{what}: {prefix}{key} is {value:g}; it must lie between 0 and {limit:g} s. Give seconds."
            raise InputError(msg)
        values[key] = float(value)
    return Timing(float(values["repetition_time_s"] or 0.0), float(values["echo_time_s"] or 0.0))


def _voxel(tissue: Tissue | TissueShares | None, unit: str, times: Relaxation) -> Tissue | None:
    """Return the volume fractions that a unit needs."""
    if isinstance(tissue, TissueShares):
        tissue = tissue.tissue
    if tissue is None and unit != "i.u." and set(times.water) != {PHANTOM}:
        msg = f"tissue is missing; {unit} needs it. Give tissue=neurochem.mrs.Tissue(gm=..., wm=..., csf=...), or unit='i.u.'."
        raise InputError(msg)
    return tissue


def _with_gaba_share(fit: FitResult, share: float) -> FitResult:
    """Return the fit with GABA as a constant share of GABA+."""
    if not (math.isfinite(share) and 0.0 < share <= 1.0):
        msg = f"gaba_share is {share}; it must lie above 0 and at most 1."
        raise InputError(msg)
    if "GABA" in fit or "GABA+" not in fit:
        held = "GABA, with macromolecules separated by the fit" if "GABA" in fit else "no GABA+"
        msg = f"gaba_share is {share:g}, but the fit has {held}; leave it out."
        raise InputError(msg)
    whole, names = fit["GABA+"], fit.covariance_names
    part = replace(whole, name="GABA", value=share * whole.value, stderr=share * whole.stderr, limits=())
    weights = np.vstack([np.eye(len(names)), share * (np.array(names) == "GABA+")])
    record = {field: getattr(fit, field) for field in FitResult.__slots__} | {
        "estimates": {**fit.estimates, "GABA": part}, "covariance": weights @ fit.covariance @ weights.T,
        "covariance_names": (*names, "GABA"),
        "components": {**fit.components, "GABA": np.zeros_like(fit.data)},
    }  # fmt: skip
    return FitResult(**record)


def _record(
    tissue: Tissue | None, times: Relaxation, timing: Timing, water_timing: Timing, amplitude: WaterAmplitude,
    left: Mapping[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Return every number that went into the concentrations."""
    return {
        "tissue": None if tissue is None else tissue.fractions(),
        "water_fractions": None if tissue is None else tissue.water_fractions(), "water_content": dict(WATER_CONTENT),
        "water_molality": WATER_MOLALITY, "relaxation": times.name,
        "water_t1_t2_s": {name: [item.t1_s, item.t2_s] for name, item in times.water.items()},
        "water_signal_fraction": {name: water_timing.signal(item) for name, item in times.water.items()},
        "metabolite_t1_t2_s": {name: [times.metabolite(name).t1_s, times.metabolite(name).t2_s] for name in left},
        "relaxation_status": {name: times.metabolite(name).status for name in left if times.metabolite(name).status},
        "metabolite_signal_fraction": dict(left),
        "repetition_time_s": timing.repetition_time_s, "echo_time_s": timing.echo_time_s,
        "water_repetition_time_s": water_timing.repetition_time_s, "water_echo_time_s": water_timing.echo_time_s,
        "water_amplitude": amplitude.value, "water_amplitude_stderr": amplitude.stderr,
        "water_fwhm_hz": amplitude.fwhm_hz,
    }  # fmt: skip


def _scaled(
    fit: FitResult, factors: Mapping[str, float], amplitude: WaterAmplitude, unit: str, settings: Mapping[str, Any]
) -> FitResult:
    """Return the fit in another unit, with the error of the water amplitude added to every pair."""
    names = fit.covariance_names
    factor = np.array([factors[name] for name in names])
    values = factor * np.array([fit[name].value for name in names])
    relative = amplitude.stderr / amplitude.value
    covariance = fit.covariance * np.outer(factor, factor) + relative**2 * np.outer(values, values)
    estimates: dict[str, Estimate] = {
        name: replace(fit[name], value=float(value), stderr=float(np.sqrt(variance)), unit=unit, limits=())
        for name, value, variance in zip(names, values, np.diag(covariance), strict=True)
    }
    record = {field: getattr(fit, field) for field in FitResult.__slots__}
    record |= {
        "estimates": estimates, "covariance": covariance, "settings": settings,
        "diagnostics": dict(fit.diagnostics) | {"water_fwhm_hz": amplitude.fwhm_hz, "water_relative_stderr": relative},
    }  # fmt: skip
    result = FitResult(**record)
    totals = add_totals(result) if fit.success else _nan_totals(fit, unit)
    flags = (*fit.flags, *_flags(relative, estimates | totals))
    return FitResult(**(record | {"estimates": estimates | totals, "flags": flags}))


def _nan_totals(fit: FitResult, unit: str) -> dict[str, Estimate]:
    return {name: replace(fit[name], unit=unit) for name in TOTALS if name in fit and name not in fit.covariance_names}


def _flags(relative: float, estimates: Mapping[str, Estimate]) -> list[Flag]:
    """Return what is suspicious about the scale of the concentrations."""
    flags = []
    if relative > 0.05:
        message = f"the water amplitude has a standard error of {100 * relative:.1f} %, expected at most 5 %"
        flags.append(Flag("uncertain_water", message))
    for names, (low, high), normal in _PLAUSIBLE:
        found = next((estimates[name] for name in names if name in estimates), None)
        if found is not None and not low <= found.value <= high and math.isfinite(found.value):
            message = (
                f"{found.name} is {found.value:.3g} {found.unit}, tissue holds {normal}: check that the water "
                "reference has the gain and averages of the metabolite scan (water_scale)"
            )
            flags.append(Flag("implausible_scale", message))
    return flags
