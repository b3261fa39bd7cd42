import os
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# The suite's workers take every core already; matrix libraries read this when numpy is first imported.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

# Noise-free cases with exact truth, kept beside the real scans.
DATA = Path(os.environ.get("NEUROCHEM_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
REFERENCE_CASES = DATA.parent / "reference" / "pet_test_cases.json"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans, which are not part of the repository."""
    folder = DATA
    if not folder.is_dir():
        pytest.skip(f"no real scans at {folder}; set NEUROCHEM_REAL_DATA to run this test")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Simulated lines go to a folder of the tests, never to the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROCHEM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
