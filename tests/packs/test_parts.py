"""Mapped parts: pairs are read in place, from any part, and of a tiled pair only what a window touches."""

import errno
import resource
import subprocess
import sys

import numpy as np
import pytest

from segfeed import BatchFormat, Draw, Loader, Pack, Plan, make_pack, scan
from segfeed.batches.kernels.filling import load_compiled
from segfeed.datasets.packed.manifest import part_name
from segfeed.errors import PackError
from segfeed.packs import parts, writer
from segfeed.pixels.legend import Legend

SIZES = [(40, 60), (33, 50), (7, 5), (40, 61), (64, 64), (5, 90), (41, 33)]


@pytest.fixture
def source(tmp_path, write_voc):
    return scan(write_voc(tmp_path / "VOC2012", {"train": SIZES}))


@pytest.fixture
def parted(source, tmp_path, monkeypatch):
    """Return a pack of several parts."""
    monkeypatch.setattr(writer, "PART_BYTES", 16_500)
    return make_pack(source, cache_dir=tmp_path / "parted")


@pytest.fixture
def tiled(source, tmp_path, monkeypatch):
    """Return a pack in which pairs above 4,000 bytes are cut into tiles of 16 px, which lie in several parts."""
    for name, value in (("PART_BYTES", 9000), ("TILED_BYTES", 4000), ("TILE_PX", 16)):
        monkeypatch.setattr(writer, name, value)
    return make_pack(source, cache_dir=tmp_path / "tiled", threads=3)


@pytest.fixture(params=["parted", "tiled"])
def pack(request):
    return request.getfixturevalue(request.param)


@pytest.mark.slow
def test_pairs_come_back_exactly(pack, source):
    sizes = [path.stat().st_size for path in sorted(pack.folder.glob("pairs-*.bin"))]
    assert len(sizes) > 2
    assert sizes == pack.manifest["parts"]
    assert max(sizes) <= writer.PART_BYTES
    for index in range(len(source)):
        for array, expected in zip(pack.read(index), source.read(index), strict=True):
            assert array.dtype == expected.dtype
            np.testing.assert_array_equal(array, expected)
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1


def test_only_large_pairs_are_cut(tiled):
    assert tiled.table.is_tiled.tolist() == [True, True, False, True, True, False, True]
    assert tiled.manifest["tile_px"] == 16


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("crop", [(20, 30), (70, 40), (3, 3)])
@pytest.mark.slow
def test_batches_are_those_of_the_source(pack, source, layout, crop, compiled):
    plan = Plan(source.sizes, 3, Draw(crop, flip=True), seed=4)
    looks = BatchFormat(layout=layout, dtype="float32" if compiled else "uint8")
    loaders = [Loader(reader, plan, format=looks, threads=2) for reader in (pack, source)]
    if compiled:
        assert load_compiled(loaders[0]._conversion)
    for _ in range(4):
        for one, other in zip(*loaders, strict=True):
            assert one.images.tobytes() == other.images.tobytes()
            assert one.labels.tobytes() == other.labels.tobytes()


@pytest.mark.slow
def test_whole_images_are_those_of_the_source(pack, source):
    plan = Plan.exact(source.sizes, 3)
    for one, other in zip(*(Loader(reader, plan, threads=0) for reader in (pack, source)), strict=True):
        assert (one.images == other.images).all()
        assert (one.labels == other.labels).all()


@pytest.mark.slow
def test_a_window_touches_its_own_tiles_only(tiled, monkeypatch):
    seen, find_fault = [], type(tiled.table).find_fault
    monkeypatch.setattr(
        type(tiled.table),
        "find_fault",
        lambda table, tile, *parts: seen.append(tile) or find_fault(table, tile, *parts),
    )
    first = int(tiled.table.firsts[4])  # 64 x 64 px: 4 x 4 tiles
    window = tiled.window(4, (slice(17, 30), slice(20, 40)))
    assert window.labels.shape == (13, 20)
    assert seen == [first + 5, first + 6]
    tiled.window(4, (slice(17, 30), slice(20, 40)))
    assert len(seen) == 2  # each tile is compared once
    damaged = tiled.table.manifest.part(int(tiled.table.parts[first + 15]))
    data = bytearray(damaged.read_bytes())
    data[int(tiled.table.offsets[first + 15])] ^= 1
    damaged.write_bytes(data)
    again = Pack(tiled.folder)
    again.window(4, (slice(17, 30), slice(20, 40)))
    for read in (lambda: again.window(4, (slice(40, 60), slice(40, 60))), lambda: again.read(4)):
        with pytest.raises(PackError) as caught:
            read()
        assert caught.value.found == "sample train_4: the stored pixels do not fit their checksum"


