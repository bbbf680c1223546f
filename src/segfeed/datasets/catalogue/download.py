"""Download: a file from the first of several mirrors that gives the right bytes, gone on with where it was cut off.

What has arrived lies in a folder that belongs to one process: a killed process leaves it to the next one, which takes it
over with a rename, so that two never write to one file. Whatever servers say, the SHA-1 decides.

Python's own `urllib` does: nothing here needs more than a range, a redirect and a timeout.
"""

import contextlib
import hashlib
import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

from segfeed.datasets.archives.archive import describe_page
from segfeed.errors import DownloadError, OptionError
from segfeed.system.storage import check_space, explained, unfinished_folders, unfinished_name, write_over
from segfeed.system.work import show_bytes

_BYTES, _ORIGIN = "bytes", "origin.json"
_CHUNK_BYTES = 1 << 18
_NEWS_BYTES = 1 << 20  # an attempt that brought less than this did not help
_SLOW_BYTES_S = 1 << 10
_TO_BE_TRIED_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_REMEDY = "or choose another folder"


@dataclass(frozen=True)
class Remote:
    """Name a file on the net.

    Attributes:
        name: of the file.
        mirrors: URLs of it, in the order in which they are tried.
        sha1: of its bytes, in hexadecimal.
        size_bytes: None where it is not known.
    """

    name: str
    mirrors: tuple[str, ...]
    sha1: str
    size_bytes: int | None = None


@dataclass(frozen=True)
class Patience:
    """Say when to give up on a mirror.

    Attributes:
        stall_s: how long a server may be silent, or send less than 1 KiB a second.
        attempts: how many in a row may bring nothing new.
        pause_s: before the second attempt; doubled before each further one.
    """

    stall_s: float = 30.0
    attempts: int = 4
    pause_s: float = 1.0


@dataclass(frozen=True)
class _Origin:
    """Hold which version of a file some bytes are of: where they came from, and what the server calls the version."""

    url: str = ""
    version: str = ""


class _FaultError(Exception):
    """Say in a clause why an attempt failed, whether another one at the same mirror makes sense, and if so without a range."""

    def __init__(self, clause: str, *, again: bool, from_start: bool = False) -> None:
        super().__init__(clause)
        self.again, self.from_start = again, from_start


@contextlib.contextmanager
def open_remote(remote: Remote, folder: Path, patience: Patience = Patience()) -> Iterator[Path]:
    """Download a file and check its size and SHA-1; it is there while the block runs.

    Args:
        remote: what, and from where.
        folder: is made where it is missing; the file lies in a hidden folder in it, and is deleted when the block ends
            well. If anything fails, what has arrived stays for the next call, in this process or another.
        patience: with slow and failing servers.

    Yields:
        path: of the whole, right file; the block may move it.

    Raises:
        OptionError: a mirror is no http or https URL.
        DownloadError: no mirror gave the right bytes.
        StorageError: no room, or no permission to write.
    """
    for url in remote.mirrors:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise OptionError(f"{url!r} is not an http or https URL.")
    with explained(folder, remote.size_bytes or 0, _REMEDY):
        folder.mkdir(parents=True, exist_ok=True)
        own = _take_over(remote, folder)
    try:
        with explained(folder, remote.size_bytes or 0, _REMEDY), _Part(own) as part:
            _fill(part, remote, patience)
        yield own / _BYTES
    except BaseException:
        _leave(own, folder / f".{_key(remote)}.part")
        raise
    shutil.rmtree(own, ignore_errors=True)


def sweep_remains(remote: Remote, folder: Path) -> None:
    """Remove what killed and failed downloads of a file have left in a folder; those under way are left alone."""
    for path in _claim_remains(remote, folder):
        shutil.rmtree(path, ignore_errors=True)


def _take_over(remote: Remote, folder: Path) -> Path:
    """Give this process a folder of its own: what others left with the most bytes in it, else an empty one."""
    taken = sorted(_claim_remains(remote, folder), key=_arrived_bytes, reverse=True)
    for path in taken[1:]:
        shutil.rmtree(path, ignore_errors=True)
    if taken:
        return taken[0]
    own = folder / unfinished_name(_key(remote))
    own.mkdir()
    return own


