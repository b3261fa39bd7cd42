"""Soft ratios between amplitudes: weak prior knowledge, written into the normal equations as rows and into the result.

A ratio says that the amplitude of one element is mean +- sd times a weighted sum of others.  It matters where the data say
little: minor metabolites at low signal, whose free play costs precision of their neighbours too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from neurochem.arguments import checked_fields
from neurochem.errors import InputError
from neurochem.mrs.macromolecules import RatioPrior
from neurochem.registry import Registry
from neurochem.units import FloatArray

# LCModel's yardstick: NAA + NAAG + Cr + PCr + 3 (Cho + GPC + PCh).
BIG3: Mapping[str, float] = MappingProxyType({
    "NAA": 1.0, "NAAG": 1.0, "Cr": 1.0, "PCr": 1.0, "Cho": 3.0, "GPC": 3.0, "PCh": 3.0, "tNAA": 1.0, "tCr": 1.0,
    "tCho": 3.0,
})  # fmt: skip
# A ratio that the data contradict by more than this many standard errors is dropped.
CONTRADICTION = 3.0


@checked_fields
@dataclass(frozen=True, slots=True)
class SoftRatio:
    """Prior knowledge: amplitude(name) = (mean +- sd) x sum of weight x amplitude over the references.

    Attributes
    ----------
    name : str
        Element; a ratio of elements that the basis lacks is ignored.
    mean, sd : float
        The ratio and its standard deviation.
    references : mapping of str to float
        Weights of the sum; by default LCModel's Big3.
    """

    name: str
    mean: float
    sd: float
    references: Mapping[str, float] = field(default_factory=lambda: BIG3)

    def record(self) -> dict[str, Any]:
        """Return what goes into the settings of a result."""
        return {"name": self.name, "mean": self.mean, "sd": self.sd, "references": dict(self.references)}


RATIO_SETS: Registry[tuple[SoftRatio, ...]] = Registry("set of soft ratios")
_MINOR = (
    SoftRatio("Asp", 0.05, 0.05), SoftRatio("Glc", 0.03, 0.03), SoftRatio("Tau", 0.05, 0.05),
    SoftRatio("sIns", 0.01, 0.01), SoftRatio("Scyllo", 0.01, 0.01), SoftRatio("sI", 0.01, 0.01),
)  # fmt: skip
# Healthy cortex holds some 0.3 of Ala, 1 of Asc, 0.6 of Gly and 1.4 mmol/kg of PE beside a Big3 of 25.
_MORE = (
    SoftRatio("Ala", 0.02, 0.02), SoftRatio("Asc", 0.04, 0.04), SoftRatio("Gly", 0.025, 0.025), SoftRatio("PE", 0.05, 0.05),
)  # fmt: skip
RATIO_SETS.add(
    (*_MINOR, *_MORE), name="default",
    reference="LCModel's CHRATO for Asp, Glc, Tau and scyllo-inositol; usual concentrations, all +- 100 %, for Ala, Asc, Gly, PE",
)  # fmt: skip
RATIO_SETS.add(
    (*_MINOR, SoftRatio("GABA", 0.03, 0.03), SoftRatio("GSH", 0.4, 0.3, MappingProxyType({"Gln": 1.0}))), name="lcmodel",
    reference="LCModel's default CHRATO, with its strong prior of GABA",
)  # fmt: skip


def chosen_ratios(ratios: str | Iterable[SoftRatio] | None) -> tuple[SoftRatio, ...]:
    """Return the ratios that an option names.

    Raises
    ------
    UnknownNameError, InputError
        If there is no such set, or a ratio is not one.
    """
    if ratios is None:
        return ()
    if isinstance(ratios, str):
        return RATIO_SETS[ratios]
    chosen = tuple(ratios)
    for ratio in chosen:
        if not isinstance(ratio, SoftRatio) or not (ratio.sd > 0 and np.isfinite([ratio.mean, ratio.sd]).all()):
            msg = f"ratios holds {ratio!r}; give neurochem.mrs.SoftRatio(name, mean, sd) with a positive sd"
            raise InputError(msg)
    return chosen


def penalty_rows(
    ratios: Sequence[SoftRatio], names: Sequence[str], amplitudes: FloatArray, errors: FloatArray
) -> tuple[FloatArray, list[SoftRatio]]:
    """Return rows (a - mean sum w a_ref) / (sd sum w a_ref), and the ratios that they stand for.

    Parameters
    ----------
    ratios : sequence of SoftRatio
        What is known.
    names : sequence of str
        Elements.
    amplitudes, errors : array, shape (m,)
        First estimates, from which the scale comes, and their standard errors.

    Notes
    -----
    A ratio is left out where its references are absent, and where the data contradict it: the difference is more than
    three times the root of the two variances' sum.
    """
    rows: list[FloatArray] = []
    kept: list[SoftRatio] = []
    for ratio in ratios:
        if ratio.name not in names:
            continue
        weights = np.array([ratio.references.get(name, 0.0) for name in names])
        scale, index = float(weights @ amplitudes), list(names).index(ratio.name)
        width = ratio.sd * scale
        if width <= 0.0:
            continue
        difference = abs(float(amplitudes[index]) - ratio.mean * scale)
        if difference > CONTRADICTION * np.hypot(width, errors[index]):
            continue
        row = -ratio.mean * weights / width
        row[index] += 1.0 / width
        rows.append(row)
        kept.append(ratio)
    return np.array(rows).reshape(len(rows), len(names)), kept


def from_prior(prior: RatioPrior) -> SoftRatio:
    """Return the ratio of a set of macromolecules, whose reference may be a sum such as "Lip13a+Lip13b"."""
    return SoftRatio(prior.name, prior.mean, prior.sd, MappingProxyType(dict.fromkeys(prior.reference.split("+"), 1.0)))


def group_rows(
    priors: Sequence[RatioPrior], names: Sequence[str], amplitudes: FloatArray
) -> tuple[FloatArray, list[SoftRatio]]:
    """Return the rows of broad groups, whose scale is the median of the group: each of its members may be missing.

    Parameters
    ----------
    priors : sequence of RatioPrior
        Ratios to one element each.
    names, amplitudes
        As for `penalty_rows`.
    """
    index = {name: place for place, name in enumerate(names)}
    rows: list[FloatArray] = []
    kept: list[SoftRatio] = []
    for anchor in dict.fromkeys(prior.reference for prior in priors):
        group = [prior for prior in priors if prior.reference == anchor]
        expected = [amplitudes[index[prior.name]] / prior.mean for prior in group] + [amplitudes[index[anchor]]]
        scale = float(np.median(expected))
        if scale <= 0.0:
            scale = float(np.mean(expected))
        if scale <= 0.0:
            continue
        for prior in group:
            row = np.zeros(len(names))
            row[index[prior.name]], row[index[anchor]] = 1.0 / (prior.sd * scale), -prior.mean / (prior.sd * scale)
            rows.append(row)
            kept.append(from_prior(prior))
    return np.array(rows).reshape(len(rows), len(names)), kept
