"""Datasets told by data: where files lie, which splits there are, what stored values mean."""
