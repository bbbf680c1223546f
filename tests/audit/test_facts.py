"""Facts: what is kept of a sample once its pixels are gone."""

import numpy as np
import pytest
from PIL import Image

import segfeed
from little_voc import COLOURS, SIZE, make_voc, put_mask, some_labels
from segfeed.audit.facts import read_facts
from segfeed.datasets.doubts.evidence import count_values


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": ["a", "b"]})


def facts_of(root):
    source = segfeed.scan(root)
    return read_facts(source, source.samples[0], (("train", "a"),))


def test_a_good_sample_is_described(root):
    facts = facts_of(root)
    assert facts.photo.size == facts.mask.size == SIZE
    assert (facts.photo.file, facts.photo.kind, facts.photo.orientation) == ("JPEGImages/a.png", "colour", 1)
    assert (facts.mask.file, facts.mask.kind, facts.mask.bits) == ("SegmentationClass/a.png", "palette", 8)
    assert facts.photo.error is facts.mask.error is facts.mask.unknowns is None
    assert facts.photo.appearance.thumb.shape == (16, 16)
    assert facts.photo.digest != facts.mask.digest


@pytest.mark.parametrize("coded", ["palette", "gray", "colour"])
@pytest.mark.slow
def test_labels_are_counted_as_the_source_reads_them(root, coded):
    labels = some_labels()
    put_mask(root, "a", COLOURS[labels] if coded == "colour" else labels, COLOURS if coded == "palette" else None)
    mask = facts_of(root).mask
    assert mask.kind == coded
    read = segfeed.scan(root).read(0).labels
    expected = dict(zip(*np.unique(read, return_counts=True), strict=True))
    assert dict(zip(mask.labels.tolist(), mask.counts.tolist(), strict=True)) == expected


def test_what_is_known_is_kept_beside_what_is_not(root):
    labels = some_labels()
    labels[:2] = 90
    put_mask(root, "a", labels)
    mask = facts_of(root).mask
    assert mask.unknowns.pixels == 2 * SIZE[1]
    assert mask.labels.tolist() == [0, 1, 2, 255]
    assert mask.counts.sum() == labels.size - 2 * SIZE[1]


def test_a_file_that_cannot_be_read_is_a_fact(root):
    (root / "JPEGImages" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    (root / "SegmentationClass" / "a.png").write_bytes(b"%PDF")
    facts = facts_of(root)
    assert facts.photo.error is not None
    assert (facts.photo.error.is_damage, facts.mask.error.is_damage) == (True, False)
    assert facts.photo.appearance is None
    assert facts.mask.error is not None
    assert facts.mask.kind == "a PDF"
    assert facts.photo.error.__traceback__ is facts.photo.error.__context__ is None  # it would keep the bytes in memory


def test_a_file_that_may_not_be_read_is_a_fact(root, monkeypatch):
    from segfeed.datasets.blobs import File  # noqa: PLC0415 - patched here only
    from segfeed.errors import PhotoError  # noqa: PLC0415 - the same

    def refuse(blob, limit_bytes=-1):
        raise PhotoError(blob.address, found="the file cannot be read (Permission denied)", remedy="change its mode")

    source = segfeed.scan(root)
    monkeypatch.setattr(File, "read", refuse)
    facts = read_facts(source, source.samples[0], (("train", "a"),))
    for error in (facts.photo.error, facts.mask.error):
        assert isinstance(error, PhotoError)
        assert (error.found, error.remedy) == ("the file cannot be read (Permission denied)", "change its mode")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_values_are_counted_as_numpy_counts_them(dtype):
    stored = np.random.default_rng(0).integers(0, 9, (17, 23)).astype(dtype).repeat(3, axis=1)
    values, counts = count_values(stored)
    expected_values, expected_counts = np.unique(stored, return_counts=True)
    assert values.tolist() == expected_values.tolist()
    assert counts.tolist() == expected_counts.tolist()
    assert values.dtype == dtype


def test_a_photo_of_few_pixels_has_an_appearance(root):
    Image.new("RGB", (2, 1)).save(root / "JPEGImages" / "a.png")
    assert facts_of(root).photo.appearance.thumb.shape == (16, 16)


def test_an_index_beyond_the_palette_that_a_legend_of_numbers_knows_has_no_colour(tmp_path):
    root = make_voc(tmp_path / "VOC2012", {"train": ["a", "b"]})
    put_mask(root, "a", some_labels(), COLOURS[:2])
    legend = {0: "background", 1: "cat", 2: "dog", 255: None}
    assert segfeed.check(root, ["train"], crop_size=(8, 8), legend=legend).pairs == 2
