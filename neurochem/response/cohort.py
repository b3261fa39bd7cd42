"""A cohort: people, visits, scores and markers in four tables that have passed every rule."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from neurochem.errors import InputError, unknown_name
from neurochem.response.assembly import assemble
from neurochem.response.marker_table import one_row_a_person, rows_of_marker
from neurochem.response.problems import Problem, cohort_error, errors_of
from neurochem.response.scales import Scale, find_scale
from neurochem.response.tables import as_table
from neurochem.response.validation import (
    BASELINE,
    MARKER_REQUIRED,
    PEOPLE_COLUMNS,
    SCORE_COLUMNS,
    TREATMENT_COLUMNS,
    VISIT_COLUMNS,
    Tables,
    marker_label,
)
from neurochem.response.wide_tables import MarkerColumn, long_tables

# Rules whose breach leaves nothing to check the content of.
_STRUCTURE = frozenset({"missing_file", "empty_file", "encoding", "missing_column", "repeated_column", "ragged_row"})


class Cohort:
    """People, visits, scores and markers of one study. Immutable: every table is handed out as a copy.

    Built from one wide table by an explicit mapping of its columns; `Cohort.from_tables` takes four long tables, and
    `read_cohort` reads a study. All three run the same rules.

    Parameters
    ----------
    frame : DataFrame
        One row a person. Columns that no mapping names are kept as properties of the person (age, sex, arm, site).
    participant : str
        Column with the person's id.
    visits : mapping of str to float
        Week of each visit, for example {"baseline": 0, "week8": 8}; the same for everyone.
    scores : mapping of str to mapping of str to str
        Column of each scale at each visit: {"hamd17": {"baseline": "y0", "week8": "y8"}}.
    markers : sequence of MarkerColumn
        Columns of each marker at each visit.
    levels : mapping of str to sequence of str, optional
        Levels of categorical columns, the reference first.
    scales : mapping of str to Scale, optional
        Scales that replace or extend the table, for example with another remission rule.

    Raises
    ------
    CohortError
        With every broken rule; `error.problems` holds them one by one.

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"id": ["s1", "s2"], "group": "patient", "y0": [20, 24], "y8": [16, 10], "bp": [1.4, 1.5]})
    >>> cohort = Cohort(
    ...     wide, participant="id", visits={"baseline": 0, "week8": 8},
    ...     scores={"hamd17": {"baseline": "y0", "week8": "y8"}},
    ...     markers=[MarkerColumn("BPND", "baseline", "bp", region="midbrain")],
    ... )
    >>> cohort
    <Cohort of 2 patients, 0 controls; visits baseline, week8; scales hamd17; markers BPND midbrain>
    """

    _people: pd.DataFrame
    _visits: pd.DataFrame
    _scores: pd.DataFrame
    _markers: pd.DataFrame
    _levels: dict[str, tuple[str, ...]]
    _scales: dict[str, Scale]
    _treatment: pd.DataFrame
    _warnings: tuple[Problem, ...]
    __slots__ = ("_levels", "_markers", "_people", "_scales", "_scores", "_treatment", "_visits", "_warnings")

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        participant: str = "participant_id",
        visits: Mapping[str, float],
        scores: Mapping[str, Mapping[str, str]],
        markers: Sequence[MarkerColumn],
        levels: Mapping[str, Sequence[str]] | None = None,
        scales: Mapping[str, Scale] | None = None,
    ) -> None:
        people, seen, rated, scanned = long_tables(frame, participant, visits=visits, scores=scores, markers=markers)
        long = Cohort.from_tables(people, visits=seen, scores=rated, markers=scanned, levels=levels, scales=scales)
        for name in self.__slots__:
            object.__setattr__(self, name, getattr(long, name))

    @classmethod
    def from_tables(  # noqa: PLR0913 - each keyword is one table or one choice of the study
        cls,
        people: pd.DataFrame,
        *,
        visits: pd.DataFrame,
        scores: pd.DataFrame,
        markers: pd.DataFrame,
        levels: Mapping[str, Sequence[str]] | None = None,
        scales: Mapping[str, Scale] | None = None,
        models: Mapping[str, str] | None = None,
        treatment: pd.DataFrame | None = None,
        travellers: bool = False,
    ) -> "Cohort":
        """Return a cohort from long tables.

        Parameters
        ----------
        people : DataFrame
            participant_id, and what is known of the person: group (patient, control), arm, site, age, sex ...
        visits : DataFrame
            participant_id, session_id, visit, week.
        scores : DataFrame
            participant_id, session_id, scale, score.
        markers : DataFrame
            participant_id, session_id, marker, region, value, se, unit, and where known model, se_source, qc, qc_reason.
        levels, scales : mapping, optional
            As for `Cohort`.
        models : mapping of str to str, optional
            Model to keep for a marker whose scans went through several.
        treatment : DataFrame, optional
            participant_id, arm, drug, dose, unit, start_week, stop_week.
        travellers : bool
            Whether one person may be at several sites.

        Raises
        ------
        CohortError
            With every broken rule.
        """
        problems: list[Problem] = []
        tables = Tables(
            people=as_table(people, "people", PEOPLE_COLUMNS, problems),
            visits=as_table(visits, "visits", VISIT_COLUMNS, problems),
            scores=as_table(scores, "scores", (*SCORE_COLUMNS, "scale"), problems),
            markers=as_table(markers, "markers", MARKER_REQUIRED, problems),
            treatment=None if treatment is None else as_table(treatment, "treatment", TREATMENT_COLUMNS, problems),
            travellers=travellers,
            scales=scales or {},
            levels=levels or {},
        )
        return cls.from_checked(tables, problems, models=models)

    @classmethod
    def from_checked(
        cls,
        tables: Tables,
        problems: list[Problem],
        *,
        models: Mapping[str, str] | None = None,
    ) -> "Cohort":
        """Return a cohort from text tables with places, after every rule; `read_cohort` and the constructors end here."""
        _stop_at_structure(problems)
        tables.scores = tables.scores.assign(
            scale=[find_scale(str(s), tables.scales).name for s in tables.scores["scale"]]
        )
        done = assemble(tables, problems, models=models)
        cohort = cls.__new__(cls)
        parts = {
            "_people": done.people, "_visits": done.visits, "_scores": done.scores, "_markers": done.markers,
            "_treatment": done.treatment, "_levels": done.levels, "_scales": dict(tables.scales), "_warnings": done.warnings,
        }  # fmt: skip
        for name, value in parts.items():
            object.__setattr__(cohort, name, value)
        return cohort

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse: a cohort does not change after it was checked."""
        msg = f"a cohort cannot be changed ('{name}'); make a new one from tables"
        raise AttributeError(msg)

    def __setstate__(self, state: Any) -> None:
        """Restore from a pickle, which is the one time that the parts are set."""
        for name, value in state[1].items():
            object.__setattr__(self, name, value)

    @property
    def people(self) -> pd.DataFrame:
        """One row a person: participant_id, group, and every other column of the study."""
        return self._people.copy()

    @property
    def visits(self) -> pd.DataFrame:
        """One row a session: participant_id, session_id, visit, week."""
        return self._visits.copy()

    @property
    def scores(self) -> pd.DataFrame:
        """One row a rating: participant_id, session_id, scale, score (points), visit, week."""
        return self._scores.copy()

    @property
    def markers(self) -> pd.DataFrame:
        """One row an estimate: the columns of markers.tsv (value, se, unit, se_source, qc ...), visit, week."""
        return self._markers.copy()

    @property
    def treatment(self) -> pd.DataFrame:
        """One row a course of treatment: participant_id, arm, drug, dose, unit, start_week, stop_week; often empty."""
        return self._treatment.copy()

    @property
    def randomized(self) -> bool:
        """Whether every patient's arm was assigned at random, which decides between "effect" and "association"."""
        patients = self._people.loc[self._people["group"] == "patient"]
        return "randomized" in patients.columns and bool((patients["randomized"].astype(str) == "true").all())

    @property
    def levels(self) -> dict[str, tuple[str, ...]]:
        """Levels of categorical columns of people, the reference first."""
        return dict(self._levels)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What does not stop the analysis but belongs in its report."""
        return self._warnings

    def scale(self, name: str) -> Scale:
        """Return the scale of that name, the cohort's own rule first; raise if nobody was rated with it."""
        rated = list(dict.fromkeys(self._scores["scale"]))
        scale = find_scale(name, self._scales)
        if scale.name not in rated:
            raise unknown_name(name, rated, kind="outcome", remedy="Nobody has a score of it.")
        return scale

    def marker_rows(self, marker: str, region: str | None = None, model: str | None = None) -> pd.DataFrame:
        """Return the rows of one marker, region and model.

        Parameters
        ----------
        marker : str
            Name of the marker.
        region, model : str, optional
            May be left out where there is only one.

        Raises
        ------
        UnknownNameError
            If there is no such marker, region or model.
        InputError
            If there are several and none was chosen.
        """
        return rows_of_marker(self._markers, marker, region, model)

    def wide(self, visit: str = BASELINE, *, column: str = "value") -> pd.DataFrame:
        """Return one row a person: properties, scores of that visit and every marker of every modality.

        Parameters
        ----------
        visit : str
            Visit of scores and markers.
        column : str
            What of a marker to show: "value" or "se".

        Returns
        -------
        DataFrame
            Indexed by participant_id. Columns of people, one a scale ("madrs"), and one a marker, region and, where
            there are several, model ("BPND midbrain"); NaN where there is no usable value.

        Raises
        ------
        UnknownNameError
            If the study has no visit of that name, or a marker no such column.
        """
        self.endpoint(visit)
        if column not in {"value", "se"}:
            raise unknown_name(column, ("value", "se"), kind="column of a marker")
        at = self._scores.loc[self._scores["visit"] == visit]
        rows = self._markers.loc[self._markers["visit"] == visit]
        return one_row_a_person(self._people, at, rows, column)

    def with_covariates(self, columns: Mapping[str, tuple[str, str]], visit: str = BASELINE) -> "Cohort":
        """Return a cohort in which markers of another modality are properties of the person, to adjust for.

        Parameters
        ----------
        columns : mapping of str to (marker, region)
            New column of people to the marker that fills it: {"hippocampus": ("volume", "hippocampus")}.
        visit : str
            Visit of the value; the baseline, unless the column is not meant for models of baseline.

        Returns
        -------
        Cohort
            Adjust with `associate(..., covariates=["hippocampus"])`. The error of these values is not carried.

        Raises
        ------
        InputError
            If a person's column of that name is there already.
        """
        people = self._people.set_index("participant_id")
        for name, (marker, region) in columns.items():
            if name in people.columns:
                msg = f"people have a column '{name}' already; choose another name for {marker} {region}"
                raise InputError(msg)
            rows = self.marker_rows(marker, region)
            rows = rows.loc[rows["visit"] == visit].dropna(subset=["value"])
            people[name] = rows.set_index("participant_id")["value"].astype(float)
        made = type(self).__new__(type(self))
        for slot in self.__slots__:
            object.__setattr__(made, slot, people.reset_index() if slot == "_people" else getattr(self, slot))
        return made

    def endpoint(self, visit: str | None = None) -> str:
        """Return the name of the endpoint visit.

        Without a name it is the visit called "endpoint", or the only visit after baseline.

        Raises
        ------
        InputError
            If there are several visits after baseline and none was chosen.
        UnknownNameError
            If the study has no visit of that name.
        """
        known = list(dict.fromkeys(self._visits.sort_values("week", kind="stable")["visit"]))
        if visit is not None:
            if visit not in known:
                raise unknown_name(visit, known, kind="visit")
            return visit
        later = [name for name in known if name != BASELINE]
        if "endpoint" in later:
            return "endpoint"
        if len(later) != 1:
            msg = f"endpoint_visit is not given and the study has {len(later)} visits after baseline"
            msg += f" ({', '.join(later) or 'none'}); name one with endpoint_visit="
            raise InputError(msg)
        return later[0]

    def __repr__(self) -> str:
        """Return counts and names on one line."""
        group = self._people["group"]
        visits = dict.fromkeys(self._visits.sort_values("week", kind="stable")["visit"])
        keys = dict.fromkeys(zip(self._markers["marker"], self._markers["region"], strict=True))
        return (
            f"<Cohort of {(group == 'patient').sum()} patients, {(group == 'control').sum()} controls; "
            f"visits {', '.join(visits)}; scales {', '.join(dict.fromkeys(self._scores['scale']))}; "
            f"markers {', '.join(marker_label(*key) for key in keys)}>"
        )


def _stop_at_structure(problems: Sequence[Problem]) -> None:
    """Raise if a table could not be read at all, before rules on its content make noise."""
    if any(problem.rule in _STRUCTURE for problem in problems):
        raise cohort_error(errors_of(problems))
