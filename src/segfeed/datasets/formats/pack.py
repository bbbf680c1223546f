"""Packs as datasets: a pack's own folder, or a folder of several splits' packs, wherever it was copied to.

manifest.json, rows.arrow, pairs-00000.bin, ...     one split
train/manifest.json, val/manifest.json, ...         several; what the manifest says is the split, not the folder's name

Photos and masks are offered as files would be: those that were packed, if the pack keeps them; else PNGs of the decoded
pixels, whose masks hold class ids. Loading from a pack does not take this way: `packs` maps it.

Source: docs/format.md.
"""

import io
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt
from PIL import Image
from zlib_ng import zlib_ng

from segfeed.datasets.blobs import Stamp, stamp_of
from segfeed.datasets.matching.folders import subfolders
from segfeed.datasets.packed.manifest import MANIFEST, TABLE, Manifest, peek_manifest, read_manifest
from segfeed.datasets.packed.table import PackTable, read_table
from segfeed.datasets.source import Recognised, Sample, SplitFiles
from segfeed.errors import MaskError, OptionError, PackError, PhotoError, SourceError
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import class_legend


@dataclass(frozen=True, slots=True)
class PackedBlob:
    """A photo or a mask in a pack.

    Attributes:
        table: the pack's.
        index: of the pair.
        what: "photo" or "mask".
        name: what it is called in messages: the packed file's name, or that of a PNG.
        stamp: of the part that holds it, when the pack was opened.
    """

    table: PackTable
    index: int
    what: Literal["photo", "mask"]
    name: str
    stamp: Stamp

    @property
    def address(self) -> str:
        """The part's path, where in it the pair begins, and which half is meant."""
        tile = self.table.firsts[self.index]
        return f"{self._path}:{self.table.offsets[tile]}:{self.what}"

    @property
    def _path(self) -> str:
        return str(self.table.manifest.part(int(self.table.parts[self.table.firsts[self.index]])))

    def is_unchanged(self) -> bool:
        """Check whether the part still has its stamp."""
        return stamp_of(self._path) == self.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the bytes, or the first ones; of a PNG no more than what declares its size, which asks for no pixel.

        Raises:
            PhotoError, MaskError: if the part is gone or was cut, or the bytes do not fit their checksum.
        """
        if limit_bytes >= 0 and self.table.is_raw:
            height, width = self.table.sizes[self.index].tolist()
            return _png_head(height, width)[:limit_bytes]
        try:
            if self.table.is_raw:
                pair = self.table.read(self.index)
                return _as_png(pair.labels if self.what == "mask" else pair.image)
            photo, mask = self.table.read_files(self.index)
        except PackError as error:
            kind = MaskError if self.what == "mask" else PhotoError
            raise kind(self.name, found=error.found, remedy=error.remedy, is_damage=True) from error
        data = (mask or b"") if self.what == "mask" else photo
        return data if limit_bytes < 0 else data[:limit_bytes]


def recognise(path: Path) -> Recognised | None:
    """Find a pack's manifest, or a folder whose folders are packs; the manifest's own path serves, too."""
    if path.name == MANIFEST and os.path.isfile(path):
        path = path.parent
    if not os.path.isdir(path):
        return None
    if peek_manifest(path) is not None:
        return Recognised(path, f"its {MANIFEST} is that of a pack")
    packs = _folders(path)
    return Recognised(path, f"{', '.join(folder.name for folder in packs[:4])} in it are packs") if packs else None


def split_names(root: Path) -> list[str]:
    """List the splits that were packed.

    Raises:
        SourceError: if two packs are of one split.
        PackError: if a manifest is damaged.
    """
    return list(_manifests(root))


def list_split(root: Path, split: str) -> SplitFiles:
    """List a pack's pairs.

    Raises:
        OptionError: if it holds object ids. PackError: if it is damaged.
    """
    return _list(root, split, "semantic")


def list_objects(root: Path, split: str) -> SplitFiles:
    """List the pairs of a pack of object ids.

    Raises:
        OptionError: if it holds class ids. PackError: if it is damaged.
    """
    return _list(root, split, "instance")


def folder_of(root: Path, split: str) -> Path:
    """Return the folder of a split's pack."""
    return _manifests(root)[split].folder


def list_pairs(table: PackTable) -> SplitFiles:
    """List the pairs of a pack whose table was read."""
    manifest = table.manifest
    stamps = [stamp_of(str(manifest.part(number))) for number in range(len(manifest.part_bytes))]
    pngs = [f"{key}.png" for key in table.keys]
    photos, their_masks = (pngs if table.is_raw else table.strings(f"{what}_name") for what in ("photo", "mask"))
    samples = []
    for index, (key, name, mask_name) in enumerate(zip(table.keys, photos, their_masks, strict=True)):
        stamp = stamps[int(table.parts[table.firsts[index]])]
        photo = PackedBlob(table, index, "photo", str(name), stamp)
        mask = None if not table.has_mask[index] else PackedBlob(table, index, "mask", str(mask_name), stamp)
        samples.append(Sample(key, photo, mask))
    return SplitFiles(tuple(samples), (), lambda: _legend(manifest), settings=_settings(manifest))


def _list(root: Path, split: str, task: str) -> SplitFiles:
    manifest = _manifests(root)[split]
    if manifest.fields["task"] != task:
        raise OptionError(
            "task",
            found=f'"{task}" for the pack {manifest.folder}',
            expected=f'"{manifest.fields["task"]}", for which it was made',
        )
    return list_pairs(read_table(manifest))


def _legend(manifest: Manifest) -> Legend | None:
    """Return what the offered masks mean: what it meant to the packed files, or the class ids themselves."""
    legend = class_legend(manifest.legend)
    if legend is None or manifest.coding == "stored":
        return legend
    ids, void = tuple(range(len(legend))), (legend.void,)
    return replace(legend, indices=ids, void_indices=void, merged=(), reading="index")


def _settings(manifest: Manifest) -> dict[str, str]:
    if manifest.coding == "raw":
        return {}
    return {word: manifest.fields[word] for word in ("unknown", "orientation")}


def _folders(root: Path) -> list[Path]:
    """List the folders in a folder that are packs, or would be if their manifest had come with the copy."""
    folders = [folder for folder in subfolders(root) if folder.name[0] != "."]
    packs = [folder for folder in folders if peek_manifest(folder) is not None]
    return sorted({*packs, *(folder for folder in folders if packs and os.path.isfile(folder / TABLE))})


def _manifests(root: Path) -> dict[str, Manifest]:
    """Read the manifests of a folder by split."""
    found: dict[str, Manifest] = {}
    for folder in [root] if peek_manifest(root) is not None else _folders(root):
        manifest = read_manifest(folder)
        split = manifest.fields["split"]
        if split in found:
            raise SourceError(
                str(root),
                found=f"two packs of split {split!r}: {found[split].folder.name} and {folder.name}",
                expected="one pack a split",
                remedy="pass the folder of the one that you mean",
            )
        found[split] = manifest
    return found


def _as_png(pixels: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


@lru_cache(maxsize=4096)
def _png_head(height: int, width: int) -> bytes:
    """Return what a PNG of RGB pixels begins with, up to its declared size. Source: PNG specification, 11.2.1 IHDR."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + zlib_ng.crc32(header).to_bytes(4, "big")
