"""Running the steps and keeping the record."""

import functools
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.nifti import dimension_header
from neurochem.mrs.preprocess.noise import NoiseLevel
from neurochem.mrs.preprocess.state import STEPS, State, Trace
from neurochem.mrs.preprocess.views import View, view_of
from neurochem.mrs.spectra import EDIT, Acquisition, Spectrum
from neurochem.mrs.water import WaterAmplitude, water_amplitude
from neurochem.records import plain
from neurochem.registry import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from neurochem.mrs.preprocess.state import StepFunction

# A name, or a name with its options.
StepRequest: TypeAlias = str | tuple[str, Mapping[str, Any]]

_FLANK_PPM = 0.1
_DROP = "drop_invalid"
# One scanner: header values of two scans of a session differ in the sixth digit.
_SAME_FIELD = 0.01

# The order of Near 2021 (NMR Biomed 34:e4257), but for outliers, which are judged once transients are aligned.  Residual
# water is left to the fit, which models its tail without touching the metabolites; "remove_water" is there.
DEFAULT_STEPS: tuple[StepRequest, ...] = (
    "conjugate", "combine_coils", "align", "reject_outliers", "average", "cut_to_echo", "eddy_currents", "align_edits",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step that was taken.

    Attributes
    ----------
    name : str
        Name in the registry of steps.
    what : str
        What it did, or why it did nothing.
    effect : mapping
        Its numbers.
    reference : str
        Where the method comes from.
    parameters : mapping
        Every option and its value, defaults included.
    before, after : View
        Pictures of the metabolite data.
    traces : tuple of Trace
        Curves that it found: shifts, scores, weights.
    """

    name: str
    what: str
    effect: Mapping[str, Any]
    reference: str
    parameters: Mapping[str, Any]
    before: View
    after: View
    traces: tuple[Trace, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return what JSON can hold: name, what, parameters, effect and reference."""
        return {
            "name": self.name, "what": self.what, "parameters": plain(self.parameters), "effect": plain(self.effect),
            "reference": self.reference,
        }  # fmt: skip

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the mean spectrum before and after, and return the axes."""
        from neurochem.mrs.preprocess.plots import plot_step

        return plot_step(self, ax)

    def plot_trace(self, ax: "Axes | None" = None, *, index: int = 0) -> "Axes":
        """Draw a curve that the step found, and return the axes."""
        from neurochem.mrs.preprocess.plots import plot_trace

        return plot_trace(self, ax, index=index)


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class Preprocessed:
    """A scan ready to be fitted, with its water reference and how both came about.

    Attributes
    ----------
    data : Acquisition
        Metabolites after the last step; edit conditions are still a dimension.
    reference : Acquisition or None
        Water reference, combined and scaled as the metabolites were.
    steps : tuple of Step
        In order.
    noise : NoiseLevel or None
        Of `data`, measured when it was averaged and carried through later steps.
    raw : Spectrum or None
        Before the first step, where there was one FID.
    """

    data: Acquisition
    reference: Acquisition | None
    steps: tuple[Step, ...]
    noise: NoiseLevel | None = None
    raw: Spectrum | None = None
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def spectrum(self) -> Spectrum:
        """Metabolites.

        Raises
        ------
        InputError
            If there is more than one FID left: edit conditions (see `edits`), or a dimension that no step combined.
        """
        if self.data.size(EDIT) > 1:
            msg = (
                f"{self.data.source or self.data.name}: {self.data.size(EDIT)} edit conditions, so there is no one spectrum; "
                "use `edits`, one spectrum each, or `data`, which keeps them as DIM_EDIT."
            )
            raise InputError(msg)
        if "spectrum" not in self._kept:
            self._kept["spectrum"] = self.data.spectrum()
        return self._kept["spectrum"]

    @property
    def water(self) -> Spectrum | None:
        """Water reference, or None."""
        if self.reference is None:
            return None
        if "water" not in self._kept:
            self._kept["water"] = self.reference.spectrum()
        return self._kept["water"]

    @property
    def edits(self) -> tuple[Spectrum, ...]:
        """One spectrum an edit condition, in the order of the data; one for unedited data."""
        if self.data.size(EDIT) == 1:
            return (self.spectrum,)
        axis = self.data.dims.index(EDIT)
        dims = tuple(dim for dim in self.data.dims if dim != EDIT)
        names = self.edit_conditions or tuple(str(index + 1) for index in range(self.data.size(EDIT)))
        return tuple(
            self.data.with_data(
                np.take(self.data.data, index, axis=axis), dims, name=f"{self.data.name} {names[index]}"
            ).spectrum()
            for index in range(self.data.size(EDIT))
        )

    @property
    def edit_conditions(self) -> tuple[str, ...] | None:
        """Names of the edit conditions as the header gives them, for example ("ON", "OFF")."""
        named = dimension_header(self.data, EDIT).get("EditCondition")
        named = named.get("Value") if isinstance(named, Mapping) else named
        return None if named is None or len(named) != self.data.size(EDIT) else tuple(str(name) for name in named)

    def water_amplitude(self) -> WaterAmplitude:
        """Return the amplitude of the water reference at the top of the echo."""
        if self.water is None:
            msg = "no water reference was given; use preprocess(data, water=...)"
            raise InputError(msg)
        return water_amplitude(self.water)

    def snr(self, ppm: tuple[float, float] = (1.9, 2.1)) -> float:
        """Return the height of the tallest point of a range (NAA by default) over the noise of the spectrum.

        Parameters
        ----------
        ppm : tuple of float
            Range of the line.

        Notes
        -----
        Height: the largest distance in the complex plane from the straight line between the surroundings on both sides
        (0.1 ppm each), so that neither the phase nor the tail of residual water matters.  Noise: standard deviation of the
        real part (once, not twice), measured at averaging, as the consensus has it (Kreis 2021, NMR Biomed 34:e4347).
        Infinite without noise, NaN without signal and noise.
        """
        spectrum = self.spectrum
        if self.noise is None:
            msg = f"{spectrum.name}: no noise was measured; include the step 'average'."
            raise InputError(msg)
        height, sd = line_height(spectrum, ppm), self.noise.spectrum_sd
        if sd > 0:
            return height / sd
        return math.inf if height > 0 else math.nan

    def records(self) -> list[dict[str, Any]]:
        """Return the record of every step, as JSON can hold it."""
        return [step.record() for step in self.steps]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the spectrum, with the raw one where there is one, or the edit conditions, and return the axes."""
        if self.data.size(EDIT) > 1:
            from neurochem.mrs.preprocess.plots import plot_edited

            return plot_edited(self, ax)
        from neurochem.mrs.plots import plot_preprocessed

        return plot_preprocessed(self, ax)

    def plot_steps(self) -> "Figure":
        """Draw every step before and after, with what it found, and return the figure."""
        from neurochem.mrs.preprocess.plots import plot_steps

        return plot_steps(self)


@checked_arguments
def preprocess(
    data: Acquisition | Spectrum,
    *,
    water: Acquisition | Spectrum | None = None,
    steps: Sequence[StepRequest] | None = None,
) -> Preprocessed:
    """Make one spectrum (one an edit condition), and one water reference, from the FIDs of a scan.

    Parameters
    ----------
    data : Acquisition or Spectrum
        Metabolite scan.
    water : Acquisition or Spectrum, optional
        Unsuppressed water of the same voxel with the same receiver gain.
    steps : sequence, optional
        Steps in order, each a name or (name, {option: value}); by default conjugate (where mirrored), combine_coils, align,
        reject_outliers, average, cut_to_echo (where header and phases say so), eddy_currents, align_edits.  `STEPS.names()`
        lists all.  "remove_water" subtracts residual water: it biases small metabolites, and the fit models the tail of water
        itself.

    Returns
    -------
    Preprocessed
        `.spectrum`, `.edits`, `.water`, `.noise`, `.steps`, `.plot()`, `.plot_steps()`.  Both scans keep one scale: coil
        weights are shared, transients are averaged, not summed.

    Raises
    ------
    UnknownNameError
        If a step, or an option of one, is not known.
    InputError
        If the water reference is of another nucleus or field or is the metabolite scan itself, coils disagree, or a step
        cannot be done after the ones before it.

    Notes
    -----
    Where a scan of several transients holds NaN or infinite samples, "drop_invalid" is put first, and recorded.

    Examples
    --------
    >>> import numpy as np
    >>> from neurochem import mrs
    >>> fid = np.exp(2j * np.pi * 337 * np.arange(1024) * 5e-4 - 10 * np.arange(1024) * 5e-4)
    >>> data = mrs.Acquisition(np.stack([fid, fid]), dims=("DIM_DYN", "time"), dwell_s=5e-4, larmor_mhz=127.7)
    >>> clean = mrs.preprocess(data, steps=["average", ("apodise", {"lorentz_hz": 2.0})])
    >>> [step.name for step in clean.steps]
    ['average', 'apodise']
    """
    state = State(_acquisition(data), None if water is None else _acquisition(water))
    _same_scanner(state)
    raw = state.data.spectrum() if state.data.data.ndim == 1 else None
    requests = [_request(entry) for entry in (DEFAULT_STEPS if steps is None else steps)]
    if not _whole(state) and not any(entry.name == _DROP for entry, _, _ in requests):
        requests.insert(0, _request(_DROP))
    taken = []
    view = view_of(state.data)
    for entry, options, parameters in requests:
        done = _checked_step(entry.item)(state, **options)
        before, state = view, done.state
        view = view_of(state.data, state.weights)
        taken.append(
            Step(entry.name, done.what, dict(done.effect), entry.reference, parameters, before, view, done.traces)
        )
    return Preprocessed(state.data, state.water, tuple(taken), state.noise, raw)


def line_height(spectrum: Spectrum, ppm: tuple[float, float]) -> float:
    """Return the height of the tallest line within a range above the straight line between its surroundings.

    Raises
    ------
    InputError
        If the spectrum has no points there.
    """
    low, high = min(ppm), max(ppm)
    shifts, values = spectrum.ppm, spectrum.spectrum
    flanks = [(shifts >= low - _FLANK_PPM) & (shifts < low), (shifts > high) & (shifts <= high + _FLANK_PPM)]
    inside = (shifts >= low) & (shifts <= high)
    if not inside.any() or not all(flank.any() for flank in flanks):
        msg = f"{spectrum.name}: ppm={ppm} and its surroundings are not all within the band of the spectrum."
        raise InputError(msg)
    left, right = (complex(np.mean(values[flank])) for flank in flanks)
    share = (shifts[inside] - low) / (high - low)
    return float(np.abs(values[inside] - (left + (right - left) * share)).max())


def _same_scanner(state: State) -> None:
    """Refuse a water reference that cannot belong to the data."""
    data, water = state.data, state.water
    if water is None:
        return
    if data.data.shape == water.data.shape and data.data.any() and np.array_equal(data.data, water.data):
        msg = (
            f"{water.source or water.name}: the water reference holds the same samples as the metabolite data. Give the "
            "unsuppressed water of the voxel, or none."
        )
        raise InputError(msg)
    if water.nucleus != data.nucleus or abs(water.larmor_mhz / data.larmor_mhz - 1.0) > _SAME_FIELD:
        msg = (
            f"{water.source or water.name}: the water reference is {water.nucleus} at {water.larmor_mhz:g} MHz, the data are "
            f"{data.nucleus} at {data.larmor_mhz:g} MHz; both must come from one nucleus and scanner. Give the reference of "
            "this scan, or none."
        )
        raise InputError(msg)


@functools.cache
def _checked_step(step: "StepFunction") -> "StepFunction":
    """Return a step that refuses options of another kind than it takes."""
    return checked_arguments(step)


def _whole(state: State) -> bool:
    """Say whether no scan has NaN; a sum shows them without a copy of the data."""
    with np.errstate(invalid="ignore", over="ignore"):
        return all(bool(np.isfinite(np.sum(scan.data))) for scan in (state.data, state.water) if scan is not None)


def _request(asked: StepRequest) -> tuple[Entry["StepFunction"], dict[str, Any], dict[str, Any]]:
    """Return the entry of a step, the options given, and all parameters with their defaults."""
    name, options = (asked, {}) if isinstance(asked, str) else asked
    entry = STEPS.entry(name)
    accepted = {
        key: parameter.default
        for key, parameter in inspect.signature(entry.item).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for key in options:
        if key not in accepted:
            raise unknown_name(key, accepted, kind=f"option of step '{entry.name}'")
    return entry, dict(options), accepted | dict(options)


def _acquisition(data: Acquisition | Spectrum) -> Acquisition:
    if isinstance(data, Acquisition):
        return data
    if isinstance(data, Spectrum):
        return Acquisition(
            data.fid, dwell_s=data.dwell_s, larmor_mhz=data.larmor_mhz, echo_time_s=data.echo_time_s,
            repetition_time_s=data.repetition_time_s, reference_ppm=data.reference_ppm, nucleus=data.nucleus,
            name=data.name, source=data.source,
        )  # fmt: skip
    msg = f"expected a neurochem.mrs.Acquisition or Spectrum, got {type(data).__name__}; read a file with neurochem.mrs.read"
    raise InputError(msg)
