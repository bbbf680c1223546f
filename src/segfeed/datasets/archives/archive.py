"""Archives: tar, tar.gz and zip, recognised by their bytes, listed strictly, and unpacked file by file.

An archive is listed to its last byte before anything is taken out of it. What is taken out becomes a new file, with the
mode and owner that any new file gets.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from segfeed.datasets.archives.members import Member, fault, most_bytes
from segfeed.datasets.archives.tar_file import BLOCK_BYTES, index_tar_stream, is_tar
from segfeed.datasets.archives.zip_file import index_zip, read_packed
from segfeed.errors import ArchiveError, SourceChangedError, SourceMissingError
from segfeed.system.paths import kind_at
from segfeed.system.storage import write_whole
from segfeed.system.work import all_of, show_bytes, show_progress

_CHUNK_BYTES = 1 << 20
_WRITERS = 8  # they mostly wait for the disk
_GZIP, _ZIPS = b"\x1f\x8b", (b"PK\3\4", b"PK\5\6")
_KINDS = (
    (_GZIP, "a gzip file"),
    (_ZIPS[0], "a zip"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
)

Contents = Callable[[], bytes]
Stamp = tuple[int, int]  # size in bytes, mtime_ns


@dataclass(frozen=True)
class Archive:
    """An open archive and its listing.

    Attributes:
        name: for messages.
        kind: "tar", "tar.gz" or "zip".
        members: the files in it: name -> where it lies, in their order.
    """

    name: str
    kind: str
    members: dict[str, Member]
    _read: Callable[[str], bytes]
    _file: BinaryIO
    _stamp: Stamp

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (name, contents) of some members, in the order in which they lie in the archive.

        Raises:
            ArchiveError: if a member is damaged, as far as that can be told; a tar has no checksum of contents.
        """
        chosen = set(wanted)
        for name in [name for name in self.members if name in chosen]:
            yield name, self._read(name)

    def require_unchanged(self) -> None:
        """Check that nobody wrote to the archive since it was opened.

        Raises:
            SourceChangedError: if somebody did.
        """
        if _stamp(self._file) != self._stamp:
            raise SourceChangedError(
                self.name,
                found="the archive changed while it was read",
                expected="the same bytes",
                remedy="try again when it is whole",
            )


def list_archive(file: BinaryIO, name: str) -> Archive:
    """List an open archive after reading it to its end.

    Args:
        file: stays open, and must while the archive is read from.
        name: of the archive, for messages.

    Raises:
        ArchiveError: if it is not a tar, tar.gz or zip, is damaged, or holds what must not be unpacked.

    >>> import zipfile
    >>> path = getfixture("tmp_path") / "a.zip"
    >>> with zipfile.ZipFile(path, "w") as made:
    ...     made.writestr("photos/1.jpg", b"five!")
    >>> with open(path, "rb") as file:
    ...     archive = list_archive(file, path.name)
    ...     archive.kind, dict(archive.read(["photos/1.jpg"]))
    ('zip', {'photos/1.jpg': b'five!'})
    """
    stamp = _stamp(file)
    packed_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    block = file.read(BLOCK_BYTES)
    file.seek(0)
    if block.startswith(_ZIPS):
        found = index_zip(file, name)
        members = {key: packed.member for key, packed in found.items()}
        return Archive(name, "zip", members, lambda key: read_packed(name, key, found[key]), file, stamp)
    if block.startswith(_GZIP):
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
        with _explained(name):
            if not is_tar(stream.read(BLOCK_BYTES)):
                raise fault(name, "", "a gzip file of something else", "a tar, tar.gz or zip")
            stream.seek(0)
            members = index_tar_stream(stream, name, most_bytes(packed_bytes))
        return Archive(name, "tar.gz", members, lambda key: _read_at(stream, name, key, members[key]), file, stamp)
    if not is_tar(block):
        raise fault(name, "", _describe(block), "a tar, tar.gz or zip", "get the archive again, or pass another")
    members = index_tar_stream(file, name, most_bytes(packed_bytes))
    return Archive(name, "tar", members, lambda key: _read_at(file, name, key, members[key]), file, stamp)


def index_tar(path: str | os.PathLike[str]) -> dict[str, Member]:
    """List the files of an uncompressed tar: name -> offset and size (bytes), for reading them where they lie.

    Raises:
        SourceMissingError: if the file does not exist.
        ArchiveError: if it is not an uncompressed tar, is damaged, or holds what must not be unpacked.

    >>> import io, tarfile
    >>> path = getfixture("tmp_path") / "a.tar"
    >>> with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as made:
    ...     photo = tarfile.TarInfo("photos/1.jpg")
    ...     photo.size = 5
    ...     made.addfile(photo, io.BytesIO(b"five!"))
    >>> index_tar(path)
    {'photos/1.jpg': Member(offset=512, size=5)}
    """
    with _open(Path(path)) as file:
        size_bytes = _stamp(file)[0]
        block = file.read(BLOCK_BYTES)
        if not is_tar(block):
            raise fault(str(path), "", _describe(block), "an uncompressed tar", "unpack it and pass the folder")
        file.seek(0)
        return index_tar_stream(file, str(path), most_bytes(size_bytes))


