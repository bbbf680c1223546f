"""Storage: the cache folder, and folders that appear whole or not at all.

Every write that must survive a crash goes through the few functions of this module: make a temporary sibling, write,
fsync, rename once, fsync the parent. A folder under its final name is therefore complete. Correctness never rests on a
lock: two processes that publish the same folder both succeed, and one copy stays.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import socket
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from segfeed.errors import OptionError, SegfeedError, StorageError
from segfeed.system import portable
from segfeed.system.paths import kind_at, user_path
from segfeed.system.portable import sync
from segfeed.system.work import all_of

_UNFINISHED = ".unfinished"
_SPARE_BYTES = 64 << 20  # room that is left to others on the same disk
_LONG_NAME_BYTES = 100
_QUIET_S = 86_400  # a process that makes a folder writes to it all the time
_UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
# Linux caches what comes in larger writes in huge pages. Those are what a virtual machine gives back to its host while
# nothing needs them, and they return 4 KiB at a time: three times the cost of the writing.
_WRITE_BYTES = 1 << 20
_SYNCS_AT_ONCE = 8  # a disk takes many small files together several times faster than one by one


def cache_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder for packs and the sample: the argument, else $SEGFEED_CACHE, else the user's cache folder."""
    chosen = cache_dir or os.environ.get("SEGFEED_CACHE")
    return user_path(chosen) if chosen else user_cache()


def user_cache() -> Path:
    """Return the user's own cache folder, whatever folder was chosen for packs.

    Raises:
        OptionError: if the user has no home folder.
    """
    import platformdirs  # noqa: PLC0415 - only needed if nobody chose a folder

    try:
        return platformdirs.user_cache_path("segfeed")
    except RuntimeError:  # a container's user of a number without a name
        found, remedy = "no home folder is known", "set SEGFEED_CACHE to a folder, or pass another cache_dir"
        raise OptionError("cache_dir", found=found, remedy=remedy) from None


def private_folder(name: str) -> Path | None:
    """Make a folder in the user's own cache that nobody else may enter; code is kept there, and run by who finds it.

    Not in $SEGFEED_CACHE, which several users may share.

    Returns:
        folder: None if it cannot be made, or somebody else owns it or may write there.
    """
    try:
        folder = user_cache() / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.lstat()
    except (OSError, OptionError):
        return None
    own = portable.user_id()
    is_ours = own is None or (status.st_uid == own and not status.st_mode & 0o022)
    return folder if is_ours and stat.S_ISDIR(status.st_mode) and os.access(folder, os.W_OK) else None


class WholeFile:
    """A new file that is written to its last byte: plain unbuffered writes, repeated until nothing is left.

    Duck-typed for `pyarrow.PythonFile`, which ignores how much a write took, and which takes any exception for "closed"
    when it asks: so `closed` is an attribute, not a property, in which Ctrl-C could raise one.

    Args:
        path: of the file, which must not exist.
        size_bytes: how long it will be; 0 if that is not known.

    Attributes:
        closed: whether the file is closed.
    """

    def __init__(self, path: Path, size_bytes: int = 0) -> None:
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115 - closed by close()
        if size_bytes:  # a file system that finds room for all at once takes less time than for page after page
            portable.reserve(self._file.fileno(), size_bytes)
        self.closed = False
        self._alone = threading.Lock()

    def write(self, data: Any) -> int:
        """Write all of a bytes-like object."""
        with self._alone:
            return self._write(memoryview(data).cast("B"))

    def _write(self, view: memoryview) -> int:
        done = 0
        while done < len(view):
            done += self._file.write(view[done:])
        return done

    def write_at(self, data: Any, position: int) -> None:
        """Write all of a bytes-like object from a position on, in any thread; where `write` goes on does not change."""
        view = memoryview(data).cast("B")
        if not hasattr(os, "pwrite"):  # Windows
            with self._alone:
                here = self._file.tell()
                self._file.seek(position)
                self._write(view)
                self._file.seek(here)
            return
        done = 0
        while done < len(view):
            done += os.pwrite(self._file.fileno(), view[done : done + _WRITE_BYTES], position + done)

    def flush(self) -> None:
        """Do nothing: nothing is buffered here."""

    def sync(self) -> None:
        """Bring what was written so far to the disk."""
        getattr(os, "fdatasync", os.fsync)(self._file.fileno())  # macOS has no fdatasync

    def close(self) -> None:
        """Close the file. `publish` brings it to the disk, with all the others of its folder."""
        self.closed = True
        self._file.close()


