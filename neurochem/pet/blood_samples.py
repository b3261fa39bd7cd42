"""Blood samples of one scan, and the continuous input made from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.pet.decay import isotope_name
from neurochem.pet.fitted_input import Factor, FittedInput
from neurochem.pet.parent_fraction import fit_parent_fraction
from neurochem.pet.plasma_ratio import fit_blood_to_plasma
from neurochem.pet.sample_fit import SampleCurve, Samples
from neurochem.pet.sample_lines import InterpolatedCurve, Interpolation
from neurochem.results import frozen_array
from neurochem.units import FloatArray, minutes_to_seconds, seconds_to_minutes

# The input may be continued for a tenth of its span (see ArterialInput); whole blood must reach that far too.
_REACH = 0.9
# Ratios are formed where plasma exceeds this share of its peak: before arrival they are noise over noise.
_RATIO_FLOOR = 0.005


@dataclass(frozen=True, eq=False)
class BloodSeries:
    """One quantity at its sample times.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        Seconds after injection, ascending; equal times are replicates.
    values : array_like, shape (n,)
        kBq/mL decay corrected to injection, or a fraction.
    sources : tuple of str, length n, optional
        Where each sample comes from ("autosampler", "manual").
    name, where : str
        What it is and the file, for messages.

    Raises
    ------
    InputError
        Naming file, sample, value and remedy.
    """

    time_s: FloatArray
    values: FloatArray
    sources: tuple[str, ...]
    name: str
    where: str

    @checked_arguments
    def __init__(
        self, time_s: ArrayLike, values: ArrayLike, sources: tuple[str, ...] = (), *, name: str = "", where: str = ""
    ) -> None:
        checked = Samples(time_s, values, name=name or "sample", where=where)
        order = np.argsort(checked.time_s, kind="stable")
        sources = tuple(sources)
        if sources and len(sources) != order.size:
            msg = f"{where or name}: {len(sources)} sources for {order.size} samples; give one a sample"
            raise InputError(msg)
        object.__setattr__(self, "time_s", frozen_array(checked.time_s[order]))
        object.__setattr__(self, "values", frozen_array(checked.values[order]))
        object.__setattr__(self, "sources", tuple(sources[i] for i in order) if sources else ("given",) * order.size)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "where", where)

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.time_s.size

    def __repr__(self) -> str:
        """Return number of samples, span and sources on one line."""
        listed = ", ".join(sorted(set(self.sources)))
        return f"<{self.name}: {len(self)} samples, {self.time_s[0]:g} to {self.time_s[-1]:g} s ({listed})>"

    def lines(self, at_zero: float | None = 0.0) -> InterpolatedCurve:
        """Return straight lines through the samples, replicates averaged."""
        return Interpolation(at_zero).fit(Samples(self.time_s, self.values, name=self.name, where=self.where))


@checked_fields
@dataclass(frozen=True, eq=False)
class BloodSamples:
    """Whole blood, plasma and parent fraction of one scan, each at its own times.

    Parameters
    ----------
    whole_blood, plasma : BloodSeries, optional
        kBq/mL after injection, decay corrected to injection; plasma is total activity, metabolites included.
    parent_fraction : BloodSeries, optional
        0 to 1.
    isotope : str, optional
        "C11", "F18" or "O15".
    notes : tuple of str
        What was shifted, corrected or found on the way.
    where : str
        File or folder.
    """

    whole_blood: BloodSeries | None = None
    plasma: BloodSeries | None = None
    parent_fraction: BloodSeries | None = None
    isotope: str | None = None
    notes: tuple[str, ...] = ()
    where: str = ""

    def __post_init__(self) -> None:
        if self.whole_blood is None and self.plasma is None:
            place = f"{self.where}: " if self.where else ""
            msg = f"{place}neither whole blood nor plasma was sampled; give whole_blood_ or plasma_radioactivity"
            raise InputError(msg)
        if self.isotope is not None:
            object.__setattr__(self, "isotope", isotope_name(self.isotope))

    def ratio(self) -> BloodSeries:
        """Return whole blood over plasma at the plasma samples, whole blood in straight lines.

        Samples in which plasma is below half a percent of its peak are left out, as are those after the last whole blood.
        """
        blood, plasma = self._need("whole_blood", "a ratio"), self._need("plasma", "a ratio")
        within = (plasma.time_s >= blood.time_s[0]) & (plasma.time_s <= blood.time_s[-1])
        keep = within & (plasma.values > _RATIO_FLOOR * np.max(plasma.values))
        whole = blood.lines().values(seconds_to_minutes(plasma.time_s))
        keep &= whole > 0
        if not keep.any():
            msg = f"{self._place()}no plasma sample lies within the span of whole blood; give a ratio as a SampleCurve"
            raise InputError(msg)
        return BloodSeries(plasma.time_s[keep], whole[keep] / plasma.values[keep], name="ratio", where=self.where)

    def input(
        self,
        parent: str | SampleCurve | None = "Hill",
        *,
        ratio: str | SampleCurve | None = None,
        plasma: SampleCurve | None = None,
        whole_blood: bool = True,
    ) -> FittedInput:
        """Return the continuous arterial input.

        Parameters
        ----------
        parent : str, SampleCurve or None
            Model of the parent fraction (see `fit_parent_fraction`, also "best"), or a curve already fitted. None takes
            total plasma as parent, which must be said on purpose.
        ratio : str, SampleCurve, optional
            Model of whole blood over plasma (see `fit_blood_to_plasma`) or a fitted curve. With it plasma is whole
            blood divided by the ratio (autosampler); without it plasma is straight lines through its samples.
        plasma : SampleCurve, optional
            A fitted total plasma curve (see `fit_input`) instead of lines.
        whole_blood : bool
            Whether the input carries whole blood, if there is any.

        Returns
        -------
        FittedInput
            An ArterialInput. Its uncertainty is that of the fitted fraction, ratio and plasma: `stderr(time_min)` and
            `draw(rng)`; samples themselves count as exact.

        Raises
        ------
        InputError, UnknownNameError
            If what is needed was not sampled, with what to do instead.
        """
        factors, end_s = self._plasma_factors(ratio, plasma)
        if parent is not None:
            factors.append(Factor("parent fraction", self._parent(parent)))
        times = np.unique(np.concatenate([series.time_s for series in (self.whole_blood, self.plasma) if series]))
        times = times[times <= end_s]
        blood = self.whole_blood if whole_blood else None
        if blood is not None and blood.time_s[-1] < _REACH * end_s:
            msg = (
                f"{self._place()}whole blood ends at {blood.time_s[-1]:g} s but plasma at {end_s:g} s; give later samples of "
                "whole blood, or whole_blood=False for a model without blood volume"
            )
            raise InputError(msg)
        # level lines beyond the last sample would be an assumption: the input ends where the shorter curve does
        times = times if blood is None else times[times <= blood.time_s[-1]]
        values = None if blood is None else blood.lines().values(seconds_to_minutes(times))
        return FittedInput(tuple(factors), times, values, where=self.where)

    def _plasma_factors(
        self, ratio: str | SampleCurve | None, plasma: SampleCurve | None
    ) -> tuple[list[Factor], float]:
        """Return the factors of total plasma, and the second at which its samples end."""
        if plasma is not None and ratio is not None:
            msg = f"{self._place()}plasma= and ratio= both make the plasma curve; give one of them"
            raise InputError(msg)
        if ratio is not None:
            blood = self._need("whole_blood", "ratio=")
            curve = ratio
            if isinstance(curve, str):
                pairs = self.ratio()
                curve = fit_blood_to_plasma(pairs.time_s, pairs.values, model=curve, where=self.where)
            return [Factor("whole blood", blood.lines()), Factor("ratio", curve, -1)], float(blood.time_s[-1])
        if plasma is not None:
            return [Factor("plasma", plasma)], float(minutes_to_seconds(_last_sample(plasma)))
        series = self._need("plasma", "an input without ratio=")
        return [Factor("plasma", series.lines())], float(series.time_s[-1])

    def _parent(self, parent: str | SampleCurve) -> SampleCurve:
        if isinstance(parent, SampleCurve):
            return parent
        if self.parent_fraction is None:
            msg = (
                f"{self._place()}no parent fraction was sampled (metabolite_parent_fraction); give parent=None to take total "
                "plasma as parent tracer, or parent= a fitted population curve"
            )
            raise InputError(msg)
        series = self.parent_fraction
        return fit_parent_fraction(series.time_s, series.values, model=parent, where=self.where)

    def _need(self, name: str, purpose: str) -> BloodSeries:
        series = getattr(self, name)
        if series is None:
            msg = f"{self._place()}{purpose} needs {name} samples, but there are none; add the column {name}_radioactivity"
            raise InputError(msg)
        return series

    def _place(self) -> str:
        return f"{self.where}: " if self.where else ""


def _last_sample(curve: SampleCurve) -> float:
    axis = curve.result.axis
    assert axis is not None
    return float(np.max(axis.values))
