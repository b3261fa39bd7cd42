"""Spectra with known truth, in the convention of the fit: sum of c b(t) with a lineshape, a phase, a shift and noise."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.basis import Basis
from neurochem.mrs.lineshape import decay_exponent, gauss_variance, lorentz_gamma
from neurochem.mrs.quantify import WATER_MOLALITY, Timing
from neurochem.mrs.relaxation import Relaxation, relaxation_set
from neurochem.mrs.resample import resample
from neurochem.mrs.spectra import Spectrum
from neurochem.mrs.tissue import Tissue
from neurochem.units import ComplexArray, FloatArray


@checked_arguments
def simulate(  # noqa: PLR0913 - keywords of one spectrum
    basis: Basis,
    concentrations: Mapping[str, float],
    *,
    lorentz_hz: float = 0.0,
    gauss_hz: float = 0.0,
    broad_gauss_hz: float = 0.0,
    phase_deg: float = 0.0,
    delay_s: float = 0.0,
    shift_hz: float = 0.0,
    noise_sd: float = 0.0,
    rng: np.random.Generator | None = None,
    baseline: ComplexArray | None = None,
    tissue: Tissue | None = None,
    relaxation: str | Relaxation = "default",
    repetition_time_s: float | None = None,
    echo_time_s: float | None = None,
    dwell_s: float | None = None,
    points: int | None = None,
    name: str = "simulated",
) -> Spectrum:
    """Return a spectrum of known content.

    Parameters
    ----------
    basis : Basis
        Elements.
    concentrations : mapping of str to float
        Coefficients of elements; elements that are not named are absent.  With `tissue`, mmol per kg tissue water.
    lorentz_hz, gauss_hz, broad_gauss_hz : float
        Full widths at half maximum (Hz): of the metabolites' lines, and of the macromolecules' further Gaussian.
    phase_deg, delay_s, shift_hz : float
        Zero-order phase, late start of the FID (s; the FID itself is not cut, its spectrum gets the linear phase), and
        shift (Hz, positive to lower ppm).
    noise_sd : float
        Standard deviation of the real and of the imaginary part of each point of the FID.
    rng : numpy.random.Generator, optional
        Needed where `noise_sd` is positive.
    baseline : complex array, shape (n_points,), optional
        FID added after the lineshape, before the noise.
    tissue, relaxation, repetition_time_s : Tissue, str or Relaxation, float, optional
        With `tissue`, signals are weighted as a voxel of that tissue would, so that `quantify` with
        `simulate_water(tissue=..., ...)` of the same numbers returns the concentrations.
    echo_time_s : float, optional
        TE (s); that of the basis by default.
    dwell_s, points : float, int, optional
        Sampling of the result; that of the basis by default.
    name : str
        Name of the spectrum.

    Returns
    -------
    Spectrum
        In the storage convention.

    Raises
    ------
    UnknownNameError
        If a concentration names no element.
    InputError
        If noise is asked for without a generator, or tissue without TE and TR.
    """
    dwell, count = basis.dwell_s if dwell_s is None else dwell_s, basis.points if points is None else points
    echo = basis.echo_time_s if echo_time_s is None else echo_time_s
    amplitudes = _amplitudes(basis, concentrations)
    if tissue is not None:
        amplitudes = amplitudes * _weights(basis, tissue, relaxation, repetition_time_s, echo)
    time_s = np.arange(count, dtype=float) * dwell
    fids = resample(basis.fids, basis.dwell_s, new_dwell_s=dwell, points=count)
    narrow = np.exp(decay_exponent(lorentz_gamma(lorentz_hz), gauss_variance(gauss_hz), time_s))
    wide = np.exp(decay_exponent(0.0, gauss_variance(broad_gauss_hz), time_s))
    fid = (amplitudes * ~basis.broad) @ fids * narrow + (amplitudes * basis.broad) @ fids * wide
    fid = fid * np.exp(1j * np.radians(phase_deg) + 2j * np.pi * shift_hz * time_s)
    if delay_s:
        fid = np.fft.ifft(np.fft.fft(fid) * np.exp(-2j * np.pi * np.fft.fftfreq(count, dwell) * delay_s))
    if baseline is not None:
        fid = fid + np.asarray(baseline)
    return Spectrum(
        fid + _noise(count, noise_sd, rng), dwell_s=dwell, larmor_mhz=basis.larmor_mhz, echo_time_s=echo,
        repetition_time_s=repetition_time_s, reference_ppm=basis.reference_ppm, nucleus=basis.nucleus, name=name,
    )  # fmt: skip


@checked_arguments
def simulate_water(  # noqa: PLR0913 - keywords of one spectrum
    *,
    tissue: Tissue,
    dwell_s: float,
    points: int,
    larmor_mhz: float,
    echo_time_s: float,
    repetition_time_s: float,
    relaxation: str | Relaxation = "default",
    proton_amplitude: float = 1.0,
    lorentz_hz: float = 3.0,
    gauss_hz: float = 4.0,
    phase_deg: float = 0.0,
    shift_hz: float = 0.0,
    noise_sd: float = 0.0,
    rng: np.random.Generator | None = None,
    name: str = "simulated water",
) -> Spectrum:
    """Return the unsuppressed water of a voxel, on the scale of `simulate(..., tissue=tissue)`.

    Parameters
    ----------
    tissue : Tissue
        Volume fractions.
    dwell_s, points, larmor_mhz : float, int, float
        Sampling (s), points and frequency (MHz).
    echo_time_s, repetition_time_s : float
        TE and TR (s).
    relaxation : str or Relaxation
        As for `quantify`.
    proton_amplitude : float
        That of the basis with which the metabolites are simulated.
    lorentz_hz, gauss_hz, phase_deg, shift_hz, noise_sd, rng, name
        As for `simulate`.

    Returns
    -------
    Spectrum
        One Voigt line at the reference, of amplitude 2 x 55510 x sum(g R): one unit a proton and mmol per kg water.
    """
    times = relaxation if isinstance(relaxation, Relaxation) else relaxation_set(relaxation, larmor_mhz)
    timing = Timing(repetition_time_s, echo_time_s)
    shares = tissue.water_fractions()
    signal = sum(shares[key] * timing.signal(times.water[key]) for key in shares)
    time_s = np.arange(points, dtype=float) * dwell_s
    exponent = decay_exponent(lorentz_gamma(lorentz_hz), gauss_variance(gauss_hz), time_s)
    fid = 2.0 * WATER_MOLALITY * signal * proton_amplitude * np.exp(exponent)
    fid = fid * np.exp(1j * np.radians(phase_deg) + 2j * np.pi * shift_hz * time_s)
    return Spectrum(
        fid + _noise(points, noise_sd, rng), dwell_s=dwell_s, larmor_mhz=larmor_mhz, echo_time_s=echo_time_s,
        repetition_time_s=repetition_time_s, name=name,
    )  # fmt: skip


def _amplitudes(basis: Basis, concentrations: Mapping[str, float]) -> FloatArray:
    for key in concentrations:
        if key not in basis.names:
            raise unknown_name(key, basis.names, kind="basis element")
    return np.array([float(concentrations.get(key, 0.0)) for key in basis.names])


def _weights(
    basis: Basis, tissue: Tissue, relaxation: str | Relaxation, repetition: float | None, echo: float | None
) -> FloatArray:
    """Return (1 - g_CSF) R for each element: what a voxel with CSF and relaxation leaves of its signal."""
    values: dict[str, Any] = {"repetition_time_s": repetition, "echo_time_s": echo}
    for key, value in values.items():
        if value is None:
            msg = f"{key} is missing; a concentration in tissue relaxes. Give {key}=... in seconds."
            raise InputError(msg)
    times = relaxation if isinstance(relaxation, Relaxation) else relaxation_set(relaxation, basis.larmor_mhz)
    timing = Timing(**values)
    inside = 1.0 - tissue.water_fractions()["csf"]
    left = [1.0 if key in basis.macromolecules else timing.signal(times.metabolite(key)) for key in basis.names]
    return inside * np.array(left)


def _noise(points: int, sd: float, rng: np.random.Generator | None) -> ComplexArray:
    if not (math.isfinite(sd) and sd >= 0.0):
        msg = f"noise_sd is {sd}; it must be zero or positive"
        raise InputError(msg)
    if sd == 0.0:
        return np.zeros(points, dtype=complex)
    if rng is None:
        msg = "noise_sd is positive but rng is missing; give rng=numpy.random.default_rng(seed)"
        raise InputError(msg)
    return np.asarray(sd * (rng.standard_normal(points) + 1j * rng.standard_normal(points)), dtype=complex)
