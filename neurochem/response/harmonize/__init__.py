"""Sites and scanners: ComBat that is fitted on training rows only, leave-site-out, and what cannot be told apart.

The transformers are scikit-learn's; scikit-learn is loaded the first time that one is asked for.
"""

import importlib
from typing import Any

from neurochem.response.harmonize.confounding import refuse_scanner_visit_confounding
from neurochem.response.harmonize.leave_site_out import LeaveSiteOut

_TRANSFORMERS = {"ComBat": "combat", "LongitudinalComBat": "longitudinal"}

__all__ = ["ComBat", "LeaveSiteOut", "LongitudinalComBat", "refuse_scanner_visit_confounding"]


def __getattr__(name: str) -> Any:
    """Load a transformer, and scikit-learn with it, the first time it is asked for."""
    if name in _TRANSFORMERS:
        return getattr(importlib.import_module(f"neurochem.response.harmonize.{_TRANSFORMERS[name]}"), name)
    msg = f"module 'neurochem.response.harmonize' has no attribute '{name}'"
    raise AttributeError(msg)
