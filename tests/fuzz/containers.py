"""Probes of files that hold many things: packs, manifests, tars, zips, MAT-files."""

import contextlib
import gzip
import io
import json
import logging
import re
import shutil
import tarfile
import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.io
import xxhash

from fuzz.probe import Mutate, Probe, file_of, folder, tiny_source
from segfeed.datasets.archives.archive import index_tar, list_archive
from segfeed.datasets.archives.members import Member
from segfeed.datasets.archives.tar_file import BLOCK_BYTES
from segfeed.datasets.catalogue.mat_file import read_mat_field
from segfeed.datasets.packed.manifest import MANIFEST, TABLE, hash_fields
from segfeed.errors import MaskError, PackError, SegfeedError, SourceError
from segfeed.packs import writer
from segfeed.packs.making import make_pack
from segfeed.packs.pack import Pack

_KINDS = {"parts": (400, 1 << 20, 512), "coded": (1 << 20, 1 << 20, 512), "tiles": (1 << 20, 10, 4)}
"""Packs by kind: bytes of a part, bytes above which a pair is cut into tiles, and the side of a tile in px."""


def _packs() -> list[bytes]:
    """Return tables as they are written, raw and coded, of one part and of several, and one that is compressed."""
    tables = [(_whole_pack(kind) / TABLE).read_bytes() for kind in _KINDS]
    return [*tables, _compressed(tables[0])]


def _compressed(data: bytes) -> bytes:
    """Write a table as another program might."""
    table, file = pa.ipc.open_file(data).read_all(), pa.BufferOutputStream()
    with pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return file.getvalue().to_pybytes()


def _read_pack(data: bytes) -> bool:
    """Touch every byte that a loader would, of a pack whose checksums fit: a pair is one of those that were written."""
    taken = [_read_rows(data, kind) for kind in _KINDS]  # all of them are to be asked
    return any(taken)


def _read_rows(data: bytes, kind: str) -> bool:
    place = folder() / f"table {kind}"
    if not place.exists():
        shutil.copytree(_whole_pack(kind), place)
    (place / TABLE).write_bytes(data)
    manifest = json.loads((_whole_pack(kind) / MANIFEST).read_text())
    sizes = {"table_bytes": len(data), "table_xxh3": xxhash.xxh3_128_hexdigest(data)}
    (place / MANIFEST).write_bytes(_sealed(manifest | sizes))
    try:
        with Pack(place) as pack:
            everything = np.arange(len(pack))
            pack.read_ahead(everything)
            for number in everything.tolist():
                assert (pack.read(number).image == pack.read(number).image).all()
                pack.table.grid(number)
            if kind == "parts":
                assert (pack.stored(everything).sizes > 0).all()
    except (PackError, SourceError):
        return False
    return True


@cache
def _whole_pack(kind: str = "parts") -> Path:
    log = logging.getLogger("segfeed")
    level = log.level
    log.setLevel(logging.ERROR)  # not what it is about to write
    limits = writer.PART_BYTES, writer.TILED_BYTES, writer.TILE_PX
    writer.PART_BYTES, writer.TILED_BYTES, writer.TILE_PX = _KINDS[kind]
    try:
        return make_pack(tiny_source(), coded=kind == "coded", cache_dir=folder() / kind).folder
    finally:
        writer.PART_BYTES, writer.TILED_BYTES, writer.TILE_PX = limits
        log.setLevel(level)


def _manifests() -> list[bytes]:
    """Return a manifest as it is written, and others that are sealed like it but say something odd."""
    written = (_whole_pack() / "manifest.json").read_bytes()
    odd: list[dict[str, object]] = [
        {"version": 3}, {"version": True}, {"table_bytes": 1}, {"parts": [1]}, {"parts": "many"}, {"parts": []},
        {"tile_px": 0}, {"tile_px": 1}, {"coding": "raw"}, {"coding": {"photo": "stored", "mask": "stored"}},
        {"pixel_type": {"channels": 4, "dtype": "uint16"}},
        {"legend": []}, {"legend": {"objects": "voc"}}, {"legend": {"names": 5}},
        {"legend": {"names": ["a"], "colours": [[0, 0, 1e300]]}}, {"split": 5}, {"settings": "../../x"},
        {"count": "many"},
    ]  # fmt: skip
    return [written, b"[]", b"", b"null", *(_sealed(json.loads(written) | fields) for fields in odd)]


