"""Denoising of dynamic images before maps are made: each method a function from image to image, named in its notes.

A new method is one file here with one registration.
"""

from neurochem.pet.denoise.gaussian import smooth_image
from neurochem.pet.denoise.hypr import hypr_lr
from neurochem.pet.denoise.method import DENOISERS, denoise_image, denoisers

__all__ = ["DENOISERS", "denoise_image", "denoisers", "hypr_lr", "smooth_image"]
