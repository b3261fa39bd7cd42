"""What a file does not say: supplying it, and finding out what quantification would miss."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.mrs.spectra import DYNAMIC, Acquisition

_FIELDS = ("dwell_s", "larmor_mhz", "echo_time_s", "repetition_time_s", "nucleus", "reference_ppm")
SUPPLIED = "SuppliedByUser"
TRANSIENTS = "NumberOfTransients"


def supplied(
    data: Acquisition, *, averages: int | None = None, scale: float | None = None, **fields: Any
) -> Acquisition:
    """Return an acquisition with what the user says in place of what the file says.

    Parameters
    ----------
    data : Acquisition
        From a file.
    averages : int, optional
        Transients that each FID of the file is the mean of.
    scale : float, optional
        Factor on the data, for files that hold sums (1 / averages) or another receiver gain than their water reference.
    **fields
        dwell_s, larmor_mhz, echo_time_s, repetition_time_s, nucleus, reference_ppm; None leaves a field as it is.

    Returns
    -------
    Acquisition
        The header lists what was supplied.

    Raises
    ------
    InputError
        If a field is unknown or its value cannot mean anything.
    """
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown:
        msg = f"{unknown[0]} cannot be supplied; allowed: {', '.join((*_FIELDS, 'averages', 'scale'))}."
        raise InputError(msg)
    given = {name: value for name, value in fields.items() if value is not None}
    extra: dict[str, Any] = {}
    if averages is not None:
        if averages < 1:
            msg = f"{data.source or data.name}: averages is {averages}; it must be a whole number of at least 1."
            raise InputError(msg)
        extra[TRANSIENTS] = int(averages) * data.size(DYNAMIC)
    values = data.data
    if scale is not None:
        if not 0 < scale < float("inf"):
            msg = f"{data.source or data.name}: scale is {scale}; it must be a positive number."
            raise InputError(msg)
        values = values * scale
    if not given and not extra and scale is None:
        return data
    noted = {**dict(data.header.get(SUPPLIED, {})), **given, **({"averages": averages} if averages else {})}
    if scale is not None:
        noted["scale"] = scale * float(noted.get("scale", 1.0))
    return replace(data, data=values, header={**data.header, **extra, SUPPLIED: noted}, **given)


@checked_arguments
def quantification_gaps(data: Acquisition, water: Acquisition | None = None) -> tuple[str, ...]:
    """Return what is missing, or disagrees, for concentrations from these scans; empty where nothing is.

    Parameters
    ----------
    data : Acquisition
        Metabolite scan.
    water : Acquisition, optional
        Water reference.

    Returns
    -------
    tuple of str
        One sentence each, with the argument of `read` that supplies it.
    """
    gaps = _missing(data, "metabolite scan")
    if water is None:
        return (*gaps, "there is no water reference, so nothing sets the scale; give water=...")
    gaps += _missing(water, "water reference")
    if abs(water.larmor_mhz / data.larmor_mhz - 1.0) > 1e-3:
        gaps.append(f"water was measured at {water.larmor_mhz:g} MHz, metabolites at {data.larmor_mhz:g} MHz")
    gains = [scan.header.get("ReceiverGain", scan.header.get("ReceiveGain")) for scan in (data, water)]
    if None not in gains and gains[0] != gains[1]:
        gaps.append(f"receiver gains differ ({gains[0]} and {gains[1]}); bring them together with scale=...")
    return tuple(gaps)


@checked_arguments
def require_quantifiable(data: Acquisition, water: Acquisition | None = None) -> None:
    """Raise an InputError that lists every gap of `quantification_gaps`, if there is one."""
    gaps = quantification_gaps(data, water)
    if gaps:
        msg = f"{data.source or data.name}: not enough for concentrations: {'; '.join(gaps)}"
        raise InputError(msg)


def _missing(scan: Acquisition, what: str) -> list[str]:
    names: Mapping[str, tuple[str, Any]] = {
        "echo_time_s": ("echo time", scan.echo_time_s),
        "repetition_time_s": ("repetition time", scan.repetition_time_s),
    }
    found = [
        f"the {label} of the {what} is missing; give {name}=... in seconds"
        for name, (label, value) in names.items()
        if value is None
    ]
    if scan.size(DYNAMIC) == 1 and TRANSIENTS not in scan.header:
        found.append(f"the {what} does not say how many transients it is made of; give averages=...")
    return found
