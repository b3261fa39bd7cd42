"""Rules that look across tables: sites, machines, days between scan and rating, drugs given, who responded."""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from neurochem.response.outcomes import is_response
from neurochem.response.problems import Problem, listed
from neurochem.response.scanner_visits import visit_is_confounded
from neurochem.response.tables import FILE, LINE, grouped
from neurochem.response.validation import BASELINE, Tables, marker_label, problem_at

FEW_RESPONDERS = 10
_MACHINES = ("scanner", "software")
_RANDOMIZED = ("true", "false")
_MISSING_SHARE = 0.20


def validate_study(tables: Tables) -> list[Problem]:
    """Return everything that is wrong between the tables, errors and warnings; numbers are parsed already."""
    problems: list[Problem] = []
    for rule in _RULES:
        problems.extend(rule(tables))
    return problems


def _whole(table: pd.DataFrame, name: str, rule: str, column: str, message: str, remedy: str) -> Problem:
    file = str(table[FILE].iloc[0]) if len(table) else name
    return Problem(rule, file, None, column, "", message, remedy, "warning")


def _patients(tables: Tables) -> pd.DataFrame:
    people = tables.people.drop_duplicates("participant_id")
    people = people.loc[people["participant_id"].notna()]
    return people.loc[people["group"] == "patient"] if "group" in people.columns else people


def _by(column: str, tables: Tables, persons: pd.Series) -> str:
    """Return counts of people or scans by a column of people: " by arm: placebo 3, ssri 1"."""
    if column not in tables.people.columns:
        return ""
    known = tables.people.drop_duplicates("participant_id").set_index("participant_id")[column]
    counts = persons.map(known).fillna("unknown").value_counts().sort_index()
    return f"by {column}: {', '.join(f'{level} {count}' for level, count in counts.items())}"


def _split(tables: Tables, persons: pd.Series) -> str:
    parts = [part for part in (_by("arm", tables, persons), _by("site", tables, persons)) if part]
    return f" ({'; '.join(parts)})" if parts else ""


# --- sites and machines ----------------------------------------------------------------------------------------------


def _two_sites(tables: Tables) -> list[Problem]:
    """Refuse one id at two sites: two people under one name, unless people travelled on purpose."""
    if tables.travellers:
        return []
    parts = [table for table in (tables.people, tables.visits) if "site" in table.columns]
    if not parts:
        return []
    rows = pd.concat([part[["participant_id", "site", FILE, LINE]] for part in parts], ignore_index=True)
    rows = rows.dropna(subset=["participant_id", "site"])
    problems = []
    several = rows.groupby("participant_id")["site"].nunique()
    rows = rows.loc[rows["participant_id"].isin(several.index[several > 1])]
    for person, some in rows.groupby("participant_id", sort=False):
        sites = list(dict.fromkeys(some["site"]))
        odd = some.loc[some["site"] != sites[0]].iloc[0]
        message = f"{person} is at two sites: {' and '.join(repr(site) for site in sites)}"
        remedy = "correct the site or the id, or declare travelling participants (travellers=True, or "
        remedy += '"Travellers": true for site in participants.json)'
        problems.append(problem_at(odd, "two_sites", "site", message, remedy))
    return problems


def _thin_sites(tables: Tables) -> list[Problem]:
    patients = _patients(tables)
    if "site" not in patients.columns:
        return []
    counts = patients["site"].dropna().value_counts().sort_index()
    lonely = [str(site) for site, count in counts.items() if count == 1]
    problems = []
    if lonely and len(counts) > 1:
        message = f"site with one patient: {listed(lonely)}"
        remedy = "its site effect cannot be told from the person; merge or leave it out before harmonising"
        problems.append(_whole(tables.people, "participants", "site_of_one", "site", message, remedy))
    return problems


