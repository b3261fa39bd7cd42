"""What every command prints: text to the reader, tables in columns, and the files that were written."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def say(text: str = "") -> None:
    """Print a line for the reader."""
    print(text)  # noqa: T201 - the command line prints


def complain(text: str) -> None:
    """Print a line to the error stream."""
    print(text, file=sys.stderr)  # noqa: T201 - the command line prints


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Return rows in aligned columns, the first `words` of them flush left and the numbers flush right.

    Examples
    --------
    >>> print(table(["region", "BPND"], [["putamen", "1.60"], ["cortex", "0.3"]]))
    region   BPND
    putamen  1.60
    cortex    0.3
    """
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(heads))]
    shown = (
        "  ".join(
            cell.ljust(width) if index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(line.rstrip() for line in shown)


def wrote(path: Path) -> None:
    """Say that a file was written, and where."""
    say(f"wrote {path}")
