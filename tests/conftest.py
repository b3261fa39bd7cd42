import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans, which are not part of the repository."""
    folder = Path(os.environ.get("NEUROCHEM_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real scans at {folder}; set NEUROCHEM_REAL_DATA to run this test")
    return folder
