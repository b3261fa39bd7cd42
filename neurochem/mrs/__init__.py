"""Proton spectroscopy: from the file to concentrations with error bars."""

from neurochem.mrs.basis import Basis, read_basis, write_basis
from neurochem.mrs.fit import fit
from neurochem.mrs.nifti import write
from neurochem.mrs.quantify import Timing, quantify, water_scaled
from neurochem.mrs.read import read, read_raw
from neurochem.mrs.relaxation import Relaxation, Times, relaxation_set, relaxation_sets, signal_fraction
from neurochem.mrs.spectra import Acquisition, Spectrum, noise_sd
from neurochem.mrs.tissue import Tissue
from neurochem.mrs.water import WaterAmplitude, water_amplitude

__all__ = [
    "Acquisition",
    "Basis",
    "Relaxation",
    "Spectrum",
    "Times",
    "Timing",
    "Tissue",
    "WaterAmplitude",
    "fit",
    "noise_sd",
    "quantify",
    "read",
    "read_basis",
    "read_raw",
    "relaxation_set",
    "relaxation_sets",
    "signal_fraction",
    "water_amplitude",
    "water_scaled",
    "write",
    "write_basis",
]
