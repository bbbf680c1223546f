"""Packs that another program wrote: changed, with every checksum made to fit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from segfeed.datasets.packed.manifest import MANIFEST, TABLE, hash_fields
from segfeed.datasets.packed.table import hash_tile


def read_rows(folder: Path) -> pa.Table:
    """Read a pack's table as any Arrow reader does."""
    return pa.ipc.open_file((folder / TABLE).read_bytes()).read_all()


def seal(folder: Path, table: pa.Table | None = None, *, compression: str | None = None, **fields: Any) -> Path:
    """Write a pack's table and manifest again, so that their checksums fit; return the folder."""
    if table is not None:
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.OSFile(str(folder / TABLE), "wb") as file, pa.ipc.new_file(file, table.schema, options=options) as out:
            out.write_table(table)
    data = (folder / TABLE).read_bytes()
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest |= {"table_bytes": len(data), "table_xxh3": xxhash.xxh3_128_hexdigest(data), **fields}
    manifest["manifest_xxh3"] = hash_fields(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def change_rows(folder: Path, change: Callable[[list[dict[str, Any]]], Any]) -> Path:
    """Change the rows of a pack's table as Python values, and seal it."""
    table = read_rows(folder)
    rows = table.to_pylist()
    change(rows)
    return seal(folder, pa.Table.from_pylist(rows, table.schema))


def change_labels(folder: Path, index: int, value: int) -> Path:
    """Write one label over the first of an ordinary pair of 8-bit labels, and give it the checksum that fits."""
    row = read_rows(folder).to_pylist()[index]
    path, pixels = folder / f"pairs-{row['part'][0]:05d}.bin", row["height"] * row["width"]
    data = np.fromfile(path, np.uint8)
    data[row["offset"][0] + 3 * pixels] = value
    data.tofile(path)
    image, labels = np.split(data[row["offset"][0] :][: 4 * pixels], [3 * pixels])
    checksum = hash_tile((row["height"], row["width"]), image, labels)
    return change_rows(folder, lambda rows: rows[index].update(tile_xxh3=[checksum]))
