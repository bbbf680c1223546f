"""Whole commands on damaged datasets: `python -m fuzz.commands --seconds 60 [--seed N] [--inputs N]`.

Each input is a process of its own, with limits of time and memory. What comes of it must be named (one line, exit code
1 or 2) or right: every pixel as Pillow reads it, every label as a few lines here read it. A traceback, a signal, too
much time or memory, or another pixel is a crash; it is shown with the seed that makes it again.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import segfeed
from fuzz.damage import damage
from fuzz.little import DATASETS
from fuzz.pictures import as_pillow_reads
from segfeed.cli import app
from segfeed.datasets.opening import open_dataset
from segfeed.errors import SegfeedError

_SECONDS = 60  # of processor time and, about, of real time, for all commands on one input
_BYTES = 4 << 30
_EXITS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one input.

    Attributes:
        codes: the exit code of each command.
        wrong: what no input may lead to; "" if all is well.
    """

    codes: tuple[int, ...]
    wrong: str


def commands_on(data: Path, out: Path, draws: random.Random) -> list[list[str]]:
    """List the commands for one input."""
    where = ["--cache-dir", str(out / "cache")]
    kind = draws.choice(("voc", "parquet", "webdataset"))
    later = [
        ["check", str(data), *where],
        ["load", str(data), *where, "--batch-size", "2", "--crop", "4x4"],
        ["export", str(data), "--to", str(out / "export"), "--as", kind],
        ["score", str(draws.choice((data, data.parent, out))), str(data)],
        ["show", str(data), "--to", str(out / "a.png")],
        ["stats", str(data)],
    ]
    return [["scan", str(data)], ["load", str(data), *where, "--no-pack", "--batch-size", "2", "--crop", "4x4"],
            *draws.sample(later, 2)]  # fmt: skip


def try_input(seed: int, place: Path) -> tuple[str, Outcome]:
    """Make the input of a seed, and run commands on it in a child; return what was damaged, and what came of it."""
    draws = random.Random(seed)  # noqa: S311 - the same input again, not secrets
    name = draws.choice(sorted(DATASETS))
    out = place / str(seed)
    data = DATASETS[name](out / "data" / name)
    told = f"{name}: {damage(data, draws)}"
    commands = commands_on(data, out, draws)
    try:
        return told, _in_child(commands, data, out)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def warm_up(place: Path) -> None:
    """Run every command once in this process, so that no child has to import and compile anything."""
    data, out = DATASETS["voc"](place / "warm" / "data"), place / "warm"
    where = ["--cache-dir", str(out / "cache")]
    load = ["load", *where, "--batch-size", "2", "--crop", "4x4"]
    export = ["export", "--to", str(out / "e"), "--as", "parquet"]
    for words in (["scan"], ["check", *where], load, ["stats"], export, ["show", "--to", str(out / "a.png")]):
        code, wrong = _run([words[0], str(data), *words[1:]], out)
        assert (code, wrong) == (0, ""), (words, code, wrong)
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(60)
    shutil.rmtree(out)


def _in_child(commands: list[list[str]], data: Path, out: Path) -> Outcome:
    child = os.fork()
    if child == 0:
        try:
            _limit()
            said = _run_all(commands, data, out)
            (out / "outcome.json").write_text(json.dumps(said))
        except BaseException as error:  # noqa: BLE001 - told to the parent
            with contextlib.suppress(BaseException):
                (out / "outcome.json").write_text(json.dumps([[], f"the fuzzer itself: {error!r:.500}"]))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        at = (out / "at").read_text() if (out / "at").exists() else ""
        return Outcome((), f"{signal.Signals(os.WTERMSIG(status)).name} in {at}")
    codes, wrong = json.loads((out / "outcome.json").read_text())
    return Outcome(tuple(codes), wrong)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(2 * _SECONDS)


def _run_all(commands: list[list[str]], data: Path, out: Path) -> tuple[list[int], str]:
    codes: list[int] = []
    for words in commands:
        (out / "at").write_text(" ".join(words))
        code, wrong = _run(words, out)
        codes.append(code)
        if wrong:
            return codes, f"{' '.join(words)}: {wrong}"
    (out / "at").write_text("reading a second time")
    return codes, _read_again(data)


