"""What is wrong with a study's tables, all of it at once, each with its place and its remedy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neurochem.errors import CohortError

_LINES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule.

    Attributes
    ----------
    rule : str
        Short and stable name: "duplicate_key", "score_range".
    file : str
        The table, relative to its folder ("phenotype/madrs.tsv"), or its name when it came as a frame ("markers").
    line : int or None
        Line of the file (the header is line 1) or row of the frame (from 1); None when it concerns the whole table.
    column, value : str
        Where and what was found.
    message, remedy : str
        What is wrong, and what to do.
    level : str
        "error" stops the reading; "warning" is kept with the cohort and printed in every report.
    """

    rule: str
    file: str
    line: int | None
    column: str
    value: str
    message: str
    remedy: str
    level: str = "error"

    def __str__(self) -> str:
        """Return place, message and remedy on one line."""
        unit = "line" if self.file.endswith((".tsv", ".json")) else "row"
        place = self.file if self.line is None else f"{self.file} {unit} {self.line}"
        return f"{place}: {self.message}; {self.remedy}"


def errors_of(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems that stop the reading."""
    return tuple(problem for problem in problems if problem.level == "error")


def cohort_error(problems: Sequence[Problem]) -> CohortError:
    """Return one error that tells every problem.

    The first line of its message is complete by itself (place, field, remedy) and counts the problems; the others
    follow, one a line. `error.problems` holds them as a tuple.
    """
    first, *others = problems
    count = f" (problem 1 of {len(problems)} problems)" if others else ""
    lines = [f"{first}{count}", *(str(problem) for problem in others[: _LINES_SHOWN - 1])]
    if len(problems) > _LINES_SHOWN:
        lines.append(f"... and {len(problems) - _LINES_SHOWN} more")
    error = CohortError("\n".join(lines))
    vars(error)["problems"] = tuple(problems)
    return error


def listed(items: Iterable[object], limit: int = 8) -> str:
    """Return names as a short list for a message."""
    names = [str(item) for item in items]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
