"""One kinetic model a file; each registers itself."""
