"""The manifest of a pack: written last, so that a folder without one, or with one that does not fit, is not a pack.

It stands alone because packs of any version are listed by it, without their tables.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from segfeed.datasets.blobs import read_file
from segfeed.errors import PackError, SegfeedError, SourceError
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import encoder_from_json

FORMAT, FORMAT_VERSION = "segfeed pack", 2
MANIFEST, TABLE = "manifest.json", "rows.arrow"
"""The two files of a pack's folder beside its parts."""

PACK_AGAIN = "remove the folder and pack again"
CODINGS = ("raw", "stored")
"""How a column of pictures is kept: as decoded pixels, or as the file's own bytes."""

_MOST_BYTES = 64 << 20  # of a manifest: the names of 65,535 classes take 5

PIXEL_TYPE = {"channels": 3, "dtype": "uint8"}


@dataclass(frozen=True)
class Manifest:
    """What a pack says of itself.

    Attributes:
        folder: where the pack lies.
        fields: all that was written.
        legend: what labels mean.
        coding: "raw" for decoded pixels, "stored" for the files' own bytes.
        part_bytes: the length of each part.
        tile_px: height and width of a tile.
        count: how many pairs.
    """

    folder: Path
    fields: Mapping[str, Any]
    legend: Encoder
    coding: str
    part_bytes: tuple[int, ...]
    tile_px: int
    count: int

    def part(self, number: int) -> Path:
        """Return the path of a part."""
        return self.folder / part_name(number)


def part_name(number: int) -> str:
    """Return the name of a part's file.

    >>> part_name(3)
    'pairs-00003.bin'
    """
    return f"pairs-{number:05d}.bin"


def hash_fields(manifest: Mapping[str, Any]) -> str:
    """Hash a manifest's fields, except this hash itself: XXH3-128 of them as JSON with sorted keys."""
    fields = {name: value for name, value in manifest.items() if name != "manifest_xxh3"}
    return xxhash.xxh3_128_hexdigest(json.dumps(fields, sort_keys=True).encode())


def peek_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a pack of any format version; None if the folder is not a pack of segfeed."""
    try:
        manifest = json.loads(read_file(folder / MANIFEST, _MOST_BYTES))
    except (ValueError, RecursionError):  # a SourceError, too
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None


def is_closed(folder: Path) -> bool:
    """Check whether a pack may not be read, as one that another user made for himself alone; it may well be whole."""
    try:
        read_file(folder / MANIFEST, _MOST_BYTES)
    except SourceError as error:
        return isinstance(error.__cause__, PermissionError)
    return False


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a whole pack of this format version, and check that table and parts are as long as it says.

    Raises:
        PackError: if the folder does not hold one.
    """
    try:
        fields = json.loads(read_file(folder / MANIFEST, _MOST_BYTES))
        version = fields["version"] if fields["format"] == FORMAT else None
    except SourceError as error:
        is_there = os.path.lexists(folder)
        raise PackError(
            str(folder),
            found=f"no whole pack ({MANIFEST}: {error.found})" if is_there else "no such folder",
            expected=error.expected,
            remedy=f"copy the whole folder again, or {PACK_AGAIN}" if is_there else "check the path, or pack again",
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        found = f"no whole pack ({type(error).__name__}: {error})"
        raise PackError(str(folder), found=found, remedy=PACK_AGAIN) from error
    if version != FORMAT_VERSION:
        is_newer = isinstance(version, int) and version > FORMAT_VERSION
        raise PackError(
            str(folder),
            found=f"pack format {version}",
            expected=f"format {FORMAT_VERSION}, which this segfeed reads",
            remedy="update segfeed, or pack again elsewhere" if is_newer else PACK_AGAIN,
        )
    if hash_fields(fields) != fields.get("manifest_xxh3"):
        raise PackError(
            str(folder / MANIFEST),
            found="fields that do not fit their checksum, changed by the disk or by hand",
            remedy=PACK_AGAIN,
        )
    manifest = _understand(folder, fields)
    _check_length(folder / TABLE, fields["table_bytes"])
    for number, size in enumerate(manifest.part_bytes):
        _check_length(manifest.part(number), size)
    return manifest


def _understand(folder: Path, fields: dict[str, Any]) -> Manifest:
    try:
        coding, legend = fields["coding"]["photo"], encoder_from_json(fields["legend"])
        parts, tile_px, count = tuple(fields["parts"]), fields["tile_px"], fields["count"]
        reason = _find_fault(fields, coding, [*parts, tile_px, count, fields["table_bytes"], len(parts)])
    except (SegfeedError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = error.found if isinstance(error, SegfeedError) else f"{type(error).__name__}: {error}"
    if reason:
        found = f"a manifest that cannot be understood ({reason})"
        raise PackError(str(folder), found=found, remedy=PACK_AGAIN)
    return Manifest(folder, fields, legend, coding, parts, tile_px, count)


def _find_fault(fields: dict[str, Any], coding: str, numbers: list[Any]) -> str:
    if fields["pixel_type"] != PIXEL_TYPE:
        return f"pixels of {fields['pixel_type']}, where this segfeed reads {PIXEL_TYPE}"
    if not all(type(number) is int and 0 < number < 2**62 for number in numbers):
        return "lengths or counts that are not whole numbers above 0"
    if coding not in CODINGS or fields["coding"] != {"photo": coding, "mask": coding}:
        return f"the coding {fields['coding']}"
    words = ("fingerprint", "settings", "name", "split", "task", "unknown", "orientation", "table_xxh3")
    if not all(isinstance(fields[word], str) for word in words) or not isinstance(fields["has_masks"], bool):
        return "words that are not texts"
    return ""


def _check_length(path: Path, expected: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        found = f"it cannot be read ({error.strerror})"
        raise PackError(
            str(path), found=found, expected=f"{expected} bytes", remedy=f"copy the whole folder again, or {PACK_AGAIN}"
        ) from error
    if size != expected:
        raise PackError(
            str(path),
            found=f"{size} bytes",
            expected=f"{expected} bytes",
            remedy=f"copy the whole folder again, or {PACK_AGAIN}",
        )
