from pathlib import Path

import pytest
from tiny_study import make_tiny_study


@pytest.fixture(scope="session")
def tiny_pet(tmp_path_factory) -> Path:
    """A study of two people, two visits, PET alone; read only."""
    return make_tiny_study(tmp_path_factory.mktemp("bids") / "study", people=2)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A study of two people, two visits, PET and spectra; read only."""
    return make_tiny_study(tmp_path_factory.mktemp("bids") / "study", people=2, spectra=True)
