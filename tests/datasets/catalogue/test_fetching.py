"""Catalogue: a dataset by its name, whole or not there, whatever servers, disks and impatient people do."""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from segfeed.datasets.catalogue.devkit import check_folder, prepare_devkit
from segfeed.datasets.catalogue.download import Remote
from segfeed.datasets.catalogue.fetching import DATASETS, PublicDataset, count_ids, fetch_dataset, find_dataset
from segfeed.datasets.catalogue.sbd import Numbers, check_sbd_folder, prepare_sbd
from segfeed.errors import (
    ArchiveError,
    DownloadError,
    NotInstalledError,
    OptionError,
    SourceError,
    SourceMissingError,
    StorageError,
)
from stand_ins import ROOT, memory_folder, sbd_members, small_voc, tar, voc_members
from web_server import HTML, NOT_THERE, Answer, running_server

LISTS = small_voc()
COUNTS = {split: len(ids) for split, ids in LISTS.items()}
MEMBERS = voc_members(LISTS, ["2010_000001"])
WANTED = {
    name: content
    for name, content in MEMBERS.items()
    if "2010_" not in name and "Annotations" not in name and "Main" not in name
}
ARCHIVE = tar(MEMBERS)
SHA1 = hashlib.sha1(ARCHIVE).hexdigest()  # noqa: S324 - as archives are published
REMOTE = Remote("voc.tar", (), SHA1, len(ARCHIVE))


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as running:
        yield running


@pytest.fixture
def mirrors(server, monkeypatch):
    """Make "voc2012" a small one that two mirrors have, the first of which can be made to fail."""
    urls = tuple(server.serve(f"{number}/voc.tar", ARCHIVE) for number in range(2))
    small = PublicDataset(
        replace(REMOTE, mirrors=urls),
        lambda archive, _: prepare_devkit(archive, COUNTS),
        partial(check_folder, counts=COUNTS),
    )
    monkeypatch.setitem(DATASETS, "voc2012", small)
    return urls


@pytest.fixture
def file(tmp_path):
    (tmp_path / "my copy.tar").write_bytes(ARCHIVE)
    return tmp_path / "my copy.tar"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- what is published


def test_published_archives_are_those_that_everybody_uses():
    voc, sbd = DATASETS["voc2012"].remote, DATASETS["sbd"].remote
    assert (voc.size_bytes, voc.sha1) == (1_999_639_040, "4e443f8a2eca6b1dac8a6c57641b67dd40621a49")
    assert (sbd.size_bytes, sbd.sha1) == (1_419_539_633, "7129e0a480c2d6afb02b517bb18ac54283bfaa35")
    for remote in (voc, sbd):
        assert any(url.startswith("https://") for url in remote.mirrors)
        assert all(url.rpartition("/")[2] == remote.name for url in remote.mirrors)


# ---- downloading


def test_dataset_is_downloaded_into_the_cache_and_found_there(mirrors, cache):
    root = fetch_dataset("voc2012")
    assert root == cache / "datasets" / "voc2012" / ROOT.rstrip("/") == find_dataset("voc2012")
    assert tree(cache / "datasets") == {f"voc2012/{name}": content for name, content in WANTED.items()}
    assert count_ids("voc2012", root) == COUNTS


def test_cache_may_be_given(mirrors, tmp_path):
    root = fetch_dataset("voc2012", cache_dir=tmp_path / "mine")
    assert root == find_dataset("voc2012", tmp_path / "mine")
    assert tree(tmp_path / "mine" / "datasets" / "voc2012") == WANTED


def test_second_time_nothing_is_asked(mirrors, server, cache):
    fetch_dataset("voc2012")
    asked = len(server.requests)
    fetch_dataset("voc2012")
    assert len(server.requests) == asked == 1


def test_dataset_is_put_where_the_user_wants_it_beside_what_is_there(mirrors, tmp_path):
    (tmp_path / "mine" / "VOCdevkit" / "VOC2007").mkdir(parents=True)
    (tmp_path / "mine" / "notes.txt").write_bytes(b"precious")
    assert fetch_dataset("voc2012", tmp_path / "mine") == tmp_path / "mine" / ROOT
    assert tree(tmp_path / "mine") == WANTED | {"notes.txt": b"precious"}


