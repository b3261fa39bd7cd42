"""Estimates of a phantom study beside the truth it was made from."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, MissingFileError
from neurochem.naming import MISSING
from neurochem.results import Estimate, ResultSet
from neurochem.study.derivatives import read_rows

TRUTH_FOLDER = "derivatives/truth"
_KEY = ("participant_id", "session_id", "marker", "region")


@dataclass(frozen=True, slots=True)
class MarkerScore:
    """How one marker of one region did over all scans.

    Attributes
    ----------
    marker, region, unit : str
        What was estimated.
    scans, usable : int
        Scans with a known truth, and those with a value.
    mean_truth, mean_estimate, bias, rmse, mean_stderr : float
        Over the usable scans, in the unit of the marker.
    within : int
        Usable scans whose estimate lies within three of its own standard errors of the truth.
    """

    marker: str
    region: str
    unit: str
    scans: int
    usable: int
    mean_truth: float
    mean_estimate: float
    bias: float
    rmse: float
    mean_stderr: float
    within: int


@dataclass(frozen=True, slots=True)
class PlantedEffect:
    """One effect that the outcome was made with, and what the run found.

    Attributes
    ----------
    marker, region, at, unit : str
        What the outcome depends on.
    truth : float
        The slope it was made with.
    estimate : Estimate or None
        The slope that was found; None when the configuration did not ask for it.
    """

    marker: str
    region: str
    at: str
    unit: str
    truth: float
    estimate: Estimate | None

    @property
    def covered(self) -> bool:
        """Whether the 95 % interval holds the truth."""
        if self.estimate is None:
            return False
        low, high = self.estimate.interval(0.95)
        return low <= self.truth <= high


def score_markers(bids_dir: Path, out_dir: Path) -> list[MarkerScore]:
    """Return one score a marker and region, in the order of the markers table.

    Parameters
    ----------
    bids_dir : Path
        Phantom study with `derivatives/truth/markers.tsv`.
    out_dir : Path
        Results with `markers.tsv`.

    Raises
    ------
    MissingFileError
        If the study holds no truth.
    """
    truth = {
        tuple(row[key] for key in _KEY): float(row["value"]) for row in read_rows(_truth_file(bids_dir, "markers.tsv"))
    }
    groups: dict[tuple[str, str], list[tuple[Mapping[str, str], float]]] = {}
    for row in read_rows(out_dir / "markers.tsv"):
        key = tuple(row[name] for name in _KEY)
        if key in truth:
            groups.setdefault((row["marker"], row["region"]), []).append((row, truth[key]))
    return [_score(key, pairs) for key, pairs in groups.items()]


def _truth_file(bids_dir: Path, name: str) -> Path:
    file = bids_dir / TRUTH_FOLDER / name
    if not file.is_file():
        msg = f"{file}: no such file; only a study that neurochem.phantoms made has its truth beside it"
        raise MissingFileError(msg)
    return file


def _score(key: tuple[str, str], pairs: Sequence[tuple[Mapping[str, str], float]]) -> MarkerScore:
    usable = [(float(row["value"]), _number(row["se"]), true) for row, true in pairs if row["value"] != MISSING]
    table = np.array(usable, dtype=float).reshape(-1, 3)
    estimate, stderr, true = table.T
    error = estimate - true
    empty = math.nan
    return MarkerScore(
        marker=key[0],
        region=key[1],
        unit=pairs[0][0]["unit"].replace(MISSING, ""),
        scans=len(pairs),
        usable=len(usable),
        mean_truth=float(true.mean()) if usable else empty,
        mean_estimate=float(estimate.mean()) if usable else empty,
        bias=float(error.mean()) if usable else empty,
        rmse=float(np.sqrt(np.mean(error**2))) if usable else empty,
        mean_stderr=float(stderr.mean()) if usable else empty,
        within=int(np.count_nonzero(np.abs(error) <= 3.0 * stderr)),
    )


def _number(text: str) -> float:
    return math.nan if text == MISSING else float(text)


def planted_effects(bids_dir: Path, results: ResultSet) -> list[PlantedEffect]:
    """Return every effect that the study's outcome was made with beside the association that was found.

    Raises
    ------
    MissingFileError, FileFormatError
        If the study holds no truth, or the file does not list its effects.
    """
    file = _truth_file(bids_dir, "truth.json")
    try:
        planted = json.loads(file.read_text(encoding="utf-8"))["Planted"]
        return [_planted(record, results) for record in planted]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{file}: field 'Planted' must list marker, region, at, outcome, slope and unit of every effect ({error})"
        raise FileFormatError(msg) from error


def _planted(record: Mapping[str, Any], results: ResultSet) -> PlantedEffect:
    names = ("marker", "region", "at", "outcome")
    found = [fit for fit in results.values() if all(fit.settings.get(name) == record[name] for name in names)]
    return PlantedEffect(
        marker=record["marker"],
        region=record["region"],
        at=record["at"],
        unit=record["unit"],
        truth=float(record["slope"]),
        estimate=found[0]["slope"] if found and not found[0].failed else None,
    )
