"""A basis from first-order line lists, for phantoms only.

Shifts and couplings are those of Govindaraju 2000 (NMR Biomed 13:129) and Near 2013 (Magn Reson Med 70:1183), but each
multiplet is drawn as if its coupling were weak and without J evolution during the echo: real strongly coupled spectra
(Glu, Gln, Ins) look different, and a fit of in vivo data with this basis would be wrong.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import unknown_name
from neurochem.mrs.basis import Basis
from neurochem.mrs.lineshape import gauss_variance
from neurochem.mrs.macromolecules import macromolecule_fids
from neurochem.mrs.spectra import to_hz
from neurochem.units import ComplexArray, FloatArray

# name: multiplets of (ppm, protons, couplings in Hz: one for each neighbouring proton)
_MULTIPLETS: dict[str, tuple[tuple[float, float, tuple[float, ...]], ...]] = {
    "NAA": (
        (2.008, 3, ()), (2.673, 1, (15.59, 3.86)), (2.486, 1, (15.59, 9.82)), (4.382, 1, (3.86, 9.82)),
    ),
    "NAAG": (
        (2.042, 3, ()), (2.190, 2, (7.3, 7.3)), (1.970, 2, (7.3, 7.3)), (2.721, 1, (15.9, 4.4)),
        (2.519, 1, (15.9, 9.5)), (4.128, 1, (4.6, 8.4)), (4.607, 1, (4.4, 9.5)),
    ),
    "Cr": ((3.027, 3, ()), (3.913, 2, ())),
    "PCr": ((3.029, 3, ()), (3.930, 2, ())),
    "GPC": (
        (3.212, 9, ()), (4.312, 2, (3.1, 5.9)), (3.659, 2, (3.1, 5.9)), (3.605, 1, (5.77, 4.53)),
        (3.672, 1, (4.53, 5.77)), (3.903, 1, (5.77, 4.53)), (3.871, 1, (5.77, 4.53)), (3.946, 1, (4.53, 5.77)),
    ),
    "PCh": ((3.208, 9, ()), (4.281, 2, (2.3, 7.0)), (3.641, 2, (2.3, 7.0))),
    "Ins": (
        (3.522, 2, (2.9, 10.0)), (3.614, 2, (9.5, 10.0)), (3.269, 1, (9.4, 9.4)), (4.054, 1, (2.9, 2.9)),
    ),
    "sIns": ((3.340, 6, ()),),
    "Glu": (
        (3.743, 1, (7.33, 4.65)), (2.042, 1, (7.33, 8.4, 6.4)), (2.120, 1, (4.65, 6.9, 8.4)),
        (2.336, 1, (8.4, 6.9)), (2.352, 1, (6.4, 8.4)),
    ),
    "Gln": (
        (3.753, 1, (5.84, 6.53)), (2.129, 1, (5.84, 9.16, 6.35)), (2.109, 1, (6.53, 6.88, 9.17)),
        (2.432, 1, (9.16, 6.88)), (2.454, 1, (6.35, 9.17)),
    ),
    "GABA": ((3.013, 2, (7.0, 7.0)), (1.889, 2, (7.0, 7.0, 7.3, 7.3)), (2.284, 2, (7.3, 7.3))),
    "GSH": (
        (3.769, 2, ()), (4.561, 1, (7.1, 4.7)), (2.926, 1, (7.1, 14.1)), (2.975, 1, (4.7, 14.1)),
        (3.769, 1, (6.34, 6.36)), (2.159, 2, (6.5, 7.0)), (2.510, 1, (7.0, 7.0)), (2.560, 1, (7.0, 7.0)),
    ),
    "Lac": ((1.314, 3, (6.93,)), (4.097, 1, (6.93, 6.93, 6.93))),
    "Tau": ((3.421, 2, (6.7, 6.7)), (3.246, 2, (6.7, 6.7))),
    "Asp": ((3.891, 1, (3.65, 9.11)), (2.801, 1, (3.65, 17.43)), (2.653, 1, (9.11, 17.43))),
}  # fmt: skip


@checked_arguments
def resonance_names() -> tuple[str, ...]:
    """Return the metabolites of the table."""
    return tuple(_MULTIPLETS)


def _lines(couplings: tuple[float, ...]) -> FloatArray:
    """Return the offsets (Hz) of the lines of a first-order multiplet, all of one height."""
    halves = [(-0.5 * coupling, 0.5 * coupling) for coupling in couplings]
    return np.array([sum(choice) for choice in product(*halves)]) if halves else np.zeros(1)


def _fid(name: str, time_s: FloatArray, larmor_mhz: float) -> ComplexArray:
    fid = np.zeros(time_s.size, dtype=complex)
    for ppm, protons, couplings in _MULTIPLETS[name]:
        offsets = _lines(couplings)
        centre = float(to_hz(np.array(ppm), larmor_mhz, 4.65))
        for offset in offsets:
            fid += protons / offsets.size * np.exp(2j * np.pi * (centre + offset) * time_s)
    return fid


@checked_arguments
def resonance_basis(
    *,
    dwell_s: float,
    points: int,
    larmor_mhz: float,
    echo_time_s: float | None = None,
    metabolites: Sequence[str] | None = None,
    macromolecules: bool = True,
    linewidth_hz: float = 0.5,
) -> Basis:
    """Return a basis of first-order multiplets, an approximation that is good enough for phantoms and for nothing else.

    Parameters
    ----------
    dwell_s, points, larmor_mhz : float, int, float
        Sampling (s), number of points, and frequency (MHz).
    echo_time_s : float, optional
        Kept with the basis; J evolution is not simulated.
    metabolites : sequence of str, optional
        Names from `resonance_names`; all by default.
    macromolecules : bool
        Whether the seven groups of broad lines (neurochem.mrs.macromolecules) are added.
    linewidth_hz : float
        Gaussian width of every line (Hz), so that FIDs end.

    Returns
    -------
    Basis
        Each FID starts at the molecule's number of protons: one unit per proton at excitation.

    Raises
    ------
    UnknownNameError
        If a metabolite is not in the table.
    """
    names = resonance_names() if metabolites is None else tuple(metabolites)
    for name in names:
        if name not in _MULTIPLETS:
            raise unknown_name(name, _MULTIPLETS, kind="metabolite in the table of resonances")
    time_s = np.arange(points, dtype=float) * dwell_s
    decay = np.exp(-gauss_variance(linewidth_hz) * time_s**2)
    fids = np.array([_fid(name, time_s, larmor_mhz) for name in names]) * decay
    basis = Basis(
        names, fids, dwell_s=dwell_s, larmor_mhz=larmor_mhz, echo_time_s=echo_time_s,
        sequence="first-order multiplets without J evolution",
    )  # fmt: skip
    if not macromolecules:
        return basis
    broad, more = macromolecule_fids(time_s, larmor_mhz, 4.65)
    return basis.joined(broad, more, macromolecules=broad)
