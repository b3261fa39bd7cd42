"""Voxelwise estimators, one file each, found by the registry."""
