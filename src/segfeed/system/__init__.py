"""System: disk, threads and memory; nothing here knows what a dataset is."""
