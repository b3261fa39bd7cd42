import os

import pytest

from neurochem.errors import ConfigError, UnknownNameError
from neurochem.study.engines import map_jobs, single_threaded_children


def describe(number: int) -> tuple[int, int, str | None]:
    return number, os.getpid(), os.environ.get("OPENBLAS_NUM_THREADS")


def test_results_come_in_the_order_of_the_jobs_from_processes_with_one_thread_each():
    results = map_jobs(describe, list(range(6)), workers=2)
    assert [number for number, _, _ in results] == list(range(6))
    assert {threads for _, _, threads in results} == {"1"}
    assert os.getpid() not in {process for _, process, _ in results}


def test_serial_work_stays_in_this_process():
    assert map_jobs(describe, [7], engine="serial")[0][:2] == (7, os.getpid())


def test_the_environment_is_put_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with single_threaded_children():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ


def test_no_job_needs_no_process():
    assert map_jobs(describe, []) == []


def test_an_unknown_engine_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'processes'"):
        map_jobs(describe, [1], engine="process")


def test_a_missing_cluster_library_names_the_extra(monkeypatch):
    # None in sys.modules makes the import fail, whether or not the library is installed
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"neurochem\[cluster\]"):
        map_jobs(describe, [1], engine="dask")
