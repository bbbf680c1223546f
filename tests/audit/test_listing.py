"""The listing: every split is listed as far as it can be, and what cannot be is said."""

import pytest
from PIL import Image

from little_voc import COLOURS, a_photo, make_voc, some_labels
from segfeed.audit.listing import joined_splits, list_dataset
from segfeed.datasets.opening import Dataset, Opening
from segfeed.errors import LegendError, ListError, OptionError, SourceError, SourceMissingError
from segfeed.pixels.legend import Legend


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["v"]})


def write_list(root, split, text):
    (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_bytes(text)


def two_folders(root, suffix=".png"):
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for key in "abcdef":
        Image.fromarray(a_photo(key)).save(root / "images" / f"{key}.jpg")
        Image.fromarray(COLOURS[some_labels()]).save(root / "masks" / f"{key}{suffix}")
    return root


def test_all_splits_are_listed(root):
    listing = list_dataset(root)
    assert [(source.split, source.keys) for source in listing.sources] == [("train", ("a", "b")), ("val", ("v",))]
    assert (listing.format, listing.root, listing.findings, listing.unlisted) == ("voc", root, (), ())
    assert listing.is_whole
    assert listing.has_legend


def test_some_splits_are_listed(root):
    listing = list_dataset(root, ["val"])
    assert [source.split for source in listing.sources] == ["val"]
    assert not listing.is_whole


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"a\nb\na\n", "id 'a' is listed 2 times, the second time in line 3"),
        (b"", "the list is empty"),
        (b"a 1\nb -1\n", "line 1: 'a 1' has two columns, as the lists of single classes do"),
        (b"../secret\n", "line 1: '../secret' is a path or holds characters no id may have"),
        (b"\xff\x00", "byte 0 is not UTF-8"),
    ],
)
@pytest.mark.parametrize("folder", ["VOC", "my: set"])
@pytest.mark.slow
def test_a_malformed_list_is_a_finding_that_names_it_and_the_others_are_listed(tmp_path, folder, text, found):
    root = make_voc(tmp_path / folder, {"train": ["a", "b"], "val": ["v"]})
    write_list(root, "train", text)
    listing = list_dataset(root)
    (finding,) = listing.findings
    assert (finding.severity, finding.rule, finding.split) == ("error", "list-malformed", "train")
    assert (finding.file, finding.found) == ("ImageSets/Segmentation/train.txt", found)
    assert finding.expected or finding.remedy
    assert [source.split for source in listing.sources] == ["val"]
    assert listing.unlisted == ("train",)
    assert not listing.is_whole


def test_line_ends_and_marks_are_no_finding(root):
    write_list(root, "train", b"\xef\xbb\xbfa\r\nb \r\n\r\n")
    listing = list_dataset(root)
    assert listing.findings == ()
    assert listing.sources[0].keys == ("a", "b")


def test_two_photos_of_one_id_are_a_finding(root):
    Image.fromarray(a_photo("a")).save(root / "JPEGImages" / "a.jpg")
    (finding,) = list_dataset(root).findings
    assert (finding.rule, finding.split) == ("split-unreadable", "train")
    assert (finding.file, finding.found) == ("JPEGImages", "sample a has 2 photos (a.jpg, a.png)")


def test_without_a_legend_files_can_be_listed_all_the_same(tmp_path):
    listing = list_dataset(two_folders(tmp_path / "pets"))
    (finding,) = listing.findings
    assert (finding.severity, finding.rule) == ("error", "legend-unusable")
    assert "nothing says what the masks mean" in finding.found
    assert not listing.has_legend
    assert sum(len(source) for source in listing.sources if source.split == "all") == 6


def test_masks_that_are_no_masks_do_not_hide_each_other(tmp_path):
    listing = list_dataset(two_folders(tmp_path / "pets", ".jpg"))
    (finding,) = listing.findings
    assert finding.rule == "legend-unusable"
    assert finding.found == "no file says what the masks mean, and a.jpg cannot show it"
    assert {source.split for source in listing.sources} >= {"all"}


def test_a_list_without_meaning_and_a_bad_legend_are_both_told(root):
    (root / "labelmap.txt").write_text("cat:1,2\n")
    write_list(root, "val", b"v\nv\n")
    listing = list_dataset(root)
    assert [finding.rule for finding in listing.findings] == ["legend-unusable", "list-malformed"]
    assert listing.findings[0].file == "labelmap.txt"
    assert [source.split for source in listing.sources] == ["train"]
    assert not listing.has_legend


def test_a_split_by_hash_may_be_empty(tmp_path):
    root = two_folders(tmp_path / "pets")
    for path in [*(root / "images").iterdir(), *(root / "masks").iterdir()]:
        if path.stem != "a":
            path.unlink()
    listing = list_dataset(root, opening=Opening(legend=["background", "cat", "dog"]))
    (finding,) = listing.findings
    assert (finding.severity, finding.rule) == ("note", "split-unreadable")