def _claim_remains(remote: Remote, folder: Path) -> list[Path]:
    """Make what nobody works on any more this process's own, by a rename that only one process can succeed with."""
    key, claimed = _key(remote), []
    for path in [folder / f".{key}.part", *unfinished_folders(folder)]:
        if path.name.startswith(f".{key}."):
            own = folder / unfinished_name(key)
            with contextlib.suppress(OSError):  # another process was faster, or we may not write here
                path.rename(own)
                claimed.append(own)
    return claimed


def _key(remote: Remote) -> str:
    return f"{remote.name}-{remote.sha1[:12]}"


def _leave(own: Path, part: Path) -> None:
    """Leave what has arrived to whoever comes next."""
    if not _arrived_bytes(own):
        shutil.rmtree(own, ignore_errors=True)
    with contextlib.suppress(OSError):  # another process has left its own; ours is taken over once this process is gone
        own.rename(part)


def _arrived_bytes(folder: Path) -> int:
    return (folder / _BYTES).stat().st_size if (folder / _BYTES).is_file() else 0


class _Part:
    """Hold what has arrived of a file: bytes on disk, how many, and their running SHA-1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO = open(folder / _BYTES, "a+b", buffering=0)  # noqa: SIM115 - closed by __exit__
        self.count, self.start, self._digest = 0, b"", hashlib.sha1(usedforsecurity=False)
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_BYTES):
            self._note(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def sha1(self) -> str:
        return self._digest.hexdigest()

    @property
    def origin(self) -> _Origin:
        """Give where the bytes came from last, as far as that was recorded whole."""
        try:
            return _Origin(**json.loads((self._folder / _ORIGIN).read_bytes()))
        except (OSError, ValueError, TypeError):
            return _Origin()

    @origin.setter
    def origin(self, origin: _Origin) -> None:
        if origin != self.origin:
            write_over(self._folder / _ORIGIN, json.dumps(asdict(origin)).encode())

    def append(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            view = view[self._file.write(view) :]
        self._note(chunk)

    def restart(self) -> None:
        self._file.truncate(0)
        self.count, self.start, self._digest = 0, b"", hashlib.sha1(usedforsecurity=False)

    def check_space(self, size_bytes: int) -> None:
        check_space(self._folder, max(size_bytes - self.count, 0), _REMEDY)

    def _note(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.count += len(chunk)
        self.start = self.start or chunk[:64]


def _fill(part: _Part, remote: Remote, patience: Patience) -> None:
    """Try mirror after mirror until the bytes are whole and right."""
    if remote.size_bytes is not None and part.count >= remote.size_bytes and part.sha1 != remote.sha1:
        part.restart()
    part.check_space(remote.size_bytes or 0)
    faults = []
    with show_bytes(remote.name, remote.size_bytes, part.count) as show:
        for url in remote.mirrors:
            fault = _ask_mirror(url, part, remote, patience, show)
            if fault is None:
                return
            faults.append(f"{url}: {fault}")
    raise DownloadError(
        f"{remote.name}: no mirror gave the file ({'; '.join(faults)}); expected SHA-1 {remote.sha1}; try again later, which "
        "goes on with what has arrived, or download it by other means and pass the file."
    )


def _ask_mirror(
    url: str, part: _Part, remote: Remote, patience: Patience, show: Callable[[int], None]
) -> _FaultError | None:
    """Ask one mirror until the file is whole and right, or there is no hope; say why then."""
    failures, most, from_start = 0, part.count, False
    while part.sha1 != remote.sha1:
        resumed = part.count > 0
        try:
            _receive(url, part, remote.size_bytes, patience.stall_s, from_start=from_start, show=show)
            if part.sha1 == remote.sha1:
                break
            # Bytes of an earlier attempt may be what is wrong: then it is worth another one.
            fault = _FaultError(f"SHA-1 {part.sha1} in {part.count:,} bytes{_page(part.start)}", again=resumed)
            part.restart()
        except _FaultError as failed:
            fault = failed
        failures = 1 if part.count >= most + _NEWS_BYTES else failures + 1
        most, from_start = max(most, part.count), from_start or fault.from_start
        if not fault.again or failures >= patience.attempts:
            return fault
        time.sleep(patience.pause_s * 2 ** (failures - 1))
    return None


def _receive(
    url: str, part: _Part, size_bytes: int | None, stall_s: float, *, from_start: bool, show: Callable[[int], None]
) -> None:
    """Make one request, for what is missing or for the whole file, and append what is new."""
    headers = {"User-Agent": "segfeed", "Accept-Encoding": "identity"}
    origin, version = part.origin, ""
    if part.count and not from_start:
        headers["Range"] = f"bytes={part.count}-"
        if origin.url == url and origin.version:
            version = headers["If-Range"] = origin.version
    with _network(part):
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http or https
        response = urllib.request.build_opener(_Redirects).open(request, timeout=stall_s)
    with response:
        total, known = _total_bytes(response, part, size_bytes), 0
        if response.status == http.HTTPStatus.OK:
            if version not in ("", _version(response)) or part.count > (total or part.count):
                part.restart()  # the file has another version now
            known = part.count  # a server that ignores ranges sends again what is there
        part.origin = _Origin(url, _version(response))
        part.check_space(total or 0)
        for chunk in _chunks(response, part, stall_s):
            fresh, known = chunk[known:], max(known - len(chunk), 0)
            if total is not None and part.count + len(fresh) > total:
                raise _FaultError(f"more than the announced {total:,} bytes", again=False)
            if not part.count and describe_page(fresh):
                raise _FaultError(describe_page(fresh), again=False)
            part.append(fresh)
            show(part.count)
    if total is not None and part.count < total:
        raise _FaultError(f"cut off after {part.count:,} of {total:,} bytes", again=True)


def _total_bytes(response: http.client.HTTPResponse, part: _Part, size_bytes: int | None) -> int | None:
    """Judge a response's status and lengths; give the whole file's bytes, None where nobody knows them."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        announced = response.headers.get("Content-Range", "no range")
        found = re.fullmatch(rf"bytes {part.count}-\d+/(\d+|\*)", announced)
        if found is None:
            raise _FaultError(f"{announced!r} instead of the range that was asked for", again=True, from_start=True)
        length = found[1]
    elif response.status == http.HTTPStatus.OK:
        length = response.headers.get("Content-Length", "")
    else:
        raise _FaultError(f"status {response.status}", again=False)
    total = int(length) if length.isdecimal() else size_bytes
    if size_bytes not in (None, total):
        with _network(part):
            page = _page(response.read(64))
        raise _FaultError(f"a file of {total:,} bytes{page} instead of {size_bytes:,}", again=False)
    return total


