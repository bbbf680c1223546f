"""Shapes that a person drew, and by which rules they become the pixels of a mask."""
