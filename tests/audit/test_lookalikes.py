"""Lookalikes: copies are found however they were saved, other photos are not, and many are compared in no time."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from little_voc import a_photo
from segfeed.audit.lookalikes import (
    MAX_BITS,
    MAX_DIFFERENCE,
    Appearance,
    group_lookalikes,
    measure_appearance,
)

FLAT = np.zeros((16, 16), np.uint8)


def recoded(image: np.ndarray, scale: float = 1.0, quality: int = 40) -> np.ndarray:
    height, width = image.shape[:2]
    out = io.BytesIO()
    Image.fromarray(image).resize((round(width * scale), round(height * scale))).save(out, "JPEG", quality=quality)
    return np.array(Image.open(out).convert("RGB"))


def test_a_copy_saved_again_or_resized_is_found_and_another_photo_is_not():
    photos = [a_photo(str(number), (120, 160)) for number in range(12)]
    copies = [recoded(photos[3]), recoded(photos[7], 0.6), recoded(photos[7], 1.5, 90)]
    groups = group_lookalikes([measure_appearance(image) for image in photos + copies])
    assert groups == [[3, 12], [7, 13, 14]]


@pytest.mark.slow
def test_real_photos_are_told_from_each_other_and_known_again(voc2012_part):
    paths = sorted((voc2012_part / "JPEGImages").glob("*.jpg"))[:40]
    photos = [np.array(Image.open(path)) for path in paths]
    looks = [measure_appearance(image) for image in photos]
    assert group_lookalikes(looks) == []
    copies = [measure_appearance(recoded(image, 0.5)) for image in photos]
    assert group_lookalikes(looks + copies) == [[number, number + 40] for number in range(40)]


def test_photos_without_any_pattern_are_compared_by_brightness():
    flat = [np.full((40, 60, 3), grey, np.uint8) for grey in (10, 12, 200)]
    assert group_lookalikes([measure_appearance(image) for image in flat]) == [[0, 1]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_groups_are_those_of_comparing_all_with_all(seed):
    draws = np.random.default_rng(seed)
    bits = [int(draws.integers(0, 2**63))]
    for _ in range(150):
        flips = draws.choice(64, draws.integers(1, 12), replace=False)
        bits.append(bits[int(draws.integers(len(bits)))] ^ sum(1 << int(flip) for flip in flips))
    looks = [Appearance(word, FLAT) for word in bits]
    assert sorted(group_lookalikes(looks)) == sorted(compare_all(bits))


def compare_all(bits: list[int]) -> list[list[int]]:
    group = list(range(len(bits)))
    for one in range(len(bits)):
        for two in range(one):
            if (bits[one] ^ bits[two]).bit_count() <= MAX_BITS:
                old, new = sorted((group[one], group[two]), reverse=True)
                group = [new if number == old else number for number in group]
    members = [[place for place, number in enumerate(group) if number == first] for first in set(group)]
    return [places for places in members if len(places) > 1]


def test_equal_hashes_of_photos_that_differ_do_not_make_them_alike():
    bright = np.full_like(FLAT, round(MAX_DIFFERENCE) + 1)
    assert group_lookalikes([Appearance(5, FLAT), Appearance(5, bright)]) == []
    assert group_lookalikes([]) == group_lookalikes([Appearance(5, FLAT)]) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["different", "equal", "a slow film"])
def test_twelve_thousand_photos_are_compared_within_seconds(kind):
    draws = np.random.default_rng(0)
    bits = {
        "different": draws.integers(0, 2**63, 12_000),
        "equal": np.full(12_000, 77),
        "a slow film": np.bitwise_xor.accumulate(1 << draws.integers(0, 63, 12_000)),
    }[kind]
    looks = [Appearance(int(word), FLAT) for word in bits]
    start = time.process_time()
    groups = group_lookalikes(looks)
    assert time.process_time() - start < 20  # comparing all with all in Python takes minutes
    if kind == "different":
        assert sum(map(len, groups)) < 30  # of 72 million pairs a handful is alike by chance; thumbnails part them
    else:
        assert list(map(len, groups)) == [12_000]


@pytest.mark.parametrize("size", [(120, 160), (31, 47), (1, 2), (300, 20), (2000, 9)])
def test_the_bits_are_those_of_the_library_imagehash(size):
    imagehash = pytest.importorskip("imagehash")
    for number in range(5):
        image = a_photo(f"{number}", (120, 160))
        image = np.array(Image.fromarray(image).resize(size[::-1]))
        rows = np.ascontiguousarray(image[:: max(size[0] // 48, 1), :, 1])
        wanted = imagehash.dhash(Image.fromarray(rows).resize((32, 32), Image.Resampling.BOX))
        assert f"{measure_appearance(image).bits:016x}" == str(wanted)
