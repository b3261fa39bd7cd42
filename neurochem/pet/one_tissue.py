"""The one-tissue curves that reference-tissue and plasma models share."""

from collections.abc import Mapping

from neurochem.errors import InputError, unknown_name
from neurochem.pet.view import View
from neurochem.units import FloatArray


def _take(parameters: Mapping[str, float], known: tuple[str, ...], model: str) -> dict[str, float]:
    for name in parameters:
        if name not in known:
            raise unknown_name(name, known, kind=f"parameter of {model}")
    return {name: float(value) for name, value in parameters.items()}


def reference_tissue(parameters: Mapping[str, float], view: View, model: str) -> FloatArray:
    """Return C_T = R1 C_R + (k2 - R1 k2a) C_R (x) exp(-k2a t), with k2a = k2/(1 + BPND).

    Parameters
    ----------
    parameters : mapping
        R1 (default 1), either k2 or k2prime (1/min), and either BPND or DVR.
    view : View
        The reference curve.
    model : str
        Name of the model, for messages.
    """
    given = _take(parameters, ("R1", "k2", "k2prime", "k2a", "BPND", "DVR"), model)
    r1 = given.get("R1", 1.0)
    if "k2" not in given and "k2prime" not in given:
        msg = f"{model} needs k2 or k2prime (1/min) to make a curve; got {', '.join(given) or 'nothing'}"
        raise InputError(msg)
    k2 = given.get("k2", r1 * given.get("k2prime", 0.0))
    if "BPND" not in given and "DVR" not in given and "k2a" not in given:
        msg = f"{model} needs BPND, DVR or k2a to make a curve; got {', '.join(given)}"
        raise InputError(msg)
    ratio = given.get("DVR", 1.0 + given.get("BPND", 0.0))
    if ratio <= 0:
        msg = f"{model}: DVR = 1 + BPND is {ratio:g}; it must be above 0"
        raise InputError(msg)
    k2a = given["k2a"] if "k2a" in given and "BPND" not in given and "DVR" not in given else k2 / ratio
    return r1 * view.input + (k2 - r1 * k2a) * view.convolved(k2a)[0][0]


def plasma_tissue(parameters: Mapping[str, float], view: View, model: str) -> FloatArray:
    """Return (1 - VB) K1 C_P (x) exp(-k2 t) + VB C_B.

    Parameters
    ----------
    parameters : mapping
        K1 (mL/cm3/min), either k2 (1/min) or VT (mL/cm3), and VB (default 0), which needs whole blood.
    view : View
        Parent plasma, with whole blood where VB is not zero.
    model : str
        Name of the model, for messages.
    """
    given = _take(parameters, ("K1", "k2", "VT", "VB"), model)
    if "K1" not in given or ("k2" not in given and "VT" not in given):
        msg = f"{model} needs K1 and k2 (or VT) to make a curve; got {', '.join(given) or 'nothing'}"
        raise InputError(msg)
    k1 = given["K1"]
    k2 = given.get("k2", k1 / given.get("VT", 1.0))
    tissue = k1 * view.convolved(k2)[0][0]
    fraction = given.get("VB", 0.0)
    if fraction == 0.0:
        return tissue
    if view.blood is None:
        msg = f"{model} with VB = {fraction:g} needs whole blood; give ArterialInput(..., whole_blood=...)"
        raise InputError(msg)
    return (1.0 - fraction) * tissue + fraction * view.blood
