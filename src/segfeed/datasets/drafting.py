"""Drafts: the description of a dataset that was recognised, to be read and edited by a person.

Patterns, splits and stored values are proposed from what the format listed, then read back and compared: a draft gives
the same samples and labels, or there is none.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple, cast

import numpy as np

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.descriptions.described import DescribedFormat
from segfeed.datasets.descriptions.description import Description, Value, show_value
from segfeed.datasets.descriptions.patterns import Pattern
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.datasets.descriptions.text import write_description
from segfeed.datasets.drawn.masks import is_drawn
from segfeed.datasets.matching.lists import AUTOMATIC
from segfeed.datasets.matching.split_rule import SplitRule
from segfeed.datasets.opening import Dataset
from segfeed.datasets.source import Sample, SplitFiles
from segfeed.errors import LegendError, MaskError, SegfeedError, SourceError
from segfeed.pixels.codec import StoredMask, decode_mask, read_labels
from segfeed.pixels.legend import Legend

_SPREAD = 24  # masks of a split that are read to compare labels
_ENTRIES = 2_000  # files among which lists are looked for
_SHOWN = 40  # stored values that are shown if nothing says what they mean


class _Place(NamedTuple):
    """Where a file lies: its split, its folders, and its name around the key."""

    split: str
    folders: tuple[str, ...]
    name: str
    is_own_key: bool


def draft_description(dataset: Dataset) -> str:
    """Write the description of a dataset as TOML.

    Raises:
        SourceError: if no description can say what the format does, such as for photos inside tables; or if the dataset
            has no split that can be listed.

    >>> from segfeed.datasets.opening import open_dataset
    >>> print(draft_description(open_dataset("sample")))
    # ...
    title = "sample"
    photos = "JPEGImages/{key}.jpg"
    masks = "SegmentationClass/{key}.png"
    objects = "SegmentationObject/{key}.png"
    <BLANKLINE>
    [splits]
    lists = "ImageSets/Segmentation/{split}.txt"
    <BLANKLINE>
    [classes]
    "#000000" = "background"
    ...
    """
    task, dataset = dataset.task, replace(dataset, task="semantic")  # a description says both kinds of masks
    listed, errors = _list(dataset)
    if not any(files.samples for files in listed.values()):
        raise (
            errors[0]
            if errors
            else SourceError(
                str(dataset.root), found="no sample in any split", expected="photos and masks", remedy="check the path"
            )
        )
    if any(is_drawn(sample.mask) for _, sample in _all(listed)):
        return _draft_shapes(dataset)
    own = dataset.description
    if own is not None and not own.variants:  # of several kinds of masks, those that count are drafted
        # Passed masks serve as object masks, too; as class masks nobody said that they are.
        is_assumed = task == "semantic" and own.objects == own.masks and not own.is_merged
        description: Description = replace(own, needs=(), objects=() if is_assumed else own.objects)
        remarks: list[str] = []
    else:
        description, remarks = _draft_files(dataset, listed)
    classes, void, more = _draft_classes(dataset, listed)
    title = description.title or dataset.root.name
    description = replace(
        description,
        title=title if title.isprintable() else "",
        classes=classes,
        void=void,
        legend=() if classes else description.legend,
    )
    text = write_description(description, [*remarks, *more])
    parse_description(text, "the draft")  # refuses names of classes that a description cannot hold
    return text


def _draft_shapes(dataset: Dataset) -> str:
    """Write how shapes are drawn, which is all that a description says of annotations."""
    if not dataset.drawing.given:
        found = "its annotations say where files lie and what classes there are, and no option says how they are drawn"
        raise _unsaid(dataset, found)
    return write_description(Description("the draft", (), (), shapes=dataset.drawing.given))


def _list(dataset: Dataset) -> tuple[dict[str, SplitFiles], list[SegfeedError]]:
    """List the splits that can be listed, and why others cannot, such as one of few samples by hash."""
    listed: dict[str, SplitFiles] = {}
    errors: list[SegfeedError] = []
    for split in dataset.split_names:
        try:
            listed[split] = dataset.list_split(split)
        except SegfeedError as error:
            errors.append(error)
    return listed, errors


def _draft_files(dataset: Dataset, listed: Mapping[str, SplitFiles]) -> tuple[Description, list[str]]:
    """Find patterns and splits that give the same files, and remarks about what differs."""
    photos, folders, remarks = _patterns(dataset, [(split, sample.key, sample.photo) for split, sample in _all(listed)])
    masks, others, _ = _patterns(dataset, [(split, sample.key, sample.mask) for split, sample in _all(listed)])
    draft = Description("the draft", photos, masks)
    fitting: list[tuple[Description, list[str]]] = []
    for rule in _split_rules(dataset, folders | others, [*photos, *masks]):
        found = replace(draft, splits=rule)
        if (differs := _compare(found, dataset, listed)) is not None:
            fitting.append((found, differs))
    if fitting:
        found, differs = min(fitting, key=lambda one: len(one[1]))  # the first of those that differ least
        return _with_objects(found, dataset, listed), [*remarks, *differs]
    patterns = " and ".join(pattern.text for pattern in (*photos[:1], *masks[:1]))
    raise _unsaid(
        dataset, f"{patterns} do not give the splits {', '.join(listed)} with the same files, whatever list or hash"
    )


def _all(listed: Mapping[str, SplitFiles]) -> Iterator[tuple[str, Sample]]:
    for split, files in listed.items():
        for sample in files.samples:
            yield split, sample


def _patterns(
    dataset: Dataset, blobs: Sequence[tuple[str, str, Blob | None]]
) -> tuple[tuple[Pattern, ...], dict[str, str], list[str]]:
    """Find patterns of some files, and what {split} is on disk for each split."""
    places = _places(dataset, blobs)
    splits = list(dict.fromkeys(place.split for place in places))
    alike: dict[tuple[int, str], list[_Place]] = {}
    for place in places:
        alike.setdefault((len(place.folders), place.name), []).append(place)
    texts: dict[str, None] = {}
    called: dict[str, str] = {}
    for (depth, name), group in alike.items():
        parts = []
        for level in range(depth):
            by_split: dict[str, set[str]] = {}
            for place in group:
                by_split.setdefault(place.split, set()).add(place.folders[level])
            part, names = _folder(by_split, splits)
            parts.append(part)
            called |= names
        texts["/".join([*parts, name])] = None
    remarks = []
    if not all(place.is_own_key for place in places):
        remarks = ["Keys are the names of photos here: the format puts the split before them, as splits repeat names."]
    return tuple(map(Pattern, texts)), called, remarks


def _folder(by_split: Mapping[str, set[str]], splits: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return one folder of a pattern: fixed, {split} or *; and what {split} is on disk."""
    names = set().union(*by_split.values())
    # "train" and "trainannot": the split is a part of the folder's name.
    inside = {folder.replace(split, "{split}", 1) for split, folders in by_split.items() for folder in folders}
    if len(inside) == 1 and "{split}" in next(iter(inside)):
        return next(iter(inside)), {}
    one_each = all(len(folders) == 1 for folders in by_split.values())
    if one_each and len(names) == len(by_split) and (len(names) > 1 or names == set(splits)):
        return "{split}", {split: next(iter(folders)) for split, folders in by_split.items()}
    return (next(iter(names)), {}) if len(names) == 1 else ("*", {})


