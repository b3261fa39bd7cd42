"""Basis sets: one FID a metabolite, and whether they belong to a spectrum."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

import numpy as np

from neurochem.errors import BasisMismatchError, InputError, unknown_name
from neurochem.mrs.lcmodel import basis_text, parse_basis
from neurochem.mrs.resample import resample
from neurochem.mrs.singlets import reference_offset_ppm, singlet_amplitude
from neurochem.mrs.spectra import Spectrum, check_header, frequency_axis, to_ppm
from neurochem.naming import write_text
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

# How far a basis may be from the data before a fit would be wrong in silence.
FIELD_TOLERANCE = 0.015
ECHO_TIME_TOLERANCE_S = 0.0021
# How `write_basis` states the scale, which LCModel prints and does not read.
_STATED = "neurochem proton_amplitude "
_BROAD = ("mm", "lip", "mac", "m0.", "m1.", "m2.", "m3.")


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

    def select(self, names: Sequence[str]) -> "Basis":
        """Return a basis of some of the elements, in the order given."""
        fids = np.array([self[name] for name in names])
        kept = tuple(next(known for known in self.names if known.casefold() == name.casefold()) for name in names)
        broad = [name for name in kept if name in self.macromolecules]
        return replace(self, names=kept, fids=fids, macromolecules=broad)

    def joined(self, names: Sequence[str], fids: ComplexArray, *, macromolecules: Sequence[str] = ()) -> "Basis":
        """Return a basis with more elements."""
        return replace(
            self,
            names=(*self.names, *names),
            fids=np.vstack([self.fids, fids]),
            macromolecules=(*self.macromolecules, *macromolecules),
        )

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
        self._check(spectrum, allow_mismatch=allow_mismatch)
        fids = resample(self.fids, self.dwell_s, new_dwell_s=spectrum.dwell_s, points=spectrum.points)
        offset_hz = (spectrum.reference_ppm - self.reference_ppm) * spectrum.larmor_mhz
        if offset_hz:
            fids = fids * np.exp(2j * np.pi * offset_hz * spectrum.time_s)
        return fids

    def _check(self, spectrum: Spectrum, *, allow_mismatch: bool) -> None:
        where = f"basis {self.source or '(in memory)'}, spectrum {spectrum.source or spectrum.name}"
        if self.nucleus != spectrum.nucleus:
            msg = (
                f"{where}: nucleus is {self.nucleus} and {spectrum.nucleus}; they must be equal. "
                f"Give a basis of {spectrum.nucleus}."
            )
            raise BasisMismatchError(msg)
        if abs(self.larmor_mhz / spectrum.larmor_mhz - 1.0) > FIELD_TOLERANCE:
            msg = (
                f"{where}: larmor_mhz is {self.larmor_mhz:.6g} and {spectrum.larmor_mhz:.6g} MHz; they may differ by "
                f"{100 * FIELD_TOLERANCE:g} %. Give a basis simulated at the field strength of the spectrum."
            )
            raise BasisMismatchError(msg)
        echoes = (self.echo_time_s, spectrum.echo_time_s)
        if not allow_mismatch and None not in echoes and abs(echoes[0] - echoes[1]) > ECHO_TIME_TOLERANCE_S:  # type: ignore[operator] # both are numbers here
            msg = (
                f"{where}: echo_time_s is {echoes[0]:g} and {echoes[1]:g} s; they may differ by 0.002 s, since coupled "
                "lines change shape with the echo time. Give a basis of that echo time, or allow_mismatch=True."
            )
            raise BasisMismatchError(msg)
        duration = self.points * self.dwell_s
        if duration < 0.999 * spectrum.points * spectrum.dwell_s and self._undecayed():
            msg = (
                f"{where}: the basis lasts {duration:g} s, the spectrum {spectrum.points * spectrum.dwell_s:g} s, and "
                "the basis has not decayed at its end. Give a longer basis, or a spectrum of fewer points."
            )
            raise BasisMismatchError(msg)

    def _undecayed(self) -> bool:
        size = np.abs(self.fids)
        tail = size[:, -max(self.points // 20, 1) :].max(axis=1)
        # in vivo lines of 3 Hz and more have lost 99 % by half a second, whatever the basis does after it
        return bool((tail > 0.01 * size.max(axis=1)).any()) and self.points * self.dwell_s < 0.4

    def __repr__(self) -> str:
        """Return elements and field on one line."""
        echo = "" if self.echo_time_s is None else f", TE {1e3 * self.echo_time_s:g} ms"
        return f"<Basis of {len(self)} at {self.larmor_mhz:.6g} MHz{echo}: {', '.join(self.names)}>"


def read_basis(
    path: str | Path, *, macromolecules: Sequence[str] | None = None, reference_ppm: float | None = None
) -> Basis:
    """Read an LCModel `.BASIS` file.

    Parameters
    ----------
    path : str or Path
        The file.
    macromolecules : sequence of str, optional
        Elements that are broad; by default those whose names begin with MM, Mac or Lip.
    reference_ppm : float, optional
        Chemical shift at zero frequency.  By default 4.65 corrected by what the singlets say (NAA 2.008, Cr 3.027, PCr
        3.029, PCh 3.208, GPC 3.212, sIns 3.340 ppm): some tools centre a basis on 4.68.

    Returns
    -------
    Basis
        FIDs are numpy's inverse FFT of the blocks, times TRAMP / (VOLUME CONC); `proton_amplitude` is measured on the
        same singlets, so that concentrations come out right whatever scale the file has; a file of `write_basis`
        states its scale.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file does not exist or is damaged.

    Notes
    -----
    The sign convention is found from the singlets too: a file in which NAA lies at 7.3 ppm is conjugated.  A singlet of
    n protons is fitted with a line on a straight baseline within 0.1 ppm; its amplitude at time zero over n is the
    signal of one proton *in this file*, losses of the simulated pulses included, as in LCModel's own normalisation by
    a singlet.  The fit does not see a halved first point: it is a constant in frequency, which the baseline takes up.
    """
    file = Path(path)
    content = parse_basis(file)
    fids, offset = content.fids, 0.0
    upright, flipped = (
        reference_offset_ppm(content.names, candidate, content.dwell_s, content.larmor_mhz)
        for candidate in (fids, np.conj(fids))
    )
    if upright is None and flipped is not None:
        fids, offset = np.conj(fids), flipped
    elif upright is not None:
        offset = upright
    # less than a tenth of the usual line width is not another reference
    centre = 4.65 + (round(offset, 2) if abs(offset) > 0.006 else 0.0)
    centre = centre if reference_ppm is None else reference_ppm
    broad = macromolecules
    if broad is None:
        broad = [name for name in content.names if name.casefold().startswith(_BROAD)]
    amplitude = _stated_amplitude(content.label)
    if amplitude is None:
        amplitude = singlet_amplitude(content.names, fids, content.dwell_s, content.larmor_mhz, centre)
    return Basis(
        content.names,
        fids,
        dwell_s=content.dwell_s,
        larmor_mhz=content.larmor_mhz,
        echo_time_s=content.echo_time_s,
        sequence=content.sequence,
        macromolecules=broad,
        reference_ppm=centre,
        proton_amplitude=amplitude if amplitude is not None else 1.0,
        source=str(file),
    )


def rounded(values: ComplexArray, step: float) -> ComplexArray:
    """Return real and imaginary parts rounded to multiples of a step, without negative zeros."""
    # adding zero turns -0 into 0: the sign of a rounding error is not reproducible
    return (np.round(values.real / step) * step + 0.0) + 1j * (np.round(values.imag / step) * step + 0.0)


def _stated_amplitude(label: str) -> float | None:
    """Return the scale that `write_basis` put into IDBASI; None in a file of another tool."""
    if not label.startswith(_STATED):
        return None
    try:
        return float(label.removeprefix(_STATED))
    except ValueError:
        return None


def write_basis(basis: Basis, path: str | Path, *, step: float = 0.0) -> Path:
    """Write an LCModel `.BASIS` file, which `read_basis` reads back to 15 digits.

    Parameters
    ----------
    basis : Basis
        What to write; it is brought to a reference of 4.65 ppm, LCModel's.
    path : str or Path
        The file.
    step : float
        Round the spectra to multiples of this, so that the last bits of a processor's exponentials do not show; 0 keeps
        every digit.

    Returns
    -------
    Path
        The file written.
    """
    fids = basis.fids * np.exp(2j * np.pi * (4.65 - basis.reference_ppm) * basis.larmor_mhz * basis.time_s)
    top = {
        "FWHMBA": "0.", "HZPPPM": repr(basis.larmor_mhz), "ECHOT": f"{1e3 * (basis.echo_time_s or 0.0):.10g}",
        "SEQ": basis.sequence, "IDBASI": f"{_STATED}{basis.proton_amplitude!r}", "BADELT": repr(basis.dwell_s),
    }  # fmt: skip
    spectra = np.fft.fft(fids, axis=1)
    return write_text(path, basis_text(tuple(basis.names), rounded(spectra, step) if step else spectra, top=top))
