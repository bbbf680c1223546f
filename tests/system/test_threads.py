"""Threads that work for another one: results in order, errors where they are awaited, signals that wait a moment."""

import signal
import threading
from collections.abc import Iterator

import pytest

from segfeed.system.threads import Workers, start, uninterrupted


class Stop(Exception):  # noqa: N818 - what a program's own handler raises
    """A handler's exception."""


@pytest.fixture(name="handled", params=[signal.SIGINT, signal.SIGTERM])
def _handled(request) -> Iterator[signal.Signals]:
    """Return a signal whose handler raises `Stop`."""

    def stop(*_: object) -> None:
        raise Stop

    before = signal.signal(request.param, stop)
    yield request.param
    signal.signal(request.param, before)


def test_results_and_errors_come_where_they_are_awaited():
    with Workers(2, "adders") as workers:
        one, failed, two = workers.submit(lambda: 1, lambda: 1 // 0, lambda: 2)
        assert (one.result(), two.result()) == (1, 2)
        with pytest.raises(ZeroDivisionError):
            failed.result()


def test_calls_that_have_not_begun_are_left_out():
    begun, go_on, made = threading.Event(), threading.Event(), []
    workers = Workers(1, "adders")

    def first() -> None:
        begun.set()
        assert go_on.wait(60)
        made.append("first")

    one, _ = workers.submit(first, lambda: made.append("second"))
    assert begun.wait(60)
    assert not one.is_done()
    threading.Timer(0.1, go_on.set).start()
    workers.end()
    assert made == ["first"]
    assert one.is_done()


def test_threads_end_when_their_workers_are_forgotten():
    workers = Workers(2, "segfeed-forgotten")
    for task in workers.submit(lambda: 1, lambda: 2):
        task.result()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("segfeed-forgotten")]
    assert threads
    del workers, task
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_what_has_not_begun_is_left_out_also_if_workers_are_only_told_that_they_are_left():
    begun, go_on, made = threading.Event(), threading.Event(), []
    with Workers(1, "adders") as workers:
        workers.submit(lambda: (begun.set(), go_on.wait(60)), lambda: made.append("second"))
        assert begun.wait(60)
        workers.are_left = True
        go_on.set()
    assert made == []


def test_a_signal_waits_until_the_block_has_run(handled):
    done = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(handled)
            done.append(True)

    with pytest.raises(Stop):
        work()
    assert done == [True]
    with pytest.raises(Stop):  # and its handler is back
        signal.raise_signal(handled)


def test_an_error_of_the_block_is_raised_and_the_handler_is_back(handled):
    with pytest.raises(ZeroDivisionError), uninterrupted():
        raise ZeroDivisionError
    with pytest.raises(Stop):
        signal.raise_signal(handled)


def test_blocks_may_stand_in_each_other(handled):
    done = []

    def work() -> None:
        with uninterrupted():
            with uninterrupted():
                signal.raise_signal(handled)
                done.append("inner")
            done.append("outer")

    with pytest.raises(Stop):
        work()
    assert done == ["inner", "outer"]


def test_a_signal_that_no_python_function_handles_stays_as_it_is(handled):
    signal.signal(handled, signal.SIG_IGN)
    with uninterrupted():
        assert signal.getsignal(handled) == signal.SIG_IGN
        signal.raise_signal(handled)


def test_other_threads_which_no_signal_interrupts_need_nothing(handled):
    seen, started = [], threading.Event()

    def look() -> None:
        assert started.wait(60)  # the start itself is uninterrupted
        with uninterrupted():
            seen.append(signal.getsignal(handled))

    before = signal.getsignal(handled)
    start(look, "segfeed-looking")
    started.set()
    for thread in threading.enumerate():
        if thread.name == "segfeed-looking":
            thread.join(60)
    assert seen == [before]