def write_whole(path: Path, data: bytes) -> None:
    """Write a new file to its last byte. `publish` brings it to the disk, with all the others of its folder."""
    file = WholeFile(path)
    try:
        file.write(data)
    finally:
        file.close()


def save(path: Path, data: bytes, what: str, remedy: str = "choose a folder that is yours and has room") -> None:
    """Write a small file, replacing an older one at once: readers see the old bytes or the new ones.

    Args:
        path: of the file; if it is a link, what it leads to is replaced.
        data: the bytes.
        what: they are, for the message, such as "the report".
        remedy: what to do if they cannot be written.

    Raises:
        StorageError: if it cannot be written, or something that is not a regular file stands there.
    """
    try:
        write_over(path, data)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        found = f"{what} cannot be written ({error.strerror or error})"
        raise StorageError(str(path), found=found, remedy=remedy) from error


def write_over(path: Path, data: bytes) -> None:
    """Do as `save`, but let the system's own errors through.

    Raises:
        StorageError: if something that is not a regular file stands there.
    """
    if (kind := kind_at(path)) not in ("", "a file"):
        raise StorageError(str(path), found=kind, expected="a regular file, or nothing", remedy="choose another name")
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    sibling = path.with_name(unfinished_name(path.name))
    try:
        write_whole(sibling, data)
        sync(sibling)
        portable.replace(sibling, path)
    except BaseException:
        sibling.unlink(missing_ok=True)
        raise


def publish(final: Path, fill: Callable[[Path], str | None], *, needed_bytes: int = 0, remedy: str = "") -> Path:
    """Make a folder that appears under its name complete, or not at all.

    Args:
        final: the folder's path; if it exists in the end (another process was faster), that one stays.
        fill: writes the contents into the empty folder it is given; may return a better name, known only then.
        needed_bytes: how much will be written; checked against the free space first.
        remedy: what the user can do if the folder cannot be written, a clause that begins with "or".

    Returns:
        folder: under its final name.

    Raises:
        StorageError: if there is too little space or no permission, or the disk failed. Nothing is left behind.
    """
    parent = final.parent
    with explained(parent, needed_bytes, remedy):
        parent.mkdir(parents=True, exist_ok=True)
        sweep(final)
        check_space(parent, needed_bytes, remedy)
        unfinished = parent / unfinished_name(final.name)
        unfinished.mkdir()
        try:
            final = final.with_name(fill(unfinished) or final.name)
            _sync_tree(unfinished)
            _rename(unfinished, final)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        sync(parent)
    return final


def discard(path: Path) -> None:
    """Remove a folder at once, as it appeared: readers find all of it or nothing, even if this process is killed.

    Raises:
        StorageError: if it cannot be removed.
    """
    hidden = path if path.name.endswith(_UNFINISHED) else path.with_name(unfinished_name(path.name))
    try:
        if hidden != path:
            portable.rename(path, hidden)
    except FileNotFoundError:
        return  # another process removed it first
    except OSError as error:
        if error.errno == errno.EXDEV:
            _remove_in_place(path)
            if not os.path.lexists(path):
                return
        found = f"this cannot be removed ({error.strerror})"
        is_open = portable.is_in_use(error)
        remedy = "end the programs that have it open" if is_open else "remove it as the user who made it"
        raise StorageError(str(path), found=found, remedy=remedy) from error
    _remove(hidden)


def _remove_in_place(folder: Path) -> None:
    """Remove a folder that came with a container's image (overlayfs): its files may go, but it cannot be renamed.

    They go in the order of their names: `manifest.json` is the first, and without it a folder is not a pack.
    """
    for name in sorted(os.listdir(folder)):
        _remove(folder / name)
    _remove(folder)


def sweep(final: Path) -> None:
    """Remove what killed processes of this machine left half-made of a folder or file."""
    for path in unfinished_folders(final.parent):
        if path.name.startswith(f".{_short(final.name)}."):
            _remove(path)


def sweep_all(parent: Path) -> None:
    """Remove all that killed processes of this machine left half-made in a folder."""
    for path in unfinished_folders(parent):
        _remove(path)


def unfinished_folders(parent: Path) -> list[Path]:
    """List what killed processes left half-made in a folder: folders, and files; of other machines after a day."""
    if not os.path.isdir(parent):  # `Path.is_dir` raises if a folder on the way may not be entered
        return []
    return [path for path in sorted(parent.glob(f".*{_UNFINISHED}")) if _is_orphan(path)]


