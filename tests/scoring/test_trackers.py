"""Trackers: what each is handed is what was scored, in the form that it shows; W&B itself runs if installed."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.errors import NotInstalledError, OptionError
from segfeed.pixels.legend import Legend
from segfeed.scoring import trackers
from segfeed.scoring.predictions import write_predictions


@pytest.fixture
def scored(voc_folder):
    """Score a val split on which every pixel is predicted one class too high; return score, samples and source."""
    _, val = segfeed.load(voc_folder, splits=(None, "val"), val_batch_size=2, pack=False)
    score, samples = segfeed.Score(val.reader.legend), []
    for batch in val:
        ids = np.where(batch.labels == 255, 0, (batch.labels + 1) % 21)
        score.update(ids, batch.labels)
        samples += trackers.predicted_samples(ids, batch.crops, val.reader)
    return score, samples, val.reader


class Heard:
    """A tracker's handle that writes down what it is told."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args, **named: self.calls.append((name, args, named))


def test_samples_come_at_their_own_size_each_once_and_without_padding(scored):
    _, samples, source = scored
    assert [one.key for one in samples] == list(source.keys)
    for index, one in enumerate(samples):
        image, labels = source.read(index)
        np.testing.assert_array_equal(one.image, image)
        np.testing.assert_array_equal(one.labels, labels)
        assert one.ids.shape == labels.shape
        assert (one.ids[labels != 255] == (labels[labels != 255] + 1) % 21).all()
        painted = one.paint()
        assert painted.shape == (labels.shape[0], 3 * labels.shape[1], 3)
        np.testing.assert_array_equal(painted[:, : labels.shape[1]], image)


def test_figures_are_numbers_and_a_class_without_an_iou_is_left_out():
    score = segfeed.Score(Legend(("ground", "cat", "dog")))
    assert trackers.figures_of(score) == {}
    score.update([[0, 1]], [[0, 1]])
    found = trackers.figures_of(score, "test")
    assert found["test/iou/cat"] == found["test/miou"] == 1
    assert "test/iou/dog" not in found


def test_tensorboard_is_told_each_figure_and_each_picture(scored):
    score, samples, _ = scored
    heard = Heard()
    trackers.log_tensorboard(heard, score, samples, step=3)
    scalars = {args[0]: args[1:] for name, args, _ in heard.calls if name == "add_scalar"}
    assert scalars == {tag: (value, 3) for tag, value in trackers.figures_of(score).items()}
    pictures = [(args, named) for name, args, named in heard.calls if name == "add_image"]
    assert [args[0] for args, _ in pictures] == [f"val/{one.key}" for one in samples]
    assert all(named == {"dataformats": "HWC"} and args[1].dtype == np.uint8 for args, named in pictures)


def test_names_that_mlflow_refuses_are_changed_and_the_whole_score_can_be_read_back(scored):
    _, samples, _ = scored
    score, heard = segfeed.Score(Legend(("sky", "snow (fresh)"))), Heard()
    score.update([[0, 1]], [[0, 1]])
    trackers.log_mlflow(heard, score, samples[:1], step=2)
    calls = {name: (args, named) for name, args, named in heard.calls}
    assert "val/iou/snow _fresh_" in calls["log_metrics"][0][0]
    assert calls["log_metrics"][1] == {"step": 2}
    described, path = calls["log_dict"][0]
    assert path == "val/score-2.json"
    back = segfeed.Score.from_json(json.loads(json.dumps(described)))
    assert (back.confusion == score.confusion).all()
    assert calls["log_image"][0][1] == f"val/2/{samples[0].key}.png"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("car (left)", "car [left]"), ["car _left_ 0", "car _left_ 1"]),
        (("tree", "tree/leaf"), ["tree", "tree_leaf"]),  # a file and a folder of one name
        (("..", "sky/"), ["_", "sky_"]),
        (("door;gate", "猫"), ["door_gate", "猫"]),
    ],
)
def test_classes_keep_names_of_their_own_in_mlflow(names, told):
    score, heard = segfeed.Score(Legend(names)), Heard()
    score.update([[0, 1]], [[0, 1]])
    trackers.log_mlflow(heard, score, step=0, name="val: a")
    metrics = next(args[0] for name, args, _ in heard.calls if name == "log_metrics")
    assert [tag.removeprefix("val_ a/iou/") for tag in metrics if "/iou/" in tag] == told
    assert len(metrics) == len(trackers.figures_of(score))


