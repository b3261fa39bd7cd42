"""Running the steps and keeping the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurochem.errors import InputError
from neurochem.mrs.preprocess.steps import DEFAULT_STEPS, STEPS, State
from neurochem.mrs.spectra import EDIT, Acquisition, Spectrum
from neurochem.mrs.water import WaterAmplitude, water_amplitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
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
    """

    name: str
    what: str
    effect: Mapping[str, Any]
    reference: str


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessed:
    """A spectrum ready to be fitted, with its water reference and how both came about.

    Attributes
    ----------
    spectrum : Spectrum
        Metabolites.
    water : Spectrum or None
        Reference, combined and scaled as the metabolites were.
    steps : tuple of Step
        In order.
    raw : Spectrum or None
        Before the first step, where there was one FID.
    """

    spectrum: Spectrum
    water: Spectrum | None
    steps: tuple[Step, ...]
    raw: Spectrum | None = None

    def water_amplitude(self) -> WaterAmplitude:
        """Return the amplitude of the water reference at the top of the echo."""
        if self.water is None:
            msg = "no water reference was given; use preprocess(data, water=...)"
            raise InputError(msg)
        return water_amplitude(self.water)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the spectrum, with the raw one where there is one, and return the axes."""
        from neurochem.mrs.plots import plot_preprocessed

        return plot_preprocessed(self, ax)


def preprocess(
    data: Acquisition | Spectrum, *, water: Acquisition | Spectrum | None = None, steps: Sequence[str] | None = None
) -> Preprocessed:
    """Make one spectrum, and one water reference, from the FIDs of a scan.

    Parameters
    ----------
    data : Acquisition or Spectrum
        Metabolite scan.
    water : Acquisition or Spectrum, optional
        Unsuppressed water of the same voxel with the same receiver gain.
    steps : sequence of str, optional
        Names of steps in order; by default combine_coils, average, eddy_currents.  "remove_water" subtracts residual
        water by HSVD, for the eye: it biases small metabolites, and the fit models the tail of water itself.

    Returns
    -------
    Preprocessed
        `.spectrum`, `.water`, `.steps`, `.plot()`.  Both scans keep one scale: coil weights are shared, transients are
        averaged, not summed.

    Raises
    ------
    UnknownNameError
        If a step is not registered.
    InputError
        If coils disagree, or the scan has dimensions that no step combines (edited or spectroscopic imaging data).
    """
    state = State(_acquisition(data), None if water is None else _acquisition(water))
    raw = state.data.spectrum() if state.data.data.ndim == 1 else None
    _refuse_edited(state.data)
    taken = []
    for name in DEFAULT_STEPS if steps is None else steps:
        entry = STEPS.entry(name)
        done = entry.item(state)
        state = done.state
        taken.append(Step(entry.name, done.what, dict(done.effect), entry.reference))
    reference = None if state.water is None else state.water.spectrum()
    return Preprocessed(state.data.spectrum(), reference, tuple(taken), raw)


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


def _refuse_edited(data: Acquisition) -> None:
    if data.size(EDIT) > 1:
        msg = (
            f"{data.source or data.name}: {data.size(EDIT)} edit conditions; preprocess handles unedited scans. "
            "Select one condition, for example data.data[..., 0, :], into an Acquisition of its own."
        )
        raise InputError(msg)
