"""`segfeed fetch`, on archives with the real layout, lists and numbers: kills, faults, what a user reads meanwhile."""

import gzip
import hashlib
import json
import os
import pty
import signal
import subprocess
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from installed import SEGFEED, interruptible
from segfeed import Legend, Source
from segfeed.datasets.blobs import File
from segfeed.datasets.catalogue.fetching import DATASETS, fetch_dataset
from segfeed.datasets.export import export_splits
from segfeed.datasets.source import Sample
from segfeed.errors import SourceMissingError
from segfeed.feed import load, scan
from stand_ins import ROOT, SBD_ROOT, memory_folder, sbd_members, tar, voc_members
from web_server import HTML, NOT_THERE, Answer, running_server, wait_until

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class StandIn:
    """An archive, its digest, and what must come out of it: name -> contents."""

    path: Path
    sha1: str
    wanted: dict[str, bytes]


def stand_in(path: Path, data: bytes, wanted: dict[str, bytes]) -> StandIn:
    path.write_bytes(data)
    return StandIn(path, hashlib.sha1(data).hexdigest(), wanted)  # noqa: S324 - as archives are published


@pytest.fixture(scope="module", name="room")
def _room():
    with memory_folder() as folder:
        yield folder


@pytest.fixture(scope="module", name="official")
def _official(shared_data):
    """Read the official lists."""
    folder = shared_data / "voc2012-facts"
    lists = {split: (folder / f"{split}.txt").read_text().split() for split in ("train", "val", "trainaug")}
    return lists | {"trainval": sorted(lists["train"] + lists["val"])}


@pytest.fixture(scope="module", name="voc")
def _voc(official, room):
    """Make VOC 2012 as it was published: 17,125 photos, 2,913 of them with masks."""
    lists = {split: official[split] for split in ("train", "val", "trainval")}
    members = voc_members(lists, [f"2012_{number:06d}" for number in range(17_125 - 2_913)])
    assert sum(name.endswith(".jpg") for name in members) == 17_125
    keys = set(official["trainval"])
    wanted = {
        name: content
        for name, content in members.items()
        if "/Segmentation" in name or ("JPEGImages" in name and Path(name).stem in keys)
    }
    assert len(wanted) == 3 * 2_913 + 3
    return stand_in(room / "voc.tar", tar(members), wanted)


@pytest.fixture(scope="module", name="voc_root")
def _voc_root(voc, room):
    """Fetch VOC 2012 once, for tests that only read it."""
    return fetch_dataset("voc2012", room / "fetched", archive=voc.path, sha1=voc.sha1)


@pytest.fixture(scope="module", name="sbd")
def _sbd(official, room):
    """Make SBD: 11,355 ids, those of trainaug and some of VOC's val among them, divided otherwise than VOC's."""
    added = sorted(set(official["trainaug"]) - set(official["train"]))
    keys = sorted([*added, *official["train"][:1133], *official["val"][:1104]])
    assert len(keys) == 11_355
    lists = {"train": keys[-8_498:], "val": keys[:2_857]}
    assert set(lists["train"]) & set(official["val"]), "the trap is set"
    members = sbd_members(lists)
    return stand_in(room / "benchmark.tgz", gzip.compress(tar(members), 1), members)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as running:
        yield running


