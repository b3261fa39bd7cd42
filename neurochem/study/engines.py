"""Spread independent jobs over processes or a cluster, in an order that does not depend on how many there are."""

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from neurochem.errors import ConfigError, NeurochemError, unknown_name

Job = TypeVar("Job")
Result = TypeVar("Result")

ENGINES = ("processes", "serial", "dask")
# One thread of linear algebra a worker: more would compete for the same cores, and sums would depend on the machine.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip


@contextlib.contextmanager
def single_threaded_children() -> Iterator[None]:
    """Let processes that start inside use one thread of linear algebra each."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def map_jobs(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    engine: str = "processes",
    workers: int = 1,
    scheduler: str = "",
    label: str = "scans",
) -> list[Result]:
    """Return `work(job)` of every job, in the order of the jobs.

    Parameters
    ----------
    work : callable
        A function at the top of a module; it must catch what may go wrong with one job.
    jobs : sequence
        Arguments, each of which can be pickled.
    engine : str
        "processes" (fresh processes, also for one worker, so that the arithmetic is the same), "serial" (in this
        process, for debugging) or "dask" (an existing dask scheduler).
    workers : int
        Number of processes.
    scheduler : str
        Address of the dask scheduler, for example "tcp://node1:8786"; empty starts one on this machine.
    label : str
        What the progress bar counts; it is drawn on a terminal only.

    Returns
    -------
    list
        One result a job.

    Raises
    ------
    UnknownNameError, ConfigError
        If there is no such engine, or it is not installed.
    NeurochemError
        If a process was killed, for want of memory for example.

    Notes
    -----
    Processes start afresh ("spawn"), so a script that calls this needs the usual `if __name__ == "__main__":`.
    """
    if engine not in ENGINES:
        raise unknown_name(engine, ENGINES, kind="engine")
    if engine == "serial" or not jobs:
        return [work(job) for job in _progress(jobs, len(jobs), label)]
    with single_threaded_children(), _executor(engine, min(workers, len(jobs)), scheduler) as executor:
        futures = {executor.submit(work, job): index for index, job in enumerate(jobs)}
        try:
            done = {futures[future]: future.result() for future in _progress(as_completed(futures), len(jobs), label)}
        except BrokenProcessPool as error:
            msg = (
                "a worker process was ended from outside, most often because memory ran out; what is finished was kept. "
                "Run again with fewer workers."
            )
            raise NeurochemError(msg) from error
        except KeyboardInterrupt:
            # what has not begun is dropped; jobs under way end cleanly, so that no half-made folder stays behind
            for future in futures:
                future.cancel()
            raise
    return [done[index] for index in range(len(jobs))]


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _progress(items: Any, total: int, label: str) -> Any:
    if not sys.stderr.isatty():
        return items
    from tqdm import tqdm

    return tqdm(items, total=total, desc=label, unit="scan", leave=False)


@contextlib.contextmanager
def _executor(engine: str, workers: int, scheduler: str) -> Iterator[Executor]:
    if engine == "processes":
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_the_parent) as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError as error:
        msg = "[run] engine = 'dask' needs the extra 'cluster'; install neurochem[cluster], or use engine = 'processes'"
        raise ConfigError(msg) from error
    arguments = {"address": scheduler} if scheduler else {"n_workers": workers, "threads_per_worker": 1}
    with Client(**arguments) as client:
        yield client.get_executor()
