"""What Linux, macOS and Windows do in different ways, each written once: limits, pages, files, processes.

Nothing here is imported that one of them lacks. If a system cannot do a thing at all, the docstring says what the
caller gets instead. The ways of Windows are tested by taking the others' functions away; a real Windows has not run
them yet.
"""

import contextlib
import ctypes
import errno
import mmap
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

try:
    import resource as _resource
except ImportError:  # Windows
    resource: ModuleType | None = None
else:
    resource = _resource

IS_WINDOWS: bool = sys.platform == "win32"

BINARY = getattr(os, "O_BINARY", 0)
"""A flag for `os.open`: without it, Windows changes line ends and stops at byte 26."""

_BUSY = (5, 32, 33)  # access denied, sharing violation, lock violation: a scanner has the file open for a moment
_FEW_FILES = 16
_WAITS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)

_CANNOT_FLUSH = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.ENOSYS)

_QUERY, _SYNCHRONISE = 0x1000, 0x100000
_STILL_RUNS, _DENIED = 0x102, 5


def memory_limits() -> list[int]:
    """List how many bytes of memory the machine has, and how many this process may take; empty if nothing tells."""
    limits = []
    if hasattr(os, "sysconf"):
        with contextlib.suppress(OSError, ValueError):
            limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    elif IS_WINDOWS:
        limits += _windows_memory(_kernel32())
    if resource is not None and (limit := resource.getrlimit(resource.RLIMIT_AS)[0]) != resource.RLIM_INFINITY:
        limits.append(limit)
    return limits


def disk_faults(*, all_threads: bool = False) -> int:
    """Count the page faults of this thread, or of all (on macOS always), that had to wait for the disk.

    Windows does not tell them from others: 0.
    """
    if resource is None:
        return 0
    own = resource.RUSAGE_SELF if all_threads else getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return int(resource.getrusage(own).ru_majflt)


def map_memory(size_bytes: int) -> mmap.mmap:
    """Map fresh pages of this process alone; on Windows, of the paging file."""
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size_bytes)
    return mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def map_file(descriptor: int) -> mmap.mmap:
    """Map a whole file that is open, to read it; its pages are shared with every process that maps it.

    Raises:
        OSError: if the file system maps no files.
    """
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    try:
        return mmap.mmap(descriptor, 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        # Some network and union file systems share no mappings. Unwritten, a private one shows the same.
        return mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)


def advise(mapping: mmap.mmap, advice: str, start: int = 0, length: int | None = None) -> None:
    """Tell the system how mapped bytes will be used, if it takes such advice; Windows takes none.

    Args:
        mapping: the mapping.
        advice: the name behind `MADV_`, such as "WILLNEED" or "HUGEPAGE".
        start: the first byte, at a page's beginning.
        length: how many; None for all that follow.
    """
    if (number := getattr(mmap, f"MADV_{advice}", None)) is not None:
        with contextlib.suppress(OSError):  # a kernel built without huge pages: small ones serve as well
            mapping.madvise(number, start, len(mapping) - start if length is None else length)


def sync(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk.

    Some network and FUSE file systems flush files, but no folders: their servers keep the names.
    Source: PostgreSQL, fsync_fname_ext, which passes over the same refusals.

    Windows cannot open a folder, and its file system keeps a log of names: nothing is done for folders there.
    """
    if IS_WINDOWS and os.path.isdir(path):
        return
    # Windows flushes only what may be written.
    handle = os.open(path, (os.O_RDWR if IS_WINDOWS else os.O_RDONLY) | BINARY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH or not os.path.isdir(path):
            raise
    finally:
        os.close(handle)


def reserve(descriptor: int, size_bytes: int) -> None:
    """Take the room of a new file on the disk before it is written, on Linux, if its file system can.

    If it cannot, or the disk is full, nothing is said: the writes that follow do without, or fail.
    """
    # Not `os.posix_fallocate`: where the file system cannot, the C library writes a byte into every block instead.
    if sys.platform == "linux" and sys.maxsize > 1 << 32:  # where an offset has 64 bits
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).fallocate(descriptor, 0, ctypes.c_int64(0), ctypes.c_int64(size_bytes))


def has_few_files_left(folder: Path) -> bool:
    """Check whether a folder's disk, as far as the system tells, takes hardly any more files, whatever their size."""
    with contextlib.suppress(OSError, AttributeError):  # Windows has no such limit
        status = os.statvfs(folder)
        return status.f_files > 0 and status.f_favail < _FEW_FILES
    return False


def rename(old: Path, new: Path) -> None:
    """Rename a file or folder. What Windows refuses because a scanner looks at it is tried for 1.6 s."""
    _patiently(lambda: os.rename(old, new))


def replace(old: Path, new: Path) -> None:
    """Put a file in another's place, in the same way."""
    _patiently(lambda: os.replace(old, new))


def _patiently(act: Callable[[], None]) -> None:
    for wait_s in _WAITS_S:
        try:
            act()
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _BUSY:
                raise
        else:
            return
        time.sleep(wait_s)
    act()


def is_in_use(error: OSError) -> bool:
    """Check whether Windows refused because some program has the file open or mapped."""
    return getattr(error, "winerror", None) in _BUSY


def is_alive(process_id: int) -> bool:
    """Check whether a process of this machine runs. What belongs to another user counts as running."""
    if IS_WINDOWS:  # there, signal 0 is Ctrl-C, and would be sent
        return _is_alive_on_windows(process_id, _kernel32())
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def user_id() -> int | None:
    """Return the number of the user whose rights this process has; None on Windows, where files have no such owner."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def _kernel32() -> Any:
    return ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]  # Windows alone has it


def _is_alive_on_windows(process_id: int, kernel32: Any) -> bool:
    """Ask for the process.

    Source: Microsoft, OpenProcess and WaitForSingleObject, processthreadsapi.h and synchapi.h.
    """
    kernel32.OpenProcess.restype = ctypes.c_void_p
    handle = kernel32.OpenProcess(_QUERY | _SYNCHRONISE, 0, process_id)
    if not handle:
        return bool(ctypes.get_last_error() == _DENIED)  # type: ignore[attr-defined]
    try:
        return bool(kernel32.WaitForSingleObject(ctypes.c_void_p(handle), 0) == _STILL_RUNS)
    finally:
        kernel32.CloseHandle(ctypes.c_void_p(handle))


class _MemoryStatus(ctypes.Structure):
    """What GlobalMemoryStatusEx fills.

    Source: Microsoft, MEMORYSTATUSEX, sysinfoapi.h.
    """

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("physical", ctypes.c_uint64),
        ("others", ctypes.c_uint64 * 6),  # free, and what paging files and addresses leave
    )


def _windows_memory(kernel32: Any) -> list[int]:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    return [int(status.physical)] if kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else []


def is_there_already(error: OSError, place: Path) -> bool:
    """Check whether a folder could not be renamed because another stands under the new name."""
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
        return True
    return is_in_use(error) and os.path.isdir(place)  # Windows, if the other one is open
