"""The words of the command line: each remedy that names an option of Python names the command's own."""

import ast
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

import segfeed
from segfeed.cli import app as cli
from segfeed.cli.wording import as_typed

OPTIONS = {
    "data": "", "unknown": "--unknown", "legend": "--legend", "orientation": "--orientation", "task": "--task",
    "cache_dir": "--cache-dir", "splits": "--splits", "no_pack": "--no-pack", "crop": "--crop", "format": "--format",
    "force": "--force", "small": "--small", "photos": "--photos", "masks": "--masks", "batch_size": "--batch-size",
    "flip": "--flip", "coded": "--coded", "augment": "--augment", "swap": "--swap",
}  # fmt: skip

TYPED = {
    'add it to the legend, or pass unknown="void"': "add it to the legend, or pass --unknown void",
    "pass legend= with the path of one": "pass --legend with the path of one",
    'pass orientation="apply" to load, scan, check': "pass --orientation apply to load, scan, check",
    "choose another cache_dir, or pass pack=False": "choose another --cache-dir, or pass --no-pack",
    "to predict it, pass splits=(None, 'test')": "to predict it, pass --splits -,test",
    "or pass coded=True for a smaller pack": "or pass --coded for a smaller pack",
    "pass overwrite=True to replace it": "pass --force to replace it",
    'pass a smaller crop_size, small="pad" or small="drop"': "pass a smaller --crop, --small pad or --small drop",
    'such as photos="img/{key}.jpg", masks="gt/{key}.png"': "such as --photos 'img/{key}.jpg', --masks 'gt/{key}.png'",
    "pass legend={0: 'a', 255: None}": 'pass --legend FILE, a JSON file such as {"0": "a", "255": null}',
    'or legend={(1, 1, 1): "road"}': 'or --legend FILE, a JSON file such as {"(1, 1, 1)": "road"}',
    "pass legend={0: 'a'}, on the command line --legend legend.json with {\"0\": \"a\"}":
        'pass --legend legend.json with {"0": "a"}',
    "pass legend='/a/b.txt' (on the command line --legend /a/b.txt) if so": "pass --legend /a/b.txt if so",
    # Words that name no option of a call stay.
    'add a line such as objects = "objects/{key}.png"': 'add a line such as objects = "objects/{key}.png"',
    "pass Augment(flip=0.5, ...)": "pass Augment(flip=0.5, ...)",
    "leave flip=True out: augment= says how many": "leave --flip out: --augment says how many",
    "an Augment, or one of a, b": "one of a, b",
    "'a' and 'b' (swap={} keeps them)": "'a' and 'b' (--swap none keeps them)",
    "swap={...} pairs classes": "--swap LEFT=RIGHT pairs classes",
    "the format of its masks": "the format of its masks",
    "see /data/crop_size/x": "see /data/crop_size/x",
    "url=http://a?task=b": "url=http://a?task=b",
    "pass label_dtype='int64'": "pass label_dtype='int64'",
}  # fmt: skip


@pytest.mark.parametrize(("text", "typed"), TYPED.items())
def test_python_s_words_become_those_of_the_command(text, typed):
    assert as_typed(text, OPTIONS) == typed


def remedies() -> list[tuple[str, str]]:
    """Find every text in the package that tells to pass an option: (module, text), placeholders as in the source."""
    found = []
    for path in sorted(Path(segfeed.__file__).parent.rglob("*.py")):
        source = path.read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                found.append((path.stem, node.value))
            elif isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "'x'" for part in node.values)
                found.append((path.stem, text))
    return [(name, text) for name, text in found if re.search(r"(pass|use|choose|by) [a-z_]+=(?!=)", text)]


@pytest.mark.slow
def test_what_every_remedy_tells_to_pass_is_an_option_of_a_command():
    options: dict[str, str] = {}
    for command in typer.main.get_command(cli.app).commands.values():
        for option in command.params:
            options[option.name] = next((word for word in option.opts if word.startswith("--")), "")
    found = remedies()
    assert len(found) > 15
    left = {
        name
        for _, text in found
        for name in re.findall(r"(?:pass|use|choose|or|by) ([a-z_]+)=(?!=)", as_typed(text, options))
    }
    # What only Python has, raised by calls that no command makes, or said beside what the command has.
    assert left <= {
        "data",
        "download",
        "scale_draw",
        "split",
        "splits",
        "sizes",
        "warn",
        "reuse",
        "transform",
        "threads",
    }, left


def test_an_error_names_the_option_that_was_typed(run, voc_folder):
    code, _, err = run("load", voc_folder, "--layout", "nchw")
    assert (code, err) == (2, "segfeed: --layout: 'nchw'; expected one of 'NHWC', 'NCHW'.\n")


@pytest.fixture(name="odd")
def _odd(tmp_path, voc_folder):
    """Make a dataset of two classes with a patch of a third index that its legend does not know."""
    root = tmp_path / "VOC2012"
    shutil.copytree(voc_folder, root)
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nthing:128,0,0::\n")
    for path in (root / "SegmentationClass").iterdir():
        with Image.open(path) as opened:
            mask, palette = np.zeros((opened.height, opened.width), np.uint8), opened.getpalette()
        mask[:10, :10] = 1
        mask[12:16, 12:16] = 7
        changed = Image.fromarray(mask)
        changed.putpalette(palette)
        changed.save(path)
    return root


@pytest.mark.parametrize("words", [("load", "--crop", "32x48", "--batch-size", "2"), ("check",), ("pack",), ("stats",)])
@pytest.mark.slow
def test_an_unknown_colour_s_remedy_can_be_typed(run, odd, words):
    code, out, err = run(words[0], odd, *words[1:])
    assert code == 1
    assert "--unknown void" in out + err
    assert "unknown=" not in out + err
