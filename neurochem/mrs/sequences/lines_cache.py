"""Simulated lines kept on disk, found by the content of what was simulated.

One file holds the lines of one molecule after one sequence.  Its name is a hash of spin system, events (pulses by their
fingerprint), frequency and version, so that nothing ever has to be declared stale.  Files are written under a temporary
name and renamed, hold numbers alone, and are made anew when damaged.
"""

import contextlib
import hashlib
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from neurochem.mrs.sequences.base import PulseSequence
from neurochem.mrs.spins.lines import Lines
from neurochem.mrs.spins.molecule import Molecule
from neurochem.naming import write_via

# Raise this when the simulation gives other numbers for the same input.
SIMULATION_VERSION = 1


def cache_folder() -> Path:
    """Return the folder of cached lines.

    `NEUROCHEM_CACHE` if set, else `XDG_CACHE_HOME`/neurochem, else the platform's own place: ~/Library/Caches on macOS,
    %LOCALAPPDATA% on Windows, ~/.cache elsewhere.
    """
    if os.environ.get("NEUROCHEM_CACHE"):
        return Path(os.environ["NEUROCHEM_CACHE"]) / "lines"
    if os.environ.get("XDG_CACHE_HOME"):
        base = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif os.environ.get("LOCALAPPDATA"):
        base = Path(os.environ["LOCALAPPDATA"])
    else:
        base = Path.home() / ".cache"
    return base / "neurochem" / "lines"


def lines_key(
    molecule: Molecule, sequence: PulseSequence, *, larmor_mhz: float, exchangeable: bool, t1_s: Sequence[float]
) -> str:
    """Return a hash of everything that the lines depend on."""
    parts = [
        [
            part.scale,
            [[group.ppm, group.protons, group.exchangeable] for group in part.groups],
            part.couplings_hz.tolist(),
            [[other.nucleus, list(other.couplings_hz)] for other in part.hetero],
        ]
        for part in molecule.parts
    ]
    content = [SIMULATION_VERSION, parts, sequence.fingerprint(), float(larmor_mhz), bool(exchangeable), list(t1_s)]
    # repr of a float is exact, so that keys differ whenever a number does
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def load_lines(
    key: str, conditions: Sequence[str], *, larmor_mhz: float, reference_ppm: float
) -> dict[str, Lines] | None:
    """Return the lines of each condition, None where there is no such file or it is damaged."""
    try:
        with (cache_folder() / f"{key}.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            tables = [content[_member(index)] for index in range(len(conditions))]
    # what a file cut short or overwritten raises depends on where it was cut
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return None
    if any(t.ndim != 2 or t.shape[0] != 3 or t.dtype != np.float64 or not np.isfinite(t).all() for t in tables):
        return None
    return {
        condition: Lines(table[0], table[1] + 1j * table[2], larmor_mhz=larmor_mhz, reference_ppm=reference_ppm)
        for condition, table in zip(conditions, tables, strict=True)
    }


def store_lines(key: str, lines: Mapping[str, Lines]) -> None:
    """Write the lines of each condition; a folder that cannot be written is no reason to fail."""
    tables = {
        _member(index): np.array([one.frequency_hz, one.amplitude.real, one.amplitude.imag])
        for index, one in enumerate(lines.values())
    }
    with contextlib.suppress(OSError):
        write_via(cache_folder() / f"{key}.npz", lambda temporary: np.savez(temporary, **tables))  # type: ignore[arg-type] # stubs take the names for options


def _member(index: int) -> str:
    return f"condition_{index}"
