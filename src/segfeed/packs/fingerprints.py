"""Fingerprints: what decides a pack's contents, hashed; and the stamps that save hashing it at each start.

A fingerprint is taken from the files' bytes, the list, the legend, the task, the pack format and the decoders'
versions. A stamp is taken from what the system says of the files (size, times, inode): a shortcut to a recorded
fingerprint, never the truth itself.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from segfeed.datasets.packed.manifest import FORMAT_VERSION
from segfeed.datasets.source import Source
from segfeed.pixels.codec import decoder_versions
from segfeed.system.work import in_order, show_progress

_DAY_NS = 86_400 * 10**9

FileHashes = list[tuple[bytes, bytes | None]]


def hash_pair(photo: bytes, mask: bytes | None) -> tuple[bytes, bytes | None]:
    """Hash the bytes of a photo file and of its mask file: SHA-256."""
    return hashlib.sha256(photo).digest(), None if mask is None else hashlib.sha256(mask).digest()


def hash_files(source: Source, threads: int | None) -> FileHashes:
    """Read and hash every file of a source."""

    def hash_sample(index: int) -> tuple[bytes, bytes | None]:
        sample = source.samples[index]
        return hash_pair(sample.photo.read(), None if sample.mask is None else sample.mask.read())

    hashes = []
    with show_progress(f"hashing {source.name} {source.split}", len(source)) as advance:
        for found in in_order(hash_sample, len(source), threads):
            hashes.append(found)
            advance(1)
    return hashes


def _settings(source: Source, coding: str) -> dict[str, Any]:
    """Return what decides a pack's contents besides the files' bytes."""
    return {
        "version": FORMAT_VERSION,
        "coding": coding,
        "orientation": source.orientation,
        "decoders": decoder_versions(),
        "legend": source.legend.digest,
        "unknown": source.unknown,
        "task": source.task,
        "split": source.split,
        "keys": source.keys,
    }


def settings_digest(source: Source, coding: str = "raw") -> str:
    """Hash what decides a pack's contents besides the files' bytes."""
    return hashlib.sha256(json.dumps(_settings(source, coding), sort_keys=True).encode()).hexdigest()


def fingerprint_of(source: Source, hashes: FileHashes, coding: str = "raw") -> str:
    """Hash everything that decides a pack's contents; it names the pack's folder."""
    digest = hashlib.sha256(settings_digest(source, coding).encode())
    for photo, mask in hashes:
        digest.update(photo + (mask or b"\0"))
    return digest.hexdigest()


def stamp_of_source(source: Source, coding: str = "raw") -> str:
    """Hash the settings, and what the system said of every file when the source was scanned."""
    return next(stamps_of_source(source, (coding,)))


def stamps_of_source(source: Source, codings: Iterable[str]) -> Iterator[str]:
    """Yield the stamps of a source, packed in several codings."""
    blobs = [blob for sample in source.samples for blob in (sample.photo, sample.mask) if blob is not None]
    listed = "\0".join([blob.address for blob in blobs]) + "\0".join([str(blob.stamp) for blob in blobs])
    for coding in codings:
        settings = settings_digest(source, coding)
        yield hashlib.sha256(f"{settings}{listed}".encode("utf-8", "surrogateescape")).hexdigest()


def newest_ns(source: Source) -> int:
    """Return when a file of a source last changed, in nanoseconds since the epoch.

    A clock may be a little fast. A time more than a day ahead was set by somebody, and says nothing. If it counted,
    the files would be hashed at every start until that day.
    """
    tomorrow = time.time_ns() + _DAY_NS
    blobs = (blob for sample in source.samples for blob in (sample.photo, sample.mask) if blob is not None)
    return max((when for blob in blobs for when in blob.stamp[1:3] if when < tomorrow), default=0)
