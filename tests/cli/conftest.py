import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SERIAL = '[run]\nengine = "serial"\n'


@pytest.fixture(scope="session")
def maker() -> ModuleType:
    """The module that makes tiny studies; it lies beside the tests of the study room."""
    path = Path(__file__).parents[1] / "study" / "tiny_study.py"
    spec = importlib.util.spec_from_file_location("tiny_study", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_pet(tmp_path_factory, maker) -> Path:
    """A PET study of one person and one visit that runs without further processes; copy it before changing it."""
    study = maker.make_tiny_study(tmp_path_factory.mktemp("pet") / "bids", people=1, visits=1)
    (study / "code").mkdir()
    (study / "code" / "neurochem.toml").write_text(SERIAL)
    return study


@pytest.fixture(scope="session")
def tiny_mrs(tmp_path_factory, maker) -> Path:
    """A study of one spectrum that runs without further processes; copy it before changing it."""
    import shutil

    study = maker.make_tiny_study(tmp_path_factory.mktemp("mrs") / "bids", people=1, visits=1, spectra=True)
    shutil.rmtree(study / "sub-01/ses-baseline/pet")
    config = study / "code" / "neurochem.toml"
    config.write_text(config.read_text() + SERIAL)
    return study
