"""PET: frames, curves, images, arterial input, and kinetic models."""

from neurochem.pet.blood import ArterialInput, Feng
from neurochem.pet.curves import Curve, ExponentialSum, PiecewisePolynomial, Term
from neurochem.pet.decay import HALF_LIFE_MIN, decay_constant_per_min, frame_decay_factor
from neurochem.pet.fitting import fit, models
from neurochem.pet.frames import Frames
from neurochem.pet.image import DynamicImage, read_image
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.regions import extract_tacs, read_label_names
from neurochem.pet.simulate import simulate
from neurochem.pet.tables import read_arterial_input, read_tacs, write_tacs
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.weights import counting_weights

__all__ = [
    "HALF_LIFE_MIN",
    "ArterialInput",
    "Curve",
    "DynamicImage",
    "ExponentialSum",
    "Feng",
    "FrameSpline",
    "Frames",
    "PiecewisePolynomial",
    "Term",
    "TimeActivityCurves",
    "counting_weights",
    "decay_constant_per_min",
    "extract_tacs",
    "fit",
    "frame_decay_factor",
    "models",
    "read_arterial_input",
    "read_image",
    "read_label_names",
    "read_tacs",
    "simulate",
    "write_tacs",
]
