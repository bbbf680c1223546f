"""Sweeps of damaged files as jobs: what a damaged file does to a process is done to a child that was made for it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from faults.jobs import digest_of
from faults.rot import damages, try_all
from segfeed import BatchFormat, Draw, Loader, Plan, Source, make_pack, scan
from segfeed.datasets.blobs import File
from segfeed.errors import StateError
from segfeed.packs.pack import Pack


def rot_file(root: str, name: str, flips: int, cuts: int) -> dict[str, Any]:
    """Damage a photo or a mask of a dataset in every way, and read its pair."""
    source = scan(root, "train", format="voc")
    index = source.keys.index(Path(name).stem)

    def serve() -> str:
        pair = as_it_is_now(source, index).read(0)
        return hashlib.sha256(
            repr(pair.labels.shape).encode() + pair.image.tobytes() + pair.labels.tobytes()
        ).hexdigest()

    path = Path(root, name)
    return try_all(path, damages(path.read_bytes(), flips, cuts), serve)


def as_it_is_now(source: Source, index: int) -> Source:
    """Take one sample with the stamps that its files have now: a disk that rots changes none."""
    sample = source.samples[index]
    blobs = {part: File.of(getattr(sample, part).path) for part in ("photo", "mask")}
    return replace(source, samples=(replace(sample, **blobs),))


def rot_text(root: str, name: str, flips: int, cuts: int) -> dict[str, Any]:
    """Damage a list or a labelmap in every way, and read the whole split: [keys, labels, legend]."""
    path = Path(root, name)

    def serve() -> list[Any]:
        source = scan(root, "train", format="voc")
        labels = hashlib.sha256(b"".join(source.read(index).labels.tobytes() for index in range(len(source))))
        return [list(source.keys), labels.hexdigest(), source.legend.digest]

    return try_all(path, damages(path.read_bytes(), flips, cuts), serve)


def rot_pack(folder: str, name: str, flips: int, cuts: int) -> dict[str, Any]:
    """Damage a pack's file in every way, open it, and read everything in it."""
    path = Path(folder, name)
    return try_all(path, damages(path.read_bytes(), flips, cuts), lambda: everything_in(folder))


def rot_stamp(root: str, cache: str, flips: int, cuts: int) -> dict[str, Any]:
    """Damage a stamp in every way, and ask for the pack again."""
    (path,) = Path(cache, "stamps").iterdir()
    source = scan(root, "train", format="voc")

    def serve() -> str:
        return everything_in(make_pack(source, cache_dir=cache, threads=1).folder)

    return try_all(path, damages(path.read_bytes(), flips, cuts), serve)


def rot_state(root: str, path: str, flips: int, cuts: int) -> dict[str, Any]:
    """Damage a saved state in every way, and load it into a loader of the same run."""
    source = scan(root, "train", format="voc")
    plan = Plan(source.sizes, 1, Draw((8, 8)), seed=3)
    Path(path).write_text(json.dumps(Loader(source, plan, format=BatchFormat(), threads=0).state_dict(7, 2)))

    def serve() -> Any:
        loader = Loader(source, plan, format=BatchFormat(), threads=0)
        try:
            state = json.loads(Path(path).read_bytes())
        except ValueError as error:
            raise StateError("state", found="Python's own reader refuses it") from error
        loader.load_state_dict(state)
        return loader.state_dict()

    return try_all(Path(path), damages(Path(path).read_bytes(), flips, cuts), serve)


def everything_in(folder: str | Path) -> str:
    """Condense all that a pack says: pixels, keys, counts, hashes of files, and every field of its manifest."""
    pack = Pack(Path(folder))
    seen = hashlib.sha256(digest_of(pack).encode())
    seen.update(np.ascontiguousarray(pack.pixels))
    for column in pack.table.table.schema.names:
        seen.update(repr(pack.table.table[column].to_pylist()).encode())
    for index in range(len(pack)):
        pack.table.grid(index)
    seen.update(json.dumps([pack.manifest, pack.digests], sort_keys=True).encode())
    return seen.hexdigest()
