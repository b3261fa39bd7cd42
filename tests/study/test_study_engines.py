import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurochem.errors import ConfigError, NeurochemError, UnknownNameError
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


def test_a_cluster_gives_the_same_results_in_the_same_order():
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    results = map_jobs(describe, list(range(4)), engine="dask", workers=2)
    assert [number for number, _, _ in results] == list(range(4))
    assert os.getpid() not in {process for _, process, _ in results}


def end_the_process(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_process_is_told_in_words():
    with pytest.raises(NeurochemError, match="Run again with fewer workers"):
        map_jobs(end_the_process, [1, 2], workers=1)


def wait_a_moment(number: int) -> int:
    time.sleep(0.2)
    return number


def test_an_interruption_drops_what_has_not_begun_and_workers_stay_silent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, test_study_engines as t\n"
        "if __name__ == '__main__':\n    print('begun', flush=True)\n"
        "    t.map_jobs(t.wait_a_moment, list(range(300)), workers=2)\n"
    )
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    process = subprocess.Popen(  # noqa: S603, RUF100 - our own interpreter
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "begun\n"
    time.sleep(3.0)
    # as a terminal does: to the whole group
    os.killpg(process.pid, signal.SIGINT)
    # all 300 jobs would take 30 s
    _, errors = process.communicate(timeout=15)
    assert process.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1
