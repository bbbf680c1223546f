"""Scoring: what a model says, compared with the labels and written to files."""
