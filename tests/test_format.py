"""docs/format.md: its reader reads packs without segfeed, its query answers, and its bytes are those on the disk."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sealed_packs import read_rows
from segfeed import make_pack, scan
from segfeed.datasets.packed.columns import SCHEMA
from segfeed.packs import writer
from segfeed.pixels.legend import Legend

DOCUMENT = (Path(__file__).parents[1] / "docs/format.md").read_text()
READER, QUERY = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", {"train": [(40, 60), (33, 51), (7, 5), (41, 61)]})


@pytest.mark.parametrize(("part", "tiled", "tile"), [(2**28, 2**26, 512), (11_000, 4000, 16), (11_000, 2**26, 512)])
@pytest.mark.parametrize("classes", [21, 300])
@pytest.mark.slow
def test_the_reader_of_the_document_reads_every_raw_pack(root, tmp_path, monkeypatch, part, tiled, tile, classes):
    for name, value in (("PART_BYTES", part), ("TILED_BYTES", tiled), ("TILE_PX", tile)):
        monkeypatch.setattr(writer, name, value)
    source = scan(root, legend=Legend(tuple(f"class {n}" for n in range(classes)), reading="index"))
    folder = make_pack(source, to=tmp_path / "to").folder
    assert "segfeed" not in READER
    assert len(READER.strip().splitlines()) <= 30
    made: dict = {}
    exec(READER, made)  # noqa: S102 - the document's own code
    found = list(made["read_pack"](folder))
    assert [key for key, _, _ in found] == list(source.keys)
    for index, (_, image, labels) in enumerate(found):
        np.testing.assert_array_equal(image, source.read(index).image)
        np.testing.assert_array_equal(labels, source.read(index).labels)


def test_the_query_of_the_document_counts_classes(root, tmp_path, monkeypatch, capsys):
    pytest.importorskip("duckdb")
    pack = make_pack(scan(root), to=tmp_path / "to")
    monkeypatch.chdir(pack.folder)
    made: dict = {}
    exec(QUERY, made)  # noqa: S102 - the document's own code
    assert "blocks" in capsys.readouterr().out
    rows = made["counts"].fetchall()
    assert [row[0] for row in rows] == list(range(21))
    assert [row[3] for row in rows] == pack.pixels[:, :21].sum(axis=0).tolist()
    assert [row[1] for row in rows] == (pack.pixels[:, :21] > 0).sum(axis=0).tolist()


def test_a_pack_is_these_bytes(tmp_path, write_voc):
    """Literal: what version 2 writes, other tools read, and no later change may alter."""
    folder = make_pack(scan(write_voc(tmp_path / "VOC2012", {"train": [(2, 3), (1, 2)]})), to=tmp_path / "to").folder
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "pairs-00000.bin", "rows.arrow"]
    assert (folder / "pairs-00000.bin").read_bytes() == (
        bytes([0, 0, 0, 0, 1, 0, 0, 2, 0, 1, 0, 0, 1, 1, 0, 1, 2, 0])  # red is the row, green the column
        + bytes([255, 255, 255, 1, 3, 5])
        + bytes(40)
        + bytes([0, 0, 1, 0, 1, 1])
        + bytes([255, 255])
    )
    row = read_rows(folder).to_pylist()[0]
    assert row["grid"] == [{"block": 0, "label": label, "count": 1} for label in (1, 3, 5)]
    assert (row["part"], row["offset"], row["photo_bytes"], row["mask_bytes"]) == ([0], [0], 18, 6)
    assert row["tile_xxh3"][0].hex() == "0cefd97b97037db69a53451325a172fe"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest) == set(re.findall(r"`(\w+)`", DOCUMENT.split("## manifest.json")[1].split("## Finger")[0])) - {
        "names", "photo", "mask",
    }  # fmt: skip


def test_the_document_names_every_column():
    table = DOCUMENT.split("| column | type | what |")[1].split("## Parts")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [name for cell in cells for name in re.findall(r"`(\w+)`", cell)] == SCHEMA.names
