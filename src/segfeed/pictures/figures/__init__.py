"""Figures: pictures for a notebook, a report or a file, drawn by matplotlib."""
