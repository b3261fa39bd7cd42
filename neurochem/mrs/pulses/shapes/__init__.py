"""Shapes of pulses, one a file; each registers itself."""
