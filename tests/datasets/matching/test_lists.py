"""Splits: what is read from a list and what is refused with its line named; and the split by a hash of the ids."""

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.datasets.matching import lists
from segfeed.datasets.matching.lists import AUTOMATIC, choose_split, ids_of_files, read_lines, split_by_hash
from segfeed.datasets.matching.pair_lists import Listable, parse_list, read_list
from segfeed.errors import ListError, SourceError, SourceMissingError

ROOT = Path("photos")


@pytest.fixture
def write(tmp_path):
    def written(data: bytes | str) -> Path:
        path = tmp_path / "train.txt"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return written


@pytest.mark.parametrize(
    "data",
    [
        b"b\na\nc\n",
        b"b\r\na\r\nc\r\n",
        b"\xef\xbb\xbfb\na\nc\n",
        b"\xef\xbb\xbfb\r\na\r\nc",
        b"b\na\nc",
        b"\nb\n\n  \na\nc\n\n\n",
        b"b  \na\t\n  c\n",
    ],
    ids=["plain", "crlf", "bom", "bom-crlf-no-newline", "no-final-newline", "blank-lines", "spaces"],
)
def test_every_usual_spelling_of_a_list_gives_the_same_ids_in_its_order(write, data):
    assert read_list(write(data)).ids == ("b", "a", "c")


def test_order_is_the_lists_own_and_not_sorted(write):
    ids = tuple(f"id_{(7 * n) % 100:03d}" for n in range(100))
    assert read_list(write("\n".join(ids))).ids == ids


def test_ids_of_real_datasets_are_ids(write):
    ids = ("2007_000032", "0001TP_006690", "ADE_train_00000001", "frame.0001", "IMG (1)", "überfahrt-3", "a b")
    assert read_list(write("\n".join(ids))).ids == ids


def test_missing_list_is_named(tmp_path):
    with pytest.raises(SourceMissingError) as caught:
        read_list(tmp_path / "train.txt")
    assert caught.value.where.endswith("train.txt")
    assert "no such list" in caught.value.found
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \r\n\t\r\n", b"\xef\xbb\xbf"])
def test_empty_list_is_refused(write, data):
    with pytest.raises(ListError) as caught:
        read_list(write(data))
    assert caught.value.where.endswith("train.txt")
    assert "the list is empty" in caught.value.found
    assert "one id a line" in caught.value.expected


@pytest.mark.parametrize("data", ['{"train": ["a", "b"]}', '[\n  "a",\n  "b"\n]', "{\n}"])
def test_json_is_no_list_and_is_named(write, data):
    with pytest.raises(ListError) as caught:
        read_list(write(data))
    assert caught.value.found == "JSON"
    assert caught.value.remedy == "write the ids of each split into a text file of its own"


def test_duplicate_id_is_refused_with_its_count(write):
    with pytest.raises(ListError) as caught:
        read_list(write("a\nb\nb\nc\nb\n"))
    assert "id 'b' is listed 3 times" in caught.value.found


@pytest.mark.parametrize(
    "entry",
    [
        "../../etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "//server/share",
        "~root",
        "C:\\windows\\win.ini",
        "C:x",
        "a\\b",
        "..\\x",
        "a\x1b[31mb",
        "a\x07b",
        "a\x7fb",
        "a\tb",
        "a:b",
        "a*",
        "a?",
    ],
)
def test_id_that_could_leave_the_folder_is_refused_with_its_line(write, entry):
    path = write(f"a\nb\n{entry}\nc\n")
    with pytest.raises(ListError) as caught:
        read_list(path)
    assert caught.value.where == str(path)
    assert caught.value.found == f"line 3: {entry!r} is a path or holds characters no id may have"


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028"])
def test_a_control_character_does_not_split_one_line_into_two_ids(write, character):
    with pytest.raises(ListError) as caught:
        read_list(write(f"first\na{character}b\n"))
    assert "line 2" in caught.value.found


@pytest.mark.parametrize("line", ["2008_000003 -1", "2008_000003  1", "2008_000003  0", "2008_000003\t1"])
def test_list_of_a_single_class_is_recognised_and_said_to_be_one(write, line):
    with pytest.raises(ListError) as caught:
        read_list(write(f"2008_000001\n{line}\n"))
    assert caught.value.found == f"line 2: {line!r} has two columns, as the lists of single classes do"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a\nb\xe9\n", "byte 3 is not UTF-8"),
        (b"\xff\xfea", "byte 2 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "byte 0 is not UTF-8"),
        (b"a\n\0\0\0\n", "a binary file"),
        (b"a\nb\0c\n", "a binary file"),
        ("a\nb\n".encode("utf-16-le"), "a binary file"),
    ],
    ids=["latin-1", "half utf-16", "png", "zeros", "one-nul", "utf-16-le"],
)
def test_what_is_no_text_is_refused(write, data, found):
    with pytest.raises(ListError, match=found):
        read_list(write(data))


