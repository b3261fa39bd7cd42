"""Aligning the sub-spectra of an edited scan to each other, so that what is not edited cancels in their difference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.mrs.lineshape import gauss_variance
from neurochem.mrs.spectra import Spectrum, noise_sd
from neurochem.solve import minimize_least_squares
from neurochem.solve.bounded import Evaluation
from neurochem.units import ComplexArray, FloatArray

REFERENCE = "own robust registration in the frequency domain, after Near 2015, Magn Reson Med 73:44"
# Lines that a named registration uses (ppm): none of them differs between the conditions that it is for.
WINDOWS: dict[str, tuple[tuple[float, float], ...]] = {
    "choline": ((3.12, 3.40), (3.86, 4.00)),
    "naa": ((1.90, 2.15),),
}
# Edited signal next to those windows, whose tails differ: centre (ppm) and Gaussian width (Hz at 3 T).
_EDITED_LINES = {"choline": ((3.03, 20.0), (3.75, 20.0)), "naa": ()}
REACH_PPM = 0.15
# Residuals beyond this many standard deviations lose weight (Cauchy): what editing changes is not noise.
_ROBUST_WIDTH, _REWEIGHTED = 3.0, 6
# Gaussian broadening (Hz) before comparison: noise in the late points would count as slope.
_SMOOTHED_HZ = 2.0
_MAD_TO_SD = 1.4826


@dataclass(frozen=True, slots=True)
class Alignment:
    """By how much a sub-spectrum was moved to lie on another.

    Attributes
    ----------
    shift_hz, phase_deg : float
        The FID is multiplied by exp(2 pi i shift t + i phase).
    shift_stderr_hz, phase_stderr_deg : float
        Standard errors, from the larger of the noise and the misfit.
    artefact : float
        Root mean square of what is left in the windows over the noise that two sub-spectra leave: 1 is ideal.
    """

    shift_hz: float
    phase_deg: float
    shift_stderr_hz: float
    phase_stderr_deg: float
    artefact: float

    def applied(self, spectrum: Spectrum) -> Spectrum:
        """Return the spectrum moved."""
        turn = np.exp(1j * math.radians(self.phase_deg) + 2j * np.pi * self.shift_hz * spectrum.time_s)
        return spectrum.with_fid(spectrum.fid * turn)


@dataclass(frozen=True, slots=True, eq=False)
class _Registration:
    """Two FIDs and the points of their spectra that are compared."""

    moving: ComplexArray
    target: ComplexArray
    time_s: FloatArray
    window: np.ndarray
    smooth: ComplexArray
    decay: FloatArray

    def residual(self, theta: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """Return the difference and its derivative to phase (rad) and shift (Hz), shapes (n,) and (n, 2)."""
        moved = self.moving * np.exp(1j * theta[0] + 2j * np.pi * theta[1] * self.time_s)
        spectra = np.fft.fft(np.array([moved, 2j * np.pi * self.time_s * moved]), axis=1)[:, self.window]
        return spectra[0] - self.target, np.column_stack([1j * spectra[0], spectra[1]])

    def projected(self, theta: FloatArray, root: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return weighted residual and Jacobian, real on imaginary parts, smooth curves taken off."""
        rest, slopes = self.residual(theta)
        basis = np.linalg.qr(root[:, None] * self.smooth)[0]
        rows = root[:, None] * np.column_stack([rest, slopes])
        rows = rows - basis @ (basis.conj().T @ rows)
        stacked = np.concatenate([rows.real, rows.imag])
        return stacked[:, 0], stacked[:, 1:]

    def errors(self, theta: FloatArray, root: FloatArray, sd: float) -> FloatArray:
        """Return standard errors of phase and shift for white noise of that size in each time point's parts."""
        basis = np.linalg.qr(root[:, None] * self.smooth)[0]
        _, slopes = self.projected(theta, root)
        gain = np.linalg.pinv(slopes)
        half = gain.shape[1] // 2
        rows = gain[:, :half] - 1j * gain[:, half:]
        # what the smooth curves take off, and the weights, belong to the gain
        rows = root * (rows - (rows @ basis) @ basis.conj().T)
        spread = np.zeros((2, self.time_s.size), dtype=complex)
        spread[:, self.window] = rows
        return np.asarray(sd * np.linalg.norm(np.fft.fft(spread, axis=1) * self.decay, axis=1))


