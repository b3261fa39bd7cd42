"""The pet room."""