def _machine_is_visit(tables: Tables) -> list[Problem]:
    """Warn when everyone changed scanner or software between baseline and a later visit."""
    keys = ["participant_id", "session_id"]
    known = tables.visits.dropna(subset=["visit"])
    extra = [name for name in _MACHINES if name in known.columns and name not in tables.markers.columns]
    joined = tables.markers.dropna(subset=["value"]).merge(
        known[[*keys, "visit", *extra]].drop_duplicates(keys), on=keys, how="inner"
    )
    problems = []
    for column in (name for name in _MACHINES if name in joined.columns):
        rows = joined.dropna(subset=[column]).drop_duplicates(["participant_id", "visit", column])
        first = rows.loc[rows["visit"] == BASELINE]
        for visit, later in rows.loc[rows["visit"] != BASELINE].groupby("visit", sort=False):
            both = pd.concat([first, later])
            if not visit_is_confounded(both, person="participant_id", visit="visit", machine=column):
                continue
            twice = both.loc[both["participant_id"].duplicated(), "participant_id"].nunique()
            message = f"visit and {column} are the same variable: all {twice} people changed {column} "
            message += f"between {BASELINE} and {visit}"
            remedy = "the change of a marker cannot be told from it: models of change are refused"
            problems.append(_whole(tables.visits, "visits", "machine_is_visit", column, message, remedy))
    return problems


def _randomized(tables: Tables) -> list[Problem]:
    people = tables.people
    if "randomized" not in people.columns:
        return []
    cells = people["randomized"]
    return [
        problem_at(row, "randomized", "randomized", f"randomized '{row['randomized']}' is not true or false",
                   "write true where the arm was assigned at random, else false")
        for _, row in people.loc[cells.notna() & ~cells.isin(_RANDOMIZED)].iterrows()
    ]  # fmt: skip


# --- days between scan and rating ------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _when(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=None)
    except ValueError:
        return None


def _times(table: pd.DataFrame | None, column: str, problems: list[Problem]) -> dict[tuple[str, str], list[datetime]]:
    """Return the moments of each session that a table states; a cell that is none is a problem."""
    found: dict[tuple[str, str], list[datetime]] = {}
    if table is None or column not in table.columns:
        return found
    stated = table.loc[table[column].notna()]
    moments = [_when(text) for text in stated[column]]
    for person, session, moment in zip(stated["participant_id"], stated["session_id"], moments, strict=True):
        if moment is not None:
            found.setdefault((person, session), []).append(moment)
    for _, row in stated.loc[[moment is None for moment in moments]].iterrows():
        message = f"{column} '{row[column]}' is not a date"
        problems.append(problem_at(row, "not_a_date", column, message, "write 2024-05-17T09:30:00, or n/a"))
    return found


def _scan_to_rating(tables: Tables) -> list[Problem]:
    """Warn of baseline scans more than `tables.largest_gap` days from the baseline rating.

    A scan's moment comes from the scans files, else from the markers table; a rating's from the phenotype table; what
    is not there is that of the session.
    """
    problems: list[Problem] = []
    sessions = _times(tables.visits, "acq_time", problems)
    scans = {**_times(tables.markers, "acq_time", problems), **_times(tables.scans, "acq_time", problems)}
    ratings = _times(tables.scores, "acq_time", problems)
    baseline = tables.visits.loc[tables.visits["visit"] == BASELINE]
    gaps = []
    for person, session in zip(baseline["participant_id"], baseline["session_id"], strict=True):
        own = sessions.get((person, session), [])
        made, rated = scans.get((person, session), own), ratings.get((person, session), own)
        days = [abs((scan - rating).total_seconds()) / 86400.0 for scan in made for rating in rated]
        if days and max(days) > tables.largest_gap:
            gaps.append(f"{person} {max(days):.0f} days")
    if gaps:
        message = f"baseline scan more than {tables.largest_gap:g} days from the baseline rating: {listed(gaps)}"
        remedy = "severity may have changed in between; give the dates in the report, or leave these people out"
        problems.append(_whole(tables.visits, "visits", "scan_to_rating", "acq_time", message, remedy))
    return problems


