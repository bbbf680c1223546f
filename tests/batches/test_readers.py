"""Readers: rows filled from a source that decodes into memory used again, as from a pack."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plain_rows import plain_rows
from segfeed import BatchFormat, Draw, Plan, make_pack, scan
from segfeed.batches.readers import _Memory, conversion_for, fill_rows
from segfeed.errors import SourceChangedError
from segfeed.pixels.pair import Pair

SIZES = [(20, 30), (9, 41), (33, 16), (16, 24), (31, 31), (12, 12), (24, 40)]
CANVAS = 16, 24


@pytest.fixture(name="source", params=[".png", ".jpg"])
def _source(request, tmp_path, write_voc):
    return scan(write_voc(tmp_path / "VOC2012", {"train": SIZES}, suffix=request.param), "train")


def filled(reader, rows):
    images, labels = np.full((len(rows), *CANVAS, 3), 7, np.float32), np.full((len(rows), *CANVAS), 7, np.int32)
    fill_rows(
        reader, conversion_for(BatchFormat(), reader.legend, Plan(reader.sizes, 1, Draw(CANVAS))), rows, images, labels
    )
    return images.tobytes(), labels.tobytes()


@pytest.mark.parametrize("count", range(1, 12))
@pytest.mark.parametrize("at_once_bytes", [1, 10_000, 8 << 20])
@pytest.mark.slow
def test_any_number_of_rows_is_filled_as_from_a_pack(source, count, at_once_bytes, monkeypatch):
    monkeypatch.setattr("segfeed.batches.readers._AT_ONCE_BYTES", at_once_bytes)
    plan = Plan(source.sizes, len(SIZES), Draw(CANVAS, flip=True))
    rows = np.concatenate([plan.rows(epoch, 0) for epoch in range(2)])[:count]
    with make_pack(source) as pack:
        assert filled(source, rows) == filled(pack, rows)


@pytest.mark.parametrize(("side_px", "pairs"), [(400, 4), (1000, 2), (1500, 1), (5000, 1)])
def test_of_large_photos_fewer_are_decoded_at_once(side_px, pairs):
    sizes = np.array([(8, 8)] * 9 + [(side_px, side_px)], np.int32)
    memory = _Memory.fit(sizes, np.dtype(np.uint8))
    assert len(memory) == len(memory.labels) == pairs
    assert memory.images.nbytes + memory.labels.nbytes <= max(8 << 20, 4 * side_px**2)


@pytest.mark.slow
def test_rows_without_a_sample_are_padding_wherever_they_stand(source):
    rows = Plan(source.sizes, len(SIZES), Draw(CANVAS)).rows(0, 0)
    nothing = plain_rows([(-1, 0, 0, *CANVAS, False)])
    rows = np.concatenate([nothing, rows[:3], nothing, nothing, rows[3:], nothing])
    with make_pack(source) as pack:
        assert filled(source, rows) == filled(pack, rows)


def test_a_read_pair_lies_in_the_memory_that_was_given(source):
    wanted = source.read(3)
    place = Pair(np.zeros_like(wanted.image), np.zeros_like(wanted.labels))
    assert source.read(3, place) is place
    assert (place.image == wanted.image).all()
    assert (place.labels == wanted.labels).all()


def test_a_sample_without_a_mask_is_void_in_the_memory_that_was_given(source):
    (sample,) = source.samples[:1]
    bare = replace(source, samples=(replace(sample, mask=None),))
    place = Pair(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.uint8))
    assert (bare.read(0, place).labels == 255).all()
    assert (place.image == source.read(0).image).all()


def test_a_photo_of_another_size_than_when_it_was_scanned_is_refused(source, tmp_path, write_voc):
    assert source.sizes[0].tolist() == [20, 30]
    photo = Path(source.samples[0].photo.path)
    other = write_voc(tmp_path / "other", {"train": [(21, 30)]}, suffix=photo.suffix)
    photo.write_bytes((other / "JPEGImages" / photo.name).read_bytes())
    with pytest.raises(SourceChangedError) as caught:
        filled(source, plain_rows([(0, 0, 0, *CANVAS, False)]))
    assert caught.value.where == str(photo)
