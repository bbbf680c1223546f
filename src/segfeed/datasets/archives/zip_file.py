"""Zip: where the files of a zip lie, after both of its listings were compared.

A zip names every member twice, before its contents and in a directory at the end. Readers that trust one or the other
see different files in a forged archive; here they must agree, lie one after the other, and end where they say.

Source: PKWARE, APPNOTE.TXT, .ZIP File Format Specification 6.3.10, sections 4.3 and 4.4.
"""

import re
import stat
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from segfeed.datasets.archives.members import DISTRUSTED, Listing, Member, fault, most_bytes

_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_CENTRAL, _LOCAL = b"PK\1\2", b"PK\3\4"
_MAX_COMMENT_BYTES = 0xFFFF
_IN_EXTRA = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_DESCRIPTOR_FLAG = 8  # sizes and checksum follow the contents
_ALLOWED_FLAGS = 0x080E  # descriptor, UTF-8 names, and how hard the packer tried
_UNIX = 3


@dataclass(frozen=True, slots=True)
class _Entry:
    """Hold what the directory says of a member: stored name, flags, method, checksum, sizes (bytes), local header's place."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    place: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Say how to unpack a member: its place in the archive, its packed size (bytes), whether it is deflated, its CRC-32."""

    member: Member
    packed: int
    is_deflated: bool
    crc: int


def index_zip(file: BinaryIO, archive: str) -> dict[str, Packed]:
    """List the files of a zip in the order in which they lie in it.

    Raises:
        ArchiveError: the listings disagree, are damaged, or hold a member that is not allowed.
    """
    return _Zip(file, archive).index()


def read_packed(file: BinaryIO, archive: str, name: str, packed: Packed) -> bytes:
    """Unpack a member, counting what comes out instead of trusting what was declared.

    Raises:
        ArchiveError: size or checksum differ.
    """
    file.seek(packed.member.offset)
    content, size = file.read(packed.packed), packed.member.size
    if packed.is_deflated:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflate.decompress(content, size + 1)
        except zlib.error as error:
            raise fault(archive, name, f"contents that cannot be unpacked ({error})", "deflated bytes") from None
        if inflate.unused_data or not inflate.eof:
            raise fault(archive, name, "contents of another size than declared", f"{size:,} bytes")
    if len(content) != size or zlib.crc32(content) != packed.crc:
        raise fault(archive, name, "contents that do not fit their checksum", f"CRC-32 {packed.crc:08x}")
    return content


