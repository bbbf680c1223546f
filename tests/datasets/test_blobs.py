"""Blobs: bytes read where they lie, nothing else when a file changes, and no wait for what is not a file."""

import contextlib
import os
import pickle
import socket
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import segfeed
from segfeed.datasets.blobs import File, Span, read_file, stamp_of
from segfeed.errors import LegendError, PhotoError, SourceChangedError, SourceError, SourceMissingError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(range(100)))
    return path


def span(path, offset=10, size_bytes=20):
    return Span(str(path), "1.jpg", offset, size_bytes, stamp_of(str(path)))


def test_exactly_the_span_is_read(path):
    assert span(path).read() == bytes(range(10, 30))
    assert span(path).read(5) == bytes(range(10, 15))
    assert span(path).read(500) == bytes(range(10, 30))
    assert span(path, 99, 1).read() == b"\x63"
    assert span(path, 50, 0).read() == b""


def test_spans_are_told_apart_by_where_they_begin(path):
    assert span(path).address == f"{path}:10"
    assert span(path).address != span(path, 11).address
    assert pickle.loads(pickle.dumps(span(path))) == span(path)  # noqa: S301 - worker processes get their samples so


def test_change_of_the_file_is_noticed(path):
    found = span(path)
    assert found.is_unchanged()
    os.utime(path, ns=(1, 1))
    assert not found.is_unchanged()


def test_file_that_was_cut_is_refused(path):
    found = span(path)
    path.write_bytes(bytes(15))
    for read in (found.read, lambda: found.read(5)):
        with pytest.raises(SourceError) as caught:
            read()
        assert caught.value.where == str(path)


def test_span_beyond_its_file_is_refused(path):
    found = replace(span(path), size_bytes=1000)
    with pytest.raises(SourceError) as caught:
        found.read()
    assert (caught.value.where, caught.value.expected) == (str(path), "1,000 bytes")
    assert caught.value.found.startswith("1.jpg has ")


def test_file_that_is_gone_or_unreadable_is_named(path):
    found = span(path)
    path.unlink()
    with pytest.raises(SourceMissingError) as caught:
        found.read()
    assert caught.value.where.endswith("a.tar")
    assert "the file has gone" in caught.value.found
    path.mkdir()
    with pytest.raises(SourceError) as caught:
        found.read()
    assert caught.value.where.endswith("a.tar")
    assert caught.value.found == "a folder"


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:  # a socket's path must be short
        made.bind(path.name)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")


@pytest.fixture
def voc(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", {"train": [(8, 9)] * 5})


ODD = [
    (lambda path: path.symlink_to("/nowhere/at/all"), "a link to /nowhere/at/all, which is not there"),
    (lambda path: path.symlink_to(path), "a link that leads back to itself"),
    (make_pipe, "a named pipe"),
    (make_socket, "a socket"),
    (make_device, "a device"),
    (lambda path: path.mkdir(), "a folder"),
]
ODD_IDS = ["dangling", "loop", "pipe", "socket", "device", "folder"]


@pytest.mark.parametrize(("make", "found"), ODD, ids=ODD_IDS)
def test_what_is_not_a_file_is_named_and_never_waited_for(tmp_path, make, found):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"photo")
    file = File.of(str(path))
    path.unlink()
    make(path)
    with pytest.raises(SourceError) as caught:
        File.of(str(path))
    assert caught.value.found == found
    for read in (file.read, lambda: file.read(10), lambda: read_file(path, 10)):
        with pytest.raises(SourceError):
            read()


@pytest.mark.parametrize(("make", "found"), ODD, ids=ODD_IDS)
@pytest.mark.parametrize("name", ["JPEGImages/train_0.png", "SegmentationClass/train_0.png"])
@pytest.mark.slow
def test_sample_whose_file_is_none_is_missing_by_name_and_stops_no_other(voc, make, found, name):
    (voc / name).unlink()
    make(voc / name)
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(voc)
    assert f"train_0 (train_0.png: {found})" in caught.value.found
    audit = segfeed.check(voc, ["train"])
    errors = [finding for finding in audit if finding.severity == "error"]
    assert [(finding.key, found in finding.found) for finding in errors] == [("train_0", True)]
    assert audit.pairs > 0


