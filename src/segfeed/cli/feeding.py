"""Commands that feed: the demo, an epoch of a dataset, its packs, and how fast it all is."""

from pathlib import Path
from typing import Annotated

import typer

from segfeed.cli.bench.verdict import Report, judge, measure
from segfeed.cli.options import (
    AsJson,
    CacheDir,
    Crop,
    Data,
    Force,
    FormatName,
    LegendFile,
    Split,
    Task,
    Threads,
    Unknown,
    crop_size,
    one_shard,
    print_json,
    print_table,
    say,
    two_splits,
)
from segfeed.cli.summary import Summary, summarise
from segfeed.feed import load as load_splits
from segfeed.feed import scan
from segfeed.packs.pack import make_pack


def demo(
    to: Annotated[Path, typer.Option(help="The folder that gets the three pictures.")] = Path("segfeed-demo"),
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw the embedded sample, pack it, run an epoch of it, and make three pictures."""
    from segfeed.cli.demo import run_demo  # noqa: PLC0415 - matplotlib takes half a second to load

    done = run_demo(to, cache_dir=cache_dir, force=force)
    if as_json:
        print_json(done.summary.to_json() | {"pictures": [str(path) for path in done.pictures]})
        return
    _print_summary(done.summary)
    for path in done.pictures:
        say(f"wrote {path}")


def load(
    data: Data,
    batch_size: Annotated[int, typer.Option(help="Train pairs in a batch, over all ranks.")] = 64,
    crop: Crop = "320x480",
    splits: Annotated[str, typer.Option(help="Names of the train and the val list; '-' leaves one out.")] = "train,val",
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    flip: Annotated[bool, typer.Option("--flip", help="Mirror half of the train crops.")] = False,
    small: Annotated[str, typer.Option(help="Train images smaller than the crop: 'pad', 'drop' or 'error'.")] = "pad",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    shard: Annotated[str, typer.Option(metavar="RANK/WORLD", help="This process's slice of every batch.")] = "0/1",
    val_batch_size: Annotated[int | None, typer.Option(help="Val pairs in a batch. (default: --batch-size)")] = None,
    threads: Threads = None,
    no_pack: Annotated[bool, typer.Option("--no-pack", help="Decode on the fly; write nothing.")] = False,
    cache_dir: CacheDir = None,
    layout: Annotated[str, typer.Option(help="NHWC or NCHW.")] = "NHWC",
    dtype: Annotated[str, typer.Option(help="float32, float16 or uint8 images.")] = "float32",
    label_dtype: Annotated[str, typer.Option(help="int32, int64 or uint8 labels.")] = "int32",
    void: Annotated[int | None, typer.Option(help="The value of void in labels. (default: 255)")] = None,
    as_json: AsJson = False,
) -> None:
    """Run an epoch of each split and print what came out."""
    made = load_splits(
        data,
        batch_size,
        crop_size(crop),
        splits=two_splits(splits),
        task=task,  # type: ignore[arg-type]  # load checks the word
        legend=legend,
        unknown=unknown,
        format=format_name,
        flip=flip,
        small=small,  # type: ignore[arg-type]  # load checks the word
        seed=seed,
        shard=one_shard(shard),
        val_batch_size=val_batch_size,
        threads=threads,
        pack=not no_pack,
        cache_dir=cache_dir,
        layout=layout,
        dtype=dtype,
        label_dtype=label_dtype,
        void=void,
    )
    summary = summarise(made)
    if as_json:
        print_json(summary.to_json())
    else:
        _print_summary(summary)


def pack(
    data: Data,
    splits: Annotated[str, typer.Option(help="Names of the lists to pack.")] = "train,val",
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Decode splits once into packs that every later run shares."""
    packs = []
    for split in splits.split(","):
        source = scan(data, split, task=task, legend=legend, unknown=unknown, format=format_name, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
        packs.append(make_pack(source, cache_dir=cache_dir, threads=threads))
    if as_json:
        print_json({"packs": [{"folder": str(made.folder), **made.manifest} for made in packs]})
        return
    for made in packs:
        say(f"{made.name} {made.split}: {len(made):,} pairs, {made.manifest['bytes'] / 2**20:,.0f} MiB, {made.folder}")


def bench(
    data: Data,
    split: Split = "train",
    batch_size: Annotated[int, typer.Option(help="Pairs in a batch.")] = 64,
    crop: Crop = "320x480",
    threads: Threads = None,
    seconds: Annotated[float, typer.Option(help="About how long each measurement takes.")] = 3.0,
    step_ms: Annotated[float, typer.Option(help="Measure also with a training step of so many ms a batch.")] = 0.0,
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure how fast this dataset feeds on this machine, and say what limits it."""
    size = crop_size(crop)
    source = scan(data, split, task=task, legend=legend, unknown=unknown, format=format_name, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
    report = measure(
        source, batch_size, size, threads=threads, seconds=seconds, step_ms=step_ms, cache_dir=cache_dir
    )  # fmt: skip
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)


def _print_summary(summary: Summary) -> None:
    heads, *rows = summary.table()
    classes = f"{len(summary.classes)} classes: {', '.join(summary.classes)}" if summary.classes else "object ids"
    say(f"{summary.name}: {classes}")
    print_table(heads, rows)
    for note in summary.notes:
        say(note)


def _print_report(report: Report) -> None:
    height, width = report.crop_size
    say(
        f"{report.name} {report.split}: batches of {report.batch_size:,} crops of {height} x {width} px, "
        f"{report.machine.threads} thread{'s' if report.machine.threads > 1 else ''}"
    )
    say(f"pack: {'was there' if report.pack_made_s is None else f'made in {report.pack_made_s:.1f} s'}, {report.pack}")
    heads, *rows = report.table()
    print_table(heads, rows)
    say(judge(report)[1])
