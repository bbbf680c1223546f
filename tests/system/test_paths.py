"""Paths that a person names: only regular files are replaced, and what cannot be reached is named."""

import os
import socket
import stat

import pytest

import segfeed
from segfeed.errors import OptionError, SegfeedError, StorageError
from segfeed.pictures.report.page import write_report
from segfeed.system.paths import free_path, kind_at, user_path
from segfeed.system.storage import save

KINDS = ["a folder", "a named pipe", "a socket", "a device", "a link to nothing"]


def place(path, kind):
    """Put something other than a regular file under a path; on systems that forbid it the test is left out."""
    if kind == "a folder":
        path.mkdir()
    elif kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    elif kind == "a device":
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    else:
        path.symlink_to("nowhere")
    return os.lstat(path)


def same(one, other):
    return (one.st_ino, one.st_mode, one.st_rdev) == (other.st_ino, other.st_mode, other.st_rdev)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_what_is_no_regular_file_is_never_replaced(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "null.png"
    before = place(path, kind)
    assert kind_at(path) == kind
    for write in (
        lambda: save(path, b"new", "the picture"),
        lambda: free_path(path, overwrite=True),
        lambda: write_report("sample", path, overwrite=True),
        lambda: segfeed.show("sample", path=path),
    ):
        with pytest.raises((StorageError, OptionError)) as caught:
            write()
        assert (caught.value.where, caught.value.found) == (str(path), kind)
        assert "force" not in caught.value.remedy
        assert same(before, os.lstat(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["null.png"]


def test_a_link_to_a_file_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    assert free_path(tmp_path / "link", overwrite=True) == tmp_path / "link"
    save(tmp_path / "link", b"new", "the report")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_link_to_a_device_is_not_followed_into_it(tmp_path):
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(StorageError) as caught:
        save(tmp_path / "link", b"new", "the report")
    assert caught.value.found == "a device"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_name_that_is_too_long_is_named(tmp_path):
    for name in ("a" * 256, "a" * 5000, "a/" * 3000):
        with pytest.raises(StorageError) as caught:
            free_path(tmp_path / name, overwrite=True)
        assert "name" in caught.value.remedy
        with pytest.raises(StorageError):
            save(tmp_path / name, b"", "the list")


def test_the_home_of_nobody_is_named():
    with pytest.raises(OptionError) as caught:
        user_path("~nobody-has-this-name/data")
    assert caught.value.found == "a home folder that is not known"


def test_a_working_folder_that_is_gone_is_named(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(OptionError) as caught:
        user_path("data")
    assert "removed" in caught.value.found
    assert user_path(tmp_path) == tmp_path


@pytest.mark.parametrize("data", ["~nobody-has-this-name/data", "a" * 300, "a" * 5000, "nul\0in it", ""])
@pytest.mark.slow
def test_no_path_is_too_odd_for_a_named_error(data):
    for call in (segfeed.scan, segfeed.check, lambda path: segfeed.load(path, 1, (8, 8))):
        with pytest.raises(SegfeedError) as caught:
            call(data)
        assert caught.value.found
        assert caught.value.remedy or caught.value.expected
