"""README and the documentation's pages: every block of code runs, or says on its first line what it needs.

A page's blocks run in order, in one namespace and in one folder, as a reader would type them. What a page takes for
given lies in that folder before (`_PREPARE`). The names of packages that only `make trainers` installs are in `_HEAVY`.
"""

import ast
import importlib.util
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageDraw

from segfeed.cli import app as cli
from segfeed.datasets.descriptions.reader import read_description
from torchvision_here import declare_torchvision

# What other packages warn of is theirs; segfeed itself warns of nothing here.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDS = re.compile(r"# needs (the network|a GPU for each process|a trained model)\b")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEAVY = {
    "albumentations",
    "kornia",
    "duckdb",
    "fiftyone",
    "flax",
    "mlflow",
    "optax",
    "segmentation_models_pytorch",
    "tensorboard",
    "transformers",
    "wandb",
}
_SETUP = ("pip install ", "make ", ". .venv")
_WORDS = {"PATH": "sample", "PREDICTIONS": "predictions", "FOLDER": "exported", "DIR": "packed"}

_MMSEG = """
metainfo = dict(classes=('ground', 'road'))
train_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(32, 24), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(16, 24), cat_max_ratio=0.75), dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')]
train_dataloader = dict(batch_size=2, dataset=dict(
    type='BaseSegDataset', data_root='data/roads', metainfo=metainfo, seg_map_suffix='_L.png',
    data_prefix=dict(img_path='img/train', seg_map_path='ann/train'), pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(
    type='BaseSegDataset', data_root='data/roads', metainfo=metainfo, seg_map_suffix='_L.png',
    data_prefix=dict(img_path='img/val', seg_map_path='ann/val'), pipeline=[]))
"""


class Block(NamedTuple):
    """A block of code, and the number of its first line in the page."""

    language: str
    code: str
    line: int

    @property
    def needs(self) -> str:
        found = NEEDS.match(self.code)
        return found[1] if found else ""


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text()
    return [Block(found[1], found[2], text[: found.start()].count("\n") + 2) for found in FENCE.finditer(text)]


def little_roads(folder: Path, count: int = 110, images: str = "pics", masks: str = "truth", *, first: int = 0) -> None:
    for name in (images, masks):
        (folder / name).mkdir(parents=True)
    for number in range(first, first + count):
        y, x = np.mgrid[:12, :16]
        Image.fromarray(np.stack([y * 20, x * 15, (y + x + number) % 256], -1).astype(np.uint8)).save(
            folder / images / f"{number:03d}.jpg"
        )
        Image.fromarray(((x + number) % 16 < 6).astype(np.uint8) * (255 if masks == "truth" else 1)).save(
            folder / masks / f"{number:03d}_L.png"
        )


