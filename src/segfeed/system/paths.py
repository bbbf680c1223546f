"""Paths that a person names: where they lead, what stands there, and whether a file may be written.

A name may stand for anything: a link, a pipe, a device, a folder that one may not enter. Nothing but a regular file is
ever replaced.
"""

import difflib
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from segfeed.errors import OptionError, StorageError

_KINDS = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_NAMES_COMPARED = 10_000  # a folder may hold a million
_RESERVED = re.compile(r"((con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\..*)?|.*[. ])", re.IGNORECASE | re.DOTALL)


def user_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that a person wrote as an absolute one, with `~` filled in.

    Raises:
        OptionError: if it begins with the home folder of an unknown user, or the working folder has been removed.

    >>> user_path("/data/./VOC2012").as_posix()
    '/data/VOC2012'
    """
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise OptionError(str(path), found="a home folder that is not known", remedy="write the path out") from None
    except FileNotFoundError:
        found = "a path from the working folder, which has been removed"
        raise OptionError(str(path), found=found, remedy="change into a folder that exists") from None


def is_reserved(name: str) -> bool:
    """Check whether Windows keeps a file's or folder's name for a device, or drops its end: "con.png", "aux", "a.".

    Source: Microsoft, "Naming Files, Paths, and Namespaces".

    >>> is_reserved("nul.jpg"), is_reserved("null.jpg"), is_reserved("1.")
    (True, False, True)
    """
    return bool(_RESERVED.fullmatch(name))


def near_path(path: Path, known: Iterable[str] = ()) -> str:
    """Return what a person may have meant by a path that leads nowhere: a name that is spelled nearly so, or "".

    Args:
        path: that is not there; its first part that is missing is compared with what lies beside it.
        known: other names that could have been meant.
    """
    missing, beside = path.name, []
    with suppress(OSError):  # a folder that may not be entered suggests nothing
        while not os.path.isdir(path.parent) and path.parent != path:
            path = path.parent
            missing = path.name
        with os.scandir(path.parent) as entries:
            beside = [entry.name for entry in islice(entries, _NAMES_COMPARED) if not entry.name.startswith(".")]
    folded = {name.casefold(): name for name in (*known, *beside)}
    near = difflib.get_close_matches(missing.casefold(), folded, 1, 0.75)
    if not near:
        return ""
    return folded[near[0]] if folded[near[0]] in known else str(path.parent / folded[near[0]])


def kind_at(path: str | os.PathLike[str]) -> str:
    """Return what stands under a path, links followed: "a file", "a folder", "a device", ...; "" for nothing.

    Raises:
        StorageError: if the system does not tell, because the name is too long, or a folder may not be entered.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "a link to nothing" if os.path.islink(path) else ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        found, remedy = f"the system cannot reach it ({reason})", "check the name, and the permissions of its folders"
        raise StorageError(str(path)[:300], found=found, remedy=remedy) from None
    return kind_of_mode(mode)


def kind_of_mode(mode: int) -> str:
    """Return what a mode of `os.stat` says: "a file", "a folder", "a device", ..."""
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "a special file")


def free_path(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return the absolute path of a file that may be written: there is none yet, or it may be replaced.

    Raises:
        OptionError: if a file exists and `overwrite` is off, or something else stands there.
        StorageError: if the system cannot reach it.
    """
    path = user_path(path)
    kind = kind_at(path)
    if kind not in ("", "a file"):
        raise OptionError(str(path), found=kind, expected="the name of a new file", remedy="choose another name")
    if kind and not overwrite:
        remedy = "pass overwrite=True to replace it, or another name"
        raise OptionError(str(path), found="the file exists", remedy=remedy)
    return path
