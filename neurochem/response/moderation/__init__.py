"""Treatment by marker: who profits from which arm, with the scan's error carried and nothing over-claimed."""

from neurochem.response.moderation.advantage import Advantage, advantage_of, personal_advantage
from neurochem.response.moderation.johnson_neyman import Region, johnson_neyman
from neurochem.response.moderation.moderate import moderate, moderation
from neurochem.response.moderation.words import describe_moderation

__all__ = [
    "Advantage",
    "Region",
    "advantage_of",
    "describe_moderation",
    "johnson_neyman",
    "moderate",
    "moderation",
    "personal_advantage",
]
