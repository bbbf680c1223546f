"""Damaged files of a dataset: an error that names the file, or exactly what was there; and where a format has no
checksum, what notices the damage later: the hashes that were taken when the dataset was packed.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faults.forks import task
from faults.rotting import as_it_is_now
from segfeed import Draw, Loader, Plan, make_pack, scan
from segfeed.audit.verification import match_pack
from segfeed.errors import StateError
from segfeed.packs.fingerprints import stamp_of_source
from segfeed.pixels.palette import voc_colours
from segfeed.system.storage import write_over

CLASSES = ("background", "cat", "dog", "road sign")
COLOURS = voc_colours(len(CLASSES))


@pytest.fixture(name="root")
def _root(room):
    """A VOC folder of 4 pairs: JPEG and PNG photos; palette, RGB, gray and interlaced-by-hand masks; its own legend."""
    root = room / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    draws = np.random.default_rng(0)
    palette = np.array(COLOURS, np.uint8)
    for number, (photo, kind) in enumerate(
        [(".jpg", "palette"), (".png", "colour"), (".jpg", "gray"), (".png", "palette")]
    ):
        soft = Image.fromarray(draws.integers(0, 256, (3, 4, 3), np.uint8)).resize((20, 15), Image.Resampling.BICUBIC)
        soft.save(root / "JPEGImages" / f"a{number}{photo}", quality=90)
        labels = np.arange(15 * 20).reshape(15, 20).astype(np.uint8) // 19 % len(CLASSES)
        mask = Image.fromarray(palette[labels] if kind == "colour" else labels)
        if kind == "palette":
            mask.putpalette(palette.tobytes())
        mask.save(root / "SegmentationClass" / f"a{number}.png")
    (root / "ImageSets/Segmentation/train.txt").write_text("".join(f"a{number}\n" for number in range(4)))
    legend = "".join(f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in zip(CLASSES, COLOURS, strict=True))
    (root / "labelmap.txt").write_text(legend)
    return root


def count_of(found):
    return found["errors"] + found["equal"] + len(found["silent"])


@pytest.mark.parametrize(
    "name",
    ["JPEGImages/a1.png", "SegmentationClass/a0.png", "SegmentationClass/a1.png", "SegmentationClass/a2.png"],
)
def test_no_damage_of_a_png_is_silent(forks, root, tally, name):
    found = forks.succeed(task("rot_file", root, name, 1500, 300)).answer
    assert (found["silent"], found["unnamed"]) == ([], [])
    assert found["errors"] > 0.9 * count_of(found)
    tally("damaged PNG", count_of(found))


def test_damage_of_a_jpeg_is_a_named_error_or_another_picture_of_its_size(forks, root, tally):
    """JPEG has no checksum: no decoder can tell a flipped bit from another photo, when it sees the photo first."""
    found = forks.succeed(task("rot_file", root, "JPEGImages/a0.jpg", 1500, 300)).answer
    assert found["unnamed"] == []
    assert not [what for what, _ in found["silent"] if what.startswith(("cut", "bytes behind"))]
    assert len(found["silent"]) > 100, "then the docs say too little of the decoder"
    tally("damaged JPEG", count_of(found))
    tally("damaged JPEG: of these another picture, which only a hash taken earlier tells", len(found["silent"]))


def another_picture(path: Path, source) -> bytes:
    """Return a photo's bytes with one bit flipped that decodes without a word to other pixels."""
    sound, pixels = path.read_bytes(), as_it_is_now(source, 0).read(0).image
    for byte in range(len(sound) - 60, 0, -7):
        path.write_bytes(sound[:byte] + bytes([sound[byte] ^ 4]) + sound[byte + 1 :])
        try:
            if not np.array_equal(as_it_is_now(source, 0).read(0).image, pixels):
                return path.read_bytes()
        except ValueError:
            continue
        finally:
            path.write_bytes(sound)
    raise AssertionError("every flipped bit was told")


def rot_in_place(root: Path, cache: Path, packed: Path, broken: dict[Path, bytes]) -> None:
    """Change files as a failing disk does: size, time and inode stay, so the stamp is still the old one."""
    for path, content in broken.items():
        path.write_bytes(content)
    write_over(cache / "stamps" / stamp_of_source(scan(root, "train", format="voc")), packed.name.encode())


