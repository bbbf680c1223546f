"""Export: a dataset written as others take it, and read back before it appears."""

from segfeed.datasets.export.exporting import export_splits as export_splits
