"""Work: results in order, few at a time; bars that show only if a person watches."""

import io
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
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
        with show_progress("packing [x]", 10) as advance:
            advance(4)
            advance(6)
        with show_bytes("a.tar", 1000, 500) as show:
            show(1000)
        shown = stream.getvalue()
        assert [word in shown for word in ("packing [x]", "10/10", "a.tar")] == [isinstance(stream, Terminal)] * 3
