"""Control parameters of LCModel as options of the fit, with a record of what became of each."""

import difflib
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError, NeurochemWarning, UnknownNameError
from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats import read_basis
from neurochem.mrs.lcmodel import read_raw
from neurochem.mrs.lcmodel_namelist import GROUP, read_namelist
from neurochem.mrs.lcmodel_parameters import PARAMETERS, STATUSES
from neurochem.mrs.lcmodel_ratios import is_simulated
from neurochem.mrs.lcmodel_translate import Translation, translate
from neurochem.mrs.spectra import Acquisition
from neurochem.mrs.spins.library import find_molecules


@dataclass(frozen=True, slots=True)
class ControlRecord:
    """What became of one control parameter.

    Attributes
    ----------
    name : str
        LCModel's name, in lower case.
    value : object
        What was given; a tuple where there was more than one.
    status : str
        "option" of `fit`, "basis" elements, "table" option, "data" to read, done "elsewhere", the "same" as the fit does
        anyway, LCModel's "output", "ignored" as asked for, or "none": it would change estimates and has no counterpart.
    text : str
        What it became, or why it has no counterpart.
    """

    name: str
    value: Any
    status: str
    text: str


@checked_fields
@dataclass(frozen=True, slots=True)
class LCModelControl:
    """Options that LCModel's control parameters became.

    Attributes
    ----------
    options : mapping
        Keywords of `neurochem.mrs.fit`; what no parameter spoke of keeps that function's own default, not LCModel's.
    omit : tuple of str
        Elements to leave out of the basis.
    table : mapping
        Keywords `reference` and `totals` of `write_table`.
    files : mapping of str to Path
        "basis", "data" and "water", as far as named.
    header : mapping of str to float
        dwell_s, larmor_mhz, echo_time_s and points, as far as given.
    records : tuple of ControlRecord
        One for every parameter, in the order given.
    source : str
        The control file.
    """

    options: Mapping[str, Any]
    omit: tuple[str, ...]
    table: Mapping[str, Any]
    files: Mapping[str, Path]
    header: Mapping[str, float]
    records: tuple[ControlRecord, ...]
    source: str = field(default="")

    @property
    def without_counterpart(self) -> tuple[ControlRecord, ...]:
        """Parameters that would change estimates and were not followed."""
        return tuple(record for record in self.records if record.status == "none")

    def absent(self, basis: Basis) -> tuple[str, ...]:
        """Return the elements to be left out that the basis does not have."""
        known = {name.casefold() for name in basis.names}
        return tuple(name for name in self.omit if name.casefold() not in known)

    def basis(self, basis: Basis) -> Basis:
        """Return the basis without the elements in `omit`; see `absent` for those that it never had.

        Raises
        ------
        InputError
            If none would be left.

        Warns
        -----
        NeurochemWarning
            If a name is neither in the basis nor one that LCModel simulates nor a known metabolite: what is misspelt stays in
            the fit.
        """
        missing = self.absent(basis)
        unheard = [name for name in missing if not is_simulated(name) and not _is_metabolite(name)]
        if unheard:
            named = "; ".join(f"{name}{_nearest(name, basis.names)}" for name in unheard)
            message = (
                f"{self._label}: CHOMIT names what the basis does not have: {named}. Nothing is left out for it; correct it, "
                "or take it out of CHOMIT."
            )
            warnings.warn(message, NeurochemWarning, stacklevel=2)
        present = [name for name in self.omit if name not in missing]
        return basis.drop(*present) if present else basis

    def read_basis(self) -> Basis:
        """Read FILBAS and leave out what CHOMIT names.

        Raises
        ------
        InputError, MissingFileError, FileFormatError
            If FILBAS was not given, or is no basis set.
        """
        return self.basis(read_basis(self._file("basis", "FILBAS")))

    def read_data(self) -> Acquisition:
        """Read FILRAW with DELTAT and HZPPPM.

        Raises
        ------
        InputError, MissingFileError, FileFormatError
            If FILRAW, DELTAT or HZPPPM were not given, the file is not a RAW file, or its size is not NUNFIL.
        """
        return self._raw(self._file("data", "FILRAW"))

    def read_water(self) -> Acquisition | None:
        """Read FILH2O as `read_data` reads FILRAW; None where it was not given."""
        return self._raw(self.files["water"]) if "water" in self.files else None

    def summary(self) -> str:
        """Return one line a parameter: name, value, and what it became."""
        lines = [
            f"{record.name.upper()} = {record.value!r}: {STATUSES[record.status]}: {record.text}"
            for record in self.records
        ]
        return "\n".join(lines)

    def _file(self, key: str, parameter: str) -> Path:
        if key not in self.files:
            msg = f"{self._label}: {parameter} is not given; give it, or read the {key} yourself."
            raise InputError(msg)
        return self.files[key]

    @property
    def _label(self) -> str:
        return self.source or "LCModel parameters"

    def _raw(self, path: Path) -> Acquisition:
        for key, parameter in (("dwell_s", "DELTAT"), ("larmor_mhz", "HZPPPM")):
            if key not in self.header:
                msg = f"{self._label}: {parameter} is not given, and {path.name} does not hold it; add {parameter}."
                raise InputError(msg)
        keys = ("dwell_s", "larmor_mhz", "echo_time_s")
        found = read_raw(path, **{key: self.header[key] for key in keys if key in self.header})
        points = self.header.get("points")
        if points is not None and found.shape[-1] != points:
            msg = f"{path}: {found.shape[-1]} points, but NUNFIL is {points:g}; correct NUNFIL, or copy the file again."
            raise InputError(msg)
        return found


