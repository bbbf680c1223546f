"""The manifest: sealed by a checksum, and taken for one only if it fits the files beside it."""

import json
import os
import signal

import pytest

import segfeed
from segfeed import make_pack, scan
from segfeed.datasets.packed.manifest import MANIFEST, TABLE, hash_fields, peek_manifest, read_manifest
from segfeed.errors import PackError, SourceError
from segfeed.packs.writer import write_manifest


@pytest.fixture
def folder(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9)]})
    return make_pack(scan(root), cache_dir=tmp_path / "cache").folder


def change(folder, *, seal=False, **fields):
    path = folder / MANIFEST
    changed = json.loads(path.read_text()) | fields
    if seal:
        changed["manifest_xxh3"] = hash_fields(changed)
    path.write_text(json.dumps(changed))


def refusal(folder):
    with pytest.raises(PackError) as caught:
        read_manifest(folder)
    assert caught.value.remedy.endswith(("remove the folder and pack again", "or pack again elsewhere"))
    return caught.value


def test_what_was_written_is_read(folder):
    manifest = read_manifest(folder)
    fields = manifest.fields
    assert (fields["format"], fields["version"], manifest.count) == ("segfeed pack", 2, 2)
    assert fields["pixel_type"] == {"channels": 3, "dtype": "uint8"}
    assert fields["coding"] == {"photo": "raw", "mask": "raw"}
    assert manifest.part_bytes == ((folder / "pairs-00000.bin").stat().st_size,)
    assert fields["table_bytes"] == (folder / TABLE).stat().st_size
    assert peek_manifest(folder) == fields


@pytest.mark.parametrize(("field", "value"), [("split", "val"), ("count", 4), ("bytes", 10.0), ("added", 1)])
@pytest.mark.slow
def test_a_field_that_was_changed_does_not_fit_the_checksum(folder, field, value):
    change(folder, **{field: value})
    error = refusal(folder)
    assert error.where == str(folder / MANIFEST)
    assert "do not fit their checksum" in error.found


@pytest.mark.parametrize("name", [TABLE, "pairs-00000.bin"])
@pytest.mark.slow
def test_a_file_of_another_length_or_none_is_named(folder, name):
    path = folder / name
    before = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-3])
    error = refusal(folder)
    assert (error.where, error.found, error.expected) == (str(path), f"{before - 3} bytes", f"{before} bytes")
    path.unlink()
    error = refusal(folder)
    assert (error.where, error.expected) == (str(path), f"{before} bytes")
    assert error.remedy.startswith("copy the whole folder again")


def test_another_version_is_named_and_can_be_looked_at(folder):
    for version, remedy in ((99, "update segfeed, or pack again elsewhere"), (1, "remove the folder and pack again")):
        change(folder, version=version)
        error = refusal(folder)
        assert (error.found, error.expected) == (f"pack format {version}", "format 2, which this segfeed reads")
        assert error.remedy == remedy  # nobody is told to remove what a newer segfeed has made
        assert peek_manifest(folder)["version"] == version


@pytest.mark.parametrize(
    "fields",
    [
        {"pixel_type": {"channels": 4, "dtype": "uint16"}}, {"coding": {"photo": "raw", "mask": "stored"}},
        {"coding": {"photo": "zstd", "mask": "zstd"}}, {"coding": None}, {"parts": []}, {"parts": [-1]}, {"parts": 3},
        {"parts": [1.5]}, {"count": 0}, {"count": True}, {"tile_px": 0}, {"tile_px": "512"}, {"table_bytes": 2**63},
        {"legend": {}}, {"legend": None}, {"legend": {"names": []}}, {"split": None}, {"has_masks": 1}, {"name": 7},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.slow
def test_a_sealed_manifest_that_says_what_no_pack_can_is_refused(folder, fields):
    change(folder, seal=True, **fields)
    error = refusal(folder)
    assert (error.where, error.found.split(" (")[0]) == (str(folder), "a manifest that cannot be understood")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize(("kind", "found"), [("pipe", "a named pipe"), ("hole", "at most"), ("link", "a link to")])
def test_a_manifest_that_is_no_file_is_neither_waited_for_nor_read(folder, kind, found):
    path = folder / MANIFEST
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "hole":
            path.touch()
            os.truncate(path, 1 << 40)
        case _:
            path.symlink_to("nowhere")
    kept = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it was waited for"))
    signal.alarm(5)
    try:
        assert peek_manifest(folder) is None
        assert found in str(refusal(folder))
        with pytest.raises(SourceError):
            segfeed.scan(folder.parent)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)


def test_a_pack_that_is_not_there_is_no_folder_to_remove(folder):
    with pytest.raises(PackError) as caught:
        read_manifest(folder / "elsewhere")
    assert (caught.value.found, caught.value.remedy) == ("no such folder", "check the path, or pack again")


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '{"name": "my browser extension", "version": 3}', "[" * 10000, '{"format": 1}']
)
@pytest.mark.slow
def test_what_is_no_manifest_is_no_pack(folder, text):
    (folder / MANIFEST).write_text(text)
    assert peek_manifest(folder) is None
    assert refusal(folder).where == str(folder)


def test_a_manifest_is_never_written_over_another(folder):
    with pytest.raises(FileExistsError):
        write_manifest(folder, {})
