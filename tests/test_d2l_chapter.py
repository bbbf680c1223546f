"""The chapter, top to bottom as a reader runs it: the real lists, names and sizes; pictures a tenth as large."""

import csv
import hashlib
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from segfeed import d2l
from segfeed.datasets.catalogue.fetching import DATASETS
from segfeed.errors import ArchiveError, DownloadError, OptionError
from stand_ins import ROOT, mask, memory_folder, photo, tar, voc_members
from web_server import NOT_THERE, Answer, running_server

pytestmark = pytest.mark.slow

# The cells of the chapter; sizes in px are a tenth of the book's.
CELLS = """
d2l.DATA_HUB['voc2012'] = (d2l.DATA_URL + 'VOCtrainval_11-May-2012.tar', sha1)

voc_dir = d2l.download_extract('voc2012', 'VOCdevkit/VOC2012')

train_features, train_labels = d2l.read_voc_images(voc_dir, True)

n = 5
imgs = train_features[:n] + train_labels[:n]
d2l.show_images(imgs, 2, n);

y = d2l.voc_label_indices(train_labels[0], d2l.voc_colormap2label())
print(y[105:115, 130:140], d2l.VOC_CLASSES[1])

imgs = []
for _ in range(n):
    imgs += d2l.voc_rand_crop(train_features[0], train_labels[0], 20, 30)
d2l.show_images(imgs[::2] + imgs[1::2], 2, n);

crop_size = (32, 48)
voc_train = d2l.VOCSegDataset(True, crop_size, voc_dir)
voc_test = d2l.VOCSegDataset(False, crop_size, voc_dir)

batch_size = 64
train_iter, test_iter = d2l.load_data_voc(batch_size, crop_size)
for X, Y in train_iter:
    print(X.shape)
    print(Y.shape)
    break
"""

# The book reads 1114; here the photo whose mask it prints keeps its size, and so is large enough.
PRINTED = """\
[[0 0 0 0 0 0 0 0 0 1]
 [0 0 0 0 0 0 0 1 1 1]
 [0 0 0 0 0 0 1 1 1 1]
 [0 0 0 0 0 1 1 1 1 1]
 [0 0 0 0 0 1 1 1 1 1]
 [0 0 0 0 1 1 1 1 1 1]
 [0 0 0 0 0 1 1 1 1 1]
 [0 0 0 0 0 1 1 1 1 1]
 [0 0 0 0 0 0 1 1 1 1]
 [0 0 0 0 0 0 0 0 1 1]] aeroplane
read 1115 examples
read 1078 examples
read 1115 examples
read 1078 examples
(64, 32, 48, 3)
(64, 32, 48)
"""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as running:
        monkeypatch.setattr(d2l, "DATA_URL", f"{running.address}/")
        monkeypatch.setattr(d2l, "DATA_HUB", dict(d2l.DATA_HUB))
        yield running


@pytest.fixture
def room(monkeypatch):
    with memory_folder() as folder:
        monkeypatch.setenv("SEGFEED_CACHE", str(folder))
        yield folder


@pytest.fixture
def _no_screen():
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    plt.close("all")
    mpl.use(before)


