"""The files of a pack: its manifest, its table, and where the bytes of each pair lie."""
