"""Export: what others read back, with their own readers, is what the source holds; labels exactly."""

import gc
import hashlib
import importlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from little_voc import a_photo, make_voc, put_photo
from segfeed import Legend, Source, scan
from segfeed.datasets.blobs import File
from segfeed.datasets.export import exporting as export
from segfeed.datasets.export.exporting import KINDS, export_splits
from segfeed.datasets.export.names import read_renamed
from segfeed.datasets.source import Sample
from segfeed.errors import LegendError, OptionError, PhotoError, SourceError


@pytest.fixture
def sources(voc_folder) -> list[Source]:
    return [scan(voc_folder, split) for split in ("train", "val")]


def labels_of(source: Source) -> dict[str, np.ndarray]:
    return {sample.key: source.read(n).labels for n, sample in enumerate(source.samples)}


def assert_equal(source: Source, other: Source) -> None:
    """Compare keys, order, classes, photo bytes and labels."""
    assert other.keys == source.keys
    assert other.legend.names == source.legend.names
    assert other.legend.colours == source.legend.colours
    for n, sample in enumerate(source.samples):
        assert other.samples[n].photo.read() == sample.photo.read()
        np.testing.assert_array_equal(other.read(n).labels, source.read(n).labels)


@pytest.mark.parametrize("kind", ["voc", "parquet"])
@pytest.mark.slow
def test_what_is_exported_is_read_back_equal(sources, tmp_path, kind):
    folder = export_splits(sources, tmp_path / "out", kind)
    for source in sources:
        assert_equal(source, scan(folder, source.split))


@pytest.mark.parametrize("kind", ["voc", "parquet"])
@pytest.mark.slow
def test_real_data_is_read_back_equal(voc2012_part, tmp_path, kind):
    source = scan(voc2012_part, "val[:12]")
    source = replace(source, split="val")
    assert_equal(source, scan(export_splits([source], tmp_path / "out", kind), "val"))


@pytest.mark.parametrize("kind", ["voc", "parquet"])
@pytest.mark.slow
def test_merged_classes_are_exported_as_the_classes_they_became(voc_folder, tmp_path, kind):
    source = scan(voc_folder, legend={"cat": "animal", "dog": "animal", "person": "person", "*": None})
    assert_equal(source, scan(export_splits([source], tmp_path / "out", kind), "train"))


