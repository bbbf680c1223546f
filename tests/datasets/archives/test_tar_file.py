"""Tar: good tars of every maker are listed as tarfile lists them; what tarfile ends at in silence is an error."""

import io
import os
import tarfile

import pytest

from segfeed.datasets.archives.members import MAX_MEMBER_BYTES, Member
from segfeed.datasets.archives.tar_file import index_tar_stream, is_tar
from segfeed.errors import ArchiveError
from stand_ins import tar, tar_checked, tar_header

FILES = {
    "voc/JPEGImages/1.jpg": b"one" * 300,
    "voc/JPEGImages/2.jpg": b"",
    "voc/SegmentationClass/1.png": bytes(range(256)) * 2,
    "voc/train.txt": b"1\n2\n",
    "voc/é.txt": b"accents",
}
GOOD = tar(FILES)


def index(data: bytes, limit_bytes: int = 1 << 40) -> dict[str, Member]:
    return index_tar_stream(io.BytesIO(data), "a.tar", limit_bytes)


def contents(data: bytes) -> dict[str, bytes]:
    return {name: data[member.offset :][: member.size] for name, member in index(data).items()}


def refusal(data: bytes, limit_bytes: int = 1 << 40) -> ArchiveError:
    with pytest.raises(ArchiveError) as caught:
        index(data, limit_bytes)
    assert caught.value.where == "a.tar"
    assert caught.value.expected
    assert caught.value.remedy
    return caught.value


def made(how: int, names: dict[str, bytes] | None = None, **fields: object) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=how) as archive:
        for name, content in (FILES if names is None else names).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for field, value in fields.items():
                setattr(entry, field, value)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def pax(*records: bytes, kind: bytes = b"x") -> bytes:
    body = b"".join(records)
    return tar_header("PaxHeader/x", len(body), kind) + body + bytes(-len(body) % 512)


def record(key: bytes, value: bytes) -> bytes:
    lines = (b"%d %b=%b\n" % (size, key, value) for size in range(999))
    return next(line for size, line in enumerate(lines) if len(line) == size)


MEMBER = tar_header("voc/1.jpg", 3) + b"one" + bytes(509)
END = bytes(1024)


# ---- good ones


