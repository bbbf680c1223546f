"""Unknowns: what the colours of a mask look like that its legend does not know."""

import io

import numpy as np
import pytest
from PIL import Image

from little_voc import COLOURS, some_labels
from segfeed.audit.unknowns import known_values, measure_unknowns
from segfeed.pixels.codec import StoredMask
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import Objects
from segfeed.pixels.public_legends import VOC

LABELS = some_labels((240, 320))
FILTERS = [Image.Resampling[name] for name in ("BILINEAR", "BICUBIC", "LANCZOS")]


def as_colours(labels: np.ndarray) -> np.ndarray:
    return COLOURS[labels]


def as_two_values(labels: np.ndarray) -> np.ndarray:
    return np.where((labels > 0) & (labels < 255), 255, 0).astype(np.uint8)


def through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.array(Image.open(out))


def through_resizing(pixels: np.ndarray, scale: float, how: Image.Resampling) -> np.ndarray:
    height, width = pixels.shape[:2]
    return np.array(Image.fromarray(pixels).resize((round(width * scale), round(height * scale)), how))


def likely(pixels: np.ndarray) -> str:
    found = measure_unknowns(StoredMask(pixels, None), VOC)
    assert found is not None
    return found.likely


@pytest.mark.parametrize("quality", [60, 75, 95])
@pytest.mark.parametrize("coded", [as_colours, np.array, as_two_values])
def test_a_mask_that_was_a_jpeg_is_told(coded, quality):
    assert likely(through_jpeg(coded(LABELS), quality)) == "lossy"


@pytest.mark.parametrize("scale", [0.4, 1.3, 2, 3])
@pytest.mark.parametrize("how", FILTERS, ids=lambda how: how.name)
@pytest.mark.parametrize("coded", [as_colours, as_two_values])
@pytest.mark.slow
def test_a_mask_that_was_resized_with_interpolation_is_told(coded, how, scale):
    assert likely(through_resizing(coded(LABELS), scale, how)) == "blended"


def test_a_photo_is_told(shared_data):
    with Image.open(next((shared_data / "voc2012-part").rglob("*.jpg"))) as photo:
        assert likely(np.array(photo)) == "photo"
        assert likely(np.array(photo.convert("L"))) == "photo"


@pytest.mark.parametrize("missing", [1, 3, 12])
def test_classes_that_the_legend_lacks_are_plain(missing):
    mask = np.repeat(np.arange(3 + missing, dtype=np.uint8), 8)[None].repeat(20, axis=0)
    legend = Legend(("a", "b", "c"))
    for stored in (StoredMask(mask, None), StoredMask(COLOURS[mask], None), StoredMask(mask, COLOURS)):
        found = measure_unknowns(stored, legend)
        assert (found.likely, found.unknown, found.pixels) == ("plain", missing, missing * 8 * 20)
        assert found.first == (0, 24)
        assert found.box == (0, 24, 20, missing * 8)


def test_thin_outlines_in_a_colour_of_their_own_are_plain():
    labels = some_labels()
    labels[labels == 255] = 40
    assert measure_unknowns(StoredMask(labels, COLOURS), VOC).likely == "plain"


def test_what_is_found_is_spelled_as_it_is_stored():
    mask = np.array([[0, 7, 7, 9]], np.uint8)
    pets = Legend(("background", "cat"))
    palette = COLOURS[:8]
    assert measure_unknowns(StoredMask(mask, None), pets).example == "index 7"
    assert measure_unknowns(StoredMask(mask, None), pets).indices == (7, 9)
    assert measure_unknowns(StoredMask(COLOURS[mask], None), pets).example == "colour (128, 128, 128)"
    found = measure_unknowns(StoredMask(mask, palette), pets)
    assert found.example == "colour (128, 128, 128) (palette index 7)"
    assert found.nearest == "void (224, 224, 192)"
    beyond = measure_unknowns(StoredMask(mask[:, 3:], palette), pets)
    assert beyond.example == "index 9, beyond the file's palette of 8 colours,"


def test_a_known_mask_has_no_unknowns():
    for stored in (StoredMask(LABELS, None), StoredMask(LABELS, COLOURS), StoredMask(COLOURS[LABELS], None)):
        assert measure_unknowns(stored, VOC) is None
        assert measure_unknowns(stored, Objects()) is None


def test_what_is_known_is_what_the_legend_encodes():
    values = np.arange(256, dtype=np.uint8)
    for legend in (VOC, Legend(("a", "b"), indices=(3, 9), void_indices=()), Objects()):
        known = known_values(values, StoredMask(values[None], None), legend)
        encoded = [can_encode(legend, value) for value in values]
        assert known.tolist() == encoded


def can_encode(legend: Legend | Objects, value: int) -> bool:
    try:
        legend.encode(np.array([[value]], np.uint8))
    except ValueError:
        return False
    return True
