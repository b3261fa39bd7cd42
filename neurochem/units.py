"""The only place where units are converted.

Inside the package times of frames are seconds, kinetics run in minutes, activity is kBq/mL, shifts are ppm and
frequencies Hz. Every conversion happens once, at the door, through this table.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurochem.errors import UnitError

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
BoolArray = NDArray[np.bool_]

# How many seconds, kBq/mL or MBq one of the unit holds.
_SECONDS = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6,
    "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
_KBQ_PER_ML = {
    "Bq/mL": 1e-3, "kBq/mL": 1.0, "MBq/mL": 1e3, "nCi/mL": 0.037, "uCi/mL": 37.0, "µCi/mL": 37.0,
    "Bq/cc": 1e-3, "kBq/cc": 1.0, "nCi/cc": 0.037, "uCi/cc": 37.0, "kBq/cm3": 1.0, "Bq/cm3": 1e-3,
}  # fmt: skip
_MBQ = {
    "Bq": 1e-6,
    "kBq": 1e-3,
    "MBq": 1.0,
    "GBq": 1e3,
    "nCi": 37e-6,
    "uCi": 0.037,
    "µCi": 0.037,
    "mCi": 37.0,
    "Ci": 37e3,
}
_DIMENSIONS: dict[str, dict[str, float]] = {
    "time": _SECONDS, "activity concentration": _KBQ_PER_ML, "activity": _MBQ,
}  # fmt: skip

SECONDS_PER_MINUTE = 60.0


def _factor(unit: str, dimension: str, where: str) -> float:
    table = _DIMENSIONS[dimension]
    folded = {name.casefold(): factor for name, factor in table.items()}
    factor = folded.get(str(unit).strip().casefold())
    if factor is None:
        place = f"{where}: " if where else ""
        msg = f"{place}unit '{unit}' is not a unit of {dimension}; allowed: {', '.join(table)}. State the data's unit."
        raise UnitError(msg)
    return factor


def to_seconds(values: ArrayLike, unit: str, *, where: str = "") -> FloatArray:
    """Return times in seconds.

    Parameters
    ----------
    values : array_like
        Times in `unit`.
    unit : str
        "s", "ms", "us", "min" or "h".
    where : str, optional
        File and field, for the message of an error.

    Returns
    -------
    array of the same shape
        Seconds.

    Raises
    ------
    UnitError
        If the unit is not a unit of time.
    """
    return np.asarray(values, dtype=float) * _factor(unit, "time", where)


def to_kbq_per_ml(values: ArrayLike, unit: str, *, where: str = "") -> FloatArray:
    """Return activity concentrations in kBq/mL; parameters as for `to_seconds`."""
    return np.asarray(values, dtype=float) * _factor(unit, "activity concentration", where)


def to_mbq(values: ArrayLike, unit: str, *, where: str = "") -> FloatArray:
    """Return activities (an injected dose) in MBq; parameters as for `to_seconds`."""
    return np.asarray(values, dtype=float) * _factor(unit, "activity", where)


def activity_factor(unit: str, *, where: str = "") -> float:
    """Return how many kBq/mL one `unit` is, for data too large to convert at once."""
    return _factor(unit, "activity concentration", where)


def is_unit(unit: Any, dimension: str) -> bool:
    """Say whether `unit` is a known unit of "time" or "activity concentration"."""
    return str(unit).strip().casefold() in {name.casefold() for name in _DIMENSIONS[dimension]}


def seconds_to_minutes(values: ArrayLike) -> FloatArray:
    """Return minutes, the unit of time of every rate constant."""
    return np.asarray(values, dtype=float) / SECONDS_PER_MINUTE


def minutes_to_seconds(values: ArrayLike) -> FloatArray:
    """Return seconds."""
    return np.asarray(values, dtype=float) * SECONDS_PER_MINUTE
