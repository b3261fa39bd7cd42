"""When a correction cannot be trusted."""

import math

import numpy as np

from neurochem.pet.partial_volume.method import Method
from neurochem.pet.partial_volume.overlap import kept_share
from neurochem.pet.partial_volume.problem import Problem
from neurochem.quality import Flag
from neurochem.units import FloatArray

# Chosen here. Relative errors of observed means may grow by the condition number: one percent to all of it.
ILL_CONDITIONED = 100.0
# A region that keeps less of its own activity is more than two thirds extrapolation.
LEAST_RECOVERY = 0.3
# Activity blurred beyond the faces of the volume, which nothing measured.
MOST_LOST = 0.01


def geometry_flags(problem: Problem, method: Method) -> tuple[Flag, ...]:
    """Return flags that hold for every frame."""
    return (*_condition_flags(method), *_size_flags(problem), *_face_flags(problem), *_recovery_flags(method))


def _condition_flags(method: Method) -> tuple[Flag, ...]:
    number = method.condition_number
    if not number < 1e12:
        message = "regions cannot be told apart at this resolution (the transfer matrix is singular); join or leave out regions"
        return (Flag("singular", message, "failure"),)
    if number > ILL_CONDITIONED:
        message = f"condition number of the transfer matrix is {number:.4g}, expected at most {ILL_CONDITIONED:g}: noise grows"
        return (Flag("ill_conditioned", message),)
    return ()


def _size_flags(problem: Problem) -> tuple[Flag, ...]:
    resolution = math.pi / 6.0 * math.prod(problem.psf.fwhm_mm)
    volume = problem.regions.total * math.prod(problem.psf.voxel_mm)
    return tuple(
        Flag(
            "below_resolution",
            f"region '{name}' has {size:.3g} mm3, less than a ball of the resolution ({resolution:.3g} mm3)",
            parameter=name,
        )
        for name, size in zip(problem.regions.names, volume, strict=True)
        if size < resolution
    )


def _face_flags(problem: Problem) -> tuple[Flag, ...]:
    lost = 1.0 - kept_share(problem.regions, problem.psf.exact)
    assumed = "no activity" if problem.psf.outside == "zero" else "the activity of its faces"
    return tuple(
        Flag(
            "cut_by_volume",
            f"{100 * share:.3g} % of the blurred region '{name}' lies beyond the volume, where {assumed} is assumed",
            parameter=name,
        )
        for name, share in zip(problem.regions.names, lost, strict=True)
        if share > MOST_LOST
    )


def _recovery_flags(method: Method) -> tuple[Flag, ...]:
    recovery: FloatArray = np.diag(method.transfer_matrix)[: len(method.regions)]
    return tuple(
        Flag(
            "low_recovery",
            f"region '{name}' keeps {100 * share:.3g} % of its own activity, expected at least {100 * LEAST_RECOVERY:g} %",
            parameter=name,
        )
        for name, share in zip(method.regions, recovery, strict=True)
        if share < LEAST_RECOVERY
    )