def test_what_is_not_installed_is_said_with_the_line_that_installs_it(scored, monkeypatch):
    score, samples, source = scored
    for name, use in {
        "wandb": lambda: trackers.log_wandb(Heard(), score, samples, step=0),
        "fiftyone": lambda: trackers.fiftyone_samples(source, "masks"),
    }.items():
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(NotInstalledError) as caught:
            use()
        assert f"pip install {name}" in caught.value.remedy


class Stub:
    """What stands in for FiftyOne, which starts a database: its classes keep what they are told."""

    class Segmentation(dict):
        pass

    class Sample(dict):
        pass


@pytest.mark.parametrize(
    ("names", "targets"),
    [
        (("background", "cat"), {0: "background", 1: "cat", 255: "void"}),
        (("Road", "car"), {0: "void", 1: "Road", 2: "car"}),
    ],
)
def test_masks_for_fiftyone_hold_what_the_targets_say(names, targets, tmp_path, monkeypatch):
    root = tmp_path / "set"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    labels = np.array([[0, 1, 255], [1, 0, 0]], np.uint8)
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(root / "images" / "a.png")
    Image.fromarray(labels).save(root / "masks" / "a.png")
    source = segfeed.scan(root, "all", legend={0: names[0], 1: names[1], 255: None})
    monkeypatch.setitem(sys.modules, "fiftyone", Stub)
    rows = segfeed.Plan.exact(source.sizes, 1).rows(0, 0)
    write_predictions(tmp_path / "said", np.where(labels == 255, 1, labels)[None], rows, source)
    (sample,) = trackers.fiftyone_samples(source, tmp_path / "out", predictions=tmp_path / "said")
    assert trackers.mask_targets(source.legend) == targets
    written = {field: np.asarray(Image.open(sample[field]["mask_path"])) for field in ("labels", "prediction")}
    called = np.vectorize(lambda value: targets[value])
    assert called(written["labels"]).tolist() == [
        [names[0], names[1], "void"],
        [names[1], names[0], names[0]],
    ]
    assert (called(written["prediction"]) == names[1]).tolist() == [[False, True, True], [True, False, False]]
    assert sample["filepath"] == str(root / "images" / "a.png")
    assert sample["tags"] == ["all"]


def test_photos_in_an_archive_objects_and_too_many_classes_are_refused(voc_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fiftyone", Stub)
    with pytest.raises(OptionError, match="object ids"):
        trackers.fiftyone_samples(segfeed.scan(voc_folder, "val", task="instance"), tmp_path)
    many = segfeed.scan(voc_folder, "val", legend=Legend(tuple(map(str, range(300))), reading="index"))
    with pytest.raises(OptionError, match="at most 254"):
        trackers.fiftyone_samples(many, tmp_path)
    train = segfeed.load(voc_folder, 2, (10, 10), splits=("train", None), pack=False).train
    batch = next(iter(train))
    train.close()
    with pytest.raises(OptionError, match="whole"):
        list(trackers.predicted_samples(np.zeros_like(batch.labels), batch.crops, train.reader))


@pytest.mark.slow
def test_wandb_keeps_masks_as_class_ids_with_their_names(scored, tmp_path, monkeypatch, caplog):
    wandb = pytest.importorskip("wandb")
    score, samples, _ = scored
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(mode="offline", project="segfeed", dir=tmp_path) as run:
        trackers.log_wandb(run, score, samples, step=1)
    assert "sizes do not match" not in caplog.text
    masks = [np.asarray(Image.open(path)) for path in sorted(tmp_path.rglob("*.mask.png"))]
    assert len(masks) == 2 * len(samples)
    for one in samples:
        for kept in (one.labels, one.ids):
            assert any(mask.shape == kept.shape and (mask == kept).all() for mask in masks), one.key