def test_enormous_list_is_refused_before_it_is_read(write, monkeypatch):
    monkeypatch.setattr(lists, "MAX_LIST_BYTES", 10)
    path = write("a\nb\nc\nd\ne\nf\n")
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("the list was read"))
    with pytest.raises(ListError) as caught:
        read_list(path)
    assert "12 bytes" in caught.value.found
    assert "a text file of at most 10 bytes" in caught.value.expected


def test_folder_in_place_of_a_list_is_refused(tmp_path):
    with pytest.raises(ListError) as caught:
        read_list(tmp_path)
    assert caught.value.found == "a folder"


def test_error_of_a_hostile_line_shows_its_escapes_instead_of_sending_them(write):
    with pytest.raises(ListError) as caught:
        read_list(write("a\x1b[2Jb\n"))
    assert str(caught.value).isprintable()


@pytest.mark.slow
def test_long_list_is_read_in_reasonable_time_and_memory(write):
    ids = read_list(write("\n".join(f"{n:07d}" for n in range(20_000)))).ids
    assert len(ids) == 20_000
    assert sys.getsizeof(ids) < 200_000


def test_lines_are_numbered_as_an_editor_numbers_them(write):
    assert read_lines(write("\r\n a b \n\nc\n")) == [(2, "a b"), (4, "c")]


def test_ids_of_files_are_sorted_and_each_is_there_once():
    assert ids_of_files(["b", "a", "10", "2", "b", "ä"], ROOT) == ("10", "2", "a", "b", "ä")


def test_files_of_no_number_are_refused():
    with pytest.raises(SourceError) as caught:
        ids_of_files([], ROOT)
    assert (caught.value.where, caught.value.found) == ("photos", "no picture")
    assert "photos and masks" in caught.value.expected


@pytest.mark.parametrize("stem", ["12:30:00", "a\nb", "a?", "\udcff", "a\x1b[2J"])
def test_file_name_that_can_be_no_id_is_refused_and_escaped(stem):
    with pytest.raises(SourceError, match="holds characters no id may have") as caught:
        ids_of_files(["a", stem], ROOT)
    assert caught.value.remedy == "rename photo and mask"
    assert str(caught.value).isprintable()


def test_split_by_hash_is_the_same_on_every_machine_and_in_every_version():
    ids = [f"{number:04d}" for number in range(40)]
    assert split_by_hash(ids, "val", ROOT) == ("0010", "0021", "0033", "0035", "0038")


def part(ids: list[str], split: str) -> set[str]:
    try:
        return set(split_by_hash(ids, split, ROOT))
    except SourceError:
        return set()


@given(st.lists(st.integers(0, 10**6).map(str), min_size=1, max_size=40, unique=True), st.integers(1, 40))
@pytest.mark.slow
def test_adding_samples_in_any_order_moves_no_other(ids, count):
    few = sorted(ids[:count])
    for split in ("train", "val"):
        assert part(few, split) == part(ids, split) & set(few)


@pytest.mark.slow
def test_train_and_val_are_all_without_overlap_in_the_given_order_and_val_is_a_fifth():
    ids = [f"{(7919 * number) % 20_000:05d}" for number in range(20_000)]
    train, val, everything = (split_by_hash(ids, split, ROOT) for split in AUTOMATIC)
    assert list(everything) == ids
    chosen = set(val)
    assert chosen | set(train) == set(ids)
    assert not chosen & set(train)
    assert list(val) == [entry for entry in ids if entry in chosen]
    assert 3_800 < len(val) < 4_200  # six standard deviations around 4,000 are 340


def test_split_does_not_depend_on_how_a_system_spells_accents():
    ids = [f"Stra\u00dfe \u00e9t\u00e9 {number}" for number in range(50)]
    decomposed = [unicodedata.normalize("NFD", entry) for entry in ids]
    assert decomposed != ids
    val = split_by_hash(ids, "val", ROOT)
    assert [unicodedata.normalize("NFC", entry) for entry in split_by_hash(decomposed, "val", ROOT)] == list(val)


def test_empty_split_of_few_samples_is_refused_with_the_way_out():
    with pytest.raises(SourceError) as caught:
        split_by_hash(["0000"], "val", ROOT)
    assert "puts none of the 1 samples into 'val'" in caught.value.found
    assert 'pass the split "all"' in caught.value.remedy


