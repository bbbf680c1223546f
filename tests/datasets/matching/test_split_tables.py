"""Split tables: a column says the split of each sample, beside plain folders or where a description says so."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

import segfeed
from segfeed.audit.checking import check
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.datasets.descriptions.text import write_description
from segfeed.datasets.overview import describe
from segfeed.errors import DescriptionError, ListError, SourceError

KEYS = tuple(f"k{number}" for number in range(6))
SPLITS = ("train", "train", "val", "train", "test", "val")


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def root(tmp_path) -> Path:
    root = tmp_path / "set"
    for number, key in enumerate(KEYS):
        save(root / "images" / f"{key}.png", np.full((4, 6, 3), 40 * number))
        save(root / "masks" / f"{key}.png", np.full((4, 6), number % 2))
    (root / "class_names.txt").write_text("ground\ncrack\n")
    return root


def write_table(path: Path, columns: dict[str, list[str]]) -> None:
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pa.parquet.write_table(table, path)
    else:
        how = pa.csv.WriteOptions(delimiter="\t" if path.suffix == ".tsv" else ",", quoting_style="needed")
        pa.csv.write_csv(table, path, how)


@pytest.mark.parametrize("name", ["samples.csv", "samples.tsv", "samples.parquet"])
@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("{}", ""),
        ("{}.png", ""),
        ("images/{}.png", "masks/{}.png"),
        ("/home/anna/set/images/{}.png", "/home/anna/set/masks/{}.png"),
        ("C:\\set\\images\\{}.png", "C:\\set\\masks\\{}.png"),
        ("{}", "{}"),
        ("images/{}", "masks/{}"),
    ],
)
@pytest.mark.slow
def test_a_column_says_the_split_of_each_photo_beside_plain_folders(root, name, photo, mask):
    columns = {"Image_ID": [photo.format(key) for key in KEYS], "site": ["a"] * 6, "Subset": list(SPLITS)}
    columns |= {"mask_path": [mask.format(key) for key in KEYS]} if mask else {}
    write_table(root / name, columns)
    for split in ("train", "val", "test"):
        source = segfeed.scan(root, split)
        assert source.keys == tuple(key for key, at in zip(KEYS, SPLITS, strict=True) if at == split)
        assert f"listed in {name}" in source.why
        assert all(sample.mask.name == f"{sample.key}.png" for sample in source.samples)
    assert not [one for one in check(root, crop_size=(2, 2)) if one.severity == "error"]


def test_lists_may_be_tables_with_a_header(root):
    for split, keys in (("train", KEYS[:4]), ("val", KEYS[4:])):
        lines = "".join(f"images/{key}.png,masks/{key}.png\n" for key in keys)
        (root / f"{split}.csv").write_text(f"image,mask\n{lines}")
    assert (segfeed.scan(root).keys, segfeed.scan(root, "val").keys) == (KEYS[:4], KEYS[4:])


def test_a_photo_that_a_table_names_and_is_not_there_is_missing(root):
    write_table(root / "samples.csv", {"image": [*KEYS, "gone"], "split": [*SPLITS, "val"]})
    found = {(one.rule, one.key) for one in check(root, crop_size=(2, 2)) if one.severity == "error"}
    assert found == {("photo-missing", "gone"), ("mask-missing", "gone")}


def test_a_sample_twice_or_without_a_split_is_an_error_with_its_line(root):
    write_table(root / "samples.csv", {"image": [*KEYS, "k0"], "split": [*SPLITS, "train"]})
    with pytest.raises(ListError, match="id 'k0' is listed 2 times, the second time in line 8"):
        segfeed.scan(root)
    write_table(root / "samples.csv", {"image": list(KEYS), "split": [*SPLITS[:5], ""]})
    with pytest.raises(ListError, match="line 7: no split"):
        segfeed.scan(root)


def test_two_tables_or_a_table_beside_lists_are_an_error_that_names_both(root):
    write_table(root / "a.csv", {"image": list(KEYS), "split": list(SPLITS)})
    (root / "val.txt").write_text("k1\n")
    with pytest.raises(SourceError, match=r"val\.txt and a\.csv both say"):
        segfeed.scan(root)
    (root / "val.txt").unlink()
    write_table(root / "b.csv", {"image": list(KEYS), "split": list(reversed(SPLITS))})
    with pytest.raises(SourceError, match=r"a\.csv and b\.csv all have"):
        segfeed.scan(root)


def test_a_column_called_set_that_names_no_usual_split_is_left_alone(root):
    write_table(root / "sites.csv", {"image": list(KEYS), "set": ["north"] * 6})
    source = segfeed.scan(root, "all")
    assert source.keys == KEYS
    assert "split by a hash" in source.why


DESCRIPTION = """photos = "images/{key}.png"
masks = "masks/{key}.png"
[splits]
table = { file = "meta/all.parquet", key = "who", mask = "truth", split = "part" }
"""


def test_a_description_names_the_columns_and_is_written_as_it_is_read(root):
    (root / "meta").mkdir()
    columns = {"who": list(KEYS), "truth": [f"masks/{key}.png" for key in reversed(KEYS)], "part": ["a", "b"] * 3}
    write_table(root / "meta" / "all.parquet", columns)
    (root / "segfeed.toml").write_text(DESCRIPTION)
    source = segfeed.scan(root, "b")
    assert [(sample.key, sample.mask.name) for sample in source.samples] == [
        ("k1", "k4.png"),
        ("k3", "k2.png"),
        ("k5", "k0.png"),
    ]
    said = parse_description(DESCRIPTION, "d")
    assert parse_description(write_description(said), "d").splits == said.splits


NAMED = DESCRIPTION.replace('"part" }', '"part", names = { train = ["learn", "more"], val = "keep" } }')


def test_a_description_says_what_the_column_calls_splits_and_is_written_as_it_is_read(root):
    columns = {"who": list(KEYS), "truth": list(KEYS), "part": ["learn", "keep", "more", "keep", "learn", "other"]}
    (root / "meta").mkdir()
    write_table(root / "meta" / "all.parquet", columns | {"truth": [f"masks/{key}.png" for key in KEYS]})
    (root / "segfeed.toml").write_text(NAMED)
    assert {name: segfeed.scan(root, name).keys for name in ("train", "val", "other")} == {
        "train": ("k0", "k2", "k4"),
        "val": ("k1", "k3"),
        "other": ("k5",),
    }
    said = parse_description(NAMED, "d")
    assert parse_description(write_description(said), "d").splits == said.splits


def test_masks_in_a_column_of_a_description_may_lack_their_suffix(root):
    columns = {"who": list(KEYS), "truth": [*reversed(KEYS)], "part": ["a"] * 6}
    (root / "meta").mkdir()
    write_table(root / "meta" / "all.parquet", columns)
    (root / "segfeed.toml").write_text(DESCRIPTION)
    assert [sample.mask.name for sample in segfeed.scan(root, "a").samples] == [f"{key}.png" for key in reversed(KEYS)]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_line_by_which_a_spreadsheet_says_what_parts_its_columns_is_no_header(root, ends):
    lines = ["sep=;", "image;split", *(f"{key}.png;{split}" for key, split in zip(KEYS, SPLITS, strict=True))]
    (root / "samples.csv").write_bytes(ends.join(lines).encode("utf-8-sig"))
    assert segfeed.scan(root, "val").keys == ("k2", "k5")
    lines[3] = ";train"
    (root / "samples.csv").write_bytes(ends.join(lines).encode())
    with pytest.raises(ListError, match="line 4: no image"):
        segfeed.scan(root, "val")


@pytest.mark.parametrize(
    "table",
    [
        '{ file = "a.csv", key = "k", split = "s", names = "x" }',
        '{ file = "a.csv", key = "k", names = { train = "x" } }',
        '{ file = "a.csv", split = "k" }',
        '{ file = "a.csv", key = "k", split = "s", other = "x" }',
        "{ file = 3 }",
    ],
)
def test_a_table_that_is_said_in_part_is_an_error_with_its_line(table):
    text = DESCRIPTION.partition("table")[0] + f"table = {table}\n"
    with pytest.raises(DescriptionError, match="line 4: table = "):
        parse_description(text, "d")


def test_a_column_that_is_not_there_is_named_with_those_that_are(root):
    write_table(root / "samples.csv", {"image": list(KEYS), "split": list(SPLITS)})
    text = DESCRIPTION.partition("table")[0] + 'table = { file = "samples.csv", key = "photo", split = "split" }\n'
    (root / "segfeed.toml").write_text(text)
    with pytest.raises(ListError) as caught:
        segfeed.scan(root)
    assert "no column 'photo'; it has 'image', 'split'" in caught.value.found


def table_text(*columns, end="\n", part=","):
    return end.join(part.join(row) for row in zip(*columns, strict=True)) + end


@pytest.mark.parametrize("part", [",", ";"])
def test_a_table_of_an_old_mac_is_a_table(root, part):
    text = table_text(("image", *KEYS), ("split", *SPLITS), end="\r", part=part)
    (root / "samples.csv").write_bytes(text.encode())
    assert segfeed.scan(root, "val").keys == ("k2", "k5")


def test_a_table_in_utf_16_is_not_passed_over(root):
    (root / "samples.csv").write_bytes(table_text(("image", *KEYS), ("split", *SPLITS)).encode("utf-16"))
    assert segfeed.scan(root, "val").keys == ("k2", "k5")


def test_splits_that_differ_in_case_only_are_refused(root):
    (root / "samples.csv").write_text(table_text(("image", *KEYS), ("split", *SPLITS[:-1], "VAL")))
    with pytest.raises(ListError, match="'val' and 'VAL', which differ in case only"):
        segfeed.scan(root, "val")


@pytest.mark.parametrize("names", [("split", "subset"), ("Split", "split")])
def test_two_columns_that_name_splits_otherwise_are_refused(root, names):
    other = tuple(reversed(SPLITS))
    (root / "samples.csv").write_text(table_text(("image", *KEYS), (names[0], *SPLITS), (names[1], *other)))
    with pytest.raises(SourceError, match="which both name splits, but not the same ones"):
        segfeed.scan(root, "val")
    (root / "samples.csv").write_text(table_text(("image", *KEYS), (names[0], *SPLITS), (names[1], *SPLITS)))
    assert len(segfeed.scan(root, "val")) == 2


PAIRS = DESCRIPTION.partition("table")[0] + 'table = { file = "pairs.csv", key = "Bild", mask = "Maske" }\n'


@pytest.fixture
def paired(root) -> Path:
    """Masks that only a table without splits pairs with photos; it leaves out one photo."""
    for number, key in enumerate(KEYS):
        (root / "masks" / f"{key}.png").rename(root / "masks" / f"task{9 - number}.png")
    masks = [f"masks/task{9 - number}.png" for number in range(5)]
    columns = {"Bild": [f"images/{key}.png" for key in KEYS[:5]], "Maske": masks, "Kamera": list("abbab")}
    write_table(root / "pairs.csv", columns)
    (root / "segfeed.toml").write_text(PAIRS)
    return root


def test_a_table_without_splits_pairs_photos_and_masks_and_a_hash_splits_them(paired):
    source = segfeed.scan(paired, "all")
    assert source.keys == KEYS[:5]
    assert [sample.mask.name for sample in source.samples] == [f"task{9 - number}.png" for number in range(5)]
    held = [segfeed.scan(paired, split).keys for split in ("train", "val") if count(paired, split)]
    assert sorted(key for keys in held for key in keys) == list(KEYS[:5])
    assert parse_description(write_description(said := parse_description(PAIRS, "d")), "d") == said


def count(root: Path, split: str) -> int:
    return next(one.samples for one in describe(root).splits if one.name == split)


def test_what_such_a_table_pairs_is_split_by_groups_and_balanced(paired):
    group = 'group = { file = "pairs.csv", key = "Bild", column = "Kamera" }\n'
    (paired / "segfeed.toml").write_text(f"{PAIRS}hash = {{ train = 60, val = 40 }}\n{group}stratify = true\n")
    assert segfeed.scan(paired, "train").keys == ("k1", "k2", "k4")
    assert segfeed.scan(paired, "val").keys == ("k0", "k3")
    assert not check(paired).count()["error"]


def test_a_table_with_splits_goes_with_no_hash():
    text = DESCRIPTION + "hash = { train = 60, val = 40 }\n"
    with pytest.raises(DescriptionError, match="splits by table and by hash"):
        parse_description(text, "d")
