"""Shipped descriptions: those of well-known datasets, here and in other installed packages.

Each is a TOML file in the folder `well_known/` beside this module, as docs/formats.md describes them; its stem is the
format's name. A package adds its own by an entry point in the group `segfeed.descriptions`, whose value is a package
that holds them:

    [project.entry-points."segfeed.descriptions"]
    mine = "my_package.descriptions"
"""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.patterns import Pattern
from segfeed.datasets.descriptions.reader import read_description
from segfeed.errors import PluginError, SegfeedError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "segfeed.descriptions"
FOLDER = Path(__file__).parent / "well_known"
_LONGEST_LINE = 4_096


def list_own() -> dict[str, Path]:
    """List the descriptions of this package: name -> file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def list_added(point: "EntryPoint", package: str) -> dict[str, Path]:
    """List the descriptions that an entry point adds: name -> file. The package is found, and not imported.

    Args:
        point: of the group `GROUP`.
        package: what it is called in errors.

    Raises:
        PluginError: if that package does not exist, or holds no description.
    """
    found = {path.stem: path for folder in _folders(point.module) for path in sorted(folder.glob("*.toml"))}
    if not found:
        raise PluginError(
            f"descriptions {point.name!r} of package {package}",
            found=f"{point.value} holds no description",
            expected="a package with files such as roads.toml",
            remedy="repair or uninstall the package, or pass format= with the format you mean",
        )
    return found


def read_shipped(path: Path, package: str) -> Description:
    """Read a shipped description; each is read once.

    Args:
        path: of the file.
        package: that ships it, for the error; "" for this one.

    Raises:
        PluginError: if another package's is malformed.
    """
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (SegfeedError, OSError) as error:
        if not package:
            raise
        found = error.found if isinstance(error, SegfeedError) else f"it cannot be read ({error.strerror})"
        raise PluginError(
            f"description {path.stem!r} of package {package}",
            found=found,
            expected=getattr(error, "expected", ""),
            remedy="repair or uninstall the package, or pass format= with the format you mean",
        ) from error


@functools.lru_cache(maxsize=256)
def _read(path: Path, _mtime_ns: int) -> Description:
    return read_description(path)


def _folders(module: str) -> Iterator[Path]:
    from importlib.util import find_spec  # noqa: PLC0415 - needed for other packages only

    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(folder)


def has_signs(root: Path, description: Description) -> bool:
    """Check whether all that a description needs is there, nothing that it excludes, and a list that pairs files.

    Few names are looked at: every dataset is asked for the signs of every description.
    """
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
