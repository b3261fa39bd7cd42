"""Many spectra: grids of voxels, and series that share their lines."""
