"""Every exception and warning that the package raises.

A message says what was given (file, field, value), what is allowed, and what to do.
"""

import difflib
from collections.abc import Iterable


class NeurochemError(Exception):
    """Base of every error raised on purpose; the command line prints its message and exits with 2."""


class InputError(NeurochemError, ValueError):
    """Input that cannot mean anything."""


class MissingFileError(InputError, FileNotFoundError):
    """A file or folder that must exist does not."""

    def __str__(self) -> str:
        """Return the message alone, not an operating-system error number."""
        return str(self.args[0]) if self.args else ""


class FileFormatError(InputError):
    """A file exists but cannot be read as what it should be."""


class UnitError(InputError):
    """A unit that is unknown or does not fit the quantity."""


class FrameTimingError(InputError):
    """Frame times that overlap, run backwards or disagree with the data."""


class BasisMismatchError(InputError):
    """A basis set that does not belong to the spectrum."""


class CohortError(InputError):
    """Study tables that break rules; `problems` holds one record for each."""

    problems: tuple[object, ...] = ()


class LeakageError(InputError):
    """Something that must not be known before the split, or before treatment, reached a prediction model."""


class ConfigError(InputError):
    """A configuration file with an unknown key or a value that is not allowed."""


class UnknownNameError(NeurochemError, KeyError):
    """A name that is not among those known."""

    def __str__(self) -> str:
        """Return the message without the quotes that KeyError adds."""
        return str(self.args[0]) if self.args else ""


class NeurochemWarning(UserWarning):
    """Base of every warning of the package."""


def unknown_name(name: object, choices: Iterable[str], *, kind: str, remedy: str = "") -> UnknownNameError:
    """Return an error that lists the choices and suggests the nearest one.

    Parameters
    ----------
    name : object
        What was given.
    choices : iterable of str
        The known names.
    kind : str
        What the name should have been, for example "model".
    remedy : str, optional
        A sentence added at the end.

    Returns
    -------
    UnknownNameError
        Ready to be raised.
    """
    known = list(choices)
    folded = {choice.casefold(): choice for choice in known}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.5)
    hint = f"; did you mean '{folded[near[0]]}'?" if near else "."
    listed = ", ".join(known) if known else "none"
    return UnknownNameError(f"unknown {kind} '{name}'{hint} Available: {listed}.{' ' + remedy if remedy else ''}")
