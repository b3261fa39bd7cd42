"""A series of spectra of one voxel whose lines are the same: shared parameters, an amplitude for every time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.mrs.basis import Basis
from neurochem.mrs.bounds import limits
from neurochem.mrs.fit import chosen, hopeless, matched
from neurochem.mrs.imaging.choices import fit_options
from neurochem.mrs.imaging.grid import SpectralGrid
from neurochem.mrs.options import FitOptions
from neurochem.mrs.outcome import TOTALS, Outcome, failed_result, fitted_result
from neurochem.mrs.posterior import Solved, conclude
from neurochem.mrs.problem import Problem
from neurochem.mrs.search import Found, search
from neurochem.mrs.setup import Setup, prepare
from neurochem.mrs.spectra import Acquisition, noise_sd
from neurochem.results import Estimate, FitResult, ResultSet
from neurochem.solve import Minimum, information_covariance, minimize_least_squares
from neurochem.solve.threads import one_library_thread
from neurochem.units import FloatArray

_GAIN = 1e-4


@checked_fields
@dataclass(frozen=True, eq=False)
class SeriesFit:
    """Fits of a series that share their lines.

    Attributes
    ----------
    results : ResultSet
        One FitResult a spectrum, named by its place in the series.
    names : tuple of str
        Elements of the basis.
    values : array, shape (n_spectra, n_elements)
        Coefficients; NaN for a spectrum that could not be fitted, in the covariance too.
    covariance : array, shape (n_spectra, n_elements, n_spectra, n_elements)
        Of all coefficients: those of different spectra are correlated through what they share.
    """

    results: ResultSet
    names: tuple[str, ...]
    values: FloatArray
    covariance: FloatArray

    @checked_arguments
    def combine(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return the course of an element or total, shape (n_spectra,), and its covariance.

        Raises
        ------
        InputError
            If neither the basis nor the totals know the name.
        """
        parts = (name,) if name in self.names else TOTALS.get(name, ())
        if not parts or not set(parts) <= set(self.names):
            msg = f"'{name}' is not among the elements {', '.join(self.names)} or the totals they make up"
            raise InputError(msg)
        places = [self.names.index(part) for part in parts]
        covariance = self.covariance[:, places][:, :, :, places].sum(axis=(1, 3))
        return self.values[:, places].sum(axis=1), covariance

    @checked_arguments
    def model(self, name: str, design: ArrayLike, columns: Sequence[str]) -> FitResult:
        """Return what a linear model of the course says: amplitude(k) = sum over j of design[k, j] x coefficient j.

        Parameters
        ----------
        name : str
            Element or total.
        design : array_like, shape (n_spectra, n_columns)
            The user's model, for example a column of ones and one of the stimulus.
        columns : sequence of str
            Names of the coefficients.

        Returns
        -------
        FitResult
            Generalised least squares with the whole covariance of the course, without spectra that could not be fitted; "chi2"
            and "dof" among the diagnostics.

        Raises
        ------
        InputError
            If the design does not fit the series, or does not determine its coefficients.
        """
        matrix = np.asarray(design, dtype=float)
        course, covariance = self.combine(name)
        if matrix.shape != (course.size, len(columns)) or not np.isfinite(matrix).all():
            msg = f"design has shape {matrix.shape}; give {course.size} rows and one column for each of {list(columns)}"
            raise InputError(msg)
        known = np.isfinite(course)
        if np.linalg.matrix_rank(matrix[known]) < matrix.shape[1]:
            msg = f"the columns {list(columns)} of the design do not determine their coefficients; leave out what repeats another"
            raise InputError(msg)
        root = np.linalg.cholesky(covariance[np.ix_(known, known)])
        white, data = np.linalg.solve(root, matrix[known]), np.linalg.solve(root, course[known])
        spread = information_covariance(white)
        found = spread @ (white.T @ data)
        dof = float(np.count_nonzero(known) - len(columns))
        estimates = {
            column: Estimate(column, float(value), float(np.sqrt(variance)), stderr_kind="crlb")
            for column, value, variance in zip(columns, found, np.diag(spread), strict=True)
        }
        return FitResult(
            model="series", name=name, estimates=estimates, data=course, fitted=matrix @ found,
            used=known, weights=np.where(known, 1.0 / np.diag(covariance), 0.0), covariance=spread,
            covariance_names=tuple(columns),
            diagnostics={"chi2": float(np.sum((data - white @ found) ** 2)), "dof": dof},
        )  # fmt: skip


