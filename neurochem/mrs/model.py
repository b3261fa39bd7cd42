"""The linear-combination model: basis spectra with shared phase, shift and line, in a window of the FFT grid."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import fft

from neurochem.mrs.lineshape import Distortion, decay_exponent
from neurochem.units import ComplexArray, FloatArray

PHASE, DELAY, SHIFT, GAMMA, VARIANCE, BROAD_SHIFT, BROAD_VARIANCE = range(7)
_SHARED = ("phase", "delay", "shift", "gamma", "variance")


def stacked(values: ComplexArray) -> FloatArray:
    """Return real parts on top of imaginary parts."""
    return np.concatenate([values.real, values.imag], axis=0)


def unstacked(values: FloatArray) -> ComplexArray:
    """Return the complex values that `stacked` took apart."""
    half = values.shape[0] // 2
    return values[:half] + 1j * values[half:]


@dataclass(slots=True, eq=False)
class LinearCombination:
    """Basis spectra with shared phase, shift and Voigt width, in a window of the FFT grid.

    Attributes
    ----------
    fids : complex array, shape (n_elements, n_points)
        Elements with the sampling of the data.
    broad : bool or int array, shape (n_elements,)
        0 for metabolites; 1, 2, ... for groups of broad elements (macromolecules, lipids), each with a further shift and
        a Gaussian width of its own instead of the shared width.
    time_s : array, shape (n_points,)
        Times (s).
    window : int array, shape (n,)
        Indices of the fitted points in the unshifted FFT.
    frequency_hz : array, shape (n,)
        Their frequencies.
    scale : float
        Factor on every column, one over the noise.
    distortion : Distortion or None
        A free line that multiplies the Voigt line of all elements.
    loose : bool array, shape (k, n_elements)
        Sets of elements with a shift of their own on top of the shared one.
    groups : int
        Number of broad groups.

    Notes
    -----
    Y(f) = exp(i phase - 2 pi i f delay) FFT[ sum_m c_m b_m(t) exp(2 pi i e_m t - gamma_m t - variance_m t^2) d(t) ], with
    e = shift, gamma and variance shared for metabolites, e = shift + broad_shift, gamma = 0 and broad_variance for a
    broad group, e further up by an own shift for loose elements, and d = 1 without a distortion.  A derivative of a
    shared parameter needs one FFT of the summed FID, whatever the number of elements.
    """

    fids: ComplexArray
    broad: np.ndarray
    time_s: FloatArray
    window: np.ndarray
    frequency_hz: FloatArray
    scale: float = 1.0
    distortion: Distortion | None = None
    loose: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    groups: int = field(init=False)

    def __post_init__(self) -> None:
        self.groups = int(np.max(self.broad, initial=0))

    @property
    def extras(self) -> slice:
        """Where the parameters of the distortion are."""
        start = 5 + 2 * self.groups
        return slice(start, start + (0 if self.distortion is None else self.distortion.size))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.extras.stop + len(self.loose)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in their order."""
        names = list(_SHARED)
        for group in range(1, self.groups + 1):
            prefix = "broad" if group == 1 else f"broad{group}"
            names += [f"{prefix}_shift", f"{prefix}_variance"]
        names += self.distortion.parameters if self.distortion is not None else ()
        return (*names, *(f"shift_of_{int(np.argmax(members))}" for members in self.loose))

    def translated(self, theta: FloatArray, other: "LinearCombination") -> FloatArray:
        """Return these parameters in the order of another model, zero for those that are new."""
        known = dict(zip(self.parameters, theta, strict=True))
        return np.array([known.get(name, 0.0) for name in other.parameters])

    def scaled(self, factor: float) -> "LinearCombination":
        """Return the model with every column multiplied by a factor."""
        return replace(self, scale=self.scale * factor)

    def phase_factor(self, theta: FloatArray) -> ComplexArray:
        """Return the phase at the fitted points."""
        return np.exp(1j * (theta[PHASE] - 2.0 * np.pi * self.frequency_hz * theta[DELAY]))

    def lines(self, theta: FloatArray) -> ComplexArray:
        """Return what metabolites and each broad group are multiplied by in time, shape (1 + groups, n_points)."""
        turn = 2j * np.pi * self.time_s
        common = turn * theta[SHIFT]
        exponents = [common + decay_exponent(theta[GAMMA], theta[VARIANCE], self.time_s)]
        for group in range(self.groups):
            shift, variance = theta[BROAD_SHIFT + 2 * group], theta[BROAD_VARIANCE + 2 * group]
            exponents.append(common + shift * turn + decay_exponent(0.0, variance, self.time_s))
        lines = np.exp(np.array(exponents))
        if self.distortion is not None:
            lines *= self.distortion.factor(theta[self.extras])
        return lines

    def at(self, theta: FloatArray) -> "Shaped":
        """Return the elements with the line of these parameters."""
        lines = self.lines(theta)
        fids = self.fids * lines[0]
        for group in range(1, len(lines)):
            members = np.flatnonzero(self.broad == group)
            fids[members] = self.fids[members] * lines[group]
        for own, members in zip(theta[self.extras.stop :], self.loose, strict=True):
            fids[members] *= np.exp(2j * np.pi * own * self.time_s)
        return Shaped(self, theta, fids, self.scale * self.phase_factor(theta))

    def curves(self, theta: FloatArray) -> ComplexArray:
        """Return the complex columns, shape (n, n_elements)."""
        return self.at(theta).curves()

    def columns(self, theta: FloatArray) -> FloatArray:
        """Return the columns for the solver, shape (2n, n_elements)."""
        return stacked(self.curves(theta))

    def summed(self, theta: FloatArray, amplitudes: FloatArray) -> ComplexArray:
        """Return curves @ amplitudes, shape (n,), by one FFT."""
        weights = amplitudes * (self.broad == np.arange(self.groups + 1)[:, None])
        weights[:, self.loose.any(axis=0)] = 0.0
        lines = self.lines(theta)
        total = np.sum((weights @ self.fids.view(float)).view(complex) * lines, axis=0)
        if len(self.loose):
            own = np.exp(2j * np.pi * theta[self.extras.stop :, None] * self.time_s)
            total += lines[0] * np.sum(own * ((self.loose * amplitudes) @ self.fids.view(float)).view(complex), axis=0)
        return np.asarray(fft.fft(total)[self.window] * (self.scale * self.phase_factor(theta)), dtype=complex)

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        """Return d(columns @ amplitudes)/d theta, shape (2n, size)."""
        return stacked(self.at(theta).slopes(amplitudes))