def chapter_archive(facts: Path) -> bytes:
    """Make a VOC 2012 with the official lists and the mask that the chapter prints."""
    lists = {split: (facts / f"{split}.txt").read_text().split() for split in ("train", "val")}
    lists["trainval"] = sorted(lists["train"] + lists["val"])
    with open(facts / "sizes.csv", newline="") as file:
        sizes = {row["id"]: (int(row["height"]) // 10, int(row["width"]) // 10) for row in csv.DictReader(file)}
    members = voc_members(lists)
    for number, key in enumerate(lists["trainval"]):
        members[f"{ROOT}JPEGImages/{key}.jpg"] = photo(number, sizes[key])
        members[f"{ROOT}SegmentationClass/{key}.png"] = mask(number % 21, sizes[key])
    first = lists["train"][0]
    members[f"{ROOT}JPEGImages/{first}.jpg"] = photo(0, (281, 500))
    members[f"{ROOT}SegmentationClass/{first}.png"] = (facts / f"{first}.png").read_bytes()
    return tar(members)


@pytest.mark.usefixtures("_no_screen", "room")
def test_chapter_runs_top_to_bottom(server, shared_data, capsys):
    data = chapter_archive(shared_data / "voc2012-facts")
    sha1 = hashlib.sha1(data).hexdigest()  # noqa: S324 - as the book does
    server.serve("VOCtrainval_11-May-2012.tar", data, Answer(cut_after=len(data) // 2))
    exec(compile(CELLS, "chapter", "exec"), {"d2l": d2l, "sha1": sha1})  # noqa: S102 - the chapter's cells
    assert capsys.readouterr().out == PRINTED
    assert server.ranges() == [None, f"bytes={len(data) // 2}-"]


# ---- archives of other kinds

FILES = {"animals/cat.txt": b"cat", "animals/more/dog.txt": b"dog", "readme.txt": b"hello"}


def add(server, name: str, data: bytes) -> None:
    server.serve(name, data)
    d2l.DATA_HUB["mine"] = (d2l.DATA_URL + name, hashlib.sha1(data).hexdigest())  # noqa: S324


def test_hub_is_that_of_the_book():
    assert d2l.DATA_HUB == {
        "voc2012": (
            "http://d2l-data.s3-accelerate.amazonaws.com/VOCtrainval_11-May-2012.tar",
            "4e443f8a2eca6b1dac8a6c57641b67dd40621a49",
        )
    }
    assert d2l.DATA_HUB["voc2012"][0] == d2l.DATA_URL + "VOCtrainval_11-May-2012.tar"


def test_any_archive_of_the_hub_is_unpacked_whole_and_once(server, room):
    add(server, "animals.tar", tar(FILES))
    for _ in range(2):
        path = d2l.download_extract("mine")
        assert isinstance(path, str)
        assert (Path(path) / "cat.txt").read_bytes() == b"cat"
    assert Path(path).name == "animals"
    assert (Path(d2l.download_extract("mine", "animals/more")) / "dog.txt").read_bytes() == b"dog"
    assert Path(path).parents[0].parent == room / "datasets"
    assert len(server.requests) == 1
    assert len(list((room / "datasets").iterdir())) == 1


def test_two_archives_of_one_name_do_not_meet(server, room):
    add(server, "animals.tar", tar(FILES))
    first = d2l.download_extract("mine")
    add(server, "animals.tar", tar(FILES | {"animals/cat.txt": b"lion"}))
    assert (Path(d2l.download_extract("mine")) / "cat.txt").read_bytes() == b"lion"
    assert (Path(first) / "cat.txt").read_bytes() == b"cat"


def test_folder_that_the_archive_does_not_hold_is_named(server, room):
    add(server, "zoo.tar", tar(FILES))
    for folder, name in ((None, "zoo"), ("plants", "plants")):
        with pytest.raises(OptionError) as caught:
            d2l.download_extract("mine", folder)
        assert caught.value.where == "folder"
        assert caught.value.found.startswith(f"'{name}', which http")
        assert "zoo.tar" in caught.value.found
        assert caught.value.expected == "one of what it holds: animals, readme.txt"


def test_name_that_is_not_in_the_hub_is_named(room):
    with pytest.raises(OptionError) as caught:
        d2l.download_extract("banana")
    assert (caught.value.where, caught.value.found) == ("name", "'banana', which is not in DATA_HUB")
    assert caught.value.expected == "one of voc2012"


def test_archive_that_must_not_be_unpacked_leaves_nothing(server, room):
    add(server, "evil.tar", tar({"../evil": b"x"}))
    with pytest.raises(ArchiveError) as caught:
        d2l.download_extract("mine")
    assert "leaves its folder" in str(caught.value)
    assert [path for path in (room / "datasets").iterdir() if not path.name.startswith(".")] == []


def test_server_without_the_archive_is_named(server, room):
    add(server, "animals.tar", tar(FILES))
    server.always["animals.tar"] = NOT_THERE
    with pytest.raises(DownloadError) as caught:
        d2l.download_extract("mine")
    assert all(word in str(caught.value) for word in ("animals.tar", "404"))


@pytest.mark.parametrize("name", ["train_ch13", "set_figsize", "try_all_gpus", "Timer"])
def test_name_of_another_chapter_says_how_to_have_both(name):
    assert not hasattr(d2l, name)
    with pytest.raises(AttributeError) as caught:
        getattr(d2l, name)
    said = str(caught.value)
    assert f"no name '{name}'" in said
    assert "load_data_voc" in said
    assert f"`from d2l import torch as book`, then call book.{name}" in said


def test_names_of_the_chapter_are_all_that_a_star_brings():
    brought = {}
    exec("from segfeed.d2l import *", brought)  # noqa: S102 - as a notebook does
    assert set(brought) - {"__builtins__"} == set(dir(d2l)) == set(d2l.__all__)
    assert all(hasattr(d2l, name) for name in d2l.__all__)


def test_file_that_was_downloaded_by_other_means_is_taken(server, room, shared_data, tmp_path):
    data = chapter_archive(shared_data / "voc2012-facts")
    (tmp_path / "mine.tar").write_bytes(data)
    sha1 = hashlib.sha1(data).hexdigest()  # noqa: S324
    d2l.DATA_HUB["voc2012"] = (d2l.DATA_URL + "VOCtrainval_11-May-2012.tar", sha1)
    path = d2l.download_extract("voc2012", "VOCdevkit/VOC2012", file=tmp_path / "mine.tar")
    assert (Path(path) / "JPEGImages").is_dir()
    (tmp_path / "zoo.tar").write_bytes(tar(FILES))
    d2l.DATA_HUB["mine"] = (d2l.DATA_URL + "animals.tar", hashlib.sha1(tar(FILES)).hexdigest())  # noqa: S324
    assert (Path(d2l.download_extract("mine", file=tmp_path / "zoo.tar")) / "cat.txt").read_bytes() == b"cat"
    assert server.requests == []


def test_file_with_other_bytes_is_refused(server, room, tmp_path):
    (tmp_path / "zoo.tar").write_bytes(tar(FILES))
    d2l.DATA_HUB["mine"] = (d2l.DATA_URL + "animals.tar", 40 * "0")
    with pytest.raises(ArchiveError, match=40 * "0"):
        d2l.download_extract("mine", file=tmp_path / "zoo.tar")


def test_without_the_server_the_remedy_says_how_to_hand_over_a_file(server, room):
    add(server, "animals.tar", tar(FILES))
    server.always["animals.tar"] = NOT_THERE
    with pytest.raises(DownloadError) as caught:
        d2l.download_extract("mine")
    assert caught.value.remedy.endswith("or get it by other means and pass it as file=")
    for name, dataset in DATASETS.items():
        assert dataset.remote.by_hand == f"pass it: `segfeed fetch {name} --from FILE`"