def unfinished_name(name: str) -> str:
    """Make a name, of this process alone, for what is to become `name`; `unfinished_folders` finds it."""
    return f".{_short(name)}.{_host()}.{os.getpid()}.{os.urandom(4).hex()}{_UNFINISHED}"


def _short(name: str) -> str:
    """Return a name, or, if it is so long that no more than itself fits into the system's limit, a hash of it."""
    encoded = os.fsencode(name)
    if len(encoded) <= _LONG_NAME_BYTES:
        return name
    return hashlib.sha256(encoded).hexdigest()[:32]


def _host() -> str:
    """Return the name of what process ids belong to: this machine as it was started, and in it this container."""
    host = socket.gethostname().replace(".", "-")[:32] or "localhost"
    with contextlib.suppress(OSError):  # Linux only
        # Two machines of one name may share a folder.
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().decode()[:8]
        host += f"-{os.stat('/proc/self/ns/pid').st_ino}-{boot}"
    return host


def _is_orphan(path: Path) -> bool:
    """Check whether the process that was making `path` is gone.

    One of another machine, or of a container that has ended, cannot be asked for: there a day without a write tells.
    """
    parts = path.name.removesuffix(_UNFINISHED).split(".")
    if len(parts) < 4 or not parts[-2].isdigit():
        return False
    if parts[-3] != _host():
        return time.time() - _last_written_s(path) > _QUIET_S
    return not portable.is_alive(int(parts[-2]))


def _last_written_s(path: Path) -> float:
    """Return when a file, or anything in a folder, was written last, in seconds since the epoch."""
    latest = 0.0
    for place in (path, *path.rglob("*")):
        with contextlib.suppress(OSError):  # gone meanwhile
            latest = max(latest, place.lstat().st_mtime)
    return latest


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def check_space(folder: Path, needed: int, remedy: str) -> None:
    """Check that a folder's disk has room for `needed` bytes.

    Raises:
        StorageError: if it has less, counting what is left to others.
    """
    free = shutil.disk_usage(folder).free
    if needed and free < needed + _SPARE_BYTES:
        raise StorageError(
            str(folder),
            found=f"{describe_bytes(free)} are free, of which {describe_bytes(_SPARE_BYTES)} are left to others",
            expected=f"room for {describe_bytes(needed)}",
            remedy=f"make room{', ' if remedy else ''}{remedy}",
        )


@contextlib.contextmanager
def explained(folder: Path, needed: int, remedy: str) -> Iterator[None]:
    """Turn the system's refusals to write into a StorageError with the remedy."""
    try:
        yield
    except SegfeedError:  # some are OSErrors, too
        raise
    except OSError as error:
        expected = ""
        if error.errno == errno.ENOSPC and portable.has_few_files_left(folder):
            found, expected = "the disk takes no more files, though it may have room (df -i)", "room for a few files"
        elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            found = f"the disk is full ({error.strerror})"
            expected = f"room for {describe_bytes(needed)}" if needed else ""
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            found = f"the folder cannot be written ({error.strerror})"
        elif error.errno in (errno.ENOTDIR, errno.EEXIST) and not os.path.isdir(folder):
            there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
            found = f"{'this' if there == folder else there} is {kind_at(there)}, not a folder"
        elif error.errno == errno.EIO:
            found = f"the disk failed ({error.strerror})"
        elif error.errno is None:
            raise
        else:
            found = f"the system refused to write ({error.strerror})"
        advice = f"choose another cache_dir, {remedy}" if remedy else "choose another folder"
        raise StorageError(str(folder), found=found, expected=expected, remedy=advice) from error


def _rename(unfinished: Path, final: Path) -> None:
    try:
        portable.rename(unfinished, final)
    except OSError as error:
        if not portable.is_there_already(error, final) and (unfinished.exists() or not final.exists()):
            raise
        # Another process published the same folder first; or a network drive renamed ours, and its answer was lost.
        shutil.rmtree(unfinished, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    """Bring a folder to the disk with all that it holds, no matter what wrote it."""
    folders = list(os.walk(folder, topdown=False))  # the deepest first: a folder lists only what is on the disk
    syncs = (partial(sync, Path(path, name)) for path, _, names in folders for name in names)
    deque(all_of(syncs, _SYNCS_AT_ONCE), maxlen=0)  # what failed is raised here
    for path, _, _ in folders:
        sync(Path(path))


def describe_bytes(count: int) -> str:
    """Write a number of bytes for people.

    >>> describe_bytes(3 << 29)
    '1.5 GiB'
    """
    name, size = next(((name, size) for name, size in _UNITS if count >= size), _UNITS[-1])
    return f"{count / size:.1f} {name}"
