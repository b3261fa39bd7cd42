"""Reading the tables of macromolecule and lipid lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from neurochem.errors import unknown_name


@dataclass(frozen=True, slots=True)
class BroadLine:
    """One line of a set.

    Attributes
    ----------
    name, element : str
        Name of the line, and of the element it belongs to where lines are grouped.
    ppm : float
        Chemical shift.
    fwhm : float
        Gaussian full width at half maximum, in Hz at `larmor_mhz`, or in ppm where that is 1; 0 for a line that takes the
        width of the metabolites.
    larmor_mhz : float
        Frequency (MHz) at which the width was stated.
    amplitude : float
        Protons, or relative area where the set has an anchor.
    shift_sd_ppm : float or None
        How uncertain the shift is, where the source says so.
    default : bool
        Whether the line is among those that the source uses by default.
    """

    name: str
    element: str
    ppm: float
    fwhm: float
    larmor_mhz: float
    amplitude: float
    shift_sd_ppm: float | None = None
    default: bool = True

    def fwhm_hz(self, larmor_mhz: float) -> float:
        """Return the full width (Hz) at a field, the same in ppm at every field."""
        return self.fwhm * larmor_mhz / self.larmor_mhz


@dataclass(frozen=True, slots=True)
class Ratio:
    """Amplitude of `element` over that of `reference` (names joined by + are summed): mean +- sd, exact for sd 0."""

    element: str
    reference: str
    mean: float
    sd: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class MacromoleculeSet:
    """A published set.

    Attributes
    ----------
    name : str
        Its name.
    aliases : tuple of str
        Other names that find it.
    lines : tuple of BroadLine
        All lines.
    ratios : mapping of str to tuple of Ratio
        Named ratio models; "free" (no ratio) is always there.
    anchor : (float, float)
        Protons, and the amplitude that stands for them: (3, 0.72) where a line of area 0.72 is given three protons, (1, 1)
        where amplitudes are protons.
    edited : bool
        Whether it is for difference spectra.
    source, status, note : str
        Publication or program; "unchecked" where nobody has held the numbers against it; what to know.
    """

    name: str
    aliases: tuple[str, ...]
    lines: tuple[BroadLine, ...]
    ratios: Mapping[str, tuple[Ratio, ...]]
    anchor: tuple[float, float]
    edited: bool
    source: str
    status: str
    note: str

    @property
    def elements(self) -> tuple[str, ...]:
        """Names of the grouped elements that are used by default."""
        return tuple(dict.fromkeys(line.element for line in self.lines if line.default))


def _rows(name: str) -> tuple[dict[str, str], ...]:
    text = resources.files("neurochem.mrs.macromolecule_sets").joinpath(name).read_text(encoding="utf-8")
    head, *rows = (line.split("\t") for line in text.splitlines())
    return tuple(dict(zip(head, row, strict=True)) for row in rows)


@lru_cache(maxsize=1)
def macromolecule_sets() -> Mapping[str, MacromoleculeSet]:
    """Return the published sets of macromolecules and lipids by name.

    Returns
    -------
    mapping of str to MacromoleculeSet
        Read-only.  "LCModel", "Birch2017_3T" (the default of the fit), "Bell2024", "Osprey_MM15", and for difference
        spectra "MEGA_GABA" and "MEGA_GSH".

    Notes
    -----
    Widths stated in Hz are divided by the frequency at which they were measured: the lines are overlapping multiplets
    of many residues, whose spread of shifts grows with the field.

    Examples
    --------
    >>> from neurochem.mrs.macromolecule_sets import macromolecule_sets
    >>> macromolecule_sets()["MEGA_GABA"].elements
    ('MM09', 'MM3co')
    """
    lines, ratios = _rows("lines.tsv"), _rows("ratios.tsv")
    found = {}
    for row in _rows("sets.tsv"):
        own = tuple(_line(line, float(row["larmor_mhz"])) for line in lines if line["set"] == row["name"])
        anchor = next(
            ((float(row["anchor_protons"]), line.amplitude) for line in own if line.name == row["anchor"]), (1.0, 1.0)
        )
        models: dict[str, tuple[Ratio, ...]] = {"free": ()}
        for ratio in (ratio for ratio in ratios if ratio["set"] == row["name"]):
            entry = Ratio(ratio["element"], ratio["reference"], float(ratio["mean"]), float(ratio["sd"]), ratio["note"])
            models[ratio["model"]] = (*models.get(ratio["model"], ()), entry)
        found[row["name"]] = MacromoleculeSet(
            row["name"], tuple(row["aliases"].split(",")), own, MappingProxyType(models), anchor, row["edited"] == "yes",
            row["source"], row["status"], row["note"],
        )  # fmt: skip
    return MappingProxyType(found)


def _line(row: Mapping[str, str], larmor_mhz: float) -> BroadLine:
    return BroadLine(
        row["line"],
        row["element"],
        float(row["ppm"]),
        float(row["fwhm"]),
        larmor_mhz if row["fwhm_unit"] == "Hz" else 1.0,
        float(row["amplitude"]),
        float(row["shift_sd_ppm"]) if row["shift_sd_ppm"] else None,
        row["in_default"] == "yes",
    )


def find_set(name: str) -> MacromoleculeSet:
    """Return the set of that name or alias, found without regard to case.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    folded = str(name).casefold()
    for found in macromolecule_sets().values():
        if folded in {found.name.casefold(), *(alias.casefold() for alias in found.aliases)}:
            return found
    raise unknown_name(name, macromolecule_sets(), kind="macromolecule set")
