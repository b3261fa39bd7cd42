"""Raw multi-coil acquisitions of known truth: what a scanner writes before anybody combined or averaged anything."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.mrs.spectra import COIL, DYNAMIC, EDIT, TIME, Acquisition, Spectrum, to_hz
from neurochem.results import frozen_array
from neurochem.units import BoolArray, ComplexArray, FloatArray

# NAA, whose height is the yardstick of noise, residual water and corruption.
_NAA_PPM = (1.9, 2.1)


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class RawTruth:
    """What a simulated acquisition was made of.

    Attributes
    ----------
    spectra : tuple of Spectrum
        Metabolites alone, one an edit condition, as the strongest coil would see them without any disturbance.
    sensitivities : complex array, shape (n_coils,)
        Of the coils, relative to the strongest.
    noise_covariance : complex array, shape (n_coils, n_coils)
        Psi of the real and of the imaginary part: E[n n^H] = 2 Psi.
    frequency_hz, phase_deg : array, shape (n_edits, n_transients)
        Shift (Hz, positive to lower ppm) and phase of every transient.
    corrupted : bool array, shape (n_edits, n_transients)
        Transients that something happened to.
    eddy_phase : array, shape (n_points,)
        Phase (radian) that eddy currents gave to metabolites and water alike.
    residual_water : complex array, shape (n_points,)
        Residual water of an undisturbed transient.
    noise_sd : float
        Standard deviation of the real and of the imaginary part of one point of one transient after the best possible
        combination with unit gain for the strongest coil.
    """

    spectra: tuple[Spectrum, ...]
    sensitivities: ComplexArray
    noise_covariance: ComplexArray
    frequency_hz: FloatArray
    phase_deg: FloatArray
    corrupted: BoolArray
    eddy_phase: FloatArray
    residual_water: ComplexArray
    noise_sd: float

    def averaged_noise_sd(self, edit: int = 0) -> float:
        """Return the noise of a point of the mean over the transients that nothing happened to."""
        return self.noise_sd / math.sqrt(np.count_nonzero(~self.corrupted[edit]))


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class RawScan:
    """A simulated acquisition: metabolites, water reference and truth.

    Attributes
    ----------
    data, water : Acquisition
        Dimensions (DIM_COIL, DIM_DYN[, DIM_EDIT], time), as scanners write them.
    truth : RawTruth
        What they were made of.
    """

    data: Acquisition
    water: Acquisition
    truth: RawTruth


@checked_fields
@dataclass(frozen=True, slots=True)
class RawDisturbances:
    """What goes wrong in a simulated acquisition.

    Attributes
    ----------
    drift_hz, drift_deg : float
        Drift of frequency (Hz) and phase (degree) from the first to the last transient.
    jitter_hz, jitter_deg : float
        Standard deviation of what each transient adds of its own.
    jumps : int
        Sudden movements, each a new shift and phase within half the drift from then on.
    corrupted : float
        Share of transients spoiled by motion (loss and broadening), scalp lipids, or a spurious echo.
    eddy_deg, eddy_s : float
        Phase (degree) and time constant (s) of the eddy current.
    residual_water : float
        Amplitude at the first point relative to NAA's; 0 for none.
    noise_correlation : float
        Correlation of noise between neighbouring coils, falling off with their distance.
    edit_shift_hz, edit_phase_deg : float
        How much every further edit condition is off the one before.
    """

    drift_hz: float = 5.0
    drift_deg: float = 20.0
    jitter_hz: float = 0.5
    jitter_deg: float = 3.0
    jumps: int = 1
    corrupted: float = 0.05
    eddy_deg: float = 40.0
    eddy_s: float = 0.05
    residual_water: float = 100.0
    noise_correlation: float = 0.3
    edit_shift_hz: float = 0.0
    edit_phase_deg: float = 0.0


@checked_arguments
def simulate_raw(  # noqa: PLR0913 - keywords of one acquisition
    metabolites: Spectrum | Sequence[Spectrum],
    *,
    rng: np.random.Generator,
    coils: int = 8,
    transients: int = 32,
    snr: float = 10.0,
    water: Spectrum | None = None,
    water_transients: int = 4,
    disturbances: RawDisturbances | None = None,
) -> RawScan:
    """Return a raw acquisition of known truth.

    Parameters
    ----------
    metabolites : Spectrum or sequence of Spectrum
        Noise-free metabolites (`simulate` with a basis of `simulate_basis`); several are edit conditions, ON first.
    rng : numpy.random.Generator
        Source of all that is random.
    coils, transients : int
        Receive coils, and transients of each edit condition.
    snr : float
        Height of NAA in the real spectrum over the noise of that spectrum, of one transient after the best combination.
    water : Spectrum, optional
        Noise-free unsuppressed water; a 7 Hz line of 5000 times NAA's first point by default.
    water_transients : int
        Transients of the water reference.
    disturbances : RawDisturbances, optional
        What goes wrong; its defaults are an ordinary bad day.

    Returns
    -------
    RawScan
        `.data`, `.water` and `.truth`.

    Raises
    ------
    InputError
        If a count is below one, the SNR not positive, or the edit conditions do not share their sampling.

    Notes
    -----
    Coil k sees S_k [m(t) + residual water] exp(i phi_eddy(t)) exp(i (2 pi f_n t + phi_n)) + noise, with complex S_k of
    magnitudes 0.15 to 1 and noise of covariance Psi, scaled so that (S^H Psi^-1 S)^-1/2 is the noise asked for.
    """
    spectra = (metabolites,) if isinstance(metabolites, Spectrum) else tuple(metabolites)
    _check(spectra, coils, transients, water_transients, snr)
    wrong = RawDisturbances() if disturbances is None else disturbances
    first = spectra[0]
    sensitivities, covariance = _array(coils, wrong.noise_correlation, rng)
    naa = _naa_line(spectra[-1])
    sd = naa.height / (snr * math.sqrt(first.points))
    psi = covariance * sd**2 * float(np.real(sensitivities.conj() @ np.linalg.solve(covariance, sensitivities)))
    eddy = np.radians(wrong.eddy_deg) * (1.0 - np.exp(-first.time_s / wrong.eddy_s)) * np.exp(-first.time_s / 0.3)
    frequency, phase = _movements(len(spectra), transients, wrong, rng)
    spoiled = _spoiled(len(spectra), transients, wrong.corrupted, rng)
    residual = _residual_water(first, wrong.residual_water * naa.amplitude, rng)
    clean = np.stack([spectrum.fid for spectrum in spectra]) + residual
    fids = np.repeat(clean[:, None, :], transients, axis=1)
    fids = _spoil(fids, spoiled, first, naa.amplitude, rng)
    fids *= np.exp(1j * (2 * np.pi * frequency[..., None] * first.time_s + np.radians(phase)[..., None] + eddy))
    data = _received(np.moveaxis(fids, 0, 1), sensitivities, psi, rng)
    reference = _water(first, 5000.0 * naa.amplitude) if water is None else water
    unsuppressed = np.repeat(reference.fid[None, :] * np.exp(1j * eddy), water_transients, axis=0)
    received = _received(unsuppressed, sensitivities, psi, rng)
    truth = RawTruth(
        spectra, frozen_array(sensitivities), frozen_array(psi), frozen_array(frequency), frozen_array(phase),
        frozen_array(spoiled), frozen_array(eddy), frozen_array(residual), sd,
    )  # fmt: skip
    return RawScan(_acquisition(first, data, len(spectra)), _acquisition(first, received, 1, "water"), truth)


def _check(spectra: Sequence[Spectrum], coils: int, transients: int, water_transients: int, snr: float) -> None:
    for name, value in (("coils", coils), ("transients", transients), ("water_transients", water_transients)):
        if value < 1:
            msg = f"{name} is {value}; at least 1 is needed."
            raise InputError(msg)
    if not (math.isfinite(snr) and snr > 0):
        msg = f"snr is {snr}; it must be positive."
        raise InputError(msg)
    samplings = {(spectrum.points, spectrum.dwell_s, spectrum.larmor_mhz) for spectrum in spectra}
    if len(samplings) != 1:
        msg = (
            f"{len(spectra)} edit conditions of {len(samplings)} samplings; give spectra of one dwell time and length."
        )
        raise InputError(msg)


@dataclass(frozen=True, slots=True)
class _Naa:
    height: float
    amplitude: float


def _naa_line(spectrum: Spectrum) -> _Naa:
    """Return height of NAA in the spectrum and the amplitude of a line that high and as wide at time zero."""
    inside = (spectrum.ppm >= _NAA_PPM[0]) & (spectrum.ppm <= _NAA_PPM[1])
    if not inside.any() or not np.abs(spectrum.fid).any():
        msg = f"{spectrum.name}: no signal near NAA (2.0 ppm), the yardstick of noise and water. Include NAA."
        raise InputError(msg)
    values = spectrum.spectrum[inside]
    height = float(np.max(np.abs(values)))
    # area of a line over the number of points is its amplitude at time zero
    return _Naa(height, float(np.abs(np.sum(values))) / spectrum.points)


def _array(coils: int, correlation: float, rng: np.random.Generator) -> tuple[ComplexArray, ComplexArray]:
    """Return sensitivities (strongest: 1) and a noise covariance of mean variance one."""
    size = rng.uniform(0.15, 1.0, coils)
    sensitivities = size * np.exp(2j * np.pi * rng.uniform(size=coils))
    sensitivities = sensitivities / sensitivities[np.argmax(size)]
    distance = np.abs(np.subtract.outer(np.arange(coils), np.arange(coils)))
    spread = rng.uniform(0.7, 1.4, coils)
    turn = np.exp(1j * rng.uniform(-np.pi, np.pi, coils))
    covariance = correlation**distance * np.outer(spread * turn, (spread * turn).conj())
    return sensitivities, covariance.astype(complex)


def _movements(
    edits: int, transients: int, wrong: RawDisturbances, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return shift and phase of every transient: a drift, jitter, and jumps that stay."""
    along = np.linspace(0.0, 1.0, transients)
    jumped = np.zeros((2, transients))
    for place in rng.integers(1, max(transients, 2), wrong.jumps):
        jumped[:, place:] += rng.uniform(-0.5, 0.5, (2, 1))
    found = []
    for size, jitter, jump, step in (
        (wrong.drift_hz, wrong.jitter_hz, jumped[0], wrong.edit_shift_hz),
        (wrong.drift_deg, wrong.jitter_deg, jumped[1], wrong.edit_phase_deg),
    ):
        common = size * (along + jump)
        own = jitter * rng.standard_normal((edits, transients))
        found.append(common + own + step * np.arange(edits)[:, None])
    return found[0], found[1]


