"""Measure segfeed beside its peers on the same files: `make bench`."""