def _run(words: list[str], out: Path) -> tuple[int, str]:
    """Run a command in this process; return its exit code, and what is wrong with how it ended."""
    sys.argv = ["segfeed", *words]
    told = {name: open(out / name, "w+", errors="surrogateescape") for name in ("stdout", "stderr")}  # noqa: SIM115
    with contextlib.redirect_stdout(told["stdout"]), contextlib.redirect_stderr(told["stderr"]):
        try:
            app.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except BaseException as error:  # noqa: BLE001 - the bug that is looked for
            frames = error.__traceback__
            while frames is not None and frames.tb_next is not None:
                frames = frames.tb_next
            place = f"{frames.tb_frame.f_code.co_filename}:{frames.tb_lineno}" if frames else ""
            return -1, f"{type(error).__name__}: {error!s:.300} ({place})"
    texts = {}
    for name, file in told.items():
        file.seek(0)
        texts[name] = file.read()
        file.close()
    lines = [line for line in texts["stderr"].splitlines() if line.startswith("segfeed: ")]
    if code not in _EXITS or "Traceback" in texts["stderr"]:
        return code, f"exit code {code}: {texts['stderr'][-300:]}"
    if code and not lines and not texts["stdout"].strip():
        return code, f"exit code {code} without a word"
    return code, ""


def _read_again(data: Path) -> str:
    """Read what segfeed takes a second time, by Pillow and by the legend's own tables; return the first difference."""
    try:
        dataset = open_dataset(data)
        sources = [dataset.scan(split) for split in dataset.split_names]
    except SegfeedError:
        return ""
    for source in sources:
        for index, sample in enumerate(source.samples):
            try:
                pair = source.read(index)
            except SegfeedError:
                continue
            if wrong := _differs(source, sample, pair):
                return f"{source.split} {sample.key}: {wrong}"
    return ""


def _differs(source: Any, sample: Any, pair: Any) -> str:
    photo = as_pillow_reads(sample.photo.read())  # it refuses TIFFs whose numbers are of unusual types
    shown = photo.convert("RGB") if photo is not None and photo.mode in ("L", "RGB", "P", "1") else pair.image
    if not np.array_equal(np.asarray(shown), pair.image):
        return "another photo than Pillow's"
    if sample.mask is None or not isinstance(source.legend, segfeed.Legend):
        return ""
    picture = as_pillow_reads(sample.mask.read())  # it reads no file of NumPy's
    if picture is None:
        return ""
    stored, palette = np.asarray(picture), picture.getpalette() if picture.mode == "P" else None
    legend = source.legend
    colours, indices = _meanings(legend)

    def read(meaning: Callable[[Any], int | None]) -> list[list[int | None]]:
        return [[meaning(value) for value in row] for row in stored]

    def colour_of(value: int) -> tuple[int, ...]:
        return tuple((palette or [])[3 * value : 3 * value + 3])

    if stored.dtype == bool:
        stored = stored.astype(np.uint8)
        ways = [lambda v: indices.get(int(v)), lambda v: indices.get(255 * int(v)),
                lambda v: colours.get((255 * int(v),) * 3)]  # fmt: skip
    elif stored.ndim == 3:
        ways = [lambda v: colours.get(tuple(int(c) for c in v[:3])), lambda v: indices.get(int(v[0]))]
    else:
        ways = [lambda v: indices.get(int(v)), lambda v: colours.get((int(v),) * 3)]
        ways += (
            [lambda v: colours.get(colour_of(int(v))), lambda v: indices.get((*colour_of(int(v)), -1)[0])]
            if palette
            else []
        )
    readings = [read(way) for way in ways]
    return "" if pair.labels.tolist() in readings else f"other labels than those of {picture.mode}"


def _meanings(legend: Any) -> tuple[dict[Any, int], dict[Any, int]]:
    """Write down a legend's colours and indices, each with its label."""
    colours = dict(zip(legend.colours, range(len(legend)), strict=True))
    indices = dict(zip(legend.indices, range(len(legend)), strict=True))
    colours |= dict.fromkeys(legend.void_colours, legend.void)
    indices |= dict.fromkeys(legend.void_indices, legend.void)
    for label, colour, value in legend.merged:
        colours |= {} if colour is None else {colour: label}
        indices |= {} if value is None else {value: label}
    return colours, indices


def main() -> None:
    """Try inputs until the time is over; print how many, and every crash with its seed."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.commands", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="the first input")
    parser.add_argument("--inputs", type=int, default=sys.maxsize, help="at most so many")
    chosen = parser.parse_args()
    ends, tried, codes, crashes = time.monotonic() + chosen.seconds, 0, Counter[int](), 0
    memory = "/dev/shm"  # noqa: S108 - a folder with a random name in it
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as folder:
        warm_up(Path(folder))
        for seed in range(chosen.seed, chosen.seed + chosen.inputs):
            if time.monotonic() > ends:
                break
            told, outcome = try_input(seed, Path(folder))
            tried += 1
            codes.update(outcome.codes)
            if outcome.wrong:
                crashes += 1
                sys.stdout.write(f"seed {seed}, {told}\n    {outcome.wrong}\n")
                sys.stdout.flush()
    counted = ", ".join(f"{count:,} ended with {code}" for code, count in sorted(codes.items()))
    sys.stdout.write(f"{tried:,} inputs, {sum(codes.values()):,} commands ({counted}), {crashes} crashes\n")
    sys.exit(bool(crashes))


if __name__ == "__main__":
    main()
