"""Memory: what a process holds for itself depends on its batches, not on how many pairs there are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfeed.pixels.palette import voc_colours

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/smaps_rollup").exists(),
        reason="private memory is read from /proc (Linux)",
    ),
]

MIB = 1 << 20
FEW, MANY = 200, 4000
SIDE = 96
ALLOWED = 20 * MIB
ROW_BYTES = 8 << 10
# Kept, the decoded pairs of the larger dataset would be 141 MiB.
assert (MANY - FEW) * SIDE * SIDE * 4 > 6 * ALLOWED

START = """
import json, sys, threading
from pathlib import Path
from segfeed import Draw, Plan, BatchFormat, make_pack, scan
from segfeed.batches.kernels.filling import load_compiled
from segfeed.batches.loader import Loader
from segfeed.packs.pack import Pack
from segfeed.pixels import block_counts

def private():
    "Measure in bytes what this process alone holds: no mapped files."
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024

class Watch:
    "Note the most that is held until it is left."
    def __enter__(self):
        self.most, self.end = private(), threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.end.wait(0.002):
            self.most = max(self.most, private())

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()

source = scan(sys.argv[1])
assert len(source) == int(sys.argv[2])
"""

ITERATE = """
reader = Pack(Path(sys.argv[3])) if sys.argv[3:] else source
plan = Plan(reader.sizes, 20, Draw((64, 64), flip=True))
loader = Loader(reader, plan, threads=2)
load_compiled(loader._conversion)  # or the kernels' own memory would count where the epoch is long enough for them
with Watch() as watch:
    for images, labels in loader:
        pass
print(json.dumps([watch.most, images.nbytes + labels.nbytes]))
"""

PACK = """
block_counts.load_compiled()  # or only the larger pack would load it
with Watch() as watch:
    pack = make_pack(source, cache_dir=sys.argv[3], threads=2)
assert (pack.folder / "pairs-00000.bin").stat().st_size >= len(source) * 96 * 96 * 4
print(json.dumps([watch.most, str(pack.folder)]))
"""


@pytest.fixture(scope="module", name="roots")
def _roots(tmp_path_factory):
    """Return the same 20 pairs of noise under 200 and under 4,000 names."""
    folder, random = tmp_path_factory.mktemp("many"), np.random.default_rng(0)
    for n in range(20):
        photo = random.integers(0, 256, (SIDE // 8, SIDE // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(photo).save(folder / f"{n}.jpg")
        # Noise would give the class grid an entry for each class in each block, as no mask that somebody drew does.
        labels = random.integers(0, 21, (SIDE // 24, SIDE // 24), np.uint8).repeat(24, 0).repeat(24, 1)
        mask = Image.fromarray(labels)
        mask.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
        mask.save(folder / f"{n}.png")
    roots = {}
    for count in (FEW, MANY):
        roots[count] = root = folder / str(count)
        for name in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
            (root / name).mkdir(parents=True)
        for n in range(count):
            os.symlink(folder / f"{n % 20}.jpg", root / "JPEGImages" / f"{n:04}.jpg")
            os.symlink(folder / f"{n % 20}.png", root / "SegmentationClass" / f"{n:04}.png")
        keys = "".join(f"{n:04}\n" for n in range(count))
        (root / "ImageSets/Segmentation/train.txt").write_text(keys)
    return roots


def measure(code, root, count, *words):
    command = [sys.executable, "-W", "error", "-c", START + code, str(root), str(count), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    told = [line for line in done.stderr.splitlines() if ": packing writes about " not in line]
    assert (done.returncode, told) == (0, [])
    return json.loads(done.stdout)


@pytest.fixture(scope="module", name="packed")
def _packed(roots, tmp_path_factory):
    """Pack both, and give for each (the most that was held meanwhile in bytes, the pack's folder)."""
    return {count: measure(PACK, root, count, tmp_path_factory.mktemp("packs")) for count, root in roots.items()}


def test_packing_holds_the_rows_of_the_table_alone_for_twenty_times_the_pairs(packed):
    """The table is written when all pairs are: its rows wait in memory, with their class grids."""
    (few, _), (many, _) = packed[FEW], packed[MANY]
    assert many < few + ROW_BYTES * (MANY - FEW)


@pytest.mark.parametrize("kind", ["source", "pack"])
def test_iterating_holds_no_more_for_twenty_times_the_pairs(roots, packed, kind):
    (few, batch_bytes), (many, same_bytes) = (
        measure(ITERATE, roots[count], count, *([packed[count][1]] if kind == "pack" else [])) for count in (FEW, MANY)
    )
    assert batch_bytes == same_bytes < MIB * 2
    assert many < few + ALLOWED
