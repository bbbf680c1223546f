"""Stand-ins for the archives of VOC 2012 and SBD: the real layout and lists, tiny pictures."""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
import scipy.io
from PIL import Image

from segfeed.pixels.palette import voc_colours

PALETTE = np.array(voc_colours(256), np.uint8).tobytes()
ROOT = "VOCdevkit/VOC2012/"
SBD_ROOT = "benchmark_RELEASE/dataset/"

Lists = Mapping[str, list[str]]
Size = tuple[int, int]


@contextlib.contextmanager
def memory_folder() -> Iterator[Path]:
    """Create a folder for many small files: in memory if the system has /dev/shm, since fsync is free there."""
    memory = "/dev/shm"  # noqa: S108 - a folder with a random name in it
    with tempfile.TemporaryDirectory(prefix="segfeed-test-", dir=memory if os.path.isdir(memory) else None) as folder:
        yield Path(folder)


def photo(number: int, size: Size = (6, 8)) -> bytes:
    """Return one of 16 JPEGs of a size in px, (height, width)."""
    return _photo(number % 16, size)


@cache
def _photo(number: int, size: Size) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), 16 * number, np.uint8)).save(file, "JPEG")
    return file.getvalue()


@cache
def mask(class_id: int, size: Size = (6, 8)) -> bytes:
    """Return a palette PNG of a size in px, (height, width): one class, below a row of void."""
    labels = np.full(size, class_id, np.uint8)
    labels[0] = 255
    picture = Image.fromarray(labels)
    picture.putpalette(PALETTE)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@cache
def mat(class_id: int, *, is_packed: bool = True) -> bytes:
    """Return a mask as SBD stores it: 6 x 8 px, background above, the class below."""
    labels = np.zeros((6, 8), np.uint8)
    labels[3:] = class_id
    file = io.BytesIO()
    scipy.io.savemat(
        file, {"GTcls": {"CategoriesPresent": np.uint8(class_id), "Segmentation": labels}}, do_compression=is_packed
    )
    return file.getvalue()


def voc_members(lists: Lists, others: Iterable[str] = ()) -> dict[str, bytes]:
    """Return the members of VOC 2012's archive, with photos of other tasks and their boxes."""
    keys = sorted({*lists["trainval"], *others})
    members = {f"{ROOT}Annotations/{key}.xml": b"<annotation/>" for key in keys}
    members |= {f"{ROOT}ImageSets/Main/cat_train.txt": b"2008_000001 -1\n"}
    members |= {
        f"{ROOT}ImageSets/Segmentation/{split}.txt": "".join(f"{key}\n" for key in ids).encode()
        for split, ids in lists.items()
    }
    members |= {f"{ROOT}JPEGImages/{key}.jpg": photo(number) for number, key in enumerate(keys)}
    for folder, shift in (("SegmentationClass", 0), ("SegmentationObject", 7)):
        members |= {
            f"{ROOT}{folder}/{key}.png": mask((n + shift) % 21) for n, key in enumerate(sorted(lists["trainval"]))
        }
    return members


def sbd_members(lists: Lists) -> dict[str, bytes]:
    """Return the members of SBD's archive, with the demo that looks like a second dataset."""
    demo = "benchmark_RELEASE/benchmark_code_RELEASE/demo/datadir/"
    members = {f"{demo}cls/2008_000051.mat": mat(3), f"{demo}train.txt": b"2008_000051\n", f"{demo}val.txt": b""}
    keys = sorted({key for ids in lists.values() for key in ids})
    for n, key in enumerate(keys):
        members[f"{SBD_ROOT}cls/{key}.mat"] = mat(n % 21)
        members[f"{SBD_ROOT}img/{key}.jpg"] = photo(n)
    return members | {
        f"{SBD_ROOT}{split}.txt": "".join(f"{key}\n" for key in ids).encode() for split, ids in lists.items()
    }


def small_voc(train: int = 3, val: int = 2) -> dict[str, list[str]]:
    """Return lists of a VOC with few ids."""
    keys = [f"2007_{number:06d}" for number in range(train + val)]
    return {"train": keys[:train], "val": keys[train:], "trainval": keys}


def tar(members: Mapping[str, bytes]) -> bytes:
    """Pack members as GNU tar does, with entries of their folders; 40,000 of them in half a second."""
    blocks, known = [], {"."}
    for name, content in members.items():
        for folder in reversed(PurePosixPath(name).parents):
            if str(folder) not in known:
                known.add(str(folder))
                blocks.append(tar_header(f"{folder}/", 0, b"5"))
        blocks += [tar_header(name, len(content)), content, bytes(-len(content) % 512)]
    packed = b"".join(blocks)
    return packed + bytes(1024 + -(len(packed) + 1024) % 10240)


def tar_header(name: str | bytes, size: int, kind: bytes = b"0", *, linked: bytes = b"") -> bytes:
    """Return a header of GNU tar."""
    block = bytearray(512)
    stored = name.encode() if isinstance(name, str) else name
    block[: len(stored)] = stored
    for offset, number in ((100, 0o644), (108, 1000), (116, 1000)):  # mode, user, group
        block[offset : offset + 8] = b"%07o\0" % number
    for offset, number in ((124, size), (136, 1336694400)):  # size, time
        block[offset : offset + 12] = b"%011o\0" % number
    block[156:157] = kind
    block[157 : 157 + len(linked)] = linked
    block[257:265] = b"ustar  \0"
    return tar_checked(block)


def tar_checked(block: bytes | bytearray) -> bytes:
    """Return a header with the checksum that fits it."""
    block = bytearray(block)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
