"""Shift and phase of transients by correlation with a reference, in time (spectral registration)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.units import BoolArray, ComplexArray, FloatArray

# Register(fids, references) -> shift (Hz) and phase (radian); references (n_points,) or one a transient.
Register = Callable[[ComplexArray, ComplexArray], tuple[FloatArray, FloatArray]]
Weigh = Callable[[ComplexArray, ComplexArray], FloatArray]

_OVERSAMPLED, _NEWTON_STEPS = 4, 5
_STILL_HZ, _STILL_RAD = 0.01, 0.002


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Shifts and phases of transients.

    Attributes
    ----------
    shift_hz, phase_rad : array, shape (n_transients,)
        How much each is off: transient = reference x exp(i (2 pi shift t + phase)).
    weights : array, shape (n_transients,)
        With which each entered the last reference; they sum to one.
    rounds : int
        How often all were registered.
    """

    shift_hz: FloatArray
    phase_rad: FloatArray
    weights: FloatArray
    rounds: int

    def corrected(self, fids: ComplexArray, dwell_s: float) -> ComplexArray:
        """Return FIDs, shape (n_transients, n_points), with shift and phase taken out."""
        return fids * np.exp(-1j * self.angle(fids.shape[-1], dwell_s))

    def angle(self, points: int, dwell_s: float) -> FloatArray:
        """Return 2 pi shift t + phase, shape (n_transients, points)."""
        turns = 2.0 * np.pi * self.shift_hz[:, None] * (np.arange(points) * dwell_s)
        return turns + self.phase_rad[:, None]


def register(
    fids: ComplexArray, references: ComplexArray, *, dwell_s: float, max_shift_hz: float
) -> tuple[FloatArray, FloatArray]:
    """Return the shift and the phase of each FID against a reference.

    Parameters
    ----------
    fids : complex array, shape (n_transients, n_points)
        Transients.
    references : complex array, shape (n_points,) or (n_transients, n_points)
        What they should look like.
    dwell_s, max_shift_hz : float
        Sampling (s), and the largest shift that is searched (Hz).

    Returns
    -------
    shift_hz, phase_rad : array, shape (n_transients,)
        The minimum of sum |s(t) exp(-i (2 pi f t + phi)) - r(t)|^2.

    Notes
    -----
    With C(f) = sum s(t) conj(r(t)) exp(-2 pi i f t) the sum is |s|^2 + |r|^2 - 2 Re(exp(-i phi) C(f)): its minimum over
    phi is at arg C, and over f at the top of |C|.  The top is looked for on the whole grid of a padded FFT, then
    refined by Newton steps, so the result is the global minimum, whatever the start.

    References
    ----------
    Near J (2015), Magn Reson Med 73:44, with the minimisation in closed form.
    """
    product = fids * np.conj(references)
    points = fids.shape[-1]
    padded = 1 << int(np.ceil(np.log2(_OVERSAMPLED * points)))
    frequency = np.fft.fftfreq(padded, dwell_s)
    near = np.flatnonzero(np.abs(frequency) <= max_shift_hz)
    cross = np.abs(np.fft.fft(product, padded, axis=-1)[:, near])
    shift = frequency[near][np.argmax(cross, axis=-1)]
    time_s = np.arange(points) * dwell_s
    moments = np.column_stack([np.ones(points), time_s, time_s**2]).astype(complex)
    step = frequency[1]
    for _ in range(_NEWTON_STEPS):
        turned = product * np.exp(-2j * np.pi * shift[:, None] * time_s)
        zero, first, second = (turned @ moments).T
        slope = 2.0 * np.imag(np.conj(zero) * first)
        bend = 2.0 * (np.abs(first) ** 2 - np.real(np.conj(zero) * second))
        with np.errstate(divide="ignore", invalid="ignore"):
            move = np.where(bend < 0.0, -slope / bend, 0.0) / (2.0 * np.pi)
        shift = np.clip(shift + np.clip(move, -step, step), -max_shift_hz, max_shift_hz)
    turned = product * np.exp(-2j * np.pi * shift[:, None] * time_s)
    return shift, np.angle(turned.sum(axis=-1))


