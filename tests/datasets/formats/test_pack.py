"""A pack is a dataset of its own: copied, moved, read-only, without the files that it was made of."""

import contextlib
import json
import os
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

import segfeed
from sealed_packs import read_rows, seal
from segfeed import Draw, Loader, Pack, Plan, load, make_pack, scan
from segfeed.audit.checking import check
from segfeed.audit.stats import count_split
from segfeed.audit.verification import match_pack, verify_pack
from segfeed.datasets.export import export_splits
from segfeed.datasets.overview import describe
from segfeed.errors import LegendError, MaskError, OptionError, PackError, PhotoError, SourceError, UnknownColourError
from segfeed.packs import making, writer
from segfeed.packs.cache import prune_packs, prune_to
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

SIZES = {"train": [(40, 60), (33, 50), (20, 61), (40, 60)], "val": [(40, 60), (33, 50)]}


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", SIZES)


@pytest.fixture(params=["raw", "coded", "tiles"])
def kind(request, monkeypatch):
    if request.param == "tiles":
        monkeypatch.setattr(writer, "TILED_BYTES", 5000)
        monkeypatch.setattr(writer, "TILE_PX", 16)
    return request.param


@pytest.fixture
def moved(root, tmp_path, kind):
    """Return a folder of two packs that was copied, without the dataset, and cannot be written."""
    for split in SIZES:
        make_pack(scan(root, split), to=tmp_path / "made", coded=kind == "coded")
    shutil.copytree(tmp_path / "made", tmp_path / "elsewhere" / "packs")
    shutil.rmtree(tmp_path / "made")
    folder = tmp_path / "elsewhere" / "packs"
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)


def bytes_of(loader):
    return [(batch.keys, batch.images.tobytes(), batch.labels.tobytes()) for batch in loader]


@pytest.mark.slow
def test_a_moved_pack_trains_without_the_dataset_with_equal_batches_and_states(root, moved, tmp_path, cache):
    options = {"batch_size": 2, "crop_size": (24, 30), "flip": True, "seed": 5}
    train, val = load(root, **options)
    expected = [bytes_of(train), bytes_of(val), bytes_of(train)]
    state = train.state_dict()
    shutil.rmtree(root)
    shutil.rmtree(cache)
    train, val = load(moved, **options)
    assert [bytes_of(train), bytes_of(val), bytes_of(train)] == expected
    assert train.state_dict() == state
    fresh, _ = load(moved, **options, pack=False)
    fresh.load_state_dict(state)
    assert isinstance(fresh.reader, Pack)
    assert not cache.exists()  # a pack is read as it is: nothing is written


@pytest.mark.slow
def test_the_folder_of_one_split_and_a_manifests_path_are_datasets_too(moved):
    for path in (moved / "val", moved / "val" / "manifest.json", str(moved / "val")):
        assert scan(path, "val").keys == ("val_0", "val_1")
        _, val = load(path, 2, splits=(None, "val"))
        assert len(val.dataset) == 2
    with pytest.raises(SourceError) as caught:
        scan(moved / "val", "train")
    assert "train" in str(caught.value)


