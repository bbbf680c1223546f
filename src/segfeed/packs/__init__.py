"""Packs: a split decoded once, mapped by every process."""
