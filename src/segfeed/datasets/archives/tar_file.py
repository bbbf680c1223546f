"""Tar: where the files of a tar lie, found by reading every header and the end mark strictly.

Python's `tarfile` takes a damaged header, a block of zeros in the middle and an archive that was cut off between two
members for the archive's end, and says nothing.

Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format".
"""

import re
from typing import BinaryIO

from segfeed.datasets.archives.members import DISTRUSTED, Listing, Member, fault

BLOCK_BYTES = 512
_ZEROS = bytes(BLOCK_BYTES)
_CHUNK_BYTES = 1 << 20
_MAX_EXTENSION_BYTES = 64 << 10

_FILE, _FOLDER = (b"0", b"\0"), b"5"
_LONG_NAME, _PAX, _PAX_GLOBAL = b"L", b"x", b"g"
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a FIFO",
    b"7": "a contiguous file",
    b"K": "a long link",
    b"S": "a sparse file",
}
_PAX_RECORD = re.compile(rb"(\d{1,6}) ([^=]+)=")


def is_tar(block: bytes) -> bool:
    """Tell whether a file that begins with this block is a tar: its first header's checksum is right."""
    return len(block) == BLOCK_BYTES and block != _ZEROS and _number(block[148:156]) == _checksum(block)


def index_tar_stream(stream: BinaryIO, archive: str, limit_bytes: int) -> dict[str, Member]:
    """List the files of a tar in its order, after reading it to the last byte.

    Args:
        stream: at its beginning; seeks forward and knows its position, as files and `gzip.GzipFile` do.
        archive: the archive's name, for messages.
        limit_bytes: more than that in the stream is a bomb.

    Returns:
        members: name -> place in the stream.

    Raises:
        ArchiveError: a header is damaged, the tar is cut off, or a member is not allowed.
    """
    return _Walk(stream, archive, limit_bytes).index()


class _Walk:
    """Walk through a tar once."""

    def __init__(self, stream: BinaryIO, archive: str, limit_bytes: int) -> None:
        self.stream, self.archive, self.limit_bytes = stream, archive, limit_bytes
        self.listing = Listing(archive)
        self.last = ""  # the member before, for messages

    def index(self) -> dict[str, Member]:
        members: dict[str, Member] = {}
        name: bytes | None = None  # from an extension before the header that it replaces the name of
        while (block := self._read(BLOCK_BYTES)) != _ZEROS:
            size, kind = self._judge_header(block)
            if kind in (_LONG_NAME, _PAX, _PAX_GLOBAL):
                name = self._extended_name(kind, size) or name
                continue
            stored, name = name or _stored_name(block), None
            is_folder = kind == _FOLDER or stored.endswith(b"/")
            entered = self.listing.enter(stored, size, is_folder=is_folder)
            self.last = entered or self.last
            if kind not in _FILE and kind != _FOLDER:
                found = _KINDS.get(kind, f"a member of type {kind!r}")
                raise fault(self.archive, entered, found, "plain files and folders only", DISTRUSTED)
            if is_folder and size:
                raise fault(self.archive, entered, f"a folder of {size:,} bytes", "0")
            if not is_folder:
                members[entered] = Member(self.stream.tell(), size)
                self._skip(size + -size % BLOCK_BYTES)
        if name is not None:
            raise self._broken("a long name without its member", "a member")
        self._judge_end()
        return members

    def _judge_header(self, block: bytes) -> tuple[int, bytes]:
        if _number(block[148:156]) != _checksum(block):
            place = self.stream.tell() - BLOCK_BYTES
            raise self._broken(f"the header at byte {place:,} does not fit its checksum", "an undamaged header")
        size = _number(block[124:136])
        if size is None:
            raise self._broken(f"a size of {bytes(block[124:136])!r}", "a number of bytes")
        return size, block[156:157]

    def _extended_name(self, kind: bytes, size: int) -> bytes | None:
        """Read an extension; give the name that it holds for the next member."""
        if size > _MAX_EXTENSION_BYTES:
            raise self._broken(f"an extended header of {size:,} bytes", f"at most {_MAX_EXTENSION_BYTES:,}", DISTRUSTED)
        body = self._read(size + -size % BLOCK_BYTES)[:size]
        if kind == _LONG_NAME:
            return _text(body)
        records = self._pax_records(body)
        odd = [key for key in records if key in (b"size", b"linkpath", b"hdrcharset") or key.startswith(b"GNU.sparse")]
        if kind == _PAX_GLOBAL and b"path" in records:
            odd.append(b"path")
        if odd:
            found = f"an extended header with {odd[0].decode('utf-8', 'backslashreplace')!r}"
            raise self._broken(found, "a name and times at most", DISTRUSTED)
        return records.get(b"path")

    def _pax_records(self, body: bytes) -> dict[bytes, bytes]:
        records, at = {}, 0
        while at < len(body):
            match = _PAX_RECORD.match(body, at)
            end = at + int(match[1]) if match else 0
            if match is None or end > len(body) or end <= match.end() or body[end - 1 : end] != b"\n":
                raise self._broken("a malformed extended header", "records of `LENGTH KEY=VALUE`")
            records[match[2]] = body[match.end() : end - 1]
            at = end
        return records

    def _judge_end(self) -> None:
        if self._read(BLOCK_BYTES) != _ZEROS:
            raise self._broken("a block of zeros and then more", "two blocks of zeros at the end, and none before")
        while rest := self.stream.read(_CHUNK_BYTES):
            if rest.count(0) != len(rest):
                raise self._broken("bytes after the end mark", "nothing but zeros there")
            self._judge_length(0)

    def _read(self, count: int) -> bytes:
        self._judge_length(count)
        found = self.stream.read(count)
        if len(found) != count:
            raise self._cut_off()
        return found

    def _skip(self, count: int) -> None:
        """Go over contents; their last byte is read, since seeking succeeds beyond the end of a file, too."""
        self._judge_length(count)
        if count:
            self.stream.seek(count - 1, 1)
            if len(self.stream.read(1)) != 1:
                raise self._cut_off()

    def _judge_length(self, more: int) -> None:
        """Stop at a bomb by what came out of the stream, whatever its headers declare."""
        if self.stream.tell() + more > self.limit_bytes:
            found = f"more than {self.limit_bytes:,} bytes"
            raise self._broken(found, "no more from so few packed ones", DISTRUSTED)

    def _cut_off(self) -> Exception:
        return self._broken(f"cut off before byte {self.stream.tell():,}", "two blocks of zeros at the end")

    def _broken(self, found: str, expected: str, *remedy: str) -> Exception:
        return fault(
            self.archive, "", f"{found}{f', after member {self.last!r}' if self.last else ''}", expected, *remedy
        )


def _stored_name(block: bytes) -> bytes:
    name, prefix = _text(block[0:100]), _text(block[345:500])
    # GNU's own headers keep times where POSIX keeps the first part of a long name.
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int | None:
    """Read a header's number: octal digits, or big-endian with its highest bit set; None where it is neither."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits or b"0", 8) if re.fullmatch(rb"[0-7]*", digits) else None


def _checksum(block: bytes) -> int:
    return sum(block) - sum(block[148:156]) + 8 * ord(" ")