@pytest.fixture
def place(room, request):
    """Make a folder to fetch to."""
    folder = room / request.node.name.partition("[")[0]
    folder.mkdir()
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start(*words: object, **how: object) -> subprocess.Popen[str]:
    command = [SEGFEED, "fetch", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def arrived(place: Path) -> int:
    return max((path.stat().st_size for path in place.glob(".VOC*/bytes")), default=0)


def photos_unpacked(place: Path) -> int:
    return max((len(os.listdir(folder)) for folder in place.glob("VOCdevkit/.VOC2012.*/JPEGImages")), default=0)


def test_voc_is_whole_after_any_number_of_kills_and_faults(voc, server, place):
    data = voc.path.read_bytes()
    third, gates = len(data) // 3, [threading.Event() for _ in range(2)]
    url = server.serve(
        "voc.tar",
        data,
        Answer(piece_bytes=third, gate=gates[0]),
        Answer(cut_after=third // 2),
        Answer(ranges=False, piece_bytes=2 * third, gate=gates[1]),
        Answer(chunked=True, cut_after=1000),
    )
    words = ("voc2012", "--to", place, "--from", url, "--sha1", voc.sha1)
    process = start(*words)
    wait_until(lambda: arrived(place) >= third)
    kill(process)
    process = start(*words)
    wait_until(lambda: arrived(place) >= 2 * third)
    kill(process)
    for gate in gates:
        gate.set()
    process = start(*words)
    wait_until(lambda: photos_unpacked(place) >= 1_000 or process.poll() is not None)
    assert process.poll() is None, "it was too fast to be killed"
    kill(process)
    assert not (place / ROOT).exists()
    assert finish(start(*words)) == (0, f"voc2012: train 1,464, val 1,449, trainval 2,913\n{place / ROOT}\n", "")
    assert tree(place) == voc.wanted
    assert [path.name for path in place.iterdir()] == ["VOCdevkit"]
    assert server.ranges()[:2] == [None, f"bytes={third}-"]
    assert len(scan(place, "train")) == 1464


def test_trainaug_has_the_official_ids_and_none_of_val(voc_root, sbd, official, place):
    found = fetch_dataset("sbd", place, archive=sbd.path, sha1=sbd.sha1, voc=voc_root)
    trainaug = (found / "ImageSets" / "Segmentation" / "trainaug.txt").read_text().split()
    assert trainaug == official["trainaug"]
    assert len(trainaug) == 10_582
    assert not set(trainaug) & set(official["val"])
    masks = {path.stem for path in (found / "SegmentationClassAug").iterdir()}
    assert masks == {path.stem for path in (found / "JPEGImages").iterdir()} == {*trainaug, *official["val"]}
    assert len(scan(found, "trainaug")) == 10_582
    added = next(key for key in trainaug if key not in set(official["train"]))
    assert (found / "JPEGImages" / f"{added}.jpg").read_bytes() == sbd.wanted[f"{SBD_ROOT}img/{added}.jpg"]


# ---- by name


def test_dataset_is_loaded_by_its_name_once_it_was_fetched(voc, server, place, monkeypatch):
    monkeypatch.setenv("SEGFEED_CACHE", str(place))
    url = server.serve("voc.tar", voc.path.read_bytes())
    remote = replace(DATASETS["voc2012"].remote, mirrors=(url,), sha1=voc.sha1, size_bytes=voc.path.stat().st_size)
    monkeypatch.setitem(DATASETS, "voc2012", replace(DATASETS["voc2012"], remote=remote))
    with pytest.raises(SourceMissingError) as caught:
        load("voc2012", 8, (6, 8), pack=False)
    assert "`segfeed fetch voc2012`" in str(caught.value)
    assert server.requests == []
    train, val = load("voc2012", 8, (6, 8), pack=False, download=True)
    assert (len(train), len(val)) == (1464 // 8, -(-1449 // 8))
    assert next(iter(train)).images.shape == (8, 6, 8, 3)
    assert len(scan("voc2012", "trainval")) == 2913
    assert len(server.requests) == 1


# ---- what a user reads


@pytest.fixture
def fetch(run):
    """Run `segfeed fetch` in this process: (exit code, standard output, standard error)."""
    return lambda *words: run("fetch", *words)


def test_json_says_where_it_is_and_what_is_in_it(fetch, voc_root):
    code, out, err = fetch("voc2012", "--to", voc_root.parents[1], "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "dataset": "voc2012",
        "folder": str(voc_root),
        "lists": {"train": 1464, "val": 1449, "trainval": 2913},
    }


@pytest.mark.parametrize(
    ("words", "code", "found"),
    [
        (["voc2007"], 2, "voc2007"),
        (["voc2012", "--sha1", "12"], 2, "sha1"),
        (["voc2012", "--from", "/nowhere/voc.tar"], 1, "/nowhere/voc.tar: "),
        (["sbd", "--from", __file__, "--voc", "/nowhere"], 1, "/nowhere"),
        (["voc2012", "--from", __file__], 1, "SHA-1 "),
        (["voc2012", "--from", __file__, "--keep-archive"], 2, "--keep-archive"),
        ([], 2, "Missing argument 'NAME'"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(fetch, words, code, found, tmp_path):
    done, out, err = fetch(*words, "--to", tmp_path / "out")
    assert (done, out) == (code, "")
    assert err.startswith("segfeed: ")
    assert err.count("\n") == 1
    assert found in err


@pytest.mark.parametrize(
    ("always", "found"), [(NOT_THERE, "404 Not Found"), (HTML, "a web page that starts with '<!DOCTYPE html>")]
)
def test_failure_of_all_mirrors_is_one_line(fetch, server, tmp_path, always, found):
    url = server.serve("voc.tar", b"", always=always)
    code, out, err = fetch("voc2012", "--to", tmp_path, "--from", url, "--sha1", "0" * 40)
    assert (code, out) == (1, "")
    assert err.startswith("segfeed: VOCtrainval_11-May-2012.tar: ")
    assert url in err
    assert found in err
    assert err.count("\n") == 1


def test_rate_and_time_left_are_shown_on_a_terminal_and_an_interruption_is_one_line(voc, server, place):
    url = server.serve("voc.tar", voc.path.read_bytes(), always=Answer(piece_bytes=1 << 22, pause_s=0.2))
    ours, theirs = pty.openpty()
    command = interruptible(SEGFEED, "fetch", "voc2012", "--to", place, "--from", url, "--sha1", voc.sha1)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while b"unpacking" not in shown and (chunk := read_terminal(ours)):
            shown += chunk
        process.send_signal(signal.SIGINT)
        rest = b""
        while chunk := read_terminal(ours):
            rest += chunk
        out, _ = process.communicate(timeout=60)
    os.close(ours)
    text = shown.decode()
    for word in ("VOCtrainval_11-May-2012.tar", "MB/s", "0:00:0", "checking"):
        assert word in text
    assert (process.returncode, out) == (130, b"")
    assert "segfeed: interrupted; " in rest.decode()
    assert "Traceback" not in rest.decode()
    assert tree(place).keys() == {name for name in tree(place) if name.startswith(".VOCtrainval")}, (
        "what has arrived, no more"
    )


def read_terminal(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 16)
    except OSError:  # Linux says so when the other side has gone
        return b""


# ---- export


def write_tables(root: Path, splits: dict[str, int]) -> Path:
    """Write Parquet whose splits name other photos alike, by a seed for each split."""
    sources = []
    for split, seed in splits.items():
        folder = root / f"files-{split}"
        folder.mkdir()
        for number in range(2):
            noise = np.random.default_rng((seed, number)).integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{number}.png")
            Image.fromarray(np.full((20, 30), number, np.uint8)).save(folder / f"{number}_mask.png")
        samples = tuple(
            Sample(f"img_{n}", *(File.of(str(folder / f"{n}{end}.png")) for end in ("", "_mask"))) for n in range(2)
        )
        sources.append(Source(folder, "folders", split, "semantic", samples, Legend(("wall", "road"))))
    return export_splits(sources, root / "tables", "parquet")


def test_export_says_what_it_wrote_by_another_name(run, tmp_path):
    tables = write_tables(tmp_path, {"train": 1, "val": 2})
    words = ("export", tables, "--splits", "train[:50%],val")
    code, out, _ = run(*words, "--to", tmp_path / "out")
    assert code == 0
    assert out.splitlines()[0].endswith(
        "1 sample, as split 'train_50', 1 of them renamed, as renamed_keys.csv lists; read back: 0 px differ"
    )
    assert scan(tmp_path / "out", "train_50").keys == ("train_50_img_0",)
    assert scan(tmp_path / "out", "val").keys == ("val_img_0", "img_1")
    code, out, _ = run(*words, "--to", tmp_path / "json", "--json")
    described = json.loads(out)
    assert (code, described["splits"]) == (0, {"train_50": 1, "val": 2})
    assert described["renamed"] == {"train_50": 1, "val": 1}


def test_export_refuses_in_one_line_and_leaves_nothing(run, tmp_path):
    tables = write_tables(tmp_path, {"train": 1})
    code, out, err = run("export", tables, "--to", tmp_path / "out", "--splits", "train[:1],train[1:]")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "named after alike" in err
    assert not (tmp_path / "out").exists()


def test_export_says_how_many_pixels_differ(run, tmp_path):
    code, out, _ = run("export", "sample", "--splits", "val[:3]", "--to", tmp_path / "coco", "--as", "coco")
    assert code == 0
    assert "as split 'val'; read back: 0 px differ\n" in out
    code, out, _ = run("export", "sample", "--splits", "val[:3]", "--to", tmp_path / "yolo", "--as", "yolo", "--json")
    lost = json.loads(out)["differing_pixels"]["val"]
    void = sum(int((scan("sample", "val[:3]").read(n).labels == 255).sum()) for n in range(3))
    assert lost == void > 0
