"""The manifest: sealed by a checksum, and taken for one only where it fits the rows beside it."""

import json

import pytest

from segfeed.errors import PackError
from segfeed.packs.manifest import MANIFEST, ROWS, peek_manifest, read_manifest, write_manifest

DESCRIBED = {"name": "tiny", "split": "train", "count": 3}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ROWS).write_bytes(b"three rows")
    write_manifest(tmp_path, DESCRIBED)
    return tmp_path


def change(folder, **fields):
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_what_was_written_is_read(folder):
    manifest = read_manifest(folder)
    assert DESCRIBED.items() <= manifest.items()
    assert (manifest["format"], manifest["version"], manifest["bytes"]) == ("segfeed pack", 1, 10)
    assert peek_manifest(folder) == manifest


@pytest.mark.parametrize(("field", "value"), [("split", "val"), ("count", 4), ("bytes", 10.0), ("added", 1)])
def test_a_field_that_was_changed_does_not_fit_the_checksum(folder, field, value):
    change(folder, **{field: value})
    with pytest.raises(PackError) as caught:
        read_manifest(folder)
    assert (caught.value.where, caught.value.remedy) == (str(folder / MANIFEST), "remove the folder and pack again")
    assert "do not fit their checksum" in caught.value.found


def test_rows_of_another_length_are_refused(folder):
    (folder / ROWS).write_bytes(b"four rows now")
    with pytest.raises(PackError) as caught:
        read_manifest(folder)
    assert (caught.value.where, caught.value.remedy) == (str(folder / ROWS), "remove the folder and pack again")
    assert (caught.value.found, caught.value.expected) == ("13 bytes", "10 bytes")


def test_another_version_is_named_and_can_be_looked_at(folder):
    change(folder, version=2)
    with pytest.raises(PackError) as caught:
        read_manifest(folder)
    assert (caught.value.found, caught.value.expected) == ("pack format 2", "format 1, which this segfeed reads")
    assert peek_manifest(folder)["version"] == 2


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"name": "my browser extension", "version": 3}'])
def test_what_is_no_manifest_is_no_pack(folder, text):
    (folder / MANIFEST).write_text(text)
    assert peek_manifest(folder) is None
    with pytest.raises(PackError) as caught:
        read_manifest(folder)
    assert (caught.value.where, caught.value.remedy) == (str(folder), "remove the folder and pack again")


def test_a_manifest_is_never_written_over_another(folder):
    with pytest.raises(FileExistsError):
        write_manifest(folder, DESCRIBED)
