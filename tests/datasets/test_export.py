"""Export: what others read back, with their own readers, is what the source holds; labels exactly."""

import gc
import hashlib
import importlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from segfeed import Legend, Source, scan
from segfeed.datasets import export
from segfeed.datasets.export import KINDS, export_splits
from segfeed.errors import LegendError, OptionError, PhotoError


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
def test_what_is_exported_is_read_back_equal(sources, tmp_path, kind):
    folder = export_splits(sources, tmp_path / "out", kind)
    for source in sources:
        assert_equal(source, scan(folder, source.split))


@pytest.mark.parametrize("kind", ["voc", "parquet"])
def test_real_data_is_read_back_equal(voc2012_part, tmp_path, kind):
    source = scan(voc2012_part, "val[:12]")
    source = replace(source, split="val")
    assert_equal(source, scan(export_splits([source], tmp_path / "out", kind), "val"))


@pytest.mark.parametrize("kind", ["voc", "parquet"])
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
def test_equal_sources_give_equal_bytes(sources, tmp_path, kind):
    def digest(folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [(str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]

    first = digest(export_splits(sources, tmp_path / "a", kind, threads=1))
    assert first == digest(export_splits(sources, tmp_path / "b", kind, threads=3))
    assert first


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
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
        export_splits(sources, tmp_path / "out", "coco")  # type: ignore[arg-type]  # the point
    assert (caught.value.where, caught.value.found) == ("kind", "'coco'")
    assert caught.value.expected == "one of voc, parquet, webdataset"


def test_names_that_a_labelmap_cannot_hold_are_refused(voc_folder, tmp_path):
    source = scan(voc_folder, legend={"cat": "pet: cat", "*": "*"})
    with pytest.raises(LegendError) as caught:
        export_splits([source], tmp_path / "out", "voc")
    assert "labelmap.txt cannot hold the name 'pet: cat'" in caught.value.found


def test_keys_with_dots_are_refused_for_webdataset(sources, tmp_path):
    dotted = replace(sources[0], samples=tuple(replace(s, key=f"{s.key}.rf.1") for s in sources[0].samples))
    with pytest.raises(OptionError) as caught:
        export_splits([dotted], tmp_path / "out", "webdataset")
    assert caught.value.found == "5 keys hold a dot, the first is 'train_0.rf.1'"
    assert caught.value.remedy == "rename the samples, or export to parquet"
