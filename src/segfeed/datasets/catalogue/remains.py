"""Remains: what has arrived of a download, kept for the next process if this one fails; no line here knows the network.

The bytes lie in a hidden folder of one process. The next one takes it over with a rename, which only one process can
succeed with, so two never write to one file. In a folder in which others may write, anybody can put something under
that name: only a folder and a file of this user's own, which nobody else can change and no link leads to, are taken
over.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from segfeed.system.storage import explained, unfinished_folders, unfinished_name

REMEDY = "or choose another folder"
_BYTES = "bytes"


@contextlib.contextmanager
def open_remains(key: str, folder: Path) -> Iterator[Path]:
    """Take over what arrived before under a key, or start anew, in `folder`, which is made if it is missing.

    Yields:
        path: of the file with the bytes, which may not exist yet. It is deleted when the block ends well; if anything
            fails in the block, it stays for the next call, in this process or another.

    Raises:
        StorageError: if the folder cannot be written.
    """
    with explained(folder, 0, REMEDY):
        folder.mkdir(parents=True, exist_ok=True)
        (own := folder / unfinished_name(key)).mkdir(0o700)
        *others, own = sorted([own, *_claim(key, folder)], key=_count_bytes)
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    try:
        yield own / _BYTES
    except BaseException:
        if not _count_bytes(own):
            shutil.rmtree(own, ignore_errors=True)
        with contextlib.suppress(OSError):  # if another process left its own, ours is taken over when this one is gone
            own.rename(folder / f".{key}.part")
        raise
    shutil.rmtree(own, ignore_errors=True)


def sweep_remains(key: str, folder: Path) -> None:
    """Remove what killed and failed downloads have left in a folder under a key; those under way are left alone."""
    for path in _claim(key, folder):
        shutil.rmtree(path, ignore_errors=True)


def _claim(key: str, folder: Path) -> Iterator[Path]:
    """Make what no process works on any more this process's own."""
    for path in [folder / f".{key}.part", *unfinished_folders(folder)]:
        if path.name.startswith(f".{key}."):
            own = folder / unfinished_name(key)
            with contextlib.suppress(OSError):  # another process was faster, or we may not write here
                path.rename(own)
                if _is_own(own):
                    yield own
                elif os.path.islink(own):
                    own.unlink()
                else:
                    shutil.rmtree(own, ignore_errors=True)


def open_own(path: str, flags: int) -> int:
    """Open a file as `open` asks for it, but follow no link to it."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _is_own(folder: Path) -> bool:
    """Check that a folder, and the bytes in it, are this user's alone: no links, and nobody else may write there."""
    try:
        inside = [os.lstat(folder / _BYTES)] if os.path.lexists(folder / _BYTES) else []
        found = os.lstat(folder)
    except OSError:
        return False
    own = os.geteuid()
    is_folder = stat.S_ISDIR(found.st_mode) and found.st_uid == own and not found.st_mode & 0o022
    return is_folder and all(
        stat.S_ISREG(one.st_mode) and one.st_uid == own and one.st_nlink == 1 and not one.st_mode & 0o022
        for one in inside
    )


def _count_bytes(folder: Path) -> int:
    return (folder / _BYTES).stat().st_size if (folder / _BYTES).is_file() else 0
