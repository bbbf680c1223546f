"""Notebook: what a notebook shows of each of segfeed's values, in place of a text.

Showing changes nothing: no epoch begins or moves on, and only the few samples that are shown are read.
"""

import time
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import numpy as np

from segfeed.audit.findings import Audit
from segfeed.batches.batch import Batch
from segfeed.batches.loader import Loader
from segfeed.datasets.source import Source
from segfeed.errors import SegfeedError
from segfeed.feed import Splits
from segfeed.pictures.cells import MAX_BYTES, MAX_ROWS, THUMB_PX, Html, bar, block, facts, note, pictures, swatch, table
from segfeed.pictures.crop_pairs import read_pairs
from segfeed.pictures.paint import Pixels, Thumb, evenly, overlay
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.plans.plan import Plan
from segfeed.scoring.score import SUMMARY, Score, as_percent
from segfeed.system.showing import counted

_SAMPLES, _CROPS, _PLAN_ROWS = 6, 6, 6
_MAX_PX = 1 << 25  # of crops that are filled to be shown, except for the first
_MAX_S = 2.0  # large photos take a while; what was read by then is shown
_ROW_FIELDS = ("sample", "top", "left", "height", "width", "flip")


@singledispatch
def html_of(value: Any) -> Html:
    """Show a value as HTML of at most 200 kB; a subclass shows as its class does.

    >>> html_of(Legend(("ground", "<cat>"))).count("&lt;cat&gt;")
    1
    """
    raise TypeError(f"nothing shows a {type(value).__name__}")


@html_of.register
def _(source: Source) -> Html:
    missing = [("missing", counted(len(source.missing), "file"))] if source.missing else []
    return block(
        f"{source.name} · {source.split}",
        f"Source, {counted(len(source), 'sample')}",
        facts(
            [
                ("folder", source.root),
                ("format", source.format),
                ("classes", _classes(source.legend)),
                ("masks", "yes" if source.has_masks else "no: photos to be predicted"),
                *missing,
            ]
        ),
        pictures(_samples(source)),
    )


