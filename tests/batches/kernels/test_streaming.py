"""Streaming: compiled kernels write what plain NumPy writes, at any width and address, and touch nothing beside it."""

import mmap
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segfeed
from plain_rows import plain_rows
from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import fill, fill_plain, load_compiled, make_conversion
from segfeed.pixels.pair import StoredPairs
from segfeed.plans.rows import ROW

pytestmark = pytest.mark.slow

pytest.importorskip("numba")

# Layout, image dtype, label dtype, stored void: together every image kernel and every kind of label.
KINDS = (
    ("NHWC", "float32", "int32", 255), ("NCHW", "float32", "int64", 255), ("NHWC", "uint8", "uint8", 255),
    ("NCHW", "uint8", "int32", 65535), ("NHWC", "float16", "int64", 65535), ("NCHW", "float16", "uint8", 65535),
)  # fmt: skip
BOUNDARY = 128  # bytes: no streamed vector is longer
GUARD, OTHER = 0xA5, 0x5A
BIG, SMALL, DOT = (9, 1300), (2, 5), (1, 1)
WIDE = (191, 192, 193, 224, 255, 256, 257, 320, 321, 480, 513, 1025)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind)))


def classes_of(kind):
    """Return as many classes as the labels can hold beside void, up to 1000."""
    return 1000 if kind[2] != "uint8" and kind[3] == 65535 else 200


def voids_of(kind):
    return {"uint8": (255, 200), "int32": (7000, -100), "int64": (-100, 7000)}[kind[2]] + (
        (255,) if kind[3] == 255 and kind[2] != "uint8" else ()
    )


def conversion_of(kind, width, void):
    conversion = make_conversion(BatchFormat(*kind[:3], void=void), width, classes_of(kind), kind[3])
    assert load_compiled(conversion)
    return conversion


def store(sizes, kind, seed=0):
    """Lay random pairs one after the other, as a pack does."""
    random = np.random.default_rng(seed)
    pixels = np.array([height * width for height, width in sizes])
    starts = np.concatenate([[0], np.cumsum(pixels)[:-1]]).astype(np.int64)
    labels = random.integers(0, classes_of(kind), pixels.sum()).astype(np.uint8 if kind[3] == 255 else np.uint16)
    labels[random.random(len(labels)) < 0.2] = kind[3]
    image = random.integers(0, 256, 3 * pixels.sum(), np.uint8)
    return StoredPairs(image, 3 * starts, labels, starts, np.array(sizes, np.int32))


