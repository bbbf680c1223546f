"""Download: a file from the first of several mirrors that gives the right bytes, continued where it was cut off.

The SHA-1 decides, whatever servers send: bytes with a wrong one are dropped, and the file is asked for anew.
"""

import contextlib
import hashlib
import http.client
import logging
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedRandom
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from segfeed.datasets.archives.archive import describe_page
from segfeed.datasets.catalogue.remains import REMEDY, open_own, open_remains
from segfeed.datasets.catalogue.watch import FaultError, open_watched
from segfeed.errors import DownloadError, OptionError, StorageError
from segfeed.system.storage import check_space, explained
from segfeed.system.work import show_bytes

_log = logging.getLogger("segfeed")
_CHUNK_BYTES = 1 << 18
_NEWS_BYTES = 1 << 20  # an attempt that brought less than this did not help
_new_sha1 = partial(hashlib.sha1, usedforsecurity=False)


@dataclass(frozen=True)
class Remote:
    """A file on the net.

    Attributes:
        name: of the file.
        mirrors: URLs in the order in which they are tried.
        sha1: in hexadecimal.
        size_bytes: None if it is not known.
        by_hand: how to hand over a file that was downloaded by other means, a clause.
    """

    name: str
    mirrors: tuple[str, ...]
    sha1: str
    size_bytes: int | None = None
    by_hand: str = "pass the file"

    @property
    def key(self) -> str:
        """The name under which what has arrived of the file is kept."""
        return f"{self.name}-{self.sha1[:12]}"


@dataclass(frozen=True)
class Patience:
    """When to give up on a mirror."""

    stall_s: float = 30.0  # how long a server may be silent, or send less than 1 KiB a second
    attempts: int = 4  # how many in a row may bring nothing new
    pause_s: float = 1.0  # before the second attempt; doubled before each further one


@contextlib.contextmanager
def open_remote(remote: Remote, folder: Path, patience: Patience = Patience()) -> Iterator[Path]:
    """Download a file and check its size and SHA-1; it exists while the block runs, which may move it.

    The file lies in a hidden folder in `folder`, which is made if it is missing, until the block ends well. If anything
    fails, what has arrived stays for the next call, in this process or another.

    Raises:
        OptionError: if a mirror is not an http or https URL.
        DownloadError: if no mirror gave the right bytes.
        StorageError: if the disk is full, or may not be written.
    """
    for url in remote.mirrors:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise OptionError(url, found="not the address of a file on the net", expected="an http or https URL")
    with open_remains(remote.key, folder) as path:
        with explained(folder, remote.size_bytes or 0, REMEDY), open(path, "a+b", opener=open_own) as file:
            _fill(_Arrived(file, folder), remote, patience)
        yield path


class _Arrived:
    """The bytes of a file that have arrived: on disk, counted and hashed."""

    def __init__(self, file: BufferedRandom, folder: Path) -> None:
        self.file, self.folder, self.version = file, folder, ("", "")  # version: URL, and its name for the bytes
        file.seek(0)
        self.hash, self.count = hashlib.file_digest(file, _new_sha1), file.tell()

    def append(self, chunk: bytes) -> None:
        with explained(self.folder, len(chunk), REMEDY):  # so that it is not taken for a failure of the network
            self.file.write(chunk)
            self.file.flush()
        self.hash.update(chunk)
        self.count += len(chunk)

    def restart(self) -> None:
        self.file.truncate(0)
        self.hash, self.count = _new_sha1(), 0


def _fill(arrived: _Arrived, remote: Remote, patience: Patience) -> None:
    """Ask mirror after mirror until the bytes are whole and right."""
    check_space(arrived.folder, max((remote.size_bytes or 0) - arrived.count, 0), REMEDY)
    faults = []
    with show_bytes(remote.name, remote.size_bytes, arrived.count) as show:
        for url, after in zip(remote.mirrors, (*remote.mirrors[1:], ""), strict=True):
            failures, most = 0, arrived.count
            while arrived.hash.hexdigest() != remote.sha1:
                try:
                    for chunk in _request(url, arrived, remote, patience.stall_s):
                        arrived.append(chunk)
                        show(arrived.count)
                except StorageError:
                    raise
                except (FaultError, OSError, http.client.HTTPException, ValueError) as error:
                    clause, again = _explain(error, arrived)
                    failures = failures + 1 if arrived.count < most + _NEWS_BYTES else 1
                    most = max(most, arrived.count)
                    if not again or failures >= patience.attempts:
                        faults.append(f"{url}: {clause}")
                        _log.warning("%s: %s%s", url, clause, f"; asking {after}" if after else "")
                        break
                    if failures == 1:
                        _log.warning("%s: %s; asking it again, up to %d times", url, clause, patience.attempts - 1)
                    time.sleep(patience.pause_s * 2 ** (failures - 1))
            else:
                return
    found = f"no mirror gave the file ({'; '.join(faults)})"
    remedy = f"try again later, which continues with what has arrived, or get it by other means and {remote.by_hand}"
    raise DownloadError(remote.name, found=found, expected=f"SHA-1 {remote.sha1}", remedy=remedy)