@dataclass(slots=True, eq=False)
class Shaped:
    """The elements with one set of parameters: columns now, derivatives when they are asked for."""

    model: LinearCombination
    theta: FloatArray
    fids: ComplexArray
    factor: ComplexArray

    def _spectra(self, fids: ComplexArray) -> ComplexArray:
        return np.asarray(fft.fft(fids, axis=1)[:, self.model.window]).T * self.factor[:, None]

    def curves(self) -> ComplexArray:
        """Return the complex columns, shape (n, n_elements)."""
        return self._spectra(self.fids)

    def slopes(self, amplitudes: FloatArray) -> ComplexArray:
        """Return the derivative of the summed curve to every parameter, shape (n, size)."""
        model, time_s = self.model, self.model.time_s
        weights = amplitudes * (model.broad == np.arange(model.groups + 1)[:, None])
        # the same as weights @ fids, without the detour through complex weights
        sums = (weights @ self.fids.view(float)).view(complex)
        total_fid = sums.sum(axis=0)
        rows = [total_fid, time_s**2 * sums[0], *(time_s * part for part in sums)]
        rows += [time_s**2 * part for part in sums[1:]]
        if model.distortion is not None:
            rows += list(model.distortion.slopes(self.theta[model.extras]) * total_fid)
        rows += list(time_s * self._loose_sums(amplitudes))
        spectra = self._spectra(np.array(rows)).T
        first = 2 + len(sums)
        total, moved = spectra[0], spectra[2:first]
        out = [
            1j * total, -2j * np.pi * model.frequency_hz * total, 2j * np.pi * moved.sum(axis=0), -moved[0], -spectra[1],
        ]  # fmt: skip
        for group in range(model.groups):
            out += [2j * np.pi * moved[group + 1], -spectra[first + group]]
        rest = spectra[first + model.groups :]
        extras = len(rest) - len(model.loose)
        return np.array([*out, *rest[:extras], *(2j * np.pi * rest[extras:])]).T

    def _loose_sums(self, amplitudes: FloatArray) -> ComplexArray:
        """Return the summed FIDs of the loose sets, shape (k, n_points)."""
        if not len(self.model.loose):
            return np.zeros((0, self.fids.shape[1]), dtype=complex)
        return np.asarray(((self.model.loose * amplitudes) @ self.fids.view(float)).view(complex), dtype=complex)

    def new_slopes(self, amplitudes: FloatArray, simpler: LinearCombination) -> ComplexArray:
        """Return the derivatives to phases and shifts that this model has on top of a simpler one, shape (n, k)."""
        model, rows = self.model, []
        if model.distortion is not None and model.distortion.phase_sd.size > _phases(simpler):
            rows.append(1j * model.distortion.phases * self._summed(amplitudes))
        if len(model.loose) > len(simpler.loose):
            rows.append(2j * np.pi * model.time_s * self._loose_sums(amplitudes))
        return self._spectra(np.vstack(rows))

    def copy_slopes(self, amplitudes: FloatArray, waves: ComplexArray) -> ComplexArray:
        """Return the derivatives to the share of one more copy of the line at each of some offsets, shape (n, k).

        Parameters
        ----------
        amplitudes : array, shape (n_elements,)
            Amplitudes.
        waves : complex array, shape (k, n_points)
            exp(2 pi i offset t) - 1 of each offset.
        """
        line = self.model.distortion
        kernel = np.ones(1) if line is None else line.kernel(self.theta[self.model.extras])
        return self._spectra(waves * (self._summed(amplitudes) / kernel))

    def _summed(self, amplitudes: FloatArray) -> ComplexArray:
        return np.asarray((amplitudes @ self.fids.view(float)).view(complex), dtype=complex)


def _phases(model: LinearCombination) -> int:
    return 0 if model.distortion is None else model.distortion.phase_sd.size
