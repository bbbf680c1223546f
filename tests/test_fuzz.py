"""Fuzzing in small: every probe reads its seeds, all inputs it ever failed at, and the same changes of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import pictures
from fuzz.probes import PROBES
from fuzz.replay import CRASHES, replay
from segfeed.pixels.codec import StoredMask, decode_mask

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def run_module(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(HERE), **more}
    return subprocess.run(
        [sys.executable, "-m", *words], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", sorted(PROBES.keys() - {"pack"}))
def test_bytes_are_taken_or_refused_by_an_error_of_our_own(name):
    taken, refused = replay(PROBES[name])
    assert taken > 0, "not even a seed is accepted"
    assert refused > 0, "no change is refused"


def test_packs_are_taken_or_refused_and_never_end_the_process():
    done = run_module("fuzz.replay", "pack")  # reading a mapping unchecked would kill this process
    assert (done.returncode, done.stderr) == (0, "")
    taken, refused = map(int, done.stdout.split())
    assert taken > 0 < refused


def test_pixels_that_differ_from_pillows_are_noticed(monkeypatch):
    def decode_wrongly(data: bytes, name: str) -> StoredMask:
        mask = decode_mask(data, name)
        return StoredMask(mask.pixels ^ 1, mask.palette)

    monkeypatch.setattr(pictures, "decode_mask", decode_wrongly)
    with pytest.raises(AssertionError, match="not equal"):
        replay(PROBES["mask"])


def test_what_was_found_once_is_read_ever_after():
    assert {path.name for path in CRASHES.iterdir()} <= set(PROBES)


def test_fuzzing_runs_and_counts():
    pytest.importorskip("atheris", reason="atheris is for Linux only")
    done = run_module("fuzz", "--seconds", "1", "split", COLUMNS="80")
    assert done.returncode == 0, done.stdout + done.stderr
    name, _, tried, taken, crashes = done.stdout.splitlines()[-2].strip("│").split("│")
    assert name.strip() == "split"
    assert int(tried.replace(",", "")) > int(taken.replace(",", "")) > 0 == int(crashes)


def test_commands_on_damaged_datasets_are_right_or_named():
    done = run_module("fuzz.commands", "--seconds", "60", "--inputs", "25", SEGFEED_CACHE=str(HERE / "none"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 crashes" in done.stdout
    assert re.search(r"ended with 0, .* ended with 1", done.stdout), "all is refused, or nothing"
