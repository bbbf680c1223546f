"""Augmentation as others have it: well-known configurations by name, those of mmsegmentation from their files.

A module of its own above the families that it joins: a recipe is numbers (`plans`), and a configuration names files,
too (`datasets`).
"""

from segfeed.datasets.descriptions.mmseg import MmsegConfig, from_mmseg
from segfeed.plans.recipes import RECIPES, Recipe, named

__all__ = ["RECIPES", "MmsegConfig", "Recipe", "from_mmseg", "named"]