def test_a_legend_may_group_classes(root):
    listing = list_dataset(root, opening=Opening(legend={"cat": "animal", "dog": "animal", "*": None}))
    assert listing.sources[0].legend.names == ("animal",)


def test_a_bad_legend_that_was_given_is_not_passed_over(root, tmp_path):
    (tmp_path / "legend.txt").write_text("cat,1,2\n")
    with pytest.raises(LegendError):
        list_dataset(root, opening=Opening(legend=tmp_path / "legend.txt"))


def test_what_has_no_meaning_is_refused(root, tmp_path):
    for how in ({"task": "panoptic"}, {"task": "instance", "legend": Legend(("a",))}, {"unknown": "bird"}):
        with pytest.raises(OptionError, match=list(how)[-1]):
            list_dataset(root, opening=Opening.of(**how))
    with pytest.raises(SourceMissingError, match="nowhere"):
        list_dataset(tmp_path / "nowhere")
    with pytest.raises(SourceMissingError, match=r"'test'.*train, val"):
        list_dataset(root, ["test"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty"):
        list_dataset(tmp_path / "empty")


def failing_with(monkeypatch, error):
    """Make the listing of the split "train" with its own legend fail."""
    scan = Dataset.scan

    def fail(dataset, split):
        if split == "train" and dataset.legend is None:
            raise error
        return scan(dataset, split)

    monkeypatch.setattr(Dataset, "scan", fail)


@pytest.mark.parametrize("folder", ["VOC", "my: set", "a; b", "set, line 3: x"])
def test_a_finding_has_the_fields_of_the_error_whatever_its_words(tmp_path, monkeypatch, folder):
    root = make_voc(tmp_path / folder, {"train": ["a"], "val": ["v"]})
    file = "ImageSets/Segmentation/train.txt"
    fields = {"found": "line 2: id 'x; y'", "expected": "ids: one; a line", "remedy": "write one id a line"}
    failing_with(monkeypatch, ListError(str(root / file), **fields))
    (finding,) = list_dataset(root).findings
    assert (finding.rule, finding.split, finding.file) == ("list-malformed", "train", file)
    assert {name: getattr(finding, name) for name in fields} == fields


def test_a_remedy_that_the_error_does_not_name_is_not_made_up(root, monkeypatch):
    failing_with(monkeypatch, SourceError(str(root), found="no photos", expected="photos in JPEGImages"))
    (finding,) = list_dataset(root).findings
    assert (finding.rule, finding.file, finding.remedy) == ("split-unreadable", "", "")
    assert str(finding) == "train: no photos; expected photos in JPEGImages."


def test_what_is_not_a_file_of_the_dataset_stays_in_what_was_found(root, monkeypatch):
    failing_with(monkeypatch, LegendError("legend 'pets'", found="no classes", expected="at least one"))
    (finding,) = list_dataset(root).findings
    assert (finding.rule, finding.file, finding.found) == ("legend-unusable", "", "legend 'pets': no classes")


def joined(root, splits):
    return joined_splits(list_dataset(make_voc(root, splits)).sources)


@pytest.mark.slow
def test_a_split_merely_joins_others_if_it_holds_what_two_smaller_ones_hold_together(tmp_path):
    parts = {"train": ["a", "b"], "val": ["c"]}
    assert joined(tmp_path / "1", {**parts, "trainval": ["c", "b", "a"]}) == {"trainval": ("train", "val")}
    everything = {**parts, "test": ["d"], "all": list("abcd"), "trainval": list("abc")}
    assert joined(tmp_path / "2", everything) == {"trainval": ("train", "val"), "all": ("test", "train", "val")}


@pytest.mark.parametrize(
    "splits",
    [
        {"train": ["a", "b"], "extra": ["c"], "trainaug": ["a", "b", "c"]},  # trained on by itself
        {"train": ["a", "b"], "trainval": ["a", "b", "c"]},  # holds samples of its own
        {"train": ["a", "b"], "extra": ["a", "b"]},  # a copy of one
        {"train": ["a"], "trainval": ["a"], "val": ["v"]},
    ],
)
@pytest.mark.slow
def test_other_splits_stand_for_themselves(tmp_path, splits):
    assert joined(tmp_path / "VOC", splits) == {}


def test_all_merely_joins_train_if_there_is_nothing_else(tmp_path):
    assert joined(tmp_path / "VOC", {"train": ["a", "b"], "all": ["a", "b"]}) == {"all": ("train",)}


def test_missing_files_do_not_part_a_joined_split_from_those_that_it_joins(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["c"], "trainval": ["a", "b", "c"]})
    (root / "SegmentationClass" / "a.png").unlink()
    assert list(joined_splits(list_dataset(root).sources)) == ["trainval"]
