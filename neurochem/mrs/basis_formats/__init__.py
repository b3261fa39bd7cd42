"""Files of basis sets: LCModel, FSL-MRS, jMRUI and NIfTI-MRS, recognised by what they hold."""

from neurochem.mrs.basis_formats.doors import read_basis, write_basis
from neurochem.mrs.basis_formats.registry import FORMATS, BasisFormat

__all__ = ["FORMATS", "BasisFormat", "read_basis", "write_basis"]
