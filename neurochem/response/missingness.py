"""Who lacks what: missing scores and scans by arm, site and severity, to be looked at before any model."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.response.cohort import Cohort
from neurochem.response.validation import BASELINE, marker_label

SEVERITY = "baseline severity"


@checked_arguments
def missingness(cohort: Cohort, by: Sequence[str] | None = None) -> pd.DataFrame:
    """Count the patients without each score and each marker at each visit.

    Parameters
    ----------
    cohort : Cohort
        The study.
    by : sequence of str, optional
        Columns of people to split by, and "baseline severity" (halves at the median of the first scale's baseline score);
        by default severity, and arm and site where there are several.

    Returns
    -------
    DataFrame
        One row a measure, visit and level: measure ("madrs", "BPND midbrain"), visit, by, level, patients, missing,
        percent, and reasons ("failed 2, not acquired 1") for markers. The level is "" for all patients together. A visit at
        which nobody has the measure is left out.

    Raises
    ------
    UnknownNameError
        If a column is not one of people.

    Notes
    -----
    Drop-out that goes with arm or severity is not at random. What goes with severity or arm alone can be imputed
    (`associate_imputed`) or modelled on all visits (`regress_trajectory`); what goes with the missing value itself cannot.

    Examples
    --------
    >>> from neurochem.response import simulate_cohort
    >>> table = missingness(simulate_cohort(rng=np.random.default_rng(1)).cohort, by=[])
    >>> table.loc[table["measure"] == "hamd17", ["visit", "missing"]].to_numpy().tolist()[-1]
    ['week8', 16]
    """
    people = cohort.people
    patients = people.loc[people["group"] == "patient"].set_index("participant_id")
    groups = _groups(cohort, patients, by)
    rows = []
    for measure, visit, there, reason in _measures(cohort, patients.index):
        for name, levels in groups.items():
            for level in dict.fromkeys(levels):
                inside = (levels == level).to_numpy()
                gone = inside & ~there
                reasons = Counter(reason[gone]) if reason is not None else Counter()
                rows.append(
                    {
                        "measure": measure, "visit": visit, "by": name, "level": level, "patients": int(inside.sum()),
                        "missing": int(gone.sum()), "percent": 100.0 * gone.sum() / inside.sum(),
                        "reasons": ", ".join(f"{what} {count}" for what, count in reasons.most_common()),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows, columns=["measure", "visit", "by", "level", "patients", "missing", "percent", "reasons"])


def _groups(cohort: Cohort, patients: pd.DataFrame, by: Sequence[str] | None) -> dict[str, pd.Series]:
    """Return the level of each patient in each split, everyone together first."""
    if isinstance(by, str):
        msg = f"by is '{by}'; give a list of names, for example ['arm']"
        raise InputError(msg)
    names = [name for name in ("arm", "site") if len(cohort.levels.get(name, ())) > 1] if by is None else list(by)
    groups = {"": pd.Series("", index=patients.index)}
    for name in names if by is not None else [*names, SEVERITY]:
        if name == SEVERITY:
            groups[name] = _severity(cohort, patients.index)
        elif name in patients.columns:
            groups[name] = patients[name].astype(object).where(patients[name].notna(), "unknown").astype(str)
        else:
            raise unknown_name(name, [*map(str, patients.columns), SEVERITY], kind="column of people")
    return groups


def _severity(cohort: Cohort, people: pd.Index) -> pd.Series:
    scores = cohort.scores
    first = scores.loc[(scores["visit"] == BASELINE) & (scores["scale"] == scores["scale"].iloc[0])]
    score = first.set_index("participant_id")["score"].reindex(people)
    half = np.where(score > score.median(), "above the median", "up to the median")
    return pd.Series(np.where(score.isna(), "unknown", half), index=people)


def _measures(cohort: Cohort, people: pd.Index) -> list[tuple[str, str, np.ndarray, np.ndarray | None]]:
    """Return every measure and visit with who has it, and for markers why not."""
    found: list[tuple[str, str, np.ndarray, np.ndarray | None]] = []
    weeks = cohort.visits.groupby("visit")["week"].median().sort_values(kind="stable")
    for scale in dict.fromkeys(cohort.scores["scale"]):
        for visit in weeks.index:
            rows = cohort.scores.loc[(cohort.scores["scale"] == scale) & (cohort.scores["visit"] == visit)]
            score = rows.dropna(subset=["score"]).drop_duplicates("participant_id").set_index("participant_id")["score"]
            found.append((scale, str(visit), score.reindex(people).notna().to_numpy(), None))
    for (marker, region), some in cohort.markers.groupby(["marker", "region"], sort=False):
        for visit in weeks.index:
            rows = some.loc[some["visit"] == visit].sort_values("value", na_position="last", kind="stable")
            one = rows.drop_duplicates("participant_id").set_index("participant_id").reindex(people)
            reason = one["qc"].map(lambda qc: "not acquired" if pd.isna(qc) else str(qc).replace("_", " "))
            label = marker_label(str(marker), str(region))
            found.append((label, str(visit), one["value"].notna().to_numpy(), reason.to_numpy(dtype=object)))
    return [item for item in found if item[2].any()]
