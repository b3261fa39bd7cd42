"""Proton spectroscopy: from the file to concentrations with error bars."""

from typing import TYPE_CHECKING

from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats import read_basis, write_basis
from neurochem.mrs.concentration_ratios import concentration_ratios
from neurochem.mrs.edited import EditedSpectra, edited_spectra, fit_edited, split_edits
from neurochem.mrs.edited.basis_files import read_edited_basis, write_edited_basis
from neurochem.mrs.fit import fit
from neurochem.mrs.imaging.fitting import fit_image
from neurochem.mrs.imaging.maps import MetaboliteMap, MetaboliteMaps
from neurochem.mrs.imaging.series import SeriesFit, fit_series
from neurochem.mrs.intervals import bootstrap, correlation, profile_interval
from neurochem.mrs.lcmodel_control import LCModelControl, lcmodel_options, read_lcmodel_control
from neurochem.mrs.macromolecule_sets import macromolecule_sets
from neurochem.mrs.macromolecules import macromolecule_ratios, macromolecules
from neurochem.mrs.mcmc import sample
from neurochem.mrs.nifti import write
from neurochem.mrs.nulled import MeasuredMacromolecules, measured_macromolecules
from neurochem.mrs.preprocess import Preprocessed, preprocess
from neurochem.mrs.pulses import ShapedPulse, dual_band, pulse, pulse_shapes, read_pulse
from neurochem.mrs.quantify import Timing, quantify, water_scaled
from neurochem.mrs.ratios import SoftRatio
from neurochem.mrs.read import quantification_gaps, read, read_parts, read_raw, require_quantifiable, stacked
from neurochem.mrs.relaxation import (
    Relaxation,
    Times,
    relaxation_set,
    relaxation_sets,
    relaxation_table,
    signal_fraction,
)
from neurochem.mrs.reporting import MinimumReport, report_mrsinmrs
from neurochem.mrs.resonances import resonance_basis, resonance_names
from neurochem.mrs.sensitivity import uncertainty
from neurochem.mrs.sequences import slice_pulse
from neurochem.mrs.simulate import simulate, simulate_water
from neurochem.mrs.simulate_basis import EditedBasis, simulate_basis, simulate_lines
from neurochem.mrs.simulate_raw import RawDisturbances, RawScan, RawTruth, simulate_raw
from neurochem.mrs.spectra import Acquisition, Spectrum, noise_sd
from neurochem.mrs.spins import Molecule, read_spin_systems, spin_systems
from neurochem.mrs.table import write_table
from neurochem.mrs.tissue import Tissue, alpha_factor
from neurochem.mrs.tissue_correction import alpha_corrected
from neurochem.mrs.voxel import TissueShares, VoxelMask, label_map, tissue_from_maps, voxel_mask
from neurochem.mrs.water import WaterAmplitude, water_amplitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.results import FitResult

__all__ = [
    "Acquisition",
    "Basis",
    "EditedBasis",
    "EditedSpectra",
    "LCModelControl",
    "MeasuredMacromolecules",
    "MetaboliteMap",
    "MetaboliteMaps",
    "MinimumReport",
    "Molecule",
    "Preprocessed",
    "RawDisturbances",
    "RawScan",
    "RawTruth",
    "Relaxation",
    "SeriesFit",
    "ShapedPulse",
    "SoftRatio",
    "Spectrum",
    "Times",
    "Timing",
    "Tissue",
    "TissueShares",
    "VoxelMask",
    "WaterAmplitude",
    "alpha_corrected",
    "alpha_factor",
    "bootstrap",
    "concentration_ratios",
    "correlation",
    "dual_band",
    "edited_spectra",
    "fit",
    "fit_edited",
    "fit_image",
    "fit_series",
    "label_map",
    "lcmodel_options",
    "macromolecule_ratios",
    "macromolecule_sets",
    "macromolecules",
    "measured_macromolecules",
    "noise_sd",
    "plot_edited",
    "plot_edited_fit",
    "plot_fit",
    "preprocess",
    "profile_interval",
    "pulse",
    "pulse_shapes",
    "quantification_gaps",
    "quantify",
    "read",
    "read_basis",
    "read_edited_basis",
    "read_lcmodel_control",
    "read_parts",
    "read_pulse",
    "read_raw",
    "read_spin_systems",
    "relaxation_set",
    "relaxation_sets",
    "relaxation_table",
    "report_mrsinmrs",
    "require_quantifiable",
    "resonance_basis",
    "resonance_names",
    "sample",
    "signal_fraction",
    "simulate",
    "simulate_basis",
    "simulate_lines",
    "simulate_raw",
    "simulate_water",
    "slice_pulse",
    "spin_systems",
    "split_edits",
    "stacked",
    "tissue_from_maps",
    "uncertainty",
    "voxel_mask",
    "water_amplitude",
    "water_scaled",
    "write",
    "write_basis",
    "write_edited_basis",
    "write_table",
]


def plot_fit(fit: "FitResult", ax: "Axes | None" = None) -> "Axes":
    """Draw a fitted spectrum; see `neurochem.mrs.plots.plot_fit`, which is loaded now (matplotlib takes its time)."""
    from neurochem.mrs import plots

    return plots.plot_fit(fit, ax)


def plot_edited_fit(fit: "FitResult", ax: "Axes | None" = None) -> "Axes":
    """Draw a fitted difference; see `neurochem.mrs.edited.plots.plot_edited_fit`, which is loaded now."""
    from neurochem.mrs.edited import plots

    return plots.plot_edited_fit(fit, ax)


def plot_edited(edited: EditedSpectra, ax: "Axes | None" = None) -> "Axes":
    """Draw sub-spectra and differences; see `neurochem.mrs.edited.plots.plot_edited`, which is loaded now."""
    from neurochem.mrs.edited import plots

    return plots.plot_edited(edited, ax)
