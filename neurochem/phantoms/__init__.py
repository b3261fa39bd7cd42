"""The phantoms room."""
