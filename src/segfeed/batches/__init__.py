"""Batches: how rows of a plan become batches in memory."""
