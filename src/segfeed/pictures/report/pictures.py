"""The pictures of a report: each is made once, however often it is shown, and so small that the file stays small."""

import math
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path

from segfeed.audit.facts import below, files_of
from segfeed.audit.findings import SEVERITIES, Box, Finding, SampleId, Severity
from segfeed.audit.rules.files import find_strays
from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.matching.folders import find_files
from segfeed.datasets.source import Sample, Source
from segfeed.pictures.report.gallery import Crop, Selection
from segfeed.pictures.report.thumbnails import Thumbnail, make_thumbnail
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.pixels.lookup import Encoder
from segfeed.system.work import in_order, show_progress

PICTURES_OF_A_FINDING = 3
PICTURES_OF_A_CARD = 12
"""Of several findings that say the same."""

_EDGE_PX, _LEAST_EDGE_PX = 512, 128
_GALLERY_PICTURES, _FINDING_PICTURES = 72, 24  # of 512 px make a file of about 5 MB; if there are more, all are smaller
_MOST_FINDING_PICTURES = 384
_EDGE_SHARE = 0.008  # of a crop's longer side
_LEAST_BOX_SHARE = 0.03  # a box may be around a single pixel
_NO_STAMP = (0, 0, 0, 0)  # of a file that is not there


class KeptMasks:
    """The bytes of masks that were read, kept up to a limit, so that a picture of one needs no second read."""

    def __init__(self, limit_bytes: int) -> None:
        self._free_bytes, self._lock = limit_bytes, threading.Lock()
        self._kept: dict[str, bytes] = {}

    def read(self, mask: Blob) -> bytes:
        """Return the bytes of a mask, read at most once as long as the limit allows."""
        data = self._kept.get(mask.address)
        if data is not None:
            return data
        data = mask.read()
        with self._lock:
            if len(data) <= self._free_bytes:
                self._free_bytes -= len(data)
                self._kept[mask.address] = data
        return data


