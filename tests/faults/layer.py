"""One layer under everything that writes: it numbers each call to the system, and kills, fails, or records it.

It replaces functions of `os`, and `open` for writing, in a process that was made for one job. Only calls on files below
one folder are seen. Arrow writes through Python files here, so that nothing writes past the layer.
"""

import builtins
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

WRITERS = ("open", "write", "pwrite", "fsync", "close", "rename", "mkdir", "utime")
"""Calls that a full or failing disk refuses; to remove something works all the same."""


@dataclass
class Fault:
    """What is to happen, and at which call.

    Attributes:
        kind: "none", "kill" (before the call), "tear" (half a write is done, then killed), "fail" (the call fails),
            "fail on" (it and all later ones that need the disk fail), "fill" (before the call, a file fills the disk),
            "wait" (before the call, a file is made, and waited for until it is gone).
        at: the number of the call, from 1.
        code: the `errno` of a failure.
        filler: the file that fills the disk, or is waited for.
    """

    kind: str = "none"
    at: int = 0
    code: int = 0
    filler: str = ""


@dataclass
class Layer:
    """Number the calls on files below `folder`, do what `fault` says, and note everything that was done.

    Attributes:
        folder: what lies outside of it is not seen.
        fault: what shall happen.
        done: [operation, path, more...] of each call that succeeded, in order.
        kinds: the operation of each call, whether it succeeded or not.
    """

    folder: str
    fault: Fault = field(default_factory=Fault)
    done: list[list[Any]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.RLock)

    def install(self) -> None:
        """Replace the functions of this process."""
        real = {name: getattr(os, name) for name in ("fsync", "fdatasync", "rename", "replace", "unlink", "remove",
                                                     "mkdir", "rmdir", "utime")}  # fmt: skip
        for name, call in real.items():
            setattr(os, name, self._wrapped(name, call))
        os.pwrite = self._pwrite(os.pwrite)
        builtins.open = io.open = self._open(builtins.open)

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        operation = {"fdatasync": "fsync", "replace": "rename", "remove": "unlink"}.get(name, name)

        def seen(*arguments: Any, **options: Any) -> Any:
            paths = [_place(arguments[0], options.get("dir_fd"))]
            if operation == "rename":
                paths.append(_place(arguments[1], None))
            return self.pass_on(operation, paths, lambda: call(*arguments, **options))

        return seen

    def _pwrite(self, call: Callable[..., int]) -> Callable[..., int]:
        def seen(handle: int, data: Any, position: int) -> int:
            whole = bytes(data)

            def write() -> int:
                if self.is_torn():
                    call(handle, whole[: len(whole) // 2], position)
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(handle, data, position)

            return int(self.pass_on("pwrite", [_place(handle, None)], write, whole, position))

        return seen

    def _open(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def seen(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wax+") or not self.sees(path := _place(file, None)):
                return call(file, mode, *arguments, **options)
            opened = self.pass_on("open", [path], lambda: call(file, mode, *arguments, **options))
            return Watched(opened, path, self)

        return seen

    def sees(self, path: str) -> bool:
        return path == self.folder or path.startswith(self.folder + os.sep)

    def pass_on(
        self, operation: str, paths: list[str], call: Callable[[], Any], data: bytes | None = None, *more: int
    ) -> Any:
        """Make a call, or what the fault makes of it."""
        if not self.sees(paths[0]):
            return call()
        with self._lock:
            self.kinds.append(operation)
            self._strike(operation, paths[0])
            result = call()
            self.done.append([operation, *paths, *([] if data is None else [data.decode("latin-1")]), *more])
            return result

    def _strike(self, operation: str, path: str) -> None:
        fault, number = self.fault, len(self.kinds)
        if fault.kind == "kill" and number == fault.at:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.kind == "fill" and number == fault.at:
            _fill_disk(fault.filler)
        if fault.kind == "wait" and number == fault.at:
            os.close(os.open(fault.filler, os.O_CREAT, 0o600))
            while os.path.exists(fault.filler):
                time.sleep(0.001)
        if operation in WRITERS and (
            (fault.kind == "fail" and number == fault.at) or (fault.kind == "fail on" and number >= fault.at)
        ):
            raise OSError(fault.code, os.strerror(fault.code), path)

    def is_torn(self) -> bool:
        """Return whether the next write is to be killed half way: the first one from the numbered call on."""
        return self.fault.kind == "tear" and len(self.kinds) >= self.fault.at


class Watched:
    """A file that is written through the layer."""

    def __init__(self, file: Any, path: str, layer: Layer) -> None:
        self._file, self._path, self._layer = file, path, layer

    def write(self, data: Any) -> int:
        whole = bytes(memoryview(data).cast("B")) if not isinstance(data, str) else data.encode()

        def write() -> int:
            if self._layer.is_torn():
                self._file.write(whole[: len(whole) // 2])
                self._file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return int(self._file.write(data))

        return int(self._layer.pass_on("write", [self._path], write, whole))

    def close(self) -> None:
        if not self._file.closed:
            try:
                self._layer.pass_on("close", [self._path], lambda: None)
            finally:
                self._file.close()

    def fileno(self) -> int:
        if not isinstance(self._file, io.RawIOBase):
            raise io.UnsupportedOperation("Pillow would write past the layer")
        return int(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _place(path: Any, folder: int | None) -> str:
    """Return the absolute path of a path, a handle, or a name in an open folder."""
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}")
    inside = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else os.getcwd()
    return os.path.join(inside, os.fspath(path))


def _fill_disk(path: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in (1 << 16, 1 << 12, 1):
            while True:
                try:
                    os.write(handle, bytes(size))
                except OSError:
                    break
    finally:
        os.close(handle)


def record(layer: Layer, path: Path) -> None:
    """Write what was done where the test finds it."""
    path.write_text(json.dumps(layer.done))
