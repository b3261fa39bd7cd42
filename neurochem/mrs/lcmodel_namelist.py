"""Fortran namelists, as far as LCModel's control files use them."""

import re
from collections.abc import Iterator
from pathlib import Path

from neurochem.errors import FileFormatError, MissingFileError

GROUP = "LCMODL"
Value = str | float | int | bool
_TOKEN = re.compile(
    r"""(?P<comment>!.*)
      | (?P<string>'(?:[^'\n]|'')*'|"(?:[^"\n]|"")*")
      | (?P<broken>['"].*)
      | (?P<end>[$&]end\b|/(?=\s|$))
      | (?P<name>[a-z_]\w*)\s*(?:\((?P<place>[^)]*)\))?\s*=
      | (?P<word>[^\s,'"!]+)
      | (?P<line>\n)""",
    re.IGNORECASE | re.VERBOSE,
)
_REPEAT = re.compile(r"(\d+)\*(.*)")
_GROUP = re.compile(r"^[^\S\n]*[$&](\w+)", re.MULTILINE)


def read_namelist(path: Path) -> tuple[dict[str, dict[int, Value]], tuple[str, ...]]:
    """Return the parameters of $LCMODL by lower-case name and place, and the names of other groups in the file.

    Parameters
    ----------
    path : Path
        A text file.  Arrays may be given by place, NAME(2) = 'a', or in one go from the first place on; of two indices the
        first counts places and the second starts at 1001, 2001 and so on.  `!` starts a comment, `3*0.5` is three values.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file does not exist, holds no $LCMODL ... $END, or a line of it cannot be read.
    """
    text = _text(path)
    start = re.search(rf"^[^\S\n]*[$&]{GROUP}\b", text, re.IGNORECASE | re.MULTILINE)
    if start is None:
        msg = f"{path}: no ${GROUP} namelist; give an LCModel control file, which starts with ${GROUP} and ends with $END."
        raise FileFormatError(msg)
    others = tuple(name.upper() for name in _GROUP.findall(text) if name.upper() not in {GROUP, "END"})
    first_line = text.count("\n", 0, start.end()) + 1
    return _assignments(path, text[start.end() :], first_line), others


def _text(path: Path) -> str:
    if not path.is_file():
        msg = f"{path}: no such file; give an LCModel control file."
        raise MissingFileError(msg)
    try:
        # only paths and titles hold letters beyond ASCII, in whatever encoding the machine had
        text = path.read_bytes().decode("latin-1")
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); check its permissions."
        raise FileFormatError(msg) from error
    if "\0" in text:
        msg = f"{path}: not a text file; give an LCModel control file."
        raise FileFormatError(msg)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _assignments(path: Path, body: str, line: int) -> dict[str, dict[int, Value]]:
    found: dict[str, dict[int, Value]] = {}
    name, place = "", 0
    for token in _TOKEN.finditer(body):
        kind = token.lastgroup if token["name"] is None else "name"
        if kind == "end":
            return found
        if kind == "line":
            line += 1
        elif kind == "name":
            name, place = token["name"].lower(), _place(path, line, token["name"], token["place"])
            # a second assignment wins, as in Fortran
            found.setdefault(name, {})
        elif kind in {"string", "word"} and name:
            for value in _values(token.group()):
                found[name][place] = value
                place += 1
        elif kind != "comment":
            msg = f"{path}, line {line}: cannot read {token.group()!r}; write NAME = value, text in single quotes."
            raise FileFormatError(msg)
        line += token.group().count("\n") if kind == "name" else 0
    msg = f"{path}: ${GROUP} has no $END; the file may be truncated. Add $END, or copy it again."
    raise FileFormatError(msg)


def _place(path: Path, line: int, name: str, text: str | None) -> int:
    parts = ("1" if text is None else text).split(",")
    if len(parts) > 2 or not all(part.strip().isdigit() and int(part) for part in parts):
        msg = f"{path}, line {line}: index of {name} is {text!r}; it must be a positive integer, such as {name}(1)."
        raise FileFormatError(msg)
    return int(parts[0]) + (1000 * int(parts[1]) if len(parts) == 2 else 0)


def _values(text: str) -> Iterator[Value]:
    repeat = _REPEAT.fullmatch(text)
    if repeat:
        for _ in range(min(int(repeat[1]), 1000)):
            yield from _values(repeat[2])
        return
    if text[0] in "'\"":
        yield text[1:-1].replace(2 * text[0], text[0]).strip()
        return
    yield plain_value(text)


def plain_value(text: str) -> Value:
    """Return a bare word of a namelist as a truth value, an integer, a number (1.5d-4 too), or itself.

    Examples
    --------
    >>> [plain_value(text) for text in (".true.", "F", "12", "5d-04", "abc")]
    [True, False, 12, 0.0005, 'abc']
    """
    if re.fullmatch(r"\.?t(rue)?\.?", text, re.IGNORECASE):
        return True
    if re.fullmatch(r"\.?f(alse)?\.?", text, re.IGNORECASE):
        return False
    for convert in (int, float):
        try:
            return convert(re.sub("d", "e", text, flags=re.IGNORECASE))
        except ValueError:
            continue
    return text