def test_hugging_face_datasets_shows_pictures(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("datasets.arrow_dataset")  # `datasets` alone would find tests/datasets
    datasets = importlib.import_module("datasets")
    folder = export_splits(sources, tmp_path / "out", "parquet")
    for source in sources:
        files = sorted(str(path) for path in (folder / "data").glob(f"{source.split}-*.parquet"))
        table = datasets.Dataset.from_parquet(files, cache_dir=str(tmp_path / "cache"))
        assert isinstance(table.features["image"], datasets.Image)
        assert isinstance(table.features["mask"], datasets.Image)
        for n, row in enumerate(table):
            pair = source.read(n)
            assert row["key"] == source.keys[n]
            np.testing.assert_array_equal(np.asarray(row["image"].convert("RGB")), pair.image)
            np.testing.assert_array_equal(np.asarray(row["mask"]), pair.labels)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its files open
@pytest.mark.slow
def test_webdataset_shows_pairs(sources, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    folder = export_splits(sources, tmp_path / "out", "webdataset")
    for source in sources:
        shards = webdataset.WebDataset(str(folder / f"{source.split}-000000.tar"), shardshuffle=False)
        found = {row["__key__"]: row for row in shards}
        assert tuple(found) == source.keys
        for n, sample in enumerate(source.samples):
            row, pair = found[sample.key], source.read(n)
            assert row["png"] == sample.photo.read()
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(row["seg.png"]))), pair.labels)
        del shards
    gc.collect()
    assert Legend.from_json(json.loads((folder / "legend.json").read_text())) == Legend(
        sources[0].legend.names, reading="colour"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_equal_sources_give_equal_bytes(sources, tmp_path, kind):
    def digest(folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [(str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]

    first = digest(export_splits(sources, tmp_path / "a", kind, threads=1))
    assert first == digest(export_splits(sources, tmp_path / "b", kind, threads=3))
    assert first


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
@pytest.mark.slow
def test_large_splits_are_cut_into_shards(sources, tmp_path, monkeypatch, kind):
    largest = max(sample.photo.stamp[0] for sample in sources[0].samples)
    monkeypatch.setattr(export, "_SHARD_BYTES", 2 * largest)
    folder = export_splits(sources[:1], tmp_path / "out", kind)
    if kind == "parquet":
        shards = sorted((folder / "data").iterdir())
        assert shards[0].name == f"train-00000-of-{len(shards):05d}.parquet"
        keys = [key for shard in shards for key in pq.read_table(shard)["key"].to_pylist()]
        assert scan(folder, "train").keys == sources[0].keys
    else:
        shards = sorted(folder.glob("*.tar"))
        members = []
        for shard in shards:
            with tarfile.open(shard) as tar:
                members += tar.getnames()
        keys = [name.split(".")[0] for name in members if name.endswith(".seg.png")]
    assert len(shards) > 1
    assert tuple(keys) == sources[0].keys


@pytest.mark.slow
def test_photos_to_be_predicted_have_no_mask(voc_folder, tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(4, 4)], "test": [(5, 6), (6, 5)]})
    for path in (root / "SegmentationClass").glob("test*"):
        path.unlink()
    for kind in ("voc", "parquet"):
        other = scan(export_splits([scan(root, "test")], tmp_path / kind, kind), "test")
        assert not other.has_masks
        assert other.sizes.tolist() == [[5, 6], [6, 5]]


def test_a_folder_that_exists_is_left_alone(sources, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OptionError) as caught:
        export_splits(sources, tmp_path / "out", "voc")
    assert (caught.value.where, caught.value.found) == (str(tmp_path / "out"), "it exists")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_a_damaged_sample_leaves_nothing_behind(sources, tmp_path, write_voc, kind):
    root = write_voc(tmp_path / "in" / "VOC2012", {"train": [(8, 8)] * 5})
    photo = root / "JPEGImages/train_3.png"
    photo.write_bytes(photo.read_bytes()[:-20])
    with pytest.raises(PhotoError) as caught:
        export_splits([scan(root)], tmp_path / "out", kind)
    assert "train_3.png" in caught.value.where
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_what_has_no_classes_is_refused(voc_folder, tmp_path):
    with pytest.raises(OptionError, match="has object ids, no classes"):
        export_splits([scan(voc_folder, task="instance")], tmp_path / "out", "voc")


def test_splits_of_other_classes_are_refused(voc_folder, tmp_path):
    sources: Sequence[Source] = [scan(voc_folder), scan(voc_folder, "val", legend=[f"c{n}" for n in range(21)])]
    with pytest.raises(OptionError) as caught:
        export_splits(sources, tmp_path / "out", "voc")
    assert "2 legends in 2 splits" in caught.value.found


def test_another_kind_is_refused_with_those_that_exist(sources, tmp_path):
    with pytest.raises(OptionError) as caught:
        export_splits(sources, tmp_path / "out", "lmdb")  # type: ignore[arg-type]  # the point
    assert (caught.value.where, caught.value.found) == ("kind", "'lmdb'")
    assert caught.value.expected == "one of voc, parquet, webdataset, coco, yolo"


def test_names_that_a_labelmap_cannot_hold_are_refused(voc_folder, tmp_path):
    source = scan(voc_folder, legend={"cat": "pet: cat", "*": "*"})
    with pytest.raises(LegendError) as caught:
        export_splits([source], tmp_path / "out", "voc")
    assert "labelmap.txt cannot hold the name 'pet: cat'" in caught.value.found
    assert not (tmp_path / "out").exists()


def test_keys_with_dots_are_refused_for_webdataset(sources, tmp_path):
    dotted = replace(sources[0], samples=tuple(replace(s, key=f"{s.key}.rf.1") for s in sources[0].samples))
    with pytest.raises(OptionError) as caught:
        export_splits([dotted], tmp_path / "out", "webdataset")
    assert caught.value.found.startswith("5 keys of 'train' do not fit into a WebDataset shard")
    assert caught.value.found.endswith("the first is 'train_0.rf.1'")
    assert caught.value.remedy == "rename the samples, or export to parquet"


def put_pairs(folder: Path, keys: Sequence[str], split: str, *, seed: int = 0, names=("bg", "car", "tree")) -> Source:
    """Make a split of small pairs, other ones for each seed."""
    folder.mkdir(parents=True)
    samples = []
    for number, key in enumerate(keys):
        draws = np.random.default_rng((seed, number))
        paths = folder / f"{number}.png", folder / f"{number}_mask.png"
        Image.fromarray(draws.integers(0, 256, (20, 30, 3), np.uint8)).save(paths[0])
        Image.fromarray(draws.integers(0, len(names), (20, 30), np.uint8)).save(paths[1])
        samples.append(Sample(key, *(File.of(str(path)) for path in paths)))
    return Source(folder, "folders", split, "semantic", tuple(samples), Legend(names))


def assert_same_content(source: Source, other: Source) -> None:
    """Compare photo bytes and labels, in order, whatever the keys."""
    assert len(other) == len(source)
    for n, sample in enumerate(source.samples):
        assert other.samples[n].photo.read() == sample.photo.read()
        np.testing.assert_array_equal(other.read(n).labels, source.read(n).labels)


@pytest.mark.slow
def test_splits_that_name_different_photos_alike_stay_apart(tmp_path, caplog):
    train = put_pairs(tmp_path / "a", ["img_0", "img_1", "only"], "train")
    val = put_pairs(tmp_path / "b", ["img_0", "img_1"], "val", seed=1)
    folder = export_splits([train, val], tmp_path / "out", "voc")
    for source in (train, val):
        assert_same_content(source, scan(folder, source.split))
    assert scan(folder, "train").keys == ("train_img_0", "train_img_1", "only")
    assert read_renamed(folder)[-1] == ("val", "img_1", "val_img_1")
    assert "4 keys were changed" in caplog.text


def test_a_sample_that_two_splits_share_is_written_once(tmp_path):
    train, val = (put_pairs(tmp_path / name, ["x", name], name) for name in ("a", "b"))
    folder = export_splits([train, val], tmp_path / "out", "voc")
    assert sorted(path.name for path in (folder / "JPEGImages").iterdir()) == ["a.png", "b.png", "x.png"]
    assert read_renamed(folder) == []


@pytest.mark.slow
def test_one_photo_with_two_masks_is_two_samples(tmp_path):
    train = put_pairs(tmp_path / "a", ["x"], "train")
    other = put_pairs(tmp_path / "b", ["x"], "trainaug", seed=1)
    augmented = replace(other, samples=(replace(other.samples[0], photo=train.samples[0].photo),))
    folder = export_splits([train, augmented], tmp_path / "out", "voc")
    assert_same_content(augmented, scan(folder, "trainaug"))
    assert_same_content(train, scan(folder, "train"))


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
@pytest.mark.slow
def test_formats_that_part_splits_keep_equal_keys(tmp_path, kind):
    train, val = (put_pairs(tmp_path / name, ["0", "1"], name, seed=seed) for seed, name in enumerate(("train", "val")))
    folder = export_splits([train, val], tmp_path / "out", kind)
    if kind == "parquet":
        assert_equal(train, scan(folder, "train"))
        assert_equal(val, scan(folder, "val"))
    assert read_renamed(folder) == []


@pytest.mark.parametrize("name", ["void", "IGNORE", "a:b", "#a", " car", "car\u00a0", "a\tb"])
@pytest.mark.slow
def test_class_names_that_would_change_their_meaning_are_refused_before_a_photo_is_read(tmp_path, name, monkeypatch):
    source = put_pairs(tmp_path / "a", ["x"], "train", names=("bg", name, "tree"))
    assert_equal(source, scan(export_splits([source], tmp_path / "tables", "parquet"), "train"))
    monkeypatch.setattr(Source, "decode", lambda *_: pytest.fail("a photo was read"))
    with pytest.raises(LegendError) as caught:
        export_splits([source], tmp_path / "out", "voc")
    assert repr(name) in caught.value.found
    assert caught.value.remedy == "rename it, or export to parquet"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "tables"}


