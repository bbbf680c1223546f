"""Packs: decoded pairs in one memory-mapped file, made once, shared by every process, never modified.

A pack's folder is named by a fingerprint of everything that decides its contents, so a changed mask, list or legend
leads to another folder. Hashing every file at each start would be slow, so a fingerprint is remembered under a stamp of
all files (size, times, inode); the stamp is a shortcut to a recorded fingerprint, never the truth itself.
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from segfeed.datasets.source import Source, source_digests
from segfeed.errors import LegendError, PackError, SegfeedError, SourceChangedError
from segfeed.packs.fingerprints import (
    FileHashes,
    fingerprint_of,
    hash_files,
    hash_pair,
    hash_record,
    newest_ns,
    settings_digest,
    stamp_of_source,
)
from segfeed.packs.manifest import MANIFEST, PACK_AGAIN, ROWS, peek_manifest, read_manifest, write_manifest
from segfeed.packs.rows import FORMAT_VERSION, MappedRows, hash_frame, map_rows
from segfeed.packs.writer import Record, RowWriter
from segfeed.pixels.codec import decoder_versions
from segfeed.pixels.lookup import Encoder, count_labels
from segfeed.pixels.objects import encoder_from_json
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.system.storage import cache_folder, publish, sweep, write_over
from segfeed.system.work import in_order, show_progress, worker_count

_RECENT_NS = 2_000_000_000  # a file that changed within the last 2 s may change again without a new time stamp
_REMEDY = "or pass pack=False to decode on the fly without writing anything"


class Pack:
    """A pack, opened: like a source it offers `sizes`, `legend`, `keys` and `read`, but reading decodes nothing.

    Args:
        folder: the pack's own folder.

    Raises:
        PackError: if the folder does not hold a whole pack of this format version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        try:
            self.legend: Encoder = encoder_from_json(self.manifest["legend"])
        except (LegendError, KeyError) as error:
            raise PackError(
                str(folder), found=f"a manifest without a readable legend ({_reason(error)})", remedy=PACK_AGAIN
            ) from error
        self._rows: MappedRows | None = map_rows(folder / ROWS, self.legend.dtype)
        if hash_frame(self._rows) != self.manifest["frame_xxh3"]:
            raise PackError(
                str(folder / ROWS),
                found=f"keys, sizes, counts or hashes that do not fit the checksum in {MANIFEST}",
                remedy=PACK_AGAIN,
            )
        self._verified = np.zeros(len(self._rows.sizes), bool)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        return f"Pack({self.name} {self.split}: {self.manifest['count']} pairs, {self.folder})"

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        """Pickle the folder's path: the process that unpickles maps the same files."""
        return type(self), (self.folder,)

    def close(self) -> None:
        """Let go of the mapped file; views that were handed out keep it until they are gone."""
        self._rows = None

    @property
    def rows(self) -> MappedRows:
        """The mapped rows.

        Raises:
            PackError: if the pack was closed.
        """
        if self._rows is None:
            raise PackError(str(self.folder), found="a pack that was closed", remedy="open it again")
        return self._rows

    @property
    def sizes(self) -> npt.NDArray[np.int32]:
        """int32 (N, 2), (height, width) of each pair in px."""
        return self.rows.sizes

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The samples' keys, in order."""
        return tuple(self.rows.table["key"].to_pylist())

    @cached_property
    def pixels(self) -> npt.NDArray[np.int64]:
        """Pixels of each class, then of void, in each pair: int64 (N, classes + 1); (N, 0) for object ids."""
        column = self.rows.table["pixels"].combine_chunks()
        return np.asarray(column.flatten()).reshape(len(self), -1)

    @cached_property
    def content(self) -> str:
        """The SHA-256 of what all photos and masks held when they were packed, in order; a source does not know it."""
        digest = hashlib.sha256()
        for column in ("photo_sha256", "mask_sha256"):
            for found in self.rows.table[column].to_pylist():
                digest.update(found or b"no mask")
        return digest.hexdigest()

    @property
    def split(self) -> str:
        """The split's name."""
        return str(self.manifest["split"])

    @property
    def task(self) -> str:
        """The task, "semantic" or "instance"."""
        return str(self.manifest["task"])

    @property
    def name(self) -> str:
        """The name of the dataset that was packed."""
        return str(self.manifest["name"])

    @property
    def has_masks(self) -> bool:
        """Whether the samples had masks."""
        return bool(self.manifest["has_masks"])

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of everything that a saved state must fit; equal to the source's."""
        return source_digests(self.keys, self.sizes, self.legend.digest, self.split, self.task)

    def read(self, index: int) -> Pair:
        """View a pair in the mapped file: image uint8 (H, W, 3), labels (H, W), both read-only.

        Raises:
            PackError: as `stored`.
        """
        self._verify(np.array([index]))
        return self.rows.pair(index)

    def read_ahead(self, samples: npt.NDArray[np.int64]) -> None:
        """Ask the system to read pairs that are needed soon; return at once, and take no private memory."""
        self.rows.read_ahead(samples)

    def stored(self, samples: npt.NDArray[np.int64]) -> StoredPairs:
        """Return where pairs lie in the mapped file, so that a whole batch is filled in one call.

        Raises:
            PackError: if the file was cut short since it was mapped, or a pair does not fit its checksum.
        """
        self._verify(samples)
        return self.rows.stored(samples)

    def _verify(self, samples: npt.NDArray[np.int64]) -> None:
        """Compare pairs with their checksums, each once, when it is first read: a tenth of a millisecond."""
        self.rows.check_whole()
        fresh = samples[samples >= 0]
        for index in fresh[~self._verified[fresh]].tolist():
            if hash_record(self.rows.pair(index)) != self.rows.checksums[index]:
                raise PackError(
                    str(self.folder / ROWS),
                    found=f"sample {self.keys[index]}: the stored pixels do not fit their checksum",
                    remedy=PACK_AGAIN,
                )
            self._verified[index] = True


