"""The embedded sample: a small VOC 2012 look-alike, made by code, so that a first try needs no download.

Its classes share all their colours: what tells them apart is outline and surface.
"""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from segfeed.datasets.sample.art import KINDS
from segfeed.datasets.sample.scene import Chance, Labels, compose
from segfeed.pixels.palette import Colour, voc_colours
from segfeed.system.work import available_cores, in_order

NAMES: tuple[str, ...] = ("background", *KINDS)

PAIRS, TEST_PHOTOS = 200, 6
VAL_EVERY = 5  # every fifth pair is for validation
JPEG_QUALITY = 90
# (height, width) and share in percent; the last three are too small for a crop of 320 x 480, as many of VOC's are.
SHAPES = (((375, 500), 65), ((500, 375), 20), ((500, 334), 5), ((300, 400), 5), ((300, 480), 5))


def _split(number: int) -> str:
    """Return the split of picture `number`, 0.. in the order of their keys."""
    if number >= PAIRS:
        return "test"
    return "val" if number % VAL_EVERY == VAL_EVERY - 1 else "train"


def _key(number: int) -> str:
    return f"2026_{number + 1:06d}"


def _save_mask(path: Path, labels: Labels, palette: tuple[Colour, ...]) -> None:
    mask = Image.fromarray(labels)
    mask.putpalette([part for colour in palette for part in colour])
    mask.save(path, format="PNG", compress_level=3)


def _write_picture(root: Path, number: int, palette: tuple[Colour, ...]) -> None:
    """Make one picture and write its photo and, outside test, its two masks."""
    chosen = Chance(2025, number).weighted([share for _, share in SHAPES])
    (height, width), _ = SHAPES[chosen]
    scene = compose(number, height, width)
    key = _key(number)
    photo = Image.merge("RGB", [Image.fromarray(plane) for plane in scene.image])
    photo.save(root / "JPEGImages" / f"{key}.jpg", format="JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    if _split(number) != "test":
        _save_mask(root / "SegmentationClass" / f"{key}.png", scene.classes, palette)
        _save_mask(root / "SegmentationObject" / f"{key}.png", scene.objects, palette)


def _write_lists(root: Path, palette: tuple[Colour, ...]) -> None:
    """Write the split lists, and the classes with their colours in CVAT's form of the VOC layout."""
    numbers = range(PAIRS + TEST_PHOTOS)
    for name, splits in (("train", {"train"}), ("val", {"val"}), ("trainval", {"train", "val"}), ("test", {"test"})):
        lines = [f"{_key(number)}\n" for number in numbers if _split(number) in splits]
        (root / "ImageSets" / "Segmentation" / f"{name}.txt").write_bytes("".join(lines).encode())
    legend = ["# label:color_rgb:parts:actions\n"]
    for name, (red, green, blue) in zip(NAMES, palette, strict=False):
        legend.append(f"{name}:{red},{green},{blue}::\n")
    (root / "labelmap.txt").write_bytes("".join(legend).encode())


def write_sample(root: Path, advance: Callable[[int, int], None] = lambda _done, _total: None) -> None:
    """Write the sample into the empty folder `root`, in the layout of VOC 2012.

    Photos are RGB JPEG; masks are palette PNG, class ids or object ids, 255 = void, with VOC's colours. Every picture
    depends on its own number alone, so the bytes are the same for any number of threads.

    Args:
        root: an existing, empty folder.
        advance: called with (done, total) in the calling thread after each picture.
    """
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    palette = voc_colours(256)
    total = PAIRS + TEST_PHOTOS
    # More threads only wait for each other: much of the time goes into short NumPy calls under the interpreter's lock.
    written = in_order(lambda number: _write_picture(root, number, palette), total, min(2, available_cores()))
    for done, _ in enumerate(written, start=1):
        advance(done, total)
    _write_lists(root, palette)