@pytest.mark.parametrize("name", ["ImageSets/Segmentation/train.txt", "labelmap.txt", "x.parquet", "_classes.csv"])
@pytest.mark.parametrize(("make", "found"), ODD, ids=ODD_IDS)
@pytest.mark.slow
def test_lists_legends_and_tables_that_are_no_files_are_never_waited_for(voc, make, found, name):
    path = voc / name
    path.unlink(missing_ok=True)
    make(path)
    if name.startswith("ImageSets"):
        with pytest.raises(SourceError) as caught:
            segfeed.scan(voc)
        assert found in caught.value.found
    elif name in ("labelmap.txt", "_classes.csv"):  # what is listed as the legend and cannot be read is not passed over
        with pytest.raises(LegendError) as refused:
            segfeed.scan(voc)
        assert refused.value.where == str(path)
    else:
        assert len(segfeed.scan(voc)) > 0


def test_file_that_vanishes_after_the_scan_is_named(voc):
    source = segfeed.scan(voc)
    (voc / "JPEGImages" / "train_0.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        source.read(0)
    assert "has gone since" in caught.value.found


def test_name_that_is_not_utf_8_is_refused_or_left_alone(tmp_path, voc):
    odd = os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (4, 4)).save(voc / "JPEGImages" / odd)
    assert len(segfeed.scan(voc)) > 0
    assert segfeed.check(voc).pairs > 0
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "set" / folder / odd)
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path / "set", "all")
    assert str(caught.value).isprintable()


@pytest.fixture
def as_ordinary_user():
    """Drop root's rights for a test, which would open every folder."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.fixture
def reachable():
    """Return a folder that every user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    "closed", ["JPEGImages", "SegmentationClass", "ImageSets", "ImageSets/Segmentation", "", "more"]
)
def test_folder_that_cannot_be_read_is_named(reachable, write_voc, closed, request):
    root = write_voc(reachable / "VOC2012", {"train": [(2, 3)]})
    (root / closed).mkdir(exist_ok=True)
    (root / closed).chmod(0)
    request.getfixturevalue("as_ordinary_user")
    if closed == "more":
        assert len(segfeed.scan(root)) == 1
        return
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert "Permission denied" in caught.value.found or caught.value.found.startswith("no ")


def test_pointer_of_git_lfs_is_named(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 1\n")
    for read in (File.of(str(path)).read, lambda: File.of(str(path)).read(1 << 16)):
        with pytest.raises(SourceError) as caught:
            read()
        assert caught.value.found == "a pointer of Git LFS, not the file itself"


def test_small_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(11))
    assert read_file(tmp_path / "a.txt", 11) == bytes(11)
    with pytest.raises(SourceError) as caught:
        read_file(tmp_path / "a.txt", 10)
    assert (caught.value.found, caught.value.expected) == ("11 bytes", "at most 10 bytes")


def test_a_picture_that_is_a_hole_of_a_terabyte_is_refused_by_its_size(voc):
    os.truncate(voc / "JPEGImages/train_0.png", 1 << 40)
    with pytest.raises(PhotoError) as caught:
        segfeed.scan(voc).read(0)
    assert caught.value.found == "1,099,511,627,776 bytes"


def test_no_more_is_read_than_was_there_when_it_was_opened(tmp_path, monkeypatch):
    path = tmp_path / "grows.txt"
    path.write_bytes(b"12345")
    read = os.read

    def grow(descriptor: int, count: int) -> bytes:
        with path.open("ab") as file:
            file.write(b"more" * 1000)
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", grow)
    with pytest.raises(SourceError, match="it grew while it was read"):
        read_file(path, 100)
    with pytest.raises(SourceChangedError):
        File.of(str(path)).read()
    assert path.stat().st_size < 100_000
