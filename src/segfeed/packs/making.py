"""Making packs, and finding them again.

A pack's folder in the cache is named by a fingerprint of everything that decides its contents, so a changed mask, list
or legend leads to another folder. Hashing every file at each start would be slow, so a fingerprint is remembered under
a stamp of all files (size, times, inode); the stamp is a shortcut to a recorded fingerprint, never the truth itself.
"""

import contextlib
import datetime as dt
import logging
import os
import re
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segfeed.datasets.blobs import File
from segfeed.datasets.formats import pack as own_format
from segfeed.datasets.packed.manifest import MANIFEST, PACK_AGAIN, is_closed, peek_manifest
from segfeed.datasets.source import Source
from segfeed.errors import OptionError, PackError, StorageError
from segfeed.packs import writer
from segfeed.packs.cache import find_packs, make_room, recorded_pack
from segfeed.packs.fingerprints import (
    fingerprint_of,
    hash_files,
    newest_ns,
    settings_digest,
    stamp_of_source,
    stamps_of_source,
)
from segfeed.packs.pack import Pack
from segfeed.pixels.codec import decoder_versions
from segfeed.system.paths import user_path
from segfeed.system.storage import cache_folder, describe_bytes, discard, publish, sweep, sweep_all, write_over

_RECENT_NS = 2_000_000_000  # a file that changed within the last 2 s may change again without a new time stamp
_REMEDY = "or pass pack=False to decode on the fly without writing anything"
_ATTEMPTS = 3  # a pack that was found or made may be pruned before it is opened
_log = logging.getLogger("segfeed")


def make_pack(
    source: Source,
    *,
    to: str | os.PathLike[str] | None = None,
    coded: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
    threads: int | None = None,
) -> Pack:
    """Open the pack of a source; make it first if there is none.

    Args:
        source: what `segfeed.scan` found.
        to: a folder, in which the pack gets one of its own, named after the split; it is a dataset that can be copied
            and read anywhere. None for the cache.
        coded: keep photos and masks as they are stored, about a sixth of the size, and decode them whenever they are
            read.
        cache_dir: where packs lie; $SEGFEED_CACHE or the user's cache folder if None.
        threads: how many decode at once; all cores if None.

    Returns:
        pack: mapped, shared with every process that opens it.

    Raises:
        OptionError: if `to` holds something else under the split's name.
        SourceError: if a file of the source is damaged or changed under way; nothing is published.
        StorageError: if there is too little free space, or the folder cannot be written.

    >>> import segfeed
    >>> with make_pack(segfeed.scan("sample", "val")) as pack:
    ...     pack.read(0).labels.shape == tuple(pack.sizes[0])
    True
    """
    packing = _Packing(source, coded, threads)
    if to is not None:
        return _pack_to(packing, user_path(to))
    cache = cache_folder(cache_dir)
    for attempt in range(1, _ATTEMPTS + 1):
        if (known := find_pack(source, coded=coded, cache_dir=cache_dir)) is not None:
            return known
        started_ns = time.time_ns()
        folder = _equal_pack(packing, cache) or _publish_pack(packing, cache)
        try:
            pack = _open_used(folder)
        except PackError:
            if folder.exists() or attempt == _ATTEMPTS:
                raise
            continue  # pruned by another process this very moment
        if newest_ns(source) < started_ns - _RECENT_NS:
            stamp = cache / "stamps" / stamp_of_source(source, packing.coding)
            with contextlib.suppress(OSError):  # a disk that is full by now: the next start hashes the files again
                write_over(stamp, folder.name.encode())
                sweep_all(stamp.parent)  # of any dataset, since one that has changed since never asks for its own again
        return pack
    raise AssertionError  # the last attempt returned or raised


