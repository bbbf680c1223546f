"""Catalogue: datasets that segfeed fetches by name."""
