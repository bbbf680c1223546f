"""Blobs: where the bytes of a photo or a mask lie, be it a file of their own or a place inside a larger one."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from segfeed.errors import PhotoError, SourceError, SourceMissingError

Stamp = tuple[int, int, int, int]
_read_stamp: Callable[[os.stat_result], Stamp] = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")


class Blob(Protocol):
    """Name some bytes of a dataset."""

    @property
    def name(self) -> str:
        """Give a short name for messages: the file's own, without its folder."""

    @property
    def address(self) -> str:
        """Give the one name that tells these bytes from all others: the file's path, and where in it they lie."""

    @property
    def stamp(self) -> Stamp:
        """Give (size in bytes, mtime_ns, ctime_ns, inode) of the file that holds the bytes, when the source was scanned."""

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the bytes, or the first ones."""

    def is_unchanged(self) -> bool:
        """Tell whether the file that holds the bytes still bears the stamp it was scanned with."""


@dataclass(frozen=True, slots=True)
class File:
    """Be a blob that is a file of its own.

    Attributes:
        path: where the file lies.
        stamp: (size in bytes, mtime_ns, ctime_ns, inode) when the source was scanned.
    """

    path: str
    stamp: Stamp

    @classmethod
    def of(cls, path: str) -> "File":
        """Stamp a file.

        Raises:
            FileNotFoundError: there is no such file.
        """
        return cls(path, stamp_of(path))

    @property
    def name(self) -> str:
        """Give the file's own name."""
        return os.path.basename(self.path)

    @property
    def address(self) -> str:
        """Give the file's path."""
        return self.path

    def is_unchanged(self) -> bool:
        """Tell whether the file still bears its stamp."""
        return stamp_of(self.path) == self.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the file's bytes, or its first ones.

        Raises:
            SourceMissingError: the file is gone.
            PhotoError: the system cannot read it.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                if limit_bytes >= 0:
                    return os.read(descriptor, limit_bytes)
                # One read gives the whole file and shows its end: each call that may wait costs a thread its turn.
                found = os.read(descriptor, self.stamp[0] + 1)
                while len(found) != self.stamp[0] and (more := os.read(descriptor, 1 << 20)):
                    found += more
                return found
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise SourceMissingError(
                f"{self.path}: the file has gone since the source was scanned; scan it again."
            ) from None
        except OSError as error:
            raise PhotoError(
                f"{self.path}: the file cannot be read ({error.strerror}); check its permissions and the disk."
            ) from error


def stamp_of(path: str) -> Stamp:
    """Read a file's stamp: (size in bytes, mtime_ns, ctime_ns, inode).

    Raises:
        FileNotFoundError: there is no such file.
    """
    return _read_stamp(os.stat(path))


@dataclass(frozen=True, slots=True)
class Span:
    """Be a blob of some bytes inside a larger file, read where they lie.

    Attributes:
        path: the larger file.
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
        """Give the larger file's path and where in it the bytes begin."""
        return f"{self.path}:{self.offset}"

    def is_unchanged(self) -> bool:
        """Tell whether the larger file still bears its stamp."""
        return stamp_of(self.path) == self.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the bytes, or the first ones.

        Raises:
            SourceMissingError: the larger file is gone.
            SourceError: it has become shorter, or the system cannot read it.
        """
        wanted = self.size_bytes if limit_bytes < 0 else min(limit_bytes, self.size_bytes)
        try:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(self.offset)
                found = file.read(wanted)
                while 0 < len(found) < wanted and (more := file.read(wanted - len(found))):
                    found += more  # the system may give less than was asked for
        except FileNotFoundError:
            raise SourceMissingError(
                f"{self.path}: the file has gone since the source was scanned; scan it again."
            ) from None
        except OSError as error:
            raise SourceError(
                f"{self.path}: the file cannot be read ({error.strerror}); check its permissions and the disk."
            ) from error
        if len(found) != wanted:
            raise SourceError(
                f"{self.path}, {self.name}: {len(found):,} bytes where {wanted:,} were expected; the file was cut since it was "
                "scanned; scan it again."
            )
        return found