def _places(dataset: Dataset, blobs: Sequence[tuple[str, str, Blob | None]]) -> list[_Place]:
    """Find the key in each path. Where it occurs twice, as "a" does in "a_mask", the way of most other files counts."""
    possible = [_possible_places(dataset, split, key, blob) for split, key, blob in blobs if blob is not None]
    votes = Counter((len(place.folders), place.name) for places in possible for place in places)
    return [
        max(places, key=lambda place: (votes[len(place.folders), place.name], -len(place.name))) for places in possible
    ]


def _possible_places(dataset: Dataset, split: str, key: str, blob: Blob) -> list[_Place]:
    path = Path(blob.address)
    if not isinstance(blob, File) or not path.is_relative_to(dataset.root):
        raise _unsaid(dataset, f"{blob.name} is not a file of its own in {dataset.root}")
    below = path.relative_to(dataset.root).as_posix()
    if re.search(r"[{}*\\]", below):
        raise _unsaid(dataset, f"the name {below!r} holds what patterns use")
    # Some formats put the split before keys that splits repeat.
    for held in dict.fromkeys((key, key.removeprefix(f"{split}_"))):
        found = []
        for match in re.finditer(f"(?={re.escape(held)})", below.removesuffix(path.suffix)):
            before, after = below[: match.start()], below[match.start() + len(held) :]
            if "/" not in after:
                folders, _, name = before.rpartition("/")
                parts = tuple(folders.split("/")) if folders else ()
                found.append(_Place(split, parts, f"{name}{{key}}{after}", held == key))
        if found:
            return found
    raise _unsaid(dataset, f"{below} does not hold its key {key!r}")


