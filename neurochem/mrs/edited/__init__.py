"""J-difference edited MRS: sub-spectra found, aligned and subtracted; GABA, GABA+ and glutathione fitted."""

from neurochem.mrs.edited.alignment import Alignment, align
from neurochem.mrs.edited.combine import EditedSpectra, edited_spectra
from neurochem.mrs.edited.conditions import Order, find_order, split_edits
from neurochem.mrs.edited.door import fit_edited

__all__ = ["Alignment", "EditedSpectra", "Order", "align", "edited_spectra", "find_order", "fit_edited", "split_edits"]
