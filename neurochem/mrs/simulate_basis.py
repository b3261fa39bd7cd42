"""Basis sets from first principles: spin systems, a sequence, and the density matrix in between."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from tqdm import tqdm

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.basis import Basis
from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, make_sequence
from neurochem.mrs.sequences.engine import simulate_lines_of
from neurochem.mrs.sequences.events import Recovery
from neurochem.mrs.sequences.lines_cache import lines_key, load_lines, store_lines
from neurochem.mrs.spectra import check_header
from neurochem.mrs.spins.library import DEFAULT_METABOLITES, find_molecules
from neurochem.mrs.spins.lines import Lines, combined
from neurochem.mrs.spins.molecule import Molecule
from neurochem.mrs.spins.reduction import reduced_systems
from neurochem.solve.threads import one_library_thread

# Lines are simulated and kept in this frame and moved afterwards: a shift of the frame is a shift of every line.
_FRAME_PPM = 4.65
# A molecule that leaves less than this of one proton in a difference is left out of it.
_ABSENT = 1e-9
# Lines smaller than this part of one proton may lie outside the band.
_VISIBLE = 1e-3

Systems: TypeAlias = str | Path | Mapping[str, Molecule] | None
EditedName: TypeAlias = Literal["mega-press", "mega-slaser", "hermes"]
PlainName: TypeAlias = Literal["pulse-acquire", "spin-echo", "press", "steam", "laser", "semi-laser"]


class EditedBasis(Mapping[str, Basis]):
    """Basis sets of one edited measurement, by the name of the result; each is also an attribute.

    MEGA: "on", "off", "difference", "sum".  HERMES: "a", "b", "c", "d", "difference_gaba", "difference_gsh", "sum".
    Molecules that cancel in a difference are absent from its basis, which is empty where all do.
    """

    def __init__(self, bases: Mapping[str, Basis]) -> None:
        self._bases = MappingProxyType(dict(bases))

    def __getitem__(self, name: str) -> Basis:
        """Return the basis of one result."""
        if name not in self._bases:
            raise unknown_name(name, self._bases, kind="result of the edited sequence")
        return self._bases[name]

    def __getattr__(self, name: str) -> Basis:
        """Return the basis of one result."""
        if not name.startswith("_") and name in self._bases:
            return self._bases[name]
        msg = f"an edited basis has no attribute '{name}'; its results are {', '.join(self.__dict__.get('_bases', ()))}"
        raise AttributeError(msg)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the results."""
        return iter(self._bases)

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self._bases)

    def __repr__(self) -> str:
        """Return the results on one line."""
        return f"<EditedBasis: {', '.join(f'{name} ({len(basis)} elements)' for name, basis in self._bases.items())}>"


def sequences() -> tuple[str, ...]:
    """Return the names of the sequences that `simulate_basis` knows."""
    return tuple(SEQUENCES.names())


@checked_arguments
def simulate_lines(  # noqa: PLR0913 - keywords of one simulation
    sequence: str | PulseSequence,
    *,
    larmor_mhz: float,
    metabolites: Sequence[str] | None = None,
    condition: str | None = None,
    reference_ppm: float = _FRAME_PPM,
    room_temperature: bool = False,
    systems: Systems = None,
    exchangeable: bool = False,
    t1_s: Mapping[str, float] | None = None,
    cache: bool = True,
    progress: bool | None = None,
    **timing: Any,
) -> dict[str, Lines]:
    """Return the undamped lines of molecules: frequency (Hz and ppm) and complex amplitude.

    Parameters
    ----------
    condition : str, optional
        Result of an edited sequence, such as "on" or "difference"; needed there and nowhere else.
    sequence, larmor_mhz, metabolites, reference_ppm, room_temperature, systems, exchangeable, t1_s, cache, progress, timing
        As for `simulate_basis`.

    Returns
    -------
    dict of str to Lines
        One unit a proton at excitation; `lines["Lac"].ppm` and `.amplitude`, and `.fid(dwell_s=..., points=...)`.

    Raises
    ------
    UnknownNameError, InputError
        As for `simulate_basis`; and if the condition is not one of the sequence.
    """
    made = _sequence(sequence, timing)
    if condition is None and len(made.results) > 1:
        msg = f"condition is missing; the sequence has {', '.join(made.results)}. Give condition=..."
        raise InputError(msg)
    name = "" if condition is None else condition
    if name not in made.results:
        raise unknown_name(name, [key or "none" for key in made.results], kind="condition of the sequence")
    molecules = _molecules(metabolites, systems, room_temperature)
    simulated = _simulated(
        made, molecules, larmor_mhz=larmor_mhz, exchangeable=exchangeable, t1_s=t1_s, cache=cache, progress=progress
    )
    return {
        key: combined([(weight, lines[step]) for step, weight in made.results[name].items()]).rereferenced(
            reference_ppm
        )
        for key, lines in simulated.items()
    }


