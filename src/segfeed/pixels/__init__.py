"""Pixels: from the bytes of a photo or a mask to exact pixels and class ids."""
