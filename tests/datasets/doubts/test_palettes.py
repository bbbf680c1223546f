"""Doubts of palettes: indices that each file numbers anew are never read as classes, in scan, load and check alike."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from little_voc import a_photo
from segfeed.audit.checking import check
from segfeed.datasets.doubts.evidence import gather, values_of
from segfeed.datasets.doubts.examining import list_doubts
from segfeed.errors import MaskError
from segfeed.pixels.codec import StoredMask
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

SIZE = (12, 24)
COLOURS = np.array([(0, 0, 0), (200, 30, 0), (0, 200, 30)], np.uint8)
NAMES = ["background", "tree", "road"]
BY_COLOUR = {(0, 0, 0): "background", (200, 30, 0): "tree", (0, 200, 30): "road"}
RULES = ("palettes-renumbered", "palette-two-readings")


def stripes(*values) -> np.ndarray:
    columns = np.arange(SIZE[1]) * len(values) // SIZE[1]
    return np.repeat(np.array(values, np.uint8)[columns][None], SIZE[0], axis=0)


def write(root: Path, pictures, suffix: str) -> Path:
    for number, picture in enumerate(pictures):
        for folder in ("images", "masks"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(a_photo(str(number), SIZE)).save(root / "images" / f"{number}.png")
        picture.save(root / "masks" / f"{number}.{suffix}")
    return root


def gray(*values) -> Image.Image:
    return Image.fromarray(stripes(*values))


def with_palette(mask: np.ndarray, colours) -> Image.Image:
    picture = Image.fromarray(mask)
    picture.putpalette([part for colour in colours for part in colour])
    return picture


def quantised(*classes) -> Image.Image:
    return Image.fromarray(COLOURS[stripes(*classes)]).quantize(8)


def labels(root, **options) -> list[list[int]]:
    """Read the class of each stripe of every mask."""
    source = segfeed.scan(root, "all", **options)
    return [list(dict.fromkeys(source.read(number).labels[0].tolist())) for number in range(len(source))]


def refused(root, rule, **options) -> MaskError:
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root, "all", **options)
    with pytest.raises(MaskError) as loaded:
        segfeed.load(root, 1, (8, 8), splits=("all", None), **options)
    assert loaded.value.found == caught.value.found
    assert [one.rule for one in check(root, crop_size=(8, 8), **options) if one.rule in RULES] == [rule]
    return caught.value


# GIF writers keep the grays that a picture has, and number them anew.


@pytest.mark.parametrize("suffix", ["gif", "png"])
@pytest.mark.slow
def test_grays_that_are_values_are_read_as_values(tmp_path, suffix):
    root = write(tmp_path / "d", [gray(0, 255), gray(255), gray(0), gray(0, 128, 255), gray(128, 255)], suffix)
    said = {0: "background", 128: "tree", 255: "road"}
    assert labels(root, legend=said) == [[0, 2], [2], [0], [0, 1, 2], [1, 2]]
    assert not [one for one in check(root, crop_size=(8, 8), legend=said) if one.severity == "error"]


def test_a_legend_file_of_values_means_grays_too(tmp_path):
    root = write(tmp_path / "d", [gray(0, 255), gray(255), gray(0)], "gif")
    (tmp_path / "legend.txt").write_text("0 background\n255 road\n")
    assert labels(root, legend=tmp_path / "legend.txt") == [[0, 1], [1], [0]]


@pytest.mark.parametrize("legend", [NAMES, {0: "background", 1: "tree", 2: "road"}])
@pytest.mark.parametrize(
    ("suffix", "pictures"),
    [
        ("gif", [gray(0, 128, 255), gray(0, 255), gray(128, 255)]),
        ("gif", [gray(0, 255), gray(255), gray(0)]),
        ("png", [quantised(0, 0, 1), quantised(1, 2, 1)]),
        ("tif", [quantised(0, 0, 1), quantised(1, 2, 1)]),
        ("bmp", [quantised(0, 0, 1), quantised(1, 2, 1)]),
        ("png", [quantised(0, 0, 1), quantised(0, 0, 1, 2)]),
        ("png", [quantised(0, 0, 1, 2), quantised(0, 0, 2), quantised(0, 0, 1)]),
    ],
)
@pytest.mark.slow
def test_indices_that_each_file_numbers_anew_are_no_classes(tmp_path, suffix, pictures, legend):
    root = write(tmp_path / "d", pictures, suffix)
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root, "all", legend=legend)
    assert "colour" in caught.value.remedy
    assert "index" in caught.value.remedy
    assert "error" in {one.severity for one in check(root, crop_size=(8, 8), legend=legend)}


@pytest.mark.slow
def test_both_ways_out_of_renumbered_indices_work(tmp_path):
    root = write(tmp_path / "d", [quantised(0, 0, 1), quantised(1, 0, 1), quantised(1, 2, 1)], "png")
    error = refused(root, "palettes-renumbered", legend={0: "background", 1: "tree", 2: "road"})
    assert "(200, 30, 0) is index 0 in some and index 1 in others, and so 'background' and 'tree'" in error.found
    assert labels(root, legend=BY_COLOUR) == [[0, 1], [1, 0], [1, 2]]
    by_index = Legend(tuple(NAMES), reading="index")
    assert labels(root, legend=by_index) == [[1, 0], [0, 1], [1, 0]]
    described = json.loads(error.remedy[error.remedy.rindex('{"') :])
    (tmp_path / "legend.json").write_text(json.dumps(described))
    assert labels(root, legend=tmp_path / "legend.json") == [[1, 0], [0, 1], [1, 0]]
    assert "legend={(0, 200, 30): '...', (200, 30, 0): '...'" in error.remedy


def test_a_colour_that_is_another_class_in_each_file_is_a_warning(tmp_path, caplog):
    pictures = [
        with_palette(stripes(0, 1), [(0, 0, 0), (200, 30, 0)]),
        with_palette(stripes(0, 1), [(0, 0, 0), (0, 200, 30)]),
    ]
    root = write(tmp_path / "d", pictures, "png")
    assert labels(root, legend={0: "background", 1: "tree"}) == [[0, 1], [0, 1]]
    assert "index 1, read as 'tree', is (0, 200, 30) in some and (200, 30, 0) in others" in caplog.text
    found = [one for one in check(root, crop_size=(8, 8), legend={0: "background", 1: "tree"}) if not one.split]
    assert [(one.severity, one.rule) for one in found] == [("warning", "palette-differs")]


@pytest.mark.parametrize(
    ("legend", "masks"),
    [
        ({0: "a", 255: "b"}, [([0, 255], {255: (0, 0, 0)}), ([0], {}), ([255], {255: (0, 0, 0)})]),  # padded by zeros
        ({0: "a", 1: "b"}, [([0, 1], {1: (9, 9, 9)}), ([0], {}), ([1], {1: (9, 9, 9)})]),
        (NAMES, [([0, 1, 2], {1: (9, 0, 9), 2: (9, 9, 0)}), ([1], {1: (9, 0, 9)})]),
        ({(9, 0, 0): "a", (0, 9, 0): "b"}, [([0, 1], {0: (9, 0, 0), 1: (0, 9, 0)}), ([0], {0: (0, 9, 0)})]),
        (Legend(("a", "b"), reading="index"), [([0, 1], {1: (9, 0, 0)}), ([0, 1], {0: (9, 0, 0)})]),
    ],
)
def test_palettes_that_say_the_same_are_never_doubted(legend, masks):
    legend = legend if isinstance(legend, Legend) else None or _legend(legend)
    stored = []
    for values, colours in masks:
        palette = np.zeros((256, 3), np.uint8)
        for index, colour in colours.items():
            palette[index] = colour
        stored.append(values_of(StoredMask(np.array([values], np.uint8), palette), legend))
    assert [*list_doubts(gather(stored), legend, "train")] == []


def _legend(said) -> Legend:
    return Legend.of_values(said) if isinstance(said, dict) else Legend(tuple(said))


@pytest.mark.parametrize(
    ("said", "palette", "used", "expected"),
    [
        ({0: "a", 255: "b"}, [(255,) * 3, (0,) * 3], [0], [1]),
        ({0: "a", 255: "b"}, [(255,) * 3, (0,) * 3], [0, 1], [1, 0]),
        ({0: "a", 255: "b"}, [(255,) * 3, (0,) * 3, (0,) * 3, (0,) * 3], [0], [1]),
        ({0: "a", 1: "b"}, [(0,) * 3, (255,) * 3], [0, 1], [0, 1]),  # colours to look at
        ({0: "a", 1: "b", 255: None}, [(0,) * 3, (255,) * 3], [0, 1], [0, 1]),
        ({0: "a", 7: "b", 128: "c"}, list(voc_colours(256)), [0, 7], [0, 1]),  # VOC's seventh is a gray
        ({5: "a", 9: "b"}, [(9,) * 3, (5,) * 3], [0, 1], [1, 0]),
    ],
)
def test_grays_count_only_if_numbers_cannot(said, palette, used, expected):
    found = Legend.of_values(said).encode_palette(np.array([used], np.uint8), np.array(palette, np.uint8))
    assert found.tolist() == [expected]


@pytest.mark.parametrize(
    ("said", "palette", "used"),
    [
        ({0: "a", 1: "b", 255: "c"}, [(0,) * 3, (255,) * 3], [0, 1]),
        ({0: "a", 1: "b"}, [(1,) * 3, (0,) * 3], [0]),
        ({0: "a", 255: "b"}, [(255 - n,) * 3 for n in range(256)], [0, 255]),  # an inverted ramp
    ],
)
def test_numbers_and_grays_that_are_both_known_are_two_readings(said, palette, used):
    with pytest.raises(MaskError, match=r"by its number and .* by the gray") as caught:
        Legend.of_values(said).encode_palette(np.array([used], np.uint8), np.array(palette, np.uint8))
    assert 'reading="index"' in caught.value.remedy
    legend = Legend(tuple(said.values()), indices=tuple(said), void_indices=(), reading="index")
    by_index = legend.encode_palette(np.array([used], np.uint8), np.array(palette, np.uint8))
    assert by_index.tolist() == legend.encode(np.array([used], np.uint8)).tolist()


# VOC's own legend: numbers and colours say the same there, or else neither is certain.


def voc(root: Path, pictures) -> Path:
    for folder in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (root / folder).mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(a_photo(str(number), SIZE)).save(root / "JPEGImages" / f"{number}.jpg")
        picture.save(root / "SegmentationClass" / f"{number}.png")
    (root / "ImageSets/Segmentation/all.txt").write_text("".join(f"{n}\n" for n in range(len(pictures))))
    return root


def swapped(one: int, two: int) -> list:
    colours = list(voc_colours(256))
    colours[one], colours[two] = colours[two], colours[one]
    return colours


@pytest.mark.parametrize(("one", "two"), [(1, 2), (15, 20), (0, 8)])
@pytest.mark.slow
def test_the_palette_of_voc_with_two_colours_swapped_is_refused_and_both_ways_out_work(tmp_path, one, two):
    root = voc(tmp_path / "d", [with_palette(stripes(0, one, two), swapped(one, two))] * 3)
    error = refused(root, "palette-two-readings")
    first, second = VOC.names[min(one, two)], VOC.names[max(one, two)]
    assert f"index {min(one, two)}, which means {first!r} by its number and {second!r} by its colour" in error.found
    by_index = dict(enumerate(VOC.names))
    by_colour = dict(zip(VOC.colours, VOC.names, strict=True))
    assert len(labels(root, legend=by_index)) == len(labels(root, legend=by_colour)) == 3
    assert labels(root, legend=by_index)[0] != labels(root, legend=by_colour)[0]
    for number, lines in enumerate((by_index, {" ".join(map(str, c)): name for c, name in by_colour.items()})):
        path = tmp_path / f"legend{number}.txt"
        path.write_text("".join(f"{value} {name}\n" for value, name in lines.items()))
        assert labels(root, legend=path) == labels(root, legend=(by_index, by_colour)[number])


@pytest.mark.parametrize(
    "pictures",
    [
        [with_palette(stripes(0, 1, 15, 255), voc_colours(256))] * 2,
        [  # an optimiser's palettes, which number the colours of each file anew
            with_palette(stripes(0, 1), [VOC.colours[0], VOC.colours[15]]),
            with_palette(stripes(0, 1), [VOC.colours[15], VOC.colours[3]]),
        ],
        [with_palette(stripes(0, 99), swapped(5, 99))],  # no class has this number
    ],
)
@pytest.mark.slow
def test_voc_s_colours_count_if_numbers_cannot(tmp_path, pictures):
    root = voc(tmp_path / "d", pictures)
    source = segfeed.scan(root, "all")
    for number, picture in enumerate(pictures):
        rgb = np.asarray(picture.convert("RGB"))
        assert np.array_equal(source.read(number).labels, VOC.encode(rgb))
    assert not [one for one in check(root, crop_size=(8, 8)) if one.rule in RULES]


def test_colours_that_a_labelmap_states_count(tmp_path):
    root = voc(tmp_path / "d", [with_palette(stripes(0, 1, 2), swapped(1, 2))])
    (root / "labelmap.txt").write_text(
        "".join(f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in zip(VOC.names, VOC.colours, strict=True))
    )
    assert labels(root) == [[0, 2, 1]]
