"""The command line: what it prints, which exit code it gives, and that every error is one line."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

import segfeed
from installed import SEGFEED
from segfeed.cli import app as cli
from segfeed.cli import feeding
from segfeed.pixels.palette import voc_colours

ESCAPE = "\x1b"
SMALL = ("--crop", "32x48", "--batch-size", "2")


@pytest.fixture
def root(tmp_path, voc_folder):
    """Copy the tiny dataset, for tests that change it."""
    shutil.copytree(voc_folder, tmp_path / "VOC2012")
    return tmp_path / "VOC2012"


def start(*words: object, **how: object) -> subprocess.CompletedProcess[str]:
    command = [SEGFEED, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, **how)


def is_one_line(err: str) -> bool:
    return err.startswith("segfeed: ") and err.endswith("\n") and err.count("\n") == 1 and err[:-1].isprintable()


def only_json(out: str) -> dict:
    assert out.count("\n") == 1
    return json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


# ---- what it does


def test_version_is_printed(run):
    assert run("--version") == (0, f"{segfeed.__version__}\n", "")


@pytest.mark.parametrize("words", [["--help"], ["load", "--help"], ["cache", "--help"], ["cache", "prune", "--help"]])
@pytest.mark.slow
def test_help_is_printed(run, words):
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "Usage:" in out


@pytest.mark.slow
def test_without_a_command_the_way_on_is_shown(run):
    code, out, err = run()
    assert code in (0, 2)
    assert "Usage:" in out + err
    assert "Traceback" not in out + err


@pytest.mark.slow
def test_load_prints_what_came_out(run, voc_folder):
    code, out, err = run("load", voc_folder, *SMALL)
    assert (code, err) == (0, "")
    assert "VOC2012: 21 classes: background, aeroplane" in out
    assert "(2, 32, 48, 3) float32" in out
    assert "(2, 40, 60) int32" in out
    assert "1 of 5 images are smaller than the crop of 32 x 48 and are padded with void." in out


def test_load_prints_json(run, voc_folder):
    code, out, err = run("load", voc_folder, *SMALL, "--json")
    assert (code, err) == (0, "")
    found = only_json(out)
    assert found["splits"]["train"]["delivered"] == 4
    assert found["splits"]["val"]["window"] == [40, 60]
    assert len(found["classes"]) == 21


@pytest.mark.parametrize(
    ("words", "images", "labels"),
    [
        (["--layout", "NCHW"], "(2, 3, 32, 48) float32", "(2, 32, 48) int32"),
        (["--dtype", "uint8"], "(2, 32, 48, 3) uint8", "(2, 32, 48) int32"),
        (["--dtype", "float16", "--label-dtype", "int64", "--void", "-100"], "(2, 32, 48, 3) float16",
         "(2, 32, 48) int64"),
        (["--shard", "1/2"], "(1, 32, 48, 3) float32", "(1, 32, 48) int32"),
        (["--crop", "30×40"], "(2, 30, 40, 3) float32", "(2, 30, 40) int32"),
        (["--crop", "30X40", "--flip", "--small", "drop", "--seed", "9", "--threads", "0"], "(2, 30, 40, 3) float32",
         "(2, 30, 40) int32"),
        (["--augment", "torchvision", "--swap", "none"], "(2, 32, 48, 3) float32", "(2, 32, 48) int32"),
        (["--task", "instance"], "(2, 32, 48, 3) float32", "(2, 32, 48) int32"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_options_of_load_reach_the_batches(run, voc_folder, words, images, labels):
    code, out, _ = run("load", voc_folder, *SMALL, *words, "--json")
    train = only_json(out)["splits"]["train"]
    assert code == 0
    assert (train["images"], train["labels"]) == (images, labels)


@pytest.mark.slow
def test_sides_are_paired_on_the_command_line(run, voc_folder):
    words = ("load", voc_folder, "--no-pack", "--crop", "8x8", "--batch-size", "2", "--flip")
    code, out, _ = run(*words, "--swap", "cat=dog", "--swap", "person=sheep")
    assert (code, "'cat' and 'dog'; 'person' and 'sheep'" in out) == (0, True)
    assert "change places" not in run(*words, "--swap", "none")[1]
    code, _, err = run(*words, "--swap", "cat=unicorn")
    assert (code, "'unicorn', which is not a class" in err) == (2, True)


@pytest.mark.slow
def test_splits_are_chosen_and_left_out(run, voc_folder):
    assert list(only_json(run("load", voc_folder, *SMALL, "--splits", "val,-", "--json")[1])["splits"]) == ["val"]
    assert list(only_json(run("load", voc_folder, *SMALL, "--splits", "-,train", "--json")[1])["splits"]) == ["train"]


def test_no_pack_writes_nothing(run, voc_folder, cache):
    assert run("load", voc_folder, *SMALL, "--no-pack")[0] == 0
    assert not cache.exists()


@pytest.mark.slow
def test_pack_prints_where_it_lies(run, voc_folder, cache):
    code, out, _ = run("pack", voc_folder)
    assert code == 0
    lines = out.splitlines()
    assert re.fullmatch(rf"VOC2012 train: 5 pairs, 0 MiB, {re.escape(str(cache))}/packs/[0-9a-f]{{64}}", lines[0])
    assert lines[1].startswith("VOC2012 val: 3 pairs")
    assert len(segfeed.Pack(Path(lines[0].split(", ")[2]))) == 5


def test_pack_prints_json(run, voc_folder, cache, tmp_path):
    code, out, _ = run("pack", voc_folder, "--splits", "val", "--cache-dir", tmp_path / "other", "--json")
    (found,) = only_json(out)["packs"]
    assert code == 0
    assert found["count"] == 3
    assert Path(found["folder"]).parent == tmp_path / "other" / "packs"
    assert not cache.exists()


@pytest.mark.slow
def test_pack_to_a_folder_makes_a_dataset(run, voc_folder, cache, tmp_path):
    code, out, _ = run("pack", voc_folder, "--to", tmp_path / "packs", "--coded")
    assert code == 0
    assert out.splitlines()[0].startswith("VOC2012 train: 5 pairs, 0 MiB, ")
    assert not cache.exists()
    assert sorted(path.name for path in (tmp_path / "packs").iterdir()) == ["train", "val"]
    for words in (("load", *SMALL), ("scan",), ("stats",), ("verify",)):
        code, out, err = run(words[0], tmp_path / "packs", *words[1:])
        assert code == 0, (out, err)
    assert "train: 5 pairs" in run("verify", tmp_path / "packs")[1]
    assert not cache.exists()


@pytest.mark.slow
def test_what_is_open_or_used_lately_stays_when_the_cache_is_pruned_to_a_size(run, voc_folder, cache):
    run("pack", voc_folder)
    assert run("cache", "prune", "--to", "1GB") == (0, "0 folders removed\n", "")
    assert re.search(r"KiB in all, in ", run("cache")[1])
    assert only_json(run("cache", "--json")[1])["bytes"] > 5 * 40 * 60 * 4 * 0.8
    assert run("cache", "prune", "--to", "0", "--dry-run")[1].splitlines()[-1] == "2 folders to remove"
    assert run("cache", "prune", "--to", "1GB", "--older-than", "3")[0] == 2
    assert run("cache", "prune", "--to", "many")[0] == 2
    (folder, _) = (Path(pack["folder"]) for pack in only_json(run("cache", "--json")[1])["packs"])
    (folder / "manifest.json").write_text("{")
    assert "damaged: prune it" in run("cache")[1]
    code, out, _ = run("verify")
    assert code == 1
    assert "a pack whose manifest cannot be read" in out
    assert run("cache", "prune", "--to", "30KB")[1].startswith(f"removed {folder}")


def test_a_pack_that_cannot_be_opened_keeps_none_of_the_others_from_being_verified(run, voc_folder, cache):
    run("pack", voc_folder)
    (folder, _) = (Path(pack["folder"]) for pack in only_json(run("cache", "--json")[1])["packs"])
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 3}))
    code, out, err = run("verify")
    assert (code, err) == (1, "")
    assert "pack format 3" in out
    assert "VOC2012 val: 3 pairs are sound" in out


@pytest.mark.slow
def test_stats_are_printed(run, voc_folder):
    code, out, err = run("stats", voc_folder, "--crop", "32x48")
    assert (code, err) == (0, "")
    assert "VOC2012 train: 5 images, void share 2.78%" in out
    assert "height: 20 to 40 px, median 40" in out
    assert "at a crop of 32 x 48 px (height x width): small='pad' keeps 5, small='drop' keeps 4 of 5" in out
    assert re.search(r"background +\d", out)


def test_stats_print_json(run, voc_folder):
    found = only_json(run("stats", voc_folder, "--split", "val", "--crop", "32x48", "--json")[1])
    assert (found["name"], found["split"], found["images"]) == ("VOC2012", "val", 3)
    assert found["kept"] == {"pad": 3, "drop": 2}
    assert len(found["classes"]) == 21


def test_stats_of_objects_are_printed(run, voc_folder):
    code, out, err = run("stats", voc_folder, "--task", "instance")
    assert (code, err) == (0, "")
    assert "5 images" in out


@pytest.mark.slow
def test_show_writes_one_picture_and_never_over_another(run, voc_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("show", voc_folder, "--count", 2) == (0, "wrote VOC2012-train.png\n", "")
    with Image.open(tmp_path / "VOC2012-train.png") as picture:
        assert picture.format == "PNG"
    before = (tmp_path / "VOC2012-train.png").read_bytes()
    code, out, err = run("show", voc_folder, "--count", 3)
    assert (code, out) == (2, "")
    assert is_one_line(err)
    assert "VOC2012-train.png: the file exists; pass --force" in err
    assert (tmp_path / "VOC2012-train.png").read_bytes() == before
    found = only_json(run("show", voc_folder, "--count", 30, "--force", "--json")[1])
    assert found == {"picture": "VOC2012-train.png", "samples": 5}
    assert (tmp_path / "VOC2012-train.png").read_bytes() != before


@pytest.mark.slow
def test_cache_is_listed_and_pruned(run, voc_folder, cache):
    code, out, err = run("cache")  # compiled kernels lie elsewhere
    assert (code, out.splitlines()[0], err) == (0, "the cache holds no pack", "")
    described = only_json(run("cache", "--json")[1])
    assert (described["packs"], described["bytes"]) == ([], 0)
    run("pack", voc_folder)
    code, out, err = run("cache")
    assert (code, err) == (0, "")
    assert re.search(r"VOC2012 +train +voc2012, 21 classes +5 +0 MiB +just now +just now", out)
    found = only_json(run("cache", "--json")[1])["packs"]
    assert [pack["split"] for pack in found] == ["train", "val"]
    assert run("cache", "prune") == (0, "0 folders removed\n", "")
    code, out, _ = run("cache", "prune", "--older-than", "0", "--dry-run")
    assert out.splitlines()[-1] == "2 folders to remove"
    assert f"would remove {found[0]['folder']}" in out
    assert only_json(run("cache", "prune", "--older-than", "0", "--json")[1]) == {
        "removed": [pack["folder"] for pack in found],
        "dry_run": False,
    }
    assert run("cache")[1].startswith("the cache holds no pack\n")


@pytest.mark.slow
def test_cache_dir_is_heeded_before_and_after_prune(run, voc_folder, tmp_path):
    run("pack", voc_folder, "--splits", "val", "--cache-dir", tmp_path / "mine")
    assert len(only_json(run("cache", "--cache-dir", tmp_path / "mine", "--json")[1])["packs"]) == 1
    out = run("cache", "prune", "--older-than", 0, "--cache-dir", tmp_path / "mine")[1]
    assert out.splitlines()[-1] == "1 folder removed"


@pytest.mark.slow
def test_demo_draws_packs_runs_and_paints(tmp_path):
    pictures = tmp_path / "demo"
    done = start("demo", "--to", pictures, "--json")
    assert done.returncode == 0
    # Nothing is packed if another test did so before.
    assert done.stderr == "" or "sample train: packing writes about 110.8 MiB to " in done.stderr
    found = only_json(done.stdout)
    assert found["splits"]["train"]["pairs"] == 160
    assert found["splits"]["val"]["delivered"] == 40
    assert found["pictures"] == [str(pictures / name) for name in ("pairs.png", "crops.png", "batch.png")]
    for path in found["pictures"]:
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) > 100


def test_demo_never_writes_over_a_picture(run, tmp_path):
    (tmp_path / "crops.png").write_bytes(b"precious")
    code, out, err = run("demo", "--to", tmp_path)
    assert (code, out) == (2, "")
    assert is_one_line(err)
    assert "crops.png: the file exists; pass --force" in err
    assert (tmp_path / "crops.png").read_bytes() == b"precious"
    assert not (tmp_path / "pairs.png").exists()


TAKE_PATHS = [
    name
    for name, command in typer.main.get_command(cli.app).commands.items()
    if any(parameter.name == "data" for parameter in command.params)
]


def test_commands_that_take_a_dataset_are_these():
    assert sorted(TAKE_PATHS) == [
        "bench", "check", "export", "load", "pack", "report", "scan", "score", "show", "stats", "verify",
    ]  # fmt: skip


@pytest.mark.parametrize("name", TAKE_PATHS)
@pytest.mark.slow
def test_help_of_a_path_names_the_datasets_that_have_names(name):
    (path,) = (option for option in typer.main.get_command(cli.app).commands[name].params if option.name == "data")
    assert "'sample', 'voc2012', 'sbd'" in path.help


@pytest.mark.parametrize("name", TAKE_PATHS)
@pytest.mark.slow
def test_format_can_be_said_wherever_a_dataset_is_read(run, voc_folder, tmp_path, name):
    before = (tmp_path,) if name == "score" else ()
    after = ("--to", tmp_path / "new") if name == "export" else ()
    code, out, err = run(name, *before, voc_folder, *after, "--format", "nope")
    assert (code, out) == (2, "")
    assert is_one_line(err)
    assert "format" in err
    assert "'nope'" in err
    assert "voc, " in err


@pytest.mark.slow
def test_format_decides_where_several_answer(run, root):
    for folder in ("train", "trainannot"):
        (root / folder).mkdir()
    (root / "train.txt").touch()
    for words in (("load", *SMALL), ("pack",), ("stats",), ("verify",)):
        code, out, err = run(words[0], root, *words[1:])
        assert (code, out) == (1, "")
        assert "several formats" in err
        assert run(words[0], root, *words[1:], "--format", "voc")[0] == 0


# ---- what it refuses


@pytest.mark.parametrize(
    "words",
    [
        ["load", "--crop", "0x4"],
        ["load", "--crop", "-1x5"],
        ["load", "--crop", "1.5x2"],
        ["load", "--crop", "abc"],
        ["load", "--crop", "4"],
        ["load", "--crop", "1x2x3"],
        ["load", "--crop", ""],
        ["load", "--crop", "٣x٤"],
        ["stats", "--crop", "0x4"],
        ["stats", "--crop", "abc"],
        ["load", "--shard", "2/2"],
        ["load", "--shard", "0/0"],
        ["load", "--shard", "1"],
        ["load", "--shard", "-1/2"],
        ["load", "--shard", "a/b"],
        ["load", "--shard", "0/3"],
        ["load", "--splits", "train"],
        ["load", "--splits", "-,-"],
        ["load", "--batch-size", "0"],
        ["load", "--batch-size", "1e3"],
        ["load", "--batch-size", "99"],
        ["load", "--val-batch-size", "0"],
        ["load", "--seed", "-1"],
        ["load", "--threads", "-1"],
        ["load", "--no-pack", "--threads", "-1"],
        ["pack", "--threads", "-1"],
        ["stats", "--threads", "-1"],
        ["load", "--layout", "HWC"],
        ["load", "--dtype", "float64"],
        ["load", "--label-dtype", "uint8", "--void", "-100"],
        ["load", "--void", "3"],
        ["load", "--small", "skip"],
        ["load", "--small", "error"],
        ["load", "--task", "panoptic"],
        ["load", "--unknown", "dragon"],
        ["load", "--no-such-option"],
        ["stats", "--no-such-option", "1"],
        ["show", "--count", "0"],
        ["show", "--count", "-3"],
        ["show", "--count", "many"],
        ["show", "--to", "picture.jpg"],
        ["cache", "prune", "--older-than", "-1"],
        ["cache", "prune", "--older-than", "abc"],
        ["no-such-command"],
        ["load", "one", "two"],
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_bad_use_is_one_line_and_exit_code_2(run, voc_folder, tmp_path, monkeypatch, cache, words):
    monkeypatch.chdir(tmp_path)
    if words[0] in ("load", "pack", "stats", "show") and words[1].startswith("-"):
        crop = () if "--crop" in words or words[0] in ("pack", "show") else ("--crop", "32x48")
        batch = ("--batch-size", 2) if words[0] == "load" and "--batch-size" not in words else ()
        words = [words[0], voc_folder, *crop, *batch, *words[1:]]
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert is_one_line(err), err
    assert list(tmp_path.glob("*.png")) == []


def break_nothing_but_ask_elsewhere(root: Path) -> None:
    shutil.rmtree(root)


def break_list(root: Path) -> None:
    (root / "ImageSets" / "Segmentation" / "train.txt").unlink()


def break_list_id(root: Path) -> None:
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("../../etc/passwd\n")


def break_list_bytes(root: Path) -> None:
    (root / "ImageSets" / "Segmentation" / "train.txt").write_bytes(b"\xff\0a")


def break_photo(root: Path) -> None:
    path = root / "JPEGImages" / "train_1.png"
    path.write_bytes(path.read_bytes()[:-30])


def break_photo_gone(root: Path) -> None:
    (root / "JPEGImages" / "train_1.png").unlink()


def break_mask_colour(root: Path) -> None:
    mask = Image.fromarray(np.full((40, 60), 99, np.uint8))
    mask.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
    mask.save(root / "SegmentationClass" / "train_1.png")


def break_mask_size(root: Path) -> None:
    shutil.copy(root / "SegmentationClass" / "train_4.png", root / "SegmentationClass" / "train_1.png")


def break_labelmap(root: Path) -> None:
    (root / "labelmap.txt").write_text("sky:1,2::\n")


def break_labelmap_bytes(root: Path) -> None:
    (root / "labelmap.txt").write_bytes(b"\xff\0s")


BREAKS = {
    break_nothing_but_ask_elsewhere: "no such file or folder",
    break_list: "'train'",
    break_list_id: "'../../etc/passwd' is a path",
    break_list_bytes: "not UTF-8",
    break_photo: "damaged PNG",
    break_photo_gone: "1 of 5 listed samples",
    break_mask_colour: "row 0, column 0: colour",
    break_mask_size: "60 x 20",
    break_labelmap: "'sky:1,2::'",
    break_labelmap_bytes: "labelmap.txt",
}


@pytest.mark.parametrize("command", ["load", "pack", "stats"])
@pytest.mark.parametrize(("damage", "found"), BREAKS.items())
@pytest.mark.slow
def test_bad_data_is_one_line_that_names_it_and_exit_code_1(run, root, cache, command, damage, found):
    damage(root)
    code, out, err = run(command, root, *(SMALL if command == "load" else ()))
    assert code == 1
    assert out == ""
    assert is_one_line(err), err
    assert found in err
    assert not list(cache.rglob("pairs-00000.bin"))


@pytest.mark.parametrize(
    ("words", "code", "kind", "where", "found"),
    [
        (["load", "--crop", "4x"], 2, "OptionError", "--crop", "'4x'"),
        (["stats", "--format", "nope"], 2, "OptionError", "format", "nope"),
        (["show", "--split", "test"], 1, "SourceMissingError", "VOC2012", "test"),
        (["pack", "--batch-size", "2"], 2, "OptionError", "pack", "No such option"),
        (["stats", "--threads", "many"], 2, "OptionError", "stats", "'--threads'"),
    ],
)
@pytest.mark.slow
def test_error_is_one_json_object_if_json_is_wanted(run, voc_folder, words, code, kind, where, found):
    done, out, err = run(words[0], voc_folder, *words[1:], "--json")
    assert (done, err) == (code, "")
    error = only_json(out)
    assert list(error) == ["kind", "error", "where", "found", "expected", "remedy"]
    assert error["kind"] == kind
    assert where in error["where"]
    assert found in error["error"]


def test_fields_of_an_error_are_in_its_json(run, voc_folder):
    code, out, err = run("load", voc_folder, "--crop", "4x", "--json")
    assert (code, err) == (2, "")
    assert only_json(out) == {
        "kind": "OptionError",
        "error": "--crop: '4x'; expected HEIGHTxWIDTH in whole pixels, such as 320x480.",
        "where": "--crop",
        "found": "'4x'",
        "expected": "HEIGHTxWIDTH in whole pixels, such as 320x480",
        "remedy": "",
    }


@pytest.mark.slow
def test_errors_of_every_command_are_json_if_json_is_wanted(run):
    for name, command in typer.main.get_command(cli.app).commands.items():
        if any(parameter.name == "as_json" for parameter in command.params):
            done, out, err = run(name, "--no-such-option", "--json")
            assert (done, err) == (2, ""), name
            assert only_json(out)["where"] == name


def test_a_path_that_is_named_like_an_option_is_a_path(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("stats", "--", "--json")
    assert (code, out) == (1, "")
    assert is_one_line(err)


@pytest.mark.slow
def test_legend_file_that_is_none_is_one_line(run, voc_folder, tmp_path):
    for name, data in (("a.json", b"{"), ("b.txt", b"sky,1,2\n"), ("c.png", b"no picture"), ("d.txt", b"\xff\0")):
        (tmp_path / name).write_bytes(data)
        code, out, err = run("stats", voc_folder, "--legend", tmp_path / name)
        assert (code, out) == (1, "")
        assert is_one_line(err), err
        assert name in err


def put_odd(path: Path, kind: str) -> None:
    """Put something other than a file in the place of one."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "nothing":
        path.symlink_to({"device": "/dev/zero", "dangling": "gone", "loop": path}[kind])


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dangling", "loop", "nothing"])
@pytest.mark.parametrize("option", ["legend", "description"])
@pytest.mark.slow
def test_what_is_no_file_is_bad_use_in_one_line_and_waits_for_nothing(run, voc_folder, tmp_path, option, kind):
    put_odd(tmp_path / "odd.txt", kind)
    code, out, err = run("scan", voc_folder, f"--{option}", tmp_path / "odd.txt")
    assert (code, out) == (2, "")
    assert is_one_line(err), err
    assert "odd.txt: " in err


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "--legend"),
        ("scan", "--description"),
        ("export", "--to"),
        ("export", "--to", "out/"),
        ("report", "--to"),
        ("show", "--to"),
        ("check", "--fix-list"),
        ("load", "--cache-dir"),
        ("scan", "--write", "--"),
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_a_name_that_no_disk_holds_is_bad_use_in_one_line(run, voc_folder, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    name = "z" * 300
    given = [*words[1:-1], f"{words[-1]}{name}"] if words[-1].endswith("/") else [*words[1:], name]
    code, out, err = run(words[0], voc_folder, *given)
    assert (code, out) == (2, "")
    assert is_one_line(err), err
    assert "a name of 300 bytes; expected at most 255" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_damaged_pack_is_one_line(run, voc_folder, cache):
    run("pack", voc_folder, "--splits", "val")
    (rows,) = cache.rglob("pairs-00000.bin")
    rows.write_bytes(rows.read_bytes()[:-1])
    code, out, err = run("pack", voc_folder, "--splits", "val")
    assert (code, out) == (1, "")
    assert is_one_line(err)
    assert "remove the folder and pack again" in err


def test_cache_that_is_a_file_is_one_line_with_the_way_without(run, voc_folder, cache):
    cache.write_bytes(b"")
    code, out, err = run("load", voc_folder, *SMALL)
    assert (code, out) == (1, "")
    assert is_one_line(err)
    assert "pass --no-pack" in err


@pytest.mark.slow
def test_picture_that_cannot_be_written_is_one_line(run, voc_folder, tmp_path):
    (tmp_path / "file").write_bytes(b"no folder")
    code, out, err = run("show", voc_folder, "--to", tmp_path / "file" / "a.png")
    assert code in (1, 2)
    assert out == ""
    assert is_one_line(err), err


def test_demo_into_a_file_is_one_line(run, tmp_path):
    (tmp_path / "demo").write_bytes(b"")
    code, out, err = run("demo", "--to", tmp_path / "demo")
    assert code in (1, 2)
    assert out == ""
    assert is_one_line(err), err


def test_interrupt_is_one_line_and_exit_code_130(run, voc_folder, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(feeding, "load_splits", interrupt)
    assert run("load", voc_folder) == (130, "", "segfeed: interrupted; nothing half-made is taken for whole\n")


def test_error_of_the_program_itself_keeps_its_traceback(monkeypatch, voc_folder):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(feeding, "load_splits", fail)
    monkeypatch.setattr(sys, "argv", ["segfeed", "load", str(voc_folder)])
    with pytest.raises(ZeroDivisionError):
        cli.main()


# ---- how it prints


@pytest.mark.parametrize("words", [("load", *SMALL), ("stats",), ("pack",)])
@pytest.mark.slow
def test_piped_output_holds_neither_colours_nor_bars(run, voc_folder, words, cache):
    for out in run(words[0], voc_folder, *words[1:])[1:]:
        assert ESCAPE not in out
        assert "\r" not in out
        assert "━" not in out


@pytest.mark.slow
def test_whole_program_exits_like_its_main(voc_folder, tmp_path, cache):
    done = start("load", voc_folder, *SMALL, "--json")
    assert done.returncode == 0
    assert [line.split(" about ")[0] for line in done.stderr.splitlines()] == [
        "VOC2012 train: packing writes", "VOC2012 val: packing writes",
    ]  # fmt: skip
    assert only_json(done.stdout)["name"] == "VOC2012"
    done = start("load", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_line(done.stderr)


@pytest.mark.slow
def test_console_script_is_installed():
    script = Path(sys.executable).with_name("segfeed")
    if not script.is_file():
        pytest.skip("the package is not installed beside this Python")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{segfeed.__version__}\n", "")


# PYTHONUNBUFFERED hides what happens if a buffer is emptied at exit.
CLEAN = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [("| true", 0, ""), ("> /dev/full", 1, "No space left on device"), (">&-", 0, ""), ("2>&-", 0, "")],
)
def test_output_that_nobody_can_read_ends_in_no_traceback(redirected, code, said):
    script = f"set -o pipefail; {SEGFEED} --version {redirected}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False, env=CLEAN)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == (1 if said else 0)


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", "2> /dev/full"])
def test_an_error_that_nobody_can_read_keeps_its_exit_code(closed):
    script = f"{SEGFEED} scan /nowhere {closed}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False, env=CLEAN)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/a/b"), MemoryError(), OSError("odd")])