@pytest.mark.slow
def test_16_bit_labels_come_back_from_tiles_and_parts(source, tmp_path, monkeypatch):
    wide = scan(source.root, legend=Legend(tuple(f"class {n}" for n in range(300)), reading="index"))
    for number, limits in enumerate([(9000, 4000, 15), (9000, 10**9, 512), (10**9, 10**9, 512)]):
        for name, value in zip(("PART_BYTES", "TILED_BYTES", "TILE_PX"), limits, strict=True):
            monkeypatch.setattr(writer, name, value)
        with make_pack(wide, cache_dir=tmp_path / str(number)) as pack:
            assert pack.legend.dtype == np.uint16
            for index in range(len(wide)):
                np.testing.assert_array_equal(pack.read(index).labels, wide.read(index).labels)
            plan = Plan(wide.sizes, 3, Draw((20, 30), flip=True))
            for one, other in zip(Loader(pack, plan), Loader(wide, plan), strict=True):
                assert (one.labels == other.labels).all()
            assert (pack.table.label_starts % 2 == 0).all()


@pytest.mark.slow
def test_views_copy_nothing_and_outlive_pack_and_files(parted, source):
    pair = parted.read(3)
    assert any(np.shares_memory(pair.image, memory) for memory in parted.parts.memory)
    parted.close()
    for path in parted.folder.iterdir():
        path.unlink()
    np.testing.assert_array_equal(pair.image, source.read(3).image)


@pytest.mark.slow
def test_a_span_keeps_the_parts_mapped(parted):
    stored = parted.stored(np.array([0, 6]))
    expected = stored.pair(1).labels.copy()
    parted.close()
    del parted
    assert (stored.pair(1).labels == expected).all()


@pytest.mark.slow
def test_a_part_that_was_cut_is_named_and_stops_only_what_needs_it(parted):
    last = parted.folder / part_name(len(parted.manifest["parts"]) - 1)
    size = last.stat().st_size
    with open(last, "r+b") as file:
        file.truncate(size - 1)
    parted.stored(np.array([0]))
    with pytest.raises(PackError) as caught:
        parted.stored(np.array([0, 6]))
    assert (caught.value.where, caught.value.found) == (
        str(last),
        f"cut to {size - 1} of {size} bytes while it was in use",
    )


@pytest.mark.slow
def test_too_few_open_files_are_an_error_with_the_way_out(parted):
    code = (
        "import resource, sys, os, segfeed\n"
        "used = len(os.listdir('/dev/fd')) - 1\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (used + 2, used + 2))\n"
        "try:\n    segfeed.Pack(sys.argv[1])\n"
        "except segfeed.errors.PackError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, parted.folder], capture_output=True, text=True, check=False)
    assert "allow more open files (ulimit -n)" in done.stdout, done.stderr
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 10


def test_a_file_that_changes_length_while_it_is_opened_is_refused(parted, monkeypatch):
    real = parts._map

    def longer(path):
        with open(path, "ab") as file:
            file.write(b"\0")
        return real(path)

    monkeypatch.setattr(parts, "_map", longer)
    with pytest.raises(PackError) as caught:
        Pack(parted.folder)
    assert caught.value.where.endswith("pairs-00000.bin")


def test_pairs_that_were_never_written_are_no_background(parted):
    part = parted.table.manifest.part(int(parted.table.parts[1]))
    data = bytearray(part.read_bytes())
    start, size = int(parted.table.label_starts[1]), int(np.prod(parted.sizes[1]))
    data[start : start + size] = bytes(size)
    part.write_bytes(data)
    again = Pack(parted.folder)
    assert again.read(0).labels.shape == (40, 60)
    with pytest.raises(PackError) as caught:
        again.read(1)
    assert caught.value.found == "sample train_1: the stored pixels do not fit their checksum"


@pytest.mark.parametrize("maps_private", [True, False])
@pytest.mark.slow
def test_file_systems_that_share_no_mappings_are_read_by_private_ones(parted, source, monkeypatch, maps_private):
    """Some network and union file systems answer ENODEV to shared mappings, a few to all."""
    real = parts.mmap.mmap

    def refuse(handle, length, flags, **more):
        if flags == parts.mmap.MAP_SHARED or not maps_private:
            raise OSError(errno.ENODEV, "No such device")
        return real(handle, length, flags=flags, **more)

    monkeypatch.setattr(parts.mmap, "mmap", refuse)
    if maps_private:
        assert (Pack(parted.folder).read(6).labels == source.read(6).labels).all()
        return
    with pytest.raises(PackError) as caught:
        Pack(parted.folder)
    assert caught.value.remedy == "copy the pack to another disk: this file system maps no files"
