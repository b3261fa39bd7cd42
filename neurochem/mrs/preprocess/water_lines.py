"""Residual water as one to four lines of Voigt's shape, where sums of exponentials would need many."""

from dataclasses import dataclass, replace

import numpy as np

from neurochem.mrs.preprocess.residual_water import RANK, exponentials
from neurochem.units import BoolArray, ComplexArray, FloatArray

MOST_LINES = 4
# What is left near water may be this many times as strong as what is left of metabolites and noise: exponentials leave
# some of every line that is none, and another line of water would begin to describe that.
ENOUGH = 5.0
_REFINED, _STEPS, _TRIALS = 1, 40, 8
_SETTLED = 1e-7
# Exponents are polynomials in t over this time: about that of a line 3 Hz wide, so that coefficients are near one.
_SCALE_S = 0.1
# Water stands out while it is this share of its top.
_SEEN = 0.02
# Exponentials near water that hold less of the norm than this stand for feet of metabolites.
_LEAST_SHARE = 0.05
_SEARCH_DAMPING = 10.0
_PADDED = 8


@dataclass(frozen=True, slots=True, eq=False)
class WaterLines:
    """Residual water as found.

    Attributes
    ----------
    model : complex array, shape (n_points,)
        Its FID; zero where there is none.
    lines : int
        Of Voigt's shape; 0 where no water stands out.
    leftover : float
        Power left near water over that left of metabolites and noise, a point; one where nothing but noise is left.
    """

    model: ComplexArray
    lines: int
    leftover: float

    @property
    def good(self) -> bool:
        """Whether the lines describe the water, or there is none."""
        return self.lines == 0 or self.leftover <= ENOUGH


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """The data that lines are laid to: what metabolites can be is projected away."""

    fid: ComplexArray
    metabolites: ComplexArray
    time_s: FloatArray
    near: BoolArray
    far: BoolArray

    def seen(self, values: ComplexArray) -> ComplexArray:
        return values - self.metabolites @ (self.metabolites.conj().T @ values)

    def leftover(self, model: ComplexArray) -> float:
        power = np.abs(np.fft.fft(self.seen(self.fid - model))) ** 2
        return float(np.mean(power[self.near]) / max(np.mean(power[self.far]), np.finfo(float).tiny))


def water_lines(
    fid: ComplexArray, dwell_s: float, *, band_hz: tuple[float, float], metabolites_hz: tuple[float, float],
    rank: int = RANK,
) -> WaterLines:  # fmt: skip
    """Return residual water as the fewest lines that leave nothing of it.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        Averaged FID.
    dwell_s : float
        Time between points (s).
    band_hz, metabolites_hz : tuple of float
        Where water is, and where metabolites are (Hz).
    rank : int
        Exponentials that stand for everything else.

    Returns
    -------
    WaterLines
        Sum of exp(a + b t + c t^2) with complex a, b, c: amplitude and phase, place and Lorentzian width, Gaussian width
        and chirp.

    Notes
    -----
    Exponentials outside of the band, found once water is roughly taken out, span the space of the metabolites.  Off that
    space lines are laid to the FID by Gauss-Newton steps (Levenberg-Marquardt): a Lorentzian one, a Voigt one, two, three,
    four, until what is left near water is as weak as elsewhere.  The tail of water beneath the metabolites follows from its
    first point, and that from the shape of the line: exponentials that describe a Gaussian line of 100 times NAA to 0.1 %
    are wrong by 4 % of the metabolites, the two parameters of the Voigt shape by 0.2 %.
    """
    time_s = np.arange(fid.size, dtype=np.float64) * dwell_s
    frequency = np.fft.fftfreq(fid.size, dwell_s)
    near = (frequency >= band_hz[0]) & (frequency <= band_hz[1])
    far = (frequency >= min(metabolites_hz)) & (frequency <= max(metabolites_hz))
    poles, amplitudes = exponentials(fid, rank)
    inside = _inside(poles, dwell_s, band_hz)
    poles, amplitudes = poles[inside], amplitudes[inside]
    model = (poles ** np.arange(fid.size)[:, None]) @ amplitudes
    frame = _Frame(fid, _others(fid - model, dwell_s, band_hz, rank), time_s, near, far)
    nothing = frame.leftover(np.zeros_like(fid))
    if nothing <= ENOUGH or not poles.size or np.linalg.norm(model) < _LEAST_SHARE * np.linalg.norm(fid):
        return WaterLines(np.zeros_like(fid), 0, nothing)
    lines = _fewest(frame, model, _as_lines(poles, amplitudes, dwell_s))
    for _ in range(_REFINED):
        rest = fid - _sum(lines, time_s)
        frame = replace(frame, metabolites=_others(rest, dwell_s, band_hz, rank))
        lines = _laid(frame, lines)
    model = _sum(lines, time_s)
    return WaterLines(model, len(lines), frame.leftover(model))


def _inside(poles: ComplexArray, dwell_s: float, band_hz: tuple[float, float]) -> BoolArray:
    hertz = np.angle(poles) / (2.0 * np.pi * dwell_s)
    return (hertz >= band_hz[0]) & (hertz <= band_hz[1])


def _others(fid: ComplexArray, dwell_s: float, band_hz: tuple[float, float], rank: int) -> ComplexArray:
    """Return an orthonormal basis of all exponentials that are not water."""
    poles = exponentials(fid, rank)[0]
    return np.linalg.qr(poles[~_inside(poles, dwell_s, band_hz)] ** np.arange(fid.size)[:, None])[0]


