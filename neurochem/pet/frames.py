"""The frames of a dynamic scan, in seconds after injection."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import FrameTimingError
from neurochem.units import BoolArray, FloatArray, seconds_to_minutes

# Clock readings are rounded: frames that meet within a millisecond touch.
_TOUCH_S = 1e-3


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of a scan: each reports the mean over its duration.

    Parameters
    ----------
    start_s, duration_s : array_like, shape (n_frames,)
        Start after injection and duration, in seconds. Gaps, a late first frame and frames of zero length are allowed;
        overlaps, negative durations and times before injection are not.
    where : str
        File the times came from, for messages.

    Raises
    ------
    FrameTimingError
        If the times cannot be those of a scan; the message names frame, value and field.
    """

    start_s: FloatArray
    duration_s: FloatArray
    where: str = field(default="", repr=False)

    @checked_arguments
    def __init__(self, start_s: ArrayLike, duration_s: ArrayLike, *, where: str = "") -> None:
        start, duration = np.array(start_s, dtype=float), np.array(duration_s, dtype=float)
        place = f"{where}: " if where else ""
        _check_shape(start, duration, place)
        _check_times(start, duration, place)
        # edges that meet but for rounding are made to meet exactly
        end = start + duration
        touching = np.abs(start[1:] - end[:-1]) <= _TOUCH_S
        end[:-1][touching] = start[1:][touching]
        duration = np.where(duration > 0, end - start, 0.0)
        for array in (start, duration):
            array.setflags(write=False)
        object.__setattr__(self, "start_s", start)
        object.__setattr__(self, "duration_s", duration)
        object.__setattr__(self, "where", where)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.start_s)

    @property
    def end_s(self) -> FloatArray:
        """End of each frame in seconds after injection."""
        return self.start_s + self.duration_s

    @property
    def mid_s(self) -> FloatArray:
        """Middle of each frame in seconds after injection."""
        return self.start_s + 0.5 * self.duration_s

    @property
    def start_min(self) -> FloatArray:
        """Start of each frame in minutes."""
        return seconds_to_minutes(self.start_s)

    @property
    def end_min(self) -> FloatArray:
        """End of each frame in minutes."""
        return seconds_to_minutes(self.end_s)

    @property
    def mid_min(self) -> FloatArray:
        """Middle of each frame in minutes."""
        return seconds_to_minutes(self.mid_s)

    @property
    def duration_min(self) -> FloatArray:
        """Duration of each frame in minutes."""
        return seconds_to_minutes(self.duration_s)

    @property
    def measured(self) -> BoolArray:
        """Frames that hold a measurement: those longer than zero."""
        return self.duration_s > 0

    def select(self, keep: ArrayLike) -> "Frames":
        """Return the chosen frames."""
        return Frames(self.start_s[np.asarray(keep)], self.duration_s[np.asarray(keep)], where=self.where)

    def gaps_s(self) -> list[tuple[float, float]]:
        """Return (start, end) of every stretch from injection to the last frame that no frame covers."""
        measured = self.measured
        start, end = self.start_s[measured], self.end_s[measured]
        before = np.concatenate([[0.0], end[:-1]])
        return [(float(a), float(b)) for a, b in zip(before, start, strict=True) if b - a > _TOUCH_S]


def _check_shape(start: FloatArray, duration: FloatArray, place: str) -> None:
    if start.ndim != 1 or start.shape != duration.shape or start.size == 0:
        msg = (
            f"{place}{start.size} frame starts and {duration.size} durations; give one start and one duration a frame "
            "(FrameTimesStart and FrameDuration, or frame_start and frame_end)"
        )
        raise FrameTimingError(msg)
    for name, values in (("start", start), ("duration", duration)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            msg = f"{place}{name} of frame {bad[0] + 1} is {values[bad[0]]}; give a finite number of seconds"
            raise FrameTimingError(msg)


def _check_times(start: FloatArray, duration: FloatArray, place: str) -> None:
    negative = np.flatnonzero(duration < 0)
    if negative.size:
        i = negative[0]
        msg = (
            f"{place}duration of frame {i + 1} is {duration[i]:g} s; it must not be negative. "
            "Check FrameDuration (or frame_end against frame_start)."
        )
        raise FrameTimingError(msg)
    if start[0] < -_TOUCH_S:
        msg = (
            f"{place}frame 1 starts at {start[0]:g} s, before injection; times count from injection. "
            "Check FrameTimesStart, TimeZero and InjectionStart."
        )
        raise FrameTimingError(msg)
    early = np.flatnonzero(start[1:] < start[:-1] + duration[:-1] - _TOUCH_S)
    if early.size:
        i = early[0] + 1
        msg = (
            f"{place}frame {i + 1} starts at {start[i]:g} s, before frame {i} ends at {start[i - 1] + duration[i - 1]:g} s; "
            "frames must not overlap. Check FrameTimesStart and FrameDuration (or frame_start and frame_end)."
        )
        raise FrameTimingError(msg)
    if not (duration > 0).any():
        msg = f"{place}every frame has zero duration; give FrameDuration in seconds"
        raise FrameTimingError(msg)