@overload
def simulate_basis(sequence: PlainName, *, larmor_mhz: float, dwell_s: float, points: int, **options: Any) -> Basis: ...


@overload
def simulate_basis(
    sequence: EditedName, *, larmor_mhz: float, dwell_s: float, points: int, **options: Any
) -> EditedBasis: ...


@overload
def simulate_basis(
    sequence: str | PulseSequence, *, larmor_mhz: float, dwell_s: float, points: int, **options: Any
) -> Basis | EditedBasis: ...


@checked_arguments
def simulate_basis(  # noqa: PLR0913 - keywords of one simulation
    sequence: str | PulseSequence,
    *,
    larmor_mhz: float,
    dwell_s: float,
    points: int,
    metabolites: Sequence[str] | None = None,
    linewidth_hz: float = 0.0,
    reference_ppm: float = _FRAME_PPM,
    nucleus: str = "1H",
    room_temperature: bool = False,
    systems: Systems = None,
    exchangeable: bool = False,
    t1_s: Mapping[str, float] | None = None,
    cache: bool = True,
    progress: bool | None = None,
    **timing: Any,
) -> Basis | EditedBasis:
    """Simulate a basis set.

    Parameters
    ----------
    sequence : str or PulseSequence
        "pulse-acquire", "spin-echo", "press", "steam", "laser", "semi-laser", "inversion-recovery", and the edited
        "mega-press", "mega-slaser" and "hermes"; `sequences()` lists them.
    larmor_mhz : float
        Proton frequency (MHz): 127.73 at 3 T.
    dwell_s, points : float, int
        Sampling (s) and number of points.
    metabolites : sequence of str, optional
        Names or aliases (`spin_systems()`), kept as given; `neurochem.mrs.spins.DEFAULT_METABOLITES` by default.
    linewidth_hz : float
        Lorentzian full width (Hz); 0 leaves the lines undamped.
    reference_ppm : float
        Shift at zero frequency.
    nucleus : str
        "1H" alone.
    room_temperature : bool
        Shifts and couplings of phantoms near 20 C, where the table has some.
    systems : str, Path or mapping of str to Molecule, optional
        Spin systems of your own: a TOML file, or what `read_spin_systems` returned.  They come before the package's.
    exchangeable : bool
        Keep protons bound to N and O.
    t1_s : mapping of str to float, optional
        T1 (s) by metabolite, or by "metabolite/part" ("Cr/CH2"), which act during "inversion-recovery" alone.
    cache : bool
        Keep the lines on disk (`NEUROCHEM_CACHE`, or the user's cache folder) and read them again.
    progress : bool, optional
        False for no progress bar; by default there is one on a terminal where the work takes more than a second.
    **timing
        Times and pulses of the sequence: echo_time_s, te1_s, mixing_time_s, inversion_times_s, edit_on_ppm, ...; shaped
        pulses of `neurochem.mrs.pulses` as `editing=...`, or as `refocusing=...`, which is simulated over its slices
        (61 positions an axis, `points_x`, `points_y`; `extent` and `slice_ppm` as in `sequences.slice_pulse`).

    Returns
    -------
    Basis or EditedBasis
        FIDs in the storage convention, reference and field as given.  Edited sequences return an `EditedBasis`, a mapping of
        result ("on", "off", "difference", "sum") to `Basis`; how the difference is scaled is the option
        `difference="half"` (default) or "full".

    Raises
    ------
    UnknownNameError
        If sequence, option or metabolite is unknown.
    InputError
        If a number cannot mean anything, the same molecule is named twice, or lines lie outside the band of 1/dwell_s.

    Notes
    -----
    The density matrix starts at F_z and evolves under shifts, scalar couplings in full and pulses; crushers keep one
    coherence order exactly.  Ideal pulses by default.  One unit is one proton at excitation: what J evolution takes or
    STEAM halves is not scaled back.  No relaxation unless `t1_s` is given.  A refocused singlet of n protons is n at the
    first point.

    Examples
    --------
    >>> from neurochem.mrs.simulate_basis import simulate_basis
    >>> basis = simulate_basis("press", echo_time_s=0.030, larmor_mhz=127.73, dwell_s=1 / 4000, points=1024,
    ...                        metabolites=["Cr", "Lac"], cache=False)
    >>> basis["Cr"][0].real.round(6)
    np.float64(5.0)
    """
    if nucleus != "1H":
        msg = f"nucleus is {nucleus!r}; only '1H' can be simulated. Leave it out."
        raise InputError(msg)
    made = _sequence(sequence, timing)
    check_header("simulate_basis", dwell_s, larmor_mhz, None, None)
    if not (isinstance(points, int | np.integer) and points > 0):
        msg = f"points is {points!r}; it must be a whole number above zero."
        raise InputError(msg)
    molecules = _molecules(metabolites, systems, room_temperature)
    simulated = _simulated(
        made, molecules, larmor_mhz=larmor_mhz, exchangeable=exchangeable, t1_s=t1_s, cache=cache, progress=progress
    )
    label = sequence if isinstance(sequence, str) else type(sequence).__name__
    template: dict[str, Any] = {
        "dwell_s": dwell_s, "larmor_mhz": larmor_mhz, "echo_time_s": made.echo, "reference_ppm": reference_ppm,
        "linewidth_hz": linewidth_hz,
    }  # fmt: skip
    steps = {
        name: {step: _fid(lines, name, template, int(points), linewidth_hz) for step, lines in entry.items()}
        for name, entry in simulated.items()
    }
    bases = {
        result: _weighted(f"{label} {result}".strip(), steps, weights, template)
        for result, weights in made.results.items()
    }
    return bases[""] if tuple(bases) == ("",) else EditedBasis(bases)