@pytest.mark.parametrize("bad", [NOT_THERE, HTML, Answer(cut_after=5), Answer(content=ARCHIVE[::-1])])
@pytest.mark.slow
def test_next_mirror_is_asked(mirrors, server, cache, bad, monkeypatch):
    monkeypatch.setattr("segfeed.datasets.catalogue.download.time.sleep", lambda _: None)
    server.always["0/voc.tar"] = bad
    fetch_dataset("voc2012")
    assert server.requests[-1][0] == "1/voc.tar"
    assert tree(cache / "datasets" / "voc2012") == WANTED


def test_without_a_good_mirror_nothing_is_there_and_the_error_says_why(mirrors, server, cache):
    server.always["0/voc.tar"], server.always["1/voc.tar"] = NOT_THERE, HTML
    with pytest.raises(DownloadError, match=r"voc\.tar: no mirror gave the file \(.*404 Not Found; .*a web page"):
        fetch_dataset("voc2012")
    assert tree(cache) == {}
    with pytest.raises(SourceMissingError) as caught:
        find_dataset("voc2012")
    assert caught.value.found == "voc2012 was not fetched yet"
    assert caught.value.remedy.startswith("run `segfeed fetch voc2012`, pass download=True")


def test_downloaded_archive_is_kept_on_demand_and_used_the_next_time(mirrors, server, tmp_path):
    fetch_dataset("voc2012", tmp_path / "a", keep_archive=True)
    assert tree(tmp_path / "a") == WANTED | {"voc.tar": ARCHIVE}
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "voc.tar").rename(tmp_path / "b" / "voc.tar")
    for _ in range(2):
        fetch_dataset("voc2012", tmp_path / "b", keep_archive=True)
    assert tree(tmp_path / "b") == WANTED | {"voc.tar": ARCHIVE}
    assert len(server.requests) == 1


@pytest.mark.slow
def test_mirror_of_the_users_own_is_asked_first_and_the_others_after_it(mirrors, server, tmp_path):
    own = server.serve("own/voc.tar", ARCHIVE, always=NOT_THERE)
    fetch_dataset("voc2012", tmp_path / "out", archive=own)
    assert [path for path, _ in server.requests] == ["own/voc.tar", "0/voc.tar"]


# ---- from a file


def test_archive_that_is_there_is_used_in_place_and_kept(mirrors, server, file, tmp_path):
    fetch_dataset("voc2012", tmp_path / "out", archive=file)
    assert tree(tmp_path / "out") == WANTED
    assert file.read_bytes() == ARCHIVE
    assert server.requests == []


@pytest.mark.parametrize("other", [ARCHIVE[:-512], ARCHIVE + b"\0", b"<html>", b""])
def test_archive_of_other_bytes_is_refused_with_both_digests(mirrors, file, tmp_path, other):
    file.write_bytes(other)
    with pytest.raises(ArchiveError) as caught:
        fetch_dataset("voc2012", tmp_path / "out", archive=file)
    found = hashlib.sha1(other).hexdigest()  # noqa: S324
    assert caught.value.where == str(file)
    assert caught.value.found.startswith(f"SHA-1 {found} in {len(other):,} bytes")
    assert caught.value.expected.startswith(SHA1)
    assert not (tmp_path / "out").exists()


def test_archive_of_other_bytes_is_taken_with_its_own_digest(mirrors, server, file, tmp_path):
    other = tar(dict(reversed(MEMBERS.items())))
    file.write_bytes(other)
    sha1 = hashlib.sha1(other).hexdigest()  # noqa: S324
    fetch_dataset("voc2012", tmp_path / "out", archive=file, sha1=sha1.upper())
    fetch_dataset("voc2012", tmp_path / "again", archive=server.serve("x.tar", other), sha1=sha1)
    assert tree(tmp_path / "out") == tree(tmp_path / "again") == WANTED


def test_wrong_dataset_is_refused_though_its_digest_was_given(mirrors, file, tmp_path):
    other = tar(voc_members(small_voc(4, 2)))
    file.write_bytes(other)
    with pytest.raises(SourceError) as caught:
        fetch_dataset("voc2012", tmp_path / "out", archive=file, sha1=hashlib.sha1(other).hexdigest())  # noqa: S324
    assert caught.value.found.endswith("(train 4, trainval 6)")
    assert caught.value.expected == "train 3, trainval 5"
    assert "another year's" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_archive_that_is_not_there_is_named(mirrors, tmp_path):
    with pytest.raises(SourceMissingError, match=r"nowhere\.tar: no such archive"):
        fetch_dataset("voc2012", tmp_path / "out", archive=tmp_path / "nowhere.tar")


