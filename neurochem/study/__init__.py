"""A whole study: scans of a BIDS dataset to derivatives, pages and the markers table, and markers to outcome.

`read_config`, then `run_participants` and `run_group`; the command line calls nothing else.
"""

import importlib
from typing import Any

_HOMES = {
    "Config": "config",
    "GroupReport": "group",
    "RunReport": "participants",
    "Scan": "bids",
    "ScanJob": "jobs",
    "ScanOutcome": "jobs",
    "describe_job": "participants",
    "find_scans": "bids",
    "parse_config": "config",
    "plan_participants": "participants",
    "process_scan": "jobs",
    "read_config": "config",
    "run_group": "group",
    "run_participants": "participants",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load the module of a name the first time it is asked for: workers of PET scans need no statistics."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"neurochem.study.{_HOMES[name]}"), name)
    msg = f"module 'neurochem.study' has no attribute '{name}'; its names are {', '.join(_HOMES)}"
    raise AttributeError(msg)
