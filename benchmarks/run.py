"""Measure segfeed beside its peers on the same files, taking turns; write a table and a chart.

    .venv/bin/python benchmarks/run.py [--data PATH] [--rows all] [--rounds 5] [--out DIR] [--peers a,b,...]

Peers run in environments of their own (`.venv-bench/`), made when they are first needed. A peer that cannot be
installed is named in the table with the reason.
"""

import argparse
import importlib
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import chart
import costs
import distance
import environments
import layouts
import places
import table
from agreement import Referee
from contenders import Contender, ContenderError, Row
from rich.console import Console
from turns import Job

import segfeed
from segfeed.system.work import available_cores

PEERS = ("tfdata", "torchvision", "spdl", "grain", "dali", "ffcv")
AUGMENTED_PEERS = (
    "opencv", "albumentations", "mmseg", "kornia", "grain_opencv", "torchvision_augmented", "dali_augmented",
)  # fmt: skip
_SCALE = {"flip": 0.5, "scale": (0.5, 2), "antialias": False, "pad_side": "bottom-right"}
_RECIPE = _SCALE | {
    "brightness": (-32 / 255, 32 / 255, 0.5), "contrast": (0.5, 1.5, 0.5), "saturation": (0.5, 1.5, 0.5),
    "hue": (-36, 34, 0.5), "order": "drawn",
}  # fmt: skip
CROP_SIZE, BATCH_SIZE = (320, 480), 64
_SHORT_ROUNDS = 60
_say = Console(stderr=True).print