def test_archive_that_changes_while_it_is_unpacked_leaves_nothing(mirrors, file, tmp_path, monkeypatch):
    def change(folder: Path, write) -> None:
        write(folder)
        os.utime(file, (1, 1))

    dataset = DATASETS["voc2012"]

    def prepare(archive, extended):
        found = dataset.prepare(archive, extended)
        return replace(found, write=partial(change, write=found.write))

    monkeypatch.setitem(DATASETS, "voc2012", replace(dataset, prepare=prepare))
    with pytest.raises(SourceError, match="the archive changed while it was read"):
        fetch_dataset("voc2012", tmp_path / "out", archive=file)
    assert tree(tmp_path / "out") == {}


# ---- what is there already


def test_dataset_that_the_user_unpacked_is_taken_as_it_is(mirrors, server, tmp_path):
    for name, content in MEMBERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    before = tree(tmp_path)
    assert fetch_dataset("voc2012", tmp_path) == tmp_path / ROOT
    assert tree(tmp_path) == before
    assert server.requests == []


def test_dataset_that_is_not_whole_is_an_error_and_not_touched(mirrors, tmp_path):
    root = fetch_dataset("voc2012", tmp_path)
    (root / "JPEGImages" / "2007_000001.jpg").unlink()
    before = tree(tmp_path)
    with pytest.raises(SourceMissingError) as caught:
        fetch_dataset("voc2012", tmp_path)
    assert caught.value.found == "1 of 18 files are missing (JPEGImages/2007_000001.jpg)"
    assert (caught.value.expected, caught.value.remedy) == ("all", "fetch it to another folder")
    assert tree(tmp_path) == before


def test_disk_without_room_is_told_before_anything_is_written(mirrors, file, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=r"are free.*; make room, or choose another folder to fetch to"):
        fetch_dataset("voc2012", tmp_path / "out", archive=file)
    assert tree(tmp_path / "out") == {}


# ---- SBD


@pytest.mark.slow
def test_sbd_extends_the_voc_of_the_cache_which_is_fetched_where_it_is_missing(mirrors, server, cache, monkeypatch):
    lists = {"train": [LISTS["train"][1], LISTS["val"][0], "2008_000001"], "val": [LISTS["val"][1], "2009_000002"]}
    numbers = Numbers(COUNTS, {"train": 3, "val": 2}, trainaug=5)
    data = tar(sbd_members(lists))
    remote = Remote("benchmark.tgz", (server.serve("benchmark.tgz", data),), hashlib.sha1(data).hexdigest(), len(data))  # noqa: S324
    monkeypatch.setitem(
        DATASETS, "sbd", replace(DATASETS["sbd"], remote=remote, prepare=partial(prepare_sbd, numbers=numbers),
                                 check=partial(check_sbd_folder, numbers=numbers))
    )  # fmt: skip
    root = fetch_dataset("sbd")
    assert [path for path, _ in server.requests] == ["0/voc.tar", "benchmark.tgz"]
    assert count_ids("sbd", root) == COUNTS | {"trainaug": 5}
    assert find_dataset("voc2012").is_dir()
    assert root == cache / "datasets" / "sbd" / ROOT
    for number, voc in enumerate((find_dataset("voc2012"), cache / "datasets" / "voc2012")):
        assert tree(fetch_dataset("sbd", cache / f"{number}", voc=voc)) == tree(root)
    with pytest.raises(SourceError) as caught:
        fetch_dataset("sbd", cache / "datasets" / "voc2012")
    assert caught.value.found.endswith("(trainaug 0)")
    assert caught.value.expected == "trainaug 5"


