"""Damage to datasets, in terms of what they are made of: lists, JSON, TOML, palettes, tables, names of files."""

import io
import json
import os
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

_WORDS = (
    "", " ", "0", "-1", "256", "65536", "1" * 5000, "1e999", "nan", "true", "null", "void", "ignore", "../a", "/etc",
    "a/b", "{key}", "\u00e9", "e\u0301", "\udcff", "\0", "\u2028", "\x1b[31m", "<script>", '"', "'", ",", ";", "\t",
    ":", "[", "{split}", "#000000", "a" * 300, "b" * 100_000, "test", "TRAIN", "con", "=1+1", "\ufeff", "\r", "%s",
    "train[:50%]",
)  # fmt: skip
_NODES: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**20, float("nan"), float("inf"), "", "void", "x" * 100_000, [], {}, [[]], {"": 0},
    [None], "\ud800", {"names": 1}, [1, 2, 3], [[1, 2, 3]] * 3,
)  # fmt: skip


def damage(root: Path, draws: random.Random) -> str:
    """Change one to three files of a dataset; return what was done, for a person."""
    done = []
    for _ in range(draws.choice((1, 1, 1, 2, 3))):
        paths = sorted(path for path in (root.rglob("*") if root.is_dir() else [root]) if _is_small(path))
        if paths:
            # Texts are few beside pictures, and say more.
            texts = [path for path in paths if path.suffix in _TEXTS or path.suffix in _TABLES]
            path = draws.choice(texts if texts and draws.random() < 0.6 else paths)
            how = draws.choice(_ways(path))
            how(path, draws)
            done.append(f"{how.__name__.strip('_')} {path.name!r}")
    return ", ".join(done)


def _is_small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size < 1 << 24


Way = Callable[[Path, random.Random], None]


def _ways(path: Path) -> list[Way]:
    ways: list[Way] = [_bytes, _place]
    if path.suffix in _TEXTS:
        ways += [_lines, _words, _words]
    if path.suffix == ".json":
        ways += [_json] * 3
    if path.suffix == ".png":
        ways += [_chunks, _chunks, _mode, _mode]
    if path.suffix in _TABLES:
        ways += [_bytes, _pages, _pages, _columns, _columns]
    return ways


_TEXTS = (".txt", ".csv", ".json", ".toml", ".xml")
_TABLES = (".parquet", ".arrow", ".tar")


def _bytes(path: Path, draws: random.Random) -> None:
    data = bytearray(path.read_bytes())
    first, last = sorted(draws.randrange(len(data) + 1) for _ in range(2))
    match draws.randrange(6):
        case 0 | 1 if data:
            for _ in range(draws.choice((1, 2, 8))):
                data[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
        case 2:
            data[first : first + 4] = draws.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"))
        case 3:
            del data[first:last]
        case 4:
            data = data[:last] + data[first:]
        case _:
            del data[first:]
    path.write_bytes(data)


def _place(path: Path, draws: random.Random) -> None:  # noqa: C901 - a line for each way
    """Put something else in the file's place, or another name over it."""
    other = draws.choice(sorted(path.parent.iterdir()))
    match draws.randrange(11):
        case 0:
            path.unlink()
        case 1:
            path.unlink()
            path.mkdir()
        case 2:
            path.unlink()
            os.mkfifo(path)
        case 3:
            path.unlink()
            path.symlink_to(draws.choice(("nowhere", path.name, "/", "/dev/zero", "/dev/null", ".")))
        case 4:
            path.write_bytes(b"")
        case 5:
            os.truncate(path, 1 << 40)  # a hole: no disk is taken
        case 6:
            path.rename(path.with_name(path.name.swapcase()))
        case 7:
            os.rename(path, os.fsencode(path) + draws.choice((b"\xff", b"\n", b" ", b".bak", b"~", "é".encode())))
        case 8 if _is_small(other):
            data = path.read_bytes()
            path.write_bytes(other.read_bytes())
            other.write_bytes(data)
        case 9:
            path.with_name(f"{path.stem}{draws.choice(('.jpg', '.png', '.JPG', '.bmp', '.npy', '.txt'))}").write_bytes(
                path.read_bytes()
            )
        case _:
            beside = path.with_suffix(draws.choice((".jpg", ".png", ".txt", ".json", "")))
            if not beside.is_dir():  # train_masks.csv lies beside train_masks
                beside.write_bytes(b"")


def _lines(path: Path, draws: random.Random) -> None:
    lines = path.read_bytes().split(b"\n")
    at, other = draws.randrange(len(lines)), draws.randrange(len(lines))
    match draws.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[other])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines.insert(at, draws.choice(_WORDS).encode(errors="surrogateescape"))
        case _:
            lines *= draws.choice((2, 300))
    path.write_bytes(b"\n".join(lines))


