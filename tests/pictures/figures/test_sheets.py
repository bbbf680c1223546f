"""Figures: what the pictures show, pixel for pixel, and what drawing leaves alone."""

import dataclasses
import io
import itertools
import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from PIL import Image

import segfeed
from segfeed import Augment, Batch, BatchFormat, Draw, Legend, Loader, Plan
from segfeed.batches.batch_format import IMAGENET
from segfeed.errors import OptionError, SourceMissingError, StorageError
from segfeed.pictures.figures.canvas import WIDTH_PX, percent
from segfeed.pictures.figures.sheets import show, show_augmented, show_batch, show_crops, show_pairs, show_sheet
from segfeed.pictures.paint import (
    VOID_GROUND,
    VOID_STRIPE,
    Thumb,
    absent,
    fit,
    outside,
    overlay,
    paint_labels,
    shrink,
    swatches,
)
from segfeed.pixels.pair import Pair
from segfeed.plans.recipes import named
from segfeed.plans.rows import cut, make_row
from segfeed.plans.wording import describe

pytestmark = pytest.mark.slow

LEGEND = Legend(("ground", "cat", "dog"), colours=((0, 0, 0), (200, 30, 40), (10, 120, 240)))
SIZES = ((30, 40), (60, 40), (48, 64), (54, 96), (20, 20), (40, 30), (70, 90), (30, 40))
VOID_COLOURS = {VOID_GROUND, VOID_STRIPE}


def stored_labels(n, height, width):
    """Stripes of ground, cat, dog and void, beginning with another class in each sample."""
    ids = (np.arange(width) * 4 // width + n) % 4
    return np.repeat(np.where(ids == 3, 255, ids).astype(np.uint8)[None], height, axis=0)


def write_voc(root, sizes=SIZES, names=None):
    lists = root / "ImageSets/Segmentation"
    for folder in (root / "JPEGImages", root / "SegmentationClass", root / "SegmentationObject", lists):
        folder.mkdir(parents=True, exist_ok=True)
    keys = names or [f"s{n}" for n in range(len(sizes))]
    rng = np.random.default_rng(0)
    for n, (key, (height, width)) in enumerate(zip(keys, sizes, strict=True)):
        photo = np.full((height, width, 3), rng.integers(0, 255, 3), np.uint8)
        Image.fromarray(photo).save(root / "JPEGImages" / f"{key}.jpg", quality=95)
        for kind in ("Class", "Object"):
            labels = Image.fromarray(stored_labels(n, height, width))
            labels.save(root / f"Segmentation{kind}" / f"{key}.png")
    (lists / "train.txt").write_text("".join(f"{key}\n" for key in keys))
    return root


@pytest.fixture(scope="session")
def figures_root(tmp_path_factory):
    return write_voc(tmp_path_factory.mktemp("figures") / "stripes")


@pytest.fixture
def source(figures_root):
    return segfeed.scan(figures_root, "train", legend=LEGEND)


@pytest.fixture
def pack(source, tmp_path):
    with segfeed.make_pack(source, cache_dir=tmp_path / "cache") as pack:
        yield pack


@lru_cache(maxsize=4)
def rendered(figure: Figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(figure._repr_png_())))


def panel(figure: Figure, label: str) -> Axes:
    (axes,) = (axes for axes in figure.axes if axes.get_label() == label)
    return axes


def shown(figure: Figure, label: str) -> np.ndarray:
    """Cut a panel out of the picture as a user sees it."""
    pixels, box = rendered(figure), panel(figure, label).get_position()
    height, width = pixels.shape[:2]
    top, bottom, left, right = (
        round(v) for v in ((1 - box.y1) * height, (1 - box.y0) * height, box.x0 * width, box.x1 * width)
    )
    return pixels[top:bottom, left:right]


def colours(pixels: np.ndarray) -> set:
    return set(map(tuple, np.unique(pixels.reshape(-1, 3), axis=0).tolist()))


def texts(figure: Figure) -> list:
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def test_labels_are_shown_in_the_legends_own_colours_and_void_is_hatched(source):
    figure = show_pairs(source, count=4)
    for key in ("s0", "s7"):
        assert colours(shown(figure, f"labels {key}")) == set(LEGEND.colours) | VOID_COLOURS


