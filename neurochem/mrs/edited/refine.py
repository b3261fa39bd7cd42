"""What a fit of the sum tells the fit of the difference: the rest of lines that are not edited, and a finer alignment.

Creatine's line is some fifteen times that of GABA beneath it.  A degree or a twentieth of a hertz between ON and OFF, and
the half percent of it that an editing pulse 1.1 ppm away disturbs, both change GABA by percents; half a hertz between the widths
of their lines (drift within one condition, motion, another shim) changes it by a tenth.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurochem.mrs.basis import Basis
from neurochem.mrs.edited.alignment import Alignment
from neurochem.mrs.edited.basis_fit import DifferenceBasis
from neurochem.mrs.edited.combine import EditedSpectra, result_weights
from neurochem.mrs.edited.conditions import STEPS
from neurochem.mrs.edited.sum_line import free_line, phase_and_shift, voigt_decay
from neurochem.mrs.lineshape import gauss_variance, lorentz_gamma
from neurochem.mrs.model import stacked
from neurochem.mrs.simulate_basis import EditedBasis
from neurochem.mrs.spectra import Spectrum, noise_sd
from neurochem.results import FitResult
from neurochem.units import ComplexArray, FloatArray

_WINDOW_PPM, _BASELINE_TERMS = (2.75, 4.20), 4
# Larger corrections than these mean that the model is wrong, not the alignment.
_MOST_DEG, _MOST_HZ = 15.0, 1.5
_ROUNDS = 2
# How far an alignment may be off beyond its own error (degrees, Hz): several times what edited signal beneath choline does.
_OFF_DEG, _OFF_HZ, _OWN_ERRORS = 2.0, 0.15, 2.0
# How far lines of a step may be wider than the others': Lorentzian width (Hz), square of the Gaussian one (Hz^2).
_WIDER_HZ, _WIDER_HZ2 = 0.5, 2.0
# What each step may have of its own, in the order of all arrays here; the first two are corrected, widths only fitted.
_OWN, _CORRECTED = ("phase", "shift", "lorentz", "gauss"), 2
# Information in the data, over that of such a spread, below which a combination is left as it is.  HERMES has one of phases
# at 0.09, without which GABA scatters by 0.7 % more than its error says, and below that only some at 0.02 and less, which
# move nothing.
_SHOWN = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """A difference with what the sum explains taken off.

    Attributes
    ----------
    difference : Spectrum
        After the finer alignment, without the rests of lines that editing should leave alone.
    corrections : mapping of str to (Hz, degrees)
        By how much each sub-spectrum was moved on top of its alignment.
    artefacts : complex array, shape (k, n_points)
        What misalignment and unlike widths put into the difference, lines not broadened: elements of the fit, so that they
        and their errors are found together with what is sought.
    directions : array, shape (4 x steps, k)
        Phase (rad), shift (Hz), Lorentzian width (Hz) and squared Gaussian width (Hz^2) of each step that a unit of each of
        them stands for.
    unseen : array, shape (4 x steps,)
        Variance of these in the directions that this difference does not show.
    """

    difference: Spectrum
    corrections: Mapping[str, tuple[float, float]]
    artefacts: ComplexArray
    directions: FloatArray
    unseen: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the artefacts as elements."""
        return tuple(f"misalignment {index + 1}" for index in range(len(self.artefacts)))


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """What metabolites and broad elements are multiplied by in time, and the shift in it (Hz)."""

    sharp: ComplexArray
    broad: ComplexArray
    shift_hz: float

    @classmethod
    def of(cls, total: FitResult, spectrum: Spectrum, undamped: ComplexArray) -> "_Line":
        """Return the line of a fitted sum, its free part included."""
        common = phase_and_shift(total, spectrum.time_s) * free_line(total, spectrum, undamped)
        return cls(common * voigt_decay(total, spectrum.time_s), common, float(total.diagnostics["shift_hz"]))


