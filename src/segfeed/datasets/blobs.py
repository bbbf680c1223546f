"""Blobs: where the bytes of a photo or a mask lie, in a file of their own or inside a larger one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from segfeed.errors import PhotoError, SourceError, SourceMissingError

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


def stamp_of(path: str) -> Stamp:
    """Read a file's stamp.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    return _read_stamp(os.stat(path))


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
            FileNotFoundError: if there is no such file.
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
            PhotoError: if the system cannot read it.
        """
        with _opened(self.path, PhotoError) as descriptor:
            if limit_bytes >= 0:
                return os.read(descriptor, limit_bytes)
            # One read gives the whole file and shows its end: each call that may wait costs a thread its turn.
            found = os.read(descriptor, self.stamp[0] + 1)
            while len(found) != self.stamp[0] and (more := os.read(descriptor, 1 << 20)):
                found += more
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
            SourceError: if it has become shorter, or the system cannot read it.
        """
        wanted = self.size_bytes if limit_bytes < 0 else min(limit_bytes, self.size_bytes)
        with _opened(self.path) as descriptor:
            os.lseek(descriptor, self.offset, os.SEEK_SET)
            found = os.read(descriptor, wanted)
            while 0 < len(found) < wanted and (more := os.read(descriptor, wanted - len(found))):
                found += more  # the system may give less than was asked for
        if len(found) != wanted:
            raise SourceError(
                self.path,
                found=f"{self.name} has {len(found):,} bytes, since the file was cut after the source was scanned",
                expected=f"{wanted:,} bytes",
                remedy="scan it again",
            )
        return found


@contextmanager
def _opened(path: str, error_type: type[SourceError] = SourceError) -> Iterator[int]:
    """Open a file for reading; what the system cannot do with it becomes an error of ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        found = "the file has gone since the source was scanned"
        raise SourceMissingError(path, found=found, remedy="scan it again") from None
    except OSError as error:
        found = f"the file cannot be read ({error.strerror})"
        raise error_type(path, found=found, remedy="check its permissions and the disk") from error