def test_voc_that_is_not_whole_is_told_before_sbd_is_downloaded(mirrors, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("segfeed.datasets.catalogue.fetching.open_remote", lambda *_: pytest.fail("it was downloaded"))
    with pytest.raises(SourceError) as caught:
        fetch_dataset("sbd", voc=tmp_path / "nowhere")
    assert caught.value.where == str(tmp_path / "nowhere")
    assert caught.value.found == "lists with other numbers of ids (train 0, val 0, trainval 0)"


def test_without_scipy_sbd_is_refused_before_anything_is_downloaded(mirrors, cache, monkeypatch):
    monkeypatch.setattr("segfeed.datasets.catalogue.fetching.open_remote", lambda *_: pytest.fail("it was downloaded"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(NotInstalledError) as caught:
        fetch_dataset("sbd")
    assert (caught.value.where, caught.value.found) == ("scipy", "not installed")
    assert caught.value.remedy == "install it with: pip install 'segfeed[sbd]'"


# ---- options


@pytest.mark.parametrize(
    ("options", "where", "found", "expected"),
    [
        ({"name": "voc2007"}, "dataset", "'voc2007'", "one that can be fetched: voc2012, sbd"),
        ({"sha1": "123"}, "sha1", "'123'", "40 hexadecimal digits"),
        ({"sha1": "z" * 40}, "sha1", "'zzz", "40 hexadecimal digits"),
        ({"sha1": "0" * 40}, "sha1", "a digest without its archive", ""),
        ({"voc": "/data"}, "voc", "a folder for 'voc2012', which extends nothing", ""),
        ({"archive": "/data/voc.tar", "keep_archive": True}, "keep_archive", "True, but /data/voc.tar is there", ""),
        ({"archive": "ftp://host/voc.tar"}, "ftp://host/voc.tar", "not the address of a file", "an http or https URL"),
    ],
)
def test_options_without_meaning_are_refused(mirrors, cache, options, where, found, expected):
    with pytest.raises(OptionError) as caught:
        fetch_dataset(**{"name": "voc2012", **options})
    assert caught.value.where == where
    assert caught.value.found.startswith(found)
    assert caught.value.expected == expected
    assert tree(cache) == {}


def test_unknown_name_cannot_be_found(cache):
    with pytest.raises(OptionError) as caught:
        find_dataset("voc")
    assert (caught.value.where, caught.value.found) == ("dataset", "'voc'")


# ---- in a crowd, and killed


@pytest.mark.slow
def test_several_at_once_all_end_well(mirrors, server, cache):
    server.always["0/voc.tar"] = Answer(piece_bytes=4096, pause_s=0.002)
    with ThreadPoolExecutor(4) as pool:
        roots = list(pool.map(lambda _: fetch_dataset("voc2012"), range(4)))
    assert len(set(roots)) == 1
    assert tree(cache / "datasets" / "voc2012") == WANTED
    assert sorted(path.name for path in (cache / "datasets" / "voc2012").iterdir()) == ["VOCdevkit"]


KILLER = """
import os, shutil, signal, sys
from functools import partial
from pathlib import Path
from segfeed.datasets.catalogue import fetching as catalogue
from segfeed.datasets.catalogue.devkit import check_folder, prepare_devkit
from segfeed.datasets.catalogue.download import Remote

url, sha1, size, to = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
counts = {"train": 3, "val": 2, "trainval": 5}
catalogue.DATASETS["voc2012"] = catalogue.PublicDataset(
    Remote("voc.tar", (url,), sha1, size),
    lambda archive, _: prepare_devkit(archive, counts),
    partial(check_folder, counts=counts),
)
EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")


def fetch():
    return catalogue.fetch_dataset("voc2012", to)


def tree():
    return {str(path.relative_to(to)): path.is_file() and path.read_bytes() for path in to.rglob("*")}


def die_at(number):
    seen = 0

    def watch(event, arguments):
        nonlocal seen
        if event in EVENTS and str(to) in str(arguments[0]):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


root = fetch()
whole, number, killed = tree(), 0, True
while killed:
    shutil.rmtree(to)
    number += 1
    child = os.fork()
    if not child:
        die_at(number)
        fetch()
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    if root.exists():
        found = {name: content for name, content in tree().items() if name in whole}
        assert found == whole, f"half of it, killed at {number}"
    fetch()
    assert tree() == whole, f"killed at {number}: {sorted(set(tree()) ^ set(whole))}"
print(number)
"""


@pytest.mark.slow
def test_killed_at_any_call_that_changes_the_disk_it_is_whole_after_the_next_run(server):
    """Number every call that opens, makes, renames or removes something; kill at each of them; run again."""
    with memory_folder() as folder:
        command = [
            sys.executable,
            "-c",
            KILLER,
            server.serve("voc.tar", ARCHIVE),
            SHA1,
            str(len(ARCHIVE)),
            str(folder / "to"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40
