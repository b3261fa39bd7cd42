"""Parametric maps: a kinetic model in every voxel, in blocks."""
