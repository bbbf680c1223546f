"""A dataset that changes between processes, or under a packing one: what is served is never of yesterday."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faults import every
from faults.forks import task, wait_for
from faults.layer import Fault
from segfeed import make_pack, scan
from segfeed.pixels.palette import voc_colours

PALETTE = np.array(voc_colours(256), np.uint8).tobytes()


@pytest.fixture(name="root")
def _root(room, write_voc):
    """A VOC folder of 3 pairs with its own legend; masks are not compressed, so that equal sizes give equal lengths."""
    root = write_voc(room / "VOC2012", {"train": [(6, 8), (5, 9), (7, 4)], "val": [(6, 8), (3, 3)]})
    names = [f"class {chr(97 + number)}" for number in range(21)]
    lines = (f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in zip(names, voc_colours(21), strict=True))
    (root / "labelmap.txt").write_text("".join(lines))
    put_mask(root / "SegmentationClass/train_1.png", 3)
    return root


def put_mask(path: Path, label: int) -> None:
    mask = Image.fromarray(np.full((5, 9), label, np.uint8))
    mask.putpalette(PALETTE)
    mask.save(path, compress_level=0)


def change_mask(root: Path) -> None:
    put_mask(root / "SegmentationClass/train_1.png", 4)


def change_photo(root: Path) -> None:
    path = root / "JPEGImages/train_1.png"
    Image.fromarray(255 - np.array(Image.open(path))).save(path)


def replace_mask(root: Path) -> None:
    """Put another file in its place, as editors and rsync do."""
    put_mask(root / "aside.png", 4)
    (root / "aside.png").replace(root / "SegmentationClass/train_1.png")


def reorder_list(root: Path) -> None:
    (root / "ImageSets/Segmentation/train.txt").write_text("train_1\ntrain_0\ntrain_2\n")


def rename_class(root: Path) -> None:
    path = root / "labelmap.txt"
    path.write_text(path.read_text().replace("class d", "class x"))


def swap_colours(root: Path) -> None:
    """Swap the colours of two classes: photos and masks stay, labels do not."""
    path = root / "labelmap.txt"
    path.write_text(
        path.read_text().replace("class d", "class _").replace("class e", "class d").replace("class _", "class e")
    )


CHANGES = [change_mask, change_photo, replace_mask, reorder_list, rename_class, swap_colours]
CHANGED_FILES = {
    change_mask: "SegmentationClass/train_1.png",
    change_photo: "JPEGImages/train_1.png",
    replace_mask: "SegmentationClass/train_1.png",
    reorder_list: "ImageSets/Segmentation/train.txt",
    rename_class: "labelmap.txt",
    swap_colours: "labelmap.txt",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_keeps_size_and_time_is_seen_by_the_next_process(forks, root, room, tally, change):
    cache, path = room / "cache", root / CHANGED_FILES[change]
    first = forks.succeed(task("pack", root, cache)).answer
    assert forks.succeed(task("pack", root, cache)).answer == first
    before = path.stat()
    change(root)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_mtime_ns, change is change_photo or path.stat().st_size) == (
        before.st_mtime_ns, change is change_photo or before.st_size,
    )  # fmt: skip
    shutil.copytree(root, room / "copy" / "VOC2012")
    fresh = forks.succeed(task("pack", room / "copy" / "VOC2012", room / "other cache")).answer
    second = forks.succeed(task("pack", root, cache)).answer
    assert second == fresh != first
    tally("dataset changed between two processes", 1)


def test_a_change_that_is_taken_back_leads_to_the_first_pack_again(forks, root, room):
    first = forks.succeed(task("pack", root, room / "cache")).answer
    change_mask(root)
    forks.succeed(task("pack", root, room / "cache"))
    put_mask(root / "SegmentationClass/train_1.png", 3)
    assert forks.succeed(task("pack", root, room / "cache")).answer == first


def test_a_link_that_points_elsewhere_is_seen(forks, root, room):
    path = root / "SegmentationClass/train_1.png"
    for label in (3, 4):
        put_mask(room / f"{label}.png", label)
        os.utime(room / f"{label}.png", (1, 1))
    path.unlink()
    path.symlink_to(room / "3.png")
    first = forks.succeed(task("pack", root, room / "cache")).answer
    path.unlink()
    path.symlink_to(room / "4.png")
    assert forks.succeed(task("pack", root, room / "cache")).answer != first


def test_a_mask_that_changes_while_it_is_packed_is_an_error_or_comes_too_late(forks, root, room, tally):
    """Whenever it changes: no pack of the old state is ever found for the new one."""
    calls = forks.succeed(task("pack", root, room / "reference", folder=room / "reference")).answer["calls"]
    old = forks.succeed(task("pack", root, room / "reference")).answer
    path, waiting = root / "SegmentationClass/train_1.png", room / "waiting"
    ends = set()
    places = range(1, calls + 1, every(6))
    for number, at in enumerate(places):
        cache = room / str(at)
        put_mask(path, 3)
        os.utime(path, (1, 1))
        fault = Fault("wait", at, filler=str(waiting))
        forks.start([task("pack", root, cache, folder=cache, fault=fault)])
        wait_for(waiting.exists)
        put_mask(path, 4 + number % 2)
        os.utime(path, (1, 1))
        waiting.unlink()
        (outcome,) = forks.finish()
        ends.add(outcome.error)
        assert (outcome.error, outcome.answer.get("digest")) in (("SourceChangedError", None), ("", old["digest"])), at
        served = make_pack(scan(root, "train", format="voc"), cache_dir=cache).read(1).labels
        assert (served == 4 + number % 2).all(), at
        shutil.rmtree(cache)
    assert ends == {"", "SourceChangedError"}
    tally("dataset changed while it was packed", len(places))
