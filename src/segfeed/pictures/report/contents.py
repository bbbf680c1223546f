"""Contents: what a report says, in the order in which it is said, as plain values for a template."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segfeed.audit.findings import Audit
from segfeed.pictures.report.cards import Card, View
from segfeed.pictures.report.charts import SizeChart
from segfeed.pictures.report.counts import ClassTable, SplitLine, ValueTable, hex_of
from segfeed.pictures.report.gallery import Selection
from segfeed.pictures.report.pictures import Pictures
from segfeed.pixels.lookup import Encoder
from segfeed.system.showing import visible


@dataclass(frozen=True, slots=True)
class Gallery:
    """What is shown of one split, of how many samples, and how many an epoch of crops draws from (0: none)."""

    split: str
    views: tuple[View, ...]
    samples: int
    planned: int


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a report says.

    Attributes:
        audit: of the dataset.
        why: by what the format was recognised.
        note: what its description says is odd about it; "" if nothing is.
        task: "semantic" or "instance".
        crop_size: (height, width) in px.
        augment: what is drawn besides the crops' places, or the recipe's name; "" if nothing is.
        splits: a line for each.
        classes: None without classes, or if it is not known which.
        values: what masks store and what is made of it; None if that is objects, or nothing could be read.
        chart: photo sizes; None if no photo can be read.
        galleries: one for each split that holds samples of its own.
        cards: every finding in one, the worst first.
        pictures: all of them.
        details: further names and values.
    """

    audit: Audit
    why: str
    note: str
    task: str
    crop_size: tuple[int, int]
    augment: str
    splits: tuple[SplitLine, ...]
    classes: ClassTable | None
    values: ValueTable | None
    chart: SizeChart | None
    galleries: tuple[Gallery, ...]
    cards: tuple[Card, ...]
    pictures: Pictures
    details: dict[str, str]

    def count(self, field: str) -> dict[str, int]:
        """Count the findings by a field of theirs, in the order of their first."""
        return dict(Counter(getattr(finding, field) for finding in self.audit))


def list_galleries(
    selections: Iterable[Selection], pictures: Pictures, keys: Mapping[str, tuple[str, ...]]
) -> tuple[Gallery, ...]:
    """List the pictures of each split's selection; a sample of which nothing could be decoded is left out.

    Args:
        selections: what is shown.
        pictures: of all of it.
        keys: split -> the keys of its samples.
    """
    galleries = []
    for selection in selections:
        views = []
        for choice in selection.choices:
            key = keys[selection.split][choice.index]
            number = pictures.numbers[selection.split, key]
            picture = pictures.pictures[number]
            if picture.thumbnail.width:
                extent, worst = picture.extent(choice.crop), picture.worst or ""
                views.append(View(number, key, extent, choice.crop, None, worst))
        galleries.append(Gallery(selection.split, tuple(views), len(keys[selection.split]), selection.planned))
    return tuple(galleries)


def describe_pictures(pictures: Pictures, legend: Encoder | None) -> list[dict[str, Any]]:
    """List, for the script of the page, what each picture shows: plain JSON values."""
    described = []
    for picture in pictures.pictures:
        photo, mask = picture.thumbnail.photo, picture.thumbnail.mask
        shares = picture.thumbnail.shares.items()
        described.append(
            {
                "size": [photo.height, photo.width] if photo else None,
                "files": [visible(name) for name in picture.file_names],
                "mask": [picture.thumbnail.mask_left, mask.width, mask.height] if mask else None,
                "labels": [[_name_of(label, legend), _colour_of(label, legend), share] for label, share in shares],
            }
        )
    return described


def _name_of(label: int, legend: Encoder | None) -> str:
    if legend is None or label == legend.void:
        return "void"
    if legend.names:
        return visible(legend.names[label])
    return f"object {label}" if label else "background"


def _colour_of(label: int, legend: Encoder | None) -> str | None:
    if legend is None or label == legend.void:
        return None
    red, green, blue = legend.paint(np.array([[label]], legend.dtype))[0, 0].tolist()
    return hex_of((red, green, blue))