@pytest.mark.slow
def test_what_nobody_foresaw_is_one_line_all_the_same(run, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("segfeed.cli.looking.describe", fail)
    code, out, err = run("scan", "sample")
    assert (code, out) == (1, "")
    assert is_one_line(err)
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--version",), ("stats", "--json"), ("stats",)])
def test_broken_pipe_is_quiet(voc_folder, words):
    reading, writing = os.pipe()
    os.close(reading)
    data = () if words[0] == "--version" else (voc_folder,)
    command = [SEGFEED, words[0], *data, *words[1:]]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode in (0, 1, 141)


@pytest.mark.slow
def test_terminal_escapes_in_names_are_stripped(run, voc_folder, tmp_path, cache):
    root = tmp_path / f"VOC{ESCAPE}[31mred{ESCAPE}]0;owned\x07"
    shutil.copytree(voc_folder, root)
    for words in (("stats", root), ("load", root, *SMALL), ("pack", root), ("cache",)):
        code, out, err = run(*words)
        assert (code, err) == (0, "")
        assert ESCAPE not in out
        assert "\x07" not in out
    (root / "JPEGImages" / "train_1.png").unlink()
    code, _, err = run("load", root, *SMALL)
    assert code == 1
    assert is_one_line(err)


def test_markup_in_names_is_printed_as_it_is(run, voc_folder, tmp_path):
    path = tmp_path / "legend.txt"
    path.write_text("\n".join(['"[red]sky[/red]"', '"[/bold]"', *(f"class {chr(97 + n)}" for n in range(19))]))
    code, out, err = run("stats", voc_folder, "--legend", path)
    assert (code, err) == (0, "")
    assert "[red]sky[/red]" in out
    assert "[/bold]" in out


def test_long_names_are_never_cut_short_when_piped(run, voc_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    path = tmp_path / "legend.txt"
    name = "a class with quite a long name that does not fit a narrow terminal"
    path.write_text("\n".join([name, *(f"class {chr(97 + n)}" for n in range(20))]))
    assert name in run("stats", voc_folder, "--legend", path)[1]


def test_negative_words_are_values_and_not_options(run, voc_folder):
    code, out, _ = run("load", voc_folder, *SMALL, "--void", "-1", "--json")
    assert code == 0
    assert only_json(out)["splits"]["val"]["void_share"] > 0


@pytest.mark.slow
def test_a_system_that_starts_no_more_threads_ends_in_one_line(run, monkeypatch):
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    code, out, err = run("check", "sample")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "starts no more threads" in err


@pytest.mark.parametrize("error", ["ImportError('libarrow.so: failed to map segment')", "MemoryError()"])
def test_what_cannot_be_loaded_for_want_of_memory_is_one_line(error):
    code = f"""
import builtins, sys
real = builtins.__import__
def load(name, *how):
    if name == "segfeed.cli.app":
        raise {error}
    return real(name, *how)
builtins.__import__ = load
from segfeed_start import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("segfeed: it cannot be loaded (")
    assert "ulimit -v" in line


@pytest.mark.parametrize("words", [["-m", "segfeed"], ["-X", "utf8", "-m", "segfeed"], ["-m", "segfeed.cli"]])
def test_a_library_that_the_package_cannot_load_is_one_line_also_for_python_m(tmp_path, words):
    (tmp_path / "xxhash.py").write_text("raise ImportError('xxhash.so: failed to map segment from shared object')")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(segfeed.__file__).parents[1])])}
    command = [sys.executable, *words, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    if words[-1] != "segfeed":  # of another program
        assert "Traceback" in done.stderr
        return
    (line,) = done.stderr.splitlines()
    assert line.startswith("segfeed: it cannot be loaded (xxhash.so: failed to map segment")


def test_ctrl_c_while_python_m_loads_the_package_is_one_line(tmp_path):
    (tmp_path / "xxhash.py").write_text("raise KeyboardInterrupt")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(segfeed.__file__).parents[1])])}
    command = [sys.executable, "-m", "segfeed", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (130, "segfeed: interrupted; nothing half-made is taken for whole\n")


def test_a_library_that_a_command_cannot_load_is_one_line(monkeypatch, capsys):
    def run(**_how):
        raise ImportError("pydantic_core.so: failed to map segment from shared object")

    monkeypatch.setattr(cli, "_command", lambda: run)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith("segfeed: a library cannot be loaded (pydantic_core.so")
