"""Packs: exactly the source's pairs, made once, found again only while nothing changed, refused when damaged."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xxhash
from PIL import Image

import segfeed
from installed import SEGFEED, interruptible
from sealed_packs import read_rows
from segfeed import Pack, make_pack, scan
from segfeed.datasets.source import Source
from segfeed.errors import PackError, PhotoError, SourceChangedError, StorageError, UnknownColourError
from segfeed.packs import fingerprints
from segfeed.packs import making as packs
from segfeed.packs.cache import find_packs, last_used_s
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import Objects
from segfeed.pixels.palette import voc_colours
from segfeed.system.storage import unfinished_folders

PALETTE = np.array(voc_colours(256), np.uint8).tobytes()
SIZES = {"train": [(6, 8), (5, 9), (7, 4), (6, 8)], "val": [(6, 8), (3, 3)]}


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "data" / "VOC2012", SIZES)


@pytest.fixture
def settled(monkeypatch):
    """Count files that were written just now as settled, so that their stamps are recorded."""
    monkeypatch.setattr(packs, "_RECENT_NS", -(10**18))


def put_mask(path: Path, labels: np.ndarray) -> None:
    mask = Image.fromarray(labels.astype(np.uint8))
    mask.putpalette(PALETTE)
    mask.save(path, compress_level=0)  # equal sizes give files of equal length


def everything_in(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


def test_packed_pairs_equal_the_sources_exactly(root, cache):
    source = scan(root)
    with make_pack(source) as pack:
        assert len(pack) == len(source) == 4
        for index in range(4):
            image, labels = pack.read(index)
            expected_image, expected_labels = source.read(index)
            assert (image.dtype, labels.dtype) == (np.uint8, np.uint8)
            np.testing.assert_array_equal(image, expected_image)
            np.testing.assert_array_equal(labels, expected_labels)


@pytest.mark.slow
def test_real_pairs_are_packed_exactly(voc2012_part, cache):
    source = scan(voc2012_part, "val")
    pack = make_pack(source, threads=2)
    for index in range(0, 60, 7):
        image, labels = pack.read(index)
        expected_image, expected_labels = source.read(index)
        np.testing.assert_array_equal(image, expected_image)
        np.testing.assert_array_equal(labels, expected_labels)


def test_pack_says_what_its_source_says(root, cache):
    source = scan(root, "val")
    pack = make_pack(source)
    np.testing.assert_array_equal(pack.sizes, source.sizes)
    assert pack.keys == source.keys
    assert pack.legend == source.legend
    assert (pack.name, pack.split, pack.task, pack.has_masks) == ("VOC2012", "val", "semantic", True)
    assert pack.digests == source.digests
    assert "VOC2012 val: 2 pairs" in repr(pack)


def test_class_counts_are_those_of_the_labels(root, cache):
    source = scan(root)
    pack = make_pack(source)
    assert pack.pixels.shape == (4, 22)
    for index in range(4):
        counts = np.bincount(source.read(index).labels.ravel(), minlength=256)
        np.testing.assert_array_equal(pack.pixels[index], [*counts[:21], counts[255]])


def test_objects_are_packed_without_class_counts(root, cache):
    source = scan(root, task="instance")
    pack = make_pack(source)
    assert isinstance(pack.legend, Objects)
    assert pack.task == "instance"
    assert pack.pixels.shape == (4, 0)
    np.testing.assert_array_equal(pack.read(2).labels, source.read(2).labels)


def test_photos_without_masks_are_packed_as_void(root, cache):
    (root / "ImageSets/Segmentation/test.txt").write_text("train_0\ntrain_1\n")
    shutil.rmtree(root / "SegmentationClass")
    pack = make_pack(scan(root, "test"))
    assert not pack.has_masks
    assert (pack.read(1).labels == 255).all()
    assert pack.pixels[1].tolist() == [0] * 21 + [45]


def test_more_than_254_classes_are_packed_as_uint16(root, cache):
    source = scan(root, legend=Legend(tuple(f"class {n}" for n in range(300)), reading="index"))
    pack = make_pack(source)
    assert pack.read(1).labels.dtype == np.uint16
    np.testing.assert_array_equal(pack.read(1).labels, source.read(1).labels)
    assert pack.pixels.shape == (4, 301)


def test_hashes_in_the_rows_are_those_of_the_files_and_of_what_is_stored(root, cache):
    source = scan(root)
    pack = make_pack(source)
    rows, data = read_rows(pack.folder).to_pylist(), (pack.folder / "pairs-00000.bin").read_bytes()
    for row, sample in zip(rows, source.samples, strict=True):
        assert row["key"] == sample.key
        assert row["photo_sha256"] == hashlib.sha256(Path(sample.photo.path).read_bytes()).digest()
        assert row["mask_sha256"] == hashlib.sha256(Path(sample.mask.path).read_bytes()).digest()
        stored = data[row["offset"][0] :][: row["photo_bytes"] + row["mask_bytes"]]
        size = np.array([row["height"], row["width"]], "<i4").tobytes()
        assert row["tile_xxh3"] == [xxhash.xxh3_128(size + stored).digest()]


def test_manifest_tells_what_was_packed(root, cache):
    pack = make_pack(scan(root, unknown="void"))
    manifest = json.loads((pack.folder / "manifest.json").read_text())
    assert manifest["format"] == "segfeed pack"
    assert manifest["version"] == 2
    assert manifest["count"] == 4
    assert manifest["root"] == str(root)
    assert manifest["unknown"] == "void"
    assert manifest["bytes"] == (pack.folder / "pairs-00000.bin").stat().st_size
    assert manifest["fingerprint"].startswith(pack.folder.name.rpartition("-")[2])
    assert segfeed.Legend.from_json(manifest["legend"]) == pack.legend


@pytest.mark.slow
def test_packing_and_loading_look_for_no_pandas(root, cache):
    # Arrow loads it for half a second as soon as it makes an array of Python values, wherever it is installed.
    code = """
