"""A dataset written as others take it, and read back before it appears."""