def windows(height, width, seed):
    """List (pair, top, left): inside, partly outside on each side, around an image, outside, and no pair at all."""
    tall, wide = BIG
    half, low = -(-width // 2), -(-height // 2)
    left = np.random.default_rng(seed).integers(0, wide - width, 5).tolist()
    return [
        (0, 0, 0), (0, 1, left[0]), (0, 2, left[1]), (0, tall - height, wide - width),  # inside
        (0, 3, -half), (0, 3, 1 - width), (0, 3, wide - half), (0, 3, wide - 1),  # over its left, over its right
        (0, -low, left[2]), (0, tall - low, left[3]), (0, -low, -half), (0, tall - low, wide - half),
        (1, -1, -(width // 3)), (1, 0, 0), (1, 0, 3), (2, 0, 0), (2, 0, 1 - width), (2, 1 - height, -(width // 2)),
        (0, -height, 0), (0, tall, 0), (0, 3, -width), (0, 3, wide), (1, 400, 400), (0, -(2**30), -(2**30)),
        (-1, 0, 0), (-1, 3, left[4]),
    ]  # fmt: skip


def rows_of(height, width, seed=0):
    """Make rows of all windows, plain and mirrored, one pair each; a row without a pair points at the first."""
    listed = [(*window, height, width, flip) for window in windows(height, width, seed) for flip in (False, True)]
    rows = plain_rows(listed)
    return rows, np.maximum(rows["sample"], 0)


def of_rows(stored, pairs):
    """Return where each row's pair lies."""
    return StoredPairs(
        stored.images, stored.image_starts[pairs], stored.labels, stored.label_starts[pairs], stored.sizes[pairs]
    )


def guarded(shape, dtype):
    """Return a page-aligned buffer and a function that views an array in it, `offset` bytes past an aligned address."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.frombuffer(mmap.mmap(-1, size + 3 * BOUNDARY), np.uint8)
    assert buffer.ctypes.data % BOUNDARY == 0

    def view(offset):
        first = BOUNDARY + offset
        return buffer[first : first + size].view(dtype).reshape(shape)

    return buffer, view


def assert_holds(buffer, offset, expected):
    """Compare what was written, and that the bytes before and after it are as they were."""
    last = BOUNDARY + offset + len(expected)
    assert buffer[BOUNDARY + offset : last].tobytes() == expected
    assert buffer[: BOUNDARY + offset].tobytes() == bytes([GUARD]) * (BOUNDARY + offset)
    assert buffer[last:].tobytes() == bytes([GUARD]) * (len(buffer) - last)


def assert_equal_at(kind, height, width, void, offsets):
    """Fill by both paths at each (byte offset of images, byte offset of labels) past an aligned address."""
    conversion, (rows, pairs) = conversion_of(kind, width, void), rows_of(height, width, seed=width)
    stored = of_rows(store((BIG, SMALL, DOT), kind), pairs)
    shapes = (len(rows), *conversion.image_shape(height, width)), (len(rows), height, width)
    plain = [np.full(shape, OTHER, dtype) for shape, dtype in zip(shapes, conversion.types[1:3], strict=True)]
    fill_plain(conversion, stored, rows, *plain)
    expected = [array.tobytes() for array in plain]
    buffers = [guarded(shape, dtype) for shape, dtype in zip(shapes, conversion.types[1:3], strict=True)]
    for places in offsets:
        for buffer, _ in buffers:
            buffer[:] = GUARD
        fill(conversion, stored, rows, *(view(place) for (_, view), place in zip(buffers, places, strict=True)))
        for (buffer, _), place, wanted in zip(buffers, places, expected, strict=True):
            assert_holds(buffer, place, wanted)


def offsets_of(kind, count=BOUNDARY):
    """Pair every place of images with some place of labels, and the other way round."""
    sizes = [np.dtype(name).itemsize for name in kind[1:3]]
    return [tuple(place * size % count for size in sizes) for place in range(count // min(sizes))]


@each_kind
def test_every_width_equals_plain_numpy_bit_for_bit(kind):
    voids, offsets = voids_of(kind), offsets_of(kind)
    for width in range(1, 131):
        for height in (1, 2, 3):
            some = offsets[(width + 5 * height) % 16 :: 16]
            assert_equal_at(kind, height, width, voids[(width + height) % len(voids)], some)


@each_kind
def test_every_place_in_memory_gives_the_same_bytes_and_its_neighbours_stay(kind):
    offsets = offsets_of(kind)
    for width in (1, 2, 5, 11, 21, 22, 31, 32, 33, 43, 64, 65, 97, 128):
        assert_equal_at(kind, 2, width, voids_of(kind)[0], offsets)


@each_kind
def test_wide_crops_equal_plain_numpy_bit_for_bit(kind):
    for width in WIDE:
        for void in voids_of(kind):
            assert_equal_at(kind, 3, width, void, offsets_of(kind)[:: 1 + BOUNDARY // 8])


@each_kind
def test_sources_may_start_anywhere_in_memory(kind):
    """Lines of 43 pixels laid end to end: images and labels start at every place, and all are filled in one call."""
    stored = store([(1, 43)] * 128, kind, seed=1)
    rows = plain_rows([(n, 0, n % 7, 1, 36, n >= 64) for n in range(128)])
    conversion = conversion_of(kind, 36, voids_of(kind)[0])
    assert len(set((stored.image_starts % 64).tolist())) == len(set((stored.label_starts % 64).tolist())) == 64
    found, expected = (
        (
            np.full((128, *conversion.image_shape(1, 36)), n, conversion.dtype),
            np.full((128, 1, 36), n, conversion.label_dtype),
        )
        for n in (3, 4)
    )
    fill(conversion, stored, rows, *found)
    fill_plain(conversion, stored, rows, *expected)
    for one, other in zip(found, expected, strict=True):
        assert one.tobytes() == other.tobytes()


@each_kind
def test_no_rows_are_filled_without_complaint(kind):
    conversion = conversion_of(kind, 40, voids_of(kind)[0])
    images = np.empty((0, *conversion.image_shape(2, 40)), conversion.dtype)
    labels = np.empty((0, 2, 40), conversion.label_dtype)
    nothing = of_rows(store((BIG,), kind), np.zeros(0, np.int64))
    for way in (fill_plain, fill):
        way(conversion, nothing, np.zeros(0, ROW), images, labels)


# Pages that may not be touched, before and after sources and outputs --------------------------------------------------

FENCED = """
import ctypes, mmap, sys
import numpy as np
from segfeed.plans.augment import Augment
from segfeed.plans.rows import ROW
from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import fill, fill_plain, load_compiled, make_conversion
from segfeed.pixels.pair import StoredPairs

PAGE = mmap.PAGESIZE
libc, kept = ctypes.CDLL(None, use_errno=True), []

def fence(size):
    "Map whole pages for so many bytes, between two pages that nobody may touch."
    inner = -(-size // PAGE) * PAGE
    mapped = mmap.mmap(-1, inner + 2 * PAGE)
    kept.append(mapped)
    memory = np.frombuffer(mapped, np.uint8)
    for place in (memory.ctypes.data, memory.ctypes.data + PAGE + inner):
        if libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    return memory[PAGE : PAGE + inner]

def ending(memory, shape, dtype):
    "View an array that ends with the last byte before the fence."
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return memory[len(memory) - size :].view(dtype).reshape(shape)

def beginning(memory, shape, dtype):
    return memory[: int(np.prod(shape)) * np.dtype(dtype).itemsize].view(dtype).reshape(shape)

if sys.argv[1] != "check":
    memory = fence(100)
    print(memory[-1], memory[0], flush=True)
    ctypes.string_at(memory.ctypes.data + (PAGE if sys.argv[1] == "after" else -1), 1)
    print("read it")
    sys.exit()

random = np.random.default_rng(0)
for layout, dtype, label_dtype, stored_void in KINDS:
    # Room for the largest: 2 rows of 2 x 130.
    fences = [fence(2 * 2 * 130 * 3 * 8) for _ in range(4)]
    stored_dtype = np.uint8 if stored_void == 255 else np.uint16
    for width in range(1, 131):
        wanted = BatchFormat(layout, dtype, label_dtype, void=255)
        # Kernels that scale, turn and colour take long to compile: of one kind here.
        is_first = (layout, dtype, label_dtype) == ("NHWC", "float32", "int32")
        augment = Augment(scale=(0.5, 2), rotate=(-9, 9), hue=(-9, 9)) if is_first else None
        conversion = make_conversion(wanted, width, 200, stored_void, augment=augment)
        assert load_compiled(conversion)
        shapes = (2, *conversion.image_shape(2, width)), (2, 2, width)
        for place in (ending, beginning):
            image = place(fences[0], (2, width, 3), np.uint8)
            ids = place(fences[1], (2, width), stored_dtype)
            image[:] = random.integers(0, 256, image.shape, np.uint8)
            ids[:] = random.integers(0, 200, ids.shape)
            ids[random.random(ids.shape) < 0.2] = stored_void
            starts, sizes = np.zeros(2, np.int64), np.array([ids.shape] * 2, np.int32)
            stored = StoredPairs(image.ravel(), starts, ids.ravel(), starts, sizes)
            images, labels = place(fences[2], shapes[0], dtype), place(fences[3], shapes[1], label_dtype)
            for shift in (0, 1, -1):
                rows = np.zeros(2, ROW)
                rows["top"], rows["left"], rows["height"], rows["width"] = shift, shift, 2, width
                rows["flip"][1] = True
                if shift == 0:  # or, of the same memory: scaled, and turned
                    rows["scaled_height"], rows["scaled_width"] = (2, 3), (width + 1, 2 * width)
                    rows["angle"][0], rows["antialias"], rows["hue"] = 9000 * (width % 2), True, 100
                expected = np.empty(shapes[0], dtype), np.empty(shapes[1], label_dtype)
                fill_plain(conversion, stored, rows, *expected)
                images[:], labels[:] = 9, 9
                fill(conversion, stored, rows, images, labels)
                assert images.tobytes() == expected[0].tobytes(), (layout, dtype, width, shift)
                assert labels.tobytes() == expected[1].tobytes(), (label_dtype, stored_dtype, width, shift)
print("whole")
"""


def run_fenced(what):
    code = FENCED.replace("in KINDS:", f"in {KINDS!r}:")
    command = [sys.executable, "-W", "error", "-c", code, what]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


needs_fences = pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="pages are protected by mprotect")


@needs_fences
@pytest.mark.parametrize("where", ["before", "after"])
def test_the_fence_ends_a_process_that_touches_it(where):
    done = run_fenced(where)
    assert done.stdout == "0 0\n"
    assert done.returncode in (-signal.SIGSEGV, -signal.SIGBUS)


@needs_fences
def test_nothing_is_read_or_written_past_the_ends_of_memory():
    done = run_fenced("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")


# The last pair of a real pack -----------------------------------------------------------------------------------------

LAST_PAIR = """
import sys
from pathlib import Path
import numpy as np
from segfeed.plans.rows import make_row
from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import fill, fill_plain, load_compiled, make_conversion
from segfeed.packs.pack import Pack

pack = Pack(Path(sys.argv[1]))
height, width = pack.sizes[-1].tolist()
KINDS = (("NHWC", "float32", "int32"), ("NCHW", "float32", "int64"), ("NHWC", "uint8", "uint8"))
for layout, dtype, label_dtype in KINDS:
    conversion = make_conversion(BatchFormat(layout, dtype, label_dtype, void=255), width, len(pack.legend), 255)
    assert load_compiled(conversion)
    for flip in (False, True):
        row = {"sample": len(pack) - 1, "top": height - 2, "height": 2, "width": width}
        rows = make_row(**row, flip=flip)[None]
        found, expected = (
            (np.full((1, *conversion.image_shape(2, width)), n, dtype), np.full((1, 2, width), n, label_dtype))
            for n in (3, 4)
        )
        fill(conversion, pack.stored(rows["sample"]), rows, *found)
        fill_plain(conversion, pack.stored(rows["sample"]), rows, *expected)
        assert [array.tobytes() for array in found] == [array.tobytes() for array in expected]
print("whole")
"""


def test_the_last_line_of_a_packs_last_pair_is_read_without_harm(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(21, 37), (40, 111)], "val": [(9, 9)]})
    folder = segfeed.make_pack(segfeed.scan(root)).folder
    command = [sys.executable, "-W", "error", "-c", LAST_PAIR, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")


# What numba keeps -----------------------------------------------------------------------------------------------------

HITS = """
from segfeed.batches.kernels import compiled
from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import load_compiled, make_conversion

assert load_compiled(make_conversion(BatchFormat("NHWC", "uint8", "uint8", void=255), 7, 21, 255))
print(sum([*compiled.copy.stats.cache_hits.values(), *compiled.fill.stats.cache_hits.values()]))
"""


def test_kept_kernels_are_compiled_anew_when_the_streaming_changes(tmp_path):
    house = Path(segfeed.__file__).parent
    copy = tmp_path / "segfeed"
    shutil.copytree(house, copy, ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def hits():
        command = [sys.executable, "-c", HITS]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment)
        return int(done.stdout)

    assert [hits(), hits()] == [0, 2]  # images and labels
    with open(copy / "batches" / "kernels" / "streaming.py", "a") as file:
        file.write("\n# changed\n")
    assert hits() == 0