# --- treatment -------------------------------------------------------------------------------------------------------


def _treatment_rows(tables: Tables) -> list[Problem]:
    if tables.treatment is None:
        return []
    problems = []
    given = tables.treatment
    for _, row in given.loc[(given["stop_week"] < given["start_week"]) | (given["dose"] < 0.0)].iterrows():
        if row["stop_week"] < row["start_week"]:
            message = f"{row['participant_id']}: {row['drug'] or 'drug'} stops at week {row['stop_week']:g}, before it "
            message += f"starts at week {row['start_week']:g}"
            problems.append(problem_at(row, "treatment_order", "stop_week", message, "correct start_week or stop_week"))
        if row["dose"] < 0:
            message = f"{row['participant_id']}: dose {row['dose']:g} is negative"
            problems.append(
                problem_at(row, "dose", "dose", message, "write the dose in the unit of column unit, or n/a")
            )
    return problems


def _treated_at_baseline(tables: Tables) -> list[Problem]:
    if tables.treatment is None:
        return []
    baseline = tables.visits.loc[tables.visits["visit"] == BASELINE].drop_duplicates("participant_id")
    week = tables.treatment["participant_id"].map(baseline.set_index("participant_id")["week"])
    given = tables.treatment.assign(baseline=week)
    # a course that had ended by then is none; a missing stop_week is open
    under_way = (given["start_week"] < given["baseline"]) & ~(given["stop_week"] <= given["baseline"])
    problems = []
    for _, row in given.loc[under_way].iterrows():
        message = f"{row['participant_id']}: {row['drug'] or 'treatment'} started at week {row['start_week']:g}, "
        message += f"before the baseline at week {row['baseline']:g}"
        remedy = "a scan under treatment is no baseline; correct the weeks or choose another baseline"
        problems.append(problem_at(row, "treated_baseline", "start_week", message, remedy))
    return problems


def _switched(tables: Tables) -> list[Problem]:
    if tables.treatment is None or "arm" not in tables.people.columns:
        return []
    arms = tables.people.drop_duplicates("participant_id").set_index("participant_id")["arm"].to_dict()
    rows = tables.treatment.dropna(subset=["arm"])
    other = rows.loc[[arms.get(person) not in {None, arm} for person, arm in
                      zip(rows["participant_id"], rows["arm"], strict=True)]]  # fmt: skip
    if not len(other):
        return []
    names = listed(
        f"{row['participant_id']} {arms[row['participant_id']]} to {row['arm']}" for _, row in other.iterrows()
    )
    message = f"{other['participant_id'].nunique()} people received another arm than theirs: {names}"
    remedy = "analyse them in the arm they were assigned to, and report the switches"
    return [_whole(other, "treatment", "switched", "arm", message, remedy)]


# --- scores ----------------------------------------------------------------------------------------------------------


def _scores_at(tables: Tables, scale: str) -> Mapping[str, pd.Series]:
    keys = ["participant_id", "session_id"]
    visits = tables.visits.dropna(subset=["visit"]).drop_duplicates(keys)
    rows = tables.scores.loc[tables.scores["scale"] == scale].merge(visits[[*keys, "visit"]], on=keys, how="inner")
    return {
        str(visit): some.drop_duplicates("participant_id").set_index("participant_id")["score"]
        for visit, some in rows.groupby("visit")
    }


def _last_visit(tables: Tables) -> str:
    later = tables.visits.loc[~tables.visits["visit"].isin([BASELINE, "followup"])].dropna(subset=["visit", "week"])
    if not len(later):
        return ""
    if (later["visit"] == "endpoint").any():
        return "endpoint"
    return str(later.groupby("visit")["week"].median().idxmax())


