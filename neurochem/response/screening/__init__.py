"""Many markers at once: permutation tests of the whole family, false discovery rates, shrinkage over regions."""

from neurochem.response.screening.permutation import Permuted, TestGroup, freedman_lane
from neurochem.response.screening.screen import screen
from neurochem.response.screening.screen_result import ScreenResult, SelectedMarkers
from neurochem.response.screening.shrinkage import RandomEffects, random_effects

__all__ = [
    "Permuted",
    "RandomEffects",
    "ScreenResult",
    "SelectedMarkers",
    "TestGroup",
    "freedman_lane",
    "random_effects",
    "screen",
]
