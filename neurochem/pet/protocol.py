"""What a shorter or noisier scan would cost: bias and spread of estimates in simulated scans of known truth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError, unknown_name
from neurochem.pet.curves import Curve
from neurochem.pet.decay import isotope_name
from neurochem.pet.fitting import fit
from neurochem.pet.frames import Frames
from neurochem.pet.model import MODELS, PARAMETER_UNITS
from neurochem.pet.simulate import simulate
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.weights import counting_weights
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_REFERENCE = "reference"
# With fewer usable fits than this share, the table says so by NaN instead of describing a selection.
_FEWEST_USABLE = 0.5


@checked_fields
@dataclass(frozen=True, eq=False)
class Protocol:
    """A scan to try out, with the truth that it will see.

    Parameters
    ----------
    frames : Frames
        Frames of the longest scan.
    model : str
        Model that makes the target curves.
    truth : mapping of str to mapping
        Parameters of that model by region: {"midbrain": {"R1": 0.85, "k2prime": 0.06, "BPND": 3.2}}.
    input : Curve
        The reference region, or parent plasma for a model with blood.
    cv : float
        Noise: standard deviation over mean of the named frame, as a fraction, in the first region.
    cv_at_s : float
        A time inside the named frame, in seconds.
    isotope : str
        Isotope, whose decay makes late frames noisy.
    reference_voxels : float
        Voxels of the reference for each voxel of a target; its variance is smaller by this factor. Infinite for an exact
        curve.

    Raises
    ------
    InputError
        If the level of noise is not positive, or no frame holds the named time.
    """

    frames: Frames
    model: str
    truth: Mapping[str, Mapping[str, float]]
    input: Curve
    cv: float = 0.03
    cv_at_s: float = 3900.0
    isotope: str = "C11"
    reference_voxels: float = 10.0
    curves: FloatArray = field(init=False, repr=False)
    sd: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.truth or not 0.0 < self.cv < 10.0 or not self.reference_voxels > 0:
            msg = (
                f"a protocol needs one region or more, a cv above 0 (a fraction, 0.03 for 3 %) and reference_voxels above 0; got "
                f"{len(self.truth)} regions, cv {self.cv:g}, reference_voxels {self.reference_voxels:g}"
            )
            raise InputError(msg)
        isotope_name(self.isotope)
        inside = (self.frames.start_s <= self.cv_at_s) & (self.cv_at_s < self.frames.end_s)
        if not inside.any():
            msg = (
                f"cv_at_s is {self.cv_at_s:g} s, in no frame; frames run from {self.frames.start_s[0]:g} to "
                f"{self.frames.end_s[-1]:g} s"
            )
            raise InputError(msg)
        plasma = MODELS[self.model].inputs == "plasma"
        given: dict[str, Any] = {"blood": self.input} if plasma else {"reference": self.input}
        targets = [simulate(self.model, self.frames, parameters, **given) for parameters in self.truth.values()]
        columns = targets if plasma else [self.input.frame_means(self.frames.start_min, self.frames.end_min), *targets]
        curves = np.column_stack(columns)
        noise = np.column_stack([self._unit_noise(column) for column in columns])
        first = 0 if plasma else 1
        frame = int(np.flatnonzero(inside)[0])
        noise *= self.cv * curves[frame, first] / noise[frame, first]
        if not plasma:
            noise[:, 0] /= math.sqrt(self.reference_voxels)
        object.__setattr__(self, "curves", curves)
        object.__setattr__(self, "sd", noise)

    def _unit_noise(self, means: FloatArray) -> FloatArray:
        """Return the standard deviation of counting noise up to a factor, zero in frames of zero length."""
        weights = counting_weights(self.frames, means, self.isotope, relative=False)
        return np.where(weights > 0, 1.0 / np.sqrt(np.where(weights > 0, weights, 1.0)), 0.0)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the curves of a simulated scan."""
        return tuple(self.truth) if MODELS[self.model].inputs == "plasma" else (_REFERENCE, *self.truth)

    def scan(self, rng: np.random.Generator) -> TimeActivityCurves:
        """Return one simulated scan of full length."""
        noisy = self.curves + self.sd * rng.standard_normal(self.curves.shape)
        voxels = np.ones(len(self.regions))
        if MODELS[self.model].inputs == "reference":
            voxels[0] = self.reference_voxels if math.isfinite(self.reference_voxels) else 1e12
        return TimeActivityCurves(self.frames, noisy, regions=self.regions, isotope=self.isotope, voxels=voxels)


