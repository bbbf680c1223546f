"""Bench: what limits the feed on this machine."""