def _spoiled(edits: int, transients: int, share: float, rng: np.random.Generator) -> BoolArray:
    spoiled = np.zeros((edits, transients), dtype=bool)
    for row in spoiled:
        row[rng.choice(transients, round(share * transients), replace=False)] = True
    return spoiled


def _residual_water(like: Spectrum, amplitude: float, rng: np.random.Generator) -> ComplexArray:
    """Return what suppression leaves: three lines of unlike phase, width and place."""
    shares = np.array([0.6, 0.25, 0.15])
    shift, width = np.array([0.0, 4.0, -7.0]), np.array([6.0, 9.0, 14.0])
    phase = rng.uniform(-np.pi, np.pi, 3)
    lines = np.exp(2j * np.pi * shift[:, None] * like.time_s - np.pi * width[:, None] * like.time_s)
    mixed = (shares * np.exp(1j * phase)) @ lines
    return amplitude * mixed / max(abs(mixed[0]), 0.1)


def _water(like: Spectrum, amplitude: float) -> Spectrum:
    return like.with_fid((amplitude * np.exp(-np.pi * 7.0 * like.time_s)).astype(complex))


def _spoil(
    fids: ComplexArray, spoiled: BoolArray, like: Spectrum, naa: float, rng: np.random.Generator
) -> ComplexArray:
    """Return transients, some of them with motion, lipids of the scalp, or a spurious echo."""
    time_s = like.time_s
    out = fids.copy()
    for index, (edit, place) in enumerate(np.argwhere(spoiled)):
        if index % 3 == 0:
            out[edit, place] *= rng.uniform(0.2, 0.6) * np.exp(-np.pi * rng.uniform(4.0, 10.0) * time_s)
        elif index % 3 == 1:
            hertz = float(to_hz(np.array(1.3), like.larmor_mhz, like.reference_ppm))
            size = naa * rng.uniform(4.0, 10.0) * np.exp(2j * np.pi * rng.uniform())
            out[edit, place] += size * np.exp((2j * np.pi * hertz - 60.0) * time_s)
        else:
            centre, wide = rng.uniform(0.03, 0.12), rng.uniform(0.01, 0.03)
            echo = np.exp(-(((time_s - centre) / wide) ** 2) + 2j * np.pi * rng.uniform(100.0, 300.0) * time_s)
            out[edit, place] += naa * rng.uniform(2.0, 5.0) * echo
    return out