@pytest.mark.parametrize(
    ("split", "names", "chosen"),
    [
        ("train", ["train", "valid"], "train"),
        ("val", ["train", "valid"], "valid"),
        ("valid", ["train", "val"], "val"),
        ("validation", ["val"], "val"),
        ("val", ["val", "valid"], "val"),
        ("train", ["train2017", "val2017"], "train2017"),
    ],
)
def test_split_is_found_by_its_name_or_the_one_that_means_the_same(split, names, chosen):
    assert choose_split(split, names, ROOT) == chosen


@pytest.mark.parametrize(
    ("split", "names"),
    [("test", ["train", "val"]), ("val", ["valid", "validation"]), ("", []), ("train", ["train2014", "train2017"])],
)
def test_split_that_is_not_there_or_might_be_two_is_refused(split, names):
    with pytest.raises(SourceMissingError) as caught:
        choose_split(split, names, ROOT)
    assert (caught.value.where, caught.value.found) == ("photos", f"no split '{split}'")
    assert caught.value.expected == (f"one of {', '.join(names)}" if names else "")


PHOTOS = Listable("images", {"a": ["a.jpg"], "b c": ["b c.jpg"], "weed 1": ["weed 1.jpg"], "s1/f": ["s1/f.png"]})
MASKS = Listable("labels", {"a": ["a.png"], "b c_L": ["b c_L.png"], "s1/f": ["s1/f.png"]})


@pytest.mark.parametrize(
    ("line", "key", "mask"),
    [
        ("a", "a", None),
        ("a.jpg", "a", None),
        ("a.png", "a", None),
        ("images/a.jpg", "a", None),
        ("./images/a.jpg", "a", None),
        ("/home/me/set/images/a.jpg", "a", None),
        ("images\\a.jpg", "a", None),
        ("weed 1", "weed 1", None),
        ("s1/f", "s1/f", None),
        ("images/s1/f.png", "s1/f", None),
        ("images/a.jpg labels/a.png", "a", ["a.png"]),
        ("images/a.jpg\tlabels/a.png", "a", ["a.png"]),
        ("images/a.jpg, labels/a.png", "a", ["a.png"]),
        ("images/a.jpg;labels/a.png", "a", ["a.png"]),
        ("a.jpg a.png", "a", ["a.png"]),
        ("images/b c.jpg labels/b c_L.png", "b c", ["b c_L.png"]),
        ("images/s1/f.png labels/s1/f.png", "s1/f", ["s1/f.png"]),
        ("images/gone.jpg", "gone", None),
        ("images/gone.jpg labels/gone.png", "gone", []),
        ("images/a.jpg labels/gone.png", "a", []),
    ],
)
def test_line_means_what_is_there(write, line, key, mask):
    listed = read_list(write(f"{line}\n"), PHOTOS, MASKS)
    assert listed.ids == (key,)
    assert listed.masks.get(key) == mask


@pytest.mark.parametrize("line", ["weed 0", "images/../../a.jpg", "a//b", "/etc/passwd", "images/a.jpg other/a.png"])
def test_line_that_means_nothing_there_and_is_no_id_is_refused(write, line):
    with pytest.raises(ListError) as caught:
        read_list(write(f"a\n{line}\n"), PHOTOS, MASKS)
    assert caught.value.found.startswith("line 2: ")


def test_accents_are_composed_in_ids(write):
    decomposed = unicodedata.normalize("NFD", "café")
    assert read_list(write(decomposed)).ids == ("café",)


@pytest.mark.parametrize(
    ("split", "names", "chosen"),
    [
        ("train", ["Train", "Validation", "Test"], "Train"),
        ("val", ["Train", "Validation", "Test"], "Validation"),
        ("val", ["training", "dev"], "dev"),
        ("train", ["TRAINING", "VAL"], "TRAINING"),
        ("test", ["train", "testing"], "testing"),
        ("TRAIN", ["train"], "train"),
        ("train", ["Train", "training"], "Train"),
    ],
)
def test_split_is_found_in_any_case_and_by_its_usual_words(split, names, chosen):
    assert choose_split(split, names, ROOT) == chosen


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "line",
    ["a 1", '"a 1"', "a 1\u00a0", "\u200ba 1", '"images/a 1.jpg"', '"C:\\set\\images\\a 1.jpg"', "./images/a 1.jpg "],
)
def test_lists_as_other_tools_and_systems_write_them(line, coding):
    photos = Listable("images", {"a 1": ["a 1.jpg"]})
    assert parse_list(f"{line}\r\n\r\n".encode(coding), "train.txt", photos).ids == ("a 1",)