@pytest.mark.slow
def test_scanned_pairs_are_those_of_the_source(root, moved, kind):
    source, packed = scan(root), scan(moved)
    assert (packed.format, packed.keys, packed.has_masks) == ("pack", source.keys, True)
    np.testing.assert_array_equal(packed.sizes, source.sizes)
    assert packed.legend.names == source.legend.names
    assert packed.legend.colours == source.legend.colours
    assert kind != "coded" or packed.digests == source.digests
    for index in range(len(source)):
        for one, other in zip(packed.read(index), source.read(index), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_check_stats_show_export_and_verify_work_on_it(root, moved, tmp_path, kind):
    source, packed = scan(root), scan(moved)
    assert {finding.rule for finding in check(moved)} == {finding.rule for finding in check(root)}
    assert count_split(packed).to_json((20, 20)) == count_split(source).to_json((20, 20))
    folder = export_splits([packed], tmp_path / "voc", "voc")
    again = scan(folder)
    for index in range(len(source)):
        np.testing.assert_array_equal(again.read(index).labels, source.read(index).labels)
        np.testing.assert_array_equal(again.read(index).image, source.read(index).image)
    pack, findings = match_pack(packed)
    assert (pack.folder, findings) == (moved / "train", [])
    assert verify_pack(pack) == []
    segfeed.show(moved, path=tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


@pytest.mark.slow
def test_parts_of_splits_and_folds_are_read_without_another_pack(root, moved, cache):
    train, _ = load(moved, 2, (20, 20), splits=("train[fold!=0/2]+val", None))
    expected, _ = load(root, 2, (20, 20), splits=("train[fold!=0/2]+val", None), pack=False)
    assert bytes_of(train) == bytes_of(expected)
    assert not cache.exists()


@pytest.mark.slow
def test_classes_can_be_grouped(root, moved):
    groups = {"cat": "animal", "dog": "animal", "*": None}
    assert (scan(moved, legend=groups).read(1).labels == scan(root, legend=groups).read(1).labels).all()
    train, _ = load(moved, 2, (20, 20), legend=groups)
    expected, _ = load(root, 2, (20, 20), legend=groups, pack=False)
    assert bytes_of(train) == bytes_of(expected)


@pytest.mark.slow
def test_damage_is_named_by_scan_and_check(root, moved, kind):
    pack = Pack(moved / "train")
    part = moved / "train" / "pairs-00000.bin"
    part.chmod(0o644)
    data = bytearray(part.read_bytes())
    data[int(pack.table.offsets[pack.table.firsts[1]])] ^= 1
    part.write_bytes(data)
    packed = scan(moved)
    packed.read(0)
    with pytest.raises((PhotoError, MaskError)) as caught:
        packed.read(1)
    assert caught.value.is_damage
    assert "do not fit their checksum" in caught.value.found
    found = {finding.key for finding in check(moved) if "do not fit their checksum" in finding.found}
    assert found == {"train_1"}


@pytest.mark.slow
def test_a_copy_without_a_part_is_refused_when_it_is_listed(moved):
    part = moved / "train" / "pairs-00000.bin"
    part.parent.chmod(0o755)
    part.unlink()
    for call in (scan, load):
        with pytest.raises(PackError) as caught:
            call(moved)
        assert caught.value.where == str(part)
        assert caught.value.remedy.startswith("copy the whole folder again")


@pytest.mark.slow
def test_object_ids_are_packed_and_read_alone(root, tmp_path, kind):
    source = scan(root, task="instance")
    folder = make_pack(source, to=tmp_path / "to", coded=kind == "coded").folder
    shutil.rmtree(root / "JPEGImages")
    packed = scan(folder, task="instance")
    expected = Pack(folder).read(1)
    assert (packed.read(1).labels == expected.labels).all()
    train, _ = load(folder, 2, (20, 20), splits=("train", None), task="instance")
    assert isinstance(train.reader, Pack)
    with pytest.raises(OptionError) as caught:
        scan(folder)
    assert caught.value.expected == '"instance", for which it was made'


@pytest.mark.slow
def test_photos_to_be_predicted_have_no_masks_in_their_pack_either(root, tmp_path, kind):
    (root / "ImageSets/Segmentation/test.txt").write_text("train_0\ntrain_1\n")
    shutil.rmtree(root / "SegmentationClass")
    folder = make_pack(scan(root, "test"), to=tmp_path / "to", coded=kind == "coded").folder
    packed = scan(folder, "test")
    assert not packed.has_masks
    assert (packed.read(1).labels == 255).all()
    assert (Pack(folder).read(1).labels == 255).all()
    _, val = load(folder, 2, splits=(None, "test"))
    assert "no masks" in val.reader.split or not val.reader.has_masks


@pytest.mark.slow
def test_unknown_colours_stay_what_they_became(root, tmp_path, kind):
    mask = Image.fromarray(np.full((40, 60), 77, np.uint8))
    mask.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
    mask.save(root / "SegmentationClass" / "train_0.png")
    with pytest.raises(UnknownColourError):
        make_pack(scan(root), to=tmp_path / "no")
    folder = make_pack(scan(root, unknown="void"), to=tmp_path / "to", coded=kind == "coded").folder
    assert (scan(folder).read(0).labels == 255).all()
    train, _ = load(folder, 2, (20, 20), splits=("train", None))
    assert (train.reader.read(0).labels == 255).all()


@pytest.mark.slow
def test_16_bit_labels_are_a_dataset_too(root, tmp_path, kind):
    source = scan(root, legend=Legend(tuple(f"class {n}" for n in range(300)), reading="index"))
    packed = scan(make_pack(source, to=tmp_path / "to", coded=kind == "coded").folder)
    assert packed.legend.dtype == np.uint16
    for index in range(len(source)):
        assert (packed.read(index).labels == source.read(index).labels).all()


@pytest.mark.slow
def test_two_packs_of_one_split_are_told_apart_by_nobody(root, tmp_path):
    make_pack(scan(root), to=tmp_path / "to")
    (tmp_path / "to" / "train").rename(tmp_path / "to" / "old")
    make_pack(scan(root), to=tmp_path / "to")
    with pytest.raises(SourceError) as caught:
        scan(tmp_path / "to")
    assert caught.value.found == "two packs of split 'train': old and train"


@pytest.mark.slow
def test_a_folder_that_holds_something_else_is_left_alone(root, tmp_path):
    pack = make_pack(scan(root), to=tmp_path / "to")
    times = {path: path.stat().st_mtime_ns for path in pack.folder.iterdir()}
    assert make_pack(scan(root), to=tmp_path / "to").folder == pack.folder
    assert {path: path.stat().st_mtime_ns for path in pack.folder.iterdir()} == times
    for source, coded in ((scan(root, unknown="void"), False), (scan(root), True)):
        with pytest.raises(OptionError) as caught:
            make_pack(source, to=tmp_path / "to", coded=coded)
        assert caught.value.found == f"{pack.folder} exists, and is not this pack"
    with pytest.raises(OptionError) as caught:
        make_pack(scan(root), to=pack.folder)
    assert "is a pack" in caught.value.found
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train").write_text("precious")
    with pytest.raises(OptionError):
        make_pack(scan(root), to=tmp_path / "mine")
    assert (tmp_path / "mine" / "train").read_text() == "precious"


@pytest.mark.parametrize(("split", "name"), [("train[:2]", "train_2"), ("train+val", "train_val")])
@pytest.mark.slow
def test_odd_names_of_splits_become_names_of_folders(root, tmp_path, split, name):
    folder = make_pack(scan(root, split), to=tmp_path / "to").folder
    assert folder.name == name
    assert Pack(folder).split == split
    train, _ = load(folder, 2, (20, 20), splits=(split, None))
    assert isinstance(train.reader, Pack)


@pytest.mark.slow
def test_a_pack_of_a_pack_holds_the_same_pairs(root, moved, tmp_path, kind):
    pack = make_pack(scan(moved), to=tmp_path / "again", coded=kind != "coded")
    for index in range(4):
        assert (pack.read(index).image == scan(root).read(index).image).all()
        assert (pack.read(index).labels == scan(root).read(index).labels).all()


@pytest.mark.slow
def test_a_pack_of_another_version_says_so(moved):
    manifest = moved / "train" / "manifest.json"
    manifest.chmod(0o644)
    seal_fields = json.loads(manifest.read_text()) | {"version": 1}
    manifest.write_text(json.dumps(seal_fields))
    with pytest.raises(PackError) as caught:
        scan(moved)
    assert caught.value.found == "pack format 1"
    manifest.write_text("{}")
    with pytest.raises(PackError):
        scan(moved, "val")


@pytest.mark.slow
def test_keys_with_slashes_and_accents_come_back(root, tmp_path, kind):
    folder = make_pack(scan(root), to=tmp_path / "to", coded=kind == "coded").folder
    rows = read_rows(folder)
    column = rows.schema.get_field_index("key")
    keys = ["städte/köln_000", "a.b.png", "日本/1", "train 3"]
    import pyarrow as pa  # noqa: PLC0415

    seal(folder, rows.set_column(column, rows.schema.field(column), pa.chunked_array([pa.array(keys)])))
    packed = scan(folder)
    assert list(packed.keys) == keys
    for index in range(4):
        assert (packed.read(index).labels == scan(root).read(index).labels).all()


@pytest.mark.slow
def test_links_to_the_files_of_a_pack_are_followed(root, moved, tmp_path):
    """As tools that keep contents elsewhere lay them out."""
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in (moved / "train").iterdir():
        os.symlink(path, linked / path.name)
    assert (Pack(linked).read(2).labels == scan(root).read(2).labels).all()
    assert (scan(linked).read(2).labels == scan(root).read(2).labels).all()


@pytest.mark.slow
def test_a_loader_over_the_scanned_source_gives_the_same_batches(root, moved):
    plan = Plan(scan(root).sizes, 2, Draw((24, 30), flip=True), seed=3)
    one, other = (Loader(scan(path), plan) for path in (root, moved))
    assert bytes_of(one) == bytes_of(other)


def writable(folder):
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@pytest.mark.slow
def test_a_copy_that_stopped_before_the_manifest_is_named_and_not_passed_over(moved):
    """Tools that copy take files in any order; the split must not be missing without a word."""
    (writable(moved) / "val" / "manifest.json").unlink()
    with pytest.raises(PackError) as caught:
        load(moved)
    assert caught.value.where == str(moved / "val")
    assert "no whole pack" in caught.value.found


@pytest.mark.slow
def test_what_copying_and_syncing_tools_leave_is_no_part_of_a_pack(root, moved):
    """rsync's unfinished files, macOS's notes on files, what NFS keeps of removed files, a folder of thumbnails."""
    writable(moved)
    for name in (".pairs-00000.bin.Xy12ab", "._manifest.json", ".DS_Store", ".nfs000000000000a1", "desktop.ini"):
        (moved / "train" / name).write_bytes(b"\0\5\x16\7")
    for name in ("._train", "@eaDir", ".Trash", "lost+found"):
        (moved / name).mkdir()
    assert scan(moved).keys == scan(root).keys
    train, _ = load(moved, 2, (20, 20))
    assert (train.reader.read(1).labels == scan(root).read(1).labels).all()


@pytest.mark.parametrize("placeholder", ["zeros", "renamed", "empty"])
@pytest.mark.slow
def test_what_a_cloud_keeps_elsewhere_is_an_error_and_no_background(moved, placeholder):
    part = writable(moved) / "train" / "pairs-00000.bin"
    if placeholder == "zeros":  # as long as the file, and nothing of it
        size = part.stat().st_size
        part.write_bytes(b"")
        os.truncate(part, size)
    elif placeholder == "renamed":
        part.rename(part.with_name(".pairs-00000.bin.icloud"))
    else:
        part.write_bytes(b"")
    with pytest.raises((PackError, PhotoError, MaskError)) as caught:
        bytes_of(load(moved, 2, (20, 20), splits=("train", None)).train)
    assert "pairs-00000.bin" in str(caught.value)


@pytest.mark.slow
def test_a_relative_path_stays_what_it_was_if_the_program_changes_its_folder(root, moved, tmp_path, monkeypatch):
    monkeypatch.chdir(moved)
    train, _ = load("train", 2, (20, 20), splits=("train", None))
    pack = Pack("train")
    monkeypatch.chdir(tmp_path)
    assert pack.folder == moved / "train"
    assert (pickle.loads(pickle.dumps(pack)).read(1).labels == scan(root).read(1).labels).all()  # noqa: S301
    assert len(bytes_of(train)) == 2


def test_names_that_differ_in_case_alone_are_refused_before_a_disk_merges_them(root, tmp_path):
    (root / "ImageSets/Segmentation/Train.txt").write_text("train_0\n")
    make_pack(scan(root, "train"), to=tmp_path / "to")
    with pytest.raises(OptionError) as caught:
        make_pack(scan(root, "Train"), to=tmp_path / "to")
    assert caught.value.found.endswith("whose name differs in upper and lower case alone")


@pytest.mark.slow
def test_packs_outside_of_the_cache_are_never_pruned(root, tmp_path, cache):
    """They may be the only copy."""
    folder = make_pack(scan(root), to=tmp_path / "to").folder
    (cache / "packs").mkdir(parents=True)
    (cache / "packs" / ("a" * 64)).symlink_to(folder)
    for remove in (lambda: prune_to(0), lambda: prune_packs(0)):
        with contextlib.suppress(OSError):
            remove()
    assert Pack(folder).read(0).labels.shape == (40, 60)


@pytest.mark.slow
def test_a_cache_that_was_moved_serves_its_packs(root, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(making, "_RECENT_NS", -(10**18))
    load(root, 2, (20, 20), cache_dir=tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "link").symlink_to(tmp_path / "two")
    caplog.clear()
    train, _ = load(root, 2, (20, 20), cache_dir=tmp_path / "link")
    assert len(bytes_of(train)) == 2
    assert not [message for message in caplog.messages if "packing" in message]


def test_packs_of_other_classes_are_not_read_as_one_dataset(root, tmp_path):
    folder, turned = tmp_path / "to", Legend(VOC.names[::-1], VOC.colours[::-1])
    for split, legend in (("train", None), ("val", turned)):
        make_pack(scan(root, split, legend=legend), to=folder)
    with pytest.raises(LegendError) as caught:
        load(folder, 2, (8, 8))
    assert caught.value.found.startswith("'train' has the classes background, aeroplane, bicycle, ")
    with pytest.raises(SourceError):
        scan(folder, "train+val")
    assert "classes-differ" in {finding.rule for finding in check(folder) if finding.severity == "error"}
    assert [doubt.rule for split in describe(folder).splits for doubt in split.doubts] == ["classes-differ"]
    assert scan(folder, "val").legend.names == turned.names
    load(folder, 2, (8, 8), splits=("val", None))


def test_packs_whose_masks_are_read_in_other_ways_are_not_joined(root, tmp_path):
    make_pack(scan(root), to=tmp_path / "to")
    make_pack(scan(root, "val"), to=tmp_path / "to", coded=True)
    assert [len(loader.dataset) for loader in load(tmp_path / "to", 2, (8, 8))] == [4, 2]
    with pytest.raises(SourceError) as caught:  # one holds class ids, the other the masks' own colours
        scan(tmp_path / "to", "train+val")
    assert caught.value.found == "split 'train+val' joins 'train' and 'val', whose masks are read in other ways"


def test_what_macos_leaves_beside_copied_files_is_passed_over(root, tmp_path):
    packed = make_pack(scan(root), to=tmp_path / "packed").folder
    tables = export_splits([scan(root), scan(root, "val")], tmp_path / "tables", "parquet")
    expected = [scan(folder).keys for folder in (root, packed, tables)]
    for folder in (root, packed.parent, tables):
        for path in [*folder.rglob("*")]:
            path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(26))
    assert [scan(folder).keys for folder in (root, packed, tables)] == expected
    assert [split.name for split in describe(root).splits] == ["train", "val"]


def test_a_pack_without_its_manifest_and_its_table_alone_are_told_for_what_they_are(root, tmp_path):
    folder = make_pack(scan(root), to=tmp_path / "to").folder
    (folder / "manifest.json").unlink()
    for path in (folder, folder / "rows.arrow"):
        with pytest.raises(SourceError) as caught:
            scan(path)
        assert "rows.arrow is a pack's table" in caught.value.found
        assert "copy it again as a whole" in caught.value.remedy
