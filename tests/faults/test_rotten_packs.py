"""Damaged packs, stamps and states: a named error or exactly what was stored, nothing else."""

import json

import pytest

from faults.forks import task
from faults.rotting import everything_in
from sealed_packs import change_rows
from segfeed import Pack, make_pack, scan
from segfeed.audit.verification import verify_pack
from segfeed.errors import PackError
from segfeed.packs.fingerprints import stamp_of_source
from segfeed.packs.making import find_pack
from segfeed.system.storage import write_over


@pytest.fixture(name="packed")
def _packed(forks, tiny_root, room):
    """Return the folder of a pack of several parts."""
    return room / "packs" / forks.succeed(task("pack", tiny_root, room)).answer["folder"]


def count_of(found):
    return found["errors"] + found["equal"] + len(found["silent"])


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize(("name", "flips"), [("pairs-00000.bin", 2000), ("rows.arrow", 2000), ("manifest.json", 5000)])
def test_no_damage_of_a_pack_is_silent(forks, tiny_root, room, tally, coded, name, flips):
    packed = room / "packs" / forks.succeed(task("pack", tiny_root, room, "train", coded)).answer["folder"]
    found = forks.succeed(task("rot_pack", packed, name, flips, flips // 8)).answer
    assert (found["silent"], found["unnamed"]) == ([], [])
    assert found["errors"] > 0.9 * count_of(found)
    tally(f"damaged {name}", count_of(found))


def test_no_damage_of_a_stamp_leads_to_another_pack(forks, tiny_root, packed, room, tally):
    found = forks.succeed(task("rot_stamp", tiny_root, room, 100, 16)).answer
    assert (found["silent"], found["unnamed"], found["errors"]) == ([], [], 0)
    tally("damaged stamp", count_of(found))


def test_no_damage_of_a_state_is_taken_for_another_run(forks, tiny_root, room, tally):
    """All that identifies a state's run is compared; how far the run was is two numbers of the state alone."""
    found = forks.succeed(task("rot_state", tiny_root, room / "state.json", 3000, 300)).answer
    sound = json.loads((room / "state.json").read_text())
    assert found["unnamed"] == []
    for what, served in found["silent"]:
        assert served | {"epoch": sound["epoch"], "position": sound["position"]} == sound, what
    tally("damaged state", count_of(found))


def swap(*columns):
    def change(rows):
        for column in columns:
            rows[0][column], rows[1][column] = rows[1][column], rows[0][column]

    return change


@pytest.mark.parametrize("columns", [("key",), ("pixels", "grid"), ("photo_sha256",), ("offset", "tile_xxh3")])
def test_rows_that_fit_their_own_checksums_in_another_order_are_refused(packed, columns):
    """Another program could swap them; only the manifest's checksum of the table tells."""
    manifest = (packed / "manifest.json").read_bytes()
    change_rows(packed, swap(*columns))
    (packed / "manifest.json").write_bytes(manifest)
    with pytest.raises(PackError) as caught:
        Pack(packed)
    assert caught.value.where == str(packed / "rows.arrow")
    assert caught.value.remedy.endswith("remove the folder and pack again")


def swap_files(one, other):
    aside = one.with_name(".aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def test_two_packs_whose_files_were_swapped_are_refused(forks, tiny_root, room, packed):
    other = room / "packs" / forks.succeed(task("pack", tiny_root, room, "val")).answer["folder"]
    for name in ("rows.arrow", "pairs-00000.bin"):
        swap_files(packed / name, other / name)
        for folder in (packed, other):
            with pytest.raises(PackError) as caught:
                Pack(folder)
            assert caught.value.remedy.endswith("remove the folder and pack again")
        swap_files(packed / name, other / name)
    swap_files(packed, other)
    for split in ("train", "val"):  # each is whole again, but under the other's name
        with pytest.raises(PackError) as caught:
            make_pack(scan(tiny_root, split, format="voc"), cache_dir=room)
        assert caught.value.expected == "the one that the folder is named after"
        assert caught.value.remedy == "remove the folder and pack again"


def test_a_stamp_that_names_the_pack_of_another_split_is_not_believed(forks, tiny_root, room, packed):
    other = forks.succeed(task("pack", tiny_root, room, "val")).answer["folder"]
    source = scan(tiny_root, "train", format="voc")
    write_over(room / "stamps" / stamp_of_source(source), other.encode())
    assert find_pack(source, cache_dir=room) is None
    assert make_pack(source, cache_dir=room).folder == packed


def test_rotten_pixels_are_found_by_reading_and_by_verifying(packed, tally):
    """One bit in each pair's image and labels: what is not damaged is still served."""
    sound = everything_in(packed)
    rows = Pack(packed).table
    for index in range(3):
        path = rows.manifest.part(int(rows.parts[index]))
        before = path.read_bytes()
        for start in (rows.offsets[index], rows.label_starts[index]):
            broken = bytearray(before)
            broken[int(start)] ^= 1
            path.write_bytes(broken)
            pack = Pack(packed)
            assert [finding.key for finding in verify_pack(pack)] == [f"train_{index}"]
            for other in {0, 1, 2} - {index}:
                pack.read(other)
            with pytest.raises(PackError) as caught:
                pack.read(index)
            assert caught.value.found.startswith(f"sample train_{index}: the stored pixels do not fit their checksum")
        path.write_bytes(before)
    assert everything_in(packed) == sound
    tally("damaged pairs.arrow", 6)