def _words(path: Path, draws: random.Random) -> None:
    """Replace one number or word, or what stands between two."""
    data = path.read_bytes()
    places = list(re.finditer(rb"[0-9]+|[^\W\d]+|[^\w\s]|\s", data))
    if places:
        place, word = draws.choice(places), draws.choice(_WORDS).encode(errors="surrogateescape")
        path.write_bytes(data[: place.start()] + word + data[place.end() :])
    if draws.random() < 0.05:
        path.write_bytes(path.read_bytes().decode("latin1").encode("utf-16"))


def _json(path: Path, draws: random.Random) -> None:
    try:
        said = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    holders: list[tuple[Any, Any]] = [([said], 0)]
    for holder, key in holders:
        node = holder[key]
        if isinstance(node, list | dict):
            holders += [(node, inner) for inner in (range(len(node)) if isinstance(node, list) else node)]
    (whole, _), (holder, key) = holders[0], draws.choice(holders)
    if draws.random() < 0.1:
        deep = draws.choice(("[", '{"a":'))
        path.write_text(deep * 100_000)
        return
    if isinstance(holder, dict) and draws.random() < 0.3:
        holder[draws.choice(_WORDS)] = holder.pop(key)
    else:
        holder[key] = draws.choice(_NODES)
    path.write_text(json.dumps(whole[0]), errors="surrogatepass")


_NEW_CHUNKS = (
    (b"tRNS", b"\0\0"), (b"tRNS", b"\0" * 6), (b"tRNS", b"\0"), (b"acTL", b"\0\0\0\2" * 2), (b"eXIf", b"II*\0"),
    (b"PLTE", b"abc"), (b"iCCP", b"x\0\0zz"), (b"zTXt", b"a\0\0z"),
)  # fmt: skip


def _chunks(path: Path, draws: random.Random) -> None:
    """Change a chunk of a PNG, or add one, and set its checksum right."""
    data, chunks = path.read_bytes(), []
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], bytearray(data[at + 8 : at + 8 + length])))
        at += 12 + length
    if not chunks:
        return
    kind, body = draws.choice(chunks)
    match draws.randrange(5):
        case 0 | 1 if body:
            body[draws.randrange(min(len(body), 48))] = draws.randrange(256)
        case 2:
            chunks.remove((kind, body))
        case 3:
            chunks.insert(draws.randrange(len(chunks)), (kind, body))
        case _:
            kind, content = draws.choice(_NEW_CHUNKS)
            chunks.insert(draws.randrange(len(chunks) + 1), (kind, bytearray(content)))
    parts = [
        struct.pack(">I", len(body)) + kind + bytes(body) + struct.pack(">I", zlib.crc32(kind + bytes(body)))
        for kind, body in chunks
    ]
    path.write_bytes(data[:8] + b"".join(parts))


