"""Spans: bytes inside a larger file, read where they lie, and nothing else when the file changes."""

import os
import pickle

import pytest

from segfeed.datasets.blobs import Span, stamp_of
from segfeed.errors import SourceError, SourceMissingError


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
    with pytest.raises(SourceError) as caught:
        found.read()
    assert (caught.value.where, caught.value.expected) == (str(path), "20 bytes")
    assert caught.value.found.startswith("1.jpg has 5 bytes")
    assert found.read(5) == bytes(5)


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
