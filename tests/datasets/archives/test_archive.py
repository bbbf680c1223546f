"""Archives: whole, safe and right, or an error that names the archive, the member and the way out."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
import zipfile
import zlib
from functools import partial
from pathlib import Path

import pytest

from segfeed.datasets.archives.archive import describe_page, index_tar, list_archive, open_archive, unpack, write_files
from segfeed.datasets.archives.members import MAX_NAME_BYTES, Listing, Member
from segfeed.errors import ArchiveError, SourceChangedError, SourceMissingError
from stand_ins import memory_folder, tar, tar_header

FILES = {
    "voc/JPEGImages/1.jpg": bytes(range(256)) * 3,
    "voc/JPEGImages/2.jpg": b"two",
    "voc/SegmentationClass/1.png": b"\x89PNG" * 40,
    "voc/SegmentationClass/2.png": b"",
    "voc/train.txt": b"1\n2\n",
}


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


TAR = tar(FILES).rstrip(b"\0")
TAR += bytes(-len(TAR) % 512 + 1024)
PACKED = {"tar": TAR, "tar.gz": gzipped(TAR), "zip": zipped(FILES)}


def sha1_of(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()  # noqa: S324 - as archives are published


def read_all(path: Path) -> dict[str, bytes]:
    with open(path, "rb") as file:
        archive = list_archive(file, path.name)
        found = dict(archive.read(archive.members))
        assert {name: len(content) for name, content in found.items()} == {
            name: member.size for name, member in archive.members.items()
        }
        return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "an archive"


@pytest.fixture
def memory():
    with memory_folder() as folder:
        yield folder


@pytest.fixture(params=PACKED)
def kind(request):
    return request.param


def refusal(path: Path, data: bytes) -> ArchiveError:
    path.write_bytes(data)
    with pytest.raises(ArchiveError) as caught:
        read_all(path)
    assert caught.value.where == "an archive"
    return caught.value


# ---- reading


def test_archives_are_recognised_by_their_bytes_and_read(path, kind):
    path.write_bytes(PACKED[kind])
    assert read_all(path) == FILES
    with open(path, "rb") as file:
        assert list_archive(file, "a").kind == kind


def test_only_wanted_members_are_read_in_the_archives_order(path, kind):
    path.write_bytes(PACKED[kind])
    with open(path, "rb") as file:
        found = list_archive(file, "a").read(["voc/train.txt", "voc/JPEGImages/2.jpg", "voc/nowhere"])
        assert list(found) == [("voc/JPEGImages/2.jpg", b"two"), ("voc/train.txt", b"1\n2\n")]


def test_archive_can_be_read_again_and_backwards(path, kind):
    path.write_bytes(PACKED[kind])
    with open(path, "rb") as file:
        archive = list_archive(file, "a")
        for name in reversed(FILES):
            assert dict(archive.read([name])) == {name: FILES[name]}


def test_tar_of_a_compressing_tarfile_is_read(path):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert read_all(path) == FILES


def test_gzip_in_several_parts_is_read(path):
    data = tar(FILES)
    path.write_bytes(gzipped(data[:700]) + gzipped(data[700:]))
    assert read_all(path) == FILES


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><p>no", "a web page that starts with '<!DOCTYPE html><p>no'"),
        (b"\n <html>", "a web page that starts with '<html>'"),
        (b"BZh91AY", "a bzip2 file"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"7z\xbc\xaf", "a 7z archive"),
        (b"Rar!", "a RAR archive"),
        (b"\xff\xd8\xff\xe0rest", "a file that starts with b'\\xff\\xd8\\xff\\xe0rest'"),
        (gzipped(b"no tar"), "a gzip file of something else"),
    ],
)
def test_what_is_no_archive_is_named(path, data, found):
    error = refusal(path, data)
    assert error.found == found
    assert error.expected == "a tar, tar.gz or zip"
    assert error.remedy


def test_pages_are_told_from_files():
    assert describe_page(b"<?xml version='1.0'?>") == "a web page that starts with \"<?xml version='1.0'?>\""
    assert describe_page(b"\xff<html>") == ""
    assert describe_page(b"") == ""


# ---- a tar to read in place


def test_index_of_a_tar_gives_the_places_of_its_files(path):
    path.write_bytes(PACKED["tar"])
    found = index_tar(path)
    assert list(found) == list(FILES)
    data = path.read_bytes()
    assert {name: data[member.offset :][: member.size] for name, member in found.items()} == FILES
    assert found["voc/JPEGImages/1.jpg"] == Member(1536, 768)


@pytest.mark.parametrize(("kind", "found"), [("tar.gz", "a gzip file"), ("zip", "a zip")])
def test_compressed_archive_cannot_be_read_in_place(path, kind, found):
    path.write_bytes(PACKED[kind])
    with pytest.raises(ArchiveError) as caught:
        index_tar(path)
    assert caught.value.where == str(path)
    assert caught.value.found == found
    assert caught.value.expected == "an uncompressed tar"
    assert caught.value.remedy == "unpack it and pass the folder"


def test_archive_that_is_not_there_is_named(path):
    with pytest.raises(SourceMissingError) as caught:
        index_tar(path)
    assert (caught.value.where, caught.value.found) == (str(path), "no such archive")
    path.mkdir()
    with pytest.raises(ArchiveError) as caught:
        index_tar(path)
    assert caught.value.where == str(path)
    assert caught.value.found.startswith("the archive cannot be read (")


# ---- digest


def test_archive_with_the_right_digest_is_opened(path, kind):
    data = PACKED[kind]
    path.write_bytes(data)
    with open_archive(path, sha1=sha1_of(data), size_bytes=len(data)) as archive:
        assert dict(archive.read(archive.members)) == FILES
        archive.require_unchanged()


def test_wrong_digest_is_an_error_with_both_and_both_sizes(path, kind):
    data = PACKED[kind]
    path.write_bytes(data[:-1])
    with (
        pytest.raises(ArchiveError) as caught,
        open_archive(path, sha1=sha1_of(data), size_bytes=len(data)),
    ):
        pytest.fail("it was opened")
    assert caught.value.found == f"SHA-1 {sha1_of(data[:-1])} in {len(data) - 1:,} bytes"
    assert caught.value.expected == f"{sha1_of(data)} in {len(data):,} bytes"


def test_web_page_in_place_of_an_archive_is_told(path):
    path.write_bytes(b"<!DOCTYPE html>")
    with (
        pytest.raises(ArchiveError, match="in 15 bytes, a web page that starts with"),
        open_archive(path, sha1="0" * 40),
    ):
        pytest.fail("it was opened")


def test_archive_that_is_replaced_meanwhile_stays_the_one_that_was_checked(path, tmp_path):
    path.write_bytes(PACKED["tar"])
    with open_archive(path, sha1=sha1_of(PACKED["tar"])) as archive:
        (tmp_path / "other").write_bytes(tar(dict.fromkeys(FILES, b"evil")))
        os.replace(tmp_path / "other", path)
        assert dict(archive.read(archive.members)) == FILES
        archive.require_unchanged()


@pytest.mark.parametrize("grown", [b"", b"more"])
def test_archive_that_is_written_to_meanwhile_is_an_error(path, grown):
    path.write_bytes(PACKED["tar"])
    with open_archive(path, sha1=sha1_of(PACKED["tar"])) as archive:
        path.write_bytes(PACKED["tar"] + grown)
        with pytest.raises(SourceChangedError, match="the archive changed while it was read"):
            archive.require_unchanged()


# ---- what must not be unpacked

NAMES = {
    "../x": "the name leaves its folder",
    "voc/../../x": "the name leaves its folder",
    "..": "the name leaves its folder",
    "/etc/passwd": "the name leaves its folder",
    "//host/x": "the name leaves its folder",
    "C:x": "a control character, backslash or drive letter in the name",
    "a\\b": "a control character, backslash or drive letter in the name",
    "a\nb": "a control character, backslash or drive letter in the name",
    "a\x1b[2Jb": "a control character, backslash or drive letter in the name",
    "a\x85b": "a control character, backslash or drive letter in the name",
    "a\u2028b": "a control character, backslash or drive letter in the name",
    "a//b": "an empty part in the name",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pack", [tar_header, lambda name, size: zipped({name: b"x" * size})])
def test_unsafe_names_are_errors(path, name, pack):
    data = pack(name, 1)
    data = data if data.startswith(b"PK") else data + b"x".ljust(512, b"\0") + bytes(1024)
    error = refusal(path, data)
    assert error.found.endswith(f": {NAMES[name]}")
    assert error.expected
    assert str(error).isprintable()


def test_names_that_are_no_utf8_or_too_long_are_errors(path):
    assert "a name that is not UTF-8" in refusal(path, tar_header(b"a\xffb", 0) + bytes(1024)).found
    with pytest.raises(ArchiveError, match=r"a name of 256 bytes; .* at most 255"):
        Listing("a").enter(b"x" * (MAX_NAME_BYTES + 1), 0)
    assert Listing("a").enter(b"x" * MAX_NAME_BYTES, 0)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("a.jpg", "a.jpg", "the same name twice"),
        ("a.jpg", "./a.jpg", "the same name twice"),
        ("a.jpg", "A.JPG", "a name that some systems take for 'a.jpg'"),
        ("straße", "STRASSE", "a name that some systems take for 'straße'"),
        ("caf\u00e9", "cafe\u0301", "a name that some systems take for 'caf\u00e9'"),
        ("\u212b", "\u00e5", "a name that some systems take for '\u212b'"),
        ("a", "a/b", "a member inside of 'a', which is a file"),
        ("a", "A/b/c", "a member inside of 'a', which is a file"),
        ("a/b", "a", "a file where others have a folder"),
        ("a/b/c", "A", "a file where others have a folder"),
    ],
)
def test_names_that_fall_onto_one_file_are_errors(path, first, second, found):
    body = b"".join(tar_header(name, 0) for name in (first, second)) + bytes(1024)
    assert found in refusal(path, body).found


def test_folders_may_be_named_twice(path):
    path.write_bytes(tar_header("a/", 0, b"5") * 2 + tar_header("a/b", 0) + tar_header("a/", 0, b"5") + bytes(1024))
    assert read_all(path) == {"a/b": b""}


def test_too_many_members_are_an_error(monkeypatch):
    monkeypatch.setattr("segfeed.datasets.archives.members.MAX_MEMBERS", 3)
    listing = Listing("a")
    for name in (b"1", b"2", b"3"):
        listing.enter(name, 0)
    with pytest.raises(ArchiveError, match=r"member number 4; .* at most 3"):
        listing.enter(b"4", 0)


@pytest.mark.parametrize("body", [tar_header("a", 4 << 20) + bytes(4 << 20), tar_header("a", 0) + bytes(4 << 20)])
def test_tar_bomb_is_refused_before_it_has_unfolded(path, monkeypatch, body):
    monkeypatch.setattr("segfeed.datasets.archives.members._FREE_BYTES", 1 << 20)
    packed = gzipped(body + bytes(1024))
    assert f"more than {(1 << 20) + 200 * len(packed):,} bytes" in refusal(path, packed).found


# ---- gzip


@pytest.mark.parametrize("end", [-1, -4, -8, -9, -100, 11, 60])
def test_gzip_that_was_cut_off_is_an_error(path, end):
    assert "gzip" in refusal(path, PACKED["tar.gz"][:end]).found


@pytest.mark.parametrize("place", [-1, -4, -5, -8])
def test_gzip_with_a_wrong_checksum_or_length_is_an_error(path, place):
    data = bytearray(PACKED["tar.gz"])
    data[place] ^= 1
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert len(archive.getnames()) >= len(FILES), "tarfile says nothing"
    assert "damage in the gzip stream" in refusal(path, bytes(data)).found


def test_bytes_behind_a_gzip_are_an_error(path):
    assert "damage in the gzip stream" in refusal(path, PACKED["tar.gz"] + b"more").found


# ---- unpacking


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_archive_is_unpacked_whole(path, tmp_path, kind):
    path.write_bytes(PACKED[kind])
    (tmp_path / "out").mkdir()
    with open_archive(path, sha1=sha1_of(PACKED[kind])) as archive:
        unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == FILES


def test_some_files_are_unpacked_without_the_beginning_of_their_names(path, tmp_path, kind):
    path.write_bytes(PACKED[kind])
    (tmp_path / "out").mkdir()
    with open_archive(path, sha1=sha1_of(PACKED[kind])) as archive:
        unpack(archive, tmp_path / "out", ["voc/train.txt", "voc/JPEGImages/2.jpg"], root="voc/")
    assert tree(tmp_path / "out") == {"train.txt": b"1\n2\n", "JPEGImages/2.jpg": b"two"}


def test_every_file_that_was_written_is_counted(tmp_path):
    done = []
    write_files([(f"{n}", partial(bytes, n)) for n in range(100)], tmp_path, done.append)
    assert sum(done) == 100
    assert all((tmp_path / f"{n}").stat().st_size == n for n in range(100))


def test_modes_and_owners_are_those_of_any_new_file(path, tmp_path):
    made = tarfile.TarInfo("x/a")
    made.size, made.mode, made.uid = 1, 0o6777, 4242
    path.write_bytes(made.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0") + bytes(1024))
    (tmp_path / "out").mkdir()
    before = os.umask(0o022)
    try:
        with open(path, "rb") as file:
            unpack(list_archive(file, "a"), tmp_path / "out")
    finally:
        os.umask(before)
    found = (tmp_path / "out" / "x" / "a").stat()
    assert stat.S_IMODE(found.st_mode) == 0o644
    assert found.st_uid == os.getuid()
    assert stat.S_IMODE((tmp_path / "out" / "x").stat().st_mode) == 0o755


def test_file_that_exists_is_never_written_over(tmp_path):
    (tmp_path / "a").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        write_files([("a", partial(bytes, b"other"))], tmp_path, lambda _: None)
    assert (tmp_path / "a").read_bytes() == b"precious"


def test_error_of_a_file_in_the_making_surfaces(tmp_path):
    def fail() -> bytes:
        raise SourceMissingError("a.png", found="no such mask")

    with pytest.raises(SourceMissingError, match="no such mask"):
        write_files([(f"{n}", fail if n == 50 else partial(bytes, 5)) for n in range(100)], tmp_path, lambda _: None)


# ---- the sweep: every bit, every length, every block


def try_reading(path: Path, data: bytes) -> dict[str, bytes] | None:
    path.write_bytes(data)
    try:
        return read_all(path)
    except ArchiveError:
        return None


def unguarded(kind: str) -> set[int]:
    """List the bytes that an archive keeps no checksum of: a tar's contents. The archive's own SHA-1 is for these."""
    if kind != "tar":
        return set()
    with tarfile.open(fileobj=io.BytesIO(TAR)) as archive:
        return {place for member in archive for place in range(member.offset_data, member.offset_data + member.size)}


@pytest.mark.slow
def test_no_flipped_bit_changes_what_is_read_in_silence(memory, kind):
    data, path = PACKED[kind], memory / "an archive"
    quiet = unguarded(kind)
    step = 11 if kind == "tar" else 3  # every bit of every kind of field in turn
    refused = 0
    for bit in range(0, 8 * len(data), step):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found = try_reading(path, bytes(flipped))
        refused += found is None
        if bit // 8 in quiet:
            assert found is not None
            assert found.keys() == FILES.keys()
        else:
            assert found in (None, FILES), bit
    assert refused > 50


@pytest.mark.slow
def test_no_lost_end_changes_what_is_read_in_silence(memory, kind):
    data, path = PACKED[kind], memory / "an archive"
    for end in range(0, len(data), 13 if kind == "tar" else 1):
        found = try_reading(path, data[:end])
        assert found in (None, FILES)
        assert found is None, end


def test_no_zeroed_repeated_or_swapped_block_changes_what_is_read_in_silence(memory, kind):
    data, path = PACKED[kind], memory / "an archive"
    size = 512 if kind == "tar" else 64
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    free = {place // size for place in unguarded(kind)}
    for number in range(len(blocks)):
        before, block, after = blocks[:number], blocks[number], blocks[number + 1 :]
        if number not in free:
            assert try_reading(path, b"".join([*before, bytes(len(block)), *after])) in (None, FILES), number
        assert try_reading(path, b"".join([*before, block, block, *after])) in (None, FILES), number
        if not {number, number + 1} <= free:
            assert try_reading(path, b"".join([*before, *after[:1], block, *after[1:]])) in (None, FILES), number


def test_every_change_is_seen_by_the_digest(memory, kind):
    data, path = PACKED[kind], memory / "an archive"
    for place in range(0, len(data), 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ArchiveError, match="SHA-1"), open_archive(path, sha1=sha1_of(data)):
            pytest.fail("it was opened")


def test_sweep_would_notice():
    """Show that the sweep's archives are such that tarfile and zlib fall for some of these changes."""
    data = bytearray(PACKED["tar"])
    data[600] ^= 1
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert len(archive.getnames()) < len(FILES)
    assert zlib.decompressobj(31).decompress(PACKED["tar.gz"][:-8]) == PACKED["tar"]


@pytest.mark.parametrize("work", [index_tar, lambda path: open_archive(path, sha1="0" * 40).__enter__()])
@pytest.mark.parametrize(("make", "found"), [(os.mkfifo, "a named pipe"), (os.mkdir, "a folder")])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path, make, found, work):
    path = tmp_path / "data.tar"
    make(path)
    with pytest.raises(ArchiveError) as caught:
        work(path)
    assert (caught.value.where, caught.value.found) == (str(path), f"the archive cannot be read ({found})")