def _received(
    fids: ComplexArray, sensitivities: ComplexArray, psi: ComplexArray, rng: np.random.Generator
) -> ComplexArray:
    """Return what each coil writes: its sensitivity times the signal, and correlated noise."""
    mix = np.linalg.cholesky(psi)
    out = np.empty((sensitivities.size, *fids.shape), dtype=complex)
    for place in np.ndindex(fids.shape[:-1]):
        white = rng.standard_normal((sensitivities.size, fids.shape[-1], 2)).view(complex)[..., 0]
        out[(slice(None), *place)] = np.outer(sensitivities, fids[place]) + mix @ white
    return out


def _acquisition(like: Spectrum, values: ComplexArray, edits: int, name: str = "raw") -> Acquisition:
    edited = edits > 1
    values = values if edited or name == "water" else values[:, :, 0]
    dims = (COIL, DYNAMIC, EDIT, TIME) if edited else (COIL, DYNAMIC, TIME)
    header = _edit_header(edits)
    return Acquisition(
        values, dims=dims, dwell_s=like.dwell_s, larmor_mhz=like.larmor_mhz, echo_time_s=like.echo_time_s,
        repetition_time_s=like.repetition_time_s, reference_ppm=like.reference_ppm, nucleus=like.nucleus, name=name,
        header=header,
    )  # fmt: skip


def _edit_header(edits: int) -> Mapping[str, object]:
    """Return the header that names two edit conditions, as reading NIfTI-MRS gives it."""
    if edits != 2:
        return {}
    tags = {"dim_5": COIL, "dim_6": DYNAMIC, "dim_7": EDIT}
    return {**tags, "dim_7_header": {"EditCondition": ["ON", "OFF"]}}
