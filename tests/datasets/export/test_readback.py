"""Reading back: whatever differs from what was meant is named, whichever part of it."""

import json
import tarfile

import pytest

from segfeed import scan
from segfeed.datasets.export.exporting import export_splits, plain_legend
from segfeed.datasets.export.readback import Written, check_texts, compare_dataset, compare_shards
from segfeed.errors import LegendError, OptionError, SourceError


@pytest.fixture
def source(voc_folder):
    return scan(voc_folder, "val")


def written_of(source):
    samples = [(sample.key, sample.photo.read(), source.read(n).labels) for n, sample in enumerate(source.samples)]
    return {source.split: [Written.of(*sample) for sample in samples]}


@pytest.mark.parametrize("kind", ["voc", "parquet"])
@pytest.mark.slow
def test_what_is_equal_passes(source, tmp_path, kind):
    folder = export_splits([source], tmp_path / "out", kind)
    compare_dataset(folder, plain_legend([source]), written_of(source), None)


def a_split_more(_folder, written):
    written["test"] = []


def a_sample_more(_folder, written):
    written["val"].append(Written("more", b"", None))


def another_key(_folder, written):
    written["val"][1] = Written("other", *[getattr(written["val"][1], part) for part in ("photo", "labels")])


def another_order(_folder, written):
    written["val"].reverse()


def another_photo(folder, _written):
    photo = folder / "JPEGImages/val_1.png"
    photo.write_bytes((folder / "JPEGImages/val_0.png").read_bytes())


def another_mask(folder, _written):
    mask = folder / "SegmentationClass/val_1.png"
    mask.write_bytes((folder / "SegmentationClass/val_0.png").read_bytes())


def a_mask_less(folder, _written):
    (folder / "SegmentationClass/val_1.png").unlink()


def a_damaged_mask(folder, _written):
    mask = folder / "SegmentationClass/val_1.png"
    mask.write_bytes(mask.read_bytes()[:-30])


def other_classes(folder, _written):
    labelmap = folder / "labelmap.txt"
    labelmap.write_text(labelmap.read_text().replace("aeroplane", "plane"))


def other_colours(folder, _written):
    labelmap = folder / "labelmap.txt"
    labelmap.write_text(labelmap.read_text().replace("aeroplane:128,0,0", "aeroplane:129,0,0"))


@pytest.mark.parametrize(
    "change",
    [
        a_split_more, a_sample_more, another_key, another_order, another_photo, another_mask, a_mask_less,
        a_damaged_mask, other_classes, other_colours,
    ],
)  # fmt: skip
@pytest.mark.slow
def test_any_difference_of_a_folder_is_an_error(source, tmp_path, change):
    folder, written = export_splits([source], tmp_path / "out", "voc"), written_of(source)
    change(folder, written)
    with pytest.raises(SourceError) as caught:
        compare_dataset(folder, plain_legend([source]), written, None)
    assert caught.value.found.startswith("what was written does not read back: ")
    assert str(folder) not in caught.value.where


@pytest.mark.parametrize("change", [a_sample_more, another_key, another_order])
@pytest.mark.slow
def test_any_difference_of_shards_is_an_error(source, tmp_path, change):
    folder, written = export_splits([source], tmp_path / "out", "webdataset"), written_of(source)
    compare_shards(folder, plain_legend([source]), written, None)
    change(folder, written)
    with pytest.raises(SourceError):
        compare_shards(folder, plain_legend([source]), written, None)


def test_a_shard_of_more_samples_or_of_other_classes_is_an_error(source, tmp_path):
    folder, legend = export_splits([source], tmp_path / "out", "webdataset"), plain_legend([source])
    with pytest.raises(SourceError) as caught:
        compare_shards(folder, legend, {"val": written_of(source)["val"][:2]}, None)
    assert caught.value.found.endswith("more than 2 samples")
    described = json.loads((folder / "legend.json").read_text())
    described["names"][0] = "other"
    (folder / "legend.json").write_text(json.dumps(described))
    with pytest.raises(SourceError) as caught:
        compare_shards(folder, legend, written_of(source), None)
    assert caught.value.where == "legend.json"


@pytest.mark.slow
def test_a_member_without_its_photo_is_noticed(source, tmp_path):
    folder = export_splits([source], tmp_path / "out", "webdataset")
    path = folder / "val-000000.tar"
    with tarfile.open(path) as tar:
        kept = [(member, tar.extractfile(member).read()) for member in tar if member.name != "val_2.png"]
    path.unlink()
    with tarfile.open(path, "w") as tar:
        for member, data in kept:
            (folder / "member").write_bytes(data)
            tar.add(folder / "member", member.name)
    with pytest.raises(SourceError) as caught:
        compare_shards(folder, plain_legend([source]), written_of(source), None)
    assert caught.value.where == "sample val_2"


@pytest.mark.slow
def test_texts_are_compared_before_photos_are_there(source, tmp_path):
    folder, legend = export_splits([source], tmp_path / "out", "voc"), plain_legend([source])
    check_texts(folder, legend, {"val": source.keys})
    with pytest.raises(OptionError) as caught:
        check_texts(folder, legend, {"val": source.keys[:2]})
    assert caught.value.where == "split 'val'"
    other_classes(folder, None)
    with pytest.raises(LegendError) as caught:
        check_texts(folder, legend, {"val": source.keys})
    assert "the names of the classes" in caught.value.found
    assert not list(folder.glob("labelmap-*"))
