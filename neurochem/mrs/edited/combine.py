"""Sub-spectra of an edited scan aligned to each other, their differences and their sum."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.edited.alignment import REFERENCE, Alignment, align
from neurochem.mrs.edited.conditions import MEGA, Order, find_order, sub_spectra
from neurochem.mrs.edited.singlet_reference import fit_singlets
from neurochem.mrs.preprocess import Preprocessed
from neurochem.mrs.sequences.editing import DIFFERENCES, on_off_results
from neurochem.mrs.sequences.hermes import Hermes
from neurochem.mrs.spectra import Acquisition, Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EditedInput = Acquisition | Preprocessed | Mapping[str, Spectrum] | Sequence[Spectrum]


@dataclass(frozen=True, slots=True)
class EditStep:
    """One thing done to edited data: name, one sentence, numbers, and where the method comes from."""

    name: str
    what: str
    effect: Mapping[str, Any]
    reference: str


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class EditedSpectra(Mapping[str, Spectrum]):
    """Sub-spectra, differences and sum by name; what `edited_spectra` returns.

    MEGA: "on", "off", "difference", "sum".  HERMES: "a", "b", "c", "d", "difference_gaba", "difference_gsh", "sum".

    Attributes
    ----------
    spectra : mapping of str to Spectrum
        All of them, aligned.
    scale : str
        "half", (mean ON - mean OFF)/2, or "full".
    order : Order
        How the conditions were told apart, and whether their order was inverted.
    alignments : mapping of str to Alignment
        By how much each sub-spectrum was moved.
    target : str
        "GABA" or "GSH": what a scan of two conditions edits.
    steps : tuple of EditStep
        The record, for reports.
    """

    spectra: Mapping[str, Spectrum]
    scale: str
    order: Order
    alignments: Mapping[str, Alignment]
    target: str
    steps: tuple[EditStep, ...]

    def __getitem__(self, name: str) -> Spectrum:
        """Return one spectrum."""
        if name not in self.spectra:
            raise unknown_name(name, self.spectra, kind="result of editing")
        return self.spectra[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.spectra)

    def __len__(self) -> int:
        """Return the number of spectra."""
        return len(self.spectra)

    @property
    def on(self) -> Spectrum:
        """Edit ON (MEGA)."""
        return self["on"]

    @property
    def off(self) -> Spectrum:
        """Edit OFF (MEGA)."""
        return self["off"]

    @property
    def sum(self) -> Spectrum:
        """The sum, scaled as the difference is; its noise is independent of that of the difference."""
        return self["sum"]

    @property
    def difference(self) -> Spectrum:
        """The difference of what the scan edits (HERMES: of GABA)."""
        return self.edited_for(self.target)

    def edited_for(self, target: str) -> Spectrum:
        """Return the difference edited for a molecule, "GABA" or "GSH"."""
        return self[difference_name(self.spectra, target)]

    @property
    def unedited(self) -> Spectrum:
        """Edit OFF, or HERMES' step that edits neither."""
        return self["off" if "off" in self.spectra else "d"]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the sub-spectra and the differences, and return the axes."""
        from neurochem.mrs.edited.plots import plot_edited

        return plot_edited(self, ax)

    def __repr__(self) -> str:
        """Return names and scale on one line."""
        return f"<EditedSpectra, {self.scale} difference: {', '.join(self.spectra)}>"


def difference_name(results: Mapping[str, Any], target: str) -> str:
    """Return the name of the difference edited for a molecule among the results of a scan or a basis."""
    return "difference" if "difference" in results else f"difference_{target.casefold()}"


def result_weights(names: Sequence[str], difference: str) -> Mapping[str, Mapping[str, float]]:
    """Return the weights of the sub-spectra in each difference and the sum.

    Parameters
    ----------
    names : sequence of str
        "on" and "off", or HERMES' four.
    difference : str
        "half" or "full".
    """
    if difference not in DIFFERENCES:
        raise unknown_name(difference, DIFFERENCES, kind="scale of the difference")
    every = (
        on_off_results(DIFFERENCES[difference]) if set(names) == set(MEGA) else Hermes(difference=difference).results
    )
    return {name: weights for name, weights in every.items() if name not in names}


@checked_arguments
def edited_spectra(
    data: EditedInput,
    *,
    difference: str = "half",
    target: str = "GABA",
    order: Sequence[str] | None = None,
    alignment: str | Sequence[tuple[float, float]] | None = "auto",
    header: Mapping[str, Any] | None = None,
) -> EditedSpectra:
    """Find the sub-spectra of an edited scan, align them to each other and subtract.

    Parameters
    ----------
    data : Acquisition, Preprocessed, mapping of str to Spectrum, or sequence of Spectrum
        With a dimension DIM_EDIT, coils and averages combined; or spectra by name ("on", "off"; HERMES "a" to "d"), or
        in an unknown order.
    difference : str
        "half": (mean ON - mean OFF)/2, as Gannet and FSL-MRS; "full": ON - OFF.  The sum likewise.
    target : str
        What a scan of two conditions edits, "GABA" or "GSH".
    order : sequence of str, optional
        The names of the conditions in the order of the data, where header and content do not tell.
    alignment : str, sequence of ranges, or None
        "auto": "choline" for GABA and HERMES, "naa" for GSH; a name or ranges as in `align`; None for no alignment.
    header : mapping, optional
        NIfTI-MRS fields, where `data` has none.

    Returns
    -------
    EditedSpectra
        The sub-spectra aligned to OFF (HERMES: d), differences and sum.

    Raises
    ------
    InputError
        If the conditions cannot be told apart, or dimensions besides DIM_EDIT are left.
    """
    order_found, named = _named(data, header, target, order)
    base = "off" if "off" in named else "d"
    moved, alignments = _aligned(named, base, _window(alignment, target, named))
    weights = result_weights(tuple(moved), difference)
    first = moved[base]
    stem = first.name.rsplit(" edit ", 1)[0]
    # a spectrum that is called by its condition says nothing of the scan
    stem = "" if stem.casefold() in moved else f"{stem} "
    results = {
        name: first.with_fid(np.sum([w * moved[key].fid for key, w in entry.items()], axis=0), name=f"{stem}{name}")
        for name, entry in weights.items()
    }
    steps = _record(order_found, alignments, base, difference)
    return EditedSpectra(
        MappingProxyType({**moved, **results}), difference, order_found, MappingProxyType(alignments), target, steps
    )


def _named(
    data: EditedInput, header: Mapping[str, Any] | None, target: str, order: Sequence[str] | None
) -> tuple[Order, dict[str, Spectrum]]:
    given: Sequence[str] | None = order
    if isinstance(data, Preprocessed):
        data = data.data
    if isinstance(data, Mapping):
        if order is not None:
            msg = "order is given beside spectra that have names; give one of both."
            raise InputError(msg)
        spectra, given = list(data.values()), tuple(data)
    elif isinstance(data, Acquisition):
        spectra = sub_spectra(data)
        header = data.header if header is None else header
    else:
        spectra = list(data)
    for item in spectra:
        if not isinstance(item, Spectrum):
            msg = f"a sub-spectrum is a {type(item).__name__}; give neurochem.mrs.Spectrum objects or an Acquisition."
            raise InputError(msg)
    found = find_order(spectra, header or {}, target=target, given=given)
    return found, dict(zip(found.names, spectra, strict=True))


def _window(
    alignment: str | Sequence[tuple[float, float]] | None, target: str, named: Mapping[str, Spectrum]
) -> str | Sequence[tuple[float, float]] | None:
    if alignment != "auto":
        return alignment
    return "naa" if target == "GSH" and "off" in named else "choline"


def _aligned(
    named: Mapping[str, Spectrum], base: str, window: str | Sequence[tuple[float, float]] | None
) -> tuple[dict[str, Spectrum], dict[str, Alignment]]:
    if window is None or not all(np.isfinite(item.fid).all() and item.fid.any() for item in named.values()):
        return dict(named), {}
    target = named[base]
    # a positive shift in Hz is a lower chemical shift
    offset = -fit_singlets(target).shift_hz / target.larmor_mhz
    found = {
        name: align(item, target, window=window, offset_ppm=offset) for name, item in named.items() if name != base
    }
    moved = {name: item if name == base else found[name].applied(item) for name, item in named.items()}
    return moved, found


def _record(order: Order, alignments: Mapping[str, Alignment], base: str, difference: str) -> tuple[EditStep, ...]:
    steps = [EditStep("edit_order", order.note, {"found_by": order.found_by, "inverted": order.inverted}, "NIfTI-MRS")]
    if alignments:
        moved = "; ".join(
            f"{name} by {a.shift_hz:.2f} Hz and {a.phase_deg:.1f} degrees" for name, a in alignments.items()
        )
        effect = {name: {"shift_hz": a.shift_hz, "phase_deg": a.phase_deg} for name, a in alignments.items()}
        steps.append(EditStep("align_edits", f"aligned to {base}: {moved}", effect, REFERENCE))
    formula = "(mean ON - mean OFF)/2" if difference == "half" else "mean ON - mean OFF"
    steps.append(
        EditStep("subtract_edits", f"{difference} difference, {formula}", {"scale": difference}, "Mescher 1998")
    )
    return tuple(steps)