def make_pack(source: Source, *, cache_dir: str | os.PathLike[str] | None = None, threads: int | None = None) -> Pack:
    """Open the pack of a source; make it first if there is none.

    Args:
        source: what `segfeed.scan` found.
        cache_dir: where packs lie; $SEGFEED_CACHE or the user's cache folder if None.
        threads: how many decode at once; all cores if None.

    Returns:
        pack: mapped, shared with every process that opens it.

    Raises:
        SourceError: if a file of the source is damaged or changed under way; nothing is published.
        StorageError: if there is too little free space, or the cache folder cannot be written.
    """
    cache = cache_folder(cache_dir)
    if (known := find_pack(source, cache_dir=cache_dir)) is not None:
        return known
    started_ns = time.time_ns()
    folder = _equal_pack(source, cache, threads) or _publish_pack(source, cache, threads)
    pack = _open_used(folder)
    if newest_ns(source) < started_ns - _RECENT_NS:
        stamp = cache / "stamps" / stamp_of_source(source)
        with contextlib.suppress(OSError):  # a disk that is full by now: the next start hashes the files again
            sweep(stamp)
            write_over(stamp, folder.name.encode())
    return pack


def _equal_pack(source: Source, cache: Path, threads: int | None) -> Path | None:
    """Find a pack of equal contents, made from other files; hash files only if a pack of equal settings exists."""
    settings = settings_digest(source)
    if not any((peek_manifest(folder) or {}).get("settings") == settings for folder in find_packs(cache)):
        return None
    folder = cache / "packs" / fingerprint_of(source, hash_files(source, threads))
    return folder if (folder / MANIFEST).is_file() else None


def _publish_pack(source: Source, cache: Path, threads: int | None) -> Path:
    """Pack under a temporary name; the fingerprint, which is known at the end, becomes the folder's name."""
    needed = int(source.sizes.astype(np.int64).prod(axis=1).sum()) * (3 + source.legend.dtype.itemsize)
    packing = _Packing(source, threads)
    return publish(cache / "packs" / settings_digest(source), packing.write_to, needed_bytes=needed, remedy=_REMEDY)


def find_pack(source: Source, *, cache_dir: str | os.PathLike[str] | None = None) -> Pack | None:
    """Open the pack of a source if it is known without reading the source's files; None if it is not."""
    cache = cache_folder(cache_dir)
    folder = recorded_pack(cache / "stamps" / stamp_of_source(source))
    if folder is None:
        return None
    try:
        pack = _open_used(folder)
    except PackError:
        if folder.exists():
            raise
        return None  # pruned by another process this very moment
    return pack if pack.manifest["settings"] == settings_digest(source) else None


def is_packed(source: Source, *, cache_dir: str | os.PathLike[str] | None = None) -> bool:
    """Check whether a pack of a source as its files are now is recorded, without opening it."""
    return recorded_pack(cache_folder(cache_dir) / "stamps" / stamp_of_source(source)) is not None


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


