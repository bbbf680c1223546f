"""Columns: what Hugging Face's `datasets` writes is read exactly; columns, keys and legends are told, never guessed."""

import importlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.formats import columns
from segfeed.datasets.source import Source
from segfeed.errors import (
    LegendError,
    OptionError,
    SourceChangedError,
    SourceError,
    SourceMissingError,
    UnknownColourError,
)

LEGEND = segfeed.Legend(("sky", "road", "car"))
ID2LABEL = '{"0": "sky", "1": "road", "2": "car"}'


def encode(pixels, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(out, kind)
    return out.getvalue()


def photo(row: int) -> np.ndarray:
    return np.full((4, 5, 3), row, np.uint8)


def mask(row: int) -> np.ndarray:
    return (np.arange(20).reshape(4, 5) + row) % 3


def table(rows=range(6), names=("image", "mask"), **more) -> pa.Table:
    pictures = ([encode(draw(row)) for row in rows] for draw in (photo, mask))
    structs = (pa.array([{"bytes": one, "path": None} for one in many]) for many in pictures)
    return pa.table(dict(zip(names, structs, strict=True)) | more)


def write(path: Path, what: pa.Table | None = None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table() if what is None else what, path, row_group_size=4, **options)
    return path


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "scenes"
    write(root / "data" / "train-00000-of-00002.parquet", table(range(6)))
    write(root / "data" / "train-00001-of-00002.parquet", table(range(6, 11)))
    write(root / "data" / "validation-00000-of-00001.parquet", table(range(3)))
    (root / "id2label.json").write_text(ID2LABEL)
    return root


def check(source, rows) -> None:
    assert len(source) == len(rows)
    for index, row in enumerate(rows):
        pair = source.read(index)
        np.testing.assert_array_equal(pair.image, photo(row))
        np.testing.assert_array_equal(pair.labels, mask(row))


def test_numbered_tables_are_one_split_in_the_order_of_their_rows(root):
    source = segfeed.scan(root)
    assert (source.format, source.split, source.name) == ("columns", "train", "scenes")
    assert source.legend.names == ("sky", "road", "car")
    assert source.keys == tuple(f"train_{row:02d}" for row in range(11))
    assert source.sizes.tolist() == [[4, 5]] * 11
    check(source, range(11))
    check(segfeed.scan(root, "val"), range(3))


def test_loads_and_packs(root, cache):
    train, val = segfeed.load(root, batch_size=4, crop_size=(4, 5), cache_dir=cache)
    keys = [key for batch in val for key in batch.keys if key]
    assert keys == ["validation_0", "validation_1", "validation_2"]
    for images, labels in segfeed.Loader(train.reader, segfeed.Plan.exact(train.reader.sizes, 11)):
        assert images.shape == (11, 4, 5, 3)
        np.testing.assert_array_equal(labels, [mask(row) for row in range(11)])


def test_table_that_changes_is_packed_anew(root, cache):
    source = segfeed.scan(root, "val")
    before = segfeed.make_pack(source, cache_dir=cache)
    write(root / "data" / "validation-00000-of-00001.parquet", table(range(1, 4)))
    assert not source.samples[0].mask.is_unchanged()
    after = segfeed.make_pack(segfeed.scan(root, "val"), cache_dir=cache)
    assert after.folder != before.folder
    np.testing.assert_array_equal(after.read(0).labels, mask(1))


def test_table_that_changes_while_it_is_packed_is_an_error(root, cache, monkeypatch):
    """Its reader stays open, and would go on with what it opened."""
    decode, path = Source.decode, root / "data" / "train-00000-of-00002.parquet"

    def decode_and_change_the_table(source, index, *parts):
        os.utime(path, ns=(1, 1))
        return decode(source, index, *parts)

    monkeypatch.setattr(Source, "decode", decode_and_change_the_table)
    with pytest.raises(SourceChangedError):
        segfeed.make_pack(segfeed.scan(root), cache_dir=cache, threads=1)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "names", [("pixel_values", "label"), ("Image", "annotation"), ("img", "ground_truth"), ("img", "seg")]
)
@pytest.mark.slow
def test_columns_are_told_by_their_names(tmp_path, names):
    write(tmp_path / "train.parquet", table(names=names))
    check(segfeed.scan(tmp_path, legend=LEGEND), range(6))


