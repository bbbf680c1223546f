"""Datasets: what lies on disk, in an archive or in a table, as sources of samples."""
