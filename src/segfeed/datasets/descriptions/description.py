"""Descriptions: what a dataset is, said once in TOML: where its files lie, its splits, and what stored values mean.

A file `segfeed.toml` in a dataset's folder describes that dataset; the files in the folder `well_known/` beside this
module describe well-known ones. `reader` reads both.

    photos = "images/{split}/{key}.jpg"
    masks = "labels/{split}/{key}_mask.png"

    [splits]
    folders = { train = "training", val = "validation" }

    [classes]
    0 = "background"
    255 = "road"
    void = [7]

docs/formats.md has every key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from segfeed.datasets.descriptions.patterns import Pattern
from segfeed.datasets.matching.split_rule import SplitRule

FILE_NAME = "segfeed.toml"

Value = int | tuple[int, int, int]
"""A stored value: an index, or a colour as (red, green, blue)."""


@dataclass(frozen=True)
class Description:
    """What a dataset is.

    Attributes:
        where: the file that says so, for messages.
        photos: where photos lie; alternatives are tried together.
        masks: where class masks lie; () for photos without masks.
        objects: where object masks lie, for task="instance"; () if there are none.
        splits: how samples come to their splits.
        classes: stored values -> class name, in the order of the class ids; several values may mean one class.
        void: stored values that are void; with `legend`, beside those of the legend.
        legend: legend files below the root, or the names of public legends, of which the first that is there counts;
            () if `classes` says it, or nothing does.
        title: the dataset's name.
        source: where its layout is documented.
        note: what is odd about it.
        tested: "real data", "stand-in" or "documentation": on what a shipped description was tried.
        needs: paths or patterns below the root that must exist for a shipped description to be recognised.
        pairs: list files, of which one must begin with a line of two files that exist: a photo and its mask.
        by_masks: whether the masks say which samples there are, unless lists do: further photos are not meant.
        unless: paths below the root that must not exist for a shipped description to be recognised.
        unpainted: the class of what a legend file's colours leave: the stored value 0, and black; "" for none.
        is_sure: whether what is needed tells the dataset: that masks or photos are missing is an error then.
        is_merged: whether the masks of a key show one object each, and are merged.
        bands: which bands of a stored photo, counted from 1, are its red, green and blue; () for those it declares.
        variants: the same dataset with other masks and what they mean; () if there is one kind. See `variants`.
        shapes: how drawn shapes become labels, option -> word (`drawn.masks.DrawOptions`); then photos are
            (), since the format of the annotations finds them.
        file: of a variant: what must be there for it to count, and says that it is meant if its path is passed.
    """

    where: str
    photos: tuple[Pattern, ...]
    masks: tuple[Pattern, ...]
    objects: tuple[Pattern, ...] = ()
    splits: SplitRule = field(default_factory=SplitRule)
    classes: Mapping[Value, str] = field(default_factory=dict)
    void: tuple[Value, ...] = ()
    legend: tuple[str, ...] = ()
    title: str = ""
    source: str = ""
    note: str = ""
    tested: str = ""
    needs: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    by_masks: bool = False
    unless: tuple[str, ...] = ()
    unpainted: str = ""
    is_sure: bool = False
    is_merged: bool = False
    bands: tuple[int, ...] = ()
    variants: tuple["Description", ...] = ()
    file: str = ""
    shapes: Mapping[str, str] = field(default_factory=dict)


def show_value(value: Value) -> str:
    """Return a stored value as a description spells it.

    >>> show_value(7), show_value((128, 64, 128))
    ('7', '#804080')
    """
    return str(value) if isinstance(value, int) else f"#{value[0]:02x}{value[1]:02x}{value[2]:02x}"