class _Zip:
    """Read the listings of a zip."""

    def __init__(self, file: BinaryIO, archive: str) -> None:
        self.file, self.archive = file, archive
        self.bytes = file.seek(0, 2)

    def index(self) -> dict[str, Packed]:
        directory, count, start = self._directory()
        entries = sorted(self._entries(directory, count), key=lambda entry: entry.place)
        listing, listed, counted = Listing(self.archive), {}, 0
        limits = [*(entry.place for entry in entries), start]
        for entry, limit in zip(entries, limits[1:], strict=True):
            is_folder = entry.name.endswith(b"/")
            name = listing.enter(entry.name, entry.size, is_folder=is_folder)
            offset = self._judge_local(entry, name, limit)
            counted += entry.size
            if counted > most_bytes(self.bytes):
                found = f"{counted:,} bytes up to here"
                raise fault(self.archive, name, found, f"at most {most_bytes(self.bytes):,} from so few", DISTRUSTED)
            if not is_folder:
                listed[name] = Packed(Member(offset, entry.size), entry.packed, entry.method == _DEFLATED, entry.crc)
        if entries and entries[0].place:
            raise self._broken(f"{entries[0].place:,} bytes before the first member", "none", DISTRUSTED)
        return listed

    def _directory(self) -> tuple[bytes, int, int]:
        """Find the directory: its bytes, its number of members, where it starts."""
        start = max(self.bytes - _MAX_COMMENT_BYTES - 22, 0)
        tail = self._at(start, self.bytes - start)
        places = [found.start() for found in re.finditer(re.escape(_END), tail) if _ends(tail, found.start())]
        if len(places) != 1:
            raise self._broken(
                f"{len(places)} end marks" if places else "cut off before its end mark", "one at its end"
            )
        place = start + places[0]
        disk, first, here, count, size, offset, _ = struct.unpack_from("<4H2LH", tail, places[0] + 4)
        if place >= 20 and (locator := self._at(place - 20, 20)).startswith(_LOCATOR64):
            place, count, size, offset = self._end64(locator, place - 20)
        elif here != count:
            raise self._broken("several parts", "one file", DISTRUSTED)
        if disk or first:
            raise self._broken("several parts", "one file", DISTRUSTED)
        if offset + size != place:
            raise self._broken(
                f"a directory that ends at byte {offset + size:,}", f"its end mark there, not at {place:,}"
            )
        return self._at(offset, size), count, offset

    def _end64(self, locator: bytes, place: int) -> tuple[int, int, int, int]:
        """Read the larger end mark, which must lie right before its locator."""
        disk, where, disks = struct.unpack_from("<LQL", locator, 4)
        if disk or disks > 1 or where != place - 56:
            raise self._broken(f"a large end mark said to be at byte {where:,}", f"it at {place - 56:,}", DISTRUSTED)
        mark = self._at(where, 56)
        if not mark.startswith(_END64) or struct.unpack_from("<Q", mark, 4) != (44,):
            raise self._broken("a malformed large end mark", "one of 56 bytes")
        count, size, offset = struct.unpack_from("<QQQ", mark, 32)
        return where, count, size, offset

    def _entries(self, directory: bytes, count: int) -> list[_Entry]:
        entries: list[_Entry] = []
        at = 0
        while at < len(directory):
            if len(directory) - at < 46 or not directory.startswith(_CENTRAL, at):
                raise self._broken(f"damage in the directory, at entry {len(entries) + 1:,}", "an entry")
            fields = struct.unpack_from("<2B5H3L5H2L", directory, at + 4)
            (_, system, _, flags, method, _, _, crc, packed, size, *lengths, disk, _, attributes, place) = fields
            ends = [at + 46]
            for length in lengths:  # name, extra, comment
                ends.append(ends[-1] + length)
            if ends[-1] > len(directory) or disk:
                raise self._broken(f"damage in the directory, at entry {len(entries) + 1:,}", "an entry")
            name, extra = directory[ends[0] : ends[1]], directory[ends[1] : ends[2]]
            size, packed, place = self._large(name, extra, [size, packed, place])
            entries.append(_Entry(name, flags, method, crc, packed, size, place))
            self._judge_kind(entries[-1], attributes >> 16 if system == _UNIX else 0)
            at = ends[-1]
        if len(entries) != count:
            raise self._broken(f"{len(entries):,} members", f"{count:,}, as the end mark says")
        return entries

    def _large(self, name: bytes, extra: bytes, values: list[int]) -> list[int]:
        """Replace those of the values that did not fit 32 bits by what the extra field says."""
        if _IN_EXTRA not in values:
            return values
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<HH", extra, at)
            missing = values.count(_IN_EXTRA)
            if kind == 1 and length >= 8 * missing and at + 4 + length <= len(extra):
                found = iter(struct.unpack_from(f"<{missing}Q", extra, at + 4))
                return [next(found) if value == _IN_EXTRA else value for value in values]
            at += 4 + length
        raise fault(self.archive, _shown(name), "no size", "one in its extra field")

    def _judge_kind(self, entry: _Entry, mode: int) -> None:
        kind = stat.S_IFMT(mode)
        found = ""
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            found = "a symbolic link" if kind == stat.S_IFLNK else "a device or pipe"
        elif entry.flags & 1:
            found = "encrypted contents"
        elif entry.flags & ~_ALLOWED_FLAGS or entry.method not in (_STORED, _DEFLATED):
            found = f"method {entry.method} with flags {entry.flags:#x}"
        elif entry.method == _STORED and entry.packed != entry.size:
            found = f"{entry.packed:,} bytes stored for {entry.size:,}"
        elif entry.name.endswith(b"/") and entry.size:
            found = f"a folder of {entry.size:,} bytes"
        if found:
            raise fault(self.archive, _shown(entry.name), found, "plain files, stored or deflated", DISTRUSTED)

    def _judge_local(self, entry: _Entry, name: str, limit: int) -> int:
        """Compare a member's own header with the directory; give where its contents begin."""
        header = self._at(entry.place, 30) if entry.place + 30 <= limit else b""
        if not header.startswith(_LOCAL):
            raise fault(
                self.archive, name, f"no header at byte {entry.place:,}", "one that nothing overlaps", DISTRUSTED
            )
        _, flags, method, _, _, crc, packed, size, length, extra = struct.unpack_from("<5H3L2H", header, 4)
        offset = int(entry.place + 30 + length + extra)
        if offset + entry.packed > limit:
            raise fault(self.archive, name, "contents that reach into what follows", "an end before it", DISTRUSTED)
        found = [self._at(entry.place + 30, length), flags, method]
        expected = [entry.name, entry.flags, entry.method]
        if not flags & _DESCRIPTOR_FLAG:
            found.append(crc)
            expected.append(entry.crc)
            for here, there in ((packed, entry.packed), (size, entry.size)):
                if here != _IN_EXTRA:
                    found.append(here)
                    expected.append(there)
        if found != expected:
            raise fault(
                self.archive, name, f"a header that says {found}", f"{expected}, as the directory says", DISTRUSTED
            )
        return offset

    def _at(self, place: int, count: int) -> bytes:
        self.file.seek(place)
        found = self.file.read(count)
        if len(found) != count:
            raise self._broken(f"cut off at byte {self.bytes:,}", f"at least {place + count:,}")
        return found

    def _broken(self, found: str, expected: str, *remedy: str) -> Exception:
        return fault(self.archive, "", found, expected, *remedy)


def _ends(tail: bytes, place: int) -> bool:
    """Tell whether an end mark and its comment reach exactly to the end of the file."""
    return place + 22 + int.from_bytes(tail[place + 20 : place + 22], "little") == len(tail)


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