@checked_arguments
def fit_series(acquisition: Acquisition, basis: Basis, *, allow_mismatch: bool = False, **options: Any) -> SeriesFit:
    """Fit a series of spectra of one voxel with lines in common.

    Parameters
    ----------
    acquisition : Acquisition
        One dimension besides time, for example "DIM_DYN": aligned to each other, coils and edits combined.
    basis : Basis
        As for `fit`.
    allow_mismatch : bool
        Let a basis of another echo time pass.
    **options
        Those of `fit`; lines, lipids and baseline are chosen once, on the mean of the series.

    Returns
    -------
    SeriesFit
        Phase, delay, shifts and widths are one set for all spectra; amplitudes and the coefficients of the baseline are
        free in each. Errors hold what the shared parameters are not sure of.  A spectrum that is not finite or all zero is NaN,
        with a flag, and the others are fitted without it.

    Raises
    ------
    InputError, BasisMismatchError
        If there is not exactly one such dimension, no spectrum is finite and not zero, or an option cannot be.

    Notes
    -----
    Minimises the sum over spectra of the single fit's objective over the shared parameters, amplitudes eliminated in
    each. Soft ratios hold in each. A shared shift and phase suppose alignment beforehand.
    """
    grid = SpectralGrid.of(acquisition)
    if len(grid.shape) != 1:
        msg = f"the acquisition varies along {list(grid.dims) or 'nothing'}; a series has exactly one dimension besides time"
        raise InputError(msg)
    bad = {k: reason for k in range(len(grid.fids)) if (reason := hopeless(grid.spectrum(k))) is not None}
    good = [k for k in range(len(grid.fids)) if k not in bad]
    if not good:
        first = grid.spectrum(0).name
        msg = (
            f"{first}: {bad[0][1]}, and no other spectrum of the series is finite and not zero. Give one with a signal."
        )
        raise InputError(msg)
    settings = fit_options(options)
    with one_library_thread():
        common = _mean_fit(grid, basis, settings, good, allow_mismatch=allow_mismatch)
        problems, setups = _problems(grid, common, good)
        found, shared = _shared(problems, common)
        series = _concluded(problems, setups, found, shared, common, settings)
    return _with_failed(series, grid, bad) if bad else series


def _with_failed(series: SeriesFit, grid: SpectralGrid, bad: Mapping[int, tuple[str, str]]) -> SeriesFit:
    """Return the series with spectra that hold nothing to fit in their places: NaN, and a flag that says why."""
    count, elements = len(grid.fids), len(series.names)
    good = [k for k in range(count) if k not in bad]
    values, covariance = np.full((count, elements), np.nan), np.full((count, elements, count, elements), np.nan)
    values[good] = series.values
    covariance[np.ix_(good, range(elements), good, range(elements))] = series.covariance
    results = {}
    for index in range(count):
        label = grid.spectrum(index).name
        results[label] = failed_result(label, series.names, {}, *bad[index]) if index in bad else series.results[label]
    return SeriesFit(ResultSet(results), series.names, values, covariance)


def _mean_fit(
    grid: SpectralGrid, basis: Basis, options: FitOptions, good: Sequence[int], *, allow_mismatch: bool
) -> Found:
    """Fit the mean of the series, which decides what all share."""
    mean = grid.spectrum(good[0]).with_fid(grid.fids[list(good)].mean(axis=0))
    data, elements = matched(mean, basis, options, allow_mismatch=allow_mismatch)
    return search(prepare(data, basis, elements, options), options)