def _split_rules(dataset: Dataset, called: Mapping[str, str], patterns: Iterable[Pattern]) -> Iterator[SplitRule]:
    """Propose how samples come to their splits."""
    splits = dataset.split_names
    if any(pattern.has_split for pattern in patterns):
        yield SplitRule(folders={split: (folder,) for split, folder in called.items() if split != folder})
    elif {*AUTOMATIC} <= {*splits}:
        yield SplitRule()
    found: dict[str, dict[str, str]] = {}
    for folder, names in _walk(dataset.root):
        for name in names:
            path = PurePosixPath(folder, name)
            if path.stem in splits and path.suffix in (".txt", ".lst", ".csv"):
                found.setdefault(f"{folder}/{{split}}{path.suffix}".removeprefix("./"), {})[path.stem] = str(path)
    # Some tools write equal lists for several tasks.
    for text, lists in sorted(found.items(), key=lambda one: ("segmentation" not in one[0].lower(), one[0])):
        if {*lists} == {*splits}:
            yield SplitRule(lists={"": text.removeprefix("/")})
            yield SplitRule(lists=lists)


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """List the files of each folder, at most three folders deep."""
    seen = 0
    for folder, inner, names in os.walk(root):
        below = Path(folder).relative_to(root)
        inner[:] = sorted(name for name in inner if name[0] != ".") if len(below.parts) < 3 else []
        kept = sorted(names)[: _ENTRIES - seen]
        seen += len(kept)
        yield ("" if below == Path() else below.as_posix()), kept


def _compare(draft: Description, dataset: Dataset, listed: Mapping[str, SplitFiles]) -> list[str] | None:
    """Read a draft back: remarks about what differs without harm; None if splits or files differ."""
    described = DescribedFormat(draft, is_own=True)
    remarks: list[str] = []
    root = dataset.root
    try:
        names = described.split_names(root)
        left_out = [split for split in listed if split not in names]
        # A list of everything beside splits by hash, as tools write default.txt, is what "all" is.
        if left_out and not all(_files(listed[split]) == _files(listed.get("all")) for split in left_out):
            return None
        if {*names} - {*dataset.split_names}:
            return None
        for split in (split for split in listed if split in names):
            found = described.list_split(root, split)
            if _files(found) != _files(listed[split]) or len(found.missing) != len(listed[split].missing):
                return None
            if [sample.photo for sample in found.samples] != [sample.photo for sample in listed[split].samples]:
                remarks.append(f"The samples of {split} come in another order.")
    except SegfeedError:
        return None
    return [*remarks, *(f"The split {split} is called all." for split in left_out)]


def _files(files: SplitFiles | None) -> set[tuple[str, str | None]]:
    samples = files.samples if files else ()
    return {(sample.photo.address, sample.mask.address if sample.mask else None) for sample in samples}


def _with_objects(draft: Description, dataset: Dataset, listed: Mapping[str, SplitFiles]) -> Description:
    """Add the patterns of object masks, if the format has such masks in files of their own."""
    instance = replace(dataset, task="instance", legend=None, groups=None)
    try:
        objects = {split: instance.list_split(split) for split in listed}
        patterns, _, _ = _patterns(dataset, [(split, one.key, one.mask) for split, one in _all(objects)])
        if {*patterns} & {*draft.masks} or not patterns:
            return draft
        found = replace(draft, objects=patterns)
        # Read back as masks are: the same comparison.
        return draft if _compare(replace(found, masks=patterns), dataset, objects) is None else found
    except SegfeedError:
        return draft


