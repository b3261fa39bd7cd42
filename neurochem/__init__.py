"""Neurochemical PET and MRS quantification, from the scan to the treatment outcome.

Rooms load on first use, so that importing the package costs nothing but the standard library.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurochem import errors as errors
    from neurochem import mrs as mrs
    from neurochem import pet as pet
    from neurochem import phantoms as phantoms
    from neurochem import qc as qc
    from neurochem import quality as quality
    from neurochem import response as response
    from neurochem import results as results
    from neurochem import study as study
    from neurochem import units as units

__version__ = "0.1.0"

_ROOMS = ("errors", "mrs", "pet", "phantoms", "qc", "quality", "response", "results", "study", "units")

__all__ = [*_ROOMS, "__version__"]  # noqa: PLE0604 - the rooms are names of modules


def __getattr__(name: str) -> ModuleType:
    """Load a room the first time it is asked for."""
    if name in _ROOMS:
        return importlib.import_module(f"neurochem.{name}")
    msg = f"module 'neurochem' has no attribute '{name}'; its rooms are {', '.join(_ROOMS)}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted(__all__)