def refined(
    edited: EditedSpectra, total: FitResult, basis: EditedBasis, made: DifferenceBasis, name: str
) -> Refined | None:
    """Return the difference with a finer alignment and without rests; None where the sum was not fitted.

    Parameters
    ----------
    edited : EditedSpectra
        Aligned sub-spectra.
    total : FitResult
        The fit of their sum by `basis`.
    basis : EditedBasis
        Elements of each sub-spectrum.
    made : DifferenceBasis
        Elements that the difference will be fitted with.
    name : str
        Name of the difference.

    Notes
    -----
    With the amplitudes, phase, shift and width of the sum, D = sum_m c_m d_m + sum_k w_k S_k (i phase_k + 2 pi i t shift_k -
    pi t lorentz_k - pi^2 t^2 / (4 ln 2) gauss_k) + baseline is linear in what is sought; S_k is the model of a sub-spectrum,
    w_k its weight in the difference, lorentz_k and gauss_k by how much its Lorentzian width and the square of its
    Gaussian width exceed those of the step aligned to, of either sign.  Solved between 2.75 and 4.20 ppm, where NAA's
    singlet is not.  Linear in the widths: good for differences well below the width itself.  Where no
    alignment was made, nothing is refined.  What a difference hardly shows, such as a common phase of HERMES' a and b in that
    of GSH, where they cancel, is left as aligned.
    """
    if not total.success:
        return None
    spectrum = edited[name]
    present = [step for step in edited if step in STEPS]
    weights = result_weights(present, edited.scale)[name]
    moved = [step for step in present if step in edited.alignments]
    in_sum = result_weights(present, edited.scale)["sum"]
    undamped = np.sum([weight * _model(basis[step], total, edited.sum) for step, weight in in_sum.items()], axis=0)
    line = _Line.of(total, spectrum, undamped)
    rest = _rest(basis, total, made, weights, spectrum) * line.sharp
    artefacts = _artefacts({step: _model(basis[step], total, spectrum) for step in moved}, weights, spectrum)
    current = {step: edited[step] for step in present}
    corrections = {step: np.zeros(2) for step in moved}
    spread = np.array([width for step in moved for width in _spread(edited.alignments[step])])
    shown = np.zeros((0, 0))
    for _ in range(_ROUNDS if moved else 0):
        # widths are not taken off the data: all of them is sought in each round
        prior = (np.ravel([(*corrections[step], 0.0, 0.0) for step in moved]), spread)
        found, shown = _solved(spectrum, _combined(current, weights) - rest, artefacts, made.basis, line, prior)
        steps = dict(zip(moved, found.reshape(-1, len(_OWN))[:, :_CORRECTED], strict=True))
        if any(abs(math.degrees(one)) > _MOST_DEG or abs(two) > _MOST_HZ for one, two in steps.values()):
            return None
        for step, (phase, shift) in steps.items():
            corrections[step] -= (phase, shift)
            turn = np.exp(-1j * phase - 2j * np.pi * shift * spectrum.time_s)
            current[step] = current[step].with_fid(current[step].fid * turn)
    listed = {step: (float(shift), math.degrees(phase)) for step, (phase, shift) in corrections.items()}
    directions, unseen = _directions(shown, spread)
    columns = np.array(list(artefacts.values())).reshape(len(artefacts), spectrum.points)
    difference = spectrum.with_fid(_combined(current, weights) - rest)
    return Refined(difference, listed, directions.T @ columns, directions, unseen)