def main() -> None:
    """Run everything."""
    options = _options()
    work = Path(options.work or tempfile.mkdtemp(prefix="segfeed-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        _run(options, work)
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", default="sample", help="a VOC dataset with a train list; the embedded sample by default"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often every row has its turn")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a turn lasts at least")
    parser.add_argument("--pairs", type=int, default=1000, help="the list is repeated until it has at least so many")
    parser.add_argument(
        "--rows",
        choices=("plain", "augmented"),
        default="plain",
        help="which rows: plain crops, or augmented ones; all at once would not fit into memory",
    )
    parser.add_argument("--peers", help="which peers, by name; none for none; by default all of these rows")
    parser.add_argument("--out", help="where results are written; results/, or results/augmented/, by default")
    parser.add_argument("--work", help="keep links, packs and other prepared files here; a temporary folder by default")
    parser.add_argument("--skip-large", action="store_true", help=f"no pack of {costs.LARGE_PAIRS:,} pairs (15 GB)")
    parser.add_argument("--skip-costs", action="store_true", help="speed only: no start, memory, plan rows")
    options = parser.parse_args()
    known = AUGMENTED_PEERS if options.rows == "augmented" else PEERS
    options.peers = [] if options.peers == "none" else options.peers.split(",") if options.peers else list(known)
    unknown = set(options.peers) - set(known)
    if unknown:
        parser.error(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def _run(options: argparse.Namespace, work: Path) -> None:
    before = table.machine()
    source = segfeed.scan(options.data, "train", cache_dir=work / "cache")
    chosen = layouts.usable(source, CROP_SIZE)
    if not chosen:
        sys.exit(f"{options.data}: no photo is a JPEG of at least {CROP_SIZE[0]} x {CROP_SIZE[1]} px.")
    root = layouts.repeat(source, chosen, options.pairs, work / "turns")
    (work / "cache").mkdir(exist_ok=True)
    job = Job(str(root), BATCH_SIZE, CROP_SIZE, available_cores(), options.seconds, str(work / "cache"))
    _say(f"packing {len(job.ids):,} pairs")
    pack = segfeed.make_pack(segfeed.scan(root, "train"), cache_dir=job.cache_dir)
    own = _own_rows(int(pack.manifest["bytes"]))
    if options.rows == "augmented":
        own = [*(row for row in own if row.key in ("warm", "decode")), *_augmented_rows()]
    rows = {row.key: row for row in [*own, *map(_peer_row, options.peers)]}
    pack.close()
    places.lay_out(work)
    referee = Referee(source, chosen, CROP_SIZE, BATCH_SIZE)
    short = _take_turns(rows, job, referee, work, options.rounds)
    facts = {
        "machine": before,
        "data": "the embedded sample" if options.data == "sample" else source.name,
        "distinct": len(chosen),
        "pairs": len(job.ids),
        "crop_size": list(CROP_SIZE),
        "batch_size": BATCH_SIZE,
        "workers": job.workers,
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    found = {} if options.skip_costs else _costs(source, chosen, job, work, large=not options.skip_large)
    results = table.collect(rows, facts, found, distance.summarise(short))
    out = Path(options.out or Path(__file__).parent / "results" / ("augmented" if options.rows == "augmented" else ""))
    table.write(results, out)
    chart.draw(results, out)
    _say(f"written: {out}/results.md, results.json and the charts")


def _own_rows(pack_bytes: int) -> list[Row]:
    """List the floor, segfeed's rows, and what reading from files is compared with."""
    rows = [
        Row(
            "fill", "ndarray.fill, float32 + int32", "floor", "own.floor", {"kind": "fill"},
            about="Threads that fill buffers of their own with as many bytes as a batch has; no barrier.",
        ),
        Row(
            "stream", "streaming stores, float32 + int32", "floor", "own.floor", {"kind": "stream"},
            about="Threads that write as many bytes past the caches, from one line in cache: what memory takes.",
        ),
        Row(
            "copy", "copy, uint8 + uint8", "floor", "own.floor", {"kind": "copy", "pack_bytes": pack_bytes},
            about="Threads that copy as many bytes, in sequence, out of an array as large as the pack.",
        ),
        Row(
            "kernel", "segfeed's kernel, nothing else", "floor", "own.kernel", {}, ("stream",),
            "Threads that fill batches of their own from the pack: nothing is planned, shared out, waited for or "
            "handed over.",
        ),
        Row(
            "warm", "segfeed", "segfeed", "own.warm", {}, ("fill", "stream", "kernel"),
            "`segfeed.load` on an existing pack, iterated to the end; compiled kernels, slots and page cache warm.",
        ),
        Row(
            "warm-nchw", "segfeed, NCHW", "segfeed", "own.warm", {"layout": "NCHW"}, ("fill", "stream"),
            'The same with layout="NCHW".',
        ),
        Row(
            "warm-uint8", "segfeed, uint8", "segfeed", "own.warm", {"dtype": "uint8", "label_dtype": "uint8"},
            ("copy",), 'The same with dtype="uint8", label_dtype="uint8": nothing is normalised.',
        ),
        Row(
            "decode", "decode, nothing else", "files", "own.decoding", {"kind": "bare"},
            about="Threads that read and decode every file (simplejpeg, Pillow) and drop the pixels.",
        ),
        Row(
            "disk", "write, nothing else", "files", "own.decoding", {"kind": "disk"}, ("decode",),
            "One decoded pair, written as often as there are pairs and brought to the disk: no pack can be made faster "
            "on this disk. Here and in the two other rows that write, a turn does it twice and counts the second time: "
            "in the first, a virtual machine takes the page cache's memory back from its host, which can cost more "
            "than all the writing.",
        ),
        Row(
            "written", "decode and write, nothing else", "files", "own.decoding", {"kind": "written"}, ("decode",),
            "Both at once: threads decode and write the pixels, which are brought to the disk meanwhile; nothing is "
            "hashed, checked or counted.",
        ),
        Row(
            "photos", "photos decoded and cut, no masks", "files", "own.decoding", {"kind": "photos"}, ("decode",),
            "Threads that read and decode the photos alone (simplejpeg) and fill crops of them, float32, with constant "
            "labels: nothing is planned, unpacked, looked up or handed over. What this JPEG decoder leaves to any "
            "exact loader.",
        ),
        Row(
            "cold", "segfeed without a pack", "files", "own.decoding", {"kind": "cold"}, ("decode", "photos"),
            "`segfeed.load(pack=False)`: every epoch decodes; checked, cut and normalised, iterated to the end.",
        ),
        Row(
            "pack", "segfeed making the pack", "files", "own.decoding", {"kind": "pack"}, ("decode", "written", "disk"),
            "Into an empty cache: hash, decode, check, write, fsync.",
        ),
    ]  # fmt: skip
    return [replace(row, python=sys.executable) for row in rows]


def _augmented_rows() -> list[Row]:
    """List segfeed's rows with augmentation."""
    scaled, about = {"augment": _SCALE}, "`segfeed.load` with augment on an existing pack, iterated to the end: "
    rows = [
        Row(
            "aug-scale", "segfeed, scale + flip", "augmented", "own.warm", scaled, ("warm",),
            about + "scale 0.5 to 2, bilinear, as OpenCV has it; mirrored; padded below and to the right.",
        ),
        Row(
            "aug-filtered", "segfeed, scale + flip, antialiased", "augmented", "own.warm",
            {"augment": _SCALE | {"antialias": True}}, ("warm",),
            "The same, but what shrinks is filtered by a triangle, as Pillow and torchvision have it.",
        ),
        Row(
            "aug-turn", "segfeed, scale + turn", "augmented", "own.warm",
            {"augment": _SCALE | {"rotate": (-10, 10)}}, ("warm",), "Scale, flip and a turn of up to 10 degrees.",
        ),
        Row(
            "aug-recipe", "segfeed, whole recipe", "augmented", "own.warm", {"augment": _RECIPE}, ("warm",),
            "Scale, flip, and brightness, contrast, saturation and hue at mmsegmentation's settings.",
        ),
        Row(
            "aug-cold", "segfeed, whole recipe, without a pack", "augmented", "own.decoding",
            {"kind": "cold", "augment": _RECIPE}, ("decode",), "The whole recipe with pack=False: every epoch decodes.",
        ),
    ]  # fmt: skip
    return [replace(row, python=sys.executable) for row in rows]


def _peer_row(name: str) -> Row:
    """Describe a peer, with its environment ready or the reason why it is not."""
    module = importlib.import_module(f"peers.{name}")
    against = getattr(module, "AGAINST", ("warm", "cold"))
    group = "augmented peer" if name in AUGMENTED_PEERS else "peer"
    row = Row(name, module.TITLE, group, f"peers.{name}", getattr(module, "OPTIONS", {}), against, module.ABOUT)
    _say(f"{module.TITLE}: environment")
    try:
        environment = getattr(module, "ENVIRONMENT", name)
        row.python = environments.python_of(environment, module.REQUIREMENTS, getattr(module, "NEEDS", ""))
    except environments.InstallError as error:
        row.failed = str(error)
    return row


def _take_turns(rows: dict[str, Row], job: Job, referee: Referee, work: Path, rounds: int) -> list[distance.ShortTurn]:
    """Start all, then let them take turns: A B C, A B C, ...; then some take short ones, in which cores may move."""
    running: dict[str, Contender] = {}
    try:
        for row in rows.values():
            if not row.failed:
                _say(f"{row.title}: warming up")
                _start(row, job, referee, work, running)
        for n in range(rounds):
            for key in list(running):
                _one_turn(running, key, job.seconds, f"round {n + 1} of {rounds}")
        return _short_turns(running) if "kernel" in running and distance.can_measure() else []
    finally:
        for contender in running.values():
            contender.stop()


def _start(row: Row, job: Job, referee: Referee, work: Path, running: dict[str, Contender]) -> None:
    shown = work / f"{row.key}.npz"
    shown.unlink(missing_ok=True)
    try:
        options = row.options | ({"chart": str(places.root(work))} if row.is_augmented else {})
        contender = Contender(row, replace(job, shown=str(shown), options=options), work / f"{row.key}.log")
        row.facts |= contender.said
        running[row.key] = contender
        if shown.exists() and row.is_augmented:
            row.facts["agreement"] = places.check(shown, job.batch_size, job.crop_size)
        elif shown.exists() and (row.group == "peer" or row.key == "warm"):
            row.facts["agreement"] = referee.check(shown)
    except ContenderError as error:
        row.failed = str(error)
    except ValueError as error:
        row.failed = f"its output does not agree with segfeed's: {error}"
        running.pop(row.key).stop()


def _short_turns(running: dict[str, Contender]) -> list[distance.ShortTurn]:
    _say(f"{_SHORT_ROUNDS} rounds of short turns, and how far apart the cores are meanwhile")
    try:
        return distance.take_turns({key: running[key].turn for key in distance.ROWS if key in running}, _SHORT_ROUNDS)
    except ContenderError as error:
        _say(f"given up: {error}")
        return []


def _one_turn(running: dict[str, Contender], key: str, at_least_s: float, when: str) -> None:
    row = running[key].row
    try:
        row.rounds.append(running[key].turn(at_least_s))
        _say(f"{when}: {row.title}: {row.rounds[-1]:,.0f} pairs/s", highlight=False)
    except ContenderError as error:
        row.failed, row.rounds = str(error), []
        running.pop(key).stop()


def _costs(source: segfeed.Source, chosen: list[int], job: Job, work: Path, *, large: bool) -> dict[str, Any]:
    _say("start, memory, plan rows")
    found: dict[str, Any] = {"plan_rows": costs.plan_rows(job)}
    found["start"] = costs.start(source, chosen, job, work)
    found["memory"] = costs.memory(source, chosen, job, work, large=large)
    return found


if __name__ == "__main__":
    main()
