"""The command `scan`: what a user reads at the terminal, in a pipe, and as JSON."""

import json
import os
import pty
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from segfeed.cli import looking
from segfeed.cli.options import as_command
from segfeed.errors import SourceMissingError

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


def test_scan_fails_if_no_split_has_a_sample(tmp_path):
    for folder, name in (("images", "a{}.jpg"), ("masks", "task {} of many {}.png")):
        (tmp_path / folder).mkdir()
        for number in range(3):
            Image.new("L", (4, 4)).save(tmp_path / folder / name.format(number, number))
    done = CliRunner().invoke(app, [str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 1
    assert "no mask is named like a photo" in done.output