def _sealed(manifest: dict[str, object]) -> bytes:
    """Add the checksum that fits a manifest."""
    manifest.pop("manifest_xxh3", None)
    return json.dumps(manifest | {"manifest_xxh3": hash_fields(manifest)}).encode()


def _mutate_manifest(data: bytes, seed: int, mutate: Mutate) -> bytes:
    """Change bytes, and mostly give what is still a manifest all its fields and the checksum that fits them."""
    changed = mutate(data)
    try:
        manifest = json.loads(changed)
    except (ValueError, RecursionError):
        return changed
    if seed % 4 == 0 or not isinstance(manifest, dict):
        return changed
    written = json.loads(_manifests()[0])
    return _sealed({name: manifest.get(name, value) for name, value in written.items()})


def _read_manifest(data: bytes) -> bool:
    place = folder() / "pack"
    if not place.exists():
        shutil.copytree(_whole_pack(), place)
    (place / "manifest.json").write_bytes(data)
    try:
        with Pack(place) as pack:
            assert repr(pack).startswith("Pack(")
            assert pack.is_coded or (pack.read(2).image == 2).all()
            assert len(pack.digests) == len(tiny_source().digests)
    except PackError:
        return False
    return True


_FILES = {"voc/1.jpg": b"one" * 30, "voc/2.jpg": b"", "voc/é.txt": b"accents"}


def _tar(how: int, files: dict[str, bytes] = _FILES) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=how) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    data = file.getvalue().rstrip(b"\0")
    return data + bytes(-len(data) % BLOCK_BYTES + 2 * BLOCK_BYTES)


def _tars() -> list[bytes]:
    long = {f"{'a' * 90}/{'b' * 90}.txt": b"x"}
    linked = tarfile.TarInfo("link")
    linked.type, linked.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return [
        _tar(tarfile.USTAR_FORMAT), _tar(tarfile.GNU_FORMAT), _tar(tarfile.PAX_FORMAT), _tar(tarfile.GNU_FORMAT, long),
        _tar(tarfile.PAX_FORMAT, long), _tar(tarfile.USTAR_FORMAT, long), _tar(tarfile.USTAR_FORMAT, {}),
        linked.tobuf() + bytes(1024), _tar(tarfile.USTAR_FORMAT, {"../x": b""}),
    ]  # fmt: skip