def test_plain_bytes_are_pictures_too(tmp_path):
    write(tmp_path / "t.parquet", pa.table({"image": [encode(photo(1))], "label": [encode(mask(1))]}))
    check(segfeed.scan(tmp_path / "t.parquet", legend=LEGEND), [1])


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (table(names=("image", "depth")), "columns of pictures are image, depth"),
        (table(names=("image", "mask"), label=[b"x"] * 6), "image, mask, label"),
        (table(names=("image", "mask"), photo=[b"x"] * 6), "image, mask, photo"),
        (pa.table({"image": [1], "mask": [2]}), "columns of pictures are none"),
    ],
)
def test_columns_that_cannot_be_told_are_refused_with_those_there_are(tmp_path, what, found):
    path = write(tmp_path / "t.parquet", what)
    with pytest.raises(SourceError, match=found):
        segfeed.scan(path, legend=LEGEND).whole()


def test_tables_of_a_split_must_have_the_same_columns(root):
    write(root / "data" / "train-00001-of-00002.parquet", table(names=("image", "label")))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert caught.value.where.endswith("train-00001-of-00002.parquet")
    assert "other columns than" in caught.value.found


def test_tables_of_other_things_are_no_dataset(tmp_path, cache, voc_folder):
    write(tmp_path / "other" / "train.parquet", pa.table({"text": ["a"], "label": [1]}))
    assert columns.recognise(tmp_path / "other") is None
    pack = segfeed.make_pack(segfeed.scan(voc_folder), cache_dir=cache)
    assert columns.recognise(pack.folder) is None


def test_keys_are_a_column_of_their_own_or_the_names_of_the_photos(tmp_path):
    names = [f"scene {row}.v2" for row in range(6)]
    structs = pa.array([{"bytes": encode(photo(row)), "path": f"a/b/{name}.jpg"} for row, name in enumerate(names)])
    masks = pa.array([encode(mask(row)) for row in range(6)])
    write(tmp_path / "paths.parquet", pa.table({"image": structs, "mask": masks}))
    assert segfeed.scan(tmp_path / "paths.parquet", legend=LEGEND).keys == tuple(names)
    for column in ("key", "file_name"):
        write(tmp_path / "keys.parquet", table(**{column: names}))
        assert segfeed.scan(tmp_path / "keys.parquet", legend=LEGEND).keys == tuple(names)


def test_keys_that_only_some_tables_have_are_not_used(root):
    write(root / "data" / "train-00000-of-00002.parquet", table(range(6), key=list("abcdef")))
    assert segfeed.scan(root).keys[0] == "train_00"


def test_keys_of_an_export_are_kept_even_if_they_are_numbers(tmp_path):
    write(tmp_path / "val.parquet", table(key=["0", "1", "2", "3", "4", "5.png"]))
    assert segfeed.scan(tmp_path, "val", legend=LEGEND).keys == ("0", "1", "2", "3", "4", "5.png")


@pytest.mark.parametrize(
    "keys",
    [
        ["a"] * 6,
        ["a", "b", "c", "d", "e", None],
        ["a", "b", "c", "d", "e", "../f"],
        ["a", "b", "c", "d", "e", "f:g"],
        [str(row) for row in range(6)],
        [str(row) for row in range(1, 7)],
    ],
)
@pytest.mark.slow
def test_what_is_no_name_of_a_sample_gives_way_to_numbers_of_rows(tmp_path, keys):
    write(tmp_path / "val.parquet", table(image_id=keys))
    wanted = ("a", "b", "c", "d", "e", "f") if keys[-1] == "../f" else tuple(f"val_{row}" for row in range(6))
    assert segfeed.scan(tmp_path, "val", legend=LEGEND).keys == wanted


def test_legend_in_the_metadata_goes_before_the_file_and_the_callers_before_both(root):
    described = segfeed.Legend(("a", "b", "c"), title="mine").to_json()
    path = write(root / "test.parquet", table().replace_schema_metadata({"legend": json.dumps(described)}))
    assert segfeed.scan(path, "test").legend.names == ("a", "b", "c")
    assert segfeed.scan(path, "test", legend=LEGEND).legend == LEGEND