def find_pack(source: Source, *, coded: bool = False, cache_dir: str | os.PathLike[str] | None = None) -> Pack | None:
    """Open the pack of a source if it is known without reading the source's files; None if it is not.

    A source that was listed from a pack is that pack, if all of it is read as it was packed.
    """
    if source.format == "pack" and (own := _own_pack(source)) is not None:
        return own
    coding = "stored" if coded else "raw"
    folder = recorded_pack(cache_folder(cache_dir) / "stamps" / stamp_of_source(source, coding))
    if folder is None or peek_manifest(folder) is None:  # a manifest that cannot be read stops nobody
        return None
    try:
        pack = _open_used(folder)
    except PackError:
        if folder.exists():
            raise
        return None  # pruned by another process this very moment
    return pack if pack.manifest["settings"] == settings_digest(source, coding) else None


def is_packed(source: Source, *, cache_dir: str | os.PathLike[str] | None = None) -> bool:
    """Check whether a pack of a source as its files are now is recorded, without opening it."""
    if source.format == "pack":
        return True
    try:
        stamps = cache_folder(cache_dir) / "stamps"
    except OptionError:
        if cache_dir:
            raise
        return False  # no home folder is known, and none is needed to read
    return any(recorded_pack(stamps / stamp) is not None for stamp in stamps_of_source(source, ("raw", "stored")))


def _own_pack(source: Source) -> Pack | None:
    """Open the pack that a source was listed from, unless it is only a part of it or is read by another legend."""
    try:
        pack = Pack(own_format.folder_of(source.root, source.split))
    except KeyError:
        return None
    manifest = pack.manifest
    read_alike = not pack.is_coded or (source.unknown, source.orientation) == (
        manifest["unknown"],
        manifest["orientation"],
    )
    if pack.keys != source.keys or manifest["task"] != source.task or not read_alike:
        return None
    files = own_format.list_pairs(pack.table)
    offered = pack.legend if source.task == "instance" else files.legend()
    return pack if offered is not None and offered.digest == source.legend.digest else None


def _equal_pack(packing: "_Packing", cache: Path) -> Path | None:
    """Find a pack of equal contents, made from other files; hash files only if a pack of equal settings exists."""
    settings = packing.settings
    if not any((peek_manifest(folder) or {}).get("settings") == settings for folder in find_packs(cache)):
        return None
    hashes = hash_files(packing.source, packing.threads)
    folder = cache / "packs" / fingerprint_of(packing.source, hashes, packing.coding)
    return folder if peek_manifest(folder) is not None else None


def _publish_pack(packing: "_Packing", cache: Path) -> Path:
    """Pack under a temporary name; the fingerprint, which is known at the end, becomes the folder's name."""

    def fill(folder: Path) -> str:
        fingerprint = packing.write_to(folder)
        there = cache / "packs" / fingerprint
        if is_closed(there):
            found = "a pack of the same pictures, which may not be read"
            remedy = "choose another cache_dir, or let its owner open it to you (chmod -R a+rX)"
            raise StorageError(str(there), found=found, remedy=remedy)
        if there.exists() and peek_manifest(there) is None:
            discard(there)  # damaged: its manifest cannot be read
        return fingerprint

    needed = packing.needed_bytes
    smaller = "or pass coded=True for a smaller pack, " if packing.is_smaller_coded else ""
    make_room(cache, needed, f"raise the limit, {smaller}or pack=False for none")
    packing.announce(cache / "packs")
    return publish(cache / "packs" / packing.settings, fill, needed_bytes=needed, remedy=_REMEDY)


def _pack_to(packing: "_Packing", to: Path) -> Pack:
    source = packing.source
    final = to / (re.sub(r"[^\w.-]+", "_", source.split).strip("._") or "split")
    if peek_manifest(to) is not None:
        raise OptionError("to", found=f"{to} is a pack", expected="a folder for packs", remedy="pass another folder")
    alike = [path.name for path in (to.iterdir() if to.is_dir() else ()) if path.name.lower() == final.name.lower()]
    if alike and alike != [final.name]:  # one folder on the disks of macOS and Windows
        found = f"{to / alike[0]} exists, whose name differs in upper and lower case alone"
        raise OptionError("to", found=found, remedy="pass another folder")
    if os.path.lexists(final):
        fingerprint = fingerprint_of(source, hash_files(source, packing.threads), packing.coding)
        if (peek_manifest(final) or {}).get("fingerprint") != fingerprint:
            raise OptionError("to", found=f"{final} exists, and is not this pack", remedy="pass another folder")
        return Pack(final)

    def fill(folder: Path) -> None:
        packing.write_to(folder)

    packing.announce(to)
    return Pack(publish(final, fill, needed_bytes=packing.needed_bytes))


