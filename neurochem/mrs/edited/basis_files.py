"""The basis of an edited scan as files: one a sub-spectrum, named as `neurochem mrs basis` names them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import BasisMismatchError, MissingFileError
from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats import read_basis, write_basis
from neurochem.mrs.edited.combine import result_weights
from neurochem.mrs.edited.conditions import HERMES, MEGA
from neurochem.mrs.simulate_basis import EditedBasis

# An element that leaves less than this of one proton in a difference is left out of it, as when it is simulated.
_ABSENT = 1e-9


def part_path(path: str | Path, step: str) -> Path:
    """Return the file of one sub-spectrum: x.BASIS and "on" are x_on.BASIS.

    Examples
    --------
    >>> part_path("mega.BASIS", "on").name
    'mega_on.BASIS'
    """
    file = Path(path)
    stem, dot, ending = file.name.partition(".")
    return file.with_name(f"{stem}_{step}{dot}{ending}")


def edited_basis_files(path: str | Path) -> tuple[Path, ...]:
    """Return the files that `read_edited_basis` would read, whether they are there or not.

    Parameters
    ----------
    path : str or Path
        As there.
    """
    file = Path(path)
    if file.exists():
        return (file,)
    hermes = part_path(file, HERMES[0]).exists()
    return tuple(part_path(file, step) for step in (HERMES if hermes else MEGA))


@checked_arguments
def read_edited_basis(path: str | Path) -> EditedBasis | Basis:
    """Read the basis of an edited scan.

    Parameters
    ----------
    path : str or Path
        `x.BASIS` (any format that `read_basis` reads) beside which lie `x_on.BASIS` and `x_off.BASIS`, or HERMES' `x_a.BASIS`
        to `x_d.BASIS`; or the one file of a difference.

    Returns
    -------
    EditedBasis or Basis
        Sub-spectra with the half differences and the sum made of them; a Basis where `path` itself is a file.

    Raises
    ------
    MissingFileError
        If neither the file nor all of the sub-spectra are there.
    BasisMismatchError
        If the sub-spectra do not hold the same elements with the same sampling.

    Notes
    -----
    The scale is that of OFF (HERMES: d): editing takes away the lines by which the scale of the others would be measured.
    """
    files = edited_basis_files(path)
    if files == (Path(path),):
        return read_basis(path)
    missing = [file for file in files if not file.exists()]
    if missing:
        msg = (
            f"{path}: no such file, nor {missing[0].name} beside it; an edited basis is {part_path(path, 'on').name} and "
            f"{part_path(path, 'off').name}, as 'neurochem mrs basis --sequence mega-press' writes them."
        )
        raise MissingFileError(msg)
    steps = MEGA if len(files) == len(MEGA) else HERMES
    return combined_basis([read_basis(file) for file in files], steps)


def combined_basis(parts: Sequence[Basis], steps: Sequence[str]) -> EditedBasis:
    """Return sub-spectra as an edited basis, with the half differences and the sum.

    Parameters
    ----------
    parts : sequence of Basis
        One a step, with the same elements and sampling.
    steps : sequence of str
        "on" and "off", or "a", "b", "c" and "d".
    """
    base = parts[-1]
    for part in parts[:-1]:
        same = part.fids.shape == base.fids.shape and set(part.names) == set(base.names)
        if (
            not same
            or abs(part.dwell_s / base.dwell_s - 1.0) > 1e-6
            or abs(part.larmor_mhz / base.larmor_mhz - 1.0) > 1e-6
        ):
            msg = (
                f"{part.source} and {base.source} do not hold the same elements, points, dwell time and frequency; "
                "sub-spectra of one basis must. Simulate them together."
            )
            raise BasisMismatchError(msg)
    made = {
        step: replace(part.select(list(base.names)), proton_amplitude=base.proton_amplitude)
        for step, part in zip(steps, parts, strict=True)
    }
    stem = base.sequence.rsplit(" ", 1)[0]
    for name, weights in result_weights(tuple(steps), "half").items():
        fids = np.sum([weight * made[step].fids for step, weight in weights.items()], axis=0)
        present = np.abs(fids).max(axis=1) > _ABSENT * base.proton_amplitude
        kept = base.select([element for element, there in zip(base.names, present, strict=True) if there])
        made[name] = replace(kept, fids=fids[present], sequence=f"{stem} {name}".strip())
    return EditedBasis(made)


@checked_arguments
def write_edited_basis(basis: EditedBasis, path: str | Path) -> tuple[Path, ...]:
    """Write the sub-spectra of an edited basis, one file each, and return the files.

    Parameters
    ----------
    basis : EditedBasis
        From `simulate_basis`.
    path : str or Path
        `x.BASIS` writes `x_on.BASIS` and `x_off.BASIS`; formats as for `write_basis`.
    """
    steps = MEGA if "off" in basis else HERMES
    return tuple(write_basis(basis[step], part_path(path, step)) for step in steps)
