"""Columns: Parquet and Arrow files with a column of photos and one of masks, as Hugging Face's `datasets` writes them.

data/train-00000-of-00002.parquet           splits by the files' names (train.parquet is one, too)
train/0000.parquet, train/*.arrow           splits by folders
dataset_dict.json, train/state.json         `save_to_disk` of several splits, or of one
id2label.json                               optional: stored value -> class name

A picture is a struct of bytes and path, or bytes alone. `legend` in a table's own metadata, as `segfeed export` writes
it, says what masks mean, else id2label.json beside the tables; else the person must. A column of class labels does not
say it: those are classes of whole photos.

Source: Hugging Face datasets, "Image" feature; transformers, "Semantic segmentation" (id2label.json).
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from segfeed.datasets.blobs import read_file
from segfeed.datasets.legends.files import MAX_LEGEND_BYTES, legend_of_json, list_named
from segfeed.datasets.matching.folders import is_to_predict, pair_blobs
from segfeed.datasets.matching.table_files import find_tables
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.datasets.tables.cells import Table, open_table
from segfeed.errors import SourceError
from segfeed.pixels.legend import Legend

_PHOTOS = ("image", "photo", "picture", "img", "pixel_values")
_MASKS = (
    "mask", "label", "labels", "annotation", "annotations", "segmentation", "segmentation_mask", "seg_mask", "semantic",
    "semantic_mask", "semantic_segmentation", "label_map", "ground_truth", "gt", "seg", "segmap", "seg_map",
    "segmentation_map",
)  # fmt: skip
_OWN_KEY = "key"  # as `segfeed export` calls it
_KEYS = (_OWN_KEY, "id", "image_id", "file_name", "filename")
_KEY = re.compile(r'(?!\.)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\:*?"<>|]+')  # a file's name on every system
_OWN_PACK = "tile_xxh3"  # a column that only the tables of segfeed's packs have


@dataclass(frozen=True, slots=True)
class _Columns:
    """The names of the columns of bytes of photos and masks; a dot leads into a struct."""

    photo: str
    mask: str | None


def recognise(path: Path) -> Recognised | None:
    """Find tables with a column of photos and one of masks; the path of a table itself needs no such names."""
    tables = find_tables(path)
    if not tables:
        return None
    first = next(iter(tables.values()))[0]
    schema = open_table(first).schema
    names = [name for name, _ in _pictures(schema)]
    if _OWN_PACK in schema.names or not (os.path.isfile(path) or ({*names} & {*_PHOTOS} and {*names} & {*_MASKS})):
        return None
    return Recognised(path, f"{Path(first).name} has columns of pictures: {', '.join(names) or 'none'}")


def split_names(root: Path) -> list[str]:
    """List the splits that have tables."""
    return list(find_tables(root))


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's pictures: one sample a row, in the order of the rows.

    Raises:
        SourceMissingError: if a table of the split is missing.
        SourceError: if a table is damaged, or its columns cannot be told.
    """
    tables = [open_table(path) for path in find_tables(root)[split]]
    columns = _choose(tables[0], split)
    if odd := next((table for table in tables if _choose(table, split) != columns), None):
        raise SourceError(
            odd.path,
            found=f"other columns than {tables[0].path} ({columns.photo}, {columns.mask})",
            expected="the same in every table of a split",
            remedy="write them again alike",
        )
    keys = _read_keys(tables, columns, split)
    photos = [blob for table in tables for blob in table.blobs(columns.photo)]
    masks = [blob for table in tables for blob in table.blobs(columns.mask)] if columns.mask else [None] * len(photos)
    if not any(photos):
        raise SourceError(
            tables[0].path,
            found="its photos are paths of other files, or nothing",
            expected="their bytes",
            remedy="save the dataset with save_to_disk() or push_to_hub(), which put the bytes into the tables",
        )
    samples, missing = pair_blobs(
        keys, (str(root), photos), None if is_to_predict(split, masks) else (str(root), masks)
    )
    return SplitFiles(
        samples, missing, lambda: _own_legend(root, tables[0].schema), expected_legend="id2label.json beside the tables"
    )


def _pictures(schema: pa.Schema) -> list[tuple[str, str]]:
    """List the columns that may hold pictures: (name in lower case, column of bytes)."""
    return [(field.name.casefold(), column) for field in schema if (column := _bytes_column(field))]


def _bytes_column(field: pa.Field) -> str | None:
    kind = field.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        inner = _bytes_column(kind.field("bytes"))
        return f"{field.name}.{inner}" if inner == "bytes" else None
    return str(field.name) if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else None


def _choose(table: Table, split: str) -> _Columns:
    """Choose the columns of photos and masks by their names."""
    pictures = _pictures(table.schema)
    names = ", ".join(column.partition(".")[0] for _, column in pictures)
    photos, masks = ([column for name, column in pictures if name in words] for words in (_PHOTOS, _MASKS))
    if len(photos) != 1 or len(masks) > 1 or not (masks or split.startswith("test")):
        raise SourceError(
            table.path,
            found=f"columns of pictures are {names or 'none'}",
            expected=f"one of photos ({', '.join(_PHOTOS)}) and one of masks ({', '.join(_MASKS)}), each with the "
            "bytes of picture files",
            remedy="rename or drop columns",
        )
    return _Columns(photos[0], masks[0] if masks else None)


def _read_keys(tables: Sequence[Table], columns: _Columns, split: str) -> list[str]:
    """Return the keys of the rows: a column of keys, else the names of the photos, else numbers."""
    wanted = [name for word in _KEYS for name in tables[0].schema.names if name.casefold() == word]
    if columns.photo.endswith(".bytes"):
        wanted.append(f"{columns.photo.removesuffix('.bytes')}.path")
    wanted = [column for column in wanted if all(table.has(column) for table in tables)]
    for column in wanted:
        texts = [text for table in tables for text in table.texts(column)]
        keys = [text if column == _OWN_KEY else _stem(text) for text in texts if text]
        are_names = len(set(keys)) == len(texts) and all(map(is_key if column == _OWN_KEY else _KEY.fullmatch, keys))
        if are_names and (column == _OWN_KEY or not _are_row_numbers(keys)):
            return keys
    count = sum(table.count for table in tables)
    return [f"{split}_{row:0{len(str(count))}}" for row in range(count)]


def is_key(text: str) -> bool:
    """Check whether a text can be a key in the column of keys: a file's name on every system, perhaps in subfolders.

    >>> is_key("scene 1/a..b"), is_key("../a"), is_key("a:b")
    (True, False, False)
    """
    return all(map(_KEY.fullmatch, text.split("/")))


def _are_row_numbers(keys: Sequence[str]) -> bool:
    """Check whether keys only count the rows: if so, two splits would seem to share samples."""
    numbers = sorted(int(key) for key in keys if key.isdecimal() and len(key) < 10)
    return numbers in (list(range(len(keys))), list(range(1, len(keys) + 1)))


def _stem(text: str) -> str:
    path = PurePosixPath(text.replace("\\", "/"))
    return path.stem if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".webp") else path.name


def _own_legend(root: Path, schema: pa.Schema) -> Legend | None:
    if described := (schema.metadata or {}).get(b"legend"):
        return legend_of_json(described, f"{root}: `legend` in the tables' metadata", root.stem)
    for path in list_named(root.parent if os.path.isfile(root) else root, ("id2label.json",)):
        return legend_of_json(read_file(path, MAX_LEGEND_BYTES), str(path), root.stem)
    return None
