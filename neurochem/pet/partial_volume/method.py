"""What a method of partial-volume correction is, and the registry of them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neurochem.pet.partial_volume.problem import Problem
from neurochem.quality import Flag
from neurochem.registry import Registry
from neurochem.units import FloatArray


@dataclass(frozen=True, eq=False)
class FrameCorrection:
    """One frame, corrected.

    Attributes
    ----------
    observed, means : array, shape (n_regions,)
        Regional means before and after.
    background : float
        Mean of the background; NaN where it is assumed to be zero.
    noise_variance : float
        Variance of a voxel.
    image : array, shape (x, y, z), or None
        Corrected voxels; None from a method of regional means.
    diagnostics : mapping of str to float
        What flags are made of, by the method.
    """

    observed: FloatArray
    means: FloatArray
    background: float
    noise_variance: float
    image: np.ndarray | None
    diagnostics: dict[str, float]


class Method(ABC):
    """One method on one geometry; frames come one by one.

    Attributes
    ----------
    name, reference : str
        As registered.
    options : tuple of str
        Keywords that it takes beside the problem.
    backgrounds : tuple of str
        What it can assume of voxels outside the regions, the default first.
    makes_image : bool
        Whether it corrects voxels.
    """

    name: ClassVar[str]
    reference: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()
    backgrounds: ClassVar[tuple[str, ...]] = ("region", "zero")
    makes_image: ClassVar[bool] = False

    def __init__(self, problem: Problem, dtype: Any) -> None:
        self.problem = problem
        self.dtype = dtype

    @property
    @abstractmethod
    def regions(self) -> tuple[str, ...]:
        """Names of the columns of the means."""

    @property
    @abstractmethod
    def voxels(self) -> FloatArray:
        """Voxels in each of them."""

    @property
    @abstractmethod
    def transfer_matrix(self) -> FloatArray:
        """The geometric transfer matrix of the regions, the background last if it is one."""

    @property
    @abstractmethod
    def condition_number(self) -> float:
        """Condition number of the equations solved."""

    @property
    @abstractmethod
    def unit_covariance(self) -> FloatArray:
        """Covariance of the means for noise of variance 1 a voxel; NaN where the method gives none."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Choices of the method, for the record."""

    @abstractmethod
    def correct(self, volume: np.ndarray, frame: int) -> FrameCorrection:
        """Return one corrected frame."""

    def scaled_error(self, stderr: np.ndarray, means: FloatArray, background: float) -> np.ndarray:
        """Return the standard error of corrected voxels from that of the voxels, regional means taken as known."""
        del stderr, means, background
        raise NotImplementedError

    def flags(self, frames: list[dict[str, float]]) -> tuple[Flag, ...]:
        """Return what a reader must know, from the diagnostics of all frames."""
        del frames
        return ()


METHODS: Registry[type[Method]] = Registry("partial-volume method", package="neurochem.pet.partial_volume.methods")


def add_method(method: type[Method], *, aliases: tuple[str, ...] = ()) -> type[Method]:
    """Register a method under its own name."""
    return METHODS.add(method, name=method.name, aliases=aliases, reference=method.reference, needs=method.options)
