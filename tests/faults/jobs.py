"""What forked children do: the work whose writes are killed, torn, refused and lost."""

import codecs
import errno
import gc
import hashlib
import importlib
import logging
import os
import resource
import shutil
import signal
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from faults.trees import files_of
from segfeed import Draw, Loader, Plan, feed, make_pack, scan
from segfeed.audit.verification import verify_pack
from segfeed.datasets.export.exporting import Kind, export_splits
from segfeed.datasets.recognition import FORMATS
from segfeed.datasets.sample import writing as sample
from segfeed.errors import PackError, SegfeedError
from segfeed.packs import making as packs
from segfeed.packs import writer
from segfeed.packs.cache import LIMIT, describe_packs, prune_packs, prune_to
from segfeed.packs.pack import Pack
from segfeed.system import storage

_CHECK_SPACE = storage.check_space
OPTIONS: dict[str, Any] = {"batch_size": 2, "crop_size": (8, 8), "splits": ("train", None), "threads": 2}


def prepare() -> None:
    """Set up a process for tiny datasets, and import now what every job would import by itself."""
    writer.PART_BYTES, writer._GROUP_PAIRS = 400, 2  # several parts of a few pairs
    packs._RECENT_NS = -(10**18)  # files that were written just now count as settled, so that stamps are recorded
    logging.getLogger("segfeed").setLevel(logging.ERROR)  # not what is about to be written
    storage.check_space = lambda *_: None  # a full disk is found by writing, not by looking
    sample.PAIRS, sample.TEST_PHOTOS, sample.SHAPES = 1, 1, (((20, 30), 100),)
    for module in FORMATS.values():
        importlib.import_module(module)
    for module in ("segfeed.datasets.descriptions.described", "segfeed.datasets.drafting", "tomllib"):
        importlib.import_module(module)
    pa.array([0])  # looks for pandas, which takes longer to import than a job takes
    Image.preinit()
    codecs.lookup("utf-8-sig")
    gc.collect()
    gc.freeze()  # collections in the children would touch, and so copy, every page


def pack(root: str, cache: str, split: str = "train", coded: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
    """Open the pack of a split, made first where there is none."""
    made = make_pack(scan(root, split, format="voc"), coded=coded, cache_dir=cache, threads=2)
    assert verify_pack(made) == []
    return {"folder": made.folder.name, "digest": digest_of(made)}


def draw(cache: str) -> dict[str, Any]:
    """Draw the embedded dataset where there is none."""
    return {"folder": str(scan("sample", "train", cache_dir=cache).root)}


def export(root: str, folder: str, kind: Kind) -> dict[str, Any]:
    """Export a split to a folder that must not exist yet."""
    if Path(folder).exists():
        return {"folder": folder}
    return {"folder": str(export_splits([scan(root, "train", format="voc")], folder, kind, threads=2))}


def read_on(root: str, cache: str, running: str) -> dict[str, Any]:
    """Open a pack, make a file, and read the pack again and again until the file is gone."""
    older = make_pack(scan(root, "val", format="voc"), cache_dir=cache)
    Path(running).touch()
    seen, rounds = set(), 0
    while rounds < 2 or os.path.exists(running):
        seen.add(digest_of(older))
        seen.add(digest_of_batches(Loader(older, Plan(older.sizes, 2, Draw((8, 8), flip=True)), threads=2)))
        rounds += 1
    return {"digests": sorted(seen), "rounds": rounds}


def read_while_cut(folder: str, kept_bytes: int, threads: int) -> dict[str, Any]:
    """Read an epoch, cut the pack's file after the first batch, and read on: digests of the batches, and the error."""
    reader, seen = Pack(Path(folder)), []
    loader = Loader(reader, Plan(reader.sizes, 2, Draw((32, 48))), threads=threads)
    try:
        for number, batch in enumerate(loader):
            seen.append(digest_of_batches([batch]))
            if number == 0 and kept_bytes >= 0:
                os.truncate(reader.folder / "pairs-00000.bin", kept_bytes)
    except PackError as error:
        return {"digests": seen, "message": str(error)}
    return {"digests": seen, "message": ""}


def fork_in_mid_epoch(root: str, cache: str, kind: str, threads: int, epoch: str) -> dict[str, Any]:
    """Fork after three batches; the child runs the next epoch, or the rest of the same one.

    Returns:
        status: of the child, 0 where it got the right batches; rest: how many batches the parent got afterwards.
    """
    source = scan(root, "train", format="voc")
    reader = make_pack(source, cache_dir=cache) if kind == "pack" else source

    def make() -> Loader:
        return Loader(reader, Plan(reader.sizes, 2, Draw((32, 48)), seed=1), threads=threads)

    alone = make()
    first, second = list(alone), digest_of_batches(alone)
    remaining = digest_of_batches(first[3:])
    loader = make()
    running = iter(loader)
    for _ in range(3):
        next(running)
    if (pid := os.fork()) == 0:
        signal.alarm(5)
        try:
            found, expected = (loader, second) if epoch == "next" else (running, remaining)
            is_right = digest_of_batches(found) == expected
        except SegfeedError:
            os._exit(3)
        os._exit(0 if is_right else 4)
    return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "rest": len(list(running))}


