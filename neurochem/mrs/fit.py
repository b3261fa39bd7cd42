"""Fitting a spectrum by a linear combination of basis spectra."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.basis import Basis
from neurochem.mrs.options import FitOptions
from neurochem.mrs.outcome import Outcome, failed_result, fitted_result
from neurochem.mrs.ratios import SoftRatio
from neurochem.mrs.reference_line import reference_line
from neurochem.mrs.search import Found, search
from neurochem.mrs.setup import prepare
from neurochem.mrs.spectra import Acquisition, Spectrum, as_spectrum
from neurochem.results import FitResult
from neurochem.solve.threads import one_library_thread
from neurochem.units import ComplexArray


@checked_arguments
def fit(  # noqa: PLR0913 - keywords of one analysis
    spectrum: Spectrum | Acquisition,
    basis: Basis,
    *,
    ppm: tuple[float, float] = (0.2, 4.2),
    baseline: str = "spline",
    baseline_dimension_per_ppm: float | None = None,
    macromolecules: str | None = "default",
    lipids: str | None = "auto",
    lineshape: str = "auto",
    shifts: str = "auto",
    ratios: str | Iterable[SoftRatio] | None = "default",
    amplitudes: str = "mean",
    line_from: Spectrum | Acquisition | None = None,
    signed: Iterable[str] = (),
    allow_mismatch: bool = False,
    name: str | None = None,
) -> FitResult | Any:
    """Fit a spectrum by a non-negative linear combination of basis spectra.

    Parameters
    ----------
    spectrum : Spectrum or Acquisition
        Data; an acquisition of one FID (see `preprocess`), or of a grid or series (axes x, y, z, DIM_INDIRECT_*,
        DIM_MEAS, DIM_USER_*), whose spectra are then fitted one by one, see `fit_image`.
    basis : Basis
        Elements, at the field and echo time of the data; resampled to them.
    ppm : tuple of float
        Window, after coarse alignment.
    baseline : str
        "spline" (penalised cubic, real and imaginary parts on their own), "polynomial" or "none".
    baseline_dimension_per_ppm : float, optional
        Effective dimension of the baseline per ppm and part; by default the data choose between 0.75 and 7 by a modified
        Akaike criterion (neurochem.mrs.baseline.choose_dimension).
    macromolecules : str or None
        "default" adds seven groups of measured broad lines with soft ratios (neurochem.mrs.macromolecules) where the
        basis has no macromolecules and the echo time is known and at most 80 ms; the name of a set adds that one, elements
        that the basis has left out; None adds nothing.
    lipids : str or None
        "auto" adds LCModel's four mobile lipids with a shift and width of their own where they and the baseline that they
        leave explain the data better than a baseline alone; "always"; None.
    lineshape : str
        "voigt": Lorentz and Gauss widths shared by all metabolites.  "free": times a non-negative kernel of unit area
        (copies of the line with free offsets) and a smooth phase of the FID (neurochem.mrs.lineshape.Distortion).  "auto":
        whichever the evidence is for.
    shifts : str
        "shared" by all metabolites, "own" (each softly tied to the shared one, 0.004 ppm), or "auto": whichever the
        evidence is for.
    ratios : str, sequence of SoftRatio, or None
        Soft ratios between amplitudes: "default" ties minor metabolites loosely (+- 100 %) to NAA, creatine and choline,
        GABA, GSH and Lac not among them; "lcmodel" holds LCModel's, GABA's too; None.  Those in force are in `settings`.
    amplitudes : str
        "mean": expected value given the data and that no amplitude is negative.  "mode": the non-negative least squares.
        "free": least squares without that limit, at the lines found with it; unbiased, with negative values.
    line_from : Spectrum or Acquisition, optional
        Unsuppressed water of the same voxel, treated as the data were: elements get what its line is beyond a Voigt line
        (neurochem.mrs.reference_line) before the widths are fitted.
    signed : iterable of str
        Elements that may be negative, as rests of a subtraction are; by default none may.
    allow_mismatch : bool
        Let a basis of another echo time pass.
    name : str, optional
        Name of the result; that of the spectrum by default.

    Returns
    -------
    FitResult, or MetaboliteMaps for a grid or series
        Model "LCM". Estimates: the coefficient of every element as supplied (unit ""), then the totals tNAA, tCr, tCho
        and Glx whose parts are all there.  `stderr` is the Cramer-Rao bound with phase, delay, shifts, widths, baseline
        and all other amplitudes as nuisances, penalties counted as prior knowledge; where the residual exceeds the
        noise, it is multiplied by the square root of their ratio of variances, so that a fit that misses structure
        says so.  `data`, `fitted` and `components` (baseline, one curve an element) are complex, phased, on `axis`
        (ppm, referenced by the fitted shift).  Diagnostics are described in neurochem.mrs.outcome.

    Raises
    ------
    BasisMismatchError
        If basis and data differ in nucleus, field or echo time.
    InputError
        If the window holds too few points or an option is not known.

    Notes
    -----
    s(t) = exp(i phase) sum_m c_m b_m(t) exp(2 pi i shift t - gamma t - variance t^2); its FFT, without zero filling so
    that noise stays white, times exp(-2 pi i f delay), plus the baseline, is fitted to real and imaginary parts in the
    window.  Where residual water stands above the metabolites, the tail of its line is part of the baseline, so that
    it need not be removed before.  Amplitudes are solved for inside the search (variable projection); two starts, one
    with a Lorentzian and one with a Gaussian width, because either can end in the other's wrong valley.  NaN, or
    nothing but zeros, give `success=False` and a flag, never an exception.

    References
    ----------
    Provencher SW (1993), Magn Reson Med 30:672; Golub GH, Pereyra V (1973), SIAM J Numer Anal 10:413; Wilson M (2021),
    Magn Reson Med 85:13.
    """
    signed = tuple(signed)
    if isinstance(spectrum, Acquisition) and _is_grid(spectrum):
        return _fit_grid(spectrum, basis, allow_mismatch, locals())
    options = FitOptions(
        ppm,
        baseline,
        baseline_dimension_per_ppm,
        macromolecules,
        lipids,
        lineshape,
        shifts,
        ratios,
        amplitudes,
        line_from,
        signed,
    )
    data, elements = matched(spectrum, basis, options, allow_mismatch=allow_mismatch)
    settings = _settings(data, basis, options)
    label = data.name if name is None else name
    reason = hopeless(data)
    if reason:
        return failed_result(label, basis.names, settings, *reason)
    with one_library_thread():
        found = search(prepare(data, basis, elements, options), options)
        return fitted_result(label, Outcome(found), settings | chosen(found), amplitudes)


def _is_grid(acquisition: Acquisition) -> bool:
    """Say whether there are several spectra that are measurements of their own, and not transients to be combined."""
    grids = ("x", "y", "z", "DIM_INDIRECT", "DIM_MEAS", "DIM_USER")
    return any(dim.startswith(grids) and acquisition.size(dim) > 1 for dim in acquisition.dims)


def _fit_grid(acquisition: Acquisition, basis: Basis, allow_mismatch: bool, given: dict[str, Any]) -> Any:
    from neurochem.mrs.imaging.fitting import fit_image

    options = {field.name: given[field.name] for field in fields(FitOptions)}
    return fit_image(acquisition, basis, allow_mismatch=allow_mismatch, **options)


def matched(
    spectrum: Spectrum | Acquisition, basis: Basis, options: FitOptions, *, allow_mismatch: bool = False
) -> tuple[Spectrum, ComplexArray]:
    """Return the one spectrum and the elements on its grid, options checked.

    Raises
    ------
    BasisMismatchError, InputError, UnknownNameError
        As for `fit`.
    """
    data = as_spectrum(spectrum)
    if not isinstance(basis, Basis):
        msg = (
            f"basis is a {type(basis).__name__}; give a neurochem.mrs.Basis, for example from neurochem.mrs.read_basis"
        )
        raise InputError(msg)
    options.check()
    for name in options.signed:
        if name not in basis.names:
            raise unknown_name(name, basis.names, kind="signed element")
    data = without_zero_filling(data)
    elements = basis.matched(data, allow_mismatch=allow_mismatch)
    if options.line_from is not None:
        elements = elements * reference_line(as_spectrum(options.line_from), data.dwell_s, data.points)
    return data, elements


def without_zero_filling(data: Spectrum) -> Spectrum:
    """Return the spectrum without zeros at the end of its FID: they correlate the noise and would count as data."""
    filled = np.flatnonzero(data.fid)
    last = int(filled[-1]) + 1 if filled.size else data.points
    return data.with_fid(data.fid[:last]) if 16 <= last < 0.9 * data.points else data


def chosen(found: Found) -> dict[str, Any]:
    """Return what the search chose, for the settings of a result."""
    model = found.setup.model
    return {
        "elements": list(found.setup.names), "macromolecules": list(found.setup.macromolecules),
        "chosen_dimension_per_ppm": found.dimension_per_ppm,
        "soft_ratios": [ratio.record() for ratio in found.ratios],
        "free_lineshape": model.distortion is not None, "own_shifts": len(model.loose) > 0,
    }  # fmt: skip


def _settings(data: Spectrum, basis: Basis, options: FitOptions) -> dict[str, Any]:
    return {
        "spectrum": data.source, "basis": basis.source, "ppm": list(options.ppm), "baseline": options.baseline,
        "baseline_dimension_per_ppm": options.baseline_dimension_per_ppm, "lineshape": options.lineshape,
        "shifts": options.shifts, "lipids": options.lipids, "amplitudes": options.amplitudes,
        "line_from": "" if options.line_from is None else as_spectrum(options.line_from).name, "echo_time_s": data.echo_time_s,
        "repetition_time_s": data.repetition_time_s, "larmor_mhz": data.larmor_mhz, "dwell_s": data.dwell_s,
        "points": data.points, "nucleus": data.nucleus, "reference_ppm": data.reference_ppm,
        "basis_proton_amplitude": basis.proton_amplitude, "basis_echo_time_s": basis.echo_time_s,
    }  # fmt: skip


def hopeless(data: Spectrum) -> tuple[str, str] | None:
    """Return why there is nothing to fit, or None."""
    bad = int(np.count_nonzero(~np.isfinite(data.fid)))
    if bad:
        return "not_finite", f"{bad} of {data.points} points of the FID are NaN or infinite"
    if not np.any(data.fid):
        return "no_signal", "every point of the FID is zero"
    return None