def _sequence(sequence: str | PulseSequence, timing: Mapping[str, Any]) -> PulseSequence:
    if isinstance(sequence, str):
        return make_sequence(sequence, timing)
    if timing:
        msg = f"{', '.join(timing)} given beside a sequence that has its times already; set them there."
        raise InputError(msg)
    return sequence


def _molecules(metabolites: Sequence[str] | None, systems: Systems, room_temperature: bool) -> dict[str, Molecule]:
    names = DEFAULT_METABOLITES if metabolites is None else metabolites
    if isinstance(names, str) or not len(names):
        msg = f'metabolites is {names!r}; it must be a list of names such as ["NAA", "Cr"].'
        raise InputError(msg)
    return find_molecules(names, systems=systems, room_temperature=room_temperature)


def _simulated(
    sequence: PulseSequence,
    molecules: Mapping[str, Molecule],
    *,
    larmor_mhz: float,
    exchangeable: bool,
    t1_s: Mapping[str, float] | None,
    cache: bool,
    progress: bool | None,
) -> dict[str, dict[str, Lines]]:
    """Return the lines of each molecule and condition in the frame of 4.65 ppm, from the cache where they are there."""
    check_header("simulation", 1e-3, larmor_mhz, None, None)
    times = _relaxation(sequence, molecules, t1_s)
    # None lets tqdm look whether there is a terminal
    hidden = None if progress is None else not progress
    bar = tqdm(molecules.items(), desc="simulating", unit="molecule", disable=hidden, leave=False, delay=1.0)
    found: dict[str, dict[str, Lines]] = {}
    for name, molecule in bar:
        key = lines_key(molecule, sequence, larmor_mhz=larmor_mhz, exchangeable=exchangeable, t1_s=times[name])
        kept = load_lines(key, sequence.conditions, larmor_mhz=larmor_mhz, reference_ppm=_FRAME_PPM) if cache else None
        if kept is None:
            with one_library_thread():
                kept = _lines_of(sequence, molecule, larmor_mhz, exchangeable, times[name])
            if cache:
                store_lines(key, kept)
        found[name] = kept
    return found


