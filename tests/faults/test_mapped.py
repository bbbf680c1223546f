"""A pack that changes under its readers: what is mapped stays valid, a cut is an error, what is new is checked."""

import itertools
import os
import shutil

import pytest

from faults.forks import task
from faults.jobs import digest_of
from segfeed import BatchFormat, Draw, Loader, Pack, Plan, make_pack, scan
from segfeed.audit.verification import verify_pack
from segfeed.batches import readers
from segfeed.errors import PackError
from segfeed.packs.cache import prune_packs

SIGBUS = -7


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch):
    monkeypatch.setattr("segfeed.packs.pack._LOOK_S", 0)


@pytest.fixture(name="pack")
def _pack(tmp_path, write_voc):
    """Return a pack of 12 pairs."""
    root = write_voc(tmp_path / "VOC2012", {"train": [(40, 60 + number) for number in range(12)]})
    return make_pack(scan(root, "train", format="voc"), cache_dir=tmp_path / "cache")


def loader_of(pack, threads=2):
    return Loader(pack, Plan(pack.sizes, 2, Draw((32, 48))), format=BatchFormat(dtype="uint8"), threads=threads)


def bytes_of(batches):
    return [(batch.keys, batch.images.tobytes(), batch.labels.tobytes()) for batch in batches]


def remove(pack):
    shutil.rmtree(pack.folder)


def prune(pack):
    assert pack.folder in prune_packs(0, cache_dir=pack.folder.parents[1])


def replace(pack):
    """Put another file in its place, as a copy or a restore does: the mapping keeps the old one."""
    other = pack.folder / "other"
    other.write_bytes(bytes((pack.folder / "pairs-00000.bin").stat().st_size))
    other.rename(pack.folder / "pairs-00000.bin")


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("change", [remove, prune, replace])
def test_an_epoch_goes_on_when_its_pack_is_gone(pack, change, threads):
    expected = bytes_of(loader_of(pack))
    running = iter(loader_of(Pack(pack.folder), threads))
    found = bytes_of(itertools.islice(running, 2))
    change(pack)
    found += bytes_of(running)
    assert found == expected


@pytest.mark.parametrize("change", [remove, prune])
def test_a_pack_that_is_gone_is_made_again_while_the_old_one_is_read(pack, change):
    expected = digest_of(pack)
    change(pack)
    again = make_pack(scan(pack.manifest["root"], "train", format="voc"), cache_dir=pack.folder.parents[1])
    assert again.folder == pack.folder
    assert digest_of(again) == digest_of(pack) == expected


def test_a_replaced_part_is_refused_when_it_is_read(pack):
    replace(pack)
    again = Pack(pack.folder)
    for read in (lambda: again.read(3), lambda: next(iter(loader_of(again)))):
        with pytest.raises(PackError) as caught:
            read()
        assert "do not fit their checksum" in caught.value.found
    assert caught.value.remedy == "remove the folder and pack again"


def write_over(pack, number, count=50):
    """Write over a pair in place, as `cp` or `rsync --inplace` of another pack does; segfeed never does this."""
    with open(pack.folder / "pairs-00000.bin", "r+b") as file:
        file.seek(int(pack.table.offsets[number]))
        file.write(b"\0" * count)


def test_what_is_written_over_in_place_is_found_by_all_that_read_it(pack):
    pack.read(3)
    write_over(pack, 3)
    for reader in (pack, Pack(pack.folder)):
        with pytest.raises(PackError) as caught:
            reader.read(3)
        assert caught.value.found.startswith("sample train_3: the stored pixels do not fit their checksum")
    assert [finding.key for finding in verify_pack(pack)] == ["train_3"]


@pytest.mark.parametrize("threads", [0, 2])
def test_what_is_written_over_in_place_never_reaches_a_later_batch(pack, threads):
    loader = loader_of(pack, threads)
    expected = {key for batch in loader for key in batch.keys if key != "train_3"}
    write_over(pack, 3)
    seen = set[str]()
    with pytest.raises(PackError, match="sample train_3"):
        seen.update(key for batch in loader for key in batch.keys)
    assert seen < expected


def test_a_new_time_of_an_unchanged_part_changes_nothing(pack):
    loader = loader_of(pack)
    expected = bytes_of(loader)
    loader.set_epoch(0)
    os.utime(pack.folder / "pairs-00000.bin")
    assert bytes_of(loader) == expected


@pytest.mark.parametrize("threads", [0, 2])
def test_a_pack_that_is_cut_in_the_middle_of_an_epoch_ends_it_and_serves_nothing_else(forks, pack, tally, threads):
    """The file's size is checked before each batch. A cut while threads fill one may still end them by SIGBUS."""
    path = pack.folder / "pairs-00000.bin"
    sound = path.read_bytes()
    expected = forks.succeed(task("read_while_cut", pack.folder, -1, threads)).answer["digests"]
    lengths = range(0, len(sound), len(sound) // 8)
    for length in lengths:
        outcome = forks.run("read_while_cut", pack.folder, length, threads)
        path.write_bytes(sound)
        assert outcome.status in ((0, SIGBUS) if threads else (0,)), outcome
        if outcome.status == 0:
            assert outcome.answer["message"].endswith("and pack again."), outcome
            assert outcome.answer["digests"] == expected[: len(outcome.answer["digests"])]
            assert threads or f"cut to {length} of {len(sound)} bytes while it was in use" in outcome.answer["message"]
    tally("pack: cut while it was read", len(lengths))


def test_a_cut_while_a_batch_is_filled_is_found_after_it(pack, monkeypatch):
    """The rest of the last page that is left reads as zeros: no signal tells of it."""
    path = pack.folder / "pairs-00000.bin"
    size = path.stat().st_size
    fill = readers.fill

    def fill_and_cut(*arguments):
        fill(*arguments)
        os.truncate(path, size - 1)

    monkeypatch.setattr(readers, "fill", fill_and_cut)
    with pytest.raises(PackError) as caught:
        next(iter(loader_of(pack, threads=0)))
    assert caught.value.found == f"cut to {size - 1} of {size} bytes while it was in use"
