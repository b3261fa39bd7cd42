"""A model card: the whole model as numbers in JSON, with what it is for and what it was made from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from neurochem.errors import FileFormatError, InputError, MissingFileError, unknown_name
from neurochem.naming import write_text
from neurochem.records import plain
from neurochem.response.prediction.prediction_table import encode_predictors
from neurochem.units import FloatArray

_NAME, _VERSION = "neurochem-model", 1
_FORMAT = f"{_NAME}-{_VERSION}"
NOT_FOR_CARE = "Not a medical device. Not tested for decisions about the care of any person."
# A copy of the training rows that was rounded or converted on the way is still known by most of its rows.
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A frozen linear or logistic model and everything needed to use and to judge it.

    Attributes
    ----------
    outcome : str
        What is predicted, as one reads it.
    binary : bool
        Whether the prediction is a risk or a number in `unit`.
    unit : str
        Unit of the prediction; "" for a risk.
    predictors : tuple of str
        Columns after coding, in the order of the arrays below.
    columns : tuple of str
        Columns that a table must have.
    levels : mapping of str to tuple of str
        Levels of the text columns, the reference first.
    fill, centre, scale, slopes : tuple of float
        Value for a missing cell, mean and SD of the training rows, and slope per SD.
    intercept : float
        Prediction (log-odds) for somebody at the centre.
    penalty : float
        Ridge penalty that the inner folds chose.
    ranges : tuple of (low, high)
        Smallest and largest value of each predictor in training.
    harmonisation : mapping
        Empty, or what was done in training about sites; a harmonised model cannot be moved to a new site as it stands.
    training : mapping
        People, events, sites, age and sex, missing values: a summary without anybody's data.
    digests : tuple of str
        Hashes of the training rows, so that an external validation in the same people can be refused.
    performance : mapping
        Out-of-sample measures from the development (value, low95, high95), and "by group" those by sex and age.
    intended_use, warning : str
        What it is for, and what not.
    versions, settings : mapping
        Software, and every choice.
    """

    outcome: str
    binary: bool
    unit: str
    predictors: tuple[str, ...]
    columns: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    fill: tuple[float, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    slopes: tuple[float, ...]
    intercept: float
    penalty: float
    ranges: tuple[tuple[float, float], ...]
    training: Mapping[str, Any]
    digests: tuple[str, ...] = field(repr=False)
    performance: Mapping[str, Any]
    intended_use: str
    harmonisation: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    warning: str = NOT_FOR_CARE

    def design(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the coded predictors of new people, missing values as NaN.

        Raises
        ------
        UnknownNameError
            If a column is not in the table, or a text is a level that training did not have.
        """
        if not isinstance(table, pd.DataFrame):
            msg = f"the new patients are a {type(table).__name__}; give a DataFrame with the columns {', '.join(self.columns)}"
            raise InputError(msg)
        for name in self.columns:
            if name not in table.columns:
                raise unknown_name(name, map(str, table.columns), kind="predictor of the model in the table")
        raw = table[list(self.columns)].reset_index(drop=True)
        coded, _ = encode_predictors(raw, self.levels)
        for name in self.predictors:
            if name not in coded.columns or np.isinf(coded[name].to_numpy(dtype=float)).any():
                msg = f"predictor '{name}' holds text where training had numbers, or an infinite value; give numbers, NaN where "
                msg += "one is missing"
                raise InputError(msg)
        return coded[list(self.predictors)]

    def linear(self, table: pd.DataFrame) -> FloatArray:
        """Return log-odds (or the predicted number) of every row, shape (n,)."""
        values = self.design(table).to_numpy(dtype=float)
        filled = np.where(np.isnan(values), np.array(self.fill), values)
        return self.intercept + (filled - np.array(self.centre)) / np.array(self.scale) @ np.array(self.slopes)

    def predict(self, table: pd.DataFrame) -> FloatArray:
        """Return risks between 0 and 1, or the predicted outcome in `unit`, shape (n,)."""
        linear = self.linear(table)
        return np.asarray(special.expit(linear)) if self.binary else linear

    def equation(self) -> pd.DataFrame:
        """Return the model in the predictors' own units: term and coefficient, the intercept first."""
        raw = np.array(self.slopes) / np.array(self.scale)
        first = self.intercept - float(raw @ np.array(self.centre))
        return pd.DataFrame({"term": ["intercept", *self.predictors], "coefficient": [first, *raw.tolist()]})

    def outside(self, table: pd.DataFrame) -> pd.Series:
        """Return how many rows lie beyond the training range, by predictor."""
        values = self.design(table)
        low, high = np.array(self.ranges).T
        beyond = (values.to_numpy() < low) | (values.to_numpy() > high)
        return pd.Series(beyond.sum(axis=0), index=list(self.predictors))

    def save(self, path: str | Path) -> Path:
        """Write the card as JSON, which holds numbers and words only, and return the path."""
        record = {"format": _FORMAT, **plain(asdict(self))}
        record["checksum"] = _checksum(record)
        return write_text(path, json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "ModelCard":
        """Return the card of a file.

        Raises
        ------
        MissingFileError, FileFormatError
            If there is no such file, it holds something else, a newer version wrote it, or it was changed after it was
            saved. The checksum tells accidents and edits by hand; it is no signature.
        """
        file = Path(path)
        if not file.is_file():
            msg = f"{file}: there is no such model card; give the path of a file that ModelCard.save wrote"
            raise MissingFileError(msg)
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            msg = f"{file}: not JSON ({error}); give a file that ModelCard.save wrote"
            raise FileFormatError(msg) from None
        _check_format(file, record)
        try:
            return cls._from_record(file, record)
        except (TypeError, ValueError, AttributeError) as error:
            msg = f"{file}: a field holds what it cannot hold ({error}); the card is not whole, save the model again"
            raise FileFormatError(msg) from None

    @classmethod
    def _from_record(cls, file: Path, record: dict[str, Any]) -> "ModelCard":
        for name in ("predictors", "columns", "digests"):
            record[name] = tuple(map(str, record[name]))
        size = len(record["predictors"])
        for name in ("fill", "centre", "scale", "slopes", "ranges"):
            if len(record[name]) != size:
                msg = (
                    f"{file}: field '{name}' has {len(record[name])} values for {size} predictors; save the model again"
                )
                raise FileFormatError(msg)
        for name in ("fill", "centre", "scale", "slopes"):
            record[name] = tuple(map(_finite, record[name]))
        record["ranges"] = tuple((_finite(low), _finite(high)) for low, high in record["ranges"])
        record["levels"] = {key: tuple(levels) for key, levels in record["levels"].items()}
        record["intercept"], record["penalty"] = _finite(record["intercept"]), _finite(record["penalty"])
        return cls(**{name: record[name] for name in cls.__dataclass_fields__})


def _finite(value: Any) -> float:
    number = float(value)
    if not np.isfinite(number):
        msg = f"{number} is not a finite number"
        raise ValueError(msg)
    return number


def _checksum(record: Mapping[str, Any]) -> str:
    """Return the hash of everything in a record but its checksum."""
    rest = {key: value for key, value in record.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _check_format(file: Path, record: Any) -> None:
    """Refuse what is not a whole card of this version, as it was saved.

    Raises
    ------
    FileFormatError
        With what is wrong and what to do.
    """
    given = str(record.get("format", "")) if isinstance(record, dict) else ""
    name, _, number = given.rpartition("-")
    if name != _NAME or not number.isdigit():
        msg = f"{file}: field 'format' is not '{_FORMAT}'; give a file that ModelCard.save wrote"
        raise FileFormatError(msg)
    if int(number) != _VERSION:
        msg = f"{file}: field 'format' is '{given}', and this neurochem reads '{_FORMAT}'. Use the neurochem that saved it, or "
        raise FileFormatError(msg + "save the model again with this one")
    for name in (*ModelCard.__dataclass_fields__, "checksum"):
        if name not in record:
            msg = f"{file}: field '{name}' is missing; the card is not whole, save the model again"
            raise FileFormatError(msg)
    if record["checksum"] != _checksum(record):
        msg = f"{file}: the numbers are not those that were saved (field 'checksum' does not fit); a model that was changed was "
        raise FileFormatError(msg + "never validated. Get the card from its source again")


def row_digests(design: pd.DataFrame) -> tuple[str, ...]:
    """Return a hash of each row of coded predictors; rows with nothing known give none."""
    names = sorted(map(str, design.columns))
    rows = []
    for values in design[names].to_numpy(dtype=float):
        if np.isfinite(values).sum() < 2:
            continue
        text = "|".join("nan" if np.isnan(v) else f"{v:.{_DIGITS}g}" for v in values)
        rows.append(hashlib.sha256(f"{','.join(names)}|{text}".encode()).hexdigest()[:24])
    return tuple(sorted(rows))


def refuse_known_rows(card: ModelCard, design: pd.DataFrame) -> None:
    """Refuse to call a test external when its rows trained the model.

    Raises
    ------
    InputError
        With the number of rows that were in training.
    """
    digests = row_digests(design)
    again = sum(digest in set(card.digests) for digest in digests)
    # a few equal rows are chance where predictors are coarse; most of them are not
    if again > 0.2 * max(1, len(digests)):
        msg = f"leakage: {again} of {len(design)} rows trained this model, so this is no external validation. Give patients of "
        msg += "another study or site; for the training patients the out-of-sample measures are on the card"
        raise InputError(msg)
