"""Basis sets: one FID a metabolite."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import BasisMismatchError, InputError, unknown_name
from neurochem.mrs import basis_changes as changes
from neurochem.mrs.basis_match import mismatches
from neurochem.mrs.resample import resample
from neurochem.mrs.spectra import Spectrum, check_header, frequency_axis, to_ppm
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.mrs.basis_check import BasisCheck


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """FIDs of the metabolites (and macromolecules) that a spectrum is made of.

    Parameters
    ----------
    names : sequence of str
        One name an element, distinct.
    fids : complex array, shape (n_elements, n_points)
        FIDs in the NIfTI-MRS storage convention from the top of the echo on, without line broadening of their own
        beyond what is stated by whoever made them.
    dwell_s, larmor_mhz : float
        Sampling (s) and frequency (MHz) of the FIDs.
    echo_time_s : float, optional
        Echo time of the sequence (s); None when unknown, and then it is not compared with that of a spectrum.
    sequence : str
        Name of the sequence.
    macromolecules : sequence of str
        Elements that are broad: they get a width and a shift of their own in the fit.
    reference_ppm : float
        Chemical shift at zero frequency.
    proton_amplitude : float
        Signal at time zero of one proton at excitation, in the unit of `fids`; 1 for a basis in which the FID of an
        uncoupled molecule starts at its number of protons.  `quantify` divides by it.
    linewidth_hz : float, optional
        Full width (Hz) that whoever made the FIDs says to have given every line; None when unknown.
    nucleus, source : str
        Observed nucleus, and the file.

    Raises
    ------
    InputError
        If names, shapes or numbers disagree.
    """

    names: Sequence[str]
    fids: ComplexArray
    _: KW_ONLY
    dwell_s: float
    larmor_mhz: float
    echo_time_s: float | None = None
    sequence: str = ""
    macromolecules: Sequence[str] = ()
    reference_ppm: float = 4.65
    proton_amplitude: float = 1.0
    linewidth_hz: float | None = None
    nucleus: str = "1H"
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "macromolecules", tuple(self.macromolecules))
        fids = frozen_array(np.asarray(self.fids, dtype=np.complex128))
        label = self.source or "basis"
        if fids.ndim != 2 or fids.shape[0] != len(self.names) or len(set(self.names)) != len(self.names):
            msg = (
                f"{label}: fids has shape {fids.shape} for {len(self.names)} names; "
                "give one row and one distinct name for each element."
            )
            raise InputError(msg)
        if not np.isfinite(fids).all() or not (np.abs(fids).max(axis=1, initial=0.0) > 0).all():
            msg = f"{label}: every FID must be finite and not all zero. Leave such elements out."
            raise InputError(msg)
        if not (math.isfinite(self.proton_amplitude) and self.proton_amplitude > 0):
            msg = f"{label}: proton_amplitude is {self.proton_amplitude}; it must be positive. Leave it out for 1."
            raise InputError(msg)
        check_header(label, self.dwell_s, self.larmor_mhz, self.echo_time_s, None)
        for name in self.macromolecules:
            if name not in self.names:
                raise unknown_name(name, self.names, kind="basis element among macromolecules")
        object.__setattr__(self, "fids", fids)

    def __getitem__(self, name: str) -> ComplexArray:
        """Return the FID of an element, shape (n_points,); the name is found without regard to case."""
        for index, known in enumerate(self.names):
            if known.casefold() == str(name).casefold():
                return self.fids[index]
        raise unknown_name(name, self.names, kind="basis element")

    def __len__(self) -> int:
        """Return the number of elements."""
        return len(self.names)

    @property
    def points(self) -> int:
        """Number of points of each FID."""
        return int(self.fids.shape[1])

    @property
    def time_s(self) -> FloatArray:
        """Time of each point (s)."""
        return np.arange(self.points, dtype=float) * self.dwell_s

    @property
    def ppm(self) -> FloatArray:
        """Chemical shifts (ppm, descending) of the shifted FFT of the FIDs."""
        return to_ppm(frequency_axis(self.points, self.dwell_s), self.larmor_mhz, self.reference_ppm)

    @property
    def broad(self) -> np.ndarray:
        """Which elements are macromolecules, shape (n_elements,)."""
        return np.array([name in self.macromolecules for name in self.names])

    @checked_arguments
    def select(self, names: Sequence[str]) -> "Basis":
        """Return a basis of some of the elements, in the order given."""
        fids = np.array([self[name] for name in names])
        kept = tuple(next(known for known in self.names if known.casefold() == name.casefold()) for name in names)
        broad = [name for name in kept if name in self.macromolecules]
        return replace(self, names=kept, fids=fids, macromolecules=broad)

    @checked_arguments
    def keep(self, *names: str) -> "Basis":
        """Return a basis of the elements named, in the order of this basis."""
        wanted = [known.casefold() for known in self.select(names).names]
        return self.select([known for known in self.names if known.casefold() in wanted])

    @checked_arguments
    def drop(self, *names: str) -> "Basis":
        """Return a basis without the elements named.

        Raises
        ------
        UnknownNameError
            If there is no such element.
        InputError
            If none would be left.
        """
        gone = set(self.select(names).names) if names else set()
        left = [known for known in self.names if known not in gone]
        if not left:
            msg = f"{self.source or 'basis'}: drop would leave no element; at least one must stay. Name fewer."
            raise InputError(msg)
        return self.select(left)

    @checked_arguments
    def renamed(self, names: Mapping[str, str]) -> "Basis":
        """Return a basis with other names, {old: new}; elements not named keep theirs."""
        new = {self.select([old]).names[0]: str(name) for old, name in names.items()}
        return replace(
            self,
            names=[new.get(name, name) for name in self.names],
            macromolecules=[new.get(name, name) for name in self.macromolecules],
        )

    @checked_arguments
    def joined(self, names: Sequence[str], fids: ComplexArray, *, macromolecules: Sequence[str] = ()) -> "Basis":
        """Return a basis with more elements, given as FIDs of the same sampling, reference and scale."""
        return replace(
            self,
            names=(*self.names, *names),
            fids=np.vstack([self.fids, fids]),
            macromolecules=(*self.macromolecules, *macromolecules),
        )

    @checked_arguments
    def with_elements(self, other: "Basis", *, allow_mismatch: bool = False) -> "Basis":
        """Return a basis with the elements of another appended; see `neurochem.mrs.basis_changes.with_elements`."""
        return changes.with_elements(self, other, allow_mismatch=allow_mismatch)

    @checked_arguments
    def resampled(self, dwell_s: float, *, points: int | None = None) -> "Basis":
        """Return the basis at another sampling; see `neurochem.mrs.basis_changes.resampled`."""
        return changes.resampled(self, dwell_s, points=points)

    @checked_arguments
    def shifted(self, *, ppm: float | None = None, hz: float | None = None, names: Sequence[str] = ()) -> "Basis":
        """Return the basis with its lines moved; see `neurochem.mrs.basis_changes.shifted`."""
        return changes.shifted(self, ppm=ppm, hz=hz, names=names)

    def conjugated(self) -> "Basis":
        """Return the basis mirrored about its reference: what a file in the opposite sign convention needs."""
        return replace(self, fids=np.conj(self.fids))

    @checked_arguments
    def rescaled(self, factor: float) -> "Basis":
        """Return the basis in another unit: FIDs and `proton_amplitude` times a factor, so concentrations stay."""
        return changes.rescaled(self, factor)

    @checked_arguments
    def broadened(self, *, lorentz_hz: float = 0.0, gauss_hz: float = 0.0) -> "Basis":
        """Return the basis with every line broadened; see `neurochem.mrs.basis_changes.broadened`."""
        return changes.broadened(self, lorentz_hz=lorentz_hz, gauss_hz=gauss_hz)

    @checked_arguments
    def matched(self, spectrum: Spectrum, *, allow_mismatch: bool = False) -> ComplexArray:
        """Return the FIDs with the sampling and reference of a spectrum, shape (n_elements, spectrum.points).

        Parameters
        ----------
        spectrum : Spectrum
            What the basis is to be fitted to.
        allow_mismatch : bool
            Let another echo time pass.

        Raises
        ------
        BasisMismatchError
            If nucleus, field or echo time differ, or the FIDs end before they have decayed.
        """
        self.matches(spectrum, allow_mismatch=allow_mismatch)
        fids = resample(self.fids, self.dwell_s, new_dwell_s=spectrum.dwell_s, points=spectrum.points)
        offset_hz = (spectrum.reference_ppm - self.reference_ppm) * spectrum.larmor_mhz
        if offset_hz:
            fids = fids * np.exp(2j * np.pi * offset_hz * spectrum.time_s)
        return fids

    @checked_arguments
    def matches(self, spectrum: Spectrum, *, allow_mismatch: bool = False) -> bool:
        """Return True, or refuse a spectrum that the basis does not fit, as `fit` does.

        Parameters
        ----------
        spectrum : Spectrum
            What the basis is to be fitted to.
        allow_mismatch : bool
            Let another echo time pass.

        Raises
        ------
        BasisMismatchError
            If nucleus, field or echo time differ, or the FIDs end before they have decayed.  `mismatches` returns the
            reasons instead.
        """
        reasons = self.mismatches(spectrum, allow_mismatch=allow_mismatch)
        if reasons:
            raise BasisMismatchError(reasons[0])
        return True

    @checked_arguments
    def mismatches(self, spectrum: Spectrum, *, allow_mismatch: bool = False) -> tuple[str, ...]:
        """Return why the basis does not fit a spectrum, one sentence a reason; empty where it does."""
        return mismatches(self, spectrum, allow_mismatch=allow_mismatch)

    def plot(
        self, ax: "Axes | None" = None, *, ppm: tuple[float, float] = (0.2, 4.2), linewidth_hz: float = 2.0
    ) -> "Axes":
        """Draw every element on a line of its own; see `neurochem.mrs.basis_plots.plot_basis`."""
        from neurochem.mrs.basis_plots import plot_basis

        return plot_basis(self, ax, ppm=ppm, linewidth_hz=linewidth_hz)

    def check(self) -> "BasisCheck":
        """Return what is where it should be, and what is not; see `neurochem.mrs.basis_check.check_basis`."""
        from neurochem.mrs.basis_check import check_basis

        return check_basis(self)

    def __repr__(self) -> str:
        """Return elements and field on one line."""
        echo = "" if self.echo_time_s is None else f", TE {1e3 * self.echo_time_s:g} ms"
        return f"<Basis of {len(self)} at {self.larmor_mhz:.6g} MHz{echo}: {', '.join(self.names)}>"
