"""The choices that determine a fit."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from neurochem.errors import InputError, unknown_name
from neurochem.mrs.baseline import BASELINES
from neurochem.mrs.macromolecule_sets import find_set
from neurochem.mrs.ratios import SoftRatio, chosen_ratios
from neurochem.mrs.spectra import Acquisition, Spectrum

LIPIDS = ("auto", "always")
LINESHAPES = ("auto", "voigt", "free")
SHIFTS = ("auto", "shared", "own")
AMPLITUDES = ("mean", "mode", "free")


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Options of `neurochem.mrs.fit`, where each is described.

    Attributes
    ----------
    ppm, baseline, baseline_dimension_per_ppm, macromolecules, lipids, lineshape, shifts, ratios, amplitudes, line_from,
    signed
        As for `fit`.
    """

    ppm: tuple[float, float] = (0.2, 4.2)
    baseline: str = "spline"
    baseline_dimension_per_ppm: float | None = None
    macromolecules: str | None = "default"
    lipids: str | None = "auto"
    lineshape: str = "auto"
    shifts: str = "auto"
    ratios: str | Iterable[SoftRatio] | None = "default"
    amplitudes: str = "mean"
    line_from: Spectrum | Acquisition | None = None
    signed: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse options that cannot mean anything.

        Raises
        ------
        InputError, UnknownNameError
            With what is allowed.
        """
        BASELINES.entry(self.baseline)
        size = self.baseline_dimension_per_ppm
        if size is not None and not 0.0 < size < math.inf:
            msg = f"baseline_dimension_per_ppm is {size}; it must be positive, for example 3"
            raise InputError(msg)
        if not (len(self.ppm) == 2 and all(map(math.isfinite, self.ppm)) and self.ppm[0] < self.ppm[1]):
            msg = f"ppm is {self.ppm}; give the lower and the upper edge of the window, for example (0.2, 4.2)"
            raise InputError(msg)
        if self.macromolecules not in {None, "default"}:
            find_set(str(self.macromolecules))
        chosen_ratios(self.ratios)
        if self.lipids is not None and self.lipids not in LIPIDS:
            raise unknown_name(self.lipids, LIPIDS, kind="choice of lipids", remedy="None adds none.")
        for value, allowed, kind in (
            (self.lineshape, LINESHAPES, "lineshape"), (self.shifts, SHIFTS, "choice of shifts"),
            (self.amplitudes, AMPLITUDES, "kind of amplitudes"),
        ):  # fmt: skip
            if value not in allowed:
                raise unknown_name(value, allowed, kind=kind)
