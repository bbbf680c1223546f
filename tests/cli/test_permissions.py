"""Folders and files that one may not enter or read: one line that names them, for every command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from little_voc import make_voc

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="root gives up its rights over files by capabilities"),
]

# Drops root's rights to pass over permissions, CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, for what is run next, which an
# ordinary user has not anyway, then starts Python again. (`preexec_fn` would fork this process, of which JAX warns.)
GIVE_UP_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2):
    ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""

# Runs commands, each a line of words between tabs, and prints the exit code of each.
RUN = """
import sys
from segfeed.cli import app
for line in sys.stdin.read().splitlines():
    sys.argv = ["segfeed", *line.split("\\t")]
    try:
        app.main()
    except SystemExit as end:
        print("exit", end.code, file=sys.stderr)
    except BaseException as error:
        print("escaped", type(error).__name__, error, file=sys.stderr)
"""


def run(commands, cache):
    text = "\n".join("\t".join(map(str, words)) for words in commands)
    done = subprocess.run(
        [sys.executable, "-c", GIVE_UP_RIGHTS, RUN],
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ
        | {"SEGFEED_CACHE": str(cache), "MPLCONFIGDIR": str(cache.parent)},  # Matplotlib warns of no home
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if ": packing writes about " not in line]
    assert not [line for line in lines if line.startswith("escaped") or "Traceback" in line]
    return lines


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC2012", {"train": ["a", "b", "c"], "val": ["d", "e"]})


def commands_on(root, out):
    return [
        ("scan", root), ("check", root), ("load", root, "--no-pack", "--batch-size", "2", "--crop", "16x16"),
        ("stats", root), ("report", root, "--to", out / "r.html"), ("export", root, "--to", out / "e"),
        ("show", root, "--to", out / "s.png"), ("score", root / "SegmentationClass", root), ("pack", root),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "closed", [".", "JPEGImages", "SegmentationClass", "ImageSets/Segmentation", "ImageSets/Segmentation/train.txt",
               "labelmap.txt", "JPEGImages/a.png", "SegmentationClass/a.png"]
)  # fmt: skip
def test_what_may_not_be_read_is_named_in_one_line(root, tmp_path, closed):
    path = next(iter(sorted(root.glob(f"{closed.removesuffix('.png')}*")))) if closed != "." else root
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        lines = run(commands_on(root, tmp_path), tmp_path / "cache")
    finally:
        path.chmod(mode)
    assert sum(line.startswith("exit") for line in lines) == 9
    assert sum(line.startswith("exit") and line != "exit 0" for line in lines) >= (1 if closed.endswith(".png") else 6)
    assert all(line.startswith(("exit", "segfeed: ")) for line in lines)


def test_places_that_may_not_be_entered_are_named_in_one_line(root, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    commands = []
    for place in (closed, closed / "inside", Path("~nobody-of-this-name/x"), Path("n" * 300)):
        commands += [
            ("scan", place), ("scan", root, "--legend", place), ("scan", root, "--description", place),
            ("export", root, "--to", place / "e"), ("show", root, "--to", place / "s.png"),
            ("report", root, "--to", place / "r.html"), ("pack", root, "--cache-dir", place), ("verify", place),
            ("demo", "--to", place / "d"), ("score", place, root), ("score", root / "SegmentationClass", place),
            ("fetch", "voc2012", "--to", place / "f", "--archive", place / "a.tar"),
            ("load", "sample", "--cache-dir", place / "c"),
        ]  # fmt: skip
    lines = run(commands, tmp_path / "cache")
    closed.chmod(0o700)
    assert [line for line in lines if line.startswith("exit")].count("exit 0") == 0
    assert sum(line.startswith("segfeed: ") for line in lines) == len(commands)
