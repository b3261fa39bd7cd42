"""Change of a marker as a mediator between treatment and outcome."""

from neurochem.response.mediation.mediate import describe_mediation, mediate, mediation

__all__ = ["describe_mediation", "mediate", "mediation"]
