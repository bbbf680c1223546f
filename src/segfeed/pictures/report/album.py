"""The album: every picture of a report, drawn once wherever it is shown, and small enough that the file stays small."""

import math
from dataclasses import dataclass

from segfeed.audit.facts import below
from segfeed.audit.findings import SEVERITIES, Box, Finding, Severity
from segfeed.datasets.source import Source
from segfeed.pictures.report.gallery import Crop, Wall
from segfeed.pictures.report.tallies import files_of
from segfeed.pictures.report.thumbnails import Picture, draw_picture
from segfeed.pixels.lookup import Encoder
from segfeed.system.work import in_order, show_progress

SHOWN_OF_A_KIND = 40
"""How many findings of one rule in one split are listed; the rest is counted."""

PICTURES_OF_A_FINDING = 3

_EDGE_PX, _LEAST_EDGE_PX = 512, 128
_GALLERY_PICTURES, _FINDING_PICTURES = 72, 24  # of 512 px make a file of about 5 MB; more are drawn smaller
_MOST_FINDING_PICTURES = 384
_EDGE_SHARE = 0.008  # of a crop's longer side
_LEAST_BOX_SHARE = 0.03  # what is boxed may be a single pixel

_Place = tuple[str, str]  # (split, key)


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold a sample of the album.

    Attributes:
        source: the first split that it was shown for.
        index: of the sample in it.
        picture: as it is shown.
        worst: the severity of the worst finding about it; None where there is none.
    """

    source: Source
    index: int
    picture: Picture
    worst: Severity | None

    @property
    def key(self) -> str:
        """Give the sample's key."""
        return self.source.samples[self.index].key

    def view(self, crop: Crop | None = None) -> tuple[int, int, int, int]:
        """Give (left, top, width, height) in px of what is shown: the picture, and a crop that reaches beyond it."""
        left, top, right, bottom = 0, 0, self.picture.width, self.picture.height
        if crop:
            edge = max(1, round(_EDGE_SHARE * max(crop.height, crop.width)))  # room for the frame's line
            left, top = min(left, crop.left - edge), min(top, crop.top - edge)
            right = max(right, crop.left + crop.width + edge)
            bottom = max(bottom, crop.top + crop.height + edge)
        return left, top, right - left, bottom - top

    def frame(self, finding: Finding) -> tuple[int, int, int, int] | None:
        """Give (left, top, width, height) in px of what a finding points at, large enough to be seen; None for none."""
        if finding.box is None or finding.key != self.key:
            return None
        mask = self.source.samples[self.index].mask
        is_masks = mask is not None and finding.file == below(self.source.root, mask.address)
        return _widen(finding.box, self.picture.mask_left if is_masks else 0, self.picture)


@dataclass(frozen=True, slots=True)
class Album:
    """Hold the pictures of a report.

    Attributes:
        entries: numbered by their place.
        numbers: (split, key) -> the number of its picture.
    """

    entries: tuple[Entry, ...]
    numbers: dict[_Place, int]

    def pictured(self, finding: Finding) -> list[int]:
        """List the pictures that show a finding."""
        numbers = (self.numbers[place] for place in _places_of(finding) if place in self.numbers)
        shown = [number for number in dict.fromkeys(numbers) if self.entries[number].picture.width]
        return shown[:PICTURES_OF_A_FINDING]


def fill_album(
    sources: list[Source],
    walls: list[Wall],
    findings: list[Finding],
    legend: Encoder | None,
    threads: int | None = None,
) -> Album:
    """Draw what the walls show and, as far as there is room, what the findings are about.

    Args:
        sources: all splits, with what remains of samples that lack a file.
        walls: what is shown of some of them.
        findings: those that are listed.
        legend: what masks mean; None where nobody knows.
        threads: how many samples are drawn at once; all cores where it is None.
    """
    places = {(source.split, key): (source, index) for source in sources for index, key in enumerate(source.keys)}
    by_split = {source.split: source for source in sources}
    hung = [(wall.split, by_split[wall.split].keys[shown.index]) for wall in walls for shown in wall.shown]
    files = {place: files_of(source.samples[index]) for place, (source, index) in places.items()}
    gallery = dict.fromkeys(files[place] for place in hung)
    told = (place for finding in _in_turns(findings) for place in _places_of(finding)[:PICTURES_OF_A_FINDING])
    drawn = list(gallery | dict.fromkeys(files[place] for place in told if place in files))
    order = {name: number for number, name in enumerate(drawn[: len(gallery) + _MOST_FINDING_PICTURES])}
    numbers = {place: order[name] for place, name in files.items() if name in order}
    firsts = {number: place for place, number in reversed(numbers.items())}
    edges_px = _edge_px(len(gallery), _GALLERY_PICTURES), _edge_px(len(order) - len(gallery), _FINDING_PICTURES)
    worst = _worst(findings)

    def draw(number: int) -> Entry:
        source, index = places[firsts[number]]
        picture = draw_picture(source, index, edges_px[number >= len(gallery)], legend)
        found = {worst[place] for place, same in numbers.items() if same == number and place in worst}
        return Entry(source, index, picture, min(found, key=SEVERITIES.index, default=None))

    entries = []
    with show_progress("drawing", len(order)) as advance:
        for entry in in_order(draw, len(order), threads):
            entries.append(entry)
            advance(1)
    return Album(tuple(entries), numbers)


def _places_of(finding: Finding) -> list[_Place]:
    return [*([(finding.split, finding.key)] if finding.key else []), *finding.also]


def _in_turns(findings: list[Finding]) -> list[Finding]:
    """Take one finding of each rule in turn, so that no rule uses up all pictures."""
    seen: dict[str, int] = {}
    turns = []
    for finding in findings:
        seen[finding.rule] = seen.get(finding.rule, 0) + 1
        turns.append(seen[finding.rule])
    return [finding for _, finding in sorted(zip(turns, findings, strict=True), key=lambda pair: pair[0])]


def _worst(findings: list[Finding]) -> dict[_Place, Severity]:
    """Name the severity of the worst finding about each sample itself, not about its split."""
    worst: dict[_Place, Severity] = {}
    for finding in findings:
        if finding.key:
            worst.setdefault((finding.split, finding.key), finding.severity)  # the worst come first
    return worst


def _edge_px(pictures: int, full: int) -> int:
    """Give the longest side at which so many pictures take the room of `full` pictures of 512 px."""
    return max(_LEAST_EDGE_PX, round(_EDGE_PX * min(1.0, math.sqrt(full / max(pictures, 1)))))


def _widen(box: Box, shift: int, picture: Picture) -> tuple[int, int, int, int]:
    top, left, height, width = box
    least = round(_LEAST_BOX_SHARE * max(picture.width, picture.height))
    wider, taller = max(0, least - width), max(0, least - height)
    return left + shift - wider // 2, top - taller // 2, width + wider, height + taller
