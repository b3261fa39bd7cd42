"""What is wrong with a study's tables, all of it at once, each with its place and its remedy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neurochem.errors import CohortError

_LINES_SHOWN = 50
_OF_A_KIND = 3  # shown of one rule, file and column, where problems are many


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
    follow, one a line; beyond fifty, three of each kind and how many more there are. `error.problems` holds them all.
    """
    first, *others = problems
    count = f" (problem 1 of {len(problems)} problems)" if others else ""
    error = CohortError("\n".join([f"{first}{count}", *_lines(problems)[1:]]))
    vars(error)["problems"] = tuple(problems)
    return error


def _lines(problems: Sequence[Problem]) -> list[str]:
    """Return one line a problem, where there are many only the first of each kind, so that none hides the others."""
    if len(problems) <= _LINES_SHOWN:
        return [str(problem) for problem in problems]
    kinds: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.rule, problem.file, problem.column), []).append(problem)
    lines = []
    for some in kinds.values():
        lines += [str(problem) for problem in some[:_OF_A_KIND]]
        if len(some) > _OF_A_KIND:
            last = some[-1]
            place = last.file if last.line is None else f"{last.file} line {last.line}"
            lines.append(f"... and {len(some) - _OF_A_KIND} more like it, the last at {place}")
    if len(lines) > _LINES_SHOWN:
        lines[_LINES_SHOWN:] = [
            f"... and {len(lines) - _LINES_SHOWN} more lines; error.problems holds all {len(problems)}"
        ]
    return lines


def listed(items: Iterable[object], limit: int = 8) -> str:
    """Return names as a short list for a message."""
    names = [str(item) for item in items]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