@checked_arguments
def lcmodel_options(*, ignore: Iterable[str] = (), **parameters: Any) -> LCModelControl:
    """Return the options of a fit that LCModel's control parameters stand for.

    Parameters
    ----------
    ignore : iterable of str
        Parameters to be passed over, whatever they are; recorded as such.
    **parameters
        LCModel's names in any case, for example ``ppmst=4.0, ppmend=0.2, dkntmn=0.5, nratio=0, chomit=["Gly"]``.  A list
        gives places 1, 2, ... of an array.  None is as if not given.

    Returns
    -------
    LCModelControl
        ``fit(spectrum, control.basis(basis), **control.options)``; `records` says what each parameter became.

    Raises
    ------
    UnknownNameError
        If a name is no control parameter that is known.
    InputError
        If a value is not of the kind that its parameter takes.

    Warns
    -----
    NeurochemWarning
        If parameters that would change estimates have no counterpart.

    Notes
    -----
    Soft ratios count as in LCModel: CHRATO(1) to CHRATO(NRATIO), LCModel's own twelve where a place is not given.  Without
    any of NRATIO, CHRATO and NORATO the fit's default ratios stay.  Those of macromolecules and lipids are part of the set
    'LCModel' and are passed on only where they differ from it, or where NSIMUL is 0.

    Examples
    --------
    >>> lcmodel_options(ppmst=4.0, ppmend=0.5, nratio=0).options
    mappingproxy({'ppm': (0.5, 4.0), 'ratios': None})
    """
    given = {name.lower(): _places(value) for name, value in parameters.items() if value is not None}
    return _control(given, tuple(ignore), source="", folder=None, others=())


@checked_arguments
def read_lcmodel_control(path: str | Path, *, ignore: Iterable[str] = ()) -> LCModelControl:
    """Read an LCModel control file: a namelist $LCMODL ... $END.

    Parameters
    ----------
    path : str or Path
        The file.  Names of files in it are taken to be relative to its folder.
    ignore : iterable of str
        As for `lcmodel_options`.

    Returns
    -------
    LCModelControl
        As for `lcmodel_options`; also reads basis, data and water that the file names.

    Raises
    ------
    MissingFileError, FileFormatError
        If there is no such file, or it is not such a namelist.
    UnknownNameError, InputError
        As for `lcmodel_options`.

    Warns
    -----
    NeurochemWarning
        If parameters that would change estimates have no counterpart.
    """
    file = Path(path)
    given, others = read_namelist(file)
    return _control(given, tuple(ignore), source=str(file), folder=file.parent, others=others)


def _is_metabolite(name: str) -> bool:
    try:
        find_molecules([name])
    except UnknownNameError:
        return False
    return True


def _nearest(name: str, known: Iterable[str]) -> str:
    folded = {item.casefold(): item for item in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f" (did you mean {folded[near[0]]}?)" if near else ""


def _places(value: Any) -> dict[int, Any]:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return dict(enumerate(value if several else [value], start=1))


def _control(
    given: Mapping[str, Mapping[int, Any]], ignore: Sequence[str], *, source: str, folder: Path | None,
    others: Sequence[str],
) -> LCModelControl:  # fmt: skip
    label = source or "LCModel parameters"
    passed = {name.lower() for name in ignore}
    for name in given:
        if name not in PARAMETERS and name not in passed:
            raise _unknown(name, label)
    followed = {name: places for name, places in given.items() if name not in passed}
    done = translate(followed, label, folder)
    records = [_record(name, places, done, passed=name in passed) for name, places in given.items()]
    records += [
        ControlRecord(f"${name.lower()}", "", "none", f"only ${GROUP} is read from a control file") for name in others
    ]
    control = LCModelControl(
        MappingProxyType(done.options), done.omit, MappingProxyType(done.table), MappingProxyType(done.files),
        MappingProxyType(done.header), tuple(records), source,
    )  # fmt: skip
    if control.without_counterpart:
        names = ", ".join(record.name.upper() for record in control.without_counterpart)
        message = f"{label}: no counterpart, so not followed: {names}; .summary() says why"
        warnings.warn(message, NeurochemWarning, stacklevel=3)
    return control


def _unknown(name: str, label: str) -> UnknownNameError:
    """Return the error for a name that is no parameter: the nearest ones, since all would fill a page."""
    near = ", ".join(key.upper() for key in difflib.get_close_matches(name, PARAMETERS, n=3, cutoff=0.6))
    hint = f"nearest: {near}" if near else f"none of the {len(PARAMETERS)} known is near"
    msg = f"{label}: unknown LCModel parameter '{name.upper()}'; {hint}. Correct it, take it out, or name it in ignore."
    return UnknownNameError(msg)


def _record(name: str, places: Mapping[int, Any], done: Translation, *, passed: bool) -> ControlRecord:
    values = tuple(places[place] for place in sorted(places))
    value = values[0] if len(values) == 1 else values
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)
    if passed:
        return ControlRecord(name, value, "ignored", "named in ignore")
    if not places:
        return ControlRecord(name, value, "same", "no value was given")
    known = PARAMETERS[name]
    status, text = done.notes.get(name, (known.status, known.text))
    return ControlRecord(name, value, status, text)