def last_used_s(folder: Path) -> float:
    """Return when a pack was last opened through `make_pack`, in seconds since the epoch."""
    return (folder / MANIFEST).stat().st_mtime


def find_packs(cache_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """List the folders of all packs in a cache, of any format version, by dataset and split."""
    folders = [path.parent for path in (cache_folder(cache_dir) / "packs").glob(f"[!.]*/{MANIFEST}")]
    named = {folder: manifest for folder in folders if (manifest := peek_manifest(folder)) is not None}
    return sorted(named, key=lambda folder: (*(str(named[folder].get(word)) for word in ("name", "split")), folder))


@dataclass(frozen=True, eq=False)
class _Packing:
    """A source on its way into a pack."""

    source: Source
    threads: int | None

    def write_to(self, folder: Path) -> str:
        """Write rows, then the manifest, which marks them as whole; return the fingerprint."""
        described = {"segfeed": str(FORMAT_VERSION), "legend": json.dumps(self.source.legend.to_json())}
        described |= {"split": self.source.split, "task": self.source.task}
        legend, sizes = self.source.legend, self.source.sizes
        writer = RowWriter(folder / ROWS, described, sizes, legend.dtype, self.outline, worker_count(self.threads))
        hashes: FileHashes = []

        def put(number: int) -> list[Record]:
            stretch = writer.lease(number)
            records = [self.decode(index, pair) for index, pair in enumerate(stretch.pairs, stretch.first)]
            writer.put(stretch)
            return records

        try:
            with show_progress(f"packing {self.source.name} {self.source.split}", len(self.source)) as advance:
                for records in in_order(put, len(writer.stretches), self.threads):
                    for record in records:
                        writer.write(record)
                        hashes.append((record.photo_sha256, record.mask_sha256))
                    advance(len(records))
            writer.finish()
        finally:
            writer.abandon()
        fingerprint = fingerprint_of(self.source, hashes)
        write_manifest(folder, self.describe(folder, fingerprint))
        return fingerprint

    def outline(self, index: int) -> Record:
        """Return a record as long as a sample's will be."""
        sample, names = self.source.samples[index], self.source.legend.names
        counts = np.zeros(len(names) + 1 if names else 0, np.int64)
        return Record(sample.key, counts, bytes(16), bytes(32), None if sample.mask is None else bytes(32))

    def decode(self, index: int, out: Pair) -> Record:
        """Read, check, decode and hash one sample; write its pixels to `out`."""
        sample = self.source.samples[index]
        photo = sample.photo.read()
        mask = None if sample.mask is None else sample.mask.read()
        for blob in (sample.photo, sample.mask):
            # The plan, the free space and the stamp were taken from the file as it was scanned.
            if blob is not None and not blob.is_unchanged():
                raise SourceChangedError(
                    blob.name,
                    found=f"sample {sample.key} changed since the source was scanned",
                    remedy="scan it again, and pack when nothing writes to it",
                )
        pair = self.source.decode(index, photo, mask, out)
        return Record(sample.key, _count_classes(pair, self.source.legend), hash_record(pair), *hash_pair(photo, mask))

    def describe(self, folder: Path, fingerprint: str) -> dict[str, Any]:
        """Return the fields of the manifest."""
        source = self.source
        return {
            "fingerprint": fingerprint,
            "settings": settings_digest(source),
            "name": source.name,
            "root": str(source.root),
            "source_format": source.format,
            "split": source.split,
            "task": source.task,
            "unknown": source.unknown,
            "has_masks": source.has_masks,
            "legend": source.legend.to_json(),
            "count": len(source),
            "frame_xxh3": hash_frame(map_rows(folder / ROWS, source.legend.dtype)),
            "decoders": decoder_versions(),
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }


def _count_classes(pair: Pair, legend: Encoder) -> npt.NDArray[np.int64]:
    """Count pixels: int64 (classes + 1,), of each class, then of void; (0,) for object ids."""
    if not legend.names:
        return np.zeros(0, np.int64)
    return count_labels(pair.labels)[[*range(len(legend.names)), legend.void]]


def _reason(error: Exception) -> str:
    """Describe an error in a clause."""
    return error.found if isinstance(error, SegfeedError) else f"{type(error).__name__}: {error}"


def recorded_pack(stamp: Path) -> Path | None:
    """Return the folder of the whole pack that a stamp names; None if there is none."""
    packs = stamp.parents[1] / "packs"
    try:
        folder = packs / stamp.read_text()
        return folder if folder.parent == packs and (folder / MANIFEST).is_file() else None
    except (OSError, ValueError):
        return None