@pytest.mark.parametrize("how", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mtime", [0, 1336694400, 1336694400.25])
def test_tars_of_every_format_are_listed_as_tarfile_lists_them(how, mtime):
    data = made(how, mtime=mtime, uname="née")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = {member.name: Member(member.offset_data, member.size) for member in archive}
    assert index(data) == expected
    assert list(index(data)) == list(FILES)
    assert contents(data) == FILES


def test_tar_with_folders_lists_its_files():
    assert contents(GOOD) == FILES


@pytest.mark.parametrize("how", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_whole(how):
    names = {f"{'folder/' * 20}{n}.jpg": b"x" for n in range(3)} | {"short.jpg": b"y"}
    assert contents(made(how, names)) == names


def test_names_may_begin_with_the_folder_itself():
    data = tar_header("./", 0, b"5") + tar_header("./voc/1.jpg", 3) + b"one" + bytes(509) + END
    assert contents(data) == {"voc/1.jpg": b"one"}


def test_oldest_headers_are_read():
    block = bytearray(tar_header("voc/1.jpg", 3, b"\0"))
    block[257:265] = bytes(8)
    folder = bytearray(tar_header("voc/", 0, b"\0"))
    folder[257:265] = bytes(8)
    assert contents(tar_checked(folder) + tar_checked(block) + b"one" + bytes(509) + END) == {"voc/1.jpg": b"one"}


def test_size_may_be_binary():
    block = bytearray(tar_header("voc/1.jpg", 3))
    block[124:136] = b"\x80" + (3).to_bytes(11, "big")
    assert contents(tar_checked(block) + b"one" + bytes(509) + END) == {"voc/1.jpg": b"one"}


def test_times_and_comments_in_extended_headers_do_no_harm():
    data = pax(record(b"comment", b"hello"), kind=b"g") + pax(record(b"LIBARCHIVE.creationtime", b"1.5")) + MEMBER + END
    assert contents(data) == {"voc/1.jpg": b"one"}


def test_empty_tar_holds_nothing():
    assert index(bytes(10240)) == {}


@pytest.mark.parametrize("size", [1024, 1536, 10240, 1024 + 7])
def test_any_number_of_zeros_may_follow(size):
    assert contents(MEMBER + bytes(size)) == {"voc/1.jpg": b"one"}


def test_tar_is_recognised_by_its_first_header():
    assert is_tar(GOOD[:512])
    assert not is_tar(bytes(512))
    assert not is_tar(GOOD[:511])
    assert not is_tar(b"<!DOCTYPE html>".ljust(512))


# ---- damage


def test_tar_cut_at_a_members_end_is_an_error():
    ends = [member.offset + member.size + -member.size % 512 for member in index(GOOD).values()]
    for end in ends:
        with tarfile.open(fileobj=io.BytesIO(GOOD[:end])) as archive:
            assert len(archive.getnames()) < 9, "tarfile says nothing"
        assert "cut off before byte" in refusal(GOOD[:end]).found


@pytest.mark.parametrize("step", [1, 511, 513])
def test_tar_cut_anywhere_is_an_error_until_both_end_blocks_are_there(step):
    whole = len(GOOD.rstrip(b"\0"))
    whole += -whole % 512 + 1024
    for end in range(step, whole, 97 * step):
        assert end < 512 or "cut off" in refusal(GOOD[:end]).found
    assert len(index(GOOD[:whole])) == len(FILES)


def test_damaged_header_in_the_middle_is_an_error():
    place = index(GOOD)["voc/SegmentationClass/1.png"].offset - 512
    data = bytearray(GOOD)
    data[place + 5] ^= 1
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert len(archive.getnames()) == 5, "tarfile says nothing"
    found = refusal(bytes(data)).found
    assert found == f"the header at byte {place:,} is damaged, after member 'voc/SegmentationClass'"


@pytest.mark.parametrize("zeros", [512, 1024, 5120])
def test_zeros_in_the_middle_are_an_error(zeros):
    place = index(GOOD)["voc/SegmentationClass/1.png"].offset - 512
    data = GOOD[:place] + bytes(zeros) + GOOD[place:]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert len(archive.getnames()) == 5, "tarfile says nothing"
    found = refusal(data).found
    assert "a block of zeros and then more" in found or "bytes after the end mark" in found


def test_second_tar_behind_the_first_is_an_error():
    assert "bytes after the end mark" in refusal(GOOD + GOOD).found


def test_a_hole_without_an_end_behind_the_tar_is_an_error_at_once(tmp_path):
    path = tmp_path / "hole.tar"
    path.write_bytes(GOOD)
    os.truncate(path, 1 << 36)
    with pytest.raises(ArchiveError, match="more than 64 MiB of zeros at its end"), open(path, "rb") as stream:
        index_tar_stream(stream, "hole.tar", 1 << 40)


@pytest.mark.parametrize(
    ("field", "found"),
    [(b"\xff" * 11 + b"\xfd", "-3 bytes"), (b"\xff" * 12, "-1 bytes"), (b"-0000000003\0", "-3 bytes"),
     (b"00000000x03\0", "damage"), (b"0000 000003\0", "damage"), (b"99999999999\0", "damage")],
)  # fmt: skip
def test_sizes_that_are_negative_or_no_number_are_errors(field, found):
    block = bytearray(tar_header("voc/1.jpg", 3))
    block[124:136] = field
    assert found in refusal(tar_checked(block) + b"one" + bytes(509) + END).found


@pytest.mark.parametrize("size", [MAX_MEMBER_BYTES + 1, 1 << 62, 8**11 - 1])
def test_absurd_size_is_an_error(size):
    block = bytearray(tar_header("voc/1.jpg", 3))
    block[124:136] = b"\x80" + size.to_bytes(11, "big")
    error = refusal(tar_checked(block) + END)
    assert f"{size:,} bytes" in error.found
    assert error.expected.startswith("0 to ")


@pytest.mark.parametrize(
    ("kind", "found"),
    [(b"1", "a hard link"), (b"2", "a symbolic link"), (b"3", "a device"), (b"4", "a device"), (b"6", "a FIFO"),
     (b"7", "a contiguous file"), (b"K", "a long link"), (b"S", "a sparse file"), (b"D", "a member of type b'D'")],
)  # fmt: skip
def test_whatever_is_no_plain_file_is_refused(kind, found):
    error = refusal(MEMBER + tar_header("voc/2.jpg", 0, kind, linked=b"/etc/passwd") + END)
    assert error.found == f"member 'voc/2.jpg': {found}"
    assert error.expected == "plain files and folders only"
    assert error.remedy.startswith("if you trust")


def test_folder_with_contents_is_refused():
    assert "a folder of 3 bytes" in refusal(tar_header("voc/", 3, b"5") + b"one" + bytes(509) + END).found


@pytest.mark.parametrize(
    ("records", "kind"),
    [
        ([record(b"size", b"1")], b"x"),
        ([record(b"linkpath", b"/etc")], b"x"),
        ([record(b"GNU.sparse.major", b"1")], b"x"),
        ([record(b"hdrcharset", b"BINARY")], b"x"),
        ([record(b"path", b"other")], b"g"),
    ],
)
def test_extended_headers_that_change_more_than_a_name_are_refused(records, kind):
    assert "an extended header with '" in refusal(pax(*records, kind=kind) + MEMBER + END).found


@pytest.mark.parametrize(
    "body",
    [
        b"11 path=ab\n"[:-1],
        b"99 path=ab\n",
        b"x path=ab\n",
        b"3 path=ab\n",
        b"11 path=ab\n\n",
        b"11 pathxab\n",
        b"0 a=\n",
    ],
)
def test_malformed_extended_header_is_an_error(body):
    data = tar_header("x", len(body), b"x") + body + bytes(-len(body) % 512) + MEMBER + END
    assert "a malformed extended header" in refusal(data).found


def test_name_in_an_extended_header_is_judged_as_any_other():
    assert "the name leaves its folder" in refusal(pax(record(b"path", b"../x")) + MEMBER + END).found
    long = tar_header("././@LongLink", 7, b"L") + b"/etc/x\0".ljust(512, b"\0")
    assert "the name leaves its folder" in refusal(long + MEMBER + END).found


def test_long_name_without_a_member_is_an_error():
    assert "damage before byte 1,536" in refusal(pax(record(b"path", b"x")) + END).found


def test_huge_extended_header_is_refused():
    assert (
        "an extended header of 1,000,448 bytes"
        in refusal(tar_header("x", 1_000_000, b"x") + bytes(1 << 20) + END).found
    )


def test_more_bytes_than_the_archive_could_hold_are_refused():
    assert "more than 1,000 bytes" in refusal(MEMBER + END, limit_bytes=1000).found
    assert "more than 1,500 bytes" in refusal(MEMBER + END, limit_bytes=1500).found
    assert "more than 3,000,000 bytes" in refusal(MEMBER + bytes(5_000_000), limit_bytes=3_000_000).found
    assert "more than 9,000 bytes" in refusal(pax(record(b"comment", b"x")) * 20 + MEMBER + END, limit_bytes=9000).found
