"""Rules that the tables of a study must keep. All problems are reported at once, none is repaired by guessing."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

from neurochem.response.problems import Problem, listed
from neurochem.response.scales import Scale, find_scale
from neurochem.response.tables import FILE, LINE, grouped, is_numeric

GROUPS = ("patient", "control")
# "mcmc" and "posterior" are the SD of a Bayesian fit's draws, which the spectra's sampler writes as "mcmc".
SE_SOURCES = ("fit", "crlb", "bootstrap", "profile", "mcmc", "posterior", "test-retest", "literature", "none")
BASELINE = "baseline"
# Numbers that stand for "missing" in other programs.
SENTINELS = frozenset({-9.0, -99.0, -999.0, 999.0, 9999.0})
_MOST_HINTS = 20
WITH_VALUE = ("ok", "flagged")
PEOPLE_COLUMNS = ("participant_id",)
VISIT_COLUMNS = ("participant_id", "session_id", "visit", "week")
SCORE_COLUMNS = ("participant_id", "session_id", "score")
TREATMENT_COLUMNS = ("participant_id", "arm", "drug", "dose", "unit", "start_week", "stop_week")
COVARIATE_COLUMNS = ("participant_id", "marker", "region", "value", "modality")
MARKER_KEYS = ("participant_id", "session_id", "marker", "region", "model")
MARKER_REQUIRED = ("participant_id", "session_id", "marker", "region", "value", "se", "unit")
# People columns that name things, even when the names are digits.
CATEGORICAL = ("site", "arm", "group", "sex", "randomized", "stratum", "scanner", "medication", "handedness")


@dataclass(slots=True)
class Tables:
    """The tables while they are being checked; numbers are parsed, places are kept.

    `levels` holds the declared levels of people columns, reference first; `names` says what messages call the people and
    the visits table; `treatment` what was given, `scans` when scans were made. `travellers` says that people may be at
    several sites, `largest_gap` how many days may lie between baseline scan and rating.
    """

    people: pd.DataFrame
    visits: pd.DataFrame
    scores: pd.DataFrame
    markers: pd.DataFrame
    scales: Mapping[str, Scale] = field(default_factory=dict)
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=lambda: {"people": "people", "visits": "visits"})
    treatment: pd.DataFrame | None = None
    scans: pd.DataFrame | None = None
    travellers: bool = False
    largest_gap: float = 14.0


def marker_label(marker: str, region: str | None) -> str:
    """Return marker and region as one reads them; the only voxel of a spectrum goes without saying."""
    return marker if region in {None, "voxel", ""} else f"{marker} {region}"


def validate(tables: Tables) -> list[Problem]:
    """Return everything that is wrong with the tables, errors and warnings."""
    problems: list[Problem] = []
    for rule in _RULES:
        problems.extend(rule(tables))
    return problems


def problem_at(row: pd.Series, rule: str, column: str, message: str, remedy: str, *, level: str = "error") -> Problem:
    """Return a problem of one row, with the value of its column."""
    value = "" if row.get(column) is None else str(row.get(column))
    return Problem(rule, str(row[FILE]), int(row[LINE]), column, value, message, remedy, level)


def _of_table(
    table: pd.DataFrame, rule: str, column: str, message: str, remedy: str, *, level: str = "error"
) -> Problem:
    name = str(table[FILE].iloc[0]) if len(table) else "tables"
    return Problem(rule, name, None, column, "", message, remedy, level)


def _hint(name: str, known: Iterable[str]) -> str:
    choices = [str(choice) for choice in known]
    if name.strip() != name and name.strip() in choices:
        space = "trailing" if name != name.rstrip() else "leading"
        return f" ({space} space? did you mean '{name.strip()}')"
    bare = {choice.partition("-")[2] or choice: choice for choice in reversed(choices)}
    if name.partition("-")[2] in choices or name in bare:
        return f" (did you mean '{bare.get(name) or name.partition('-')[2]}')"
    near = difflib.get_close_matches(
        name.strip().casefold(), [choice.casefold() for choice in choices], n=1, cutoff=0.6
    )
    match = next((choice for choice in choices if near and choice.casefold() == near[0]), None)
    return f" (did you mean '{match}')" if match else ""


# --- people ---------------------------------------------------------------------------------------------------------


def _people_ids(tables: Tables) -> list[Problem]:
    people = tables.people
    problems = [
        problem_at(row, "missing_id", "participant_id", "participant_id is missing", "write sub-<label>")
        for _, row in people.loc[people["participant_id"].isna()].iterrows()
    ]
    known = people.loc[people["participant_id"].notna()]
    repeated = known.loc[known["participant_id"].duplicated(keep=False)]
    for name, rows in repeated.groupby("participant_id", sort=False):
        places = " and ".join(str(line) for line in rows[LINE])
        message = f"participant_id '{name}' has {len(rows)} rows (lines {places})"
        remedy = "keep exactly one row per participant; what changes by visit belongs in sessions.tsv"
        problems.append(problem_at(rows.iloc[1], "duplicate_participant", "participant_id", message, remedy))
    return problems


def _people_groups(tables: Tables) -> list[Problem]:
    people = tables.people
    if "group" not in people.columns:
        message, remedy = "no column 'group': everyone is taken for a patient", f"add it ({' or '.join(GROUPS)})"
        return [_of_table(people, "no_group", "group", message, remedy, level="warning")]
    return [
        problem_at(
            row, "group", "group", f"group '{row['group']}' is not one of {', '.join(GROUPS)}",
            f"write {' or '.join(GROUPS)}",
        )
        for _, row in people.loc[~people["group"].isin(GROUPS)].iterrows()
    ]  # fmt: skip


def _people_sentinels(tables: Tables) -> list[Problem]:
    problems = []
    for column in tables.people.columns.difference([FILE, LINE, "participant_id", *CATEGORICAL, *tables.levels]):
        cells = tables.people[column]
        if not is_numeric(cells):
            continue
        for index in [i for i, cell in enumerate(cells) if cell is not None and float(cell) in SENTINELS]:
            row = tables.people.iloc[index]
            message = f"{column} {row[column]} looks like a code for a missing value"
            problems.append(problem_at(row, "sentinel", column, message, "write n/a"))
    return problems


def _people_missing(tables: Tables) -> list[Problem]:
    people = tables.people
    patients = people.loc[people["group"] == "patient"] if "group" in people.columns else people
    problems = []
    for column in ("age", "sex", "arm", "site"):
        if column not in people.columns:
            continue
        gone = patients.loc[patients[column].isna()]
        if len(gone):
            message = (
                f"{column} is missing for {len(gone)} of {len(patients)} patients: {listed(gone['participant_id'])}"
            )
            if column != "arm" and "arm" in gone.columns:
                counts = gone["arm"].fillna("unknown").value_counts().sort_index()
                message += f" (by arm: {', '.join(f'{arm} {count}' for arm, count in counts.items())})"
            remedy = "they drop out of every model that uses it; fill in what is known"
            problems.append(_of_table(people, "missing_covariate", column, message, remedy, level="warning"))
    return problems


def _arm_by_site(tables: Tables) -> list[Problem]:
    people = tables.people
    if not {"arm", "site"} <= set(people.columns):
        return []
    known = people.dropna(subset=["arm", "site"])
    there = set(zip(known["site"], known["arm"], strict=True))
    arms, sites = sorted(set(known["arm"])), sorted(set(known["site"]))
    empty = [f"arm '{arm}' at site '{site}'" for site, arm in product(sites, arms) if (site, arm) not in there]
    if not empty or len(arms) < 2:
        return []
    message = f"nobody is in {listed(empty)}"
    remedy = "arm and site are partly the same variable: adjust for site and read the arm with care"
    return [_of_table(people, "empty_cell", "arm", message, remedy, level="warning")]


def _people_levels(tables: Tables) -> list[Problem]:
    """Refuse levels that were not declared, and two spellings of one level: each would become a group of its own."""
    people = tables.people
    problems = []
    for column in people.columns.intersection([*CATEGORICAL, *tables.levels]):
        declared = [str(level) for level in tables.levels.get(column, ())]
        first_spelling: dict[str, str] = {}
        for _, row in people.dropna(subset=[column]).drop_duplicates(column).iterrows():
            level = str(row[column])
            known = first_spelling.setdefault(level.strip().casefold(), level)
            if declared and level not in declared:
                message = f"{column} '{level}' is not among the declared levels {', '.join(declared)}"
                message += _hint(level, declared)
                problems.append(problem_at(row, "undeclared_level", column, message, "correct it or declare the level"))
            elif known != level:
                message = f"{column} '{level}' and '{known}' are two spellings of one level"
                problems.append(problem_at(row, "level_spelling", column, message, "spell it the same in every row"))
    return problems


# --- ids and keys of the other tables --------------------------------------------------------------------------------


def _unknown_ids(tables: Tables) -> list[Problem]:
    known = [name for name in tables.people["participant_id"] if name is not None]
    source = tables.names["people"]
    problems: list[Problem] = []
    others = [] if tables.treatment is None else [tables.treatment]
    for table in (tables.visits, tables.scores, tables.markers, *others):
        strange = table.loc[~table["participant_id"].isin(known)]
        for (_, name), rows in grouped(strange, [FILE, "participant_id"]):
            more = f", and {len(rows) - 1} more rows" if len(rows) > 1 else ""
            shown = "" if name is None else str(name)
            # the nearest of thousands takes a while to find: the first few tell what went wrong
            hint = _hint(shown, known) if len(problems) < _MOST_HINTS else ""
            message = f"participant_id '{shown}' not in {source}{hint}{more}"
            remedy = f"correct the id or add the person to {source}"
            problems.append(problem_at(rows.iloc[0], "unknown_participant", "participant_id", message, remedy))
    return problems


def _unknown_sessions(tables: Tables) -> list[Problem]:
    source = tables.names["visits"]
    keys = ["participant_id", "session_id"]
    sessions = tables.visits.loc[tables.visits["session_id"].notna(), keys]
    known_keys = set(map(tuple, sessions.to_numpy()))
    of_person = sessions.groupby("participant_id")["session_id"].agg(list).to_dict()
    people = set(tables.people["participant_id"])
    problems = []
    for table in (tables.scores, tables.markers):
        there = [key in known_keys or key[0] not in people for key in map(tuple, table[keys].to_numpy())]
        for (_, person, session), rows in grouped(table.loc[np.logical_not(there)], [FILE, *keys]):
            known = of_person.get(person, [])
            shown = "" if session is None else str(session)
            message = f"session_id '{shown}' of {person} not in {source}{_hint(shown, known)}"
            remedy = f"correct it or add the session to {source} (known for {person}: {listed(known) or 'none'})"
            problems.append(problem_at(rows.iloc[0], "unknown_session", "session_id", message, remedy))
    return problems


def _duplicates(table: pd.DataFrame, keys: list[str], value: str) -> list[Problem]:
    problems = []
    repeated = table.loc[table.duplicated(keys, keep=False)]
    for key, rows in grouped(repeated, keys):
        name = " ".join(str(part) for part in key if part is not None)
        unit = "line" if str(rows[FILE].iloc[0]).endswith(".tsv") else "row"
        found = " and ".join(f"{cell} ({unit} {line})" for cell, line in zip(rows[value], rows[LINE], strict=True))
        message = f"{', '.join(keys)} must be unique, but '{name}' is there {len(rows)} times: {value} {found}"
        problems.append(problem_at(rows.iloc[1], "duplicate_key", value, message, "keep one of the rows"))
    return problems


def _duplicate_keys(tables: Tables) -> list[Problem]:
    return [
        *_duplicates(tables.visits, ["participant_id", "session_id"], "visit"),
        *_duplicates(tables.scores, ["scale", "participant_id", "session_id"], "score"),
        *_duplicates(tables.markers, list(MARKER_KEYS), "value"),
    ]


# --- visits ---------------------------------------------------------------------------------------------------------


def _visit_cells(tables: Tables) -> list[Problem]:
    problems = []
    for column, remedy in (
        ("visit", "write baseline, week8, endpoint ..."),
        ("week", "write weeks since treatment began"),
    ):
        gone = tables.visits.loc[tables.visits[column].isna() & ~tables.visits[f"_bad_{column}"]]
        problems += [
            problem_at(row, "missing_visit", column, f"{column} of {row['participant_id']} {row['session_id']} is missing",
                       remedy)
            for _, row in gone.iterrows()
        ]  # fmt: skip
    return problems


def _one_baseline(tables: Tables) -> list[Problem]:
    visits = tables.visits
    counts = (visits["visit"] == BASELINE).groupby(visits["participant_id"]).sum()
    none, many = list(counts.index[counts == 0]), list(counts.index[counts > 1])
    problems = []
    if none:
        message = f"no baseline visit: {listed(none)}"
        remedy = "write 'baseline' in column visit of exactly one session per person"
        problems.append(_of_table(visits, "no_baseline", "visit", message, remedy))
    if many:
        message = f"more than one baseline visit: {listed(many)}"
        remedy = "keep 'baseline' in column visit for one session per person and name the others"
        problems.append(_of_table(visits, "two_baselines", "visit", message, remedy))
    late = visits.loc[(visits["visit"] == BASELINE) & (visits["week"] > 0)]
    if len(late):
        found = listed(f"{row['participant_id']}, week {row['week']:g}" for _, row in late.iterrows())
        message = f"post-treatment scan used as baseline: {found}"
        remedy = "week is 0 or less before treatment begins; correct week or choose another baseline"
        problems.append(problem_at(late.iloc[0], "treated_baseline", "week", message, remedy))
    return problems


def _visit_order(name: str) -> float | None:
    """Return a rank of visits whose names carry an order; weeks by their number."""
    match = re.fullmatch(r"week[ _-]?(\d+(?:\.\d+)?)", name)
    if match:
        return float(match.group(1))
    return {BASELINE: -1.0, "endpoint": 1e6, "followup": 1e7}.get(name)


def _weeks_increase(tables: Tables) -> list[Problem]:
    known = tables.visits.dropna(subset=["visit", "week"])
    is_baseline = known["visit"] == BASELINE
    start = known["participant_id"].map(known.loc[is_baseline].groupby("participant_id")["week"].max())
    later = known.assign(start=start, order=known["visit"].map(_visit_order)).loc[~is_baseline]
    ranked = later.dropna(subset=["order"]).sort_values(["participant_id", "order", "week"], kind="stable")
    backwards = ranked.loc[ranked.groupby("participant_id")["week"].diff() <= 0.0, "participant_id"]
    too_early = later["week"] <= later["start"]
    wrong = later.loc[too_early | later["participant_id"].isin(backwards)]
    unordered = set(backwards)
    problems = []
    # only people with something wrong are looked at one by one
    for person, rows in later.loc[later["participant_id"].isin(wrong["participant_id"])].groupby(
        "participant_id", sort=False
    ):
        for _, row in rows.loc[rows["week"] <= rows["start"]].iterrows():
            message = f"{person}: visit '{row['visit']}' at week {row['week']:g} is not after baseline"
            message += f" at week {row['start']:g}"
            problems.append(problem_at(row, "before_baseline", "week", message, "correct week or visit"))
        if person in unordered:
            shown = ", ".join(f"{v} at week {w:g}" for v, w in zip(rows["visit"], rows["week"], strict=True))
            message = f"{person}: week does not increase from visit to visit ({shown})"
            problems.append(problem_at(rows.iloc[0], "week_order", "week", message, "correct week or visit"))
    return problems


def _visits_unique(tables: Tables) -> list[Problem]:
    later = tables.visits.loc[tables.visits["visit"].notna() & (tables.visits["visit"] != BASELINE)]
    repeated = later.loc[later.duplicated(["participant_id", "visit"])]
    return [
        problem_at(
            row, "repeated_visit", "visit", f"{row['participant_id']} has visit '{row['visit']}' twice",
            "give every session of a person its own visit name",
        )
        for _, row in repeated.iterrows()
    ]  # fmt: skip


def _people_without_visits(tables: Tables) -> list[Problem]:
    seen = set(tables.visits["participant_id"])
    absent = [name for name in tables.people["participant_id"] if name is not None and name not in seen]
    if not absent:
        return []
    message = f"no session of {listed(absent)}"
    remedy = f"they enter no model; add their rows to {tables.names['visits']} if they were seen"
    return [_of_table(tables.visits, "no_session", "participant_id", message, remedy, level="warning")]


# --- scores ---------------------------------------------------------------------------------------------------------


def _score_range(tables: Tables) -> list[Problem]:
    problems = []
    for name, rows in tables.scores.groupby("scale", sort=False):
        scale = find_scale(str(name), tables.scales)
        outside = rows.loc[rows["score"].notna() & ~scale.in_range(rows["score"])]
        problems += [
            problem_at(
                row, "score_range", "score", f"score {row['score']:g} outside {scale.low:g}-{scale.high:g}",
                f"correct the score of {row['participant_id']} {row['session_id']} ({scale.label}), or write n/a",
            )
            for _, row in outside.iterrows()
        ]  # fmt: skip
    return problems


_RULES: tuple[Callable[[Tables], list[Problem]], ...] = (
    _people_ids,
    _people_groups,
    _people_sentinels,
    _people_levels,
    _people_missing,
    _arm_by_site,
    _unknown_ids,
    _unknown_sessions,
    _duplicate_keys,
    _visit_cells,
    _one_baseline,
    _weeks_increase,
    _visits_unique,
    _people_without_visits,
    _score_range,
)
