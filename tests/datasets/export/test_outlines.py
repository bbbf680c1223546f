"""Export of outlines: pycocotools, Ultralytics' reading and our own give the labels back, void as it is said."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed import Legend, Source, scan
from segfeed.datasets.blobs import File
from segfeed.datasets.export import export_splits
from segfeed.datasets.export import exporting as export
from segfeed.datasets.export.outlines import LOST, read_lost
from segfeed.datasets.source import Sample
from segfeed.errors import LegendError, OptionError, SourceError

NAMES = ("background", "car", "tree")


def put_split(folder, split, keys=("a", "b"), names=NAMES, *, void=True, suffix=".png", seed=0) -> Source:
    """Make a split of photos whose labels are noise: regions with holes, single pixels, void."""
    folder.mkdir(parents=True)
    samples = []
    for number, key in enumerate(keys):
        draws = np.random.default_rng((seed, number))
        paths = folder / f"{number}{suffix}", folder / f"{number}_mask.png"
        Image.fromarray(draws.integers(0, 256, (20, 30, 3), np.uint8)).save(paths[0])
        labels = np.kron(draws.integers(0, len(names) + void, (10, 10)), np.ones((2, 3), int))
        labels[4:9, 6:15], labels[6, 8:10], labels[6, 12] = 1, 0, 0
        Image.fromarray(np.where(labels == len(names), 255, labels).astype(np.uint8)).save(paths[1])
        samples.append(Sample(key, *(File.of(str(path)) for path in paths)))
    return Source(folder, "folders", split, "semantic", tuple(samples), Legend(names))


def by_name(source):
    """Return labels as indices into sorted names of classes, void as -1."""
    names = [name.strip("_") for name in source.legend.names]
    order = [sorted(names).index(name) for name in names]
    table = np.full(source.legend.void + 1, -1)
    table[: len(order)] = order
    return [table[source.read(index).labels] for index in range(len(source))]


@pytest.mark.parametrize("kind", ["coco", "yolo"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.slow
def test_splits_are_read_back_with_their_photos_and_labels(tmp_path, kind, suffix, caplog):
    sources = [
        put_split(tmp_path / split, split, void=False, suffix=suffix, seed=n)
        for n, split in enumerate(("train", "val"))
    ]
    folder = export_splits(sources, tmp_path / "out", kind)
    for source in sources:
        back = scan(folder, source.split)
        assert (back.format, back.keys, back.legend.names) == (kind, source.keys, source.legend.names)
        for index, sample in enumerate(source.samples):
            assert back.samples[index].photo.read() == sample.photo.read()
            np.testing.assert_array_equal(back.read(index).labels, source.read(index).labels)
    assert caplog.text == ""
    assert read_lost(folder) == []


@pytest.mark.parametrize("kind", ["coco", "yolo"])
@pytest.mark.slow
def test_real_labels_come_back_by_both_rules(voc2012_part, tmp_path, kind):
    source = replace(scan(voc2012_part, "val[:12]"), split="val")
    folder = export_splits([source], tmp_path / "out", kind)
    for rule in ("tool", "centre"):
        back = scan(folder, "val", rule=rule)
        for index in range(len(source)):
            labels, wanted = back.read(index).labels, source.read(index).labels
            unlike = labels != wanted
            assert not unlike[wanted != 255].any()
            assert unlike.any() == (kind == "yolo" and (wanted == 255).any())


@pytest.mark.slow
def test_void_is_a_crowd_in_coco_and_void_again_by_folder_and_by_json(tmp_path):
    source = put_split(tmp_path / "in", "train")
    folder = export_splits([source], tmp_path / "out", "coco")
    for path in (folder, folder / "annotations/instances_train.json"):
        for found, wanted in zip(by_name(scan(path, "train")), by_name(source), strict=True):
            np.testing.assert_array_equal(found, wanted)
    described = json.loads((folder / "annotations/instances_train.json").read_bytes())
    assert [one["name"] for one in described["categories"]] == ["car", "tree"]
    assert sum(one["iscrowd"] for one in described["annotations"]) == 2
    holed = [one for one in described["annotations"] if isinstance(one["segmentation"], dict) and not one["iscrowd"]]
    assert holed


def test_void_in_yolo_is_counted_and_listed(tmp_path, caplog):
    source = put_split(tmp_path / "in", "train")
    folder = export_splits([source], tmp_path / "out", "yolo")
    counts = [int((source.read(index).labels == 255).sum()) for index in range(2)]
    assert read_lost(folder) == [("train", "a", counts[0]), ("train", "b", counts[1])]
    assert f"{sum(counts)} px of 2 samples are void" in caplog.text
    assert LOST in caplog.text


@pytest.mark.parametrize("kind", ["coco", "yolo"])
@pytest.mark.slow
def test_without_a_background_what_is_not_drawn_is_void(tmp_path, kind):
    source = put_split(tmp_path / "in", "val", names=("road", "car"))
    back = scan(export_splits([source], tmp_path / "out", kind), "val")
    assert back.legend.names == ("road", "car")
    for index in range(2):
        np.testing.assert_array_equal(back.read(index).labels, source.read(index).labels)


@pytest.mark.parametrize("kind", ["coco", "yolo"])
@pytest.mark.slow
def test_a_background_that_is_not_the_first_class_stays_what_it_is(tmp_path, kind):
    source = put_split(tmp_path / "in", "val", names=("pet", "background"), void=False)
    back = scan(export_splits([source], tmp_path / "out", kind), "val")
    for found, wanted in zip(by_name(back), by_name(source), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_draws_the_same(tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    source = put_split(tmp_path / "in", "train")
    path = export_splits([source], tmp_path / "out", "coco") / "annotations/instances_train.json"
    opened = coco.COCO(str(path))
    for index, image in enumerate(opened.dataset["images"]):
        labels = np.zeros((20, 30), int)
        for note in opened.loadAnns(opened.getAnnIds(image["id"])):
            cover = opened.annToMask(note).astype(bool)
            assert note["area"] == cover.sum()
            rows, columns = np.nonzero(cover)
            corner, sides = (columns.min(), rows.min()), (np.ptp(columns) + 1, np.ptp(rows) + 1)
            assert note["bbox"] == [*corner, *sides]
            labels[cover] = 255 if note["iscrowd"] else note["category_id"]
        np.testing.assert_array_equal(labels, source.read(index).labels)


@pytest.mark.parametrize("name", ["Straße: 1", "a\x85b"])
def test_yolo_is_what_its_users_read(tmp_path, name):
    import yaml  # noqa: PLC0415

    source = put_split(tmp_path / "in", "train", names=("background", "yes", name))
    folder = export_splits([source], tmp_path / "out", "yolo")
    described = yaml.safe_load((folder / "data.yaml").read_bytes())
    assert described == {"train": "train.txt", "names": {0: "yes", 1: name}}
    for line in (folder / "labels/train/a.txt").read_text().splitlines():
        number, *shares = line.split()
        assert number in ("0", "1")
        assert len(shares) >= 8
        assert all(0 <= float(share) <= 1 for share in shares)


@pytest.mark.slow
def test_splits_get_names_that_annotations_can_say(tmp_path, caplog):
    source = put_split(tmp_path / "in", "train[:50%]")
    for kind in ("coco", "yolo"):
        assert len(scan(export_splits([source], tmp_path / kind, kind), "train")) == 2
    assert "split 'train[:50%]' is written as 'train'" in caplog.text
    for kind, split in (("coco", "first"), ("yolo", "trainval")):
        with pytest.raises(OptionError, match=f"split '{split}'"):
            export_splits([replace(source, split=split)], tmp_path / "no", kind)


@pytest.mark.parametrize("kind", ["coco", "yolo"])
@pytest.mark.slow
def test_keys_of_folders_become_names_of_files_and_others_are_refused(tmp_path, kind):
    source = put_split(tmp_path / "in", "val", keys=("scene/1", "b.c"), void=False)
    folder = export_splits([source], tmp_path / "out", kind)
    assert scan(folder, "val").keys == ("scene_1", "b.c")
    for key in (".a", "a:b", "a\nb"):
        odd = replace(source, samples=(replace(source.samples[0], key=key),))
        with pytest.raises(OptionError, match=r"do not fit|not the name"):
            export_splits([odd], tmp_path / "no", kind)


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_photos_to_be_predicted_are_refused_as_they_would_be_background(tmp_path, kind):
    source = put_split(tmp_path / "in", "test")
    bare = replace(source, samples=tuple(replace(one, mask=None) for one in source.samples))
    with pytest.raises(OptionError, match="all background"):
        export_splits([bare], tmp_path / "out", kind)


def test_two_classes_that_mean_background_are_refused(tmp_path):
    with pytest.raises(LegendError, match="could not tell apart"):
        export_splits([put_split(tmp_path / "in", "val", names=("background", "_background_"))], tmp_path / "o", "yolo")


@pytest.mark.parametrize("kind", ["coco", "yolo"])
@pytest.mark.slow
def test_labels_that_changed_on_the_way_are_noticed_and_nothing_is_left(tmp_path, kind, monkeypatch):
    draw = getattr(export, f"draw_{kind}")

    def other(labels, legend):
        changed = labels.copy()
        changed[0, 0] = 1 if labels[0, 0] != 1 else 2
        return draw(changed, legend)

    source = put_split(tmp_path / "in", "train", void=False)
    monkeypatch.setattr(export, f"draw_{kind}", other)
    with pytest.raises(SourceError, match="1 px of other labels"):
        export_splits([source], tmp_path / "out", kind)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.slow
def test_a_set_of_polygons_is_exported_and_read_as_what_it_shows(shared_data, tmp_path):
    source = segfeed.scan(shared_data / "vector/labelme/voc_semantic", "all")
    back = scan(export_splits([replace(source, split="val")], tmp_path / "out", "coco"), "val")
    for found, wanted in zip(by_name(back), by_name(source), strict=True):
        np.testing.assert_array_equal(found, wanted)