def _problems(grid: SpectralGrid, common: Found, good: Sequence[int]) -> tuple[list[Problem], list[Setup]]:
    """Return one problem a spectrum, each over its own noise, the prior of the shared parameters dealt out evenly."""
    setup = common.setup
    points = setup.spectrum.points
    frequencies = np.fft.fftfreq(points, setup.spectrum.dwell_s)
    window = np.argmin(np.abs(frequencies[None, :] - setup.model.frequency_hz[:, None]), axis=1)
    count = len(good)
    problems, setups = [], []
    for index in good:
        spectrum = grid.spectrum(index)
        spectrum = spectrum.with_fid(spectrum.fid[:points])
        noise = max(noise_sd(spectrum), 1e-12 * float(np.abs(spectrum.spectrum).max()))
        own = replace(
            setup,
            spectrum=spectrum,
            model=setup.model.scaled(setup.noise / noise),
            data=np.fft.fft(spectrum.fid)[window] / noise,
            noise=noise,
        )
        # the baseline's stiffness is that of the mean: its penalty is relative to the noise
        problem = Problem(
            own.model, own.data, common.baseline, common.problem.rows, np.zeros(own.model.size),
            limits(setup).sd * np.sqrt(count), setup.nonnegative,
        )  # fmt: skip
        problems.append(problem)
        setups.append(own)
    return problems, setups


def _shared(problems: Sequence[Problem], common: Found) -> tuple[Minimum, FloatArray]:
    """Return the optimum of what all share, and its covariance, amplitudes eliminated."""
    edges = limits(common.setup)

    def evaluate(theta: FloatArray) -> tuple[FloatArray, Callable[[], FloatArray]]:
        parts = [problem.evaluate(theta) for problem in problems]
        return np.concatenate([part[0] for part in parts]), lambda: np.vstack([part[1]() for part in parts])

    found = minimize_least_squares(
        evaluate, common.solved.theta, lower=edges.lower, upper=edges.upper, gain_tolerance=_GAIN
    )
    jacobian = evaluate(found.parameters)[1]()
    held = found.at_lower | found.at_upper
    covariance = np.zeros((held.size, held.size))
    covariance[np.ix_(~held, ~held)] = information_covariance(jacobian[:, ~held])
    return found, np.where(np.isfinite(covariance), covariance, 0.0)


def _concluded(
    problems: Sequence[Problem],
    setups: Sequence[Setup],
    end: Minimum,
    shared: FloatArray,
    common: Found,
    options: FitOptions,
) -> SeriesFit:
    """Return the results with the covariance that the shared parameters bring."""
    results: dict[str, FitResult] = {}
    own, pulls, values = [], [], []
    for problem, setup in zip(problems, setups, strict=True):
        solved, block, pull = _amplitudes(problem, end, shared)
        found = replace(common, setup=setup, solved=solved, problem=problem, unit=1.0)
        label = setup.spectrum.name
        results[label] = fitted_result(label, Outcome(found), chosen(found), options.amplitudes)
        own.append(block * max(1.0, solved.misfit))
        pulls.append(pull)
        values.append([results[label][name].value for name in setup.names])
    covariance = np.einsum("kmp,pq,lnq->kmln", np.array(pulls), shared, np.array(pulls))
    for index, block in enumerate(own):
        covariance[index, :, index, :] += block
    return SeriesFit(ResultSet(results), tuple(common.setup.names), np.array(values), covariance)


def _amplitudes(problem: Problem, end: Minimum, shared: FloatArray) -> tuple[Solved, FloatArray, FloatArray]:
    """Return a spectrum's optimum with the covariance of the joint fit, that of its own noise, and its pull.

    With columns C and slopes D by the shared parameters, amplitudes move by -(C'C)^-1 C'D when those move.
    """
    solved, count = conclude(problem, end), end.parameters.size
    columns, slopes = solved.jacobian[:, count:], solved.jacobian[:, :count]
    own = information_covariance(columns)
    own = np.where(np.isfinite(own), own, 0.0)
    pull = -own @ (columns.T @ slopes)
    covariance = np.zeros_like(solved.covariance)
    covariance[:count, :count] = shared
    covariance[count:, :count] = pull @ shared
    covariance[:count, count:] = covariance[count:, :count].T
    covariance[count:, count:] = own + pull @ shared @ pull.T
    free = solved.mode - own @ (columns.T @ solved.residual)
    return replace(solved, covariance=covariance, free=free), own, pull