def test_rot_of_a_packed_jpeg_changes_no_batch_and_is_named_by_verify(root, room):
    path, cache = root / "JPEGImages" / "a0.jpg", room / "cache"
    pack = make_pack(scan(root, "train", format="voc"), cache_dir=cache)
    expected = pack.read(0).image.copy()
    rot_in_place(root, cache, pack.folder, {path: another_picture(path, scan(root, "train", format="voc"))})
    source = scan(root, "train", format="voc")
    assert not np.array_equal(source.read(0).image, expected)
    again = make_pack(source, cache_dir=cache)
    assert again.folder == pack.folder
    np.testing.assert_array_equal(again.read(0).image, expected)
    (finding,) = match_pack(source, cache_dir=cache)[1]
    assert (finding.severity, finding.rule, finding.key, finding.file) == ("error", "pack-stale", "a0", "a0.jpg")


@pytest.mark.parametrize("folder", ["JPEGImages", "SegmentationClass"])
def test_two_files_swapped_lead_to_another_pack_and_are_named_by_verify(root, room, folder):
    cache = room / "cache"
    pack = make_pack(scan(root, "train", format="voc"), cache_dir=cache)
    suffix = ".jpg" if folder == "JPEGImages" else ".png"
    one, other = (root / folder / f"{key}{suffix}" for key in ("a0", "a2"))
    swapped = {one: other.read_bytes(), other: one.read_bytes()}
    for path, content in swapped.items():
        path.write_bytes(content)
    assert make_pack(scan(root, "train", format="voc"), cache_dir=cache).folder != pack.folder
    rot_in_place(root, cache, pack.folder, swapped)
    findings = match_pack(scan(root, "train", format="voc"), cache_dir=cache)[1]
    assert {(finding.rule, finding.file) for finding in findings} == {
        ("pack-stale", one.name),
        ("pack-stale", other.name),
    }


def test_no_damage_of_a_list_is_silent_except_whole_lines_lost(forks, root, tally):
    found = forks.succeed(task("rot_text", root, "ImageSets/Segmentation/train.txt", 2000, 200)).answer
    assert found["unnamed"] == []
    for what, (keys, _, _) in found["silent"]:
        assert what.startswith("cut to"), what
        assert keys == [f"a{number}" for number in range(len(keys))]
    assert len(found["silent"]) <= 2 * 3  # after each line but the last, with its newline and without
    tally("damaged list", count_of(found))


def test_a_list_that_lost_lines_leads_to_another_pack_and_fits_no_state(root, room):
    path = root / "ImageSets/Segmentation/train.txt"
    whole = scan(root, "train", format="voc")
    state = Loader(whole, Plan(whole.sizes, 1, Draw((8, 8)))).state_dict()
    folder = make_pack(whole, cache_dir=room / "cache").folder
    path.write_text("a0\na1\na2\n")
    shorter = scan(root, "train", format="voc")
    assert make_pack(shorter, cache_dir=room / "cache").folder != folder
    with pytest.raises(StateError) as caught:
        Loader(shorter, Plan(shorter.sizes, 1, Draw((8, 8)))).load_state_dict(state)
    assert "samples (saved " in caught.value.found


def test_damage_of_a_labelmap_changes_no_label_and_no_legend_in_silence(forks, root, tally):
    """A name that is misspelt stays a name, and is another legend for packs and states; labels stay what they were."""
    found = forks.succeed(task("rot_text", root, "labelmap.txt", 2000, 200)).answer
    sound = scan(root, "train", format="voc")
    labels = {served[1] for _, served in found["silent"]}
    assert found["unnamed"] == []
    assert len(labels) <= 1
    for what, (keys, _, legend) in found["silent"]:
        assert (keys == list(sound.keys), legend != sound.legend.digest) == (True, True), what
    tally("damaged labelmap", count_of(found))


def test_a_changed_name_in_the_labelmap_leads_to_another_pack_and_fits_no_state(root, room):
    before = scan(root, "train", format="voc")
    state = Loader(before, Plan(before.sizes, 1, Draw((8, 8)))).state_dict()
    folder = make_pack(before, cache_dir=room / "cache").folder
    path = root / "labelmap.txt"
    times = path.stat()
    path.write_text(path.read_text().replace("cat", "cau"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = scan(root, "train", format="voc")
    assert make_pack(after, cache_dir=room / "cache").folder != folder
    with pytest.raises(StateError) as caught:
        Loader(after, Plan(after.sizes, 1, Draw((8, 8)))).load_state_dict(state)
    assert "legend (saved " in caught.value.found
