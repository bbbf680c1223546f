"""Real data: batches of real VOC pairs equal Pillow's pixels, cut by the batch's own crops."""

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed import d2l
from segfeed.pixels.codec import decode_mask, read_labels
from segfeed.pixels.public_legends import VOC

pytestmark = pytest.mark.slow

# What the book prints for the first training mask, rows 105..114, columns 130..139; void is shown as 0.
BOOK = (
    "0000000001", "0000000111", "0000001111", "0000011111", "0000011111", "0000111111", "0000011111", "0000011111",
    "0000001111", "0000000011",
)  # fmt: skip


@pytest.fixture(scope="module")
def splits(voc2012_part):
    return segfeed.load(
        voc2012_part, batch_size=16, crop_size=(320, 480), flip=True, dtype="uint8", label_dtype="uint8", seed=3
    )


@pytest.fixture
def book_mask(shared_data):
    return shared_data / "voc2012-facts" / "2007_000032.png"


def crop_of(pixels, crop, outside):
    """Cut a crop with plain slices out of pixels with a wide border of padding."""
    top, left, height, width = (int(crop[name]) for name in ("top", "left", "height", "width"))
    border = 600
    shape = (pixels.shape[0] + 2 * border, pixels.shape[1] + 2 * border, *pixels.shape[2:])
    wide = np.empty(shape, np.uint8)
    wide[:] = outside
    wide[border:-border, border:-border] = pixels
    cut = wide[border + top : border + top + height, border + left : border + left + width]
    return cut[:, ::-1] if crop["flip"] else cut


def assert_batches_are_pillow_s(loader, root):
    seen = []
    for batch in loader:
        for image, labels, crop, key in zip(batch.images, batch.labels, batch.crops, batch.keys, strict=True):
            if not key:
                assert (crop["sample"], set(labels.ravel().tolist())) == (-1, {255})
                continue
            photo = np.array(Image.open(root / "JPEGImages" / f"{key}.jpg").convert("RGB"))
            mask = np.array(Image.open(root / "SegmentationClass" / f"{key}.png"))
            assert np.array_equal(crop_of(photo, crop, (124, 116, 104)), image), key
            assert np.array_equal(crop_of(mask, crop, 255), labels), key
            seen.append(key)
    return seen


def keys_of(root, split):
    return (root / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()


def test_train_batches_are_pillow_s_pixels_and_indices_through_their_own_crops(splits, voc2012_part):
    seen = assert_batches_are_pillow_s(splits.train, voc2012_part)
    assert (len(seen), len(splits.train)) == (80, 5)
    assert sorted(keys_of(voc2012_part, "train")) == sorted(seen)


def test_val_batches_are_every_pixel_of_pillow_s_in_order(splits, voc2012_part):
    seen = assert_batches_are_pillow_s(splits.val, voc2012_part)
    assert (len(seen), len(splits.val)) == (60, 4)
    assert keys_of(voc2012_part, "val") == seen


def test_every_pixel_of_val_is_counted_once(splits, voc2012_part):
    counted = np.zeros(256, np.int64)
    shown = 0
    for images, labels in splits.val:
        counted += np.bincount(labels.ravel(), minlength=256)
        shown += images.shape[0] * images.shape[1] * images.shape[2]
    stored = np.zeros(256, np.int64)
    for key in keys_of(voc2012_part, "val"):
        mask = np.array(Image.open(voc2012_part / "SegmentationClass" / f"{key}.png"))
        stored += np.bincount(mask.ravel(), minlength=256)
    assert stored[:21].tolist() == counted[:21].tolist()
    assert shown - stored.sum() == counted[255] - stored[255]


def test_the_book_s_labels_are_the_book_s(book_mask):
    colours = np.array(Image.open(book_mask).convert("RGB"))
    labels = d2l.voc_label_indices(colours, d2l.voc_colormap2label())
    assert tuple("".join(map(str, row)) for row in labels[105:115, 130:140].tolist()) == BOOK


def test_the_same_mask_keeps_its_void(book_mask):
    stored = np.array(Image.open(book_mask))
    labels = read_labels(decode_mask(book_mask.read_bytes(), book_mask.name), VOC)
    assert np.array_equal(stored, labels)
    assert np.count_nonzero(labels == 255) > 1000
    assert (labels[105:115, 130:140] == 255).any()
