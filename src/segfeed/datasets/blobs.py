"""Blobs: where the bytes of a photo or a mask lie, in a file of their own or inside a larger one.

A name in a folder may stand for anything: a link to nowhere, a pipe that never ends, a folder. Only regular files are
read, and nothing else is waited for.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from segfeed.errors import PhotoError, SourceChangedError, SourceError, SourceMissingError
from segfeed.pixels.files.kinds import is_lfs_pointer
from segfeed.system.paths import kind_of_mode
from segfeed.system.portable import BINARY

Stamp = tuple[int, int, int, int]
"""What changes if a file is written again: (size in bytes, mtime_ns, ctime_ns, inode)."""

_read_stamp: Callable[[os.stat_result], Stamp] = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")


class Blob(Protocol):
    """Bytes of a dataset that can be read when they are needed."""

    @property
    def name(self) -> str:
        """The name in messages: the file's own, without its folder."""

    @property
    def address(self) -> str:
        """The one name that differs from that of all other blobs: the file's path, and where in it the bytes lie."""

    @property
    def stamp(self) -> Stamp:
        """The stamp of the file that holds the bytes, when the source was scanned."""

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the bytes, or the first ones."""

    def is_unchanged(self) -> bool:
        """Check whether the file that holds the bytes still has the stamp it was scanned with."""


_SEPARATOR = re.compile(r"\Asep=[^\r\n]?(?=[\r\n])", re.IGNORECASE)
_LONGEST_POINTER_BYTES = 1024
_MOST_BYTES = (2 << 30) - 1  # of a picture: a file with a hole in it would fill the memory with zeros
_A_FILE = "a regular file"


def stamp_of(path: str) -> Stamp:
    """Read a file's stamp.

    Raises:
        SourceMissingError: if the file does not exist; where a link leads is named.
        SourceError: if it is not a regular file, such as a folder or a named pipe, or the system cannot reach it.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise _unreachable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        found = kind_of_mode(status.st_mode)
        raise SourceError(path, found=found, expected=_A_FILE, remedy="remove it, or put the file there")
    return _read_stamp(status)


def read_file(path: str | os.PathLike[str], limit_bytes: int) -> bytes:
    """Read a small file, such as a list, a legend or a description.

    Args:
        path: of the file.
        limit_bytes: the largest size that such a file may have.

    Raises:
        SourceMissingError: if the file does not exist.
        SourceError: if it is larger, not a regular file, or cannot be read.

    >>> path = getfixture("tmp_path") / "val.txt"
    >>> _ = path.write_bytes(b"0001")
    >>> read_file(path, 100)
    b'0001'
    """
    with _opened(os.fspath(path)) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > limit_bytes:
            raise SourceError(
                os.fspath(path),
                found=f"{size:,} bytes",
                expected=f"at most {limit_bytes:,} bytes",
                remedy="check that this is the right file",
            )
        found = os.read(descriptor, size + 1)
        while len(found) < size and (more := os.read(descriptor, size - len(found))):
            found += more
        if len(found) > size:  # no more is read, whatever else is written
            raise SourceError(os.fspath(path), found="it grew while it was read", expected="a file that nobody writes")
    return found


