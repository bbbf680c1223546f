"""Zip: where the files of a zip lie, read by `zipfile` after both of the zip's listings were compared.

A zip names every member twice, before its contents and in a directory at the end. Readers that trust one or the other
see different files in a forged archive; `zipfile` trusts the directory. Here both must agree, members must lie one
after the other from the first byte on, and the end mark must be the only one and end the file.

Source: PKWARE, APPNOTE.TXT, .ZIP File Format Specification 6.3.10, sections 4.3 and 4.4.
"""

import re
import stat
import struct
import zipfile
import zlib
from copy import copy
from dataclasses import dataclass
from typing import BinaryIO

from segfeed.datasets.archives.members import DISTRUSTED, Listing, Member, fault, most_bytes

_END, _END_BYTES, _LOCAL = b"PK\5\6", 22, b"PK\3\4"
_END64, _END64_BYTES = b"PK\6\6", 56 + 20  # with the locator behind it
_MAX_COMMENT_BYTES = 0xFFFF
_IN_EXTRA = 0xFFFFFFFF
_ENCRYPTED_FLAG = 1
_DESCRIPTOR_FLAG = 8  # sizes and checksum follow the contents
_ALLOWED_FLAGS = 0x080E  # descriptor, UTF-8 names, and how hard the packer tried
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNIX = 3


@dataclass(frozen=True, slots=True)
class Packed:
    """A member of a zip, and the open zip that unpacks it."""

    member: Member
    info: zipfile.ZipInfo
    opened: zipfile.ZipFile


def index_zip(file: BinaryIO, archive: str) -> dict[str, Packed]:
    """List the files of a zip in the order in which they lie in it.

    Raises:
        ArchiveError: if the listings disagree or are damaged, or a member is not allowed.
    """
    try:
        opened = zipfile.ZipFile(file, metadata_encoding="utf-8")
    except UnicodeDecodeError:
        raise fault(archive, "", "a name that is not UTF-8", "UTF-8", DISTRUSTED) from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        _check_end(file, archive, None)
        raise fault(archive, "", f"damage in the directory ({error})", "one entry for each member") from None
    infos = sorted(opened.infolist(), key=lambda info: info.header_offset)
    packed_bytes = _check_end(file, archive, len(infos))
    listing, listed, counted = Listing(archive), {}, 0
    starts = [*(info.header_offset for info in infos), opened.start_dir]
    if starts[0]:
        raise fault(archive, "", f"{starts[0]:,} bytes before the first member", "none", DISTRUSTED)
    for info, limit in zip(infos, starts[1:], strict=True):
        is_folder = info.orig_filename.endswith("/")
        name = listing.enter(info.orig_filename.encode(), info.file_size, is_folder=is_folder)
        _check_kind(info, archive, name)
        member = Member(_check_local(file, info, archive, name, min(limit, opened.start_dir)), info.file_size)
        counted += info.file_size
        if counted > most_bytes(packed_bytes):
            found = f"{counted:,} bytes up to here"
            raise fault(archive, name, found, f"at most {most_bytes(packed_bytes):,} from so few", DISTRUSTED)
        if not is_folder:
            listed[name] = Packed(member, info, opened)
    return listed


def read_packed(archive: str, name: str, packed: Packed) -> bytes:
    """Unpack a member, counting what comes out instead of trusting what was declared.

    Raises:
        ArchiveError: if size or checksum differ.
    """
    info, size = copy(packed.info), packed.member.size
    info.file_size = size + 1  # zipfile would cut longer contents to the declared size
    try:
        with packed.opened.open(info) as member:
            content = member.read(size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise fault(archive, name, f"contents that cannot be unpacked ({error})", f"CRC-32 {info.CRC:08x}") from None
    if len(content) != size:
        raise fault(archive, name, "contents of another size than declared", f"{size:,} bytes")
    return content


def _check_end(file: BinaryIO, archive: str, count: int | None) -> int:
    """Check that one end mark ends the file and counts the members, and return the file's bytes."""
    size_bytes = file.seek(0, 2)
    start = file.seek(max(size_bytes - _MAX_COMMENT_BYTES - _END_BYTES - _END64_BYTES, 0))
    tail = file.read()
    marks = [mark.start() for mark in re.finditer(re.escape(_END), tail) if _ends(tail, mark.start())]
    if marks != [tail.rfind(_END)]:
        found = f"{max(len(marks), 2)} end marks" if marks else "cut off before its end mark"
        raise fault(archive, "", found, "one at its end")
    disk, first, here, told = struct.unpack_from("<4H", tail, marks[0] + 4)
    large = marks[0] - _END64_BYTES
    if large >= 0 and tail.startswith(_END64, large):
        (told,) = struct.unpack_from("<Q", tail, large + 32)
    elif here != told:
        disk = 1
    if disk or first:
        raise fault(archive, "", "several parts", "one file", DISTRUSTED)
    if count not in (None, told):
        raise fault(archive, "", f"{count:,} members", f"{told:,}, as the end mark says")
    return start + len(tail)


def _ends(tail: bytes, start: int) -> bool:
    """Check whether an end mark and its comment reach exactly to the end of the file."""
    return start + _END_BYTES + int.from_bytes(tail[start + 20 : start + 22], "little") == len(tail)


def _check_kind(info: zipfile.ZipInfo, archive: str, name: str) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    found = ""
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        found = "a symbolic link" if kind == stat.S_IFLNK else "a device or pipe"
    elif info.flag_bits & _ENCRYPTED_FLAG:
        found = "encrypted contents"
    elif info.flag_bits & ~_ALLOWED_FLAGS or info.compress_type not in _METHODS:
        found = f"method {info.compress_type} with flags {info.flag_bits:#x}"
    elif info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        found = f"{info.compress_size:,} bytes stored for {info.file_size:,}"
    elif info.orig_filename.endswith("/") and info.file_size:
        found = f"a folder of {info.file_size:,} bytes"
    elif info.volume:
        found = f"contents in part {info.volume}"
    if found:
        raise fault(archive, name, found, "plain files, stored or deflated", DISTRUSTED)


def _check_local(file: BinaryIO, info: zipfile.ZipInfo, archive: str, name: str, limit: int) -> int:
    """Compare a member's own header with the directory; return where its contents begin, in bytes.

    `zipfile` compares the names alone, and refuses members that overlap only from Python 3.11.8 and 3.12.2 on.
    """
    start, header = info.header_offset, b""
    if start + 30 <= limit:
        file.seek(start)
        header = file.read(30)
    if not header.startswith(_LOCAL):
        raise fault(archive, name, f"no header at byte {start:,}", "one that nothing overlaps", DISTRUSTED)
    _, flags, method, _, _, crc, packed, size, length, extra = struct.unpack_from("<5H3L2H", header, 4)
    pairs = [(file.read(length), info.orig_filename.encode()), (flags, info.flag_bits), (method, info.compress_type)]
    if not flags & _DESCRIPTOR_FLAG:
        pairs.append((crc, info.CRC))
        # A size that does not fit 32 bits lies in the extra field.
        pairs += [pair for pair in ((packed, info.compress_size), (size, info.file_size)) if pair[0] != _IN_EXTRA]
    if any(here != there for here, there in pairs):
        here, there = ([*column] for column in zip(*pairs, strict=True))
        raise fault(archive, name, f"a header that says {here}", f"{there}, as the directory says", DISTRUSTED)
    offset: int = start + 30 + length + extra
    if offset + info.compress_size > limit:
        raise fault(archive, name, "contents that reach into what follows", "an end before it", DISTRUSTED)
    return offset
