"""Fitting: descriptions are ruled out by their text only if they cannot fit, however they are written."""

import os
from pathlib import Path

import pytest

from segfeed.datasets.descriptions import fitting

HEAD = 'title = "Roads"\nphotos = "sat/{name}.png"\n'
TAIL = '\n[classes]\n0 = "a"\n1 = "b"\n'


def lay(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(tmp_path: Path, text: str, path: Path) -> list[str]:
    file = tmp_path / "roads.toml"
    file.write_text(text)
    fitting._text.cache_clear()
    return list(fitting.find_shipped(path, {"roads": (file, "")}))


@pytest.mark.parametrize(
    "masks",
    [
        'masks = "gt/{name}.png"',
        "masks = 'gt/{name}.png'",
        'masks = [\n  "other/{name}.png", # the first release\n  "gt/{name}.png",\n]',
        "masks = ['gt/{name}.png']",
        '"masks" = "gt/{name}.png"',
        'masks = "g*/{name}.png"',
        'masks = "{split}/{name}.png"',
        'masks = """gt/{name}.png"""',
        'masks = "gt/{name}.png"\n[recognise]\nneeds = "nothing | classes.md"',
        'masks = "gt/{name}.png"\n[recognise]\nneeds = "{name}.md"',
        '[[variants]]\nmasks = "gt/{name}.png"\n[[variants]]\nfile = "other.json"\nmasks = "other/{name}.png"',
        '[[variants]]\nfile = "classes.md"\nmasks = "gt/{name}.png"',
    ],
)
def test_what_fits_is_found_however_it_is_written(tmp_path, masks):
    root = lay(tmp_path / "d", "sat/1.png", "gt/1.png", "classes.md")
    classes = "" if "[[" in masks else TAIL
    text = HEAD + masks + classes
    if "[[" in masks:
        text = text.replace("[[variants]]", '[[variants]]\nclasses = { 0 = "a", 1 = "b" }')
    assert found(tmp_path, text, root) == ["roads"]
    assert found(tmp_path, text, root.parent) == ["roads"]


def test_what_cannot_fit_is_not_read_as_toml(tmp_path):
    root = lay(tmp_path / "d", "sat/1.png", "truth/1.png")
    assert found(tmp_path, HEAD + 'masks = "gt/{name}.png"\nthis is not TOML', root) == []


def test_a_file_that_is_no_variant_s_is_no_dataset(tmp_path):
    root = lay(tmp_path / "d", "sat/1.png", "gt/1.png", "classes.md")
    assert found(tmp_path, HEAD + 'masks = "gt/{name}.png"' + TAIL, root / "classes.md") == []


def test_a_description_that_cannot_be_read_is_named_when_it_is_asked(tmp_path):
    root = lay(tmp_path / "d", "sat/1.png")
    link = tmp_path / "gone.toml"
    os.symlink(tmp_path / "nowhere", link)
    with pytest.raises(OSError, match=r"nowhere|gone|No such"):
        fitting.find_shipped(root, {"gone": (link, "")})
