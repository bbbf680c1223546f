"""Work: results in order, few at a time; bars that show only if a person watches."""

import io
import itertools
import os
import subprocess
import sys
import threading

import pytest

from segfeed.errors import OptionError
from segfeed.system.work import available_cores, in_order, show_bytes, show_progress, worker_count


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("threads", [None, 0, 1, 3])
def test_results_come_in_order_and_few_at_a_time(threads):
    begun, ahead = [], []
    for taken, result in enumerate(in_order(lambda n: begun.append(n) or n, 100, threads)):
        assert taken == result
        ahead.append(len(begun) - taken)
    assert sorted(begun) == list(range(100))
    assert max(ahead) <= 2 * worker_count(threads) + 3


def test_an_exception_comes_in_its_result_s_turn_and_the_rest_is_left_out():
    begun = []

    def work(n):
        begun.append(n)
        if n == 3:
            raise KeyError(n)
        return n

    results = in_order(work, 1000, 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(results)
    assert len(begun) < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("segfeed")]


def test_threads_are_counted():
    assert (worker_count(None), worker_count(0), worker_count(5)) == (available_cores(), 1, 5)
    with pytest.raises(OptionError):
        worker_count(-1)


def test_bars_show_on_a_terminal_and_nowhere_else(monkeypatch):
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        with show_progress("packing [x]", 10) as advance:
            advance(4)
            advance(6)
        with show_bytes("a.tar", 1000, 500) as show:
            show(1000)
        shown = stream.getvalue()
        assert [word in shown for word in ("packing [x]", "10/10", "a.tar")] == [isinstance(stream, Terminal)] * 3


class KernelStream(io.StringIO):
    """What `sys.stderr` is in a kernel, by the module of its class."""

    __module__ = "ipykernel.iostream"


def lines(text):
    """Return what is left on the screen, a line overwritten from its first column on, and its last state in full."""
    return [line.split("\r")[-1].rstrip() for line in text.removesuffix("\n").split("\n")]


def test_notebook_gets_a_line_that_overwrites_itself(monkeypatch):
    stream = KernelStream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("segfeed.system.work._REDRAW_S", 0)
    monkeypatch.setattr("segfeed.system.work._AT_ONCE_S", 0)
    with show_progress("packing \x1b[31m", 10) as advance:
        for _ in range(5):
            advance(2)
    with show_bytes("a.tar", 2_000_000, 500_000) as show:
        show(1_000_000)
    with show_bytes("of unknown size", None) as show:
        show(3_000_000)
    first, second, third = lines(stream.getvalue())
    assert first.startswith("packing \\x1b[31m ████████████████████████ 10/10, in 0.")
    assert second.startswith("a.tar ████████████░░░░░░░░░░░░ 1/2 MB, ")
    assert third.startswith("of unknown size 3 MB, ")
    drawn = stream.getvalue().split("\n")[0].split("\r")[1:]
    assert len(drawn) == 6, "each step, and the end"
    assert all(len(later) >= len(before.rstrip()) for before, later in itertools.pairwise(drawn))
    assert "s left" in drawn[1]


def test_notebook_gets_no_line_of_what_is_done_at_once(monkeypatch):
    stream = KernelStream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("segfeed.system.work._AT_ONCE_S", 60)
    with show_progress("looking at masks", 8) as advance:
        advance(8)
    assert stream.getvalue() == ""


def test_notebook_s_line_is_drawn_a_few_times_a_second_and_ends_if_the_work_is_interrupted(monkeypatch):
    stream = KernelStream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("segfeed.system.work._AT_ONCE_S", 0)

    def work():
        with show_progress("packing", 10**6) as advance:
            for _ in range(10_000):
                advance(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stream.getvalue().count("\r") < 20
    assert "10,000/1,000,000, in" in lines(stream.getvalue())[0]
    assert stream.getvalue().endswith("\n")


@pytest.mark.slow
def test_compiling_kernels_never_puts_other_streams_in_place_of_standard_output():
    """numba colours each error that it catches; colorama changes sys.stdout for it, unseen by other threads."""
    pytest.importorskip("colorama")
    code = """
import os, sys
import colorama
from segfeed.system.work import import_kernels
colorama.init = lambda: sys.exit("colorama was asked to change sys.stdout")
import_kernels("segfeed.pixels.shapes.compiled")
assert "NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING" not in os.environ
from numba.core.errors import termcolor
termcolor().errmsg("numba words an error, which it then catches")
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