def _chunks(response: http.client.HTTPResponse, part: _Part, stall_s: float) -> Iterator[bytes]:
    """Yield what arrives, as it arrives, unless it is too slow."""
    since, received = time.monotonic(), 0
    while True:
        with _network(part):
            chunk = response.read1(_CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
        received += len(chunk)
        passed_s = time.monotonic() - since
        if passed_s >= stall_s:
            if received < _SLOW_BYTES_S * passed_s:
                raise _FaultError(f"{received:,} bytes in {passed_s:.0f} s, which is too slow", again=True)
            since, received = time.monotonic(), 0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to something that anybody on the way can change."""

    def redirect_request(self, req: urllib.request.Request, *others: Any) -> urllib.request.Request | None:
        scheme = urlsplit(others[-1]).scheme
        if scheme != "https" and (scheme != "http" or req.type == "https"):
            others[0].close()
            raise _FaultError(f"a redirect from {req.type} to {others[-1]}, which is not safe", again=False)
        return super().redirect_request(req, *others)


@contextlib.contextmanager
def _network(part: _Part) -> Iterator[None]:
    """Turn every failure of server and network into a fault; failures of the disk are none."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _FaultError("it cannot go on with what is there", again=True, from_start=True) from None
        raise _FaultError(f"{error.code} {error.reason}", again=error.code in _TO_BE_TRIED_AGAIN) from None
    except TimeoutError:
        raise _FaultError(f"silence after {part.count:,} bytes", again=True) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", "") or error
        clause = getattr(reason, "strerror", "") or str(reason) or type(reason).__name__
        raise _FaultError(f"{clause} after {part.count:,} bytes", again=not isinstance(error, ValueError)) from None


def _version(response: http.client.HTTPResponse) -> str:
    """Give what tells a file's versions apart: a strong entity tag, else the time of its last change."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _page(start: bytes) -> str:
    return f", {describe_page(start)}" if describe_page(start) else ""
