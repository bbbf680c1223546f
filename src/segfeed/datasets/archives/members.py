"""Members: what an archive holds, by name and position. Every name is checked before a byte is written anywhere.

An archive of pictures needs plain files and folders. Nearly all ways to break out of the folder that it is unpacked
into, or to overwrite a file while doing so, need something else: links, odd names, two members of one name.
"""

import re
import unicodedata
from dataclasses import dataclass

from segfeed.errors import ArchiveError

MAX_MEMBERS = 2_000_000
MAX_MEMBER_BYTES = 1 << 30
MAX_NAME_BYTES = 255

DAMAGED = "the archive is damaged; get it again"
DISTRUSTED = "if you trust the archive, unpack it yourself and pass the folder"

# Control characters, line separators, and what is a separator or a drive on other systems.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\]|^[A-Za-z]:")
_FREE_BYTES = 64 << 20  # small archives may be packed as tightly as they like
_MAX_RATIO = 200


@dataclass(frozen=True, slots=True)
class Member:
    """Where a file's contents lie in an archive.

    Attributes:
        offset: of the first byte, in bytes from the archive's beginning, once a tar.gz is uncompressed.
        size: of the contents in bytes, uncompressed.
    """

    offset: int
    size: int


def fault(archive: str, member: str, found: str, expected: str, remedy: str = DAMAGED) -> ArchiveError:
    """Create the error about a member of an archive, or with an empty `member` about the archive itself.

    >>> print(fault("a.tar", "x/b.png", "a symbolic link", "files and folders"))
    a.tar: member 'x/b.png': a symbolic link; expected files and folders; the archive is damaged; get it again.
    """
    found = f"member {member!r}: {found}" if member else found
    return ArchiveError(archive, found=found, expected=expected, remedy=remedy)


def most_bytes(packed_bytes: int) -> int:
    """Return how many bytes an archive of `packed_bytes` may unpack to; more is a bomb."""
    return _FREE_BYTES + _MAX_RATIO * packed_bytes


class Listing:
    """The members of an archive, entered one by one; what must not be unpacked is refused with an `ArchiveError`.

    Args:
        archive: the archive's name, for messages.

    >>> listing = Listing("a.tar")
    >>> listing.enter(b"./photos/1.jpg", 5)
    'photos/1.jpg'
    >>> listing.enter(b"../1.jpg", 5)
    Traceback (most recent call last):
    ...
    segfeed.errors.ArchiveError: a.tar: member '../1.jpg': the name leaves its folder; expected a name below it; ...
    """

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self._files: dict[str, str] = {}  # folded name -> name
        self._folders: set[str] = set()
        self._count = 0

    def enter(self, stored: bytes, size: int, *, is_folder: bool = False) -> str:
        """Check a member by its stored name and its size in bytes.

        Returns:
            name: of a file, without "./"; empty for the folder that everything lies in.

        Raises:
            ArchiveError: if the name is unsafe or was there before, the size absurd, or there are too many members.
        """
        name = self._check_name(stored)
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise fault(self.archive, name, f"member number {self._count:,}", f"at most {MAX_MEMBERS:,}", DISTRUSTED)
        if not 0 <= size <= MAX_MEMBER_BYTES:
            raise fault(self.archive, name, f"{size:,} bytes", f"0 to {MAX_MEMBER_BYTES:,} for one file", DISTRUSTED)
        if name:
            self._check_neighbours(name, is_folder=is_folder)
        elif not is_folder:
            raise fault(self.archive, name, "a file without a name", "a name", DISTRUSTED)
        return name

    def _check_name(self, stored: bytes) -> str:
        shown = stored.decode("utf-8", "backslashreplace")
        if len(stored) > MAX_NAME_BYTES:
            found = f"a name of {len(stored):,} bytes"
            raise fault(self.archive, shown[:60] + "...", found, f"at most {MAX_NAME_BYTES}", DISTRUSTED)
        try:
            name = stored.decode("utf-8")
        except UnicodeDecodeError:
            raise fault(self.archive, shown, "a name that is not UTF-8", "UTF-8", DISTRUSTED) from None
        if _FORBIDDEN.search(name):
            found = "a control character, backslash or drive letter in the name"
            raise fault(self.archive, name, found, "a plain relative name", DISTRUSTED)
        parts = name.removesuffix("/").split("/")
        if name.startswith("/") or ".." in parts:
            raise fault(self.archive, name, "the name leaves its folder", "a name below it", DISTRUSTED)
        if "" in parts and name:
            raise fault(self.archive, name, "an empty part in the name", "a plain relative name", DISTRUSTED)
        return "/".join(part for part in parts if part != ".")

    def _check_neighbours(self, name: str, *, is_folder: bool) -> None:
        """Refuse a name that some system takes for another member's, compared as the least strict system does."""
        folded = _fold(name)
        if (twin := self._files.get(folded)) is not None:
            found = "the same name twice" if twin == name else f"a name that some systems take for {twin!r}"
            raise fault(self.archive, name, found, "each file once", DISTRUSTED)
        if not is_folder and folded in self._folders:
            raise fault(self.archive, name, "a file where others have a folder", "each name once", DISTRUSTED)
        if is_folder:
            self._folders.add(folded)
        else:
            self._files[folded] = name
        while "/" in folded:
            folded = folded.rpartition("/")[0]
            if folded in self._files:
                found = f"a member inside of {self._files[folded]!r}, which is a file"
                raise fault(self.archive, name, found, "each file once", DISTRUSTED)
            if folded in self._folders:
                return
            self._folders.add(folded)


def _fold(name: str) -> str:
    """Fold case and composition, as macOS and Windows do."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
