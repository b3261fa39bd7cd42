"""Published sets of broad signals as tables, with their sources."""

from neurochem.mrs.macromolecule_sets.tables import BroadLine, MacromoleculeSet, Ratio, find_set, macromolecule_sets

__all__ = ["BroadLine", "MacromoleculeSet", "Ratio", "find_set", "macromolecule_sets"]
