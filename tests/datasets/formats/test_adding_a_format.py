"""Adding a format: CONTRIBUTING's worked example is run as it stands, in this package and from another one."""

import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.overview import describe
from segfeed.datasets.recognition import FORMATS
from segfeed.errors import OptionError, SourceError, SourceMissingError

CONTRIBUTING = Path(__file__).parents[3] / "CONTRIBUTING.md"


def block(language: str) -> str:
    section = CONTRIBUTING.read_text().split("## Add a dataset format")[1].split("\n## ")[0]
    return re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)[1]


@pytest.fixture
def root(tmp_path) -> Path:
    root = tmp_path / "tiles"
    for split, count in (("train", 4), ("val", 2)):
        (root / split).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (5, 4), (number, 0, 0)).save(root / split / f"{split}{number}_photo.jpg")
            mask = Image.fromarray(np.array([[0, 1, 255, 0, 0]] * 4, np.uint8))
            mask.save(root / split / f"{split}{number}_labels.png")
    (root / "classes.txt").write_text("sky\nroad\n")
    return root


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    """Write the example as a module that can be imported, and forget it afterwards."""
    name = "example_tiles"
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / f"{name}.py").write_text(block("python"))
    monkeypatch.syspath_prepend(tmp_path / "installed")
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def registered(module, monkeypatch) -> None:
    monkeypatch.setitem(FORMATS, "tiles", module)


@pytest.fixture
def installed(module, tmp_path) -> None:
    """Install the example as another package would be, with the entry point that CONTRIBUTING shows."""
    groups = tomllib.loads(block("toml"))["project"]["entry-points"]
    described = tmp_path / "installed" / "my_package-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{name} = {module}\n" for name in points) for group, points in groups.items()]
    (described / "entry_points.txt").write_text("".join(lines))


def check(root: Path) -> None:
    source = segfeed.scan(root)
    assert (source.format, source.keys) == ("tiles", ("train0", "train1", "train2", "train3"))
    assert "classes.txt lies beside" in source.why
    assert source.legend.names == ("sky", "road")
    assert source.read(2).labels.tolist() == [[0, 1, 255, 0, 0]] * 4
    train, val = segfeed.load(root, batch_size=2, crop_size=(4, 5), pack=False)
    assert (len(train), len(val)) == (2, 1)
    assert [(split.name, split.samples) for split in describe(root).splits] == [("train", 4), ("val", 2)]


def test_example_has_at_most_100_lines_and_is_formatted():
    text = block("python")
    assert len(text.splitlines()) <= 100
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.usefixtures("registered")
@pytest.mark.slow
def test_example_reads_its_format(root):
    check(root)


@pytest.mark.usefixtures("installed")
@pytest.mark.slow
def test_example_works_from_another_package(root):
    check(root)
    assert segfeed.scan(root, format="tiles").format == "tiles"


def test_example_is_unknown_where_it_is_not_installed(root):
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert "no known dataset layout" in caught.value.found
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, format="tiles")
    assert (caught.value.where, caught.value.found) == ("format", "'tiles'")
    assert caught.value.expected.startswith("one of voc")


@pytest.mark.usefixtures("registered")
def test_example_names_what_is_missing(root):
    (root / "train" / "train1_labels.png").unlink()
    (root / "val" / "val1_photo.jpg").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "1 of 4 listed samples have no mask: train1" in caught.value.found
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "val")
    assert "1 of 2 listed samples have no photo: val1" in caught.value.found
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance")
    assert "masks hold classes" in caught.value.found
    with pytest.raises(OptionError, match="'moon'"):
        segfeed.scan(root, "val", unknown="moon")
