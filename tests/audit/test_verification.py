"""Verification: everything is read again; no stamp and no name is taken on trust."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import segfeed
from installed import SEGFEED
from segfeed import Pack, make_pack, scan
from segfeed.audit import verification
from segfeed.audit.verification import match_pack, verify_pack
from segfeed.errors import PackError
from segfeed.packs.fingerprints import stamp_of_source
from segfeed.system.storage import write_over

CUT_WHILE_MAPPED = """
import os, sys
import segfeed
from segfeed.errors import PackError
pack = segfeed.Pack(segfeed.make_pack(segfeed.scan(sys.argv[1])).folder)
os.truncate(pack.folder / "pairs-00000.bin", 100)
plan = segfeed.Plan(pack.sizes, 2, segfeed.Draw((8, 8)))
try:
    for batch in segfeed.Loader(pack, plan):
        pass
except PackError as error:
    print(error)
"""
"""In a process of its own: to touch what was cut off would end the process with SIGBUS."""


@pytest.fixture
def source(tmp_path, write_voc, cache):
    return scan(write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9), (7, 4)]}))


def flip_a_bit(pack: Pack, index: int, column: str) -> None:
    """Flip one stored bit of a row, as a failing disk would; size and time stay."""
    path = pack.folder / "pairs-00000.bin"
    times = path.stat()
    at = int((pack.table.offsets if column == "images" else pack.table.label_starts)[index])
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_sound_pack_has_no_findings(source):
    assert verify_pack(make_pack(source)) == []


@pytest.mark.parametrize("column", ["images", "labels"])
@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.slow
def test_a_flipped_bit_is_named_with_its_sample(source, column, index):
    folder = make_pack(source).folder
    flip_a_bit(Pack(folder), index, column)
    pack = Pack(folder)
    (finding,) = verify_pack(pack)
    assert (finding.severity, finding.rule, finding.key) == ("error", "pack-damaged", f"train_{index}")
    assert "do not fit their checksum" in finding.found
    assert str(folder) in finding.remedy


@pytest.mark.parametrize("column", ["images", "labels"])
@pytest.mark.slow
def test_a_flipped_bit_is_an_error_when_the_pair_is_read_first(source, column):
    folder = make_pack(source).folder
    flip_a_bit(Pack(folder), 1, column)
    pack = Pack(folder)
    pack.read(0)
    with pytest.raises(PackError, match="sample train_1: the stored pixels do not fit their checksum"):
        pack.read(1)
    with pytest.raises(PackError, match="sample train_1"):
        pack.stored(np.array([0, 1, -1]))


def test_a_flipped_bit_never_reaches_a_batch(source):
    folder = make_pack(source).folder
    flip_a_bit(Pack(folder), 1, "images")
    pack = Pack(folder)
    loader = segfeed.Loader(pack, segfeed.Plan(pack.sizes, 3, segfeed.Draw((4, 4))))
    with pytest.raises(PackError, match="sample train_1"):
        list(loader)


@pytest.mark.slow
def test_a_pack_that_is_cut_while_mapped_is_an_error_and_no_dead_process(source):
    done = subprocess.run(
        [sys.executable, "-c", CUT_WHILE_MAPPED, source.root], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cut to 100 of" in done.stdout
    assert "remove the folder and pack again" in done.stdout


@pytest.fixture
def recorded(source, cache):
    """Record the pack of a source under its stamp, as is done once its files have settled."""
    pack = make_pack(source)
    write_over(cache / "stamps" / stamp_of_source(source), pack.folder.name.encode())
    return pack


def test_a_source_without_a_pack_is_a_note(source):
    (finding,) = match_pack(source)[1]
    assert (finding.severity, finding.rule) == ("note", "pack-absent")


def test_an_unchanged_source_has_no_findings(source, recorded):
    assert match_pack(source)[1] == []


@pytest.mark.parametrize("kind", ["photo", "mask"])
@pytest.mark.slow
def test_a_stamp_that_lies_is_found_out_and_the_file_named(source, recorded, cache, kind):
    """A file that changed although size, times and inode look the same, as after a restore of a disk's image."""
    changed = getattr(source.samples[1], kind)
    other = getattr(source.samples[2], kind)
    shutil.copy(other.path, changed.path)
    again = scan(source.root)
    write_over(cache / "stamps" / stamp_of_source(again), recorded.folder.name.encode())
    (finding,) = match_pack(again)[1]
    assert (finding.severity, finding.rule, finding.key, finding.file) == (
        "error",
        "pack-stale",
        "train_1",
        changed.name,
    )
    assert "other bytes than were packed" in finding.found
    assert finding.remedy.startswith("restore the file if nobody meant to change it, else remove ")


@pytest.mark.slow
def test_a_stamp_that_names_another_pack_is_found_out(source, recorded, cache, tmp_path, write_voc):
    other = make_pack(scan(write_voc(tmp_path / "other", {"train": [(6, 8), (5, 9), (7, 4)]}, seed=1)))
    write_over(cache / "stamps" / stamp_of_source(source), other.folder.name.encode())
    assert {finding.rule for finding in match_pack(source)[1]} == {"pack-stale"}


