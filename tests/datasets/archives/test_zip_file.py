"""Zip: good zips of every maker are read as zipfile reads them; listings that disagree are an error."""

import io
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from segfeed.datasets.archives.zip_file import index_zip, read_packed
from segfeed.errors import ArchiveError

FILES = {"voc/1.jpg": b"one" * 300, "voc/2.jpg": b"", "voc/3.png": bytes(range(256)), "voc/é.txt": b"accents"}


def contents(data: bytes) -> dict[str, bytes]:
    file = io.BytesIO(data)
    return {name: read_packed("a.zip", name, packed) for name, packed in index_zip(file, "a.zip").items()}


def refusal(data: bytes) -> ArchiveError:
    with pytest.raises(ArchiveError) as caught:
        contents(data)
    assert caught.value.where == "a.zip"
    assert caught.value.expected
    assert caught.value.remedy
    return caught.value


def made(files: dict[str, bytes] = FILES, how: int = zipfile.ZIP_DEFLATED, **fields: object) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = how
            for field, value in fields.items():
                setattr(entry, field, value)
            archive.writestr(entry, content)
    return file.getvalue()


def changed(data: bytes, signature: bytes, offset: int, layout: str, value: object) -> bytes:
    """Change a field behind the first of a kind of header."""
    found = bytearray(data)
    struct.pack_into(layout, found, data.index(signature) + offset, value)
    return bytes(found)


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
ONE = made({"voc/1.jpg": b"one" * 300})


