"""Reference objects with known truth, and the scoring of the package against them."""

from neurochem.phantoms.people import Effects, Person, Visit, make_people, true_markers
from neurochem.phantoms.study import make_study

__all__ = ["Effects", "Person", "Visit", "make_people", "make_study", "true_markers"]
