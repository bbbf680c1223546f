"""The command `scan`: what a user reads at the terminal, in a pipe, and as JSON."""

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

import segfeed
from segfeed.cli import looking
from segfeed.cli.options import as_command
from segfeed.errors import OptionError, SourceMissingError, StorageError

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(as_command(looking.scan))

RUN = "import sys; from segfeed.cli import app; sys.argv = ['segfeed', 'scan', sys.argv[1]]; app.main()"


def run(*arguments) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9)], "val": [(6, 8)]})


def test_says_what_it_is_why_and_what_is_in_it(root):
    text = run(root)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == str(root)
    assert lines[1].startswith("format voc: ImageSets/Segmentation")
    assert "train 2 5..6 8..9" in lines
    assert "val 1 6 8" in lines
    assert "21 classes (voc2012): 0 background, 1 aeroplane, " in text
    assert "first 64 photos" not in text


@pytest.mark.slow
def test_counts_what_is_missing_and_says_what_is_wrong(root):
    (root / "SegmentationClass" / "train_0.png").unlink()
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("val_0\nval_0\n")
    text = " ".join(run(root).split())
    assert "train 1 5 9 1 without mask" in text
    assert "val 0 see below" in text
    assert "val: " in text
    assert "'val_0' is listed 2 times" in text


def test_one_problem_of_all_splits_is_said_once(root):
    photo, mask = ((root / folder / "train_0.png").read_bytes() for folder in ("JPEGImages", "SegmentationClass"))
    for split in ("train", "val"):
        pq.write_table(pa.table({"image": [photo], "mask": [mask]}), root.parent / f"{split}.parquet")
    text = run(root.parent, "--format", "columns")
    assert text.count("nothing says what the masks mean") == 1
    assert "\ntrain, val: " in text
    assert "\nclasses: the dataset does not say which\n" in text


@pytest.mark.slow
def test_photos_beyond_the_first_are_not_measured(tmp_path, write_voc):
    assert "of the first 64 photos of a split" in run(write_voc(tmp_path / "VOC2012", {"train": [(2, 3)] * 65}))


def test_json_is_one_object(root):
    described = json.loads(run(root, "--json"))
    assert (described["format"], described["root"]) == ("voc", str(root))
    assert [split["samples"] for split in described["splits"]] == [2, 1]
    assert json.loads(run(root, "--format", "voc", "--json")) == described


def test_errors_are_those_of_the_library(tmp_path):
    with pytest.raises(SourceMissingError) as caught:
        run(tmp_path / "nothing")
    assert str(tmp_path / "nothing") in str(caught.value)


def test_names_of_files_and_classes_move_no_cursor(tmp_path, write_voc):
    root = write_voc(tmp_path / "\x1b[31mVOC", {"train": [(2, 3)]})
    (root / "labelmap.txt").write_text("".join(f"cla\x1b[1mss{n}:{n},{n},{n}::\n" for n in range(21)))
    assert "\x1b" not in run(root)


@pytest.mark.slow
def test_terminal_shows_a_swatch_of_each_colour(root):
    shown, terminal = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    done = subprocess.Popen([sys.executable, "-c", RUN, str(root)], stdout=terminal, env=environment)
    os.close(terminal)
    text = b""
    while True:
        try:
            part = os.read(shown, 1 << 16)
        except OSError:  # Linux ends a terminal so
            break
        if not part:
            break
        text += part
    assert done.wait(timeout=60) == 0
    os.close(shown)
    decoded = text.decode()
    assert "\x1b[38;2;128;0;0m██\x1b[0m 1 aeroplane" in decoded
    assert "\x1b[38;2;224;224;192m██\x1b[0m void" in decoded


@pytest.fixture
def odd(tmp_path):
    """Return a dataset whose folders and names nobody knows."""
    for number in range(4):
        for folder, name, picture in (
            ("pics", f"k{number}.jpg", Image.new("RGB", (6, 4))),
            ("truth", f"k{number}_L.png", Image.fromarray(np.resize(np.array([0, 255], np.uint8), (4, 6)))),
        ):
            (tmp_path / "odd" / folder).mkdir(parents=True, exist_ok=True)
            picture.save(tmp_path / "odd" / folder / name)
    return tmp_path / "odd"


def test_patterns_are_options(odd):
    text = run(odd, "--photos", "pics/{key}.png", "--photos", "pics/{key}.jpg", "--masks", "truth/{key}_L.png")
    assert "format described: photos in pics/{key}.png and masks in truth/{key}_L.png" in text
    assert " ".join(text.split()).count("all 4 4 6") == 1


