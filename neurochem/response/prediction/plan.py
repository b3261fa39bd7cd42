"""Every choice of a prediction, checked before anything is fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurochem.errors import InputError, unknown_name
from neurochem.response.prediction import leakage

_HARMONISE = ("none", "combat")
_UNSEEN = ("refuse", "unharmonised", "within_site")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is fitted and judged.

    Attributes
    ----------
    outer_folds, inner_folds, repeats : int
        Folds that judge, folds inside the training rows that tune, and how often all of it is repeated.
    penalties : tuple of float
        Ridge penalties to choose among, on slopes per SD.
    permutations, bootstraps : int
        Label shuffles of the whole procedure (one repeat each), and bootstrap samples for the optimism; 0 leaves it out.
    learning_sizes : int
        Points of the learning curve; 0 leaves it out.
    harmonise : str
        "none" or "combat" (of `harmonised` columns, in every training set anew).
    harmonised, preserve : tuple of str
        Columns that ComBat changes (all continuous predictors but the preserved ones when empty) and preserves.
    unseen_site : str
        What ComBat does with a site that is not in training: "refuse", "unharmonised", "within_site".
    anticipated_r2 : float or None
        For the sample size; Riley's default when None.
    allow : mapping of str to str
        Predictors that a guard refuses and that are known before treatment, each with the reason.
    intended_use : str
        Goes on the model card.
    """

    outer_folds: int = 5
    inner_folds: int = 3
    repeats: int = 20
    penalties: tuple[float, ...] = (1000.0, 100.0, 10.0, 1.0, 0.1)
    permutations: int = 1000
    bootstraps: int = 200
    learning_sizes: int = 6
    harmonise: str = "none"
    harmonised: tuple[str, ...] = ()
    preserve: tuple[str, ...] = ()
    unseen_site: str = "refuse"
    anticipated_r2: float | None = None
    allow: Mapping[str, str] = field(default_factory=dict)
    intended_use: str = "research on treatment response; not for decisions about patients"

    def __post_init__(self) -> None:
        for name in ("penalties", "harmonised", "preserve"):
            value = getattr(self, name)
            if isinstance(value, str):
                msg = f"{name} is the text '{value}'; give a list"
                raise InputError(msg)
            object.__setattr__(self, name, tuple(value))
        object.__setattr__(self, "penalties", tuple(sorted(map(float, self.penalties), reverse=True)))
        if not self.penalties or min(self.penalties) <= 0:
            msg = f"penalties are {self.penalties}; give numbers above zero"
            raise InputError(msg)
        if self.harmonise not in _HARMONISE:
            raise unknown_name(self.harmonise, _HARMONISE, kind="harmonisation")
        if self.unseen_site not in _UNSEEN:
            raise unknown_name(self.unseen_site, _UNSEEN, kind="choice for unseen sites")
        leakage.refuse_outer_tuning(self.inner_folds, len(self.penalties))
        leakage.require_reasons(self.allow)
        for name, least in (
            ("outer_folds", 2),
            ("repeats", 1),
            ("permutations", 0),
            ("bootstraps", 0),
            ("learning_sizes", 0),
        ):
            if getattr(self, name) < least:
                msg = f"{name} is {getattr(self, name)}; it must be at least {least}"
                raise InputError(msg)
