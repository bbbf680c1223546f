"""Damaged packs, stamps and states: a named error or exactly what was stored, nothing else."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from faults.forks import task
from faults.rotting import everything_in
from segfeed import Pack, make_pack, scan
from segfeed.audit.verification import verify_pack
from segfeed.errors import PackError
from segfeed.packs.fingerprints import hash_fields, stamp_of_source
from segfeed.packs.pack import find_pack
from segfeed.system.storage import write_over


@pytest.fixture(name="packed")
def _packed(forks, tiny_root, room):
    """Return the folder of a pack of two record batches."""
    return room / "packs" / forks.succeed(task("pack", tiny_root, room)).answer["folder"]


def count_of(found):
    return found["errors"] + found["equal"] + len(found["silent"])


@pytest.mark.parametrize(("name", "flips", "cuts"), [("pairs.arrow", 3000, 300), ("manifest.json", 20_000, 3000)])
def test_no_damage_of_a_pack_is_silent(forks, packed, tally, name, flips, cuts):
    found = forks.succeed(task("rot_pack", packed, name, flips, cuts)).answer
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


def rewrite(folder: Path, change) -> None:
    """Write a pack's rows again, changed, as a tool for Arrow and the manifest could: all but the frame's hash fits."""
    path, manifest = folder / "pairs.arrow", json.loads((folder / "manifest.json").read_text())
    with pa.OSFile(str(path)) as file:
        changed = change(pa.ipc.open_file(file).read_all())
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, changed.schema) as writer:
        writer.write_table(changed)
    manifest["bytes"] = path.stat().st_size
    manifest["manifest_xxh3"] = hash_fields(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def swap_rows(table: pa.Table) -> pa.Table:
    return table.take([1, 0, 2])


def swap_keys(table: pa.Table) -> pa.Table:
    return table.set_column(0, table.schema.field("key"), table["key"].take([1, 0, 2]))


def swap_pixel_counts(table: pa.Table) -> pa.Table:
    return table.set_column(5, table.schema.field("pixels"), table["pixels"].take([1, 0, 2]))


def swap_file_hashes(table: pa.Table) -> pa.Table:
    return table.set_column(7, table.schema.field("photo_sha256"), table["photo_sha256"].take([1, 0, 2]))


def swap_whole_records(table: pa.Table) -> pa.Table:
    """Swap all that a record's own checksum covers, and the checksum: only the keys stay."""
    for column in ("height", "width", "image", "labels", "record_xxh3"):
        place = table.schema.get_field_index(column)
        table = table.set_column(place, table.schema.field(column), table[column].take([1, 0, 2]).combine_chunks())
    return table


@pytest.mark.parametrize("change", [swap_rows, swap_keys, swap_pixel_counts, swap_file_hashes, swap_whole_records])
def test_rows_that_fit_their_own_checksums_in_another_order_are_refused(packed, change):
    rewrite(packed, change)
    with pytest.raises(PackError) as caught:
        Pack(packed)
    assert (caught.value.where, caught.value.remedy) == (
        str(packed / "pairs.arrow"),
        "remove the folder and pack again",
    )
    assert "do not fit the checksum" in caught.value.found


def test_two_packs_whose_files_were_swapped_are_refused(forks, tiny_root, room, packed):
    other = room / "packs" / forks.succeed(task("pack", tiny_root, room, "val")).answer["folder"]
    for name in ("pairs.arrow", "manifest.json"):
        (packed / name).rename(room / "aside")
        (other / name).rename(packed / name)
        (room / "aside").rename(other / name)
        for folder in (packed, other):
            if name == "pairs.arrow":
                with pytest.raises(PackError) as caught:
                    Pack(folder)
                assert caught.value.remedy == "remove the folder and pack again"
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
    rows, path = Pack(packed).rows, packed / "pairs.arrow"
    before = path.read_bytes()
    for index in range(3):
        for start in (rows.images[index], rows.labels[index]):
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
