"""Signs: what a folder must hold, beside photos and masks, for a shipped description to be meant.

Few names are looked at: every dataset is asked for the signs of every description.
"""

import os
import re
from pathlib import Path

from segfeed.datasets.description import Description
from segfeed.datasets.patterns import Pattern

_LONGEST_LINE = 4_096


def has_signs(root: Path, description: Description) -> bool:
    """Check whether all that a description needs is there, nothing that it excludes, and a list that pairs files."""
    return (
        all(any(_is_there(root, place) for place in alternatives(need)) for need in description.needs)
        and not any(_is_there(root, place) for place in description.unless)
        and (not description.pairs or any(_begins_with_pair(root, name) for name in description.pairs))
    )


def alternatives(need: str) -> list[str]:
    """Return the paths of which one must be there: "gtFine | gtCoarse" asks for either.

    >>> alternatives("gtFine | gtCoarse"), alternatives("{split:a|b}/{name}.png")
    (['gtFine', 'gtCoarse'], ['{split:a|b}/{name}.png'])
    """
    return need.split(" | ")


def _is_there(root: Path, place: str) -> bool:
    return Pattern(place).is_there(root) if "{" in place else os.path.exists(root / place)


def _begins_with_pair(root: Path, name: str) -> bool:
    """Check whether the first line of a list names two files that exist."""
    if not os.path.isfile(root / name):  # a pipe in its place would be waited for
        return False
    try:
        with open(root / name, encoding="utf-8-sig", errors="replace") as file:
            paths = re.split(r"[\s,;]+", file.readline(_LONGEST_LINE).strip())
        return len(paths) == 2 and all(os.path.isfile(root / path.lstrip("/")) for path in paths)
    except (OSError, ValueError):  # a line that is not paths
        return False
