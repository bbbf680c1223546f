"""One request, watched: it ends if nothing useful has come for a while, and follows only redirects that are safe.

A socket's own timeout begins anew with every byte, so a server that sends one now and then, of a header or of a chunk's
length, could keep a download for ever.
"""

import contextlib
import http.client
import math
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit


class FaultError(Exception):
    """Why an attempt failed, as a clause, and whether another one at the same mirror makes sense."""


class Watch:
    """What is known of a request that is watched.

    Attributes:
        is_over: whether it was ended because nothing useful came.
    """

    def __init__(self, stall_s: float) -> None:
        self.is_over = False
        self._stall_s, self._since = stall_s, time.monotonic()
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._done = threading.Event()

    def feed(self) -> None:
        """Say that something useful has come."""
        self._since = time.monotonic()

    def rest(self) -> None:
        """Wait for nothing until the next `feed`."""
        self._since = math.inf

    def connect(self, kind: Callable[..., Any], host: str, **options: Any) -> Any:
        """Create a connection as urllib asks for it, and remember it and its socket."""
        connection = self._connection = kind(host, **options)
        original = connection.connect

        def connect() -> None:
            original()
            self._socket = connection.sock
            self.feed()

        connection.connect = connect
        return connection

    def run(self) -> None:
        """Wait until the request is done, or end it."""
        while not self._done.wait(min(max(self._since + self._stall_s - time.monotonic(), 0.01), self._stall_s)):
            if time.monotonic() < self._since + self._stall_s:
                continue
            self.is_over = True
            connected = self._socket or getattr(self._connection, "sock", None)
            with contextlib.suppress(OSError):
                if connected is not None:  # of a TLS socket, this ends what lies below, in whatever state it is
                    socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def stop(self) -> None:
        """End the watch."""
        self._done.set()


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Connections that a watch knows."""

    def __init__(self, watch: Watch) -> None:
        urllib.request.HTTPSHandler.__init__(self)
        self._watch = watch

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(self._watch.connect, http.client.HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(self._watch.connect, http.client.HTTPSConnection), req)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects, followed unless they lead from https to what anybody on the way can change."""

    def redirect_request(self, req: urllib.request.Request, *others: Any) -> urllib.request.Request | None:
        scheme = urlsplit(others[-1]).scheme
        if scheme != "https" and (scheme != "http" or req.type == "https"):
            others[0].close()
            raise FaultError(f"a redirect from {req.type} to {others[-1]}, which is not safe", False)
        return super().redirect_request(req, *others)


@contextlib.contextmanager
def open_watched(request: urllib.request.Request, stall_s: float) -> Iterator[tuple[Any, Watch]]:
    """Open a URL, and watch it while the block runs.

    Args:
        request: what is asked for.
        stall_s: how long nothing useful may come before the request is ended.

    Yields:
        response, watch.

    Raises:
        TimeoutError: in place of whatever else, if the watch ended the request.
        FaultError: if a redirect is not safe.
    """
    watch = Watch(stall_s)
    thread = threading.Thread(target=watch.run, name="segfeed-watch", daemon=True)
    thread.start()
    try:
        with urllib.request.build_opener(_Handler(watch), _Redirects).open(request, timeout=stall_s) as response:
            watch.feed()
            yield response, watch
    except Exception as error:
        if watch.is_over:
            raise TimeoutError from error
        raise
    finally:
        watch.stop()
        thread.join()
    if watch.is_over:  # what came looked like an end
        raise TimeoutError
