"""A molecule as the tables describe it: groups of protons, their shifts and couplings, in independent parts."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np

from neurochem.arguments import checked_fields
from neurochem.errors import InputError
from neurochem.results import frozen_array
from neurochem.units import FloatArray

# quantum number of the nuclei that may couple to protons
HETERO_SPINS = {"31P": 0.5, "13C": 0.5, "15N": 0.5, "19F": 0.5, "14N": 1.0, "2H": 1.0}


@dataclass(frozen=True, slots=True)
class Group:
    """Magnetically equivalent protons.

    Parameters
    ----------
    name : str
        Position in the molecule, distinct within its part.
    ppm : float
        Chemical shift (ppm, DSS at 0).
    protons : int
        How many; a coupling of the group is that of each of its protons.
    exchangeable : bool
        Bound to N or O and normally dropped.
    """

    name: str
    ppm: float
    protons: int = 1
    exchangeable: bool = False


@dataclass(frozen=True, slots=True)
class Hetero:
    """A nucleus that is not a proton, weakly coupled (I_z S_z) and untouched by proton pulses.

    Parameters
    ----------
    nucleus : str
        "31P", "14N", "13C", "15N", "19F" or "2H".
    couplings_hz : sequence of float, one a group
        J to each group (Hz).
    """

    nucleus: str
    couplings_hz: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Spins of a molecule that couple to no other part of it.

    Parameters
    ----------
    label : str
        Name within the molecule; empty where there is one part.
    groups : sequence of Group
        The protons.
    couplings_hz : array, shape (n_groups, n_groups)
        Symmetric J matrix (Hz), zero diagonal.
    scale : float
        Factor on the signal: the share of an anomer, or the number of identical parts.
    hetero : sequence of Hetero
        Other nuclei.
    """

    label: str
    groups: Sequence[Group]
    couplings_hz: FloatArray
    scale: float = 1.0
    hetero: Sequence[Hetero] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))
        object.__setattr__(self, "hetero", tuple(self.hetero))
        object.__setattr__(self, "couplings_hz", frozen_array(np.asarray(self.couplings_hz, dtype=float)))

    @property
    def proton_count(self) -> float:
        """Protons that are not exchangeable, times the scale."""
        return self.scale * sum(group.protons for group in self.groups if not group.exchangeable)

    def without_exchangeable(self) -> "Part":
        """Return the part without its exchangeable protons."""
        kept = [index for index, group in enumerate(self.groups) if not group.exchangeable]
        return self.restricted(kept)

    def restricted(self, kept: Sequence[int]) -> "Part":
        """Return the part with only some of its groups, hetero nuclei without a coupling left out."""
        hetero = [Hetero(other.nucleus, tuple(other.couplings_hz[i] for i in kept)) for other in self.hetero]
        return replace(
            self,
            groups=[self.groups[i] for i in kept],
            couplings_hz=self.couplings_hz[np.ix_(kept, kept)],
            hetero=[other for other in hetero if any(other.couplings_hz)],
        )


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class Molecule:
    """Spin systems of one molecule, with their source.

    Parameters
    ----------
    name : str
        Name in a basis.
    parts : sequence of Part
        Independent spin systems; their signals add.
    full_name, source, confidence, note : str
        Chemical name; publication; "high", "medium", "low" or "unchecked"; what to know.
    aliases : sequence of str
        Other names that find it.
    room_temperature : str
        What the room-temperature variant changed and its source; empty for the values at 37 C.
    """

    name: str
    parts: Sequence[Part]
    _: KW_ONLY
    full_name: str = ""
    aliases: Sequence[str] = ()
    source: str = ""
    confidence: str = "unchecked"
    note: str = ""
    room_temperature: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "aliases", tuple(self.aliases))
        if not self.parts or not math.isfinite(self.proton_count):
            msg = f"molecule {self.name}: it has no part with protons. Give at least one group with a shift."
            raise InputError(msg)

    @property
    def proton_count(self) -> float:
        """Protons that are not exchangeable: the first point of the FID at excitation."""
        return float(sum(part.proton_count for part in self.parts))

    @property
    def exchangeable_count(self) -> float:
        """Exchangeable protons of the table."""
        return float(sum(part.scale * sum(g.protons for g in part.groups if g.exchangeable) for part in self.parts))

    def __repr__(self) -> str:
        """Return name, protons and shifts on one line."""
        shifts = sorted({group.ppm for part in self.parts for group in part.groups if not group.exchangeable})
        return f"<Molecule {self.name}: {self.proton_count:g} protons at {', '.join(f'{x:g}' for x in shifts)} ppm>"
