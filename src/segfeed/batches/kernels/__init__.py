"""Kernels: one pass over a batch's memory, compiled or in plain NumPy, with the same bits."""
