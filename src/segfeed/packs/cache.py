"""The packs in the cache: find, list and remove them."""

import contextlib
import datetime as dt
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import read_file
from segfeed.datasets.packed.manifest import MANIFEST, TABLE, is_closed, peek_manifest
from segfeed.errors import OptionError, StorageError
from segfeed.packs.pack import opened_here
from segfeed.system import portable
from segfeed.system.options import whole_number
from segfeed.system.showing import counted
from segfeed.system.storage import cache_folder, describe_bytes, discard, unfinished_folders

_STAMP_BYTES = 64  # the name of a pack
_YEAR_1_S, _YEAR_9999_S = -62_135_596_800, 253_402_300_799

LIMIT = "SEGFEED_CACHE_LIMIT"
"""The variable that says how large the packs in the cache may be together."""

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

# What a pack of another format version may leave unsaid, or say in other words.
_UNKNOWN: dict[str, Any] = {
    "legend": {},
    "unknown": "error",
    "name": "?",
    "root": "?",
    "split": "?",
    "task": "?",
    "count": 0,
    "coding": {},
    "created": "",
}


@dataclass(frozen=True)
class CachedPack:
    """What is known of a pack in the cache.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself, as far as the list shows it.
        created: when it was made.
        used: when it was last opened.
        size_bytes: of all files in it.
        is_damaged: whether its manifest cannot be read, so that nothing else is known.
    """

    folder: Path
    manifest: dict[str, Any]
    created: dt.datetime
    used: dt.datetime
    size_bytes: int
    is_damaged: bool

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
            "bytes": self.size_bytes,
            "damaged": self.is_damaged,
            "coding": self.manifest["coding"].get("photo", "raw"),
            "created": self.created.isoformat(),
            "last_used": self.used.isoformat(),
        }

    @property
    def legend(self) -> str:
        """What the labels mean: the legend's name and number of classes, and what unknown colours became."""
        if self.is_damaged:
            return "damaged: prune it"
        described, unknown = self.manifest["legend"], self.manifest["unknown"]
        if not isinstance(described.get("names"), list):
            return "object ids"
        became = "" if unknown == "error" else f", unknown: {unknown}"
        became += ", coded" if self.manifest["coding"].get("photo") == "stored" else ""
        return f"{described.get('title', '?')}, {counted(len(described['names']), 'class', 'classes')}{became}"

    def cells(self) -> tuple[str, ...]:
        """Return the pack as a row of a table: dataset, split, legend, pairs, size, age, last use."""
        manifest = self.manifest
        size = f"{self.size_bytes / 2**20:,.0f} MiB"
        words = (manifest["name"], manifest["split"], self.legend, f"{manifest['count']:,}", size)
        return (*words, _ago(self.created), _ago(self.used))