def prune(cache: str) -> dict[str, Any]:
    """Remove every pack there is."""
    return {"removed": len(prune_packs(0, cache_dir=cache))}


def prune_all(cache: str) -> dict[str, Any]:
    """Remove every pack that is not open."""
    return {"removed": len(prune_to(0, cache_dir=cache))}


def list_cache(cache: str) -> dict[str, Any]:
    """List the packs."""
    return {"packs": [pack.folder.name for pack in describe_packs(cache)]}


def limited(root: str, cache: str) -> dict[str, Any]:
    """Open the pack of a split, in a cache of limited size."""
    os.environ[LIMIT] = "1 MB"
    return pack(root, cache, "val")


def load(root: str, cache: str) -> dict[str, Any]:
    """Run an epoch of train batches from a pack."""
    return {"digest": digest_of_batches(feed.load(root, cache_dir=cache, **OPTIONS).train)}


def notes(root: str, cache: str) -> dict[str, Any]:
    """List what loading from packs says."""
    return {"notes": list(feed.load(root, cache_dir=cache, **OPTIONS).notes)}


def load_unpacked(root: str, cache: str) -> dict[str, Any]:
    """Run an epoch of train batches that are decoded on the fly."""
    return {"digest": digest_of_batches(feed.load(root, cache_dir=cache, pack=False, **OPTIONS).train)}


def files(folder: str) -> dict[str, Any]:
    """List the files of a folder that only this process sees, by what they hold."""
    return {"files": {name: hashlib.sha256(content).hexdigest() for name, content in files_of(Path(folder)).items()}}


def remove(path: str) -> dict[str, Any]:
    """Remove a file or folder that only this process sees, if it exists."""
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        Path(path).unlink(missing_ok=True)
    return {}


def pack_sparing(root: str, cache: str) -> dict[str, Any]:
    """Pack as it is done elsewhere: with room left to others."""
    storage.check_space = _CHECK_SPACE
    return pack(root, cache)


def pack_with_few_files(root: str, cache: str, limit: int) -> dict[str, Any]:
    """Pack with few open files allowed."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return pack(root, cache)


def fail_often(root: str, cache: str, times: int) -> dict[str, Any]:
    """Fail to pack again and again, by mask and by disk; return (files, threads) held after two times and after all."""
    sound = scan(root, "train", format="voc")
    masks_of_photos = replace(sound, samples=tuple(replace(one, mask=one.photo) for one in sound.samples))

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    held = []
    for number in range(times):
        if number:
            os.fsync = refuse
        with pytest.raises(SegfeedError):
            make_pack(sound if number else masks_of_photos, cache_dir=cache, threads=2)
        held.append([len(os.listdir("/proc/self/fd")), threading.active_count()])
    return {"held": [held[1], held[-1]]}


def digest_of(reader: Any) -> str:
    """Condense everything that a reader serves."""
    seen = hashlib.sha256(repr((reader.keys, reader.sizes.tolist(), reader.legend.to_json(), reader.split)).encode())
    for index in range(len(reader)):
        image, labels = reader.read(index)
        seen.update(np.ascontiguousarray(image))
        seen.update(np.ascontiguousarray(labels))
    return seen.hexdigest()


def digest_of_batches(batches: Iterable[Any]) -> str:
    """Condense batches."""
    seen = hashlib.sha256()
    for batch in batches:
        seen.update(repr(batch.keys).encode())
        for array in (batch.images, batch.labels, batch.crops):
            seen.update(np.ascontiguousarray(array))
    return seen.hexdigest()
