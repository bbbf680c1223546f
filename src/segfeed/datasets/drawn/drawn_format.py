"""Formats of drawn shapes: how their files are recognised, shared out to splits, and listed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.files import Drawn, keys_of, split_of_file
from segfeed.datasets.drawn.masks import Classes, LegendOf, named_errors
from segfeed.datasets.drawn.photo_places import PhotoPlaces, dataset_folder
from segfeed.datasets.matching.lists import AUTOMATIC, SPLIT_WORDS, one_a_split, split_by_hash
from segfeed.datasets.source import Missing, Recognised, Sample, SplitFiles
from segfeed.errors import SourceError
from segfeed.pixels.shapes.drawing import Style

BySplit = dict[str, list[Path]]
"""Split -> its annotation files; "" -> files of which nothing says a split, so that the hash of the keys makes some."""

Find = Callable[[Path], Iterable[Path]]
"""Lists the annotation files at a path."""

Sort = Callable[[Iterable[Path], Path], BySplit]
"""Sorts the annotation files of a dataset, whose root is the second argument: `by_name`, `by_folder`."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """The annotation files of a dataset, of which those of one split are to be read.

    Attributes:
        root: what was recognised: the dataset's folder, or its only file.
        split: the split's name.
        by_split: all of the dataset.
    """

    root: Path
    split: str
    by_split: BySplit

    @property
    def is_hashed(self) -> bool:
        """Whether the hash of the keys makes the split, so that its files are those of all splits."""
        return self.split not in self.by_split

    @property
    def files(self) -> list[File]:
        """Those of the split."""
        return [File.of(str(path)) for path in self.by_split["" if self.is_hashed else self.split]]

    @property
    def every(self) -> list[File]:
        """Those of all splits."""
        return [File.of(str(path)) for paths in self.by_split.values() for path in paths]


@dataclass(frozen=True, slots=True)
class Listing:
    """What the annotations of a split say.

    Attributes:
        drawn: the annotated photos; those of all splits if the hash makes them.
        places: where photos lie.
        classes: of the dataset.
        why: what else to know, as a clause.
        file: the annotation that errors and the legend name; the dataset's root if None.
    """

    drawn: Iterable[Drawn]
    places: PhotoPlaces
    classes: Classes
    why: str = ""
    file: File | None = None


@dataclass(frozen=True)
class DrawnFormat:
    """A format of drawn shapes, which its module calls FORMAT; it offers what `FormatModule` says.

    Attributes:
        recognise: finds a dataset at a path.
        sort: lists the annotation files of a dataset by split.
        read: reads those of a split.
        by_property: returns the format with classes by a property; None if its shapes have no properties.
    """

    recognise: Callable[[Path], Recognised | None]
    sort: Callable[[Path], BySplit]
    read: Callable[[Annotations], Listing]
    by_property: Callable[[str], "DrawnFormat"] | None = None

    @classmethod
    def of_files(cls, find: Find, told: str, sort: Sort, read: Callable[[Annotations], Listing]) -> Self:
        """Make a format of annotation files that are told by their own contents: each has what `told` names."""
        return cls(lambda path: recognise_first(path, find(path), told), lambda root: sort(find(root), root), read)

    def split_names(self, root: Path) -> list[str]:
        """List the splits: those of the files, or those of a hash if nothing names one."""
        return [name for name in self.sort(root) if name] or list(AUTOMATIC)

    def list_split(self, root: Path, split: str) -> SplitFiles:
        """List the photos of a split and what is drawn on them; values of an unforeseen type are errors, too.

        Raises:
            SourceError: if an annotation is malformed, or annotations contradict each other.
        """
        with named_errors(str(root), SourceError):
            annotations = Annotations(root, split, self.sort(root))
            listing = self.read(annotations)
            drawn = list(listing.drawn)
            if annotations.is_hashed:
                drawn = _keep_hashed(drawn, split, root)
            return _list_samples(drawn, listing, split, Path(listing.file.path) if listing.file else root)

    list_objects = list_split


def _keep_hashed(drawn: Sequence[Drawn], split: str, root: Path) -> list[Drawn]:
    """Return those of one of `AUTOMATIC`'s splits, by the hash of their keys."""
    keys = keys_of([one.named for one in drawn], root)
    chosen = set(split_by_hash(keys, split, root))
    return [one for key, one in zip(keys, drawn, strict=True) if key in chosen]


def _list_samples(drawn: Sequence[Drawn], listing: Listing, split: str, where: Path) -> SplitFiles:
    """List the samples of a split.

    Raises:
        SourceError: if two annotations are of one photo, or a photo may be one of several files.
    """
    keys = keys_of([one.named for one in drawn], where)
    samples: list[Sample] = []
    missing: list[Missing] = []
    styles: dict[Style, Style] = {}
    places, classes = listing.places, listing.classes
    void = classes.style_void
    for key, one in zip(keys, drawn, strict=True):
        photo = one.photo or places.find(one.named, split)
        if photo is None:
            missing.append(Missing(key, "photo", str(places.folder)))
        elif one.mask is None:
            missing.append(Missing(key, "mask", str(where)))
        else:
            style = one.mask.style
            style = styles.get(style) or styles.setdefault(style, replace(style, void=void))
            samples.append(Sample(key, photo, one.mask.in_style(style)))
    return SplitFiles(tuple(samples), tuple(missing), LegendOf(classes, where.stem), listing.why)


def recognise_first(path: Path, files: Iterable[Path], told: str) -> Recognised | None:
    """Recognise a dataset at a path by the first of its annotation files, which has what `told` names."""
    first = next(iter(files), None)
    return None if first is None else Recognised(path, f"{first.name} has {told}", folder=dataset_folder(path))


def recognise_only(path: Path, files: Sequence[Path], told: str, kind: str) -> Recognised | None:
    """Recognise a dataset by its only annotation file, which becomes the root; `kind` names such files.

    Raises:
        SourceError: if there are several.
    """
    if len(files) > 1:
        names = ", ".join(str(one.relative_to(path)) for one in files)
        raise SourceError(str(path), found=f"several {kind} ({names})", remedy="pass the path of one")
    return recognise_first(files[0], files, told) if files else None


def by_hash(root: Path) -> BySplit:
    """Return the only annotation file, which says nothing of splits."""
    return {"": [root]}


def by_name(files: Iterable[Path], root: Path) -> BySplit:
    """Sort annotation files by the splits that their names mean.

    Raises:
        SourceError: if two files are of one split.
    """

    def refuse(_split: str, one: Path, other: Path) -> SourceError:
        found, remedy = f"{one.name} and {other.name} annotate one split", "pass the path of one of them"
        return SourceError(str(root), found=found, expected="one file a split", remedy=remedy)

    named = one_a_split(((split_of_file(file) or "", file) for file in files), refuse)
    return {split: [file] for split, file in named.items()}


def by_folder(files: Iterable[Path], root: Path) -> BySplit:
    """Sort annotation files by the folder of a split in which each lies, if each lies in one."""
    every, found = list(files), BySplit()
    for file in every:
        parts = file.relative_to(root).parts[:-1] if file != root else ()
        split = next((part for part in parts if part.casefold() in SPLIT_WORDS), None)
        if split is None:
            return {"": every}
        found.setdefault(split, []).append(file)
    return found or {"": []}
