"""The basis of a difference: elements that editing keeps, and the macromolecule edited together with GABA."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from neurochem.errors import BasisMismatchError, InputError, unknown_name
from neurochem.mrs.basis import Basis
from neurochem.mrs.edited.combine import difference_name, result_weights
from neurochem.mrs.edited.conditions import STEPS
from neurochem.mrs.macromolecule_sets import find_set
from neurochem.mrs.macromolecules import macromolecule_ratios, macromolecules
from neurochem.mrs.sequences.editing import DIFFERENCES
from neurochem.mrs.simulate_basis import EditedBasis

MM_SETS = MappingProxyType({"GABA": "MEGA_GABA", "GSH": "MEGA_GSH"})
# Where GABA is edited (ppm), and the broadening (Hz) with which areas are taken.
GABA_PPM, _BROADENED_HZ = (2.8, 3.2), 2.0
# An element of which a half difference holds less of its tallest line than this is subtraction's rest, not signal.
LEAST_EDITED = 0.02
# NAA's methyl signal in a difference, a proton: what a basis says about its own scale.
_NAA_SIGNAL = MappingProxyType({"half": -0.5, "full": -1.0})


@dataclass(frozen=True, slots=True, eq=False)
class DifferenceBasis:
    """What a difference is fitted with.

    Attributes
    ----------
    basis : Basis
        Elements, macromolecules included.
    gaba_plus : mapping of str to float
        Weights of elements whose sum is GABA+, in units of GABA; empty where nothing is at 3 ppm but GABA.
    tied : bool
        Whether GABA and MM3co are one element, "GABA+".
    model : str
        Name of the macromolecule model.
    left_out : tuple of str
        Elements that editing does not keep.
    """

    basis: Basis
    gaba_plus: Mapping[str, float]
    tied: bool
    model: str
    left_out: tuple[str, ...]


def difference_basis(
    basis: EditedBasis | Basis, *, target: str, difference: str, macromolecule_model: str | None
) -> DifferenceBasis:
    """Return the elements of a fit of a difference.

    Parameters
    ----------
    basis : EditedBasis or Basis
        Of the same sequence; from an EditedBasis the difference is made here, scaled as the data, whatever its own scale.
        A Basis is a difference already: its scale is that of `difference`, checked by NAA where it holds NAA.
    target : str
        "GABA" or "GSH".
    difference : str
        Scale of the data, "half" or "full".
    macromolecule_model : str or None
        "free", "3to2", "FSL-MRS" or "1to1GABA" (GABA), "free" (GSH); None adds none.

    Raises
    ------
    BasisMismatchError
        If the basis lacks the target, or its scale is that of the other difference.
    """
    made = _difference(basis, target, difference) if isinstance(basis, EditedBasis) else _checked(basis, difference)
    kept, left_out = _edited_only(made, basis, DIFFERENCES[difference])
    if target not in kept.names:
        msg = f"{made.source or 'basis'}: its difference holds no {target} ({', '.join(kept.names)}); simulate it with {target}."
        raise BasisMismatchError(msg)
    if macromolecule_model is None or kept.macromolecules:
        weights = _weights(kept, [name for name in kept.macromolecules if "MM3" in name]) if target == "GABA" else {}
        return DifferenceBasis(kept, weights, False, "as in the basis" if kept.macromolecules else "none", left_out)
    return _with_macromolecules(kept, target, macromolecule_model, DIFFERENCES[difference], left_out)


def _difference(basis: EditedBasis, target: str, difference: str) -> Basis:
    name = difference_name(basis, target)
    if name not in basis:
        msg = f"the basis has no difference for {target}; it has {', '.join(basis)}. Simulate mega-press or hermes."
        raise BasisMismatchError(msg)
    steps = [step for step in basis if step in STEPS]
    weights = result_weights(steps, difference)[name]
    first = basis[steps[0]]
    fids = {
        element: np.sum([weight * basis[step][element] for step, weight in weights.items()], axis=0)
        for element in first.names
    }
    present = {element: fid for element, fid in fids.items() if np.abs(fid).max() > 1e-9 * first.proton_amplitude}
    like = basis[name]
    return Basis(
        tuple(present), np.array(list(present.values())), dwell_s=first.dwell_s, larmor_mhz=first.larmor_mhz,
        echo_time_s=first.echo_time_s, sequence=like.sequence, reference_ppm=first.reference_ppm,
        proton_amplitude=first.proton_amplitude, nucleus=first.nucleus, source=first.source,
    )  # fmt: skip


def _checked(basis: Basis, difference: str) -> Basis:
    """Return a difference basis, or refuse one whose NAA has the size of the other scale."""
    if not isinstance(basis, Basis):
        msg = f"basis is a {type(basis).__name__}; give what simulate_basis('mega-press', ...) returns, or a difference Basis."
        raise InputError(msg)
    if "NAA" in basis.names:
        signal = _area(basis, basis["NAA"], (1.9, 2.1)) / (3.0 * basis.proton_amplitude)
        other = "full" if difference == "half" else "half"
        if abs(signal - _NAA_SIGNAL[other]) < 0.1 * abs(_NAA_SIGNAL[other]):
            msg = (
                f"{basis.source or 'basis'}: NAA's methyl line has {signal:.2f} a proton, as in a {other} difference; the data "
                f"are a {difference} difference. Give difference='{other}' if the data are, or basis.rescaled fids."
            )
            raise BasisMismatchError(msg)
    return basis


def _edited_only(made: Basis, basis: EditedBasis | Basis, factor: float) -> tuple[Basis, tuple[str, ...]]:
    """Return the elements that editing keeps, judged against the acquisition in which they are largest."""
    if not isinstance(basis, EditedBasis):
        return made, ()
    steps = [basis[step] for step in basis if step in STEPS]
    kept = []
    for name in made.names:
        whole = max(_height(step, step[name]) for step in steps if name in step.names)
        if _height(made, made[name]) >= 2.0 * factor * LEAST_EDITED * whole:
            kept.append(name)
    return made.select(kept), tuple(name for name in made.names if name not in kept)


def _height(basis: Basis, fid: np.ndarray) -> float:
    return float(np.abs(np.fft.fft(fid * np.exp(-4.0 * np.pi * basis.time_s))).max())


def _with_macromolecules(
    kept: Basis, target: str, model: str, factor: float, left_out: tuple[str, ...]
) -> DifferenceBasis:
    """Return the elements with the named broad ones, which a half difference halves as it does all others."""
    name = MM_SETS[target]
    ratios = find_set(name).ratios
    folded = {key.casefold(): key for key in ratios}
    if str(model).casefold() not in folded:
        raise unknown_name(model, ratios, kind=f"macromolecule model of a difference edited for {target}")
    model = folded[str(model).casefold()]
    broad = macromolecules(name, like=kept, ratio=model)
    equal = any(ratio.reference == "GABA" and ratio.sd == 0.0 for ratio in macromolecule_ratios(name, model))
    # the element that has GABA's area has the scale of the difference already
    scale = np.array([1.0 if equal and element == "MM3co" else factor for element in broad.names])
    broad = replace(broad, fids=scale[:, None] * broad.fids)
    if target != "GABA":
        return DifferenceBasis(kept.with_elements(broad), {}, False, model, left_out)
    if equal:
        # equal amplitudes: one element, whose coefficient is that of both
        joint = kept["GABA"] + broad["MM3co"]
        rest = [element for element in kept.names if element != "GABA"]
        both = kept.select(rest).joined(["GABA+"], joint[None, :]) if rest else kept.renamed({"GABA": "GABA+"})
        others = [element for element in broad.names if element != "MM3co"]
        return DifferenceBasis(both.with_elements(broad.select(others)), {}, True, model, left_out)
    whole = kept.with_elements(broad)
    return DifferenceBasis(
        whole, _weights(whole, [item for item in broad.names if "MM3co" in item]), False, model, left_out
    )


def _weights(basis: Basis, edited: list[str]) -> dict[str, float]:
    """Return GABA+ as a sum: GABA and the broad elements by their area between 2.8 and 3.2 ppm over GABA's."""
    own = _area(basis, basis["GABA"], GABA_PPM)
    return {"GABA": 1.0} | {name: _area(basis, basis[name], GABA_PPM) / own for name in edited}


def band_signal(basis: Basis, name: str, ppm: tuple[float, float]) -> float:
    """Return the integral of an element over a band, as a signal at time zero in protons."""
    return _area(basis, basis[name], ppm) / basis.proton_amplitude


def _area(basis: Basis, fid: np.ndarray, ppm: tuple[float, float]) -> float:
    """Return the signal at time zero of what lies in a band, lines broadened by 2 Hz."""
    spectrum = np.fft.fftshift(np.fft.fft(fid * np.exp(-np.pi * _BROADENED_HZ * basis.time_s)))
    # half of the first point lies flat under the whole spectrum
    real = spectrum.real - 0.5 * fid[0].real
    inside = (basis.ppm >= ppm[0]) & (basis.ppm <= ppm[1])
    return 2.0 * float(np.sum(real[inside])) / basis.points
