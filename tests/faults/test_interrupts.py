"""Ctrl-C between any two steps of a program: it is never lost, nothing hangs, and the loader goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SECONDS = 120

# argv: the dataset, "source" or "pack", the first step that is interrupted, and every how many more. A profiler sees
# the points at which Python calls a signal's handler: a function begins, a compiled one returns.
SWEEP = """
import faulthandler, signal, sys, threading, time
import segfeed

root, kind, first, every = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
lost = []
sys.unraisablehook = lambda lost_error: lost.append(repr(lost_error.object))


def run(wanted):
    steps, where = 0, None

    def step(frame, event, _):
        nonlocal steps, where
        if event in ("call", "c_return"):
            steps += 1
            if steps == wanted:
                where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)

    train, _ = segfeed.load(root, 20, (32, 48), splits=("train", None), pack=kind == "pack", threads=3)
    interrupted = False
    sys.setprofile(step)
    try:
        for _ in range(2):
            for _ in train:
                pass
    except KeyboardInterrupt:
        interrupted = True
    finally:
        sys.setprofile(None)
    return steps, where, interrupted, train


steps, _, _, train = run(-1)
wanted = range(first, steps, every)
for number in wanted:
    faulthandler.dump_traceback_later(30, exit=True)
    steps, where, interrupted, train = run(number)
    if interrupted or where is None:  # a last step may not come again: threads are timed by the system
        peeked = train.peek(train.next_epoch)
        batch = next(iter(train))
        assert (batch.images == peeked.images).all() and (batch.labels == peeked.labels).all(), where
    else:
        print("lost at", where, lost)
    until = time.monotonic() + 20
    del train, batch
    while any(thread.name.startswith("segfeed-loader") for thread in threading.enumerate()):
        if time.monotonic() > until:
            print("a thread goes on after", where)
            break
        time.sleep(0.001)
faulthandler.cancel_dump_traceback_later()
print("tried", len(wanted))
"""

# argv: the dataset, a file that is made when batches come. Every pass of numba's compiler takes a tenth of a second
# longer, as on cores that have much else to do.
COMPILE = """
import sys, time
from pathlib import Path
import segfeed
from numba.core import event

class Slow(event.Listener):
    def on_start(self, _):
        Path(sys.argv[2]).touch()
        time.sleep(0.1)
    def on_end(self, _):
        pass

event.register("numba:run_pass", Slow())
train, _ = segfeed.load(sys.argv[1], 2, (32, 48), splits=("train", None), pack=False, threads=2)
while True:
    for images, labels in train:
        pass
"""


@pytest.fixture(scope="module", name="root")
def _root(tmp_path_factory, write_voc):
    """Return a VOC folder of 40 pairs."""
    return write_voc(tmp_path_factory.mktemp("forty") / "VOC2012", {"train": [(40, 60)] * 40})


@pytest.mark.parametrize("kind", ["source", "pack"])
def test_ctrl_c_at_any_step_of_an_epoch_is_seen_and_the_loader_goes_on(root, cache, kind):
    command = [sys.executable, "-c", SWEEP, str(root), kind, "1", "13"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    (tried,) = done.stdout.splitlines()
    assert int(tried.removeprefix("tried ")) > 100


def test_a_program_that_is_interrupted_does_not_wait_for_what_numba_compiles(root, tmp_path):
    begun = tmp_path / "compiling"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "nothing yet")}
    command = [sys.executable, "-c", COMPILE, str(root), str(begun)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + SECONDS
        while not Path(begun).exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        try:
            _, shown = process.communicate(timeout=20)  # to the end it would take a minute
        finally:
            process.kill()
    assert shown.endswith("KeyboardInterrupt\n")
    assert process.returncode in (1, -signal.SIGINT)
