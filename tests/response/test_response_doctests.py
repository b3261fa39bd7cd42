import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import neurochem.response

ROOM = "neurochem.response."
MODULES = sorted(
    info.name.removeprefix(ROOM) for info in pkgutil.walk_packages(neurochem.response.__path__, prefix=ROOM)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_documentation_run(name):
    module = importlib.import_module(f"{ROOM}{name}")
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_every_public_name_is_there_and_documented():
    for name in neurochem.response.__all__:
        assert getattr(neurochem.response, name).__doc__, name


def test_the_room_loads_neither_figures_nor_statistics_before_they_are_needed():
    code = "import sys, neurochem.response; print([m for m in ('matplotlib', 'statsmodels') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