def band_limited(fid: ComplexArray, dwell_s: float, band_hz: tuple[float, float], taper_hz: float) -> ComplexArray:
    """Return FIDs with only what lies in a band, whose edges fall off as a cosine within `taper_hz` outside of it."""
    points = fid.shape[-1]
    frequency = np.fft.fftfreq(2 * points, dwell_s)
    low, high = min(band_hz), max(band_hz)
    outside = np.maximum(np.maximum(low - frequency, frequency - high), 0.0)
    window = 0.5 * (1.0 + np.cos(np.pi * np.minimum(outside / taper_hz, 1.0)))
    return np.fft.ifft(np.fft.fft(fid, 2 * points, axis=-1) * window, axis=-1)[..., :points]


def start_of(fids: ComplexArray, reference: str | ComplexArray) -> ComplexArray:
    """Return the first reference: "first", "median" (the transient most like the median of all), or a FID given.

    Raises
    ------
    InputError
        If the name is another, or the FID has another length.
    """
    if isinstance(reference, str):
        if reference == "first":
            return fids[0]
        if reference == "median":
            middle = np.median(fids.real, axis=0) + 1j * np.median(fids.imag, axis=0)
            return fids[int(np.argmin(np.sum(np.abs(fids - middle) ** 2, axis=-1)))]
        msg = f"reference is '{reference}'; it must be 'first', 'median', or a FID. Choose one."
        raise InputError(msg)
    if reference.shape != (fids.shape[-1],):
        msg = f"the reference has shape {reference.shape}; it must be one FID of {fids.shape[-1]} points."
        raise InputError(msg)
    return reference


def align(
    fids: ComplexArray, register_with: Register, *, dwell_s: float, start: ComplexArray, rounds: int = 1,
    weigh: Weigh | None = None, leave_out: bool = True,
) -> Alignment:  # fmt: skip
    """Register transients, in several rounds against the mean of those of the round before.

    Parameters
    ----------
    fids : complex array, shape (n_transients, n_points)
        Transients.
    register_with : callable
        `register` or its like.
    dwell_s : float
        Sampling (s).
    start : complex array, shape (n_points,)
        Reference of the first round.
    rounds : int
        At most so many; 1 keeps to the first reference.  Ends when no transient moves by 0.01 Hz and 0.1 degree.
    weigh : callable, optional
        Returns the weights of aligned transients in the mean, given them and their reference.
    leave_out : bool
        Take each transient out of its own reference: its noise correlates with itself and would hold it in place.

    Returns
    -------
    Alignment
        Shifts and phases relative to the last reference.
    """
    count = fids.shape[0]
    references: ComplexArray = start
    shift, phase, weights = np.zeros(count), np.zeros(count), np.full(count, 1.0 / count)
    done = 0
    for done in range(1, rounds + 1):
        before = shift, phase
        shift, phase = register_with(fids, references)
        if count == 1 or done == rounds or (done > 1 and _still(before, (shift, phase), weights > 0)):
            break
        aligned = Alignment(shift, phase, weights, done).corrected(fids, dwell_s)
        mean = weights @ aligned
        if weigh is not None:
            weights = weigh(aligned, mean)
            mean = weights @ aligned
        references = mean
        if leave_out and count > 2:
            own = weights[:, None]
            references = (mean - own * aligned) / (1.0 - own)
    return Alignment(shift, phase, weights, done)


def _still(before: tuple[FloatArray, FloatArray], after: tuple[FloatArray, FloatArray], counted: BoolArray) -> bool:
    """Say whether nothing moved, but for what all moved together."""
    moved = (after[0] - before[0])[counted], np.angle(np.exp(1j * (after[1] - before[1])))[counted]
    return bool(
        np.abs(moved[0] - np.median(moved[0])).max() < _STILL_HZ
        and np.abs(moved[1] - np.median(moved[1])).max() < _STILL_RAD
    )
