"""How a leak is refused: by its name, with what gave it away and what to do."""

from typing import NoReturn

from neurochem.errors import LeakageError


def refuse(leak: str, text: str) -> NoReturn:
    """Raise the error that names a leak."""
    msg = f"leakage: {leak}: {text}"
    raise LeakageError(msg)
