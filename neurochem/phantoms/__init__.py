"""Reference objects with known truth, and the scoring of the package against them."""

from neurochem.phantoms.people import Effects, Person, Visit, make_people, true_markers
from neurochem.phantoms.reference_objects import make_reference_objects, stated_checksums, write_readme
from neurochem.phantoms.study import make_study
from neurochem.phantoms.validation import Check, ValidationReport, validate

__all__ = [
    "Check",
    "Effects",
    "Person",
    "ValidationReport",
    "Visit",
    "make_people",
    "make_reference_objects",
    "make_study",
    "stated_checksums",
    "true_markers",
    "validate",
    "write_readme",
]