def _lines_of(
    sequence: PulseSequence, molecule: Molecule, larmor_mhz: float, exchangeable: bool, times: Sequence[float]
) -> dict[str, Lines]:
    """Return the lines of one molecule for each condition; each part relaxes with a T1 of its own."""
    parts = [
        (reduced_systems(replace(molecule, parts=[part]), larmor_mhz=larmor_mhz, exchangeable=exchangeable), t1)
        for part, t1 in zip(molecule.parts, times, strict=True)
    ]
    if not any(systems for systems, _ in parts):
        msg = f"{molecule.name}: all of its protons are exchangeable. Give exchangeable=True to see them."
        raise InputError(msg)
    return {
        condition: combined([
            (1.0, simulate_lines_of(systems, sequence.events(condition), t1_s=t1)) for systems, t1 in parts if systems
        ])
        for condition in sequence.conditions
    }  # fmt: skip


def _relaxation(
    sequence: PulseSequence, molecules: Mapping[str, Molecule], t1_s: Mapping[str, float] | None
) -> dict[str, tuple[float, ...]]:
    """Return the T1 (s) of each part of each molecule, infinite where none is given."""
    given = dict(t1_s or {})
    known = [
        key
        for name, molecule in molecules.items()
        for key in (name, *(f"{name}/{p.label}" for p in molecule.parts if p.label))
    ]
    for key, value in given.items():
        if key not in known:
            raise unknown_name(key, known, kind="metabolite in t1_s")
        if not (math.isfinite(value) and 0.0 < value <= 20.0):
            msg = f"t1_s of {key} is {value}; it must lie between 0 and 20 s. Give seconds, not milliseconds."
            raise InputError(msg)
    if given and not any(isinstance(event, Recovery) for event in sequence.events(sequence.conditions[0])):
        msg = "t1_s is given, but the sequence has no inversion in which it would act. Use inversion-recovery."
        raise InputError(msg)
    return {
        name: tuple(given.get(f"{name}/{part.label}", given.get(name, math.inf)) for part in molecule.parts)
        for name, molecule in molecules.items()
    }


def _fid(lines: Lines, name: str, template: Mapping[str, Any], points: int, linewidth_hz: float) -> np.ndarray:
    """Return one FID, or refuse lines that the sampling would fold to another place."""
    moved = lines.rereferenced(template["reference_ppm"])
    half = 0.5 / template["dwell_s"]
    folded = (np.abs(moved.frequency_hz) > half) & (np.abs(moved.amplitude) > _VISIBLE)
    if folded.any():
        reach = half / moved.larmor_mhz
        low, high = moved.reference_ppm - reach, moved.reference_ppm + reach
        msg = (
            f"{name}: a line at {moved.ppm[folded][0]:.3f} ppm lies outside the band of dwell_s={template['dwell_s']:g} s, "
            f"{low:.2f} to {high:.2f} ppm, and would fold to another place. Give a shorter dwell_s, or leave {name} out."
        )
        raise InputError(msg)
    return moved.fid(dwell_s=template["dwell_s"], points=points, linewidth_hz=linewidth_hz)


def _weighted(
    label: str,
    steps: Mapping[str, Mapping[str, np.ndarray]],
    weights: Mapping[str, float],
    template: Mapping[str, Any],
) -> Basis:
    """Return the basis of one result, molecules without signal left out."""
    fids = {
        name: np.sum([weight * entry[step] for step, weight in weights.items()], axis=0)
        for name, entry in steps.items()
    }
    present = {name: fid for name, fid in fids.items() if np.abs(fid).max() > _ABSENT}
    points = len(next(iter(fids.values())))
    table = np.array(list(present.values())).reshape(len(present), points)
    return Basis(tuple(present), table, sequence=label, **template)
