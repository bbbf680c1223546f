"""Commands that feed: the demo, an epoch of a dataset, its packs, and how fast it all is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import typer

from segfeed.cli.bench.verdict import BenchResult, judge, measure
from segfeed.cli.options import (
    AsJson,
    AugmentName,
    CacheDir,
    Coded,
    CropOrRecipes,
    Force,
    SourceOptions,
    Split,
    Splits,
    Swap,
    Threads,
    crop_size,
    one_shard,
    swap_pairs,
    two_splits,
)
from segfeed.cli.printing import print_json, print_table, say
from segfeed.cli.summary import Summary, summarise
from segfeed.cli.wording import advice
from segfeed.feed import load as load_splits
from segfeed.packs.making import make_pack
from segfeed.packs.pack import Pack
from segfeed.plans.augment import Augment
from segfeed.plans.recipes import choose_draw
from segfeed.system.paths import free_path
from segfeed.system.showing import counted
from segfeed.system.storage import explained

PICTURES = ("pairs.png", "crops.png", "batch.png")
AUGMENT = Augment(
    flip=0.5,
    scale=(0.5, 2),
    scale_draw="log",
    rotate=(-15, 15, 0.5),
    brightness=(-0.1, 0.1, 0.5),
    contrast=(0.7, 1.3, 0.5),
    saturation=(0.5, 1.5, 0.5),
    hue=(-18, 18, 0.5),
)
"""What the demo's picture of crops draws."""


def demo(
    to: Annotated[Path, typer.Option(help="The folder that gets the three pictures.")] = Path("segfeed-demo"),
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make the embedded sample, pack it, run an epoch of it, and paint three pictures."""
    from segfeed.pictures.figures.sheets import show_batch, show_crops, show_pairs  # noqa: PLC0415 - half a second

    pictures = [to / name for name in PICTURES]
    for path in pictures:
        free_path(path, overwrite=force)
    with explained(to, 0, ""):
        to.mkdir(parents=True, exist_ok=True)
    splits = load_splits("sample", batch_size=64, crop_size=(320, 480), cache_dir=cache_dir)
    summary = summarise(splits, warm=True)
    assert splits.train is not None
    train, pack = splits.train, cast(Pack, splits.train.reader)
    show_pairs(pack, path=pictures[0])
    show_crops(pack, crop_size=(200, 300), augment=AUGMENT, path=pictures[1])  # the chapter's crop is nearly the photo
    show_batch(next(iter(train)), path=pictures[2])
    if as_json:
        print_json(summary.to_json() | {"pictures": [str(path) for path in pictures]})
        return
    _print_summary(summary)
    for path in pictures:
        say(f"wrote {path}")


@dataclass(frozen=True)
class FormatOptions:
    """The options that say what a batch looks like: fields of `BatchFormat`."""

    layout: Annotated[str, typer.Option(help="NHWC or NCHW.")] = "NHWC"
    dtype: Annotated[str, typer.Option(help="float32, float16 or uint8 images.")] = "float32"
    label_dtype: Annotated[str, typer.Option(help="int32, int64 or uint8 labels.")] = "int32"
    void: Annotated[int | None, typer.Option(help="The value of void in labels. (default: 255)")] = None


def load(
    source: SourceOptions,
    *,
    batch_size: Annotated[int, typer.Option(help="Train pairs in a batch, over all ranks.")] = 64,
    crop: CropOrRecipes = None,
    splits: Annotated[str, typer.Option(help="Names of the train and the val list; '-' leaves one out.")] = "train,val",
    augment: AugmentName = None,
    flip: Annotated[bool, typer.Option("--flip", help="Mirror half of the train crops.")] = False,
    swap: Swap = None,
    small: Annotated[str, typer.Option(help="Train images smaller than the crop: 'pad', 'drop' or 'error'.")] = "pad",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    shard: Annotated[str, typer.Option(metavar="RANK/WORLD", help="This process's slice of every batch.")] = "0/1",
    val_batch_size: Annotated[int | None, typer.Option(help="Val pairs in a batch. (default: --batch-size)")] = None,
    threads: Threads = None,
    no_pack: Annotated[bool, typer.Option("--no-pack", help="Decode on the fly; write nothing.")] = False,
    coded: Coded = False,
    batch_format: FormatOptions,
    as_json: AsJson = False,
) -> None:
    """Run an epoch of each split and print what came out."""
    made = load_splits(
        source.data,
        batch_size,
        None if crop is None else crop_size(crop),
        splits=two_splits(splits),
        augment=augment,
        flip=flip,
        swap=swap_pairs(swap, flip=flip or augment is not None),
        small=small,  # type: ignore[arg-type]  # load checks the word
        seed=seed,
        shard=one_shard(shard),
        val_batch_size=val_batch_size,
        threads=threads,
        pack=not no_pack,
        coded=coded,
        **source.words,
        **vars(batch_format),
    )
    summary = summarise(made)
    if as_json:
        print_json(summary.to_json())
    else:
        _print_summary(summary)


def pack(
    source: SourceOptions,
    splits: Splits = "train,val",
    to: Annotated[
        Path | None,
        typer.Option(help="A folder for packs that can be copied and used as a dataset. (default: the cache)"),
    ] = None,
    coded: Coded = False,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Decode splits once into packs that every later run shares, or that can be copied and used alone."""
    packs = [
        make_pack(one, to=to, coded=coded, cache_dir=source.cache_dir, threads=threads)
        for one in source.scan_all(splits)
    ]
    if as_json:
        print_json({"packs": [{"folder": str(made.folder), **made.manifest} for made in packs]})
        return
    for made in packs:
        pairs, size = counted(len(made), "pair"), f"{made.manifest['bytes'] / 2**20:,.0f} MiB"
        say(f"{made.name} {made.split}: {pairs}, {size}, {made.folder}")


def bench(
    source: SourceOptions,
    split: Split = "train",
    batch_size: Annotated[int, typer.Option(help="Pairs in a batch.")] = 64,
    crop: CropOrRecipes = None,
    augment: AugmentName = None,
    threads: Threads = None,
    seconds: Annotated[float, typer.Option(help="About how long each measurement takes.")] = 3.0,
    step_ms: Annotated[float, typer.Option(help="Measure also with a training step of so many ms a batch.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Measure how fast this dataset feeds on this machine, and say what limits it."""
    result = measure(
        source.scan(split),
        batch_size,
        choose_draw(None if crop is None else crop_size(crop), augment=augment),
        threads=threads,
        seconds=seconds,
        step_ms=step_ms,
        cache_dir=source.cache_dir,
    )
    if as_json:
        print_json(result.to_json())
    else:
        _print_bench(result)


def _print_summary(summary: Summary) -> None:
    heads, *rows = summary.table()
    names = summary.classes
    classes = f"{counted(len(names), 'class', 'classes')}: {', '.join(names)}" if names else "object ids"
    say(f"{summary.name}: {classes}")
    print_table(heads, rows)
    for note in summary.notes:
        say(advice(note))


def _print_bench(result: BenchResult) -> None:
    height, width = result.crop_size
    say(
        f"{result.name} {result.split}: batches of {counted(result.batch_size, 'crop')} of {height} x {width} px, "
        f"{result.machine.threads} thread{'s' if result.machine.threads > 1 else ''}"
    )
    say(f"pack: {'was there' if result.pack_made_s is None else f'made in {result.pack_made_s:.1f} s'}, {result.pack}")
    heads, *rows = result.table()
    print_table(heads, rows)
    say(judge(result)[1])