def little_coco(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    photos, shapes = [], []
    for number in range(6):
        image = Image.new("RGB", (40, 30), (90, 120, 30 * number))
        square = [5, 5, 25 + number, 5, 25 + number, 20, 5, 20]
        ImageDraw.Draw(image).polygon(square, fill=(200, 40, 40))
        image.save(folder / "images" / f"{number}.jpg")
        photos.append({"id": number, "file_name": f"{number}.jpg", "width": 40, "height": 30})
        shapes.append({"image_id": number, "category_id": 7, "area": 300, "iscrowd": 0, "segmentation": [square]})
        shapes.append(
            {"image_id": number, "category_id": 3, "area": 20, "iscrowd": 0, "segmentation": [[8, 8, 12, 8, 12, 12]]}
        )
    names = [{"id": 3, "name": "knob"}, {"id": 7, "name": "door"}]
    (folder / "annotations.json").write_text(json.dumps({"images": photos, "annotations": shapes, "categories": names}))


def _prepare(page: Path, folder: Path, write_voc) -> dict:
    """Put what the page takes for given into its folder; return the names that it takes for given."""
    name = page.relative_to(ROOT).as_posix()
    if name in ("docs/formats.md", "docs/how-to/own-data.md"):
        little_roads(folder / "roads")
        first = next(block for block in blocks_of(page) if block.language == "toml")
        (folder / "roads" / "segfeed.toml").write_text(first.code)
    if name == "docs/formats.md":
        write_voc(folder / "VOC2012", {"train": [(24, 32)] * 90, "val": [(24, 32)] * 64, "test": [(24, 32)] * 2})
    if name in ("docs/reference/options.md", "docs/augmenting.md"):
        write_voc(folder / "data/VOCdevkit/VOC2012", {"train": [(40, 60)] * 64, "val": [(40, 60)] * 2})
    if name == "docs/chapter.md":
        write_voc(folder / "VOC2012", {"train": [(40, 60)] * 4, "val": [(40, 60)] * 4})
    if name == "docs/how-to/from-other-tools.md":
        write_voc(folder / "VOC2012", {"train": [(40, 60)] * 5, "val": [(40, 60), (33, 50)]})
        for first, split in enumerate(("train", "val")):
            little_roads(folder / "data/roads", 4, images=f"img/{split}", masks=f"ann/{split}", first=4 * first)
        (folder / "configs").mkdir()
        (folder / "configs/roads.py").write_text(_MMSEG)
    if name == "docs/how-to/polygons.md":
        little_coco(folder / "coco")
    if name == "README.md":
        import torch  # noqa: PLC0415 - only here

        return {"model": torch.nn.Conv2d(3, 9, 1)}
    return {}


def _absent(code: str) -> set[str]:
    """List the packages that a block imports and that are not installed."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {"tensorboard" if name == "torch.utils.tensorboard" else name.split(".")[0] for name in names}
    return {name for name in tops if name not in sys.modules and importlib.util.find_spec(name) is None}


def _names(code: str, kind: type[ast.expr_context]) -> set[str]:
    """List the names that a block reads (ast.Load) or sets (ast.Store)."""
    nodes = ast.walk(ast.parse(code))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, kind)}


def _defined(code: str) -> set[str]:
    """List the names that a block imports or defines."""
    nodes = list(ast.walk(ast.parse(code)))
    imported = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    made = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return made | {alias.asname or alias.name.split(".")[0] for alias in imported}


def _run_commands(code: str, monkeypatch) -> int:
    """Run a block's lines of segfeed in this process; return how many there were."""
    ran = 0
    for line in code.splitlines():
        words = shlex.split(line, comments=True)
        if not words or line.startswith(_SETUP):
            continue
        assert words[0] == "segfeed", f"a line that no test runs: {line}"
        monkeypatch.setattr(sys, "argv", [_WORDS.get(word, word) for word in words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert not caught.value.code, line
        ran += 1
    return ran


def _check_toml(code: str, folder: Path) -> None:
    told = tomllib.loads(code)
    if "project" in told:
        return
    path = folder / "described.toml"
    split = "{split}/" if "folders" in told.get("splits", {}) else ""
    path.write_text(
        code
        if {"photos", "shapes"} & set(told)
        else f'photos = "pics/{split}{{key}}.jpg"\nmasks = "truth/{split}{{key}}.png"\n{code}'
    )
    if "recognise" not in told and not {"note", "tested"} & set(told):  # what only shipped ones say
        read_description(path)


@pytest.fixture
def _one_thread():
    """Let PyTorch use one thread: threads that wait for each other cost more than they save on little pictures."""
    torch = pytest.importorskip("torch")
    declare_torchvision()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
@pytest.mark.usefixtures("_one_thread")
def test_every_block_runs(page, tmp_path, monkeypatch, write_voc, capsys):
    runnable = [block for block in blocks_of(page) if not block.needs]
    if not runnable:
        pytest.skip("no code")
    if page.name == "format.md":
        pytest.skip("its reader and its query have tests of their own: tests/test_format.py")
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "page"} | _prepare(page, tmp_path, write_voc)
    lost: set[str] = set()  # what blocks that could not run would have set
    for block in runnable:
        if block.language == "python":
            absent = _absent(block.code)
            assert absent <= _HEAVY, f"line {block.line} imports {absent}"
            if absent or _names(block.code, ast.Load) & lost - names.keys():
                lost |= _names(block.code, ast.Store) | _defined(block.code)
                continue
            code = block.code.replace("epochs = 20\n", "epochs = 1\n")  # the tutorial's network is trained for one
            exec(compile("\n" * (block.line - 1) + code, str(page), "exec"), names)  # noqa: S102 - the project's own
        elif block.language == "sh":
            _run_commands(block.code, monkeypatch)
        elif block.language == "toml":
            _check_toml(block.code, tmp_path)
        else:
            assert block.language in ("text", "diff"), f"line {block.line}: {block.language!r}"
    for name in {"train", "val", "again"} & names.keys():
        if hasattr(names[name], "close"):
            names[name].close()


def test_blocks_that_do_not_run_are_few_and_say_why():
    needs = [(page.name, block.needs) for page in PAGES for block in blocks_of(page) if block.needs]
    assert len(needs) <= 8, needs
    everything = [block for page in PAGES for block in blocks_of(page) if block.language in ("python", "sh", "toml")]
    assert len(everything) >= 60
    for page in PAGES:
        for block in blocks_of(page):
            if block.code.startswith("# needs"):
                assert block.needs, f"{page.name}, line {block.line}: say it in the words that are counted"


def test_every_extra_that_a_page_or_a_remedy_names_can_be_installed():
    offered = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    texts = [*PAGES, *(ROOT / "src").rglob("*.py"), *filter(Path.is_file, (ROOT / "examples").iterdir())]
    named = {extra for path in texts for extra in re.findall(r"segfeed\[([\w-]+)\]", path.read_text())}
    assert {"torch", "sbd"} <= named <= offered


@pytest.mark.usefixtures("_one_thread")
def test_the_diff_for_torchvisions_script_applies_has_at_most_15_lines_and_trains(tmp_path, monkeypatch, write_voc):
    page = ROOT / "docs/how-to/from-other-tools.md"
    (script,) = (block.code for block in blocks_of(page) if "def get_dataset" in block.code)
    (diff,) = (block.code for block in blocks_of(page) if block.language == "diff")
    assert sum(line[0] in "+-" for line in diff.splitlines()) <= 15
    lines, place = script.splitlines(), 0
    for line in diff.splitlines():
        mark, text = line[0], line[1:]
        if mark == "+":
            lines.insert(place, text)
        else:
            place = lines.index(text, place)  # what the diff shows or removes is in the script
            if mark == "-":
                del lines[place]
                continue
        place += 1
    write_voc(tmp_path / "VOC2012", {"train": [(40, 60)] * 5, "val": [(40, 60), (33, 50)]})
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile("\n".join(lines), str(page), "exec"), names)  # noqa: S102 - the page's own code
    assert names["main"](names["args"]).weight.grad is not None