class Pipe(io.RawIOBase):
    """Take bytes without letting the writer go back, so that it appends sizes behind contents."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


# ---- good ones


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_are_read_as_zipfile_reads_them(how):
    data = made(how=how)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert contents(data) == {name: archive.read(name) for name in archive.namelist()} == FILES


def test_streamed_zip_with_sizes_behind_the_contents_is_read():
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    assert contents(bytes(pipe.data)) == FILES


def test_large_format_is_read(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    data = file.getvalue()
    assert b"PK\6\6" in data
    assert contents(data) == FILES


def test_zip_with_folders_and_a_comment_lists_its_files():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.mkdir("voc")
        archive.writestr("voc/1.jpg", b"one")
        archive.comment = b"made with love"
    assert contents(file.getvalue()) == {"voc/1.jpg": b"one"}


def test_zip_of_info_zip_is_read(tmp_path):
    (tmp_path / "voc").mkdir()
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    try:
        subprocess.run(["zip", "-qr", "a.zip", "voc"], cwd=tmp_path, check=True)
    except FileNotFoundError:
        pytest.skip("no zip command")
    assert contents((tmp_path / "a.zip").read_bytes()) == FILES


def test_empty_zip_holds_nothing():
    assert contents(made({})) == {}


# ---- damage and forgery


@pytest.mark.parametrize("end", [10, 100, -1, -22])
def test_zip_that_was_cut_off_is_an_error(end):
    assert "end mark" in refusal(made()[:end]).found


def test_bytes_behind_the_end_are_an_error():
    assert "cut off before its end mark" in refusal(made() + b"x").found


def test_bytes_before_the_first_member_are_an_error():
    data = bytearray(b"#!/bin/sh\n" + ONE)
    central, end = data.index(CENTRAL), data.index(END)
    struct.pack_into("<L", data, central + 42, 10)
    struct.pack_into("<L", data, end + 16, central)
    assert "10 bytes before the first member" in refusal(bytes(data)).found


def test_two_end_marks_are_an_error():
    inner = made({"x": b"y"})
    mark = bytearray(inner[inner.index(END) :])
    data = bytearray(ONE)
    struct.pack_into("<H", data, len(data) - 2, len(mark))
    assert "2 end marks" in refusal(bytes(data + mark)).found


@pytest.mark.parametrize("size", [0, 1, 899, 901, 1 << 31, 0xFFFFFFFE])
@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_forged_sizes_are_errors_and_take_no_memory(size, how):
    one = made({"voc/1.jpg": b"one" * 300}, how)
    for header, offset in ((LOCAL, 22), (CENTRAL, 24)):
        one = changed(one, header, offset, "<L", size)
    assert "voc/1.jpg" in refusal(one).found


@pytest.mark.parametrize(
    ("header", "offset", "layout", "value"),
    [
        (LOCAL, 6, "<H", 0x0800), (LOCAL, 8, "<H", 0), (LOCAL, 14, "<L", 1), (LOCAL, 18, "<L", 2), (LOCAL, 22, "<L", 3),
        (LOCAL, 26, "<H", 4), (LOCAL, 28, "<H", 9999), (LOCAL, 30, "<B", 65),
        (CENTRAL, 8, "<H", 0x0800), (CENTRAL, 10, "<H", 0), (CENTRAL, 16, "<L", 1), (CENTRAL, 20, "<L", 2),
        (CENTRAL, 24, "<L", 3), (CENTRAL, 28, "<H", 4), (CENTRAL, 34, "<H", 1), (CENTRAL, 42, "<L", 1),
        (CENTRAL, 46, "<B", 65), (END, 4, "<H", 1), (END, 8, "<H", 2), (END, 10, "<H", 2), (END, 12, "<L", 1),
        (END, 16, "<L", 1), (END, 16, "<L", 0xFFFFFFFF),
    ],
)  # fmt: skip
def test_listings_that_disagree_are_an_error(header, offset, layout, value):
    refusal(changed(ONE, header, offset, layout, value))


@pytest.mark.parametrize("flags", [0x1, 0x20, 0x40, 0x2000])
def test_encrypted_and_patched_members_are_refused(flags):
    data = changed(changed(ONE, LOCAL, 6, "<H", flags), CENTRAL, 8, "<H", flags)
    found = refusal(data).found
    assert "flags" in found or "encrypted" in found


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_refused_by_number(how):
    assert f"method {how}" in refusal(made(how=how)).found


@pytest.mark.parametrize(
    ("mode", "found"), [(0o120777, "a symbolic link"), (0o010644, "a device"), (0o020644, "a device")]
)
def test_whatever_is_no_plain_file_is_refused(mode, found):
    assert found in refusal(made({"voc/1.jpg": b"/etc/passwd"}, create_system=3, external_attr=mode << 16)).found


def test_overlapping_members_are_refused():
    """Build a bomb of the kind that lets many members share the same contents."""
    inner = zlib.compress(bytes(1000), wbits=-15)
    local = struct.pack("<4s5H3L2H", LOCAL, 20, 0, 8, 0, 33, zlib.crc32(bytes(1000)), len(inner), 1000, 1, 0)
    entries = b"".join(
        struct.pack(
            "<4s2B5H3L5H2L",
            CENTRAL,
            20,
            0,
            20,
            0,
            8,
            0,
            33,
            zlib.crc32(bytes(1000)),
            len(inner),
            1000,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
        )
        + name
        for name in (b"a", b"b")
    )
    body = local + b"a" + inner
    data = body + entries + struct.pack("<4s4H2LH", END, 0, 0, 2, 2, len(entries), len(body), 0)
    error = refusal(data)
    assert "no header at byte 0" in error.found
    assert error.expected == "one that nothing overlaps"


def test_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr("segfeed.datasets.archives.members._FREE_BYTES", 1 << 20)
    data = made({name: bytes(1 << 20) for name in "abc"})
    limit = (1 << 20) + 200 * len(data)
    error = refusal(data)
    assert error.found == "member 'b': 2,097,152 bytes up to here"
    assert error.expected == f"at most {limit:,} from so few"


def test_directory_that_lies_about_its_count_is_an_error():
    data = changed(changed(made(), END, 8, "<H", 3), END, 10, "<H", 3)
    error = refusal(data)
    assert error.found == "4 members"
    assert error.expected.startswith("3, ")


def test_damaged_contents_are_an_error():
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = bytearray(made({"voc/1.jpg": bytes(range(256)) * 4}, how))
        data[50] ^= 16
        assert refusal(bytes(data)).found.startswith("member 'voc/1.jpg': contents that")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\\b", "C:x", "a//b", "x\n", "a" * 300, ""])
def test_names_are_judged(name):
    assert refusal(made({name: b"x"})).remedy.startswith("if you trust the archive, unpack it yourself")


def test_zip_of_a_folder_is_listed_in_the_order_in_which_it_lies(tmp_path: Path):
    data = made({f"{n}.jpg": b"x" for n in (3, 1, 2)})
    assert list(contents(data)) == ["3.jpg", "1.jpg", "2.jpg"]


def test_offsets_beyond_any_file_are_an_error():
    """Write a zip whose second and third of three members lie at 2^63 and 2^64 - 1, as the large format can say."""
    data = made({"a": b"x", "b": b"x", "c": b"x"}, zipfile.ZIP_STORED)
    first, end = data.index(CENTRAL), data.index(END)
    entries = [bytearray(CENTRAL + entry) for entry in data[first:end].split(CENTRAL)[1:]]
    for entry, offset in zip(entries[1:], (1 << 63, (1 << 64) - 1), strict=True):
        struct.pack_into("<H", entry, 30, 12)
        struct.pack_into("<L", entry, 42, 0xFFFFFFFF)
        entry.extend(struct.pack("<HHQ", 1, 8, offset))
    mark = bytearray(data[end:])
    struct.pack_into("<L", mark, 12, sum(map(len, entries)))
    refusal(data[:first] + b"".join(entries) + mark)