def align(
    moving: Spectrum,
    target: Spectrum,
    *,
    window: str | Sequence[tuple[float, float]] = "choline",
    offset_ppm: float = 0.0,
) -> Alignment:
    """Return the shift and phase that lay one sub-spectrum on another.

    Parameters
    ----------
    moving, target : Spectrum
        Same sampling and frequency.
    window : str or sequence of (low, high)
        "choline" (3.12 to 3.40 and 3.86 to 4.00 ppm: choline, taurine, inositol, creatine's CH2; for scans edited for GABA),
        "naa" (1.90 to 2.15 ppm; for scans edited for GSH), or ranges in ppm.
    offset_ppm : float
        How far above its stated shift the target lies; the windows move with it.

    Returns
    -------
    Alignment
        To be applied to `moving`.

    Raises
    ------
    UnknownNameError, InputError
        If the window has no such name or holds too few points, or the samplings differ.

    Notes
    -----
    Minimises sum_f w |exp(i phase) M(f; shift) - T(f) - p(f)|^2 over the windows, M the shifted spectrum and p a straight
    complex line in each window, which takes up the tails of NAA and water that differ; for "choline" also the tails
    of GABA and Glx, as Gaussian lines at 3.03 and 3.75 ppm.  Weights are Cauchy's, from the median absolute residual, so that
    a line that editing changes does not pull.  Found within 0.15 ppm.  Without noise, lines of 5 to 10 Hz and other edited
    signal beneath leave an error below 0.05 Hz and 1 degree.
    """
    if moving.points != target.points or not math.isclose(moving.dwell_s, target.dwell_s, rel_tol=1e-9):
        msg = (
            f"{moving.source or moving.name}: {moving.points} points of {moving.dwell_s:g} s against {target.points} of "
            f"{target.dwell_s:g} s; sub-spectra must have one sampling. Check that both belong to one scan."
        )
        raise InputError(msg)
    beside = _EDITED_LINES.get(str(window).casefold(), ()) if isinstance(window, str) else ()
    problem = _registration(moving, target, _ranges(window), offset_ppm, beside)
    noise = (
        math.sqrt(2.0) * max(noise_sd(target), 1e-9 * float(np.abs(problem.target).max())) / math.sqrt(target.points)
    )
    sd = noise * float(np.linalg.norm(problem.decay))
    theta = _start(problem, REACH_PPM * target.larmor_mhz)
    edge = np.array([np.inf, REACH_PPM * target.larmor_mhz])
    weight = np.ones(problem.window.size)
    for _ in range(_REWEIGHTED):
        root = np.sqrt(weight)
        found = minimize_least_squares(_evaluator(problem, root), theta, lower=-edge, upper=edge)
        theta = found.parameters
        rest = _without_smooth(problem, theta)
        scale = max(_MAD_TO_SD * float(np.median(np.abs(rest))), sd)
        weight = 1.0 / (1.0 + (np.abs(rest) / (_ROBUST_WIDTH * scale)) ** 2)
    left, _ = problem.projected(theta, np.sqrt(weight))
    misfit = float(left @ left) / max(left.size - 2 - 2 * problem.smooth.shape[1], 1)
    errors = problem.errors(theta, np.sqrt(weight), noise) * max(1.0, math.sqrt(misfit) / sd)
    phase = float(np.degrees((theta[0] + np.pi) % (2.0 * np.pi) - np.pi))
    size = math.sqrt(float(np.mean(np.abs(rest) ** 2)) / 2.0) / sd
    return Alignment(float(theta[1]), phase, float(errors[1]), float(np.degrees(errors[0])), size)


def _ranges(window: str | Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    if isinstance(window, str):
        if window.casefold() not in WINDOWS:
            raise unknown_name(window, WINDOWS, kind="window of alignment")
        return WINDOWS[window.casefold()]
    return tuple((float(low), float(high)) for low, high in window)


def _registration(
    moving: Spectrum,
    target: Spectrum,
    ranges: Sequence[tuple[float, float]],
    offset_ppm: float,
    beside: Sequence[tuple[float, float]],
) -> _Registration:
    ppm = np.fft.ifftshift(target.ppm) - offset_ppm
    parts = [np.flatnonzero((ppm >= low) & (ppm <= high)) for low, high in ranges]
    window = np.concatenate(parts) if parts else np.zeros(0, dtype=int)
    if window.size < 6 * len(parts) + 4:
        msg = (
            f"{target.source or target.name}: the window {tuple(ranges)} ppm holds {window.size} points; alignment needs more. "
            "Give wider ranges, or a longer FID."
        )
        raise InputError(msg)
    columns = []
    for part in parts:
        inside = np.isin(window, part)
        columns += [inside.astype(complex), np.where(inside, ppm[window] - ppm[part].mean(), 0.0).astype(complex)]
    for place, width in beside:
        hz = (target.reference_ppm - place - offset_ppm) * target.larmor_mhz
        fall = gauss_variance(width * target.larmor_mhz / 127.7) * target.time_s**2
        line = np.fft.fft(np.exp(2j * np.pi * hz * target.time_s - fall))[window]
        columns.append(line / np.abs(line).max())
    decay = np.exp(-gauss_variance(_SMOOTHED_HZ) * target.time_s**2)
    seen = np.fft.fft(target.fid * decay)[window]
    return _Registration(moving.fid * decay, seen, target.time_s, window, np.column_stack(columns), decay)


def _start(problem: _Registration, reach_hz: float) -> FloatArray:
    """Return phase and shift of the largest correlation of the windowed spectra."""
    points = 8 * problem.time_s.size
    one, two = (np.zeros(problem.time_s.size, dtype=complex) for _ in range(2))
    one[problem.window] = np.fft.fft(problem.moving)[problem.window]
    two[problem.window] = problem.target
    product = np.conj(np.fft.ifft(one)) * np.fft.ifft(two)
    correlation = np.fft.fft(product, points)
    frequency = np.fft.fftfreq(points, problem.time_s[1])
    inside = np.flatnonzero(np.abs(frequency) <= reach_hz)
    best = inside[int(np.argmax(np.abs(correlation[inside])))]
    return np.array([float(np.angle(correlation[best])), float(frequency[best])])


def _evaluator(problem: _Registration, root: FloatArray) -> Callable[[FloatArray], Evaluation]:
    def evaluate(theta: FloatArray) -> Evaluation:
        rest, slopes = problem.projected(theta, root)
        return rest, lambda: slopes

    return evaluate


def _without_smooth(problem: _Registration, theta: FloatArray) -> ComplexArray:
    rest = problem.residual(theta)[0]
    basis = np.linalg.qr(problem.smooth)[0]
    return np.asarray(rest - basis @ (basis.conj().T @ rest), dtype=complex)
