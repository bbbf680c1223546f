"""The packs in the cache: list and remove them."""

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segfeed.packs.manifest import peek_manifest
from segfeed.packs.pack import find_packs, last_used_s, recorded_pack
from segfeed.system.options import whole_number
from segfeed.system.storage import cache_folder, discard, unfinished_folders

# What a pack of another format version may leave unsaid.
_UNKNOWN = {
    "legend": {},
    "unknown": "error",
    "name": "?",
    "root": "?",
    "split": "?",
    "task": "?",
    "count": 0,
    "bytes": 0,
    "created": None,
}


@dataclass(frozen=True)
class CachedPack:
    """What is known of a pack in the cache.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
        created: when it was made.
        used: when it was last opened.
    """

    folder: Path
    manifest: dict[str, Any]
    created: dt.datetime
    used: dt.datetime

    def to_json(self) -> dict[str, Any]:
        """Describe the pack in plain JSON values."""
        return {
            "folder": str(self.folder),
            "dataset": self.manifest["name"],
            "root": self.manifest["root"],
            "split": self.manifest["split"],
            "task": self.manifest["task"],
            "legend": self.legend,
            "pairs": self.manifest["count"],
            "bytes": self.manifest["bytes"],
            "created": self.created.isoformat(),
            "last_used": self.used.isoformat(),
        }

    @property
    def legend(self) -> str:
        """What the labels mean: the legend's name and number of classes, and what unknown colours became."""
        described, unknown = self.manifest["legend"], self.manifest["unknown"]
        if "names" not in described:
            return "object ids"
        became = "" if unknown == "error" else f", unknown: {unknown}"
        return f"{described.get('title', '?')}, {_count(len(described['names']))}{became}"

    def cells(self) -> tuple[str, ...]:
        """Return the pack as a row of a table: dataset, split, legend, pairs, size, age, last use."""
        manifest = self.manifest
        size = f"{manifest['bytes'] / 2**20:,.0f} MiB"
        words = (manifest["name"], manifest["split"], self.legend, f"{manifest['count']:,}", size)
        return (*words, _ago(self.created), _ago(self.used))


def describe_packs(cache_dir: str | os.PathLike[str] | None = None) -> list[CachedPack]:
    """List all whole packs in a cache, by name."""
    return [found for folder in find_packs(cache_dir) if (found := _describe(folder)) is not None]


def prune_packs(
    older_than_days: int, *, cache_dir: str | os.PathLike[str] | None = None, dry_run: bool = False
) -> list[Path]:
    """Remove packs that were not opened for a while, and what killed processes left half-made.

    Only what segfeed made is removed: folders with a pack's manifest, and unfinished ones of dead processes.

    Args:
        older_than_days: 0 removes every pack.
        cache_dir: the cache; $SEGFEED_CACHE or the user's cache folder if None.
        dry_run: remove nothing.

    Returns:
        folders: what was, or would be, removed.
    """
    days = whole_number("older_than", older_than_days, 0, 36500)
    limit = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    folders = [found.folder for found in describe_packs(cache_dir) if found.used <= limit]
    cache = cache_folder(cache_dir)
    parents = [cache / name for name in ("packs", "samples", "stamps", "datasets")]
    parents += [*cache.glob("datasets/*/"), *cache.glob("datasets/*/VOCdevkit/")]
    folders += [path for parent in parents for path in unfinished_folders(parent)]
    if not dry_run:
        for folder in folders:
            discard(folder)
        for stamp in (cache / "stamps").glob("[!.]*"):
            if recorded_pack(stamp) is None:
                stamp.unlink(missing_ok=True)
    return folders


def _describe(folder: Path) -> CachedPack | None:
    """Describe a pack; None if another process has removed it meanwhile."""
    manifest = {**_UNKNOWN, **(peek_manifest(folder) or {})}
    try:
        when = dt.datetime.fromtimestamp(last_used_s(folder), dt.UTC)
    except FileNotFoundError:
        return None
    created = when if manifest["created"] is None else dt.datetime.fromisoformat(manifest["created"])
    return CachedPack(folder, manifest, created, when)


def _ago(when: dt.datetime) -> str:
    seconds = max((dt.datetime.now(dt.UTC) - when).total_seconds(), 0)
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return "just now"


def _count(classes: int) -> str:
    return f"{classes} class{'' if classes == 1 else 'es'}"