@dataclass(frozen=True, slots=True)
class ProtocolRow:
    """One estimate of one region by one model from scans of one length.

    Attributes
    ----------
    region, model, parameter, unit : str
        What was estimated.
    end_min : float
        End of the scan in minutes.
    truth, bias, sd, rmse : float
        Truth, mean error, spread and root mean squared error, in the unit of the parameter.
    bias_percent, sd_percent : float
        Of the truth; NaN where that is zero.
    stderr : float
        Median standard error that the fits stated: equal to `sd` where it is honest.
    coverage : float
        Share of the stated 95 % intervals that held the truth.
    fits, failed : int
        Simulated scans, and those whose fit could not be used.
    """

    region: str
    model: str
    parameter: str
    unit: str
    end_min: float
    truth: float
    bias: float
    sd: float
    rmse: float
    bias_percent: float
    sd_percent: float
    stderr: float
    coverage: float
    fits: int
    failed: int


@dataclass(frozen=True, eq=False)
class ProtocolTable:
    """Bias and spread by region, model and length of the scan."""

    rows: tuple[ProtocolRow, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table, one row a region, model and length."""
        import pandas as pd

        names = list(ProtocolRow.__slots__)
        return pd.DataFrame([{name: getattr(row, name) for name in names} for row in self.rows], columns=names)

    def plot(self, ax: "Axes | None" = None, *, region: str | None = None) -> "Axes":
        """Draw bias with spread against the length of the scan; see `draw_protocol`."""
        return draw_protocol(self, ax, region=region)


@checked_arguments
def simulate_protocol(
    protocol: Protocol,
    models: Mapping[str, Mapping[str, Any]] | Sequence[str],
    *,
    rng: np.random.Generator,
    ends_s: Sequence[float] | None = None,
    parameter: str = "BPND",
    replicates: int = 200,
) -> ProtocolTable:
    """Simulate scans and fit them, to see what a shorter scan costs.

    Parameters
    ----------
    protocol : Protocol
        Truth, frames and noise.
    models : sequence of str, or mapping of str to mapping
        Models to fit, with options for each: {"SRTM": {}, "MRTM2": {"k2prime": 0.06}}.
    rng : numpy.random.Generator
        Source of the noise.
    ends_s : sequence of float, optional
        Ends of the scan to compare, in seconds; the whole scan by default.
    parameter : str
        Estimate to judge. Its truth is taken from the parameters, BPND and DVR from each other, VT from K1 and k2.
    replicates : int
        Simulated scans, 20 or more; all models and lengths see the same ones, so that their differences are sharper than each.

    Returns
    -------
    ProtocolTable
        Bias, SD and RMSE are of the fits that did not fail; NaN where fewer than half could be used.

    Raises
    ------
    UnknownNameError, InputError
        If a model or parameter is not known, or a length leaves too few frames.

    Notes
    -----
    Noise is normal with variance proportional to activity x decay/duration, independent between frames, with the level
    that gives the stated CV in the named frame. What real scans add (motion, reconstruction at low counts, errors of blood
    and of the reference) is not in it: read differences, not absolute numbers. The SD of `n` replicates is itself good to
    1/sqrt(2n), 5 % of 200.
    """
    if replicates < 20:
        msg = f"replicates is {replicates}; a bias and a spread need 20 or more"
        raise InputError(msg)
    chosen = dict(models) if isinstance(models, Mapping) else {name: {} for name in models}
    for name in chosen:
        if parameter not in MODELS[name].reported:
            raise unknown_name(parameter, MODELS[name].reported, kind=f"estimate of {name}")
    truth = {region: _truth(parameters, parameter, region) for region, parameters in protocol.truth.items()}
    ends = [float(protocol.frames.end_s[-1])] if ends_s is None else [float(end) for end in ends_s]
    found: dict[tuple[str, float, str], list[tuple[float, ...]]] = {}
    for _ in range(replicates):
        whole = protocol.scan(rng)
        for end in ends:
            tacs = _cut(whole, end)
            for name, options in chosen.items():
                for region, row in _estimates(protocol, tacs, name, options, parameter, truth).items():
                    found.setdefault((region, end, name), []).append(row)
    rows = [
        _row(region, MODELS.entry(name).name, parameter, end, truth[region], found[region, end, name])
        for region in protocol.truth
        for name in chosen
        for end in ends
    ]
    return ProtocolTable(tuple(rows))


def _cut(tacs: TimeActivityCurves, end_s: float) -> TimeActivityCurves:
    """Return the frames that end by a time."""
    kept = tacs.frames.end_s <= end_s + 1e-6
    if np.count_nonzero(kept) < 4:
        msg = f"a scan that ends at {end_s:g} s holds {np.count_nonzero(kept)} whole frames; a fit needs at least 4"
        raise InputError(msg)
    return TimeActivityCurves(
        tacs.frames.select(kept), tacs.activity[kept], regions=tacs.regions, isotope=tacs.isotope, voxels=tacs.voxels
    )


def _estimates(
    protocol: Protocol,
    tacs: TimeActivityCurves,
    model: str,
    options: Mapping[str, Any],
    parameter: str,
    truth: Mapping[str, float],
) -> dict[str, tuple[float, ...]]:
    """Return value, standard error and whether the interval holds the truth, NaN where a fit failed."""
    given: dict[str, Any] = dict(options)
    if MODELS[model].inputs == "plasma":
        given.setdefault("blood", protocol.input)
    elif math.isinf(protocol.reference_voxels):
        given.setdefault("reference", protocol.input)
    else:
        given.setdefault("reference", _REFERENCE)
    rows: dict[str, tuple[float, ...]] = {}
    for region, result in fit(tacs, model, regions=list(truth), **given).items():
        low, high = result[parameter].interval(0.95)
        value = math.nan if result.failed else result[parameter].value
        rows[region] = (value, result[parameter].stderr, float(low <= truth[region] <= high))
    return rows


def _truth(parameters: Mapping[str, float], parameter: str, region: str) -> float:
    """Return the true value of an estimate."""
    if parameter in parameters:
        return float(parameters[parameter])
    if parameter in {"BPND", "DVR"} and {"BPND", "DVR"} & set(parameters):
        return float(parameters["DVR"] - 1.0 if parameter == "BPND" else parameters["BPND"] + 1.0)
    if parameter in {"VT", "BPND"} and {"K1", "k2"} <= set(parameters):
        binding = parameters["k3"] / parameters["k4"] if {"k3", "k4"} <= set(parameters) else 0.0
        return float(binding if parameter == "BPND" else parameters["K1"] / parameters["k2"] * (1.0 + binding))
    raise unknown_name(parameter, parameters, kind=f"true parameter of '{region}'")


def _row(
    region: str, model: str, parameter: str, end_s: float, truth: float, found: Sequence[tuple[float, ...]]
) -> ProtocolRow:
    """Return the summary of the estimates of one region, model and length."""
    values, errors, covered = np.array(found).T
    usable = np.isfinite(values)
    enough = usable.mean() >= _FEWEST_USABLE
    good = values[usable] if enough else np.full(2, np.nan)
    bias, sd = float(good.mean()) - truth, float(np.std(good, ddof=1))
    percent = 100.0 / abs(truth) if truth else math.nan
    return ProtocolRow(
        region=region,
        model=model,
        parameter=parameter,
        unit=PARAMETER_UNITS.get(parameter, ""),
        end_min=end_s / 60.0,
        truth=truth,
        bias=bias,
        sd=sd,
        rmse=float(np.sqrt(np.mean((good - truth) ** 2))),
        bias_percent=bias * percent,
        sd_percent=sd * percent,
        stderr=float(np.median(errors[usable])) if enough else math.nan,
        coverage=float(covered[usable].mean()) if enough else math.nan,
        fits=values.size,
        failed=int(np.count_nonzero(~usable)),
    )


@checked_arguments
def draw_protocol(table: ProtocolTable, ax: "Axes | None" = None, *, region: str | None = None) -> "Axes":
    """Draw the bias of every model against the length of the scan, with the spread as bars.

    Parameters
    ----------
    table : ProtocolTable
        Result of `simulate_protocol`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    region : str, optional
        Region to draw; the first by default.

    Returns
    -------
    Axes
        Percent of the truth, or its unit where the truth is zero.
    """
    from neurochem.figures import GREY, colour, label, new_axes

    regions = list(dict.fromkeys(row.region for row in table.rows))
    shown = regions[0] if region is None else region
    if shown not in regions:
        raise unknown_name(shown, regions, kind="region")
    ax = new_axes() if ax is None else ax
    rows = [row for row in table.rows if row.region == shown]
    relative = all(row.truth != 0 for row in rows)
    models = list(dict.fromkeys(row.model for row in rows))
    for index, model in enumerate(models):
        mine = sorted((row for row in rows if row.model == model), key=lambda row: row.end_min)
        # models side by side: their bars would cover each other
        minutes = np.array([row.end_min for row in mine]) + 0.8 * (index - 0.5 * (len(models) - 1))
        bias = [row.bias_percent if relative else row.bias for row in mine]
        spread = [row.sd_percent if relative else row.sd for row in mine]
        ax.errorbar(minutes, bias, yerr=spread, fmt="o-", color=colour(index), markersize=4, capsize=2, label=model)
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    ax.set_xlabel(label("end of the scan", "min"))
    ax.set_ylabel(label(f"{rows[0].parameter}: bias ± SD", "% of truth" if relative else rows[0].unit))
    ax.set_title(f"{shown}, truth {rows[0].truth:g}", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return ax