@pytest.mark.parametrize("name", ["car, truck", "1 2 3 x", "lane 1", "Straße"])
@pytest.mark.slow
def test_class_names_that_a_labelmap_holds_word_for_word_come_back(tmp_path, name):
    source = put_pairs(tmp_path / "a", ["x"], "train", names=("bg", name, "tree"))
    assert_same_content(source, scan(export_splits([source], tmp_path / "out", "voc"), "train"))


@pytest.mark.parametrize("key", ["scan..0", "a 1", "a ", ".a", "a:b", "a\nb", "~a", "a\udcff"])
def test_keys_that_a_list_cannot_hold_are_refused(tmp_path, key):
    source = put_pairs(tmp_path / "a", ["x", key], "train")
    with pytest.raises(OptionError) as caught:
        export_splits([source], tmp_path / "out", "voc")
    assert caught.value.found.endswith(f"the first is {key!r}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["scan..0", "a 1", "a ", "scene/0001", "日本"])
@pytest.mark.slow
def test_parquet_holds_what_a_list_cannot(tmp_path, key):
    source = put_pairs(tmp_path / "a", ["x", key], "train")
    assert_equal(source, scan(export_splits([source], tmp_path / "out", "parquet"), "train"))


@pytest.mark.slow
def test_photos_turned_upright_are_exported_upright(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"]})
    (root / "JPEGImages/a.png").unlink()
    exif = Image.Exif()
    exif[0x0112] = 6
    put_photo(root, "a", np.rot90(a_photo("a")), ".jpg", exif=exif)
    source = scan(root, orientation="apply")
    for kind in ("voc", "parquet"):
        other = scan(export_splits([source], tmp_path / kind, kind), "train")
        for n in range(2):
            for part, expected in zip(other.read(n), source.read(n), strict=True):
                np.testing.assert_array_equal(part, expected)
        assert other.samples[1].photo.read() == source.samples[1].photo.read()


def test_an_export_that_does_not_read_back_is_not_published(sources, tmp_path, monkeypatch):
    """A photo that changes on its way to the disk, as by a bug of ours or a bad one."""
    write_whole = export.write_whole

    def write(path, data):
        write_whole(path, data[:-1] + b"x" if path.name == "train_3.png" and path.parent.name == "JPEGImages" else data)

    monkeypatch.setattr(export, "write_whole", write)
    with pytest.raises(SourceError) as caught:
        export_splits(sources, tmp_path / "out", "voc")
    assert caught.value.where == "sample train_3"
    assert "what was written does not read back" in caught.value.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
@pytest.mark.slow
def test_labels_that_changed_on_the_way_are_noticed(sources, tmp_path, monkeypatch, kind):
    encode = export.encode_mask

    def other(labels, legend):
        return encode(np.where(labels == 3, 4, labels).astype(labels.dtype), legend)

    monkeypatch.setattr(export, "encode_mask", other)
    with pytest.raises(SourceError) as caught:
        export_splits(sources, tmp_path / "out", kind)
    assert caught.value.where == "sample train_0"
    assert list(tmp_path.iterdir()) == []


def test_an_export_into_the_dataset_itself_is_refused(tmp_path):
    source = put_pairs(tmp_path / "a", ["x"], "train")
    with pytest.raises(OptionError) as caught:
        export_splits([source], source.root / "export", "voc")
    assert "in the dataset itself" in caught.value.found
