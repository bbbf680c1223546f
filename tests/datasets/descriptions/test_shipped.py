"""Shipped descriptions: those here and those of other packages are formats like others."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.descriptions import fitting, shipped
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.datasets.descriptions.shipped import has_signs
from segfeed.datasets.recognition import FORMATS, find_format, format_names, import_format
from segfeed.errors import DescriptionError, OptionError, PluginError, SourceError

ROADS = """title = "Roads"
photos = "sat/{split}/{key}.jpg"
masks = "map/{split}/{key}.png"

[recognise]
needs = "map"

[classes]
0 = "ground"
1 = "road"
"""


def dataset(root: Path, folders=("sat", "map")) -> Path:
    for split, count in (("train", 3), ("val", 2)):
        for folder, suffix, picture in zip(
            folders,
            (".jpg", ".png"),
            (Image.new("RGB", (6, 4)), Image.fromarray(np.eye(4, 6, dtype=np.uint8))),
            strict=True,
        ):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                picture.save(root / folder / split / f"{split}{number}{suffix}")
    return root


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """Return a folder that stands in for the one of shipped descriptions."""
    folder = tmp_path / "descriptions"
    folder.mkdir()
    (folder / "roads.toml").write_text(ROADS)
    monkeypatch.setattr(shipped, "FOLDER", folder)
    return folder


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with descriptions."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def write(package: str, descriptions: dict[str, str], value: str = "") -> Path:
        module = package.replace("-", "_")
        (site / module / "descriptions").mkdir(parents=True)
        (site / module / "__init__.py").write_text("raise RuntimeError('a description needs no code')\n")
        for name, text in descriptions.items():
            (site / module / "descriptions" / f"{name}.toml").write_text(text)
        described = site / f"{module}-1.0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        point = f"[segfeed.descriptions]\nmine = {value or f'{module}_descriptions'}\n"
        (described / "entry_points.txt").write_text(point)
        (site / module / "descriptions").rename(site / f"{module}_descriptions")
        return site / f"{module}_descriptions"

    return write


def test_every_shipped_description_is_read_and_named_like_no_other_format():
    for name, path in shipped.list_own().items():
        said = shipped.read_shipped(path, "")
        assert said.title, name
        assert said.source, name
        assert said.tested in ("real data", "stand-in", "documentation"), name
        assert name not in FORMATS


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("where", [".", ".."])
@pytest.mark.slow
def test_a_dataset_of_a_shipped_description_is_recognised_by_its_name(tmp_path, where):
    root = dataset(tmp_path / "data" / "set")
    source = segfeed.scan((root / where).resolve())
    assert (source.format, source.root, len(source)) == ("roads", root, 3)
    assert source.legend.names == ("ground", "road")
    assert source.why.startswith("photos in sat/{split}/{key}.jpg and masks in map")
    assert segfeed.scan(root, format="roads") == source
    assert "roads" in format_names()
    assert import_format("roads").split_names(root) == ["train", "val"]


@pytest.mark.usefixtures("own")
def test_plain_folders_are_asked_after_it(tmp_path):
    root = dataset(tmp_path / "data" / "set")
    dataset(root, ("images", "masks"))
    assert find_format(root).name == "roads"
    (root / "map").rename(root / "colour map")  # which may not be the masks as well
    assert find_format(root, "folders").name == "folders"


def test_two_that_fit_are_an_error_that_names_both(own, tmp_path, write_voc):
    root = dataset(tmp_path / "data" / "set")
    (own / "streets.toml").write_text(ROADS)
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert "roads (" in caught.value.found
    assert "streets (" in caught.value.found
    assert segfeed.scan(root, format="streets").format == "streets"
    (own / "streets.toml").unlink()
    voc = write_voc(tmp_path / "VOC2012", {"train": [(4, 6)]})
    dataset(voc)
    with pytest.raises(SourceError, match=r"voc \(.*roads \("):
        segfeed.scan(voc)


@pytest.mark.usefixtures("own")
def test_one_that_is_asked_for_and_does_not_fit_says_what_is_there(tmp_path):
    root = dataset(tmp_path / "data" / "set", ("sat", "maps"))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, format="roads")
    assert "has no folder map; it has maps, sat" in caught.value.found


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("lacking", ["map", "sat"])
def test_what_it_needs_must_be_there(tmp_path, lacking):
    root = dataset(tmp_path / "data" / "set")
    (root / lacking).rename(root / "elsewhere")
    with pytest.raises(SourceError):
        segfeed.scan(root)


@pytest.mark.usefixtures("own")
def test_the_datasets_own_description_goes_first(tmp_path):
    root = dataset(tmp_path / "data" / "set")
    (root / "segfeed.toml").write_text(ROADS.replace('"ground"', '"field"'))
    assert segfeed.scan(root).legend.names == ("field", "road")


@pytest.mark.usefixtures("own")
def test_only_splits_that_are_there_count(tmp_path):
    root = dataset(tmp_path / "data" / "set")
    text = ROADS.replace(
        "[classes]", '[splits]\nfolders = { train = "train", val = "val", test = "testing" }\n[classes]'
    )
    (shipped.FOLDER / "roads.toml").write_text(text)
    assert import_format("roads").split_names(root) == ["train", "val"]


def test_each_folder_is_listed_once_however_many_descriptions_there_are(own, tmp_path, monkeypatch):
    for number in range(40):
        (own / f"d{number}.toml").write_text(ROADS.replace("sat/", f"sat{number}/"))
    for number in range(30):
        (tmp_path / "data" / f"f{number}").mkdir(parents=True)
    files = {name: (path, "") for name, path in shipped.list_own().items()}
    seen = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(path) or real(path))
    assert fitting.find_shipped(tmp_path / "data", files) == {}
    assert len(seen) == 32  # the folders, and once more the one above for its folders


@pytest.mark.usefixtures("own")
def test_a_folder_with_too_many_entries_is_not_asked_about_unless_by_name(tmp_path, monkeypatch):
    root = dataset(tmp_path / "data" / "set")
    monkeypatch.setattr(fitting, "_MOST_NAMES", 1)
    with pytest.raises(SourceError):
        segfeed.scan(root)
    assert segfeed.scan(root, format="roads").format == "roads"


def test_another_package_ships_descriptions_without_code(install, tmp_path):
    install("road-sets", {"roads": ROADS})
    root = dataset(tmp_path / "data" / "set")
    assert segfeed.scan(root).format == "roads"
    assert format_names()[-1] == "roads"
    assert "road_sets" not in sys.modules


def test_names_that_are_taken_are_refused(own, install, tmp_path):
    install("road-sets", {"roads": ROADS})
    with pytest.raises(PluginError) as caught:
        segfeed.scan(dataset(tmp_path / "data" / "set"))
    assert caught.value.where == "format 'roads'"
    assert "'road-sets', but there is one of segfeed itself" in caught.value.found
    (own / "roads.toml").unlink()
    install("street-sets", {"roads": ROADS})
    with pytest.raises(PluginError) as caught:
        format_names()
    assert "but there is one of package" in caught.value.found


def test_a_package_that_holds_none_or_a_broken_one_is_named_and_can_be_gone_around(install, tmp_path, voc_folder):
    folder = install("road-sets", {"roads": "photos = 3"})
    with pytest.raises(PluginError) as caught:
        segfeed.scan(dataset(tmp_path / "data" / "set"))
    assert caught.value.where == "description 'roads' of package 'road-sets'"
    assert caught.value.found == "line 1: photos = 3"
    assert segfeed.scan(voc_folder, format="voc").format == "voc"
    (folder / "roads.toml").unlink()
    with pytest.raises(PluginError) as caught:
        format_names()
    assert "holds no description" in caught.value.found


def test_a_broken_one_of_ours_is_named_by_its_line(own, tmp_path):
    (own / "roads.toml").write_text("photo = 3")
    with pytest.raises(DescriptionError):
        segfeed.scan(dataset(tmp_path / "data" / "set"))


def test_an_unknown_name_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(tmp_path, format="nope")
    assert "voc" in caught.value.expected


# ---- what must be there, what must not, and lists that pair files

SIGNS = ("gt/austin1.tif", "images/a.jpg", "labels/a.png", "named like a folder")


@pytest.fixture
def signs(tmp_path):
    for name in SIGNS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("said", "is_meant"),
    [
        ("", True),
        ('needs = "gt"', True),
        ('needs = ["gt", "images/a.jpg"]', True),
        ('needs = ["gt", "other"]', False),
        ('needs = "gt/austin{name}.tif"', True),
        ('needs = "gt/vienna{name}.tif"', False),
        ('unless = "other"', True),
        ('unless = ["other", "labels"]', False),
        ('unless = "labels/{name}.png"', False),
    ],
)
def test_what_must_and_must_not_be_there(signs, said, is_meant):
    description = parse_description(f'photos = "images/{{name}}.jpg"\n[recognise]\n{said}\n', "x")
    assert has_signs(signs, description) == is_meant


@pytest.mark.parametrize(
    ("lines", "is_meant"),
    [
        (b"images/a.jpg labels/a.png\nwhatever", True),
        (b"\xef\xbb\xbfimages/a.jpg\tlabels/a.png", True),
        (b"/images/a.jpg,labels/a.png\r\n", True),
        (b"images/a.jpg\n", False),
        (b"images/a.jpg labels/b.png\n", False),
        (b"images/a.jpg labels\n", False),
        (b"\x00\xff\x00 \xff", False),
        (b"images/a.jpg " + b"x" * 10_000_000, False),
        (b"", False),
    ],
)
def test_one_list_must_begin_with_a_pair(signs, lines, is_meant):
    description = parse_description('photos = "{name}.jpg"\n[recognise]\npairs = ["other.txt", "train.txt"]\n', "x")
    assert not has_signs(signs, description)
    (signs / "train.txt").write_bytes(lines)
    assert has_signs(signs, description) == is_meant


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_folder_in_a_list_s_place_is_not_waited_for(signs):
    description = parse_description('photos = "{name}.jpg"\n[recognise]\npairs = ["pipe", "gt"]\n', "x")
    os.mkfifo(signs / "pipe")
    assert not has_signs(signs, description)
