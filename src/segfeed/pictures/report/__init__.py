"""Report: one HTML page about a dataset."""
