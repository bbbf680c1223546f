"""Export of outlines, COCO and YOLO: photos in `images/SPLIT`, and the edges of the labels' pixels traced.

    annotations/instances_train.json    COCO: polygons; a region with holes, which they can't have, is a run-length code
    labels/train/KEY.txt                YOLO: a line a region; seams lead to its holes and back
    data.yaml, train.txt                its classes, and the photos of a split in their order

What no shape covers is background. Void is one crowd region a photo in COCO, of its first class there, and a
`segfeed.toml` says that crowds are void. YOLO has no void. If no class is called background, what no shape covers is
void in both, which `segfeed.toml` says, too.

Source: cocodataset.org, "Data format"; docs.ultralytics.com, "Instance Segmentation Datasets Overview".
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from segfeed.datasets.descriptions.description import FILE_NAME, Description
from segfeed.datasets.descriptions.text import write_description
from segfeed.datasets.drawn.regions import DrawnClasses, coco_runs, cover_of, plain_numbers
from segfeed.datasets.export.names import as_csv, read_csv
from segfeed.datasets.export.rows import Row
from segfeed.datasets.source import Source
from segfeed.errors import OptionError
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Labels
from segfeed.pixels.shapes.tracing import seam_rings
from segfeed.system.storage import WholeFile, write_whole

DRAWN_KINDS = ("coco", "yolo")
"""The kinds of export that hold outlines."""

LOST = "lost_void.csv"
"""The file of an export that lists how many pixels are void in the source and background here: split, key, pixels."""


def refuse_undrawable(sources: Sequence[Source], legend: Legend) -> None:
    """Refuse what outlines cannot say.

    Raises:
        OptionError: if a split has no masks: a photo without shapes is all background.
        LegendError: if two classes would be background.
    """
    DrawnClasses.of(legend.names)
    for source in sources:
        if any(sample.mask is None for sample in source.samples):
            found = "photos without masks, which would be all background"
            raise OptionError(f"split {source.split!r}", found=found, remedy="leave it out, or export to parquet")


def draw_coco(labels: Labels, legend: Legend) -> bytes:
    """Write the annotations of a photo: a line each, a JSON object that lacks its brace, id and image_id."""
    drawn = DrawnClasses.of(legend.names)
    notes = []
    for number, region in drawn.regions(labels):
        is_plain = len(region.rings) == 1
        shape = [plain_numbers(region.rings[0])] if is_plain else coco_runs(cover_of(region, labels.shape))
        notes.append(_note(number, shape, region.area, region.box, crowd=0))
    void = labels == legend.void
    if drawn.has_background and void.any():
        rows, columns = np.flatnonzero(void.any(axis=1)), np.flatnonzero(void.any(axis=0))
        left, top = int(columns[0]), int(rows[0])
        box = left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top
        first = next((number for number, label in enumerate(drawn.ids, 1) if (labels == label).any()), 1)
        notes.append(_note(first, coco_runs(void), int(void.sum()), box, crowd=1))
    return "\n".join(notes).encode()


def _note(number: int, shape: object, area: int, box: tuple[int, int, int, int], *, crowd: int) -> str:
    note = {"category_id": number, "iscrowd": crowd, "segmentation": shape, "area": area, "bbox": box}
    return json.dumps(note, separators=(",", ":"))[1:]


def draw_yolo(labels: Labels, legend: Legend) -> bytes:
    """Write the text of a photo: a line a region, its class and points as shares of width and height."""
    height, width = labels.shape
    lines = []
    for number, region in DrawnClasses.of(legend.names).regions(labels):
        shares = seam_rings(region.rings) / (width, height)
        lines.append(" ".join([str(number - 1), *(f"{share:.7g}" for share in shares.ravel().tolist())]) + "\n")
    return "".join(lines).encode()


def write_coco(folder: Path, split: str, legend: Legend, rows: Iterator[Row]) -> None:
    """Write photos and the JSON of a split; annotations wait in a file of their own until all photos are known."""
    notes, path = folder / f"{split}.notes", folder / f"annotations/instances_{split}.json"
    path.parent.mkdir(exist_ok=True)
    images: list[dict[str, object]] = []
    count = 0
    with closing(WholeFile(notes)) as waiting:
        for row in rows:
            (height, width), name = row.size, f"{row.key}{row.suffix}"
            _write_photo(folder, split, row)
            images.append({"id": len(images) + 1, "file_name": name, "width": width, "height": height})
            for line in (row.mask or b"").splitlines():
                start = ",\n" if count else ""
                count += 1
                waiting.write(f'{start}{{"id":{count},"image_id":{len(images)},'.encode() + line)
    categories = [
        {"id": number, "name": name, "supercategory": ""}
        for number, name in enumerate(DrawnClasses.of(legend.names).names, start=1)
    ]
    head = [f'"{key}": {_list(entries)},\n' for key, entries in (("categories", categories), ("images", images))]
    with closing(WholeFile(path)) as file, open(notes, "rb") as waited:
        file.write(f'{{{"".join(head)}"annotations": [\n'.encode())
        while piece := waited.read(1 << 22):
            file.write(piece)
        file.write(b"\n]}\n")
    notes.unlink()


def _list(entries: Sequence[object]) -> str:
    """Write a list, a line an entry."""
    lines = ",\n".join(map(json.dumps, entries))
    return f"[\n{lines}\n]"


def write_yolo(folder: Path, split: str, _legend: Legend, rows: Iterator[Row]) -> None:
    """Write photos and texts of a split."""
    texts = folder / "labels" / split
    texts.mkdir(parents=True)
    listed = []
    for row in rows:
        listed.append(f"./images/{split}/{row.key}{row.suffix}\n")
        _write_photo(folder, split, row)
        write_whole(texts / f"{row.key}.txt", row.mask or b"")
    write_whole(folder / f"{split}.txt", "".join(listed).encode())  # a folder would be read in another order


def _write_photo(folder: Path, split: str, row: Row) -> None:
    path = folder / "images" / split / f"{row.key}{row.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, row.photo)


def write_described(folder: Path, kind: str, splits: Sequence[str], legend: Legend) -> None:
    """Write what says how the folder is read: YOLO's YAML, and how what is not drawn becomes labels."""
    drawn = DrawnClasses.of(legend.names)
    if kind == "yolo":
        import yaml  # noqa: PLC0415 - needed for this kind alone

        described = {split: f"{split}.txt" for split in splits} | {"names": dict(enumerate(drawn.names))}
        as_they_are = not any("\x85" in name for name in drawn.names)  # PyYAML reads an unescaped one as a line's end
        text = yaml.safe_dump(described, sort_keys=False, allow_unicode=as_they_are)
        write_whole(folder / "data.yaml", text.encode())
    shapes = {} if drawn.has_background else {"unpainted": "void"}
    if kind == "coco" and drawn.has_background:
        shapes = {"crowd": "void"}
    if shapes:
        write_whole(folder / FILE_NAME, write_description(Description("", (), (), shapes=shapes)).encode())


def describe_lost(lost: Sequence[tuple[str, str, int]]) -> str:
    """Write the CSV of pixels that were void: (split, key, pixels) of each sample."""
    return as_csv([("split", "key", "pixels"), *lost])


def read_lost(folder: Path) -> list[tuple[str, str, int]]:
    """Read what `describe_lost` wrote; [] if nothing was lost."""
    return [(split, key, int(pixels)) for split, key, pixels in read_csv(folder / LOST)]
