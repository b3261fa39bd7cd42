"""The options of a single fit, where many spectra are fitted."""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from neurochem.errors import unknown_name
from neurochem.mrs.fit import fit
from neurochem.mrs.options import FitOptions


def fit_options(options: Mapping[str, Any]) -> FitOptions:
    """Return the options of `neurochem.mrs.fit`, its defaults where nothing is given.

    Raises
    ------
    UnknownNameError
        If there is no such option.
    """
    known = {field.name: inspect.signature(fit).parameters[field.name].default for field in fields(FitOptions)}
    for name in options:
        if name not in known:
            raise unknown_name(name, tuple(known), kind="option of a fit")
    return FitOptions(**{**known, **options})