def _open_used(folder: Path) -> Pack:
    """Open a pack by its fingerprint; if the cache is writable, note when, and remove what killed processes left."""
    with contextlib.suppress(OSError):
        os.utime(folder / MANIFEST)
    pack = Pack(folder)
    if pack.manifest["fingerprint"] != folder.name:
        raise PackError(
            str(folder),
            found=f"the pack {pack.manifest['fingerprint']}",
            expected="the one that the folder is named after",
            remedy=PACK_AGAIN,
        )
    sweep(folder.with_name(pack.manifest["settings"]))
    return pack


@dataclass(frozen=True, eq=False)
class _Packing:
    """A source on its way into a pack."""

    source: Source
    coded: bool
    threads: int | None

    @property
    def coding(self) -> str:
        return "stored" if self.coded else "raw"

    @cached_property
    def settings(self) -> str:
        return settings_digest(self.source, self.coding)

    @cached_property
    def _decoded_bytes(self) -> int:
        return int(self.source.sizes.astype(np.int64).prod(axis=1).sum()) * (3 + self.source.legend.dtype.itemsize)

    @cached_property
    def _stored_bytes(self) -> int:
        """How long the files are; parts of one archive count as the whole archive, once."""
        blobs = [blob for sample in self.source.samples for blob in (sample.photo, sample.mask) if blob is not None]
        archives = {blob.stamp[3]: blob.stamp[0] for blob in blobs if not isinstance(blob, File)}
        return sum(archives.values()) + sum(blob.stamp[0] for blob in blobs if isinstance(blob, File))

    @property
    def needed_bytes(self) -> int:
        return self._stored_bytes if self.coded else self._decoded_bytes

    @property
    def is_smaller_coded(self) -> bool:
        return not self.coded and self._stored_bytes < self._decoded_bytes

    def announce(self, folder: Path) -> None:
        """Say how much will be written where, and how to avoid it."""
        stored = describe_bytes(self._stored_bytes)
        smaller = f", coded=True (--coded) about {stored}" if self.is_smaller_coded else ""
        _log.warning(
            f"{self.source.name} {self.source.split}: packing writes about {describe_bytes(self.needed_bytes)} to "
            f"{folder}; pack=False (--no-pack) writes nothing{smaller}"
        )

    def write_to(self, folder: Path) -> str:
        """Write parts and table, then the manifest, which marks them as whole; return the fingerprint."""
        rows, lengths = writer.write_parts(self.source, folder, coded=self.coded, threads=self.threads)
        hashes = [(row["photo_sha256"], row["mask_sha256"]) for row in rows]
        fingerprint = fingerprint_of(self.source, hashes, self.coding)
        table = writer.write_table(folder, rows)
        writer.write_manifest(folder, self._describe(fingerprint, lengths) | table)
        return fingerprint

    def _describe(self, fingerprint: str, part_bytes: list[int]) -> dict[str, Any]:
        """Return the fields of the manifest."""
        source = self.source
        return {
            "fingerprint": fingerprint,
            "settings": self.settings,
            "name": source.name,
            "root": str(source.root),
            "source_format": source.format,
            "split": source.split,
            "task": source.task,
            "unknown": source.unknown,
            "orientation": source.orientation,
            "has_masks": source.has_masks,
            "legend": source.legend.to_json(),
            "coding": {"photo": self.coding, "mask": self.coding},
            "count": len(source),
            "parts": part_bytes,
            "bytes": sum(part_bytes),
            "decoders": decoder_versions(),
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }
