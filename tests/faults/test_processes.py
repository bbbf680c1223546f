"""Processes that are interrupted, killed, forked or short of something end within seconds and leave nothing behind."""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from PIL import Image

import segfeed
from faults.forks import task, wait_for
from installed import SEGFEED
from segfeed import BatchFormat, Draw, Loader, Plan, make_pack, scan
from segfeed.pixels.palette import voc_colours

SECONDS = 20

ON_A_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell may have started these tests with it ignored
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""

TRAIN = """
import sys
from pathlib import Path
import segfeed
train, _ = segfeed.load(sys.argv[1], 2, (32, 48), splits=("train", None), pack=sys.argv[2] == "pack", threads=3)
while True:
    for images, labels in train:
        Path(sys.argv[3]).touch()
"""

AFTER_MAIN = """
import hashlib, sys, threading
import segfeed
train, _ = segfeed.load(sys.argv[1], 2, (32, 48), splits=("train", None), pack=sys.argv[2] == "pack", threads=3)
def run():
    seen, epoch = hashlib.sha256(), iter(train)
    seen.update(next(epoch).images)
    begun.set()
    threading.main_thread().join()
    for epoch in (epoch, train):
        for batch in epoch:
            seen.update(batch.images)
            del batch
    print(seen.hexdigest())
    packed, _ = segfeed.load(sys.argv[1], 2, (32, 48), splits=("train", None), threads=3, cache_dir=sys.argv[3])
    print(packed.reader.folder.name)
begun = threading.Event()
thread = threading.Thread(target=run)
thread.start()
begun.wait()
"""


@pytest.fixture(scope="module", name="root")
def _root(tmp_path_factory, write_voc):
    """Return a VOC folder of 40 pairs."""
    return write_voc(tmp_path_factory.mktemp("forty") / "VOC2012", {"train": [(40, 60)] * 40})


@pytest.fixture(name="large_root")
def _large_root(tmp_path):
    """Return a VOC folder that takes seconds to pack: one photo and one mask under many names."""
    root = tmp_path / "large"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(noise).resize((800, 800)).save(tmp_path / "photo.jpg")
    mask = Image.fromarray(np.zeros((800, 800), np.uint8))
    mask.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
    mask.save(tmp_path / "mask.png")
    for number in range(400):
        os.link(tmp_path / "photo.jpg", root / "JPEGImages" / f"{number}.jpg")
        os.link(tmp_path / "mask.png", root / "SegmentationClass" / f"{number}.png")
    (root / "ImageSets/Segmentation/train.txt").write_text("".join(f"{number}\n" for number in range(400)))
    return root


@pytest.fixture(name="train")
def _train(tmp_path):
    """Return a script that trains until it is stopped."""
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    return path


class Terminal:
    """Run a program on a terminal of its own, and press its keys."""

    def __init__(self, *command: object) -> None:
        self._keys, screen = os.openpty()
        words = [sys.executable, "-c", ON_A_TERMINAL, *map(str, command)]
        self._process = subprocess.Popen(words, stdin=screen, stdout=screen, stderr=screen)
        os.close(screen)
        self._shown: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the last program on the terminal has gone
            while shown := os.read(self._keys, 4096):
                self._shown.append(shown)

    def press(self, keys: bytes) -> None:
        os.write(self._keys, keys)

    def finish(self) -> tuple[int, str]:
        """Wait for the program's end: exit status and what was shown."""
        status = self._process.wait(SECONDS)
        self._reader.join()
        return status, b"".join(self._shown).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._keys)


def test_ctrl_c_on_a_terminal_ends_packing_with_one_line_and_leaves_nothing(large_root, cache):
    with Terminal(SEGFEED, "pack", large_root, "--splits", "train") as terminal:
        wait_for(lambda: list(cache.glob("packs/.*/pairs-00000.bin")))
        terminal.press(b"\x03")
        status, shown = terminal.finish()
    assert status == 130, shown
    assert shown.count("segfeed: interrupted; nothing half-made") == 1
    assert "Traceback" not in shown
    assert [path for path in cache.rglob("*") if path.is_file() or "unfinished" in path.name] == []


@pytest.mark.parametrize("kind", ["source", "pack"])
def test_ctrl_c_on_a_terminal_ends_a_training_loop_at_once(root, cache, tmp_path, train, kind):
    with Terminal(sys.executable, train, root, kind, tmp_path / "running") as terminal:
        wait_for((tmp_path / "running").exists)
        began = time.monotonic()
        terminal.press(b"\x03")
        status, shown = terminal.finish()
    assert status in (1, -signal.SIGINT), shown
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).rstrip().endswith("KeyboardInterrupt")
    assert time.monotonic() - began < SECONDS / 2


def processes_of(session: int) -> list[str]:
    """List the processes of a session that still run, by /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(path.parent.name)
    return found


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_killed_training_leaves_no_process_and_no_file(root, cache, tmp_path, train, sent):
    command = [sys.executable, str(train), str(root), "source", str(tmp_path / "running")]
    with subprocess.Popen(command, start_new_session=True) as process:
        wait_for((tmp_path / "running").exists)
        assert processes_of(process.pid) == [str(process.pid)]  # threads do the work, not processes
        process.send_signal(sent)
        assert process.wait(SECONDS) == -sent
    assert processes_of(process.pid) == []
    assert not cache.exists()


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("kind", ["source", "pack"])
def test_a_process_that_was_forked_in_mid_epoch_runs_epochs_of_its_own(forks, root, room, kind, threads):
    outcome = forks.succeed(task("fork_in_mid_epoch", root, room / "cache", kind, threads, "next"))
    assert outcome.answer == {"status": 0, "rest": 17}


@pytest.mark.parametrize("kind", ["source", "pack"])
def test_an_epoch_without_threads_goes_on_in_a_forked_process(forks, root, room, kind):
    outcome = forks.succeed(task("fork_in_mid_epoch", root, room / "cache", kind, 0, "same"))
    assert outcome.answer == {"status": 0, "rest": 17}


@pytest.mark.parametrize("kind", ["source", "pack"])
def test_an_epoch_with_threads_is_a_named_error_in_a_forked_process(forks, root, room, kind):
    outcome = forks.succeed(task("fork_in_mid_epoch", root, room / "cache", kind, 3, "same"))
    assert outcome.answer == {"status": 3, "rest": 17}


def test_loaders_side_by_side_in_threads_give_what_each_gives_alone(root, cache):
    pack = make_pack(scan(root, "train", format="voc"))

    def run(seed):
        plan = Plan(pack.sizes, 4, Draw((32, 48), flip=True), seed=seed)
        loader = Loader(pack, plan, format=BatchFormat(dtype="uint8"), threads=2)
        return [batch.images.tobytes() + batch.labels.tobytes() for _ in range(2) for batch in loader]

    expected = [run(seed) for seed in range(4)]
    found: dict[int, list[bytes]] = {}
    runners = [threading.Thread(target=lambda seed=seed: found.update({seed: run(seed)})) for seed in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(SECONDS)
    assert [found[seed] for seed in range(4)] == expected


@pytest.mark.parametrize("kind", ["pack", "source"])
def test_a_thread_trains_on_when_the_main_thread_has_ended(root, cache, kind):
    """Python starts no more threads then, but waits for those that run."""
    command = [sys.executable, "-c", AFTER_MAIN, str(root), kind, str(cache / "of the thread")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * 3, check=True)
    train = segfeed.load(root, 2, (32, 48), splits=("train", None), pack=False)[0]
    seen = hashlib.sha256()
    for batch in (*train, *train):
        seen.update(batch.images)
    packed = make_pack(scan(root, "train"))  # it packs, too
    assert done.stdout.split() == [seen.hexdigest(), packed.folder.name], done.stderr
    assert "Traceback" not in done.stderr