@contextmanager
def open_archive(path: Path, *, sha1: str, size_bytes: int | None = None) -> Iterator[Archive]:
    """Check an archive's digest, list it, and read from it, all through one open file.

    Args:
        path: of the archive.
        sha1: that its bytes must have, in hexadecimal.
        size_bytes: that it must have, if that is known.

    Raises:
        SourceMissingError: if the file does not exist.
        ArchiveError: if size or digest differ, or `list_archive` refuses it.
    """
    with _open(path) as file:
        stamp = _stamp(file)
        _check_digest(file, str(path), sha1, size_bytes)
        yield replace(list_archive(file, str(path)), _stamp=stamp)


def write_files(files: Iterable[tuple[str, Contents]], folder: Path, advance: Callable[[int], None]) -> None:
    """Write new files below a folder and bring them to the disk.

    Args:
        files: (relative name, what makes the contents; called in a thread).
        folder: exists and is empty; folders in it are made as names need them.
        advance: called with 1 after each file, in the calling thread.
    """
    made = {folder}

    def writers() -> Iterator[Callable[[], None]]:
        for name, contents in files:
            path = folder / name
            if path.parent not in made:
                path.parent.mkdir(parents=True)
                made.update(path.parents)
            yield partial(_write, path, contents)

    for _ in all_of(writers(), _WRITERS):
        advance(1)


def unpack(archive: Archive, folder: Path, wanted: Collection[str] | None = None, *, root: str = "") -> None:
    """Write files of an archive below a folder that is empty.

    Args:
        archive: is only read from.
        folder: gets them.
        wanted: names of members; all if None.
        root: the beginning of names that is left out of the files' names.
    """
    names = archive.members if wanted is None else wanted
    files = ((name.removeprefix(root), partial(bytes, content)) for name, content in archive.read(names))
    with show_progress("unpacking", len(names)) as advance:
        write_files(files, folder, advance)


def describe_page(start: bytes) -> str:
    """Describe a file whose first bytes look like a web page; return "" for any other.

    >>> describe_page(b"<!DOCTYPE html><title>Not found")
    "a web page that starts with '<!DOCTYPE html><title>No'"
    """
    text = start.lstrip()
    return f"a web page that starts with {text[:24].decode('ascii', 'replace')!r}" if text.startswith(b"<") else ""


def _describe(start: bytes) -> str:
    if not start:
        return "an empty file"
    kind = next((kind for magic, kind in _KINDS if start.startswith(magic)), f"a file that starts with {start[:8]!r}")
    return describe_page(start) or kind


def _write(path: Path, contents: Contents) -> None:
    write_whole(path, contents())


def _read_at(stream: BinaryIO, archive: str, name: str, member: Member) -> bytes:
    with _explained(archive):
        stream.seek(member.offset)
        content = stream.read(member.size)
    if len(content) != member.size:
        raise fault(archive, name, f"{len(content):,} bytes", f"{member.size:,}")
    return content


@contextmanager
def _explained(archive: str) -> Iterator[None]:
    """Raise an `ArchiveError` in place of gzip's errors about damaged bytes."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise fault(archive, "", f"damage in the gzip stream ({error})", "one whose checksum fits") from error


def _open(path: Path) -> BinaryIO:
    """Open an archive; a pipe is not waited for."""
    try:
        kind = kind_at(path)
        if kind == "a file":
            return open(path, "rb", opener=_open_at_once)
    except OSError as error:
        kind = error.strerror or str(error)
    if not kind:
        raise SourceMissingError(str(path), found="no such archive", remedy="check the path")
    found = f"the archive cannot be read ({kind})"
    raise ArchiveError(str(path), found=found, expected="a file", remedy="check the path and its permissions")


def _open_at_once(path: str, flags: int) -> int:
    # A pipe may have taken the file's place since it was looked at; regular files do not know the difference.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _stamp(file: BinaryIO) -> Stamp:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


def _check_digest(file: BinaryIO, name: str, sha1: str, size_bytes: int | None) -> None:
    found_bytes = os.fstat(file.fileno()).st_size
    digest, start = hashlib.sha1(usedforsecurity=False), file.read(BLOCK_BYTES)
    file.seek(0)
    with show_bytes(f"checking {os.path.basename(name)}", found_bytes) as show:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            show(file.tell())
    if digest.hexdigest() != sha1 or size_bytes not in (None, found_bytes):
        page = f", {describe_page(start)}" if describe_page(start) else ""
        raise ArchiveError(
            name,
            found=f"SHA-1 {digest.hexdigest()} in {found_bytes:,} bytes{page}",
            expected=sha1 if size_bytes in (None, found_bytes) else f"{sha1} in {size_bytes:,} bytes",
            remedy="get the archive again, or, if you trust this one, pass its own SHA-1",
        )
