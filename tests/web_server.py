"""A web server on 127.0.0.1 that serves bytes, and fails in every way that a test asks for."""

import contextlib
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<!DOCTYPE html><html><title>Sign in</title><p>This network asks you to sign in.</html>"


@dataclass(frozen=True)
class Answer:
    """How one request is answered; the defaults are those of a good server."""

    status: int = 0  # send this and no body
    cut_after: int | None = None  # close the connection after so many bytes of the body
    ranges: bool = True  # False: always send the whole file
    tag: str = '"1"'
    changed: str = ""  # Last-Modified
    length: int | None = 0  # lie about the length; None: say nothing of it
    chunked: bool = False
    redirect: str = ""
    content: bytes | None = None  # send this instead of the file
    content_range: str = ""  # lie about the range
    pause_s: float = 0.0  # after every piece of the body
    piece_bytes: int = 1 << 16
    gate: threading.Event | None = None  # go on after the first piece when this is set
    hold: bool = False  # send nothing at all until the server stops
    drip: str = ""  # "header", "chunk" or "status": send that, byte by byte and without an end, until the server stops


GOOD = Answer()
NOT_THERE = Answer(status=404)
HTML = Answer(content=PAGE)


class WebServer:
    """A server of `files`; answers queued for a path are used one by one, its `always` answer after them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.queued: dict[str, deque[Answer]] = defaultdict(deque)
        self.always: dict[str, Answer] = defaultdict(Answer)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.sent_bytes = 0
        self.stopped = threading.Event()
        outer = self

        class Handler(_Handler):
            server_face = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def serve(self, path: str, content: bytes, *answers: Answer, always: Answer = GOOD) -> str:
        """Serve bytes under a path; return its URL."""
        self.files[path] = content
        self.queued[path].extend(answers)
        self.always[path] = always
        return f"{self.address}/{path}"

    def ranges(self) -> list[str | None]:
        """List the range that each request asked for."""
        return [headers.get("range") for _, headers in self.requests]

    def stop(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_face: WebServer

    def do_GET(self) -> None:
        face, path = self.server_face, self.path.lstrip("/")
        face.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
        answer = face.queued[path].popleft() if face.queued[path] else face.always[path]
        self.close_connection = True
        if answer.hold:
            face.stopped.wait(30)
        elif answer.drip:
            with contextlib.suppress(OSError):
                self._drip(answer)
        elif answer.redirect:
            self._head(302, [("Location", answer.redirect), ("Content-Length", "0")])
        elif answer.status or path not in face.files:
            self._head(answer.status or 404, [("Content-Length", "0")])
        else:
            with contextlib.suppress(ConnectionError):
                self._send(answer, face.files[path] if answer.content is None else answer.content)

    def _drip(self, answer: Answer) -> None:
        """Send a part of an answer without an end, slowly enough for no timeout of a socket to end it."""
        start = {
            "status": b"",
            "header": b"HTTP/1.1 200 OK\r\nX-Long: ",
            "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        }
        self.wfile.write(start[answer.drip])
        end = time.monotonic() + 30
        while not self.server_face.stopped.wait(0.1) and time.monotonic() < end:
            self.wfile.write(b"0")

    def _send(self, answer: Answer, content: bytes) -> None:
        start = self._start(answer)
        if start >= len(content) > 0:
            self._head(416, [("Content-Range", f"bytes */{len(content)}"), ("Content-Length", "0")])
            return
        body = content[start:]
        heads = [("ETag", answer.tag)] * bool(answer.tag) + [("Last-Modified", answer.changed)] * bool(answer.changed)
        if start:
            heads.append(("Content-Range", answer.content_range or f"bytes {start}-{len(content) - 1}/{len(content)}"))
        if answer.chunked:
            heads.append(("Transfer-Encoding", "chunked"))
        elif answer.length is not None:
            heads.append(("Content-Length", str(answer.length or len(body))))
        self._head(206 if start else 200, heads)
        body = body[: answer.cut_after]
        for at in range(0, len(body), answer.piece_bytes):
            piece = body[at : at + answer.piece_bytes]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece)
            self.server_face.sent_bytes += len(piece)
            if answer.gate and not answer.gate.wait(60):
                return
            if answer.pause_s and self.server_face.stopped.wait(answer.pause_s):
                return
        if answer.chunked and answer.cut_after is None:
            self.wfile.write(b"0\r\n\r\n")

    def _start(self, answer: Answer) -> int:
        """Return the first byte that is wanted: 0 if ranges are not honoured or the version has changed."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        same = condition is None or condition in (answer.tag, answer.changed)
        return int(found[1]) if found and answer.ranges and same else 0

    def _head(self, status: int, heads: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in heads:
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def running_server() -> Iterator[WebServer]:
    """Run a server while the block runs."""
    server = WebServer()
    try:
        yield server
    finally:
        server.stop()


def wait_until(reached: object, limit_s: float = 20.0) -> None:
    """Wait until a function says that something has happened."""
    end = time.monotonic() + limit_s
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