def find_packs(cache_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """List the folders of all packs in a cache that can be read, of any format version, by dataset and split."""
    folders = [path.parent for path in (cache_folder(cache_dir) / "packs").glob(f"[!.]*/{MANIFEST}")]
    named = {folder: manifest for folder in folders if (manifest := peek_manifest(folder)) is not None}
    return sorted(named, key=lambda folder: (*(str(named[folder].get(word)) for word in ("name", "split")), folder))


def find_damaged(cache_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """List the folders in a cache that have the name and the files of a pack, but no manifest that can be read."""
    return [
        folder
        for folder in sorted((cache_folder(cache_dir) / "packs").glob("[!.]*"))
        if _FINGERPRINT.fullmatch(folder.name)
        and any(os.path.isfile(folder / name) for name in (MANIFEST, TABLE))
        and peek_manifest(folder) is None
        and not is_closed(folder)
    ]


def describe_packs(cache_dir: str | os.PathLike[str] | None = None) -> list[CachedPack]:
    """List all packs in a cache, by name, and then the damaged ones."""
    found = [_describe(folder) for folder in (*find_packs(cache_dir), *find_damaged(cache_dir))]
    return [pack for pack in found if pack is not None]


def last_used_s(folder: Path) -> float:
    """Return when a pack was last opened through `make_pack`, in seconds since the epoch."""
    with contextlib.suppress(FileNotFoundError):
        return (folder / MANIFEST).stat().st_mtime
    return folder.stat().st_mtime


def tell_owner(folder: Path) -> str:
    """Say that a pack in the cache belongs to another user, who can change what it holds; "" if it does not.

    It is read all the same: a cache that several share is there for that. Root can change any file anyway.
    """
    try:
        owner = (folder / MANIFEST).stat().st_uid
    except OSError:
        return ""
    if portable.user_id() in (None, owner) or owner == 0:
        return ""
    return f"the pack {folder} belongs to another user (number {owner}); its checksums do not say who made it."


def recorded_pack(stamp: Path) -> Path | None:
    """Return the folder of the whole pack that a stamp names; None if there is none."""
    packs = stamp.parents[1] / "packs"
    try:
        folder = packs / read_file(stamp, _STAMP_BYTES).decode()
        return folder if folder.parent == packs and (folder / MANIFEST).is_file() else None
    except (OSError, ValueError):
        return None


def read_size(option: str, text: str) -> int:
    """Read a number of bytes, such as "20GB", "1.5 GiB" or "4096".

    Raises:
        OptionError: if it is not a size.

    >>> read_size("to", "20GB"), read_size("to", "1.5 GiB")
    (20000000000, 1610612736)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise OptionError(option, found=f"{text!r:.60}", expected='a size such as "20GB", "500 MiB" or "0"')
    number, prefix, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " kmgt".index(prefix.lower() or " "))


def prune_to(limit_bytes: int, *, cache_dir: str | os.PathLike[str] | None = None, dry_run: bool = False) -> list[Path]:
    """Remove the packs that were used longest ago until those that stay are together at most as large as a limit.

    A pack that this process has open, or, on Linux, that any process of this user has, is never removed.

    Args:
        limit_bytes: how large the packs may be together.
        cache_dir: the cache; $SEGFEED_CACHE or the user's cache folder if None.
        dry_run: remove nothing.

    Returns:
        folders: what was, or would be, removed.

    Raises:
        StorageError: if what may not be removed leaves more; all else that had to go was removed.
    """
    packs, removed, refused = describe_packs(cache_dir), list[Path](), list[StorageError]()
    total = sum(pack.size_bytes for pack in packs)
    if total <= limit_bytes:
        return []
    opened = _opened_folders()
    for pack in sorted(packs, key=lambda pack: (not pack.is_damaged, pack.used)):
        if total <= limit_bytes:
            break
        if pack.folder.resolve() in opened:
            continue
        if dry_run or _discard(pack.folder, refused):
            removed.append(pack.folder)
            total -= pack.size_bytes
    if refused and total > limit_bytes:
        raise refused[0]
    return removed


def _discard(folder: Path, refused: list[StorageError]) -> bool:
    """Remove a folder; note in `refused` if that may not be, as for packs of other users in a cache that is shared."""
    try:
        discard(folder)
    except StorageError as error:
        refused.append(error)
        return False
    return True


def make_room(cache: Path, needed_bytes: int, remedy: str) -> None:
    """Remove what was used longest ago if a pack of some size would bring the cache above $SEGFEED_CACHE_LIMIT.

    Raises:
        OptionError: if the limit is not a size.
        StorageError: if the pack is larger than the limit, or what is open leaves too little room.
    """
    text = os.environ.get(LIMIT, "")
    if not text.strip():
        return
    limit = read_size(LIMIT, text)
    if needed_bytes <= limit:
        with contextlib.suppress(StorageError):  # what is left is said below
            prune_to(limit - needed_bytes, cache_dir=cache)
    held = sum(pack.size_bytes for pack in describe_packs(cache))
    if held + needed_bytes > limit:
        beside = f"{describe_bytes(held)} of packs that are in use, or another user's"
        raise StorageError(
            str(cache),
            found=f"a pack of {describe_bytes(needed_bytes)} beside {beside}",
            expected=f"at most {describe_bytes(limit)}, as {LIMIT} says",
            remedy=remedy,
        )


def _opened_folders() -> set[Path]:
    """List the folders of packs that are open: in this process, and as far as the system shows what others have mapped.

    Source: proc_pid_maps(5), of Linux. Other systems show nothing.
    """
    found = {folder.resolve() for folder in opened_here()}
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            for line in maps.read_text("utf-8", "surrogateescape").splitlines():
                path = line[73:].strip() if len(line) > 73 else ""
                if path.endswith(".bin"):
                    found.add(Path(path).parent)
    return found


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

    Raises:
        StorageError: if something may not be removed; all else was.
    """
    days = whole_number("older_than", older_than_days, 0, 36500)
    limit = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    folders = [found.folder for found in describe_packs(cache_dir) if found.used <= limit or not days]
    cache = cache_folder(cache_dir)
    parents = [cache / name for name in ("packs", "samples", "stamps", "datasets")]
    parents += [*cache.glob("datasets/*/"), *cache.glob("datasets/*/VOCdevkit/")]
    folders += [path for parent in parents for path in unfinished_folders(parent)]
    if dry_run:
        return folders
    refused = list[StorageError]()
    removed = [folder for folder in folders if _discard(folder, refused)]
    for stamp in (cache / "stamps").glob("[!.]*"):
        if recorded_pack(stamp) is None:
            with contextlib.suppress(OSError):  # of another user
                stamp.unlink()
    if refused:
        raise refused[0]
    return removed


def _describe(folder: Path) -> CachedPack | None:
    """Describe a pack; None if another process has removed it meanwhile, or its folder may not be listed."""
    peeked = peek_manifest(folder)
    said = {word: value for word, value in (peeked or {}).items() if type(value) is type(_UNKNOWN.get(word))}
    manifest = _UNKNOWN | said
    try:
        # Some file systems keep times that a date cannot: before year 1, or after 9999.
        when = dt.datetime.fromtimestamp(min(max(last_used_s(folder), _YEAR_1_S), _YEAR_9999_S), dt.UTC)
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    try:
        created = dt.datetime.fromisoformat(manifest["created"])
        created = created if created.tzinfo else created.replace(tzinfo=dt.UTC)
    except ValueError:
        created = when
    return CachedPack(folder, manifest, created, when, size, peeked is None)


def _ago(when: dt.datetime) -> str:
    seconds = max((dt.datetime.now(dt.UTC) - when).total_seconds(), 0)
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return "just now"
