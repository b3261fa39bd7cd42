"""Fit a kinetic model to every region of a scan."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

import neurochem.pet.quality_rules  # noqa: F401 - registers the rules
from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.blood import ArterialInput
from neurochem.pet.curves import Curve
from neurochem.pet.model import MODELS
from neurochem.pet.parameters import fit_parameters
from neurochem.pet.plasma_blood import PlasmaAndBlood
from neurochem.pet.preparation import region_target, scan_inputs
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.tracers import Choice, choose
from neurochem.results import FitResult, ResultSet
from neurochem.solve.threads import one_library_thread

if TYPE_CHECKING:
    import lmfit


def models() -> list[dict[str, Any]]:
    """Return one record a model: name, aliases, what it needs, its parameters, equation and source."""
    return [
        {
            "name": entry.name,
            "aliases": entry.aliases,
            "inputs": entry.item.inputs,
            "needs": entry.needs,
            "parameters": entry.item.parameters,
            "estimates": entry.item.reported,
            "equation": entry.item.equation,
            "reference": entry.reference,
        }
        for entry in MODELS
    ]


@checked_arguments(text=("reference", "weights"))
def fit(  # noqa: PLR0913 - the choices of a fit, all by keyword
    tacs: TimeActivityCurves,
    model: str | None = None,
    *,
    tracer: str | None = None,
    reference: str | ArrayLike | TimeActivityCurves | Curve | None = None,
    blood: ArterialInput | PlasmaAndBlood | Curve | None = None,
    weights: ArrayLike | str | None = None,
    exclude: Sequence[int] = (),
    regions: Sequence[str] | None = None,
    parameters: "lmfit.Parameters | None" = None,
    **options: Any,
) -> ResultSet:
    """Fit a kinetic model to regional curves.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves in kBq/mL, frames in seconds after injection.
    model : str, optional
        Name as listed by `models()`, in any case; may be left out where `tracer` is given.
    tracer : str, optional
        Name as listed by `tracers()`, for example "DASB": model, reference and options that are not given are chosen from
        what is known of it; the choice is in `settings`, its known caveats are flags.
    reference : str, array, TimeActivityCurves of one region, or Curve
        Reference region: its name, its frame means (n_frames,), or a continuous curve.
    blood : ArterialInput, PlasmaAndBlood or Curve
        Parent plasma (and whole blood) for models that need it.
    weights : array_like, shape (n_frames,), or str, optional
        One over variance of the frame means, up to a factor. By default counting statistics: duration and decay over
        the mean activity of all regions (weights stored with the curves are used where there are some); graphical
        models are then unweighted on their graph, as published. A name is one of `weight_methods()`.
    exclude : sequence of int
        Frames (from 0) to leave out; integrals bridge them.
    regions : sequence of str, optional
        Regions to fit; by default all but the reference.
    parameters : lmfit.Parameters, optional
        Start values, bounds, fixed and tied parameters of a non-linear model (SRTM); the fit then goes through lmfit,
        whose own result is `fit.lmfit`.
    **options
        `k2prime` and `k2prime_stderr` (1/min), `t_star_s`, `t1_s`, `t2_s` (s), `VB`, `VBref`, `VND`, `VND_region`,
        `trapping`, `slowest_per_min`, `release_start_s`, `release_end_s`, `T_s` (s), `tau` (1/min), `alpha`, according
        to the model.

    Returns
    -------
    ResultSet
        One FitResult a region. A region that cannot be fitted is `success=False` with a flag.

    Raises
    ------
    UnknownNameError, InputError
        If a name is not known or an input is missing or does not fit.

    Examples
    --------
    >>> import neurochem as nc
    >>> frames = nc.pet.Frames([0, 60, 120, 300, 600, 1200, 2400], [60, 60, 180, 300, 600, 1200, 1200])
    >>> cerebellum = [2.0, 6.0, 8.0, 7.5, 6.0, 4.0, 2.5]
    >>> putamen = nc.pet.simulate("SRTM", frames, {"R1": 1, "k2": 0.1, "BPND": 2}, reference=cerebellum)
    >>> tacs = nc.pet.TimeActivityCurves(frames, np.column_stack([cerebellum, putamen]), regions=["cerebellum", "putamen"])
    >>> round(nc.pet.fit(tacs, "SRTM", reference="cerebellum")["putamen"]["BPND"].value, 6)
    2.0
    """
    if not isinstance(tacs, TimeActivityCurves):
        msg = f"tacs is a {type(tacs).__name__}; give TimeActivityCurves, for example from read_tacs or extract_tacs"
        raise InputError(msg)
    if isinstance(regions, str):
        regions = [regions]
    choice = None
    if tracer is not None:
        scan_min = float(tacs.frames.end_min[-1])
        choice = choose(
            tracer, tacs.regions, blood is not None,
            model=model, reference=reference, scan_min=scan_min, isotope=tacs.isotope,
        )  # fmt: skip
        model, options = choice.model, {**choice.options, **options}
        reference = choice.reference if reference is None else reference
    if model is None:
        msg = "neither model nor tracer is given; name a model (see models()) or a tracer (see tracers())"
        raise InputError(msg)
    kinetic = MODELS[model]
    inputs = scan_inputs(tacs, kinetic, reference, blood, weights, exclude, options)
    wanted = [name for name in tacs.regions if name != inputs.input_name] if regions is None else list(regions)
    targets = [region_target(tacs, inputs, region) for region in wanted]
    results: dict[str, FitResult] = {}
    with one_library_thread():
        if parameters is None:
            inputs = kinetic.prepare(targets, inputs)
        for region, target in zip(wanted, targets, strict=True):
            if parameters is not None:
                results[region] = fit_parameters(kinetic, target, inputs, parameters)
            else:
                results[region] = kinetic.fit(target, inputs)
    return ResultSet(results if choice is None else {name: _noted(fit, choice) for name, fit in results.items()})


def _noted(fit: FitResult, choice: Choice) -> FitResult:
    """Return a fit with what the tracer's choice adds: its name, the reasons, and the caveats of this region."""
    settings = {**fit.settings, "tracer": choice.tracer.name, "tracer_notes": list(choice.notes)}
    # a k2' that the user gave is no population value
    flags = [f for f in choice.flags(fit.name) if f.name != "population_k2prime" or _is_population(fit, choice)]
    return replace(fit, flags=(*fit.flags, *flags), settings=settings)


def _is_population(fit: FitResult, choice: Choice) -> bool:
    return bool(fit.settings.get("k2prime") == choice.options.get("k2prime"))