@pytest.fixture
def packed(source):
    """The pack of a source whose files are so young that no stamp of them is recorded."""
    return make_pack(source)


def change(source, kind="photo", index=1):
    """Save a file again, turned upside down."""
    changed = getattr(source.samples[index], kind)
    with Image.open(changed.path) as picture:
        picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(changed.path)
    return changed


def only_rule(findings):
    return {(finding.severity, finding.rule) for finding in findings}


def test_nothing_is_hashed_where_nothing_was_packed(source, monkeypatch):
    monkeypatch.setattr(verification, "hash_files", None)
    assert only_rule(match_pack(source)[1]) == {("note", "pack-absent")}


@pytest.mark.slow
def test_files_that_were_packed_a_moment_ago_are_compared(source, packed):
    pack, findings = match_pack(source)
    assert (pack.folder, findings) == (packed.folder, [])


@pytest.mark.slow
def test_files_that_were_touched_or_copied_are_known_by_their_contents(source, packed, tmp_path):
    for sample in source.samples:
        os.utime(sample.photo.path, (1, 1))
    copy = shutil.copytree(source.root, tmp_path / "copy" / "VOC2012")
    for root in (source.root, copy):
        pack, findings = match_pack(scan(root))
        assert (pack.folder, findings) == (packed.folder, [])


@pytest.mark.parametrize("kind", ["photo", "mask"])
@pytest.mark.slow
def test_files_that_are_no_longer_those_that_were_packed_are_named(source, packed, kind):
    changed = change(source, kind)
    pack, (finding,) = match_pack(scan(source.root))
    assert pack is None
    assert (finding.severity, finding.rule) == ("warning", "file-changed")
    assert (finding.key, finding.file) == ("train_1", changed.name)
    assert f"other bytes than were packed at {packed.manifest['created']}" in finding.found
    assert "restore the file if nobody meant to change it, else run `segfeed pack`" in finding.remedy


@pytest.mark.slow
def test_files_are_compared_with_the_pack_that_was_made_last(source, packed):
    change(source)
    again = make_pack(scan(source.root))
    assert again.folder != packed.folder
    assert match_pack(scan(source.root))[1] == []
    changed = change(source, index=0)
    (finding,) = match_pack(scan(source.root))[1]
    assert (finding.rule, finding.file) == ("file-changed", changed.name)


@pytest.mark.slow
def test_a_longer_list_is_another_pack_but_its_files_are_compared_all_the_same(source, packed):
    path = source.root / "ImageSets" / "Segmentation" / "train.txt"
    path.write_text("".join(f"train_{number}\n" for number in (2, 1)))
    assert only_rule(match_pack(scan(source.root))[1]) == {("note", "pack-absent")}
    change(source)
    (finding,) = match_pack(scan(source.root))[1]
    assert (finding.rule, finding.key) == ("file-changed", "train_1")


@pytest.mark.slow
def test_command_says_that_files_have_changed_until_they_are_packed(source, packed, run_cli):
    words = ("verify", source.root, "--splits", "train")
    code, out, _ = run_cli(*words)
    assert (code, out) == (0, "VOC2012 train: 3 pairs and the files they were made from are sound\n")
    changed = change(source)
    code, out, _ = run_cli(*words)
    assert code == 1
    assert out.startswith(f"train train_1 ({changed.name}): other bytes than were packed at ")
    assert "sound" not in out
    described = json.loads(run_cli(*words, "--json")[1])
    assert described["verified"] == []
    assert [finding["severity"] for finding in described["findings"]] == ["warning"]
    run_cli("pack", source.root, "--splits", "train")
    assert run_cli(*words)[0] == 0


@pytest.mark.slow
def test_command_without_a_pack_is_done_with_a_note(source, run_cli):
    code, out, _ = run_cli("verify", source.root, "--splits", "train")
    assert code == 0
    assert "no pack of these files" in out


@pytest.mark.slow
def test_command_verifies_a_dataset_and_its_packs(source, recorded, run_cli):
    code, out, _ = run_cli("verify", source.root, "--splits", "train")
    assert code == 0
    assert "VOC2012 train: 3 pairs and the files they were made from are sound" in out
    flip_a_bit(recorded, 1, "labels")
    code, out, _ = run_cli("verify", source.root, "--splits", "train")
    assert code == 1
    assert "train train_1 (pairs-00000.bin): the stored pixels do not fit their checksum" in out


@pytest.mark.slow
def test_command_verifies_every_pack_of_the_cache(source, run_cli):
    assert run_cli("verify")[:2] == (0, "the cache holds no pack\n")
    pack = make_pack(source)
    code, out, _ = run_cli("verify", "--json")
    assert code == 0
    assert json.loads(out) == {"verified": [{"folder": str(pack.folder), "pairs": 3}], "findings": []}
    flip_a_bit(pack, 0, "images")
    code, out, _ = run_cli("verify", "--json")
    assert code == 1
    assert [finding["rule"] for finding in json.loads(out)["findings"]] == ["pack-damaged"]


@pytest.fixture
def run_cli():
    """Run the command line in a process of its own: exit code, output, errors."""

    def run(*words):
        command = [SEGFEED, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    return run
