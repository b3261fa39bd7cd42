"""The qc room."""