@pytest.mark.slow
def test_a_description_is_written_read_and_not_overwritten(odd):
    patterns = ("--photos", "pics/{key}.jpg", "--masks", "truth/{key}_L.png")
    text = run(odd, "--write", *patterns)
    path = odd / "segfeed.toml"
    assert text.splitlines()[-1] == f"wrote {path}: read it, and correct what is not so"
    assert '# 255 = "class 255"' in path.read_text()
    path.write_text(
        path.read_text().replace("# [classes]", "[classes]").replace("# 0 =", "0 =").replace("# 255 =", "255 =")
    )
    assert "2 classes (odd): 0 class 0, 1 class 255" in run(odd)
    with pytest.raises(OptionError) as caught:
        run(odd, "--write")
    assert (caught.value.where, caught.value.found) == (str(path), "the file exists")
    run(odd, "--write", "--force")
    assert segfeed.scan(odd, "all").legend.names == ("class 0", "class 255")


@pytest.mark.slow
def test_a_description_is_written_to_another_file(root, tmp_path):
    path = tmp_path / "deep" / "mine.toml"
    described = json.loads(run(root, path, "--write", "--json"))
    assert described["description"] == str(path)
    assert not (root / "segfeed.toml").exists()
    assert run(root, "--description", path).splitlines()[1].startswith(f"format described: {path} says: ")
    with pytest.raises(OptionError) as caught:
        run(root, path)
    assert "--write" in caught.value.expected


def test_a_folder_that_cannot_be_written_is_named(root, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        run(root, tmp_path / "file" / "mine.toml", "--write")
    assert "--description" in caught.value.remedy


def write_binary(root, values=(0, 255)):
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((4, 6), values[1] if folder == "masks" else 9 * number, np.uint8)
            pixels[:, :4] = values[0]
            Image.fromarray(pixels).save(root / folder / f"{number}.png")
    (root / "class_names.txt").write_text("background\nvessel\n")
    return root


def test_says_what_each_stored_value_means_and_how_much_it_fills(root):
    lines = [" ".join(line.split()) for line in run(root).splitlines()]
    assert "stored (3 of 3 masks) id name share" in lines
    assert any(line.startswith("1 (128, 0, 0) 1 aeroplane ") for line in lines)
    assert any(line.startswith("255 (224, 224, 192) void void ") for line in lines)


def test_says_which_classes_none_of_the_masks_show_and_which_values_are_unknown(tmp_path):
    text = " ".join(run(write_binary(tmp_path / "d", (0, 7))).split())
    assert "0 0 background 66.67%" in text
    assert "7 - not in the legend 33.33%" in text
    assert "in none of these masks: vessel" in text


def test_stored_values_are_shown_if_nothing_says_what_they_mean(tmp_path):
    root = write_binary(tmp_path / "d")
    (root / "class_names.txt").unlink()
    text = " ".join(run(root).split())
    assert "255 - ? 33.33%" in text


@pytest.mark.slow
def test_masks_that_contradict_the_legend_are_an_error_with_the_ways_out(tmp_path):
    root = write_binary(tmp_path / "d")
    done = CliRunner().invoke(app, [str(root)])
    text = " ".join(done.output.split())
    assert done.exit_code == 1
    assert text.count("error (void-assumed)") == 1
    assert "255 is void by default" in text
    assert (
        '--legend legend.json with {"names": ["background", "vessel"], "indices": [0, 255], "void_indices": []}' in text
    )
    assert "The same in " in text
    done = CliRunner().invoke(app, [str(root), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.output)["splits"][0]["doubts"][0]["rule"] == "void-assumed"
    (tmp_path / "legend.json").write_text(
        '{"names": ["background", "vessel"], "indices": [0, 255], "void_indices": []}'
    )
    assert "255 1 vessel 33.33%" in " ".join(run(root, "--legend", tmp_path / "legend.json").split())


def test_objects_have_no_table(root):
    assert "stored (" not in run(root, "--task", "instance")


def test_scan_fails_if_no_split_has_a_sample(tmp_path):
    for folder, name in (("images", "a{}.jpg"), ("masks", "task {} of many {}.png")):
        (tmp_path / folder).mkdir()
        for number in range(3):
            Image.new("L", (4, 4)).save(tmp_path / folder / name.format(number, number))
    done = CliRunner().invoke(app, [str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 1
    assert "no mask is named like a photo" in done.output


@pytest.mark.slow
def test_what_a_description_says_is_odd_is_printed(odd):
    run(odd, "--photos", "pics/{key}.jpg", "--masks", "truth/{key}_L.png", "--write")
    path = odd / "segfeed.toml"
    path.write_text('note = "Masks of site 3 were drawn twice."\n' + path.read_text())
    assert "note: Masks of site 3 were drawn twice.\n" in run(odd)


def test_a_dataset_of_which_no_mask_can_be_read_ends_in_exit_code_1(run, tmp_path):
    for number in range(3):
        for folder in ("images", "masks"):
            (tmp_path / "d" / folder).mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / "d" / folder / f"{number}.jpg")
    (tmp_path / "d" / "class_names.txt").write_text("ground\ncrack\n")
    code, out, _ = run("scan", tmp_path / "d")
    assert (code, "a JPEG of" in out) == (1, True)