def test_labels_are_shown_in_place(source):
    figure = show_pairs(source, count=1)
    pixels = shown(figure, "labels s0")
    height, width = pixels.shape[:2]
    assert abs(height / width - 30 / 40) < 0.01
    middles = pixels[height // 2, [width // 8, 3 * width // 8, 5 * width // 8]]
    np.testing.assert_array_equal(middles, LEGEND.colours)


def test_a_photo_is_shown_unchanged_and_an_overlay_changed(source):
    figure = show_pairs(source, count=1)
    image = source.read(0).image
    np.testing.assert_allclose(shown(figure, "photo s0").mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=1)
    # Black only dims; void is hatched, also here.
    left = shown(figure, "overlay s0")[5, 5]
    np.testing.assert_allclose(left, image[5, 5] * 0.7, atol=2)


def test_panels_have_the_samples_own_coordinates(source):
    axes = panel(show_pairs(source, count=8), "labels s3")
    assert (*axes.get_xlim(), *axes.get_ylim()) == (-0.5, 95.5, 53.5, -0.5)


def test_pairs_are_spread_evenly_and_named_with_their_size(source):
    figure = show_pairs(source, count=4)
    photos = [axes.get_label() for axes in figure.axes if axes.get_label().startswith("photo")]
    assert photos == ["photo s0", "photo s2", "photo s5", "photo s7"]
    assert {"s0", "s2", "s5", "s7", "30 × 40", "48 × 64", "40 × 30", "photo", "labels", "overlay"} <= set(texts(figure))
    assert {"ground", "cat", "dog", "void"} <= set(texts(figure))


def test_a_pack_counts_the_whole_split_and_a_source_what_is_shown(source, pack):
    from_pack, from_source = texts(show_pairs(pack, count=2)), texts(show_pairs(source, count=2))
    assert "share of pixels in all 8 samples" in from_pack
    assert "share of pixels in the 2 samples shown" in from_source
    total = pack.pixels.sum(axis=0)
    for name, share in zip((*LEGEND.names, "void"), total / total.sum(), strict=True):
        assert from_pack[from_pack.index(name) + 1] == percent(share)


def test_a_pack_and_its_source_look_the_same(source, pack):
    np.testing.assert_array_equal(rendered(show_sheet(pack, count=8)), rendered(show_sheet(source, count=8)))


@pytest.mark.parametrize("draw", [show_pairs, show_sheet])
@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_nothing_overlaps_and_nothing_leaves_the_page(source, draw, count):
    figure = draw(source, count=count)
    page = figure.bbox
    boxes = [axes.get_window_extent() for axes in figure.axes[1:]]
    boxes += [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    for box in boxes:
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
    for one, other in itertools.combinations(boxes, 2):
        apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
        assert apart, (one, other)


def test_of_many_classes_the_most_frequent_are_named_and_the_rest_is_counted(tmp_path):
    names = tuple(f"class {n}" for n in range(150))
    root = write_voc(tmp_path / "many", sizes=((40, 60),))
    labels = np.repeat(np.arange(60, dtype=np.uint8)[None] // 2 + 100, 40, axis=0)  # classes 100 to 129
    Image.fromarray(labels).save(root / "SegmentationClass/s0.png")
    told = texts(show_pairs(segfeed.scan(root, "train", legend=Legend(names)), count=1))
    assert [text for text in told if text.startswith("class ")] == [f"class {n}" for n in range(100, 120)]
    assert told[told.index("+ 10 more") + 1] == "33.3 %"
    assert re.fullmatch(r"absent: class 0, class 1, .* and \d+ more", next(t for t in told if t.startswith("absent")))


def test_classes_above_254_are_drawn(tmp_path):
    legend = Legend(tuple(f"class {n}" for n in range(300)))
    root = write_voc(tmp_path / "wide", sizes=((20, 30),))
    Image.fromarray(np.full((20, 30), 280, np.uint16)).save(root / "SegmentationClass/s0.png")
    figure = show_pairs(segfeed.scan(root, "train", legend=legend), count=1)
    assert colours(shown(figure, "labels s0")) == {legend.colours[280]}


def test_objects_have_numbers_and_no_shares(figures_root):
    told = texts(show_pairs(segfeed.scan(figures_root, "train", task="instance")))
    assert {"background", "object 1", "object 2", "void", "objects, numbered anew in each photo"} <= set(told)
    assert not any("%" in text for text in told)


def test_photos_without_masks_are_shown_as_they_are(source):
    bare = dataclasses.replace(source, samples=tuple(dataclasses.replace(s, mask=None) for s in source.samples))
    figure = show_pairs(bare, count=2)
    assert colours(shown(figure, "labels s0")) == VOID_COLOURS
    np.testing.assert_array_equal(shown(figure, "overlay s0"), shown(figure, "photo s0"))
    assert "30 × 40, all void" in texts(figure)
    assert "all void" in texts(show_sheet(bare))
    assert "share of pixels in this photo" in texts(show_crops(bare, crop_size=(16, 16)))


def test_names_that_are_hard_to_write_are_written(tmp_path, recwarn):
    legend = Legend(("$\\frac{1}$ $5", "漢字\a", "a name that is far too long for the place it has"))
    keys = ["a_key_of_a_tool_that_hashes_everything_jpg.rf.0123456789abcdef0123456789abcdef", "_$x$"]
    root = write_voc(tmp_path / "odd", sizes=((30, 40),) * 2, names=keys)
    figure = show_pairs(segfeed.scan(root, "train", legend=legend))
    told = texts(figure)
    assert rendered(figure).shape[1] == WIDTH_PX
    assert "$\\frac{1}$ $5" in told
    assert "_$x$" in told
    assert any(re.fullmatch("a name.*….*it has", text) for text in told)
    assert not recwarn.list


def outlines(axes):
    """Return the corners (y, x) of each window, in px of the photo from its upper left edge."""
    return [patch.get_xy()[:4, ::-1] + 0.5 for patch in axes.patches if isinstance(patch, Polygon)]


def test_crops_are_where_the_outlines_say(source):
    figure = show_crops(source, sample=6, count=5, crop_size=(32, 48), seed=3)
    rows = Plan(np.repeat([[70, 90]], 5, axis=0), 5, Draw((32, 48)), shuffle=False, seed=3).rows(0, 0)
    axes = panel(figure, "windows s6")
    for row, outline in zip(rows, outlines(axes), strict=True):
        (top, left), (bottom, right) = outline[0], outline[2]
        assert (top, left, bottom - top, right - left) == row[["top", "left", "height", "width"]].item()
    assert len({patch.get_edgecolor() for patch in axes.patches if isinstance(patch, Polygon)}) == 5
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3", "4", "5"]
    assert (*axes.get_xlim(), *axes.get_ylim()) == (-0.5, 89.5, 69.5, -0.5)


def test_windows_that_are_scaled_turned_and_mirrored_lie_where_their_pixels_come_from(source):
    augment = Augment(flip=0.5, scale=(0.4, 2), rotate=(-90, 90))
    figure = show_crops(source, sample=6, count=6, crop_size=(32, 48), augment=augment)
    rows = Plan(np.repeat([[70, 90]], 6, axis=0), 6, Draw((32, 48), augment=augment), shuffle=False).rows(0, 0)
    place = np.stack([np.arange(70)[:, None].repeat(90, 1), np.arange(90)[None].repeat(70, 0)])
    axes = panel(figure, "windows s6")
    for row, outline in zip(rows, outlines(axes), strict=True):
        y, x = (
            cut(Pair(np.zeros((70, 90, 3), np.uint8), part.astype(np.uint16)), row, void=999).labels for part in place
        )
        # Each pixel that lies on the photo is where the outline puts it: its corners, evenly divided.
        down, across = ((np.arange(length) + 0.5) / length for length in (32, 48))
        for found, corner in ((y, outline[:, 0]), (x, outline[:, 1])):
            ends = np.outer(1 - across, corner[[0, 3]][None]).reshape(48, 2), np.outer(across, corner[[1, 2]][None])
            upper, lower = (ends[0] + ends[1].reshape(48, 2)).T
            expected = upper + down[:, None] * (lower - upper)
            assert np.abs(found + 0.5 - expected)[found != 999].max(initial=0) <= 0.51
    bottom, top = axes.get_ylim()
    assert top < min(outline[:, 0].min() for outline in outlines(axes))
    assert bottom > max(outline[:, 0].max() for outline in outlines(axes)) - 1


def test_one_photo_is_drawn_as_often_as_wanted_with_its_rows_in_words(source):
    figure = show(source, augment="mmseg-ade20k", crop_size=(64, 96))
    draw = Draw((64, 96), augment=named("mmseg-ade20k").augment)
    chosen = next(
        n for n, key in enumerate(source.keys) if any(text.startswith(f"{key}, drawn 12") for text in texts(figure))
    )
    size = source.sizes[chosen]
    rows = Plan(np.repeat([size], 12, axis=0), 12, draw, shuffle=False).rows(0, 0)
    told = " ".join(texts(figure))
    for n, row in enumerate(rows, start=1):
        labels = shown(figure, f"labels {n}")
        crop = shrink(cut(source.read(chosen), row), *labels.shape[:2])
        np.testing.assert_array_equal(labels, paint_labels(crop.labels, LEGEND))
        for words in describe(row, *size.tolist()).values():
            assert words in told


def test_a_recipe_brings_its_crop_size_and_its_padding(source):
    figure = show_augmented(source, "torchvision", count=2)
    assert any("crops 480 × 480 px" in text for text in texts(figure))
    grown = show_augmented(source, Augment(pad_value=(1, 2, 3)), count=1, crop_size=(200, 200))
    assert (1, 2, 3) in colours(shown(grown, "crop 1"))


@pytest.mark.parametrize(
    "options",
    [{"augment": "mmseg"}, {"augment": 5}, {"crop_size": (3, 3)}, {"augment": Augment(), "crop_size": 5}],
    ids=str,
)
def test_what_cannot_be_drawn_is_refused(source, options):
    with pytest.raises(OptionError) as caught:
        show(source, **options)
    assert caught.value.where in ("augment", "crop_size")


def test_a_loader_shows_its_own_augmentation(source):
    loader = Loader(source, Plan(source.sizes, 2, Draw((16, 16))), threads=0)
    with pytest.raises(OptionError, match="beside a Loader"):
        show(loader, augment=Augment())


@pytest.mark.parametrize("fields", [{"angle": 9000}, {"scaled_height": 20, "scaled_width": 31, "flip": True}])
def test_stripes_lie_where_a_scaled_or_turned_window_leaves_its_photo(fields):
    row = make_row(top=-5, left=-9, height=40, width=60, **fields)
    labels = cut(Pair(np.zeros((30, 45, 3), np.uint8), np.zeros((30, 45), np.uint8)), row).labels
    np.testing.assert_array_equal(labels == 255, outside(row, 30, 45))


def test_crops_and_their_labels_are_cut_by_the_same_row(source):
    figure = show_crops(source, sample=6, count=3, crop_size=(32, 48), seed=3)
    rows = Plan(np.repeat([[70, 90]], 3, axis=0), 3, Draw((32, 48)), shuffle=False, seed=3).rows(0, 0)
    for n, row in enumerate(rows, start=1):
        crop = cut(source.read(6), row)
        labels = shown(figure, f"labels {n}")
        assert shown(figure, f"crop {n}").shape == labels.shape
        expected = paint_labels(shrink(crop, *labels.shape[:2]).labels, LEGEND)
        np.testing.assert_array_equal(labels, expected)


def test_a_crop_larger_than_the_photo_is_padded_in_stripes(source):
    figure = show_crops(source, sample=0, count=2, crop_size=(60, 80))
    padding = tuple(round(255 * mean) for mean in IMAGENET.mean)
    assert padding in colours(shown(figure, "crop 1"))
    assert VOID_GROUND in colours(shown(figure, "labels 1"))
    left, right = panel(figure, "windows s0").get_xlim()
    assert left <= -0.5
    assert right - left >= 80


def test_without_a_sample_one_larger_than_the_crop_with_most_classes_is_cropped(tmp_path):
    root = write_voc(tmp_path / "choice", sizes=((30, 30), (90, 90), (100, 100), (95, 95)))
    for key, side, classes in (("s1", 90, 1), ("s2", 100, 2), ("s3", 95, 3)):
        labels = np.repeat(np.arange(side, dtype=np.uint8)[None] * classes // side, side, axis=0)
        Image.fromarray(labels).save(root / f"SegmentationClass/{key}.png")
    source = segfeed.scan(root, "train", legend=LEGEND)
    assert "crops of s3" in texts(show_crops(source, crop_size=(40, 50)))
    assert "crops of s2" in texts(show_crops(source, crop_size=(200, 200))), "the nearest, if none is larger"


def test_crops_depend_on_the_seed_alone(source):
    first, again, other = (show_crops(source, crop_size=(16, 16), seed=seed)._repr_png_() for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "wanted",
    [
        BatchFormat(),
        BatchFormat(layout="NCHW", void=-100),
        BatchFormat(dtype="uint8"),
        BatchFormat(dtype="float16"),
        BatchFormat(normalize=None),
        BatchFormat(normalize=((0.5, 0.5, 0.5), (0.5, 0.25, 1)), label_dtype="int64", void=-1),
    ],
    ids=repr,
)
def test_a_batch_is_shown_as_its_source_is(source, wanted):
    loader = Loader(source, Plan(source.sizes, 4, Draw((20, 20), flip=True)), format=wanted, threads=0)
    batch = next(iter(loader))
    figure = show_batch(batch)
    for n, row in enumerate(batch.crops):
        pair = source.read(int(row["sample"]))
        image, labels = shown(figure, f"image {n} {batch.keys[n]}"), shown(figure, f"labels {n} {batch.keys[n]}")
        np.testing.assert_allclose(image.mean(axis=(0, 1)), pair.image.mean(axis=(0, 1)), atol=1)
        expected = paint_labels(shrink(cut(pair, row), *labels.shape[:2]).labels, LEGEND)
        np.testing.assert_array_equal(labels, expected)
    assert ("flipped" in texts(figure)) == bool(batch.crops["flip"].any())


@pytest.mark.parametrize("flip", [False, True])
def test_padding_is_striped_and_nothing_else_is(flip):
    image = np.full((1, 40, 60, 3), 90, np.uint8)
    image[:, 30:] = image[:, :, :15] = np.round(255 * np.array(IMAGENET.mean))
    labels = np.full((1, 40, 60), 1, np.int32)
    labels[:, 30:] = labels[:, :, :15] = labels[:, 10:20] = 255
    crops = make_row(left=-15, height=40, width=60, flip=flip)[None]
    if flip:
        image, labels = image[:, :, ::-1], labels[:, :, ::-1]
    wanted = BatchFormat("NHWC", "uint8", "int32", void=255)
    figure = show_batch(Batch(image, labels, crops, np.array([[30, 45]], np.int32), ("k",), LEGEND, wanted))
    pixels = shown(figure, "image 0 k")
    pixels = pixels[:, ::-1] if flip else pixels
    height, width = pixels.shape[:2]
    plain = pixels[2 : 3 * height // 4 - 3, width // 4 + 3 : -2]
    assert colours(plain) == {(90, 90, 90)}
    for part in (pixels[3 * height // 4 + 3 :], pixels[:, : width // 4 - 3]):
        assert len(colours(part)) > 1


def test_rows_without_a_sample_are_called_padding(source):
    loader = Loader(source, Plan.exact(source.sizes, 5), threads=0)
    *_, last = loader
    figure = show_batch(last)
    assert texts(figure).count("padding only") == 2
    assert colours(shown(figure, "labels 3 ")) == VOID_COLOURS


def test_an_object_batch_is_drawn(figures_root):
    source = segfeed.scan(figures_root, "train", task="instance")
    figure = show(Loader(source, Plan(source.sizes, 4, Draw((20, 20))), format=BatchFormat(void=-100), threads=0))
    assert "object 2" in texts(figure)


def test_a_batch_of_another_format_or_legend_is_refused(source):
    loader = Loader(source, Plan(source.sizes, 4, Draw((20, 20))), threads=0)
    batch = next(iter(loader))
    held = "but the batch holds images float32 (4, 20, 20, 3)"
    for legend, batch_format, where, found in (
        (LEGEND, BatchFormat(dtype="uint8"), "format", f"uint8 NHWC, {held}"),
        (LEGEND, BatchFormat(layout="NCHW"), "format", f"float32 NCHW, {held}"),
        (LEGEND, BatchFormat(void=-100), "batch", "label 255, neither a class of the legend nor void (-100)"),
        (Legend(("ground",)), BatchFormat(), "batch", "label 1, neither a class of the legend nor void (255)"),
    ):
        with pytest.raises(OptionError) as caught:
            show_batch(dataclasses.replace(batch, legend=legend, format=batch_format.resolve("NHWC", "int32", 255)))
        assert (caught.value.where, caught.value.found) == (where, found)


def test_any_batch_of_a_loader_is_shown_by_its_epoch_and_step(source, tmp_path):
    loader = Loader(source, Plan(source.sizes, 2, Draw((20, 20))), threads=0)
    keys = [[batch.keys for batch in loader] for _ in range(2)]
    for epoch in range(2):
        for step in range(len(loader)):
            figure = loader.show_batch(1, epoch=epoch, step=step, path=tmp_path / "a.png")
            assert f"labels 0 {keys[epoch][step][0]}" in [axes.get_label() for axes in figure.axes]
            assert f"epoch {epoch}, batch {step} (2 rows), the first 1" in " ".join(texts(figure))
    assert (tmp_path / "a.png").is_file()
    for wrong in ({"step": len(loader)}, {"epoch": -1}, {"count": 0}):
        with pytest.raises(OptionError):
            loader.show_batch(**wrong)


def test_showing_a_loader_leaves_it_where_it_stands(source):
    loader, twin = (Loader(source, Plan(source.sizes, 2, Draw((20, 20))), threads=0) for _ in range(2))
    running, alike = iter(loader), iter(twin)
    next(running), next(alike)
    before = loader.state_dict()
    figure = show(loader)
    assert loader.state_dict() == before
    for batch, expected in zip(running, alike, strict=True):
        np.testing.assert_array_equal(batch.images, expected.images)
    assert loader.state_dict() == twin.state_dict()
    first = next(iter(Loader(source, loader.plan, threads=0)))
    assert [axes.get_label() for axes in figure.axes[1::2]] == [f"image {n} {key}" for n, key in enumerate(first.keys)]


def test_show_makes_a_sheet_of_a_source_a_pack_and_a_path(source, pack, figures_root):
    for data, how in (
        (source, {}),
        (pack, {}),
        (figures_root, {"legend": LEGEND}),
        (str(figures_root), {"legend": LEGEND}),
    ):
        labels = [axes.get_label() for axes in show(data, **how).axes]
        assert labels == ["page", *(f"overlay {key}" for key in source.keys)]
    assert len(segfeed.show(source, count=3).axes) == 4
    assert len(segfeed.show("sample", "test", count=2).axes) == 3


@pytest.mark.parametrize("other", [None, np.zeros((3, 3)), (1, 2), 7], ids=repr)
def test_show_names_what_it_accepts(other):
    with pytest.raises(OptionError) as caught:
        show(other)
    assert (caught.value.where, caught.value.found) == ("data", type(other).__name__)
    assert all(word in caught.value.expected for word in ("path", "Source", "Pack", "Loader"))


@pytest.mark.parametrize("how", [{"split": "train"}, {"legend": ["a"]}])
def test_show_takes_options_of_scan_with_a_path_only(source, how):
    with pytest.raises(OptionError) as caught:
        show(source, **how)
    assert caught.value.where == "data"
    with pytest.raises(SourceMissingError):
        show("no such folder", **how)


@pytest.mark.parametrize("draw", [show, show_pairs, show_sheet, show_crops])
def test_a_png_is_written(source, draw, tmp_path):
    path = tmp_path / "picture.PNG"
    figure = draw(source, path=path) if draw is not show_crops else draw(source, crop_size=(16, 16), path=str(path))
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, picture.width) == ("PNG", "RGB", WIDTH_PX)
        assert 300 < picture.height < 3000
    assert path.stat().st_size < 2_000_000
    assert path.read_bytes() == figure._repr_png_(), "a notebook shows what is written"


@pytest.mark.parametrize("path", ["picture.jpg", "picture", Path("p.pdf"), 7, ".png.svg"])
def test_other_paths_are_refused_before_anything_is_drawn(source, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    batch = next(iter(Loader(source, Plan(source.sizes, 2, Draw((20, 20))), threads=0)))
    calls = [lambda draw=draw: draw(source, path=path) for draw in (show, show_pairs, show_sheet, show_crops)]
    for call in (*calls, lambda: show_batch(batch, path=path)):
        with pytest.raises(OptionError) as caught:
            call()
        assert (caught.value.where, caught.value.found) == ("path", repr(path if path == 7 else os.fspath(path)))
        assert ".png" in caught.value.expected
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_is_named(source, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "picture.png"
    with pytest.raises(StorageError) as caught:
        show_sheet(source, count=1, path=path)
    assert caught.value.where == str(path)
    assert "folder" in caught.value.remedy


def test_the_folder_of_a_picture_is_made(source, tmp_path):
    show_sheet(source, count=1, path=tmp_path / "new" / "picture.png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["picture.png"]


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "6"])
def test_a_count_that_is_no_count_is_refused(source, count):
    for draw in (show, show_pairs, show_sheet, show_crops):
        with pytest.raises(OptionError, match="count"):
            draw(source, count=count)


@pytest.mark.parametrize("options", [{"sample": 8}, {"sample": -1}, {"crop_size": 5}, {"seed": -1}], ids=repr)
def test_options_of_crops_are_checked(source, options):
    with pytest.raises(OptionError, match=next(iter(options))):
        show_crops(source, **options)


def test_the_users_settings_are_neither_used_nor_changed(source):
    plain = show_pairs(source, count=2)._repr_png_()
    odd = {
        "axes.facecolor": "red", "figure.facecolor": "black", "text.color": "white", "savefig.bbox": "tight",
        "savefig.dpi": 300, "image.origin": "lower", "image.interpolation": "bilinear", "font.size": 40,
        "figure.autolayout": True, "lines.linewidth": 9, "axes.grid": True,
        "text.usetex": True, "figure.frameon": False, "font.style": "italic", "text.antialiased": False,
    }  # fmt: skip
    with mpl.rc_context(odd):
        before = dict(mpl.rcParams)
        assert show_pairs(source, count=2)._repr_png_() == plain
        assert dict(mpl.rcParams) == before


def test_pyplot_is_never_imported(figures_root):
    code = (
        "import sys, segfeed; assert 'matplotlib' not in sys.modules; "
        f"segfeed.show(segfeed.scan({str(figures_root)!r}, 'train', legend=['a', 'b', 'c']), count=1); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_labels_are_resized_by_taking_the_nearest():
    labels = np.array([[0, 7], [9, 255]], np.uint8)
    pair = Pair(np.zeros((2, 2, 3), np.uint8), labels)
    np.testing.assert_array_equal(shrink(pair, 6, 4).labels, labels.repeat(3, axis=0).repeat(2, axis=1))
    assert shrink(pair, 2, 2) is pair
    big = Pair(np.zeros((101, 77, 3), np.uint8), np.random.default_rng(0).choice(labels.ravel(), (101, 77)))
    assert set(np.unique(shrink(big, 13, 50).labels)) <= {0, 7, 9, 255}


def test_a_thumbnail_keeps_proportions_and_remembers_its_size():
    pair = Pair(np.zeros((1080, 1920, 3), np.uint8), np.zeros((1080, 1920), np.uint8))
    thumb = Thumb.of(pair, "k", 240)
    assert (thumb.height, thumb.width, thumb.labels.shape) == (1080, 1920, (135, 240))
    assert thumb.fitted(90, 240).labels.shape == (90, 160)
    assert fit(4000, 2, 100, 100) == (100, 1)


def test_an_overlay_draws_a_line_where_classes_meet_but_not_at_void():
    labels = np.array([[1, 1, 2, 2, 255, 255, 1]], np.uint8)
    pixels = overlay(Pair(np.zeros((1, 7, 3), np.uint8), labels), LEGEND)[0]
    bright = [bool((pixel > 200).all()) for pixel in pixels]
    assert bright == [False, True, False, False, False, False, False]


def test_swatches_are_sorted_and_void_is_last():
    listed = swatches(LEGEND, np.array([1, 0, 2, 1]), set())
    assert [(s.name, s.share) for s in listed] == [("dog", 0.5), ("ground", 0.25), ("void", 0.25)]
    assert listed[-1].colour is None
    assert absent(LEGEND, np.array([1, 0, 2, 1])) == "absent: cat"
    assert absent(LEGEND, np.array([1, 1, 2, 0])) == ""