@dataclass(frozen=True, slots=True)
class Picture:
    """A sample as a report shows it.

    Attributes:
        source: the first split that it was shown for.
        index: of the sample in it.
        thumbnail: its photo and mask.
        worst: the severity of the worst finding about it; None without findings.
    """

    source: Source
    index: int
    thumbnail: Thumbnail
    worst: Severity | None

    @property
    def sample(self) -> Sample:
        """The sample."""
        return self.source.samples[self.index]

    @property
    def file_names(self) -> list[str]:
        """The names of the sample's files that are there."""
        return [blob.name for blob in (self.sample.photo, self.sample.mask) if blob and blob.stamp != _NO_STAMP]

    def extent(self, crop: Crop | None = None) -> tuple[int, int, int, int]:
        """Return (left, top, width, height) in px of what is shown: the sample, and a crop that reaches beyond it."""
        left, top, right, bottom = 0, 0, self.thumbnail.width, self.thumbnail.height
        if crop:
            x0, y0, x1, y1 = crop.bounds
            edge = max(1, round(_EDGE_SHARE * max(x1 - x0, y1 - y0)))  # for the frame's line
            left, top, right, bottom = (
                min(left, x0 - edge),
                min(top, y0 - edge),
                max(right, x1 + edge),
                max(bottom, y1 + edge),
            )
        return left, top, right - left, bottom - top

    def frame(self, finding: Finding) -> tuple[int, int, int, int] | None:
        """Return (left, top, width, height) in px of a finding's box, large enough to be seen; None if it has none."""
        mask = self.sample.mask
        if finding.box is None or finding.key != self.sample.key:
            return None
        is_in_mask = mask is not None and finding.file == below(self.source.root, mask.address)
        return _widen(finding.box, self.thumbnail.mask_left if is_in_mask else 0, self.thumbnail)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a report.

    Attributes:
        pictures: numbered by their index.
        numbers: the number of a sample's picture.
    """

    pictures: tuple[Picture, ...]
    numbers: dict[SampleId, int]

    def of(self, finding: Finding) -> list[int]:
        """List the numbers of the pictures that show a finding."""
        numbers = (self.numbers[sample_id] for sample_id in _samples_of(finding) if sample_id in self.numbers)
        shown = [number for number in dict.fromkeys(numbers) if self.pictures[number].thumbnail.width]
        return shown[:PICTURES_OF_A_FINDING]


def make_pictures(
    sources: Iterable[Source],
    selections: list[Selection],
    groups: list[tuple[Finding, ...]],
    legend: Encoder | None,
    threads: int | None = None,
    read: Callable[[Blob], bytes] | None = None,
) -> Pictures:
    """Make pictures of the samples of the gallery and, up to a limit, of those that findings are about.

    Args:
        sources: all splits; samples that lack a file are shown by what is left of them.
        selections: the gallery.
        groups: all findings, those that say the same together; of each group the first ones are shown.
        legend: what masks mean; None if that is not known.
        threads: how many samples are read at once; None for all cores.
        read: reads a mask's bytes in place of the blob itself.
    """
    by_split = {source.split: _with_remains(source) for source in sources}
    samples = {(split, key): (source, n) for split, source in by_split.items() for n, key in enumerate(source.keys)}
    files = {sample_id: files_of(source.samples[index]) for sample_id, (source, index) in samples.items()}
    chosen = [(one.split, by_split[one.split].keys[choice.index]) for one in selections for choice in one.choices]
    gallery = dict.fromkeys(files[sample_id] for sample_id in chosen)
    found = (sample_id for one in _in_turns(groups) for sample_id in _samples_of(one)[:PICTURES_OF_A_FINDING])
    wanted = list(gallery | dict.fromkeys(files[sample_id] for sample_id in found if sample_id in files))
    # Samples of the same files share a picture, so pictures are numbered by files.
    order = {name: number for number, name in enumerate(wanted[: len(gallery) + _MOST_FINDING_PICTURES])}
    numbers = {sample_id: order[name] for sample_id, name in files.items() if name in order}
    of_number: dict[int, list[SampleId]] = {number: [] for number in order.values()}
    for sample_id, number in numbers.items():
        of_number[number].append(sample_id)
    edges_px = _edge_px(len(gallery), _GALLERY_PICTURES), _edge_px(len(order) - len(gallery), _FINDING_PICTURES)
    worst = _worst(groups)

    def make(number: int) -> Picture:
        source, index = samples[of_number[number][0]]
        thumbnail = make_thumbnail(source, index, edges_px[number >= len(gallery)], legend, read)
        severities = {worst[sample_id] for sample_id in of_number[number] if sample_id in worst}
        return Picture(source, index, thumbnail, min(severities, key=SEVERITIES.index, default=None))

    pictures = []
    with show_progress("painting", len(order)) as advance:
        for picture in in_order(make, len(order), threads):
            pictures.append(picture)
            advance(1)
    return Pictures(tuple(pictures), numbers)


def _samples_of(finding: Finding) -> list[SampleId]:
    return [*([(finding.split, finding.key)] if finding.key else []), *finding.also]


def _in_turns(groups: list[tuple[Finding, ...]]) -> list[Finding]:
    """Take one finding of each group in turn, so that none uses up all pictures."""
    turns = zip_longest(*(group[:PICTURES_OF_A_CARD] for group in groups))
    return [finding for turn in turns for finding in turn if finding is not None]


def _worst(groups: list[tuple[Finding, ...]]) -> dict[SampleId, Severity]:
    """Return the severity of the worst finding about each sample itself, not about its split."""
    worst: dict[SampleId, Severity] = {}
    for finding in chain.from_iterable(groups):
        if finding.key:
            worst.setdefault((finding.split, finding.key), finding.severity)  # the worst come first
    return worst


def _edge_px(pictures: int, full: int) -> int:
    """Return the longest side at which so many pictures take as many bytes as `full` pictures of 512 px."""
    return max(_LEAST_EDGE_PX, round(_EDGE_PX * min(1.0, math.sqrt(full / max(pictures, 1)))))


def _widen(box: Box, shift: int, thumbnail: Thumbnail) -> tuple[int, int, int, int]:
    top, left, height, width = box
    least = round(_LEAST_BOX_SHARE * max(thumbnail.width, thumbnail.height))
    wider, taller = max(0, least - width), max(0, least - height)
    return left + shift - wider // 2, top - taller // 2, width + wider, height + taller


def _with_remains(source: Source) -> Source:
    """Add to the samples of a split those that lack a file, with the files that are there; they are not pairs to read.

    A file is looked for by its stem beside those of whole samples; a file of another kind, such as a mask that was
    saved as JPEG, counts.
    """
    if not source.missing:
        return source
    photo_folders = _folders(sample.photo for sample in source.samples)
    mask_folders = _folders(sample.mask for sample in source.samples if sample.mask) - photo_folders
    photos, masks = _files(photo_folders, PHOTO_SUFFIXES), _files(mask_folders, MASK_SUFFIXES)
    for gap, stray in find_strays(source).items():
        (photos if gap.what == "photo" else masks).setdefault(gap.key, stray)
    remains = tuple(
        Sample(key, photos.get(key, File(f"{source.root}/{key}", _NO_STAMP)), masks.get(key))
        for key in dict.fromkeys(gap.key for gap in source.missing)
        if key in photos or key in masks
    )
    return replace(source, samples=source.samples + remains, missing=())


def _folders(blobs: Iterable[Blob]) -> set[str]:
    return {folder for folder in {os.path.dirname(blob.address) for blob in blobs} if os.path.isdir(folder)}


def _files(folders: set[str], suffixes: tuple[str, ...]) -> dict[str, File]:
    return {
        key: File.of(f"{folder}/{names[0]}")
        for folder in sorted(folders)
        for key, names in find_files(Path(folder), suffixes).items()
    }