def _draft_classes(
    dataset: Dataset, listed: Mapping[str, SplitFiles]
) -> tuple[dict[Value, str], tuple[Value, ...], list[str]]:
    """Find stored values and what they mean: classes, void, and remarks if nothing says it."""
    masks = [
        sample.mask
        for files in listed.values()
        for sample in files.samples[:: max(len(files.samples) // _SPREAD, 1)][:_SPREAD]
        if sample.mask is not None
    ]
    stored = [found for blob in dict.fromkeys(masks) if (found := _decode(blob)) is not None]
    files = next((files for files in listed.values() if any(sample.mask for sample in files.samples)), None)
    try:
        legend = cast(Legend, dataset.read_legend(files)) if files else None
    except (LegendError, MaskError) as error:
        return {}, (), [f"{error.found[:1].upper()}{error.found[1:]}.", *_blank_classes(stored)]
    if legend is None:
        return {}, (), ["There are no masks: the photos are to be predicted."]
    for kinds in _kinds(legend, stored):
        classes, void = _values_of(legend, kinds)
        if classes and _is_alike(Legend.of_values({**classes, **dict.fromkeys(void)}), legend, dataset, stored):
            return classes, void, []
    raise _unsaid(dataset, f"no list of stored values gives the labels that legend {legend.title!r} gives")


def _decode(blob: Blob) -> StoredMask | None:
    try:
        return decode_mask(blob.read(), blob.name)
    except SegfeedError:
        return None  # `segfeed check` says what is wrong with it


def _kinds(legend: Legend, stored: Sequence[StoredMask]) -> Iterator[tuple[type, ...]]:
    """Propose by what values mean something: indices, colours, or both; what masks hold comes first."""
    holds_colours = any(mask.pixels.ndim == 3 for mask in stored)
    holds_indices = any(mask.pixels.ndim == 2 and mask.palette is None for mask in stored)
    if holds_colours != holds_indices:
        yield (tuple,) if holds_colours else (int,)
    elif legend.is_numbered:
        yield (int,)
    elif not holds_indices:
        yield (tuple,)
        yield (int,)
    yield (int, tuple)


def _values_of(legend: Legend, kinds: tuple[type, ...]) -> tuple[dict[Value, str], tuple[Value, ...]]:
    values: list[list[Value]] = [[index, colour] for index, colour in zip(legend.indices, legend.colours, strict=True)]
    for label, colour, index in legend.merged:
        values[label] += [value for value in (index, colour) if value is not None]
    classes = {
        value: legend.names[label] for label, own in enumerate(values) for value in own if isinstance(value, kinds)
    }
    void: list[Value] = [*legend.void_indices, *legend.void_colours]
    return classes, tuple(value for value in void if isinstance(value, kinds))


def _is_alike(draft: Legend, legend: Legend, dataset: Dataset, stored: Sequence[StoredMask]) -> bool:
    if draft.names != legend.names:
        return False
    for mask in stored:
        try:
            wanted = read_labels(mask, legend, unknown=dataset.unknown, name="mask")
        except SegfeedError:
            continue  # a mask that the legend does not fit says nothing about the draft
        try:
            if not np.array_equal(read_labels(mask, draft, unknown=dataset.unknown, name="mask"), wanted):
                return False
        except SegfeedError:
            return False
    return True


def _blank_classes(stored: Sequence[StoredMask]) -> Iterator[str]:
    """Write the values that masks store as lines to be filled in."""
    values = sorted(_held(stored), key=lambda value: (isinstance(value, tuple), value))
    yield "The masks hold these; say what they mean, and take the # away:"
    yield ""
    yield "[classes]"
    for value in islice(values, _SHOWN):
        text = show_value(value)
        yield f'{text if isinstance(value, int) else f"{chr(34)}{text}{chr(34)}"} = "class {text}"'
    if len(values) > _SHOWN:
        yield f"... and {len(values) - _SHOWN} more"
    yield "void = []"


def _held(stored: Sequence[StoredMask]) -> set[Value]:
    """List what masks store: indices, or colours; these also if palettes number them anew in each mask."""
    held = {mask.read_code(code) for mask in stored for code in np.unique(mask.codes).tolist()}
    both = [index for index, colour in held if index is not None and colour is not None]
    by_colour = len({*both}) < len(both)
    spelled = (colour if index is None or (by_colour and colour) else index for index, colour in held)
    return {value for value in spelled if value is not None}


def _unsaid(dataset: Dataset, why: str) -> SourceError:
    return SourceError(
        str(dataset.root),
        found=f"a description cannot say what format {dataset.format!r} does: {why}",
        expected="photos and masks in files of their own, named by split and key",
        remedy="leave it as it is, since the format is recognised without one, or export it and describe that",
    )