def _scores_missing(tables: Tables) -> list[Problem]:
    patients = _patients(tables)["participant_id"]
    problems = []
    for scale in dict.fromkeys(tables.scores["scale"]):
        at = _scores_at(tables, str(scale))
        for visit in (BASELINE, _last_visit(tables)):
            if visit not in at:
                continue
            gone = patients.loc[at[visit].reindex(patients).isna().to_numpy()]
            if len(gone):
                message = f"{scale} at {visit} is missing for {len(gone)} of {len(patients)} patients"
                message += _split(tables, gone)
                remedy = "drop-out is rarely at random: report it by arm, and prefer a model of all visits"
                rows = tables.scores.loc[tables.scores["scale"] == scale]
                problems.append(_whole(rows, "scores", "score_missing", "score", message, remedy))
    return problems


def _few_responders(tables: Tables) -> list[Problem]:
    """Warn when responders, or those who did not respond, are too few for a model of response."""
    patients = _patients(tables)["participant_id"]
    last, problems = _last_visit(tables), []
    for scale in dict.fromkeys(tables.scores["scale"]):
        at = _scores_at(tables, str(scale))
        if BASELINE not in at or last not in at:
            continue
        first, end = (at[visit].reindex(patients).to_numpy(dtype=float) for visit in (BASELINE, last))
        known = np.isfinite(first) & np.isfinite(end)
        yes = int(is_response(first[known], end[known]).sum())
        no = int(known.sum()) - yes
        if min(yes, no) < FEW_RESPONDERS:
            message = f"{scale} at {last}: {yes} responders and {no} others"
            remedy = "analyse the score; for response use Firth's penalty or exact tests, and no multivariable model"
            rows = tables.scores.loc[tables.scores["scale"] == scale]
            problems.append(_whole(rows, "scores", "few_responders", "score", message, remedy))
        problems += _sites_of_one_class(tables, str(scale), patients[known], is_response(first[known], end[known]))
    return problems


def _sites_of_one_class(tables: Tables, scale: str, people: pd.Series, responded: np.ndarray) -> list[Problem]:
    """Warn of sites where everyone, or nobody, responded: site then tells the outcome."""
    if "site" not in tables.people.columns:
        return []
    site = people.map(tables.people.drop_duplicates("participant_id").set_index("participant_id")["site"])
    shares = pd.Series(responded, index=site.to_numpy()).groupby(level=0).agg(["mean", "size"])
    pure = [
        f"{name} ({'all' if row['mean'] else 'none'} of {int(row['size'])})"
        for name, row in shares.iterrows()
        if row["mean"] in {0.0, 1.0} and row["size"] > 1
    ]
    if not pure or len(shares) < 2 or len(pure) == len(shares):
        return []
    message = f"{scale}: everyone or nobody responded at site {listed(pure)}"
    remedy = "site tells the outcome there: adjust for site, and do not harmonise with the outcome in the model"
    rows = tables.scores.loc[tables.scores["scale"] == scale]
    return [_whole(rows, "scores", "site_of_one_class", "score", message, remedy)]


# --- markers ---------------------------------------------------------------------------------------------------------


def _missing_markers(tables: Tables) -> list[Problem]:
    """Warn when more than a fifth of the values of a marker are missing, by arm and site."""
    problems = []
    for (marker, region), some in grouped(tables.markers, ["marker", "region"]):
        missing = some.loc[some["value"].isna()]
        if len(missing) <= _MISSING_SHARE * len(some):
            continue
        reasons = listed(f"{count} {qc}" for qc, count in missing["qc"].value_counts().items())
        message = f"{marker_label(marker, region)}: {len(missing)} of {len(some)} values are missing ({reasons})"
        split = _split(tables, missing["participant_id"])
        remedy = "say in the report whether scans failed more often in one arm, site or severity"
        problems.append(_whole(some, "markers", "many_missing", "value", message + split, remedy))
    return problems


_RULES: tuple[Callable[[Tables], list[Problem]], ...] = (
    _two_sites,
    _thin_sites,
    _randomized,
    _machine_is_visit,
    _scan_to_rating,
    _treatment_rows,
    _treated_at_baseline,
    _switched,
    _scores_missing,
    _few_responders,
    _missing_markers,
)
