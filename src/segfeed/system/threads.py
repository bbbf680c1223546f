"""Threads that work for another one, which Ctrl-C may interrupt at any moment.

Python calls a signal's handler between any two steps of the main thread. Much of the standard library takes its locks
in Python code (`Condition`, and with it `Event`, `Semaphore`, `Future` and the start of a thread): an exception of the
handler there leaves the lock taken for ever, and a program that waits for its threads never ends. So such code runs
`uninterrupted`, and results are awaited in a `SimpleQueue`, which is compiled code.

Source: https://github.com/python/cpython/issues/74174, "with statements are not ensuring that __exit__ is called".
"""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Generic, Self, TypeVar, cast

Result = TypeVar("Result")


class Task(Generic[Result]):
    """A call that one of some workers makes, and what comes of it."""

    def __init__(self, call: Callable[[], Result], workers: "Workers") -> None:
        self._call, self._workers = call, workers
        self._outcome: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()

    def run(self) -> None:
        """Make the call, unless the workers were left."""
        if self._workers.are_left:
            return
        try:
            self._outcome.put((self._call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            self._outcome.put((None, error))

    def is_done(self) -> bool:
        """Check whether the result is there, and was not taken."""
        return not self._outcome.empty()

    def result(self) -> Result:
        """Wait for the result, and take it; raise what the call raised."""
        result, error = self._outcome.get()
        if error is not None:
            try:
                raise error
            finally:
                del error  # or its traceback, and with it this call, would keep it
        return cast(Result, result)


class Workers:
    """Threads that make calls for one other thread.

    Args:
        count: how many there are; they begin as calls come.
        name: the beginning of their names.

    Attributes:
        are_left: whether calls that have not begun are left out. Setting it is all that is safe while an object is
            being forgotten; the threads end when these workers are forgotten, too.

    >>> with Workers(2, "adders") as workers:
    ...     [task.result() for task in workers.submit(lambda: 1 + 1, lambda: 2 + 2)]
    [2, 4]
    """

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, name)
        self.are_left = False

    def submit(self, *calls: Callable[[], Result]) -> list[Task[Result]]:
        """Let the threads make calls, in this order. Once the main thread has ended, they are made here, one by one.

        Raises:
            RuntimeError: if the system has no thread left.
        """
        tasks = [Task(call, self) for call in calls]
        with uninterrupted():
            for task in tasks:
                try:
                    self._pool.submit(task.run)
                except RuntimeError as error:
                    if "shutdown" not in str(error):  # which only the interpreter's end brings about: no threads then
                        raise
                    task.run()
        return tasks

    def end(self) -> None:
        """Leave out calls that have not begun, and wait for the others; call it once, and `submit` no more."""
        self.are_left = True
        self._pool.shutdown()
        with uninterrupted():
            del self._pool  # Python code runs as it goes, in which an exception would be lost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def start(call: Callable[[], object], name: str) -> None:
    """Start a thread that makes one call.

    Raises:
        RuntimeError: if the system has no thread left.
    """
    with uninterrupted():
        threading.Thread(target=call, name=name).start()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C, and the request to end, wait until the block has run, which should take microseconds."""
    with _put_off(signal.SIGINT), _put_off(signal.SIGTERM):  # in this order: see to it that both are put back
        yield


@contextmanager
def _put_off(number: signal.Signals) -> Iterator[None]:
    """Let a signal wait if a Python function handles it, which may raise an exception."""
    came: list[int] = []
    handler = signal.getsignal(number)
    if not callable(handler) or not _handle(number, lambda number, _: came.append(number)):
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, handler)
        if came:
            handler(number, None)  # with the frame that it met, this one would be part of a circle


def _handle(number: signal.Signals, handler: Callable[[int, FrameType | None], None]) -> bool:
    """Let a function handle a signal; return False in any thread but the main one, which no signal interrupts."""
    try:
        signal.signal(number, handler)
    except ValueError:
        return False
    return True