import sys
looked_for = []
class Finder:
    def find_spec(name, *_): looked_for.append(name)
sys.meta_path.insert(0, Finder)
import segfeed
train, _ = segfeed.load(sys.argv[1], 2, (4, 4), pack=True)
next(iter(train))
train.close()
print("pandas" in looked_for, "pyarrow" in looked_for)
"""
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False True\n"


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.slow
def test_second_packing_writes_nothing(root, cache, monkeypatch, stamped):
    monkeypatch.setattr(packs, "_RECENT_NS", -(10**18) if stamped else 10**18)
    first = make_pack(scan(root))
    before = (first.folder / "pairs-00000.bin").stat()
    files = everything_in(cache)
    second = make_pack(scan(root))
    after = (second.folder / "pairs-00000.bin").stat()
    assert second.folder == first.folder
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert everything_in(cache) == files
    assert any(name.startswith("stamps") for name in files) == stamped


@pytest.mark.slow
def test_settled_files_are_not_hashed_again(root, cache, settled, monkeypatch):
    first = make_pack(scan(root))
    monkeypatch.setattr(packs, "hash_files", lambda *_: pytest.fail("the files were hashed"))
    assert make_pack(scan(root)).folder == first.folder


def test_opening_a_pack_notes_when_it_was_used(root, cache):
    folder = make_pack(scan(root)).folder
    os.utime(folder / "manifest.json", (1, 1))
    assert last_used_s(folder) == 1
    make_pack(scan(root))
    assert time.time() - last_used_s(folder) < 60


def test_packs_are_found_by_name(root, cache):
    folders = [make_pack(scan(root, split)).folder for split in ("val", "train")]
    assert find_packs() == folders[::-1] == find_packs(cache)
    assert find_packs(cache / "nowhere") == []


def test_cache_dir_wins_over_the_variable(root, cache, tmp_path):
    pack = make_pack(scan(root), cache_dir=tmp_path / "other")
    assert pack.folder.parent == tmp_path / "other" / "packs"
    assert not cache.exists()


def test_changed_mask_of_equal_length_and_time_leads_to_another_pack(root, cache, settled):
    path = root / "SegmentationClass" / "train_0.png"
    put_mask(path, np.full((6, 8), 3))
    first = make_pack(scan(root))
    before = path.stat()
    put_mask(path, np.full((6, 8), 4))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    second = make_pack(scan(root))
    assert second.folder != first.folder
    assert (first.read(0).labels == 3).all()
    assert (second.read(0).labels == 4).all()


@pytest.mark.slow
def test_whatever_decides_the_contents_leads_to_another_pack(root, cache, settled):
    lists = root / "ImageSets" / "Segmentation"
    sources = {"as it is": scan(root)}
    (lists / "turned.txt").write_text("train_1\ntrain_0\ntrain_2\ntrain_3\n")
    (lists / "shorter.txt").write_text("train_0\ntrain_1\ntrain_2\n")
    sources |= {split: scan(root, split) for split in ("turned", "shorter", "val")}
    names = [f"class {n}" for n in range(21)]
    sources["legend"] = scan(root, legend=names)
    sources["colours"] = scan(root, legend=segfeed.Legend(names, void_indices=(255, 254)))
    sources["unknown"] = scan(root, unknown="void")
    sources["task"] = scan(root, task="instance")
    folders = {name: make_pack(source).folder for name, source in sources.items()}
    assert len(set(folders.values())) == len(sources), folders


@pytest.mark.slow
def test_other_decoders_lead_to_another_pack(root, cache, settled, monkeypatch):
    first = make_pack(scan(root))
    monkeypatch.setattr(fingerprints, "decoder_versions", lambda: {"simplejpeg": "0", "pillow": "0"})
    assert make_pack(scan(root)).folder != first.folder


def test_list_in_another_order_is_packed_in_that_order(root, cache):
    (root / "ImageSets/Segmentation/train.txt").write_text("train_2\ntrain_0\n")
    pack = make_pack(scan(root))
    assert pack.keys == ("train_2", "train_0")
    assert pack.sizes.tolist() == [[7, 4], [6, 8]]


def test_copy_of_the_dataset_shares_the_pack(root, cache, tmp_path):
    first = make_pack(scan(root))
    shutil.copytree(root, tmp_path / "elsewhere" / "VOC2012")
    assert make_pack(scan(tmp_path / "elsewhere" / "VOC2012")).folder == first.folder
    assert find_packs() == [first.folder]


def test_pack_that_was_removed_is_made_again(root, cache, settled):
    first = make_pack(scan(root))
    shutil.rmtree(first.folder)
    assert make_pack(scan(root)).folder == first.folder
    assert len(Pack(first.folder)) == 4


@pytest.mark.parametrize("stamp", [b"", b"../../data", b"no-such-pack", b"\xff\xfe", b"x" * 2**20, "a pipe"])
@pytest.mark.slow
def test_damaged_stamp_is_ignored(root, cache, settled, stamp):
    first = make_pack(scan(root))
    (path,) = (cache / "stamps").iterdir()
    path.unlink()
    if stamp == "a pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(stamp)
    assert make_pack(scan(root)).folder == first.folder


@pytest.mark.slow
def test_stamps_of_any_dataset_that_killed_processes_left_half_written_go_with_the_next_one(root, cache, settled):
    name = "from segfeed.system.storage import unfinished_name; print(unfinished_name('another dataset'))"
    left = subprocess.run([sys.executable, "-c", name], capture_output=True, text=True, check=True).stdout.strip()
    (cache / "stamps").mkdir(parents=True)
    (cache / "stamps" / left).write_bytes(b"half")
    make_pack(scan(root))
    assert [path.name[0] for path in (cache / "stamps").iterdir()] != ["."]
    assert not (cache / "stamps" / left).exists()


def damage_truncate(folder: Path) -> None:
    path = folder / "pairs-00000.bin"
    path.write_bytes(path.read_bytes()[:-100])


def damage_rows_gone(folder: Path) -> None:
    (folder / "pairs-00000.bin").unlink()


def damage_rows_replaced(folder: Path) -> None:
    path = folder / "rows.arrow"
    path.write_bytes(bytes(path.stat().st_size))


def damage_manifest_gone(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def damage_manifest_text(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def damage_manifest_list(folder: Path) -> None:
    (folder / "manifest.json").write_text("[1]")


def damage_version(folder: Path) -> None:
    change_manifest(folder, version=1)


def damage_legend(folder: Path) -> None:
    change_manifest(folder, legend=None)


def change_manifest(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncate,
        damage_rows_gone,
        damage_rows_replaced,
        damage_version,
        damage_legend,
    ],
)
@pytest.mark.slow
def test_damaged_pack_is_refused_with_its_name_and_the_remedy(root, cache, damage):
    folder = make_pack(scan(root)).folder
    damage(folder)
    for open_it in (lambda: Pack(folder), lambda: make_pack(scan(root))):
        with pytest.raises(PackError) as caught:
            open_it()
        assert caught.value.where.startswith(str(folder))
        assert "folder and pack again" in caught.value.remedy


@pytest.mark.parametrize("damage", [damage_manifest_gone, damage_manifest_text, damage_manifest_list])
@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.slow
def test_pack_whose_manifest_cannot_be_read_is_no_pack_and_stops_nobody(root, cache, monkeypatch, damage, stamped):
    monkeypatch.setattr(packs, "_RECENT_NS", -(10**18) if stamped else 10**18)
    folder = make_pack(scan(root)).folder
    damage(folder)
    with pytest.raises(PackError) as caught:
        Pack(folder)
    assert caught.value.where == str(folder)
    assert caught.value.remedy.endswith("remove the folder and pack again")
    again = make_pack(scan(root))
    assert again.folder == folder
    assert (again.read(1).image == scan(root).read(1).image).all()
    assert [path.name for path in (cache / "packs").iterdir()] == [folder.name]


def test_version_of_another_segfeed_is_named_with_ones_own(root, cache):
    folder = make_pack(scan(root)).folder
    damage_version(folder)
    with pytest.raises(PackError) as caught:
        Pack(folder)
    assert (caught.value.found, caught.value.expected) == ("pack format 1", "format 2, which this segfeed reads")


def test_closed_pack_is_refused_but_its_views_live_on(root, cache):
    with make_pack(scan(root)) as pack:
        pair = pack.read(0)
        expected = pair.image.copy()
    with pytest.raises(PackError) as caught:
        pack.read(0)
    assert (caught.value.found, caught.value.remedy) == ("a pack that was closed", "open it again")
    pack.close()
    np.testing.assert_array_equal(pair.image, expected)


def test_views_of_a_pack_are_read_only(root, cache):
    for array in make_pack(scan(root)).read(0):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_damaged_photo_is_an_error_and_leaves_nothing_in_the_cache(root, cache):
    path = root / "JPEGImages" / "train_2.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PhotoError) as caught:
        make_pack(scan(root))
    assert "train_2.png" in caught.value.where
    assert everything_in(cache) == []


def test_unknown_colour_is_an_error_and_leaves_nothing_in_the_cache(root, cache):
    put_mask(root / "SegmentationClass" / "train_3.png", np.full((6, 8), 77))
    with pytest.raises(UnknownColourError) as caught:
        make_pack(scan(root))
    assert all(words in str(caught.value) for words in ("train_3.png", "row 0, column 0: colour", "48 pixels"))
    assert everything_in(cache) == []


def test_file_that_changes_while_it_is_packed_is_an_error(root, cache, monkeypatch):
    decode = Source.decode

    def decode_and_change_the_next(source, index, *parts):
        if index == 0:
            put_mask(root / "SegmentationClass" / "train_1.png", np.zeros((5, 9)))
        return decode(source, index, *parts)

    monkeypatch.setattr(Source, "decode", decode_and_change_the_next)
    with pytest.raises(SourceChangedError) as caught:
        make_pack(scan(root), threads=1)
    assert caught.value.where == str(root / "SegmentationClass" / "train_1.png")
    assert everything_in(cache) == []


def test_too_little_space_names_the_size_of_the_pack_and_the_way_without(root, cache, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(StorageError) as caught:
        make_pack(scan(root))
    assert all(words in str(caught.value) for words in ("expected room for", "1.0 MiB are free", "pass pack=False"))
    assert everything_in(cache) == []


@pytest.mark.slow
def test_full_disk_while_packing_is_a_storage_error_and_leaves_nothing(root, cache):
    code = (
        "import resource, sys, segfeed\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    segfeed.make_pack(segfeed.scan(sys.argv[1]))\n"
        "except segfeed.errors.StorageError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "the disk is full" in done.stdout, done.stderr
    assert "pass pack=False" in done.stdout
    assert everything_in(cache) == []


@pytest.mark.slow
def test_processes_that_pack_the_same_dataset_at_once_all_succeed_with_one_pack(root, cache, tmp_path):
    code = (
        "import os, sys, time, segfeed\n"
        "source = segfeed.scan(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "pack = segfeed.make_pack(source)\n"
        "print(pack.folder, int(sum(pack.read(i).image.sum(dtype=int) for i in range(len(pack)))))\n"
    )
    command = [sys.executable, "-c", code, str(root)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 4
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outputs = [worker.communicate(timeout=60) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, outputs
    assert len({out for out, _ in outputs}) == 1
    assert [path.name for path in (cache / "packs").iterdir()] == [path.name for path in find_packs()]
    assert len(find_packs()) == 1


@pytest.fixture
def large_root(tmp_path):
    """Return a VOC folder that takes seconds to pack: one photo and one mask under many names."""
    root = tmp_path / "large"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(noise).resize((900, 900)).save(tmp_path / "photo.jpg")
    put_mask(tmp_path / "mask.png", np.zeros((900, 900)))
    for number in range(400):
        os.link(tmp_path / "photo.jpg", root / "JPEGImages" / f"{number}.jpg")
        os.link(tmp_path / "mask.png", root / "SegmentationClass" / f"{number}.png")
    (root / "ImageSets/Segmentation/train.txt").write_text("\n".join(map(str, range(400))))
    return root


@pytest.mark.slow
def test_interrupted_packing_exits_130_with_one_line_and_leaves_nothing(large_root, cache):
    command = interruptible(SEGFEED, "pack", large_root, "--splits", "train")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not list(cache.glob("packs/.*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out == ""
    said, ended, end = err.split("\n")
    assert said.startswith("large train: packing writes about 1.2 GiB to ")
    assert (ended, end) == ("segfeed: interrupted; nothing half-made is taken for whole", "")
    assert everything_in(cache) == []
    assert list((cache / "packs").iterdir()) == []


@pytest.mark.slow
def test_killed_packing_leaves_nothing_that_is_taken_for_a_pack_and_is_swept_by_the_next(large_root, cache):
    code = "import sys, segfeed; segfeed.make_pack(segfeed.scan(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", code, str(large_root)]) as process:
        deadline = time.monotonic() + 30
        while not list(cache.glob("packs/.*/pairs-00000.bin")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    assert find_packs() == []
    assert len(unfinished_folders(cache / "packs")) == 1
    (large_root / "ImageSets/Segmentation/train.txt").write_text("1\n")
    make_pack(scan(large_root))
    assert len(find_packs()) == 1


def test_raw_and_coded_packs_of_one_source_are_two(root, cache, settled):
    source = scan(root)
    for _ in range(2):
        raw, coded = make_pack(source), make_pack(source, coded=True)
        assert (raw.is_coded, coded.is_coded) == (False, True)
        assert raw.folder != coded.folder
    np.testing.assert_array_equal(raw.read(2).labels, coded.read(2).labels)
    np.testing.assert_array_equal(raw.pixels, coded.pixels)


@pytest.mark.slow
def test_files_dated_in_the_future_are_not_hashed_at_every_start(root, cache, monkeypatch):
    far = time.time() + 5 * 365 * 86_400
    for path in root.rglob("*.png"):
        os.utime(path, (far, far))
    now = time.time_ns()
    monkeypatch.setattr(packs, "time", SimpleNamespace(time_ns=lambda: now + 3 * 10**9))  # the files have settled
    first = make_pack(scan(root)).folder
    monkeypatch.setattr(packs, "hash_files", None)
    assert make_pack(scan(root)).folder == first


@pytest.mark.slow
def test_a_coded_pack_that_has_gone_says_so_when_it_is_read_first(root, cache, tmp_path):
    pack = make_pack(scan(root), coded=True)
    shutil.rmtree(pack.folder)
    with pytest.raises(PackError) as caught:
        pack.read(0)
    assert caught.value.where == str(pack.folder / "pairs-00000.bin")


def test_a_folder_of_ones_own_that_cannot_be_written_is_told_without_a_word_of_the_cache(root, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        make_pack(scan(root), to=tmp_path / "file")
    assert (caught.value.found, caught.value.remedy) == ("this is a file, not a folder", "choose another folder")


def test_reading_asks_for_no_home_folder(root, monkeypatch):
    def no_home(_):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("SEGFEED_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_path", no_home)
    assert len(scan(root)) == 4
    with pytest.raises(segfeed.errors.OptionError):
        scan(root, cache_dir="~nobody-of-this-name/cache")
    train, _ = segfeed.load(root, 2, (4, 4), pack=False)
    assert next(iter(train)).images.shape == (2, 4, 4, 3)
