"""The command line: parse, call, print, exit code; no logic.

Exit codes: 0 done, 1 the data is bad, 2 the command is, 130 interrupted.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import segfeed
from segfeed.bench import Report, judge, measure
from segfeed.cache import describe_packs, prune_packs
from segfeed.errors import OptionError, SegfeedError
from segfeed.feed import load as load_splits
from segfeed.feed import scan
from segfeed.packs import make_pack
from segfeed.plan import Shard
from segfeed.stats import Statistics, count
from segfeed.summary import Summary, summarise

app = typer.Typer(
    name="segfeed",
    help="Semantic-segmentation datasets, from the folder on disk to the batch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cache_app = typer.Typer(help="List the packs in the cache, or prune them.", invoke_without_command=True)
app.add_typer(cache_app, name="cache")

Data = Annotated[str, typer.Argument(metavar="PATH", help="A VOC folder, VOCdevkit or its parent, or 'sample'.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
CacheDir = Annotated[Path | None, typer.Option(help="Where packs lie. [default: $SEGFEED_CACHE or the user's cache]")]
Task = Annotated[str, typer.Option(help="'semantic' (class ids) or 'instance' (object ids).")]
LegendFile = Annotated[Path | None, typer.Option(help="A legend: text with one class a line, JSON, or a palette PNG.")]
Unknown = Annotated[str, typer.Option(help="What an unknown colour becomes: 'error', 'void' or a class name.")]
Split = Annotated[str, typer.Option(help="The name of a split list.")]
Threads = Annotated[int | None, typer.Option(help="Threads that read. [default: all cores]")]
Crop = Annotated[str, typer.Option(metavar="HxW", help="Crop height x width in pixels.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


_INTERRUPTED = 130


def main() -> None:
    """Run the command line; every error is one line on standard error."""
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        _fail("interrupted; nothing half-made was left behind", _INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; Python would complain about that at exit
        sys.exit(0)
    except SegfeedError as error:
        _fail(str(error), 2 if isinstance(error, OptionError) else 1)
    except Exception as error:
        # typer's own errors, under whatever module it keeps them: usage (exit code 2) and Abort (Ctrl-C)
        if type(error).__name__ == "Abort":
            _fail("interrupted; nothing half-made was left behind", _INTERRUPTED)
        if not hasattr(error, "format_message"):
            raise
        if not error.format_message():  # bare `segfeed`: the help was its answer
            sys.exit(2)
        _fail(error.format_message(), 2)
    if code == _INTERRUPTED:  # typer turns Ctrl-C into a return value
        _fail("interrupted; nothing half-made was left behind", _INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


@app.command()
def demo(
    to: Annotated[Path, typer.Option(help="The folder that gets the three pictures.")] = Path("segfeed-demo"),
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw the embedded sample, pack it, run an epoch of it, and make three pictures."""
    from segfeed.demo import run_demo  # noqa: PLC0415 - matplotlib takes half a second to load

    done = run_demo(to, cache_dir=cache_dir, force=force)
    if as_json:
        _print_json(done.summary.to_json() | {"pictures": [str(path) for path in done.pictures]})
        return
    _print_summary(done.summary)
    for path in done.pictures:
        _say(f"wrote {path}")


