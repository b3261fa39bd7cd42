"""The mrs room."""
