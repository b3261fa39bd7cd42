"""What `mrs fit` reads: scan, water and basis from the command line or from an LCModel control file."""

import argparse
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurochem.errors import InputError, NeurochemWarning

if TYPE_CHECKING:
    from neurochem.mrs import Acquisition, Basis, LCModelControl


@dataclass(frozen=True, slots=True)
class Inputs:
    """A scan, its water, the basis, and the options of the fit and of the table."""

    data: "Acquisition"
    water: "Acquisition | None"
    basis: "Basis"
    options: dict[str, Any]
    table: dict[str, Any]


def read_inputs(arguments: argparse.Namespace) -> Inputs:
    """Read what the arguments name; what they leave open comes from the control file.

    Raises
    ------
    InputError
        If neither names the scan, the basis, or the water that tissue fractions need.
    """
    from neurochem import mrs

    control = None if arguments.control is None else _control(arguments)
    if control is None:
        return _inputs(arguments, None, mrs.read(arguments.data), mrs.read_basis(arguments.basis))
    data = control.read_data() if arguments.data is None else mrs.read(arguments.data)
    basis = control.read_basis() if arguments.basis is None else control.basis(mrs.read_basis(arguments.basis))
    return _inputs(arguments, control, data, basis)


def _inputs(
    arguments: argparse.Namespace, control: "LCModelControl | None", data: "Acquisition", basis: "Basis"
) -> Inputs:
    from neurochem import mrs

    water = None if arguments.water is None else mrs.read(arguments.water)
    # water belongs to its scan: that of the control file is not used with another scan
    if water is None and control is not None and arguments.data is None:
        water = control.read_water()
    if arguments.gm is not None and water is None:
        msg = "concentrations need unsuppressed water; give --water, or FILH2O in the control file"
        raise InputError(msg)
    options = {} if control is None else dict(control.options)
    if arguments.ppm is not None:
        options["ppm"] = tuple(arguments.ppm)
    return Inputs(data, water, basis, options, {} if control is None else dict(control.table))


def _control(arguments: argparse.Namespace) -> "LCModelControl":
    """Read the control file and tell what each of its parameters became."""
    from neurochem import mrs
    from neurochem.cli.show import complain, say

    with warnings.catch_warnings():
        # every line of the summary says what the warning would
        warnings.simplefilter("ignore", NeurochemWarning)
        control = mrs.read_lcmodel_control(arguments.control)
    say(control.summary())
    for record in control.without_counterpart:
        complain(f"not followed: {record.name.upper()}: {record.text}")
    return control