def _fewest(frame: _Frame, rough: ComplexArray, components: list[ComplexArray]) -> list[ComplexArray]:
    """Return the first lines of the ladder (Lorentz, Voigt, two, three, four) that leave little, else the best."""
    tried: list[tuple[float, list[ComplexArray]]] = []
    for degree in (1, 2):
        lines = _laid(frame, [_one_line(rough, frame.time_s, degree)])
        tried.append((frame.leftover(_sum(lines, frame.time_s)), lines))
        if tried[-1][0] <= ENOUGH:
            return lines
    for count in range(2, MOST_LINES + 1):
        starts = [[*lines, _next_line(frame, lines)], components[:count]]
        laid = [_laid(frame, start) for start in starts if len(start) == count]
        lines = min(laid, key=lambda one: _energy(frame, one))
        tried.append((frame.leftover(_sum(lines, frame.time_s)), lines))
        if tried[-1][0] <= ENOUGH:
            break
    return min(tried, key=lambda one: one[0])[1]


def _one_line(rough: ComplexArray, time_s: FloatArray, degree: int) -> ComplexArray:
    """Return the line whose logarithm is a polynomial through that of a rough water FID, while that stands out."""
    size = np.abs(rough)
    weak = np.flatnonzero(size < _SEEN * size.max())
    last = max(int(weak[0]) if weak.size else size.size, 2 * (degree + 1))
    logarithm = np.log(size[:last]) + 1j * np.unwrap(np.angle(rough[:last]))
    table = np.vander(time_s[:last] / _SCALE_S, degree + 1, increasing=True) * size[:last, None]
    line = np.linalg.lstsq(table, logarithm * size[:last], rcond=None)[0]
    return _decaying(line)


def _as_lines(poles: ComplexArray, amplitudes: ComplexArray, dwell_s: float) -> list[ComplexArray]:
    """Return exponentials as lines, the strongest first."""
    order = np.argsort(-(np.abs(amplitudes) ** 2) / np.maximum(1.0 - np.abs(poles), 1e-6))
    rates = np.log(poles) / dwell_s * _SCALE_S
    return [_decaying(np.array([np.log(amplitudes[k]), rates[k], 0.0])) for k in order]


def _next_line(frame: _Frame, lines: list[ComplexArray]) -> ComplexArray:
    """Return a line where the most is left near water."""
    rest = frame.seen(frame.fid - _sum(lines, frame.time_s)) * np.exp(-_SEARCH_DAMPING * frame.time_s)
    points, dwell_s = _PADDED * rest.size, float(frame.time_s[1])
    frequency = np.fft.fftfreq(points, dwell_s)
    seen = np.fft.fftfreq(rest.size, dwell_s)[frame.near]
    inside = (frequency >= seen.min()) & (frequency <= seen.max())
    spectrum = np.fft.fft(rest, points)
    top = int(np.argmax(np.abs(spectrum) * inside))
    amplitude = spectrum[top] * dwell_s * 2.0 * _SEARCH_DAMPING
    rate = 2j * np.pi * frequency[top] - 1.5 * _SEARCH_DAMPING
    return np.array([np.log(amplitude), rate * _SCALE_S, -0.05])


def _decaying(line: ComplexArray) -> ComplexArray:
    """Return a line that cannot grow, to start from."""
    line = line.astype(np.complex128)
    line[1] = min(line[1].real, -0.1) + 1j * line[1].imag
    if line.size > 2:
        line[2] = min(line[2].real, -1e-3) + 1j * line[2].imag
    return line


def _powers(time_s: FloatArray, terms: int) -> FloatArray:
    return np.vander(time_s / _SCALE_S, terms, increasing=True)


def _curve(line: ComplexArray, time_s: FloatArray) -> ComplexArray:
    exponent = _powers(time_s, line.size) @ line
    # a step that went too far must not overflow before it is refused
    return np.exp(np.clip(exponent.real, -700.0, 60.0) + 1j * exponent.imag)


def _sum(lines: list[ComplexArray], time_s: FloatArray) -> ComplexArray:
    return np.sum([_curve(line, time_s) for line in lines], axis=0)


def _energy(frame: _Frame, lines: list[ComplexArray]) -> float:
    rest = frame.seen(frame.fid - _sum(lines, frame.time_s))
    return float(np.vdot(rest, rest).real)


def _laid(frame: _Frame, lines: list[ComplexArray]) -> list[ComplexArray]:
    """Return lines after Levenberg-Marquardt steps; the model is holomorphic in its complex parameters."""
    target, damping = frame.seen(frame.fid), 1e-3
    energy = _energy(frame, lines)
    sizes = np.cumsum([line.size for line in lines])[:-1]
    for _ in range(_STEPS):
        curves = [_curve(line, frame.time_s) for line in lines]
        columns = [curve[:, None] * _powers(frame.time_s, line.size) for curve, line in zip(curves, lines, strict=True)]
        slopes = frame.seen(np.hstack(columns))
        normal = slopes.conj().T @ slopes
        pull = slopes.conj().T @ (target - frame.seen(np.sum(curves, axis=0)))
        scale = np.real(np.diag(normal)) + 1e-9 * float(np.real(np.diag(normal)).max())
        for _ in range(_TRIALS):
            step = np.linalg.solve(normal + damping * np.diag(scale), pull)
            moved = [line + part for line, part in zip(lines, np.split(step, sizes), strict=True)]
            after = _energy(frame, moved)
            if after < energy and not any(_grows(line, frame.time_s) for line in moved):
                break
            damping *= 10.0
        else:
            break
        settled = energy - after < _SETTLED * energy
        lines, energy, damping = moved, after, 0.1 * damping
        if settled:
            break
    return lines


def _grows(line: ComplexArray, time_s: FloatArray) -> bool:
    size = np.abs(_curve(line, time_s))
    return bool(size[-1] > 0.5 * size.max())
