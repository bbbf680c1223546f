"""The command `check`: its table, its JSON, its exit codes, and the lists that it mends."""

import json

import pytest

from little_voc import make_voc

SMALL = ("--crop", "8x8")


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": [f"a{number}" for number in range(8)], "val": ["v", "w"]})


def spoil(root, *keys):
    for key in keys:
        (root / "SegmentationClass" / f"{key}.png").write_bytes(b"")


@pytest.mark.slow
def test_a_good_dataset_is_said_to_be_good(run, root):
    code, out, err = run("check", root, *SMALL)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "train: 8 pairs checked",
        "val: 2 pairs checked",
        "VOC (voc): 10 pairs read; 0 errors, 0 warnings, 0 notes",
    ]


@pytest.mark.slow
def test_errors_are_listed_and_exit_with_1(run, root):
    spoil(root, "a3")
    (root / "JPEGImages" / "v.png").unlink()
    code, out, err = run("check", root, *SMALL)
    assert (code, err) == (1, "")
    assert "errors (2)" in out
    (line,) = (line for line in out.splitlines() if "mask-damaged" in line)
    assert "train a3 (SegmentationClass/a3.png)" in line
    assert "empty (0 bytes); expected a PNG" in line
    assert "train: 8 pairs checked, 1 broken or missing" in out
    assert "val: 1 pair checked, 1 broken or missing" in out
    assert out.splitlines()[-1] == "VOC (voc): 9 pairs read; 2 errors, 0 warnings, 0 notes"


@pytest.mark.slow
def test_many_findings_of_one_kind_are_folded_and_json_has_them_all(run, root):
    spoil(root, *(f"a{number}" for number in range(6)), "w")
    code, out, _ = run("check", root, *SMALL)
    assert code == 1
    assert out.count("mask-damaged") == 5
    assert "3 more of these; --json lists them all" in out
    code, out, _ = run("check", root, *SMALL, "--json")
    described = json.loads(out)
    assert code == 1
    assert out.count("\n") == 1
    assert [finding["key"] for finding in described["findings"]] == [*(f"a{number}" for number in range(6)), "w"]
    assert described["counts"] == {"error": 7, "warning": 0, "note": 0}
    assert described["splits"][1] == {"split": "val", "readable": True, "listed": 2, "checked": 2, "broken": ["w"]}


@pytest.mark.slow
def test_warnings_exit_with_1_only_if_strict(run, root):
    (root / "JPEGImages" / "a1.png").write_bytes((root / "JPEGImages" / "a0.png").read_bytes())
    assert run("check", root, *SMALL)[0] == 0
    code, out, _ = run("check", root, *SMALL, "--strict")
    assert code == 1
    assert "warnings (1)" in out


@pytest.mark.slow
def test_splits_can_be_chosen(run, root):
    spoil(root, "v")
    code, out, _ = run("check", root, *SMALL, "--split", "train")
    assert code == 0
    assert "val" not in out
    assert run("check", root, *SMALL, "--split", "train", "--split", "val")[0] == 1


@pytest.mark.slow
def test_lists_are_mended_and_never_overwritten_unless_asked(run, root, tmp_path):
    spoil(root, "a3", "w")
    code, out, _ = run("check", root, *SMALL, "--fix-list", tmp_path / "fixed")
    assert code == 1
    assert f"train: wrote {tmp_path}/fixed/train.txt with 7 samples; left out 1: a3" in out
    assert (tmp_path / "fixed" / "val.txt").read_text() == "v\n"
    code, _, err = run("check", root, *SMALL, "--fix-list", tmp_path / "fixed")
    assert code == 2
    assert err.startswith("segfeed: ")
    assert "exists" in err
    assert "--force" in err
    code, out, _ = run("check", root, *SMALL, "--fix-list", tmp_path / "fixed", "--force", "--json")
    assert code == 1
    assert [one["left_out"] for one in json.loads(out)["lists"]] == [["a3"], ["w"]]


@pytest.mark.slow
def test_the_list_of_one_split_goes_into_a_file_or_a_folder(run, root, tmp_path):
    run("check", root, *SMALL, "--split", "val", "--fix-list", tmp_path / "good.txt")
    run("check", root, *SMALL, "--split", "val", "--fix-list", f"{tmp_path}/lists/")
    assert (tmp_path / "good.txt").read_text() == (tmp_path / "lists" / "val.txt").read_text() == "v\nw\n"


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (("--format", "camvid"), 1, "SourceError"),
        (("--crop", "8"), 2, "OptionError"),
        (("--task", "panoptic"), 2, "OptionError"),
        (("--format", "nothing"), 2, "OptionError"),
        (("--split", "test"), 1, "SourceMissingError"),
    ],
)
@pytest.mark.slow
def test_what_stops_the_program_is_one_line_or_one_object(run, root, words, code, kind):
    words = (root, *words)
    found, out, err = run("check", *words)
    assert (found, out) == (code, "")
    assert err.startswith("segfeed: ")
    assert err.count("\n") == 1
    found, out, err = run("check", *words, "--json")
    assert (found, err) == (code, "")
    assert json.loads(out)["kind"] == kind


def test_names_cannot_write_to_the_terminal_nor_be_markup(run, tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["[bold]x", "b"]})
    spoil(root, "[bold]x")
    (root / "labelmap.txt").write_text("background:0,0,0::\ncat:128,0,0::\ndog:0,128,0::\n\x1b[31mred:9,9,9::\n")
    _, out, _ = run("check", root, *SMALL)
    assert "train [bold]x (SegmentationClass/[bold]x.png)" in out
    assert "\x1b" not in out


@pytest.mark.slow
def test_a_split_that_cannot_be_listed_is_said_not_to_be_checked(run, root):
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("v\nv\n")
    code, out, _ = run("check", root, *SMALL)
    assert code == 1
    assert "val: not checked, since it could not be listed" in out
    assert "ImageSets/Segmentation/val.txt" in out
