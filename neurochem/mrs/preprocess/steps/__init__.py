"""The registered steps, a file each: a new step is a new file with one registration."""
