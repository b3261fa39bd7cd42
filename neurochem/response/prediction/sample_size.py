"""How many patients a prediction model needs, by Riley's criteria."""

import math
from dataclasses import dataclass

from neurochem.errors import InputError

SHRINKAGE = 0.9
_UNKNOWN_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class SampleSize:
    """The least number of people for a model.

    Attributes
    ----------
    needed : int
        Largest of the criteria, rounded up.
    criteria : tuple of float
        Binary: shrinkage of at least 0.9; optimism of Nagelkerke's R2 of at most 0.05; overall risk within 0.05.
        Continuous: shrinkage; optimism of R2; residual SD within 10 %.
    parameters : int
        Candidate parameters.
    r2 : float
        Anticipated R2 (Cox-Snell for a binary outcome).
    prevalence : float
        Share with the outcome; NaN for a continuous one.
    """

    needed: int
    criteria: tuple[float, float, float]
    parameters: int
    r2: float
    prevalence: float = math.nan

    def sentence(self, patients: int) -> str:
        """Return what this says of a cohort of that size."""
        share = "" if math.isnan(self.prevalence) else f" and {100 * self.prevalence:.0f} % with the outcome"
        enough = "treat it as exploratory" if patients < self.needed else "that is enough by these criteria"
        many = "parameter" if self.parameters == 1 else "parameters"
        return (
            f"{self.parameters} {many} at R2 {self.r2:.2f}{share} need {self.needed} patients; "
            f"this cohort has {patients}: {enough}"
        )


def largest_cox_snell(prevalence: float) -> float:
    """Return the largest Cox-Snell R2 that a binary outcome of that prevalence allows."""
    entropy = prevalence * math.log(prevalence) + (1.0 - prevalence) * math.log(1.0 - prevalence)
    return 1.0 - math.exp(2.0 * entropy)


def riley_binary(parameters: int, prevalence: float, r2: float | None = None) -> SampleSize:
    """Return the least number of people for a model of a yes-or-no outcome.

    Parameters
    ----------
    parameters : int
        Candidate predictor parameters, all that were looked at.
    prevalence : float
        Share of people with the outcome.
    r2 : float, optional
        Anticipated Cox-Snell R2; 15 % of the largest possible by default.

    Raises
    ------
    InputError
        If a value is not possible.

    References
    ----------
    Riley et al. (2019), Stat Med 38:1276; (2020), BMJ 368:m441.

    Examples
    --------
    >>> riley_binary(5, 0.45, 0.15).sentence(48)
    '5 parameters at R2 0.15 and 45 % with the outcome need 381 patients; this cohort has 48: treat it as exploratory'
    """
    _check(parameters, 0.0 < prevalence < 1.0, f"prevalence is {prevalence}; it must lie between 0 and 1")
    largest = largest_cox_snell(prevalence)
    r2 = _UNKNOWN_SHARE * largest if r2 is None else r2
    _check(parameters, 0.0 < r2 < largest, f"r2 is {r2}; it must lie between 0 and {largest:.3f} at this prevalence")

    def people(shrinkage: float) -> float:
        return parameters / ((shrinkage - 1.0) * math.log1p(-r2 / shrinkage))

    criteria = (
        people(SHRINKAGE),
        people(r2 / (r2 + 0.05 * largest)),
        (1.96 / 0.05) ** 2 * prevalence * (1 - prevalence),
    )
    return SampleSize(math.ceil(max(criteria)), criteria, parameters, r2, prevalence)


def riley_continuous(parameters: int, r2: float = 0.2) -> SampleSize:
    """Return the least number of people for a model of a continuous outcome; parameters as for `riley_binary`.

    References
    ----------
    Riley et al. (2019), Stat Med 38:1262.
    """
    _check(parameters, 0.0 < r2 < 1.0, f"r2 is {r2}; it must lie between 0 and 1")
    first = parameters + 2
    while not _shrinkage(first, parameters, r2) >= SHRINKAGE:
        first += 1
    criteria = (float(first), 1.0 + parameters * (1.0 - r2) / 0.05, 234.0 + parameters)
    return SampleSize(math.ceil(max(criteria) - 1e-9), criteria, parameters, r2)


def _shrinkage(people: int, parameters: int, r2: float) -> float:
    apparent = 1.0 - (1.0 - r2) * (people - parameters - 1) / (people - 1)
    return 1.0 + (parameters - 2) / (people * math.log1p(-apparent))


def _check(parameters: int, possible: bool, message: str) -> None:
    if parameters < 1:
        msg = f"parameters is {parameters}; count every candidate predictor, at least 1"
        raise InputError(msg)
    if not possible:
        raise InputError(message)