def test_quoted_pairs_are_pairs():
    photos, masks = Listable("images", {"a": ["a.jpg"]}), Listable("labels", {"a_L": ["a_L.png"]})
    listed = parse_list(b'"images/a.jpg","labels/a_L.png"', "train.txt", photos, masks)
    assert (listed.ids, listed.masks) == (("a",), {"a": ["a_L.png"]})


@pytest.mark.parametrize(
    "header",
    [
        "image,mask",
        "filename",
        "image;label",
        "image_path mask_path",
        "ImageId",
        "# filename",
        "Image ID,Label",
        "name",
    ],
)
def test_a_header_is_no_sample_unless_a_photo_is_called_so(header):
    photos = Listable("images", {"a": ["a.jpg"], "b": ["b.jpg"]})
    with pytest.raises(ListError, match=r"line 1: .* may be the header") as caught:
        parse_list(f"{header}\na\nb\n".encode(), "train.txt", photos)
    assert caught.value.remedy == "remove the line"
    assert parse_list(b"a\nb\n", "train.txt", photos).ids == ("a", "b")
    called_so = Listable("images", {"name": ["name.jpg"], "a": ["a.jpg"]})
    assert parse_list(b"name\na\n", "train.txt", called_so).ids == ("name", "a")


@pytest.mark.parametrize("header", ["Bild,Maske", "影像,标签", "Bild", "photo chemin"])
def test_a_header_in_any_language_is_told_by_the_lines_below_it(header):
    photos = Listable("images", {"a": ["a.jpg"], "b": ["b.jpg"]})
    masks = Listable("labels", {"a_L": ["a_L.png"], "b_L": ["b_L.png"]})
    lines = "images/a.jpg,labels/a_L.png\nimages/b.jpg,labels/b_L.png\n"
    with pytest.raises(ListError, match="it may be their header") as caught:
        parse_list(f"{header}\n{lines}".encode(), "train.csv", photos, masks)
    assert caught.value.remedy == "remove the line"
    assert parse_list(lines.encode(), "train.csv", photos, masks).ids == ("a", "b")


@pytest.mark.parametrize("text", ["c\na\nb\n", "c.jpg\na.jpg\nb.jpg\n", "c d\na.jpg\ne.jpg\n", "c\n"])
def test_a_photo_that_is_missing_is_no_header(text):
    photos = Listable("images", {"a": ["a.jpg"], "b": ["b.jpg"]})
    assert parse_list(text.encode(), "train.txt", photos).ids[0] == text.splitlines()[0].removesuffix(".jpg")


@pytest.mark.parametrize("line", ["images/a.jpg,labels/a_L.png,1", "a;x;y", "a.jpg\t3\t4"])
def test_a_line_of_three_columns_is_told_with_the_table_that_reads_it(line):
    photos = Listable("images", {"a": ["a.jpg"], "b,c,d": ["b,c,d.jpg"]})
    with pytest.raises(ListError, match="has 3 columns") as caught:
        parse_list(f"{line}\n".encode(), "train.csv", photos, Listable("labels", {"a_L": ["a_L.png"]}))
    assert "table = {" in caught.value.remedy
    assert parse_list(b"b,c,d\na\n", "train.txt", photos).ids == ("b,c,d", "a")


@pytest.mark.parametrize("line", ["clip1", "clip1/", "data/clip1", "/home/anna/frames/clip1"])
def test_a_line_may_be_a_folder_of_ids_which_means_all_in_it(line):
    keys = ("clip1/a", "clip1/b", "clip10/a", "clip2/a")
    photos = Listable("frames", {key: [f"{key}.jpg"] for key in keys})
    assert parse_list(f"{line}\nclip2/a\n".encode(), "train.txt", photos).ids == ("clip1/a", "clip1/b", "clip2/a")
    with pytest.raises(ListError, match="'clip1/a' is listed 2 times"):
        parse_list(f"clip1/a\n{line}\n".encode(), "train.txt", photos)
    assert parse_list(b"clip3\n", "train.txt", photos).ids == ("clip3",)


@pytest.mark.parametrize(("names", "asked", "is_told"), [(["train", "test"], "val", True), (["test"], "val", False)])
def test_a_dataset_without_val_is_told_to_be_split(names, asked, is_told):
    with pytest.raises(SourceMissingError) as caught:
        choose_split(asked, names, Path("x"))
    assert caught.value.remedy == 'pass parts of it: splits=("train[fold!=0/5]", "train[fold=0/5]")' * is_told
