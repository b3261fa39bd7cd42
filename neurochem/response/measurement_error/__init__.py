"""Measurement error of markers: likelihoods, regression calibration, simulation extrapolation, sensitivity."""