def decode_text(data: bytes) -> str:
    r"""Decode a text: UTF-8, or UTF-16 if it begins with that one's mark, as PowerShell and spreadsheets write it.

    Raises:
        UnicodeDecodeError: if it is neither.

    >>> decode_text("val".encode("utf-16")), decode_text(b"\xef\xbb\xbfval")
    ('val', 'val')
    """
    return without_separator(data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"))


def without_separator(text: str) -> str:
    r"""Empty a first line such as "sep=;", by which spreadsheets say what parts the columns; lines keep their numbers.

    >>> without_separator("sep=;\na;b")
    '\na;b'
    """
    return _SEPARATOR.sub("", text)


def refuse_pointer(path: str) -> None:
    """Raise SourceError if a file is the text that Git leaves in place of one that Git LFS keeps elsewhere."""
    try:
        data = read_file(path, _LONGEST_POINTER_BYTES)
    except SourceError:
        return  # larger, or not there
    if is_lfs_pointer(data):
        raise _pointer(path, SourceError)


def _pointer(path: str, error_type: type[SourceError]) -> SourceError:
    return error_type(
        path,
        found="a pointer of Git LFS, not the file itself",
        remedy="fetch the files with `git lfs install` and `git lfs pull`",
    )


def _unreachable(path: str, error: OSError | ValueError) -> SourceError:
    """Make the error of a path that the system cannot reach; say of a link where it leads."""
    if isinstance(error, ValueError):  # a NUL in the name
        return SourceMissingError(path, found="no such file", remedy="check the name")
    if error.errno == errno.ELOOP:
        return SourceError(path, found="a link that leads back to itself", expected=_A_FILE, remedy="remove the link")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if os.path.islink(path):
            found = f"a link to {os.readlink(path)}, which is not there"
            return SourceMissingError(
                path, found=found, remedy="bring the file there (git annex get, dvc pull, a disk)"
            )
        return SourceMissingError(path, found="no such file", remedy="scan it again")
    return SourceError(path, found=f"it cannot be read ({error.strerror})", remedy="check its permissions")


@dataclass(frozen=True, slots=True)
class File:
    """A blob that is a file of its own.

    Attributes:
        path: of the file.
        stamp: of the file, when the source was scanned.
    """

    path: str
    stamp: Stamp

    @classmethod
    def of(cls, path: str) -> "File":
        """Create the blob of a file, with the stamp that it has now.

        Raises:
            SourceMissingError, SourceError: as `stamp_of`.
        """
        return cls(path, stamp_of(path))

    @property
    def name(self) -> str:
        """The file's own name."""
        return os.path.basename(self.path)

    @property
    def address(self) -> str:
        """The file's path."""
        return self.path

    def is_unchanged(self) -> bool:
        """Check whether the file still has its stamp."""
        return stamp_of(self.path) == self.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the file's bytes, or its first ones.

        Raises:
            SourceMissingError: if the file is gone.
            SourceChangedError: if it has another stamp now.
            PhotoError: if the system cannot read it, it is not a regular file any more, or Git LFS keeps it elsewhere.
        """
        if self.stamp[0] > _MOST_BYTES:
            expected = f"a picture of at most {_MOST_BYTES:,} bytes"
            raise PhotoError(self.path, found=f"{self.stamp[0]:,} bytes", expected=expected)
        with _opened(self.path, PhotoError) as descriptor:
            # One read gives the whole file and shows its end: each call that may wait costs a thread its turn.
            found = os.read(descriptor, limit_bytes if limit_bytes >= 0 else self.stamp[0] + 1)
            while limit_bytes < 0 and len(found) < self.stamp[0] and (more := os.read(descriptor, 1 << 20)):
                found += more
            _require_unchanged(descriptor, self.path, self.stamp)
        if is_lfs_pointer(found):
            raise _pointer(self.path, PhotoError)
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """A blob inside a larger file, read where it lies.

    Attributes:
        path: of the larger file.
        name: what the bytes are called in messages.
        offset: of the first byte, in bytes from the file's beginning.
        size_bytes: how many bytes.
        stamp: of the larger file, when the source was scanned.

    >>> path = getfixture("tmp_path") / "a.tar"
    >>> _ = path.write_bytes(b"......photo...")
    >>> photo = Span(str(path), "1.jpg", 6, 5, stamp_of(str(path)))
    >>> photo.read(), photo.read(2), photo.is_unchanged()
    (b'photo', b'ph', True)
    """

    path: str
    name: str
    offset: int
    size_bytes: int
    stamp: Stamp

    @property
    def address(self) -> str:
        """The larger file's path, and where in it the bytes begin."""
        return f"{self.path}:{self.offset}"

    def is_unchanged(self) -> bool:
        """Check whether the larger file still has its stamp."""
        return stamp_of(self.path) == self.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the bytes, or the first ones.

        Raises:
            SourceMissingError: if the larger file is gone.
            SourceChangedError: if it has another stamp now.
            SourceError: if it has become shorter, or the system cannot read it.
        """
        wanted = self.size_bytes if limit_bytes < 0 else min(limit_bytes, self.size_bytes)
        return read_spans(self.path, self.name, ((self.offset, wanted),), self.stamp)[0]


def read_spans(path: str, name: str, places: Sequence[tuple[int, int]], stamp: Stamp) -> list[bytes]:
    """Read some parts of a larger file, which is opened once.

    Args:
        path: of the larger file.
        name: what they are called in messages.
        places: where each part begins, and how many bytes it has.
        stamp: of the larger file, when the source was scanned.

    Raises:
        SourceMissingError: if the larger file is gone.
        SourceChangedError: if it has another stamp now.
        SourceError: if it has become shorter, or the system cannot read it.

    >>> path = getfixture("tmp_path") / "a.json"
    >>> _ = path.write_bytes(b"[{},[1]]")
    >>> read_spans(str(path), "a", [(1, 2), (4, 3)], stamp_of(str(path)))
    [b'{}', b'[1]']
    """
    parts = []
    with _opened(path) as descriptor:
        for offset, wanted in places:
            os.lseek(descriptor, offset, os.SEEK_SET)
            found = os.read(descriptor, wanted)
            while 0 < len(found) < wanted and (more := os.read(descriptor, wanted - len(found))):
                found += more  # the system may give less than was asked for
            if len(found) != wanted:
                raise SourceError(
                    path,
                    found=f"{name} has {len(found):,} bytes, since the file was cut after the source was scanned",
                    expected=f"{wanted:,} bytes",
                    remedy="scan it again",
                )
            parts.append(found)
        _require_unchanged(descriptor, path, stamp)
    return parts


def _require_unchanged(descriptor: int, path: str, stamp: Stamp) -> None:
    """Raise SourceChangedError if an open file is not what it was when the source was scanned."""
    if _read_stamp(os.fstat(descriptor)) != stamp:
        raise SourceChangedError(
            path,
            found="it was written, replaced or given other permissions after the source was scanned",
            expected="files that stay as they are while they are read",
            remedy="scan the source again when nothing writes to it",
        )


@contextmanager
def _opened(path: str, error_type: type[SourceError] = SourceError) -> Iterator[int]:
    """Open a regular file for reading; what the system cannot do with it becomes an error of ours."""
    # Without O_NONBLOCK, opening a pipe waits for a writer; regular files do not know the difference.
    flags = os.O_RDONLY | BINARY | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise error_type(path, found=kind_of_mode(mode), expected=_A_FILE, remedy="put the file there")
            yield descriptor
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        if os.path.islink(path):
            raise _unreachable(path, error) from None
        found = "the file has gone since the source was scanned"
        raise SourceMissingError(path, found=found, remedy="scan it again") from None
    except OSError as error:
        found = "a link that leads back to itself" if error.errno == errno.ELOOP else ""
        with suppress(OSError):  # a socket cannot be opened
            mode = os.stat(path).st_mode
            found = found or ("" if stat.S_ISREG(mode) else kind_of_mode(mode))
        if found:
            raise error_type(path, found=found, expected=_A_FILE, remedy="put the file there") from None
        found = f"the file cannot be read ({error.strerror})"
        raise error_type(path, found=found, remedy="check its permissions and the disk") from error