def _request(url: str, arrived: _Arrived, remote: Remote, stall_s: float) -> Iterator[bytes]:
    """Ask for what is missing, or for the whole file, and yield what is new of it as it comes."""
    headers, (known_url, version) = {"User-Agent": "segfeed", "Accept-Encoding": "identity"}, arrived.version
    is_resumed, version = arrived.count > 0, version if known_url == url else ""
    if is_resumed:
        headers |= {"Range": f"bytes={arrived.count}-"} | ({"If-Range": version} if version else {})
    with open_watched(urllib.request.Request(url, headers=headers), stall_s) as (response, watch):  # noqa: S310 - http(s)
        is_rest, total = response.status == http.HTTPStatus.PARTIAL_CONTENT, _total_bytes(response, arrived, remote)
        tag = response.headers.get("ETag", "")  # a weak one begins with W/, and may name different bytes
        arrived.version = url, tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
        if not is_rest and (version not in ("", arrived.version[1]) or arrived.count > (total or arrived.count)):
            arrived.restart()  # the file has another version now
        check_space(arrived.folder, max((total or 0) - arrived.count, 0), REMEDY)
        known, since, received = 0 if is_rest else arrived.count, time.monotonic(), 0  # a server may ignore ranges
        while chunk := response.read1(_CHUNK_BYTES):
            watch.rest()
            fresh, known, received = chunk[known:], max(known - len(chunk), 0), received + len(chunk)
            if total is not None and arrived.count + len(fresh) > total:
                raise FaultError(f"more than the announced {total:,} bytes", False)
            yield fresh
            watch.feed()
            if (passed_s := time.monotonic() - since) >= stall_s:
                if received < 1024 * passed_s:
                    raise FaultError(f"{received:,} bytes in {passed_s:.0f} s, which is too slow", True)
                since, received = time.monotonic(), 0
    if (sha1 := arrived.hash.hexdigest()) != remote.sha1:
        if total is not None and arrived.count < total:
            raise FaultError(f"cut off after {arrived.count:,} of {total:,} bytes", True)
        clause = f"SHA-1 {sha1} in {arrived.count:,} bytes"
        arrived.restart()
        raise FaultError(clause, is_resumed)  # bytes of an earlier attempt may be what is wrong: then try another time


def _total_bytes(response: Any, arrived: _Arrived, remote: Remote) -> int | None:
    """Check a response's headers and first bytes; return the whole file's bytes, None if nobody knows them."""
    is_rest = response.status == http.HTTPStatus.PARTIAL_CONTENT
    announced = response.headers.get("Content-Range" if is_rest else "Content-Length", "")
    found = re.fullmatch(rf"bytes {arrived.count}-\d+/(\d+|\*)" if is_rest else r"(\d*)", announced)
    if found is None:
        arrived.restart()
        raise FaultError(f"{announced!r} instead of what was asked for", True)
    total = int(found[1]) if found[1].isdecimal() else remote.size_bytes
    size = "" if remote.size_bytes in (None, total) else f"a file of {total:,} bytes instead of {remote.size_bytes:,}"
    page = "" if is_rest else describe_page(response.peek(64)[:64])
    if size or page:
        raise FaultError(", ".join(filter(None, (size, page))), False)
    return total


def _explain(error: Exception, arrived: _Arrived) -> tuple[Any, ...]:
    """Explain why an attempt failed, and whether to ask again."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            arrived.restart()
        return f"{error.code} {error.reason}", error.code in (408, 416, 425, 429, 500, 502, 503, 504)
    reason: Any = getattr(error, "reason", "") or error
    clause = getattr(reason, "strerror", "") or str(reason) or type(reason).__name__
    clause = f"{'silence' if isinstance(error, TimeoutError) else clause} after {arrived.count:,} bytes"
    return error.args if isinstance(error, FaultError) else (clause, not isinstance(error, ValueError))
