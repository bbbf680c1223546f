"""Spans: blobs that lie inside a larger file, such as a member of a tar or a cell of an Arrow file."""

from dataclasses import dataclass

from segfeed.blobs import Stamp, stamp_of
from segfeed.errors import SourceError, SourceMissingError


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
    >>> photo.read(), photo.read(2), photo.is_settled()
    (b'photo', b'ph', True)
    """

    path: str
    name: str
    offset: int
    size_bytes: int
    stamp: Stamp

    @property
    def place(self) -> str:
        """Give the larger file's path and where in it the bytes begin."""
        return f"{self.path}:{self.offset}"

    def is_settled(self) -> bool:
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
