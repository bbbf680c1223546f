"""The examples: each trains, scores whole images and writes pictures; the PyTorch one survives a kill at any moment."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from PIL import Image

import segfeed
from segfeed.scoring.predictions import score_folder

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
FRAMEWORKS = {"fcn_torch.py": "torch", "fcn_keras.py": "tensorflow", "fcn_jax.py": "jax"}
TINY = ("--batch-size", 2, "--crop", 32, 48)


def start(name: str, *words: object) -> subprocess.Popen[str]:
    # On crops this small, threads that wait for each other cost more than they save.
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, EXAMPLES / name, *map(str, words)]
    return subprocess.Popen(command, env=alone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return out


def is_installed(framework: str) -> bool:
    # Importing TensorFlow to see whether it is there takes seconds.
    return importlib.util.find_spec(framework) is not None


@pytest.fixture(scope="module")
def run(voc_folder, tmp_path_factory):
    """Start every example that can run, all at once: most of their time goes into loading and compiling."""
    folders = {
        name: tmp_path_factory.mktemp("run") for name, framework in FRAMEWORKS.items() if is_installed(framework)
    }
    augmented = {"fcn_torch.py": ("--augment", "mmseg-ade20k")}  # one of them is enough: the loader does it
    started = {
        name: start(name, voc_folder, "--to", to, "--epochs", 1, *TINY, *augmented.get(name, ()))
        for name, to in folders.items()
    }
    yield lambda name: (end(started[name]), folders[name])
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_example_trains_and_its_predictions_score_as_it_says(name, voc_folder, request):
    if not is_installed(FRAMEWORKS[name]):
        pytest.skip(f"{FRAMEWORKS[name]} is not installed")
    out, to = request.getfixturevalue("run")(name)
    val = segfeed.scan(voc_folder, "val")
    score = score_folder(to / "predictions", val)
    assert score.pixels == sum((h - 1) * w for h, w in val.sizes.tolist())  # the first row is void
    assert re.findall(r"val mIoU (\d\.\d{3})", out) == [f"{score.miou:.3f}"]
    pictures = {path.name for path in to.glob("*.png")}
    assert pictures == {"predictions.png"} | ({"learning_curve.png"} if name != "fcn_keras.py" else set())
    for picture in pictures:
        with Image.open(to / picture) as opened:
            assert opened.width == 1600
            assert len(opened.convert("RGB").getcolors(1 << 24)) > 20


def test_the_experiment_scores_each_seed_with_and_without_augmentation(voc_folder):
    pytest.importorskip("torch")
    out = end(start("does_it_help.py", voc_folder, "--share", "train", "--steps", 2, "--seeds", 2))
    assert re.findall(r"(\w+): val mIoU 0\.\d{3} \(seeds: 0\.\d{3}, 0\.\d{3}\)", out) == ["mirrored", "augmented"]


def test_a_training_killed_in_mid_epoch_resumes_to_the_same_weights(write_voc, tmp_path):
    torch = pytest.importorskip("torch")
    voc = write_voc(tmp_path / "VOC2012", {"train": [(40, 60)] * 24, "val": [(40, 60)] * 2})
    options = (voc, "--epochs", 2, *TINY, "--save-every", 1)  # 12 batches an epoch
    whole = start("fcn_torch.py", *options, "--to", tmp_path / "whole")
    killed = start("fcn_torch.py", *options, "--to", tmp_path / "killed")
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    while not checkpoint.exists():
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    end(whole)
    half = torch.load(checkpoint, weights_only=True)
    assert 0 < len(half["loss"]) < 12
    assert half["train"]["position"] == 2 * len(half["loss"])

    end(start("fcn_torch.py", *options, "--to", tmp_path / "killed", "--resume"))
    resumed = torch.load(checkpoint, weights_only=True)
    expected = torch.load(tmp_path / "whole" / "checkpoint.pt", weights_only=True)
    assert resumed["loss"][: len(half["loss"])] == half["loss"]
    assert (resumed["loss"], resumed["miou"]) == (expected["loss"], expected["miou"])
    assert list(resumed["model"]) == list(expected["model"])
    assert all(torch.equal(resumed["model"][name], tensor) for name, tensor in expected["model"].items())


def test_a_checkpoint_is_neither_lost_nor_mixed_up(run, voc_folder, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(EXAMPLES)
    train = importlib.import_module("fcn_torch").main
    _, to = run("fcn_torch.py")
    before = (to / "checkpoint.pt").read_bytes()
    again = {"to": to, "batch_size": 2, "crop": (32, 48)}
    with pytest.raises(typer.BadParameter, match="pass --resume"):
        train(voc_folder, epochs=1, **again)
    with pytest.raises(typer.BadParameter, match="of 2 batches, this one has 4; pass the same --epochs"):
        train(voc_folder, epochs=2, resume=True, **again)
    with pytest.raises(segfeed.errors.StateError, match="seed"):
        train(voc_folder, epochs=1, resume=True, seed=1, **again)
    assert (to / "checkpoint.pt").read_bytes() == before
