"""A scanner that changes with the visit: what cannot be told apart is refused by name."""

import pandas as pd

from neurochem.errors import InputError, unknown_name
from neurochem.response.scanner_visits import visit_is_confounded


def refuse_scanner_visit_confounding(table: pd.DataFrame, *, person: str, visit: str, scanner: str) -> None:
    """Refuse scans in which a change of scanner coincides with the visit, so that time and scanner are one variable.

    Parameters
    ----------
    table : DataFrame
        One row a scan.
    person, visit, scanner : str
        Columns with the person's id, the visit and the scanner (or software, or site).

    Raises
    ------
    InputError
        If the change between some two visits cannot be estimated once people and scanners are in the model. The message
        names the visits and scanners. People who kept their scanner, or who changed in the other direction, make it
        estimable.
    UnknownNameError
        If a column is not in the table.

    Examples
    --------
    >>> scans = pd.DataFrame({"id": ["a", "a", "b", "b"], "visit": ["w0", "w8"] * 2, "scanner": ["old", "new"] * 2})
    >>> refuse_scanner_visit_confounding(scans, person="id", visit="visit", scanner="scanner")
    Traceback (most recent call last):
    ...
    neurochem.errors.InputError: visit and scanner are the same variable: ...
    """
    for name in (person, visit, scanner):
        if name not in table.columns:
            raise unknown_name(name, map(str, table.columns), kind="column of the table")
    known = table.dropna(subset=[person, visit, scanner])
    repeated = known.loc[known[person].duplicated(keep=False)]
    if not visit_is_confounded(repeated, person=person, visit=visit, machine=scanner):
        return
    pairs = [f"{when}: {', '.join(sorted(map(str, set(rows[scanner]))))}" for when, rows in repeated.groupby(visit)]
    msg = f"{visit} and {scanner} are the same variable: the {scanner} changed with the {visit} in all "
    msg += f"{repeated[person].nunique()} people with repeated scans ({'; '.join(pairs)}). A change over time cannot be told "
    msg += "from the change of scanner and no harmonisation can undo it; use the baseline scans alone, or add people who kept "
    msg += "their scanner (travelling volunteers, controls scanned twice)"
    raise InputError(msg)
