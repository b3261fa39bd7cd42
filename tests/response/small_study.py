"""A small study as text tables that a test can spoil before they are written and read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurochem.response import Cohort, read_cohort

Rows = list[dict[str, str]]
MARKERS = (("BPND", "midbrain", "", "SRTM", 3.2, 0.40, 0.10), ("Glx", "voxel", "mmol/kg", "LCM", 11.0, 0.9, 0.5))


@dataclass
class SmallStudy:
    """Tables of twelve patients (two arms, two sites) and two controls, seen at baseline and week 8."""

    participants: Rows = field(default_factory=list)
    sessions: Rows = field(default_factory=list)
    madrs: Rows = field(default_factory=list)
    hamd17: Rows = field(default_factory=list)
    markers: Rows = field(default_factory=list)
    folder: Path = Path()

    @property
    def bids(self) -> Path:
        return self.folder / "bids"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def write(self, folder: Path) -> "SmallStudy":
        self.folder = folder
        for path, rows in (
            (self.bids / "participants.tsv", self.participants),
            (self.bids / "sessions.tsv", self.sessions),
            (self.bids / "phenotype" / "madrs.tsv", self.madrs),
            (self.bids / "phenotype" / "hamd17.tsv", self.hamd17),
            (self.out / "markers.tsv", self.markers),
        ):
            write_tsv(path, rows)
        return self

    def read(self, folder: Path) -> Cohort:
        self.write(folder)
        return read_cohort(self.bids, self.out)


def write_tsv(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(rows[0])] + ["\t".join(row.values()) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def small_study(rng: np.random.Generator, patients: int = 12, slope: float = -8.0) -> SmallStudy:
    """Return a study in which the MADRS at week 8 falls by `slope` points per unit of true midbrain BPND."""
    study = SmallStudy()
    for index in range(patients + 2):
        name = f"sub-{index + 1:02d}"
        arm = "n/a" if index >= patients else ("placebo", "ssri")[index % 2]
        study.participants.append(
            {
                "participant_id": name, "age": str(20 + 2 * index), "sex": "FM"[(index // 2) % 2],
                "site": "AB"[(index // 3) % 2], "group": "control" if index >= patients else "patient", "arm": arm,
            }
        )  # fmt: skip
        _add_visits(study, name, slope, arm == "ssri", rng)
    return study


def _add_visits(study: SmallStudy, name: str, slope: float, treated: bool, rng: np.random.Generator) -> None:
    true = {marker: mean + spread * rng.standard_normal() for marker, _, _, _, mean, spread, _ in MARKERS}
    baseline = round(30 + 4 * rng.standard_normal())
    endpoint = round(14 + 0.6 * (baseline - 30) + slope * (true["BPND"] - 3.2) - 4 * treated + rng.standard_normal())
    for visit, week, score in (("baseline", "0", baseline), ("week8", "8", int(np.clip(endpoint, 0, 60)))):
        key = {"participant_id": name, "session_id": f"ses-{visit}"}
        study.sessions.append({**key, "visit": visit, "week": week})
        study.madrs.append({**key, "score": str(score)})
        study.hamd17.append({**key, "score": str(round(0.75 * score))})
        for marker, region, unit, model, _, spread, se in MARKERS:
            drift = 0.3 * spread * rng.standard_normal() if week == "8" else 0.0
            value = true[marker] + drift + se * rng.standard_normal()
            study.markers.append(
                {
                    **key, "marker": marker, "region": region, "value": f"{value:.6f}", "se": f"{se}", "unit": unit,
                    "model": model, "se_source": "fit" if model == "SRTM" else "crlb", "qc": "ok", "qc_reason": "n/a",
                }
            )  # fmt: skip


def edit(rows: Rows, index: int, **cells: str) -> None:
    rows[index] = {**rows[index], **cells}


Spoil = Callable[[SmallStudy], None]
