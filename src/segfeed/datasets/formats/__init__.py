"""Formats: one module for each way in which a dataset lies on disk."""