def test_classes_of_whole_photos_are_no_legend(tmp_path):
    features = {"image": {"_type": "Image"}, "scene": {"_type": "ClassLabel", "names": ["indoor", "outdoor", "sea"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    write(tmp_path / "train.parquet", table(scene=[0] * 6).replace_schema_metadata(metadata))
    with pytest.raises(LegendError) as caught:
        segfeed.scan(tmp_path)
    assert caught.value.found.startswith("nothing says what the masks mean, and ")
    assert "indices" in caught.value.found
    assert caught.value.expected == "id2label.json beside the tables"


def test_numbers_in_id2label_are_stored_values(tmp_path):
    write(tmp_path / "train.parquet")
    (tmp_path / "id2label.json").write_text('{"2": "car", "0": "sky"}')
    with pytest.raises(UnknownColourError, match=r"index 1.* legend"):
        segfeed.scan(tmp_path).read(0)
    source = segfeed.scan(tmp_path, unknown="void")
    assert source.legend.names == ("sky", "car")
    assert source.read(0).labels[0].tolist() == [0, 255, 1, 0, 255]


@pytest.mark.parametrize("text", ["{", "[]", '{"a": "sky"}', "{}"])
def test_malformed_id2label_is_refused(tmp_path, text):
    write(tmp_path / "train.parquet")
    (tmp_path / "id2label.json").write_text(text)
    with pytest.raises(LegendError) as caught:
        segfeed.scan(tmp_path)
    assert caught.value.where == str(tmp_path / "id2label.json")


def with_empty(column: str, rows) -> pa.Table:
    what = table()
    cells = [None if row in rows else cell for row, cell in enumerate(what[column].to_pylist())]
    return what.set_column(what.schema.get_field_index(column), column, pa.array(cells, what[column].type))


@pytest.mark.parametrize(("column", "what"), [("image", "photo"), ("mask", "mask")])
@pytest.mark.slow
def test_empty_cells_are_missing_files(tmp_path, column, what):
    path = write(tmp_path / "train.parquet", with_empty(column, [1, 4]))
    files = columns.list_split(path, "train")
    assert [(lack.key, lack.what) for lack in files.missing] == [("train_1", what), ("train_4", what)]
    assert [sample.key for sample in files.samples] == ["train_0", "train_2", "train_3", "train_5"]
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(path, legend=LEGEND)
    assert caught.value.found == f"2 of 6 listed samples have no {what}: train_1, train_4"


def test_test_split_without_masks_is_to_be_predicted(tmp_path):
    write(tmp_path / "test.parquet", with_empty("mask", range(6)))
    source = segfeed.scan(tmp_path, "test", legend=LEGEND)
    assert (len(source), source.has_masks) == (6, False)


def test_objects_unknown_splits_and_damage_are_refused(root):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance")
    assert "masks hold classes" in caught.value.found
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "test")
    assert "no split 'test'" in caught.value.found
    assert caught.value.expected == "one of train, validation"
    path = root / "data" / "train-00001-of-00002.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"train-00001-of-00002\.parquet: unreadable"):
        segfeed.scan(root)


def test_broken_picture_is_named_by_file_and_row(tmp_path):
    write(tmp_path / "t.parquet", pa.table({"image": [encode(photo(0))] * 2, "mask": [encode(mask(0)), b"oops"]}))
    with pytest.raises(segfeed.errors.MaskError, match=r"t\.parquet, row 1, column 'mask': not a picture"):
        segfeed.scan(tmp_path, legend=LEGEND).read(1)


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("datasets.arrow_dataset")  # `datasets` alone would find tests/datasets
    module = importlib.import_module("datasets")
    module.disable_progress_bars()
    return module


@pytest.fixture
def real(datasets, voc2012_part):
    """Return 12 real pairs as the real package holds them, and the source that they are from."""
    source = segfeed.scan(voc2012_part, "val")
    blobs = {"image": [s.photo for s in source.samples[:12]], "mask": [s.mask for s in source.samples[:12]]}
    cells = {name: [{"bytes": blob.read(), "path": blob.name} for blob in column] for name, column in blobs.items()}
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    return datasets.Dataset.from_dict(cells, features=features), source


def check_real(found, source, rows) -> None:
    assert len(found) == len(rows)
    for index, row in enumerate(rows):
        pair, wanted = found.read(index), source.read(row)
        np.testing.assert_array_equal(pair.image, wanted.image)
        np.testing.assert_array_equal(pair.labels, wanted.labels)


def test_parquet_of_the_real_package_is_read_exactly(real, tmp_path):
    dataset, source = real
    folder = tmp_path / "pets" / "data"
    folder.mkdir(parents=True)
    for number, rows in enumerate((range(7), range(7, 12))):
        dataset.select(rows).to_parquet(str(folder / f"train-0000{number}-of-00002.parquet"), batch_size=3)
    found = segfeed.scan(tmp_path / "pets", legend=source.legend)
    check_real(found, source, range(12))
    assert found.keys == source.keys[:12]


def test_arrow_of_the_real_package_is_read_exactly(real, tmp_path, datasets):
    dataset, source = real
    splits = datasets.DatasetDict({"train": dataset.select(range(8)), "validation": dataset.select(range(8, 12))})
    splits.save_to_disk(str(tmp_path / "both"), num_shards={"train": 3, "validation": 1})
    check_real(segfeed.scan(tmp_path / "both", legend=source.legend), source, range(8))
    check_real(segfeed.scan(tmp_path / "both", "val", legend=source.legend), source, range(8, 12))
    dataset.shuffle(seed=1).select(range(5)).save_to_disk(str(tmp_path / "one"))
    shuffled = segfeed.scan(tmp_path / "one", legend=source.legend)
    check_real(shuffled, source, [source.keys.index(key) for key in shuffled.keys])


def test_paths_in_place_of_bytes_are_refused_with_the_remedy(datasets, voc_folder, tmp_path):
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    paths = {
        name: [str(voc_folder / folder / "train_0.png")]
        for name, folder in (("image", "JPEGImages"), ("mask", "SegmentationClass"))
    }
    dataset = datasets.Dataset.from_dict(paths, features=features)
    dataset.to_parquet(str(tmp_path / "train.parquet"))
    with pytest.raises(SourceError, match=r"its photos are paths of other files.*save_to_disk"):
        segfeed.scan(tmp_path)
    dataset.save_to_disk(str(tmp_path / "saved"))
    assert len(segfeed.scan(tmp_path / "saved", legend=segfeed.scan(voc_folder).legend)) == 1


def test_equal_names_of_columns_are_refused_also_if_only_their_case_differs(tmp_path):
    twice = table().append_column("image", table()["image"])
    with pytest.raises(SourceError, match="2 columns are called 'image'"):
        segfeed.scan(write(tmp_path / "a.parquet", twice), legend=LEGEND)
    cases = table().append_column("Image", table()["image"])
    with pytest.raises(SourceError, match="columns of pictures are image, mask, Image"):
        segfeed.scan(write(tmp_path / "b.parquet", cases), legend=LEGEND).whole()


def test_an_empty_table_is_named(tmp_path):
    with pytest.raises(SourceError, match="its photos are paths of other files, or nothing"):
        segfeed.scan(write(tmp_path / "a.parquet", table().slice(0, 0)), legend=LEGEND).whole()


def test_keys_of_thousands_of_digits_are_names(tmp_path):
    keys = ["1" * 5000 + str(row) for row in range(6)]
    assert segfeed.scan(write(tmp_path / "a.parquet", table(id=keys)), legend=LEGEND).keys == tuple(keys)


@pytest.mark.parametrize("what", ["folder", "pipe", "device", "dangling", "deep", "case"])
@pytest.mark.slow
def test_id2label_that_cannot_be_read_is_an_error_and_its_case_counts_nothing(tmp_path, what):
    write(tmp_path / "train.parquet")
    path = tmp_path / "id2label.json"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what in ("device", "dangling"):
        path.symlink_to("/dev/zero" if what == "device" else "nowhere")
    elif what == "deep":
        path.write_text('{"a":' * 100_000)
    else:
        (tmp_path / "ID2Label.JSON").write_text('{"0": "a", "1": "b", "2": "c"}')
        assert segfeed.scan(tmp_path).legend.names == ("a", "b", "c")
        return
    with pytest.raises((SourceError, LegendError)) as caught:
        segfeed.scan(tmp_path).whole()
    assert caught.value.where == str(path)
