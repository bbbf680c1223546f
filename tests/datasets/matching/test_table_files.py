"""Table files: which file holds which split, whole or not, as Hugging Face's names and folders say."""

import json
from pathlib import Path

import pytest

from segfeed.datasets.matching.table_files import find_tables
from segfeed.errors import SourceError, SourceMissingError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def save(folder: Path, names=("data-00000-of-00001.arrow",), split=None, **more) -> Path:
    touch(folder, *names)
    state = {"_data_files": [{"filename": name} for name in names], "_split": split, **more}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"], {"train": [0, 1]}),
        (
            ["data/train-00000-of-00001-0123456789abcdef.parquet", "data/val-00000-of-00001.parquet"],
            {"train": [0], "val": [1]},
        ),
        (["train.parquet", "validation.parquet", "test.parquet"], {"test": [2], "train": [0], "validation": [1]}),
        (["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"], {"test": [2], "train": [0, 1]}),
        (["train/data-00000-of-00001.arrow", "val/data-00000-of-00001.arrow"], {"train": [0], "val": [1]}),
        (["my-data-train-00000-of-00001.arrow", "my-data-test-00000-of-00001.arrow"], {"test": [1], "train": [0]}),
        (["scenes-train.arrow", "scenes-validation.arrow"], {"train": [0], "validation": [1]}),
        (["part-0.parquet", "part-1.parquet"], {"train": [0, 1]}),
        (["data/0000.parquet"], {"train": [0]}),
        (["fold.1-00000-of-00001.parquet"], {"fold.1": [0]}),
        (["notes.txt", "deep/er/train.parquet"], {}),
    ],
)  # fmt: skip
def test_splits_are_told_by_names_and_folders(tmp_path, names, expected):
    touch(tmp_path, *names)
    wanted = {split: [str(tmp_path / names[i]) for i in order] for split, order in expected.items()}
    assert find_tables(tmp_path) == wanted


def test_path_of_a_table_is_a_dataset(tmp_path):
    touch(tmp_path, "val-00000-of-00002.parquet", "mine.arrow", "notes.txt")
    assert find_tables(tmp_path / "val-00000-of-00002.parquet") == {"val": [f"{tmp_path}/val-00000-of-00002.parquet"]}
    assert find_tables(tmp_path / "mine.arrow") == {"train": [f"{tmp_path}/mine.arrow"]}
    assert find_tables(tmp_path / "notes.txt") == find_tables(tmp_path / "nothing") == {}


def test_saved_splits_are_listed_in_the_order_of_their_description(tmp_path):
    names = ("data-00001-of-00002.arrow", "data-00000-of-00002.arrow")
    save(tmp_path / "train", names)
    save(tmp_path / "validation")
    save(tmp_path / "old")  # not listed any more
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}')
    assert find_tables(tmp_path) == {
        "train": [f"{tmp_path}/train/{name}" for name in names],
        "validation": [f"{tmp_path}/validation/data-00000-of-00001.arrow"],
    }
    assert find_tables(tmp_path / "train") == {"train": [f"{tmp_path}/train/{name}" for name in names]}
    assert list(find_tables(save(tmp_path / "named", split="test"))) == ["test"]


def test_state_of_something_else_is_left_alone(tmp_path):
    touch(tmp_path, "train.parquet")
    (tmp_path / "state.json").write_text("{")
    assert list(find_tables(tmp_path)) == ["train"]


def test_missing_numbered_table_is_noticed(tmp_path):
    touch(tmp_path, "train-00000-of-00003.parquet", "train-00002-of-00003.parquet")
    with pytest.raises(SourceMissingError) as caught:
        find_tables(tmp_path)
    assert caught.value.where == str(tmp_path)
    assert caught.value.found == "2 of 3 tables of split 'train' are there"


def test_tables_of_one_split_in_several_folders_are_refused(tmp_path):
    touch(tmp_path, "full/train-00000-of-00001.parquet", "mini/train-00000-of-00001.parquet")
    with pytest.raises(SourceError) as caught:
        find_tables(tmp_path)
    assert caught.value.where == str(tmp_path)
    assert caught.value.found.endswith(f"in several folders ({tmp_path}/full, {tmp_path}/mini)")
    assert list(find_tables(tmp_path / "mini")) == ["train"]


def test_saved_table_that_is_missing_is_named(tmp_path):
    save(tmp_path)
    (tmp_path / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(SourceMissingError) as caught:
        find_tables(tmp_path)
    assert caught.value.where == str(tmp_path)
    assert caught.value.found == "no data-00000-of-00001.arrow, which state.json lists"


def test_names_in_a_description_cannot_leave_the_folder(tmp_path):
    inside = save(tmp_path / "inside", ("secret.arrow",))
    touch(tmp_path, "secret.arrow")
    (inside / "state.json").write_text('{"_data_files": [{"filename": "../secret.arrow"}]}')
    assert find_tables(inside) == {"train": [f"{inside}/secret.arrow"]}
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["../inside"]}')
    assert find_tables(tmp_path) == {"../inside": [f"{inside}/secret.arrow"]}


def test_chosen_rows_are_refused(tmp_path):
    save(tmp_path, _indices_data_files=[{"filename": "indices.arrow"}])
    with pytest.raises(SourceError) as caught:
        find_tables(tmp_path)
    assert "flatten_indices" in caught.value.remedy


def test_huge_description_is_refused(tmp_path, monkeypatch):
    save(tmp_path)
    monkeypatch.setattr("segfeed.datasets.matching.table_files._MAX_JSON_BYTES", 10)
    with pytest.raises(SourceError) as caught:
        find_tables(tmp_path)
    assert caught.value.found.endswith(" bytes")
    assert caught.value.expected == "at most 10 bytes"


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", '{"_data_files": 3}', '{"_data_files": [{}]}'])
def test_malformed_description_is_refused(tmp_path, text):
    save(tmp_path)
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(SourceError) as caught:
        find_tables(tmp_path)
    assert caught.value.where == str(tmp_path / "state.json")
    assert caught.value.found.startswith("malformed (")


def test_a_saved_split_without_tables_is_refused(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "state.json").write_text('{"_data_files": [], "_split": ["train"]}')
    with pytest.raises(SourceError) as caught:
        find_tables(tmp_path)
    assert (caught.value.where, caught.value.found) == (str(tmp_path / "state.json"), "it lists no table")