def _mode(path: Path, draws: random.Random) -> None:
    """Save a picture's values in another mode, size or kind of file."""
    try:
        with Image.open(path) as picture:
            stored = np.asarray(picture)
    except (OSError, ValueError, SyntaxError):
        return
    plain = stored if stored.ndim == 2 else stored[..., 0]
    palette = np.random.default_rng(draws.getrandbits(32)).integers(0, 256, (256, 3), np.uint8)
    new = Image.fromarray(plain.astype(np.uint8))
    kinds: dict[str, Any] = {}
    match draws.randrange(9):
        case 0:
            new.putpalette(palette.tobytes())
        case 1:
            new.putpalette(palette[: draws.randrange(1, 4)].tobytes())
        case 2:
            new = new.convert(draws.choice(("RGB", "RGBA", "LA", "1", "CMYK" if path.suffix == ".jpg" else "I;16")))
        case 3:
            new = Image.fromarray(palette[plain.astype(np.uint8)])
        case 4:
            new = new.resize(draws.choice(((1, 1), (9, 9), new.size[::-1])))
        case 5:
            kinds = {"transparency": draws.randrange(4)}
        case 6:
            kinds = {"format": draws.choice(("JPEG", "BMP", "GIF", "WEBP", "TIFF"))}
        case 7:
            new = Image.fromarray(np.full_like(plain, draws.randrange(256), np.uint8))
        case _:
            kinds = {"exif": Image.Exif()}
            kinds["exif"][0x0112] = draws.randrange(10)
    new.save(path, **kinds)


def _pages(path: Path, draws: random.Random) -> None:
    """Change bytes where a table or an archive keeps its own structure: near the ends, beside numbers."""
    data = bytearray(path.read_bytes())
    span = min(len(data), draws.choice((64, 600, 4000)))
    base = draws.choice((0, len(data) - span))
    for _ in range(draws.choice((1, 1, 2, 4))):
        if span:
            data[base + draws.randrange(span)] = draws.choice((0, 1, 127, 128, 255, draws.randrange(256)))
    path.write_bytes(data)


def _columns(path: Path, draws: random.Random) -> None:  # noqa: C901, PLR0912 - a line for each way
    """Write a table anew with other columns, types, rows or metadata."""
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        elif path.suffix == ".arrow":
            with pa.OSFile(str(path)) as file:
                table = (pa.ipc.open_file if file.read(6) == b"ARROW1" else pa.ipc.open_stream)(
                    path.read_bytes()
                ).read_all()
        else:
            return
    except (pa.ArrowException, OSError):
        return
    name = draws.choice(table.column_names)
    column = table[name]
    match draws.randrange(9):
        case 0:
            table = table.append_column(draws.choice((name, name.upper(), "label", "photo")), column)
        case 1:
            table = table.slice(0, 0)
        case 2:
            table = table.set_column(0, table.column_names[0], pa.nulls(len(table), table.schema.types[0]))
        case 3:
            table = table.drop_columns([name])
        case 4:
            values: list[Any] = [
                [None],
                [1] * 9,
                [True],
                ["1" * 5000],
                [b"x"],
                [["a"]],
                [{"bytes": None, "path": None}],
            ]
            cells = draws.choice(values)
            table = table.set_column(0, name, [pa.array(cells * len(table))[: len(table)]])
        case 5:
            table = pa.concat_tables([table] * draws.choice((2, 20)))
        case 6 if pa.types.is_string(column.type):
            table = table.set_column(0, name, [pa.array([draws.choice(_WORDS[:12]) for _ in range(len(table))])])
        case 7:
            said = draws.choice((b"{}", b"[" * 100_000, b"\xff", b'{"0": "a"}', b'{"names": ["a", "b"]}'))
            table = table.replace_schema_metadata({"legend": said, "huggingface": said})
        case _:
            table = table.rename_columns([draws.choice((name, "mask", "image", "key")) for name in table.column_names])
    out = io.BytesIO()
    try:
        if path.suffix == ".parquet":
            pq.write_table(
                table, out, row_group_size=draws.choice((1, 3, 100)), compression=draws.choice(("none", "zstd"))
            )
        else:
            with draws.choice((pa.ipc.new_file, pa.ipc.new_stream))(out, table.schema) as writer:
                writer.write_table(table, max_chunksize=draws.choice((1, 3)))
    except (pa.ArrowException, ValueError):
        return
    path.write_bytes(out.getvalue())
