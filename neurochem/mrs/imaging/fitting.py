"""Fit every spectrum of a grid, and those that went astray again from where their neighbours ended."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.mrs.align import CoarseStart
from neurochem.mrs.basis import Basis
from neurochem.mrs.fit import chosen, hopeless, matched
from neurochem.mrs.imaging.choices import fit_options
from neurochem.mrs.imaging.grid import SpectralGrid, grid_mask
from neurochem.mrs.imaging.maps import QUALITY, MetaboliteMaps, SpectrumStatus
from neurochem.mrs.options import FitOptions
from neurochem.mrs.outcome import Outcome, failed_result, fitted_result
from neurochem.mrs.search import search
from neurochem.mrs.setup import prepare
from neurochem.mrs.spectra import Acquisition, Spectrum
from neurochem.results import FitResult
from neurochem.solve.threads import one_library_thread
from neurochem.units import BoolArray, FloatArray

# The tallest point of noise alone is about this many standard deviations above zero in a few hundred points.
SIGNAL_THRESHOLD = 6.0
# A voxel has gone astray when its shift is this far from that of its neighbours (ppm); chosen here.
_ASTRAY_PPM = 0.06
_FEWEST_NEIGHBOURS = 2
_CHUNK = 16


@dataclass(frozen=True)
class _Fitted:
    """What is kept of one fit."""

    values: tuple[float, ...]
    stderrs: tuple[float, ...]
    quality: tuple[float, ...]
    success: bool
    warned: bool


@checked_arguments
def fit_image(  # noqa: PLR0913 - the choices of a fit, all by keyword
    acquisition: Acquisition,
    basis: Basis,
    *,
    mask: ArrayLike | None = None,
    signal_threshold: float = SIGNAL_THRESHOLD,
    spread_starts: bool = True,
    workers: int = 1,
    affine: ArrayLike | None = None,
    allow_mismatch: bool = False,
    **options: Any,
) -> MetaboliteMaps:
    """Fit every spectrum of an MRSI grid, or of a dynamic or diffusion series, each on its own.

    Parameters
    ----------
    acquisition : Acquisition
        As `read` returns it: any of the axes x, y, z and of the NIfTI-MRS dimensions, coils and edits combined.
    basis : Basis
        As for `fit`.
    mask : array_like, optional
        Places to fit: the shape of the grid, or of its spatial part.
    signal_threshold : float
        A spectrum is not fitted if its tallest point between 1.8 and 3.4 ppm is below this many standard deviations of
        the noise.
    spread_starts : bool
        Whether voxels that failed, or whose shift lies more than 0.06 ppm from that of their neighbours, are fitted again
        from their neighbours' shift and width; the better fit stays.
    workers : int
        Processes. They start afresh ("spawn"), so that a script that asks for more than one needs the usual
        `if __name__ == "__main__":`.
    affine : array, shape (4, 4), optional
        Place of the grid for `save`.
    allow_mismatch : bool
        Let a basis of another echo time pass.
    **options
        Those of `fit`: ppm, baseline, macromolecules, lineshape, ...

    Returns
    -------
    MetaboliteMaps
        Values, errors, quality and status at every place; a spectrum that cannot be fitted is NaN with a status.

    Raises
    ------
    InputError, BasisMismatchError
        If the acquisition, the mask or an option cannot be.
    """
    if not isinstance(workers, int) or workers < 1:
        msg = f"workers is {workers!r}; give a whole number from 1"
        raise InputError(msg)
    grid = SpectralGrid.of(acquisition)
    inside = grid_mask(mask, grid)
    chosen_options = fit_options(options)
    # what cannot be is said once, before hours of work
    matched(grid.spectrum(0), basis, chosen_options, allow_mismatch=allow_mismatch)
    strength = grid.signal_to_noise()
    wanted = np.flatnonzero(inside & (strength >= signal_threshold))
    task = _Task(basis, chosen_options, allow_mismatch)
    found: dict[int, _Fitted] = {}
    with _Pool(workers, task) as run:
        _collect(found, run, [(int(k), grid.spectrum(int(k)), None) for k in wanted], "spectra")
        if spread_starts:
            again = list(_astray(grid, found))
            second: dict[int, _Fitted] = {}
            _collect(second, run, [(k, grid.spectrum(k), start) for k, start in again], "again")
            found |= {k: new for k, new in second.items() if _better(new, found[k])}
    settings = {"basis": basis.source, "signal_threshold": signal_threshold, "options": repr(chosen_options)}
    place = affine if affine is not None else acquisition.header.get("affine")
    return _maps(grid, task.names, found, inside, strength, place, settings)


@dataclass
class _Task:
    """What every fit shares; sent to each process once."""

    basis: Basis
    options: FitOptions
    allow_mismatch: bool

    def result(self, spectrum: Spectrum, start: CoarseStart | None) -> FitResult:
        """Fit one spectrum; what goes wrong in one is a failed result, never the end of the others."""
        reason = hopeless(spectrum)
        if reason:
            return failed_result(spectrum.name, self.basis.names, {}, *reason)
        try:
            data, elements = matched(spectrum, self.basis, self.options, allow_mismatch=self.allow_mismatch)
            found = search(prepare(data, self.basis, elements, self.options, start=start), self.options)
            return fitted_result(spectrum.name, Outcome(found), chosen(found), self.options.amplitudes)
        except (np.linalg.LinAlgError, InputError) as error:
            return failed_result(spectrum.name, self.basis.names, {}, "not_fitted", str(error))

    def fit(self, spectrum: Spectrum, start: CoarseStart | None) -> _Fitted:
        """Fit one spectrum and keep what a map needs."""
        with one_library_thread():
            result = self.result(spectrum, start)
        names = self.names
        values = tuple(result[name].value if name in result else np.nan for name in names)
        stderrs = tuple(result[name].stderr if name in result else np.nan for name in names)
        quality = tuple(float(result.diagnostics.get(name, np.nan)) for name in QUALITY)
        warned = any(flag.severity == "warning" for flag in result.flags)
        return _Fitted(values, stderrs, quality, result.success, warned)

    @property
    def names(self) -> tuple[str, ...]:
        """Elements and totals of the basis; macromolecules that a fit adds are not mapped."""
        return tuple(failed_result("", self.basis.names, {}, "none", "").estimates)


_SHARED: list[_Task] = []


def _share(task: _Task) -> None:
    _SHARED[:] = [task]


def _one(item: tuple[int, Spectrum, CoarseStart | None]) -> tuple[int, _Fitted]:
    return item[0], _SHARED[0].fit(item[1], item[2])


class _Pool:
    """Run fits in this process, or in several."""

    def __init__(self, workers: int, task: _Task) -> None:
        self.workers, self.task = workers, task
        self.executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Callable[[list[Any]], Iterable[tuple[int, _Fitted]]]:
        if self.workers == 1:
            _share(self.task)
            return lambda items: map(_one, items)
        context = multiprocessing.get_context("spawn")
        self.executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_share, initargs=(self.task,))
        pool = self.executor
        return lambda items: pool.map(_one, items, chunksize=_CHUNK)

    def __exit__(self, *_: object) -> None:
        if self.executor is not None:
            self.executor.shutdown(cancel_futures=True)


def _collect(
    found: dict[int, _Fitted], run: Callable[[list[Any]], Iterable[tuple[int, _Fitted]]], items: list[Any], title: str
) -> None:
    """Fit all items under a progress bar, which only a terminal shows."""
    bar = tqdm(run(items), total=len(items), desc=title, unit="spectrum", disable=None, leave=False, delay=1.0)
    found.update(bar)


def _astray(grid: SpectralGrid, found: dict[int, _Fitted]) -> Iterator[tuple[int, CoarseStart]]:
    """Yield the places to fit again, with the start that their neighbours suggest."""
    shift_at, phase_at, width_at = (QUALITY.index(name) for name in ("shift_ppm", "phase_deg", "fwhm_hz"))
    good = {k: fit.quality for k, fit in found.items() if fit.success and np.isfinite(fit.quality).all()}
    larmor = grid.source.larmor_mhz
    for index, fit in found.items():
        near = [good[k] for k in _neighbours(index, grid.shape) if k in good]
        if len(near) < _FEWEST_NEIGHBOURS:
            continue
        middle = np.median(np.array(near), axis=0)
        away = abs(fit.quality[shift_at] - middle[shift_at])
        if fit.success and not away > _ASTRAY_PPM:
            continue
        phases = np.exp(1j * np.radians([quality[phase_at] for quality in near]))
        yield (
            index,
            CoarseStart(
                shift_hz=-float(middle[shift_at]) * larmor,
                phase=float(np.angle(phases.mean())),
                width_hz=float(middle[width_at]),
            ),
        )


def _neighbours(index: int, shape: tuple[int, ...]) -> list[int]:
    """Return the places next to one, along every axis."""
    place = np.array(np.unravel_index(index, shape))
    found = []
    for axis in range(len(shape)):
        for step in (-1, 1):
            other = place.copy()
            other[axis] += step
            if 0 <= other[axis] < shape[axis]:
                found.append(int(np.ravel_multi_index(tuple(other), shape)))
    return found


def _better(new: _Fitted, old: _Fitted) -> bool:
    """Say whether a second fit leaves less; the data are the same, so that the fit quality decides."""
    if not new.success or not old.success:
        return new.success
    fqn = QUALITY.index("fqn")
    return new.quality[fqn] < old.quality[fqn]


def _maps(
    grid: SpectralGrid,
    names: tuple[str, ...],
    found: dict[int, _Fitted],
    inside: BoolArray,
    strength: FloatArray,
    affine: Any,
    settings: dict[str, Any],
) -> MetaboliteMaps:
    count = len(grid.fids)
    values, stderrs = np.full((len(names), count), np.nan), np.full((len(names), count), np.nan)
    quality = np.full((len(QUALITY), count), np.nan)
    status = np.where(np.isfinite(strength), SpectrumStatus.LOW_SIGNAL, SpectrumStatus.FAILED).astype(np.uint8)
    status[~inside] = SpectrumStatus.OUTSIDE
    for index, fit in found.items():
        values[:, index], stderrs[:, index], quality[:, index] = fit.values, fit.stderrs, fit.quality
        code = SpectrumStatus.FLAGGED if fit.warned else SpectrumStatus.OK
        status[index] = code if fit.success else SpectrumStatus.FAILED
    shape = grid.shape
    return MetaboliteMaps(
        {name: values[k].reshape(shape) for k, name in enumerate(names)},
        {name: stderrs[k].reshape(shape) for k, name in enumerate(names)},
        {name: quality[k].reshape(shape) for k, name in enumerate(QUALITY)},
        status.reshape(shape),
        grid.dims,
        None if affine is None else np.asarray(affine, dtype=float),
        settings,
    )