@app.command()
def load(
    data: Data,
    batch_size: Annotated[int, typer.Option(help="Train pairs in a batch, over all ranks.")] = 64,
    crop: Crop = "320x480",
    splits: Annotated[str, typer.Option(help="Names of the train and the val list; '-' leaves one out.")] = "train,val",
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    flip: Annotated[bool, typer.Option("--flip", help="Mirror half of the train crops.")] = False,
    small: Annotated[str, typer.Option(help="Train images smaller than the crop: 'pad', 'drop' or 'error'.")] = "pad",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    shard: Annotated[str, typer.Option(metavar="RANK/WORLD", help="This process's slice of every batch.")] = "0/1",
    val_batch_size: Annotated[int | None, typer.Option(help="Val pairs in a batch. [default: --batch-size]")] = None,
    threads: Threads = None,
    no_pack: Annotated[bool, typer.Option("--no-pack", help="Decode on the fly; write nothing.")] = False,
    cache_dir: CacheDir = None,
    layout: Annotated[str, typer.Option(help="NHWC or NCHW.")] = "NHWC",
    dtype: Annotated[str, typer.Option(help="float32, float16 or uint8 images.")] = "float32",
    label_dtype: Annotated[str, typer.Option(help="int32, int64 or uint8 labels.")] = "int32",
    void: Annotated[int | None, typer.Option(help="The value of void in labels. [default: 255]")] = None,
    as_json: AsJson = False,
) -> None:
    """Run an epoch of each split and print what came out."""
    made = load_splits(
        data,
        batch_size,
        _crop(crop),
        splits=_splits(splits),
        task=task,  # type: ignore[arg-type]  # load checks the word
        legend=legend,
        unknown=unknown,
        flip=flip,
        small=small,  # type: ignore[arg-type]  # load checks the word
        seed=seed,
        shard=_shard(shard),
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
        _print_json(summary.to_json())
    else:
        _print_summary(summary)


@app.command()
def pack(
    data: Data,
    splits: Annotated[str, typer.Option(help="Names of the lists to pack.")] = "train,val",
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    threads: Threads = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Decode splits once into packs that every later run shares."""
    packs = []
    for split in splits.split(","):
        source = scan(data, split, task=task, legend=legend, unknown=unknown, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
        packs.append(make_pack(source, cache_dir=cache_dir, threads=threads))
    if as_json:
        _print_json({"packs": [{"folder": str(made.folder), **made.manifest} for made in packs]})
        return
    for made in packs:
        _say(f"{made.name} {made.split}: {len(made):,} pairs, {made.manifest['bytes'] / 2**20:,.0f} MiB, {made.folder}")


@app.command()
def show(
    data: Data,
    split: Split = "train",
    count: Annotated[int, typer.Option(help="How many samples.")] = 24,
    to: Annotated[Path | None, typer.Option(help="The PNG to write. [default: NAME-SPLIT.png]")] = None,
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a contact sheet: photos with their labels painted over them, and the legend."""
    from segfeed.figures import show as draw  # noqa: PLC0415 - matplotlib takes half a second to load

    source = scan(data, split, task=task, legend=legend, unknown=unknown, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
    path = to or Path(f"{source.name}-{split}.png")
    if path.exists() and not force:
        raise OptionError(f"{path} exists; pass --force to overwrite it, or --to for another name.")
    draw(source, count=count, path=path)
    if as_json:
        _print_json({"picture": str(path), "samples": min(count, len(source))})
    else:
        _say(f"wrote {path}")


@app.command()
def stats(
    data: Data,
    split: Split = "train",
    crop: Crop = "320x480",
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    threads: Threads = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Count pixels and images of each class, void, sizes, mean and std, class weights, and what a crop keeps."""
    size = _crop(crop)
    source = scan(data, split, task=task, legend=legend, unknown=unknown, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
    counted = count(source, threads=threads)
    if as_json:
        _print_json({"name": source.name, "split": split, **counted.to_json(size)})
    else:
        _print_stats(f"{source.name} {split}", counted, size)


@app.command()
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
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure how fast this dataset feeds on this machine, and say what limits it."""
    size = _crop(crop)
    source = scan(data, split, task=task, legend=legend, unknown=unknown, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
    report = measure(
        source, batch_size, size, threads=threads, seconds=seconds, step_ms=step_ms, cache_dir=cache_dir
    )  # fmt: skip
    if as_json:
        _print_json(report.to_json())
    else:
        _print_report(report)


@cache_app.callback()
def cache(context: typer.Context, cache_dir: CacheDir = None, as_json: AsJson = False) -> None:
    """List the packs in the cache: size, dataset, age."""
    if context.invoked_subcommand is not None:
        return
    packs = describe_packs(cache_dir)
    if as_json:
        _print_json({"packs": [found.to_json() for found in packs]})
        return
    if not packs:
        _say("the cache holds no pack")
        return
    _print_table(("dataset", "split", "task", "pairs", "size", "made", "last used"), [found.cells() for found in packs])


@cache_app.command()
def prune(
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=0, help="Remove what was not used for so many days.")
    ] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove packs that were not used for a while, and what killed processes left half-made."""
    removed = prune_packs(older_than, cache_dir=cache_dir, dry_run=dry_run)
    if as_json:
        _print_json({"removed": [str(path) for path in removed], "dry_run": dry_run})
        return
    for path in removed:
        _say(f"{'would remove' if dry_run else 'removed'} {path}")
    _say(f"{len(removed)} {'folder' if len(removed) == 1 else 'folders'} {'to remove' if dry_run else 'removed'}")


@app.command()
def version() -> None:
    """Print the version."""
    _say(segfeed.__version__)


def _crop(text: str) -> tuple[int, int]:
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise OptionError(f"crop {text!r} is not HEIGHTxWIDTH in whole pixels, such as 320x480.")
    return int(sides[0]), int(sides[1])


def _splits(text: str) -> tuple[str | None, str | None]:
    names = [None if name == "-" else name for name in text.split(",")]
    if len(names) != 2:
        raise OptionError(f"splits {text!r} is not TRAIN,VAL; pass '-' for one that is not wanted.")
    return names[0], names[1]


def _shard(text: str) -> Shard:
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise OptionError(f"shard {text!r} is not RANK/WORLD, such as 0/4.")
    return Shard(int(parts[0]), int(parts[1]))


def _fail(message: str, code: int) -> None:
    print(f"segfeed: {_clean(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)


def _clean(text: str) -> str:
    """Drop control characters: a file's name must not move the cursor of a terminal."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def _say(text: str) -> None:
    print(_clean(text))


def _print_json(described: dict[str, Any]) -> None:
    print(json.dumps(described, allow_nan=False))


def _print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for number, head in enumerate(heads):
        table.add_column(escape(_clean(head)), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_clean(cell)) for cell in row))
    # Piped output has no width of its own: never fold a table there.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


def _print_summary(summary: Summary) -> None:
    heads, *rows = summary.table()
    classes = f"{len(summary.classes)} classes: {', '.join(summary.classes)}" if summary.classes else "object ids"
    _say(f"{summary.name}: {classes}")
    _print_table(heads, rows)
    for note in summary.notes:
        _say(note)


def _print_report(report: Report) -> None:
    height, width = report.crop_size
    _say(
        f"{report.name} {report.split}: batches of {report.batch_size:,} crops of {height} x {width} px, "
        f"{report.machine.threads} thread{'s' if report.machine.threads > 1 else ''}"
    )
    _say(f"pack: {'was there' if report.pack_made_s is None else f'made in {report.pack_made_s:.1f} s'}, {report.pack}")
    heads, *rows = report.table()
    _print_table(heads, rows)
    _say(judge(report)[1])


def _print_stats(title: str, counted: Statistics, size: tuple[int, int]) -> None:
    described = counted.to_json(size)
    total = sum(row["pixels"] for row in described["classes"]) or 1
    rows = [
        (
            row["name"],
            f"{row['pixels']:,}",
            f"{row['pixels'] / total:.2%}",
            f"{row['images']:,}",
            "-" if row["weight"] is None else f"{row['weight']:.3f}",
        )
        for row in described["classes"]
    ]
    _say(f"{title}: {described['images']:,} images, void share {described['void_share']:.2%}")
    if rows:
        _print_table(("class", "pixels", "share", "images", "median-frequency weight"), rows)
    for side in ("height", "width"):
        spread = described[side]
        _say(f"{side}: {spread['smallest']} to {spread['largest']} px, median {spread['median']:g}")
    for name in ("mean", "std"):
        _say(f"{name} of pixels scaled to 0..1: " + ", ".join(f"{value:.4f}" for value in described[name]))
    kept = ", ".join(f"small={policy!r} keeps {number:,}" for policy, number in described["kept"].items())
    _say(f"at a crop of {size[0]} x {size[1]} px (height x width): {kept} of {described['images']:,}")


if __name__ == "__main__":
    main()
