"""Masks that are drawn from annotations, and what the formats of annotation tools share."""
