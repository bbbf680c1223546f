"""`segfeed score`: what it prints, what it refuses, and the exit code of each."""

import json

import numpy as np
import pytest
from PIL import Image

from segfeed import Loader, Plan, scan
from segfeed.pixels.palette import voc_colours
from segfeed.scoring.predictions import write_predictions
from segfeed.scoring.score import Score


@pytest.fixture
def score(run):
    """Run `segfeed score` in this process: (exit code, standard output, standard error)."""
    return lambda *words: run("score", *words)


@pytest.fixture
def folder(voc_folder, tmp_path):
    """Write a folder of predictions for val: the labels, but class 2 for 1, and class 0 for void."""
    source = scan(voc_folder, "val")
    for batch in Loader(source, Plan.exact(source.sizes, 3), threads=0):
        ids = np.select([batch.labels == 255, batch.labels == 1], [0, 2], batch.labels)
        write_predictions(tmp_path / "predictions", ids, batch.crops, source)
    return tmp_path / "predictions"


@pytest.mark.slow
def test_each_class_has_a_row_and_the_whole_its_figures(score, folder, voc_folder):
    code, out, err = score(folder, voc_folder)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["VOC2012", "val:", "3", "images,", "5,110", "pixels", "that", "are", "not", "void"]
    counts = np.bincount(
        np.concatenate([scan(voc_folder, "val").read(n).labels.ravel() for n in range(3)]), minlength=3
    )
    rows = {line[0]: line[1:] for line in lines if line}
    share = f"{counts[2] / (counts[1] + counts[2]):.2%}"
    assert rows["background"][:3] == ["100.00%"] * 3
    assert rows["aeroplane"] == ["0.00%", "0.00%", "0.00%", f"{counts[1]:,}", "0"]
    assert rows["bicycle"][:2] == [share, "100.00%"]
    assert rows["mIoU:"] == [f"{(19 + counts[2] / (counts[1] + counts[2])) / 21:.2%}"]
    assert rows["pixel"] == ["accuracy:", f"{1 - counts[1] / 5110:.2%}"]
    assert {"mean", "frequency-weighted"} <= rows.keys()


def test_json_holds_the_whole_score(score, folder, voc_folder):
    code, out, err = score(folder, voc_folder, "--json", "--threads", "1")
    described = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert (described["name"], described["split"], described["images"]) == ("VOC2012", "val", 3)
    score = Score.from_json(described)
    assert score.miou == described["miou"]
    assert score.confusion[1, 2] == score.confusion[1].sum() > 0


@pytest.mark.slow
def test_picture_is_drawn_and_never_overwritten_unasked(score, folder, voc_folder, tmp_path):
    path = tmp_path / "confusion.png"
    code, out, _ = score(folder, voc_folder, "--picture", path)
    assert (code, out.splitlines()[-1]) == (0, f"wrote {path}")
    with Image.open(path) as picture:
        assert picture.size[0] == 1600
    path.write_text("kept")
    code, out, err = score(folder, voc_folder, "--picture", path)
    assert (code, out) == (2, "")
    assert f"{path}: the file exists; pass --force" in err
    assert path.read_text() == "kept"
    assert score(folder, voc_folder, "--picture", path, "--force", "--json")[0] == 0
    assert path.stat().st_size > 1000


@pytest.mark.slow
def test_picture_of_another_kind_is_refused_before_anything_is_scored(score, voc_folder, tmp_path):
    code, out, err = score(tmp_path / "nowhere", voc_folder, "--picture", "c.svg")
    assert (code, out) == (2, "")
    assert ".png" in err


@pytest.mark.slow
def test_other_splits_and_legends_are_scored(score, voc_folder, tmp_path):
    predictions, legend = tmp_path / "predictions", tmp_path / "names.txt"
    predictions.mkdir()
    for n, size in enumerate([(40, 60)] * 4 + [(20, 60)]):
        Image.fromarray(np.zeros(size, np.uint8)).save(predictions / f"train_{n}.png")
    legend.write_text("\n".join(f"class {n},{r},{g},{b}" for n, (r, g, b) in enumerate(voc_colours(20))))
    options = ("--split", "train", "--legend", legend, "--json")
    code, out, err = score(predictions, voc_folder, *options)
    assert code == 1, "a colour of the masks is not in the legend"
    assert err == ""
    assert json.loads(out)["kind"] == "UnknownColourError"
    code, out, err = score(predictions, voc_folder, *options, "--unknown", "void")
    assert (code, err) == (0, "")
    described = json.loads(out)
    assert (len(described["classes"]), described["split"]) == (20, "train")


@pytest.mark.slow
def test_bad_folder_is_one_line_and_exit_code_1(score, folder, voc_folder):
    (folder / "val_0.png").unlink()
    (folder / "val_9.png").write_bytes(b"")
    code, out, err = score(folder, voc_folder)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"segfeed: {folder}: 1 missing (val_0.png); 1 of no sample (val_9.png); expected")
    code, out, err = score(folder / "nowhere", voc_folder)
    assert (code, err.count("\n")) == (1, 1)
    assert "nowhere" in err
