"""Texts beside pictures: lists of photos, and notes that may say what masks mean; a description can name them."""

import os
from itertools import islice

from segfeed.datasets.doubts.unread_lists import names_photos
from segfeed.datasets.legends.hints import find_legend_texts
from segfeed.datasets.refusals.survey import Seen
from segfeed.system.showing import some

_SUFFIXES = (".txt", ".lst", ".list", ".csv", ".tsv", ".json")
_MOST_ASKED = 40
_SHOWN = 3


def tell_texts(seen: Seen) -> list[str]:
    """Say which files list photos, and which may say what stored values mean, a clause each."""
    stems = {stem for place in seen.folders.values() for stem in place.pictures}
    stems |= {os.path.basename(folder) for folder in seen.folders}  # a folder may be a sample
    asked = islice((name for name in seen.names if name.lower().endswith(_SUFFIXES)), _MOST_ASKED)
    lists = [name for name in asked if names_photos(seen.root / name, stems)]
    said = find_legend_texts(seen.root, (name for name in seen.names if name not in lists))
    kinds = (("lists", lists), ("text that may say what values mean", said))
    return [f"{what}: {some(names, _SHOWN)}" for what, names in kinds if names]