@html_of.register
def _(splits: Splits) -> Html:
    parts = [_loader(loader, MAX_BYTES // 2) for loader in splits if loader is not None]
    return block("Splits", "unpacks as train, val", *parts, *map(note, splits.notes))


@html_of.register
def _(loader: Loader) -> Html:
    return _loader(loader, MAX_BYTES)


def _loader(loader: Loader, most_bytes: int) -> Html:
    made = loader.format.resolve("NHWC", "int32", loader.reader.legend.void)
    layout = f"{made.layout}, images {made.dtype}, labels {made.label_dtype}, void {made.void}"
    return block(
        f"{loader.reader.name} · {loader.reader.split}",
        f"Loader, next is epoch {loader.next_epoch}; below are "
        + ("whole images" if loader.plan.is_exact else "crops of epoch 0"),
        facts([*_plan_facts(loader.plan), ("batch", layout), ("classes", _classes(loader.reader.legend))]),
        pictures(_peek(loader), most_bytes),
    )


@html_of.register
def _(batch: Batch) -> Html:
    shapes = [
        (name, f"{array.dtype} {array.shape}") for name, array in (("images", batch.images), ("labels", batch.labels))
    ]
    count = len(batch.crops)
    more = f", the first {_CROPS} below" if count > _CROPS else ""
    return block("Batch", f"{counted(count, 'row')}{more}", facts(shapes), pictures(_crops(batch)))


@html_of.register
def _(plan: Plan) -> Html:
    rows = plan.rows(0, 0)[:_PLAN_ROWS]
    lines = [[row[name].item() for name in _ROW_FIELDS] for row in rows]
    return block("Plan", "its first rows below", facts(_plan_facts(plan)), table(lines, _ROW_FIELDS))


@html_of.register
def _(legend: Legend) -> Html:
    known = zip(legend.names, legend.colours, legend.indices, strict=True)
    lines = [[swatch(colour), n, name, index] for n, (name, colour, index) in enumerate(known)]
    stored = ", ".join(map(str, (*legend.void_indices, *legend.void_colours)))
    void = f"void is {legend.void} in labels; stored as {stored or 'nothing'}"
    heads = ("", "id", "class", "stored value")
    return block(f"Legend {legend.title}", counted(len(legend), "class", "classes"), table(lines, heads), note(void))


@html_of.register
def _(score: Score) -> Html:
    heads, *rows = score.table()
    lines = [[name, bar(iou), *figures] for (name, *figures), iou in zip(rows, score.iou.tolist(), strict=True)]
    figures = [(SUMMARY[name], as_percent(value)) for name, value in score.summary.items()]
    counts = f"{counted(len(score.legend), 'class', 'classes')}, {counted(score.pixels, 'pixel')}"
    return block("Score", counts, facts(figures), table(lines, (heads[0], "", *heads[1:])))


@html_of.register
def _(audit: Audit) -> Html:
    counts = ", ".join(counted(count, severity) for severity, count in audit.count().items())
    splits = [(one.split, one.listed, len(one.keys), len(one.broken)) for one in audit.splits]
    found = [(finding.severity, finding.rule, finding) for finding in audit.findings]
    return block(
        f"Audit of {audit.name}",
        f"{counted(audit.pairs, 'pair')}: {counts}",
        table(splits, ("split", "listed", "read", "broken")),
        table(found, ("", "rule", "finding")) if found else note("nothing is wrong"),
    )


def _classes(legend: Encoder) -> str:
    if not legend.names:
        return "none: masks number objects"
    return f"{len(legend.names):,}: {', '.join(legend.names[:MAX_ROWS])}"


def _plan_facts(plan: Plan) -> list[tuple[str, object]]:
    height, width = plan.canvas
    what = "every image once, whole, on" if plan.is_exact else "random crops of"
    lines: list[tuple[str, object]] = [
        ("rows", f"{what} {height} x {width} px (height x width)"),
        (
            "epoch",
            f"{counted(plan.steps, 'batch', 'batches')} of {plan.batch_size}, from {counted(len(plan), 'sample')}",
        ),
        ("order", f"shuffled, seed {plan.seed}" if plan.shuffle else "the samples' own"),
    ]
    if plan.shard.world > 1:
        lines.append(
            ("rank", f"{plan.shard.rank} of {plan.shard.world}, {counted(plan.rows_per_step, 'row')} of each batch")
        )
    return lines


def _samples(source: Source) -> Iterator[tuple[str, Pixels | str]]:
    """Read samples that are spread evenly over a split, one after another, until that took long enough."""
    begin = time.monotonic()
    for index in evenly(len(source), _SAMPLES) if len(source) else []:
        key = source.samples[index].key
        try:
            yield key, _under_labels(Thumb.of(source.read(index), key, THUMB_PX), source.legend)
        except (SegfeedError, OSError) as error:
            yield key, str(error)
        if time.monotonic() - begin > _MAX_S:
            return


def _peek(loader: Loader) -> Iterator[tuple[str, Pixels | str]]:
    try:
        height, width = loader.plan.canvas
        yield from _crops(loader.peek(count=min(max(_MAX_PX // (height * width), 1), _CROPS)))
    except (SegfeedError, OSError) as error:
        yield "no crops", str(error)


def _crops(batch: Batch) -> Iterator[tuple[str, Pixels | str]]:
    count = min(len(batch.crops), _CROPS)
    try:
        pairs = read_pairs(batch, count)
    except SegfeedError as error:  # a person may have changed the arrays
        yield "no pictures", str(error)
        return
    for pair, key in zip(pairs, batch.keys[:count], strict=True):
        yield key or "padding only", _under_labels(Thumb.of(pair, key, THUMB_PX), batch.legend)


def _under_labels(thumb: Thumb, legend: Encoder) -> Pixels:
    return np.asarray(overlay(thumb.fitted(round(1.5 * THUMB_PX), THUMB_PX), legend))
