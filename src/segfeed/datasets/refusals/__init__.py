"""Refusals: why a path cannot be read as a dataset, and the line that would work."""
