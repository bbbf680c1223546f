"""Tar: where the files of a tar lie, listed by `tarfile` and checked to the last byte.

`tarfile` takes a damaged header, a block of zeros in the middle and a cut between two members for the archive's end,
and raises nothing. So it must have stopped at the end mark, two blocks of zeros, and nothing but zeros may follow.

Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format".
"""

import re
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from segfeed.datasets.archives.members import DISTRUSTED, Listing, Member, fault
from segfeed.errors import ArchiveError

BLOCK_BYTES = tarfile.BLOCKSIZE
_ZEROS = bytes(BLOCK_BYTES)
_CHUNK_BYTES = 1 << 20
_MAX_EXTENSION_BYTES = 64 << 10
_MAX_ZEROS_BYTES = 64 << 20  # records that fill up the last one have 10 KiB, on tapes a few MiB

_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a FIFO",
    tarfile.CONTTYPE: "a contiguous file",
    tarfile.GNUTYPE_LONGLINK: "a long link",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_PAX, _PAX_GLOBAL = tarfile.XHDTYPE, tarfile.XGLTYPE
_EXTENSIONS = (tarfile.GNUTYPE_LONGNAME, _PAX, _PAX_GLOBAL)
_ALLOWED = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, *_EXTENSIONS)
_PAX_RECORD = re.compile(rb"(\d{1,6}) ([^=]+)=")


def is_tar(block: bytes) -> bool:
    """Check whether a file that begins with this block is a tar: its first header's checksum is right."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def index_tar_stream(stream: BinaryIO, archive: str, limit_bytes: int) -> dict[str, Member]:
    """List the files of a tar in its order, after reading it to the last byte.

    Args:
        stream: at its beginning; seeks forward and knows its position, as files and `gzip.GzipFile` do.
        archive: the archive's name, for messages.
        limit_bytes: more than that in the stream is a bomb.

    Returns:
        members: name -> where it lies in the stream.

    Raises:
        ArchiveError: if a header is damaged, the tar is cut off, or a member is not allowed.
    """
    members: dict[str, Member] = {}
    listing = Listing(archive)
    headers = _Headers(stream, archive, limit_bytes)
    for found in _walk(headers):
        is_folder = found.isdir() or found.name.endswith("/")
        name = listing.enter(found.name.encode("utf-8", "surrogateescape"), found.size, is_folder=is_folder)
        headers.last = name or headers.last
        if is_folder and found.size:
            raise fault(archive, name, f"a folder of {found.size:,} bytes", "0")
        if not is_folder:
            members[name] = Member(found.offset_data, found.size)
    headers.require_end()
    return members


def _walk(headers: "_Headers") -> Iterator[tarfile.TarInfo]:
    try:
        tar: Any = tarfile.TarFile(fileobj=cast(Any, headers), encoding="utf-8", errors="surrogateescape")
        while (found := tar.next()) is not None:
            tar.members = []  # tarfile keeps all of them, about 1 KB each
            yield found
    except (tarfile.TarError, RecursionError) as error:  # recursion: a header that a thousand extensions precede
        raise headers.broken(f"damage before byte {headers.tell():,} ({error})", "an undamaged header") from None


class _Headers:
    """A tar as the file that `tarfile` reads headers from; each is checked before `tarfile` sees it.

    `tarfile` by itself follows headers of any size into memory, reads past damaged records of a pax header (Python
    before 3.11.10 and 3.12.6), passes over long links, and fails with other errors than its own in sparse files.
    It reads a header, then, if that says so, its extension, then the next header; before each member's header it
    seeks to the last byte of the contents before, and reads that byte.
    """

    def __init__(self, stream: BinaryIO, archive: str, limit_bytes: int) -> None:
        self.stream, self.archive, self.limit_bytes = stream, archive, limit_bytes
        self._position = stream.tell()  # asking the system, five times a member, takes a tenth of the time
        self.last = ""  # the member before, for messages
        self._block = b""  # the header that was read last
        self._extension = b""  # its kind, if an extension follows it

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        self._require_room(position)
        if position != self._position:
            self._position = self.stream.seek(position)

    def read(self, count: int) -> bytes:
        if not 0 <= count <= _MAX_EXTENSION_BYTES:
            raise self.broken(f"an extended header of {count:,} bytes", f"at most {_MAX_EXTENSION_BYTES:,}", DISTRUSTED)
        self._require_room(self.tell() + count)
        found = self.stream.read(count)
        self._position += len(found)
        if len(found) != count:
            raise self.broken(f"cut off before byte {self.tell():,}", "two blocks of zeros at the end")
        kind, self._extension = self._extension, b""
        if kind in (_PAX, _PAX_GLOBAL):
            self._check_records(found.rstrip(b"\0"), kind)
        elif not kind and count == BLOCK_BYTES:
            self._check_header(found)
        return found

    def require_end(self) -> None:
        """Check the end mark, the first block of which is the header that `tarfile` stopped at, and what follows it."""
        if self._block != _ZEROS:
            position = self.tell() - BLOCK_BYTES
            raise self.broken(f"the header at byte {position:,} is damaged", "one that fits its checksum")
        if self.read(BLOCK_BYTES) != _ZEROS:
            raise self.broken("a block of zeros and then more", "two blocks of zeros at the end, and none before")
        end = self.tell()
        while rest := self.stream.read(_CHUNK_BYTES):
            self._position += len(rest)
            if rest.count(0) != len(rest):
                raise self.broken("bytes after the end mark", "nothing but zeros there")
            if self.tell() - end > _MAX_ZEROS_BYTES:  # a file with a hole can be of any length
                raise self.broken(f"more than {_MAX_ZEROS_BYTES >> 20} MiB of zeros at its end", "fewer of them")
            self._require_room(self.tell())

    def broken(self, found: str, expected: str, *remedy: str) -> ArchiveError:
        """Create an error about the tar as a whole."""
        return fault(
            self.archive, "", f"{found}, after member {self.last!r}" if self.last else found, expected, *remedy
        )

    def _check_header(self, block: bytes) -> None:
        self._block = block
        kind = block[156:157]
        if kind in _EXTENSIONS:
            self._extension = kind
        elif kind not in _ALLOWED and is_tar(block):
            name = tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace").name
            found = _KINDS.get(kind, f"a member of type {kind!r}")
            raise fault(self.archive, name, found, "plain files and folders only", DISTRUSTED)

    def _check_records(self, body: bytes, kind: bytes) -> None:
        """Check that a pax header is nothing but records, none of which changes more than a member's name or times."""
        at = 0
        while at < len(body):
            match = _PAX_RECORD.match(body, at)
            end = at + int(match[1]) if match else 0
            if match is None or end > len(body) or end <= match.end() or body[end - 1 : end] != b"\n":
                raise self.broken("a malformed extended header", "records of `LENGTH KEY=VALUE`")
            key, at = match[2], end
            is_odd = key in (b"size", b"linkpath", b"hdrcharset") or key.startswith(b"GNU.sparse")
            if is_odd or (kind == _PAX_GLOBAL and key == b"path"):
                found = f"an extended header with {key.decode('utf-8', 'backslashreplace')!r}"
                raise self.broken(found, "a name and times at most", DISTRUSTED)

    def _require_room(self, position: int) -> None:
        """Stop at a bomb by what comes out of the stream, whatever its headers declare."""
        if position > self.limit_bytes:
            found = f"more than {self.limit_bytes:,} bytes"
            raise self.broken(found, "no more from so few packed ones", DISTRUSTED)