def _mutate_tar(data: bytes, seed: int, mutate: Mutate) -> bytes:
    """Change bytes, and give each header the checksum that fits it."""
    changed = bytearray(mutate(data))
    if seed % 4 == 0:
        return bytes(changed)
    at = 0
    while at + BLOCK_BYTES <= len(changed) and any(changed[at : at + BLOCK_BYTES]):
        changed[at + 148 : at + 156] = b" " * 8
        changed[at + 148 : at + 156] = b"%06o\0 " % sum(changed[at : at + BLOCK_BYTES])
        digits = re.match(rb"[0-7]{1,9}", changed[at + 124 : at + 136].strip(b" \0"))
        at += BLOCK_BYTES * (1 + -(-int(digits[0] if digits else b"0", 8) // BLOCK_BYTES))
    return bytes(changed)


def _read_tar(data: bytes) -> bool:
    try:
        members = index_tar(file_of(data, "a.tar"))
    except SegfeedError:
        return False
    _judge_tar(members, data)
    return True


def _judge_tar(members: dict[str, Member], data: bytes) -> None:
    """What tarfile lists by itself must be listed, offset for offset."""
    _judge_names(members)
    assert all(member.offset + member.size <= len(data) for member in members.values())
    try:
        with tarfile.open(fileobj=io.BytesIO(data), errorlevel=2) as archive:
            files = [entry for entry in archive if entry.isfile() and not entry.name.endswith("/")]  # those are folders
            seen = [(entry.offset_data, entry.size, _plain(entry.name)) for entry in files]
    except (tarfile.TarError, ValueError, OverflowError):
        return
    assert len(seen) <= len(members)
    for (name, member), (offset, size, other) in zip(members.items(), seen, strict=False):
        assert (name, member.offset, member.size) == (other, offset, size)


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part != ".")


def _judge_names(names: dict[str, object]) -> None:
    root = Path("/nowhere/at/all")
    for name in names:
        assert root in (root / name).parents
        assert ".." not in Path(name).parts
        assert not re.search(r"[\x00-\x1f\x7f\\]", name)


def _archives() -> list[bytes]:
    """Return zips of each kind, and a packed tar."""
    made = []
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", how) as archive:
            for name, content in _FILES.items():
                archive.writestr(zipfile.ZipInfo(name), content, how)
            archive.comment = b"made by hand"
        made.append(file.getvalue())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open("big.txt", "w", force_zip64=True) as member:
        member.write(b"four")
    return [*made, file.getvalue(), gzip.compress(_tar(tarfile.USTAR_FORMAT), mtime=0), gzip.compress(b"x", mtime=0)]


def _mutate_archive(data: bytes, seed: int, mutate: Mutate) -> bytes:
    """Change bytes of the archive, or of the tar that was packed with gzip."""
    if seed % 4 and data.startswith(b"\x1f\x8b"):
        with contextlib.suppress(OSError, EOFError, zlib.error):
            return gzip.compress(_mutate_tar(gzip.decompress(data), seed, mutate), 1, mtime=0)
    return mutate(data)


def _read_archive(data: bytes) -> bool:
    """What is unpacked must be what zipfile unpacks, or lie where tarfile says."""
    path = file_of(data, "a.zip")
    try:
        with open(path, "rb") as file:
            archive = list_archive(file, "a.zip")
            contents = dict(archive.read(archive.members))
            archive.require_unchanged()
    except SegfeedError:
        return False
    if archive.kind != "zip":
        stream = data if archive.kind == "tar" else gzip.decompress(data)
        _judge_tar(archive.members, stream)
        assert contents == {name: stream[place.offset :][: place.size] for name, place in archive.members.items()}
        return True
    _judge_names(contents)
    try:
        seen = _unpacked(data)
    except Exception:  # noqa: BLE001 - whatever zipfile raises is its refusal
        return True
    assert contents == seen
    return True


def _unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {_plain(entry.filename): archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}


def _mats() -> list[bytes]:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    made = []
    for is_packed in (False, True):
        file = io.BytesIO()
        content = {"a": np.eye(2), "GTcls": {"CategoriesPresent": np.uint8(3), "Segmentation": labels}}
        scipy.io.savemat(file, content, do_compression=is_packed)
        made.append(file.getvalue())
    return made


def _read_mat(data: bytes) -> bool:
    try:
        found = read_mat_field(data, "a.mat", variable="GTcls", field="Segmentation")
    except MaskError:
        return False
    # SciPy, which read it, is not a second reader, and ends the process on some of these files. Columns lie one after
    # the other.
    stored = found.T.tobytes()
    assert stored in data or any(
        stored in _inflated(data[place:]) for place in range(128, len(data)) if data[place] == 0x78
    )
    return True


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data)
    except zlib.error:
        return b""


PROBES = (
    Probe("pack", _packs, _read_pack),
    Probe("manifest", _manifests, _read_manifest, _mutate_manifest),
    Probe("tar", _tars, _read_tar, _mutate_tar),
    Probe("archive", _archives, _read_archive, _mutate_archive),
    Probe("mat", _mats, _read_mat),
)
