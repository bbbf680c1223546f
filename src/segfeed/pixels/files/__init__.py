"""Kinds of picture files: what each stores, and which of it a photo or a mask may have."""
