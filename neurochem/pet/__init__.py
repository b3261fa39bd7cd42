"""PET: frames, curves, images, blood, kinetic models, and what scientists derive from their fits."""

from neurochem.pet.blood import ArterialInput, Feng
from neurochem.pet.blood_samples import BloodSamples, BloodSeries
from neurochem.pet.blood_tables import read_blood
from neurochem.pet.compatibility import fit_midtime
from neurochem.pet.curves import Curve, ExponentialSum, PiecewisePolynomial, Term
from neurochem.pet.decay import HALF_LIFE_MIN, decay_constant_per_min, frame_decay_factor
from neurochem.pet.delay import estimate_delay, shift_input
from neurochem.pet.denoise import denoise_image, denoisers, hypr_lr, smooth_image
from neurochem.pet.derivative_tables import read_derivative_tacs, read_input_function
from neurochem.pet.dispersion import correct_dispersion, correct_series, disperse
from neurochem.pet.fitted_input import FittedInput
from neurochem.pet.fitting import fit, models
from neurochem.pet.frames import Frames
from neurochem.pet.image import DynamicImage, read_image
from neurochem.pet.image_input import image_input
from neurochem.pet.input_models import fit_input, input_weights
from neurochem.pet.intervals import bootstrap_interval, profile_interval
from neurochem.pet.joined_exponentials import JoinedExponentials
from neurochem.pet.joint_k2prime import estimate_k2prime, k2prime_sensitivity
from neurochem.pet.lassen import draw_lassen, lassen
from neurochem.pet.maps.fitting import fit_image
from neurochem.pet.maps.result import ParametricMap, ParametricMaps
from neurochem.pet.occupancy import draw_occupancy_curve, occupancy_curve, ratio_occupancy, regional_occupancy
from neurochem.pet.parent_fraction import fit_parent_fraction, parent_fraction_weights
from neurochem.pet.partial_volume import (
    PartialVolumeResult,
    PointSpread,
    gaussian_smooth,
    partial_volume_correct,
    partial_volume_methods,
)
from neurochem.pet.plasma_blood import PlasmaAndBlood
from neurochem.pet.plasma_ratio import fit_blood_to_plasma
from neurochem.pet.pmod import read_pmod_bld, read_pmod_tac, write_pmod_bld, write_pmod_tac
from neurochem.pet.protocol import Protocol, draw_protocol, simulate_protocol
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.region_statistics import RegionStatistics, extract_statistics
from neurochem.pet.regions import extract_tacs, read_label_names
from neurochem.pet.release import ReleaseTest, release_test
from neurochem.pet.release_courses import ExponentialRelease, GammaRelease, StepRelease
from neurochem.pet.reliability import draw_agreement, retest_reliability
from neurochem.pet.selection import compare_models, f_test
from neurochem.pet.simulate import simulate
from neurochem.pet.static import StaticImage, time_average
from neurochem.pet.suv import suv, suvr
from neurochem.pet.t_star import draw_t_star, scan_t_star
from neurochem.pet.tables import read_arterial_input, read_tacs, write_tacs
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.tracers import choose, tracer, tracers
from neurochem.pet.weighting import frame_weights, graph_weights, weight_methods
from neurochem.pet.weights import counting_weights

__all__ = [
    "HALF_LIFE_MIN",
    "ArterialInput",
    "BloodSamples",
    "BloodSeries",
    "Curve",
    "DynamicImage",
    "ExponentialRelease",
    "ExponentialSum",
    "Feng",
    "FittedInput",
    "FrameSpline",
    "Frames",
    "GammaRelease",
    "JoinedExponentials",
    "ParametricMap",
    "ParametricMaps",
    "PartialVolumeResult",
    "PiecewisePolynomial",
    "PlasmaAndBlood",
    "PointSpread",
    "Protocol",
    "RegionStatistics",
    "ReleaseTest",
    "StaticImage",
    "StepRelease",
    "Term",
    "TimeActivityCurves",
    "bootstrap_interval",
    "choose",
    "compare_models",
    "correct_dispersion",
    "correct_series",
    "counting_weights",
    "decay_constant_per_min",
    "denoise_image",
    "denoisers",
    "disperse",
    "draw_agreement",
    "draw_lassen",
    "draw_occupancy_curve",
    "draw_protocol",
    "draw_t_star",
    "estimate_delay",
    "estimate_k2prime",
    "extract_statistics",
    "extract_tacs",
    "f_test",
    "fit",
    "fit_blood_to_plasma",
    "fit_image",
    "fit_input",
    "fit_midtime",
    "fit_parent_fraction",
    "frame_decay_factor",
    "frame_weights",
    "gaussian_smooth",
    "graph_weights",
    "hypr_lr",
    "image_input",
    "input_weights",
    "k2prime_sensitivity",
    "lassen",
    "models",
    "occupancy_curve",
    "parent_fraction_weights",
    "partial_volume_correct",
    "partial_volume_methods",
    "profile_interval",
    "ratio_occupancy",
    "read_arterial_input",
    "read_blood",
    "read_derivative_tacs",
    "read_image",
    "read_input_function",
    "read_label_names",
    "read_pmod_bld",
    "read_pmod_tac",
    "read_tacs",
    "regional_occupancy",
    "release_test",
    "retest_reliability",
    "scan_t_star",
    "shift_input",
    "simulate",
    "simulate_protocol",
    "smooth_image",
    "suv",
    "suvr",
    "time_average",
    "tracer",
    "tracers",
    "weight_methods",
    "write_pmod_bld",
    "write_pmod_tac",
    "write_tacs",
]
