"""Contents: what a report says, in the order in which it is said, as plain values for a template."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from segfeed.audit.findings import Audit, Finding
from segfeed.pictures.report.album import SHOWN_OF_A_KIND, Album
from segfeed.pictures.report.charts import SizeChart
from segfeed.pictures.report.counts import ClassTable, SplitLine, hex_of
from segfeed.pictures.report.gallery import Crop, Wall
from segfeed.pictures.report.remains import NO_STAMP
from segfeed.pictures.report.template import visible
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder


@dataclass(frozen=True, slots=True)
class Shot:
    """Hold a picture as it stands in one place of the page.

    Attributes:
        number: of the picture in the album.
        key: the sample's.
        view: (left, top, width, height) in px of what is shown.
        crop: drawn over it, or None.
        frame: (left, top, width, height) of the box drawn on it, or None.
        worst: the severity of the sample's worst finding, or "".
    """

    number: int
    key: str
    view: tuple[int, int, int, int]
    crop: Crop | None = None
    frame: tuple[int, int, int, int] | None = None
    worst: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """Hold the gallery of one split: what is shown, of how many, and how many an epoch of crops draws from (0: none)."""

    split: str
    shots: tuple[Shot, ...]
    samples: int
    planned: int


@dataclass(frozen=True, slots=True)
class FindingLine:
    """Hold a finding, the pictures that show it, and how many more of its kind are left out after it."""

    finding: Finding
    shots: tuple[Shot, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Contents:
    """Hold all that a report says.

    Attributes:
        audit: of the dataset.
        why: by what the format was recognised.
        task: "semantic" or "instance".
        crop_size: (height, width) in px.
        splits: a line for each.
        classes: None where there are no classes, or nobody knows which.
        chart: photo sizes; None where no photo can be read.
        rooms: a gallery for each split that holds samples of its own.
        findings: the worst first.
        album: every picture.
        facts: further names and values for those who want to know.
    """

    audit: Audit
    why: str
    task: str
    crop_size: tuple[int, int]
    splits: tuple[SplitLine, ...]
    classes: ClassTable | None
    chart: SizeChart | None
    rooms: tuple[Room, ...]
    findings: tuple[FindingLine, ...]
    album: Album
    facts: dict[str, str]

    def count(self, field: str) -> dict[str, int]:
        """Count the findings by a field of theirs, in the order of their first."""
        return dict(Counter(getattr(finding, field) for finding in self.audit))


def furnish(walls: list[Wall], album: Album, keys: dict[str, tuple[str, ...]]) -> tuple[Room, ...]:
    """Hang the pictures of each wall; what could not be decoded at all is left out.

    Args:
        walls: what is shown.
        album: its pictures.
        keys: split -> the keys of its samples.
    """
    rooms = []
    for wall in walls:
        shots = []
        for shown in wall.shown:
            key = keys[wall.split][shown.index]
            number = album.numbers[wall.split, key]
            entry = album.entries[number]
            if entry.picture.width:
                shots.append(Shot(number, key, entry.view(shown.crop), shown.crop, None, entry.worst or ""))
        rooms.append(Room(wall.split, tuple(shots), len(keys[wall.split]), wall.planned))
    return tuple(rooms)


def listed_findings(audit: Audit) -> tuple[list[Finding], dict[tuple[str, str], int]]:
    """Choose the findings that are listed, and count those that are left out, by rule and split."""
    seen: Counter[tuple[str, str]] = Counter()
    listed = []
    for finding in audit:
        kind = finding.rule, finding.split
        seen[kind] += 1
        if seen[kind] <= SHOWN_OF_A_KIND:
            listed.append(finding)
    return listed, {kind: count - SHOWN_OF_A_KIND for kind, count in seen.items() if count > SHOWN_OF_A_KIND}


def list_findings(listed: list[Finding], left_out: dict[tuple[str, str], int], album: Album) -> tuple[FindingLine, ...]:
    """Put each finding beside its pictures; after the last of a kind comes how many more there are."""
    last = {(finding.rule, finding.split): place for place, finding in enumerate(listed)}
    lines = []
    for place, finding in enumerate(listed):
        shots = []
        for number in album.pictured(finding):
            entry = album.entries[number]
            shots.append(Shot(number, entry.key, entry.view(), None, entry.frame(finding)))
        kind = finding.rule, finding.split
        lines.append(FindingLine(finding, tuple(shots), left_out.get(kind, 0) if last[kind] == place else 0))
    return tuple(lines)


def describe_pictures(album: Album, legend: Encoder | None) -> list[dict[str, Any]]:
    """List, for the script of the page, what each picture shows: plain JSON values."""
    described = []
    for entry in album.entries:
        sample, picture = entry.source.samples[entry.index], entry.picture
        described.append(
            {
                "size": [picture.photo.height, picture.photo.width] if picture.photo else None,
                "files": [
                    visible(blob.name) for blob in (sample.photo, sample.mask) if blob and blob.stamp != NO_STAMP
                ],
                "mask": [picture.mask_left, picture.mask.width, picture.mask.height] if picture.mask else None,
                "labels": [
                    [_name_of(label, legend), _colour_of(label, legend), share]
                    for label, share in picture.shares.items()
                ],
            }
        )
    return described


def _name_of(label: int, legend: Encoder | None) -> str:
    if legend is None or label == legend.void:
        return "void"
    if isinstance(legend, Legend):
        return visible(legend.names[label])
    return f"object {label}" if label else "background"


def _colour_of(label: int, legend: Encoder | None) -> str | None:
    if legend is None or label == legend.void:
        return None
    red, green, blue = legend.paint(np.array([[label]], legend.dtype))[0, 0].tolist()
    return hex_of((red, green, blue))