def _directions(shown: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return combinations of phases and shifts, and of widths, that the data show, and the variance of the others.

    Widths are judged by what the data tell of them beside the phases and shifts that are kept.
    """
    if not spread.size:
        return np.zeros((0, 0)), np.zeros(0)
    information = shown * np.outer(spread, spread)
    is_width = np.tile(np.arange(len(_OWN)) >= _CORRECTED, spread.size // len(_OWN))
    kept, unseen = np.zeros((spread.size, 0)), np.zeros(spread.size)
    for part in (~is_width, is_width):
        beside = information - information @ kept @ np.linalg.pinv(kept.T @ information @ kept) @ kept.T @ information
        values, vectors = np.linalg.eigh(beside[np.ix_(part, part)])
        every = np.zeros((spread.size, values.size))
        every[part] = vectors
        enough = values >= _SHOWN
        kept = np.hstack([kept, every[:, enough]])
        unseen += np.sum(every[:, ~enough] ** 2, axis=1)
    return spread[:, None] * kept, spread**2 * unseen


def _spread(alignment: Alignment) -> tuple[float, ...]:
    """Return standard deviations of what is left of phase (rad), shift (Hz) and widths (Hz, Hz^2) after an alignment."""
    phase = math.hypot(_OFF_DEG, _OWN_ERRORS * alignment.phase_stderr_deg)
    shift = math.hypot(_OFF_HZ, _OWN_ERRORS * alignment.shift_stderr_hz)
    return math.radians(phase), shift, _WIDER_HZ, _WIDER_HZ2


def with_artefacts(basis: Basis, finer: Refined) -> tuple[Basis, tuple[str, ...]]:
    """Return the elements of a difference with those of misalignment, and the names of the latter, which have either sign."""
    spectrum = finer.difference
    matched = replace(
        basis, fids=basis.matched(spectrum, allow_mismatch=True), dwell_s=spectrum.dwell_s, larmor_mhz=spectrum.larmor_mhz,
        reference_ppm=spectrum.reference_ppm,
    )  # fmt: skip
    return (matched.joined(finer.names, finer.artefacts), finer.names) if finer.names else (matched, ())


def found_alignment(result: FitResult, finer: Refined) -> dict[str, dict[str, float]]:
    """Return by how much each sub-spectrum lies off its alignment, as fitted together with the elements, with errors.

    "lorentz_hz" and "gauss_hz2" are by how much its Lorentzian width and squared Gaussian width exceed the others'.
    """
    names = finer.names
    found = finer.directions @ np.array([result[name].value for name in names])
    place = [result.covariance_names.index(name) for name in names]
    spread = finer.directions @ np.asarray(result.covariance)[np.ix_(place, place)] @ finer.directions.T
    errors = np.sqrt(np.diag(spread) + finer.unseen).reshape(-1, len(_OWN))
    out = {}
    for (step, (shift, phase)), value, error in zip(
        finer.corrections.items(), found.reshape(-1, len(_OWN)).tolist(), errors.tolist(), strict=True
    ):
        out[step] = {
            "shift_hz": shift - value[1], "shift_stderr_hz": error[1],
            "phase_deg": phase - math.degrees(value[0]), "phase_stderr_deg": math.degrees(error[0]),
            "lorentz_hz": value[2], "lorentz_stderr_hz": error[2], "gauss_hz2": value[3], "gauss_stderr_hz2": error[3],
        }  # fmt: skip
    return out


def _combined(spectra: Mapping[str, Spectrum], weights: Mapping[str, float]) -> ComplexArray:
    return np.asarray(np.sum([weight * spectra[step].fid for step, weight in weights.items()], axis=0), dtype=complex)


def _model(basis: Basis, total: FitResult, spectrum: Spectrum) -> ComplexArray:
    """Return a sub-spectrum without its decay: elements by the amplitudes of the sum."""
    amplitudes = np.array([total[name].value if name in total else 0.0 for name in basis.names])
    return np.asarray(amplitudes @ basis.matched(spectrum, allow_mismatch=True), dtype=complex)


def _rest(
    basis: EditedBasis, total: FitResult, made: DifferenceBasis, weights: Mapping[str, float], spectrum: Spectrum
) -> ComplexArray:
    """Return what the elements left out of the fit leave in the difference, without its decay."""
    out = np.zeros(spectrum.points, dtype=complex)
    if not made.left_out:
        return out
    for step, weight in weights.items():
        kept = [name for name in basis[step].names if name in made.left_out]
        if kept:
            out += weight * _model(basis[step].select(kept), total, spectrum)
    return out


def _artefacts(
    models: Mapping[str, ComplexArray], weights: Mapping[str, float], spectrum: Spectrum
) -> dict[tuple[str, str], ComplexArray]:
    """Return the derivatives of the difference to what each sub-spectrum may have of its own."""
    factors = dict(zip(_OWN, _own_factors(spectrum.time_s), strict=True))
    return {
        (step, what): weights[step] * factor * model
        for step, model in models.items()
        for what, factor in factors.items()
    }


def _own_factors(time_s: FloatArray) -> ComplexArray:
    """Return what a FID is multiplied by in its derivatives to phase, shift, Lorentzian and squared Gaussian width."""
    return np.array([
        np.full(time_s.size, 1j), 2j * np.pi * time_s, -lorentz_gamma(1.0) * time_s, -gauss_variance(1.0) * time_s**2,
    ])  # fmt: skip


def _solved(
    spectrum: Spectrum,
    data: ComplexArray,
    artefacts: Mapping[tuple[str, str], ComplexArray],
    basis: Basis,
    line: "_Line",
    prior: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Return what each sub-spectrum has of its own, and the information on it, the lines being those of the sum.

    `prior` holds their mean and spread, which the information leaves out.
    """
    elements = basis.matched(spectrum, allow_mismatch=True) * np.where(basis.broad[:, None], line.broad, line.sharp)
    offset = line.shift_hz / spectrum.larmor_mhz
    ppm = np.fft.ifftshift(spectrum.ppm) + offset
    window = np.flatnonzero((ppm >= _WINDOW_PPM[0]) & (ppm <= _WINDOW_PPM[1]))
    centred = (ppm[window] - np.mean(_WINDOW_PPM)) / np.ptp(_WINDOW_PPM)
    smooth = np.power.outer(centred, np.arange(_BASELINE_TERMS)).astype(complex)
    moved = np.array(list(artefacts.values())) * line.sharp
    columns = np.column_stack([np.fft.fft(np.vstack([moved, elements]), axis=1)[:, window].T, smooth, 1j * smooth])
    target = np.fft.fft(data)[window]
    mean, spread = prior
    noise = max(noise_sd(spectrum), 1e-12 * float(np.abs(target).max()))
    held = noise / spread
    known = np.hstack([np.diag(held), np.zeros((held.size, columns.shape[1] - held.size))])
    rows, values = (
        np.vstack([columns.real, columns.imag, known]),
        np.concatenate([target.real, target.imag, held * mean]),
    )
    norms = np.linalg.norm(rows, axis=0)
    norms[norms == 0.0] = 1.0
    solution = np.linalg.lstsq(rows / norms, values, rcond=1e-8)[0] / norms
    count = len(moved)
    # the fit will have a phase, a shift and widths of its own for the whole difference
    whole = solution[count : count + len(elements)] @ elements
    turned = np.fft.fft(_own_factors(spectrum.time_s) * whole, axis=1)[:, window].T
    others = np.hstack([(rows / norms)[:-count, count:], stacked(turned) / np.linalg.norm(turned, axis=0)])
    own = rows[:-count, :count] / noise
    own = own - others @ np.linalg.lstsq(others, own, rcond=1e-8)[0]
    return np.asarray(solution[:count], dtype=float), np.asarray(own.T @ own, dtype=float)
