"""Storage: folders that appear whole or not at all, and refusals to write that name the way out."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from segfeed.errors import OptionError, PhotoError, StorageError
from segfeed.system import storage
from segfeed.system.storage import (
    WholeFile,
    cache_folder,
    publish,
    unfinished_folders,
    user_cache,
    write_over,
    write_whole,
)

REMEDY = "or pass pack=False"
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - stands in for shutil's own


def fill(folder: Path) -> None:
    write_whole(folder / "rows", b"rows")
    write_whole(folder / "manifest", b"manifest")


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def leave(parent: Path, name: str, pid: int, host: str | None = None) -> Path:
    folder = parent / f".{name}.{host or storage._host()}.{pid}.0123abcd.unfinished"
    folder.mkdir(parents=True)
    (folder / "rows").write_bytes(b"half")
    return folder


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_cache_is_the_argument_then_the_variable_then_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("SEGFEED_CACHE", str(tmp_path / "variable"))
    assert cache_folder(tmp_path / "argument") == tmp_path / "argument"
    assert cache_folder() == tmp_path / "variable"
    monkeypatch.delenv("SEGFEED_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache_folder().name == "segfeed"


def test_cache_may_be_written_with_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("~/packs") == tmp_path / "packs"


def test_published_folder_is_whole(tmp_path):
    final = tmp_path / "deep" / "down" / "pack"
    publish(final, fill)
    assert contents(final) == ["manifest", "rows"]
    assert (final / "rows").read_bytes() == b"rows"
    assert contents(final.parent) == ["pack"]


@pytest.mark.parametrize(
    "error",
    [RuntimeError("oops"), KeyboardInterrupt(), SystemExit(3), PhotoError("a.jpg", found="bad", expected="good")],
)
def test_nothing_is_left_when_filling_stops(tmp_path, error):
    def stop(folder: Path) -> None:
        fill(folder)
        raise error

    with pytest.raises(type(error)) as caught:
        publish(tmp_path / "pack", stop)
    assert caught.value is error
    assert contents(tmp_path) == []


def test_nothing_appears_under_the_final_name_before_all_is_written(tmp_path):
    seen = []

    def watch(folder: Path) -> None:
        fill(folder)
        seen.append((tmp_path / "pack").exists())
        seen.append(folder.parent == tmp_path)

    publish(tmp_path / "pack", watch)
    assert seen == [False, True]


def test_loser_of_a_race_discards_its_own_copy(tmp_path):
    final = tmp_path / "pack"

    def overtaken(folder: Path) -> None:
        write_whole(folder / "mine", b"slow")
        publish(final, lambda other: write_whole(other / "theirs", b"fast"))

    publish(final, overtaken)
    assert contents(tmp_path) == ["pack"]
    assert contents(final) == ["theirs"]


def test_a_folder_that_a_network_drive_renamed_though_its_answer_was_lost_is_there(tmp_path, monkeypatch):
    """NFS asks again, and is told that the old name does not exist."""
    rename = os.rename

    def lose_the_answer(old: Path, new: Path) -> None:
        rename(old, new)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(os, "rename", lose_the_answer)
    publish(tmp_path / "pack", fill)
    assert contents(tmp_path) == ["pack"]


def test_too_little_space_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, 10 << 20))
    with pytest.raises(StorageError) as caught:
        publish(
            tmp_path / "pack",
            lambda _: pytest.fail("something was written"),
            needed_bytes=3 << 30,
            remedy=REMEDY,
        )
    error = caught.value
    assert (error.where, error.expected) == (str(tmp_path), "room for 3.0 GiB")
    assert "10.0 MiB are free" in error.found
    assert error.remedy.endswith(REMEDY)
    assert isinstance(caught.value, OSError)
    assert contents(tmp_path) == []


def test_a_disk_is_never_filled_to_the_brim(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, (10 << 20) + 1))
    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "pack", fill, needed_bytes=10 << 20)
    assert "10.0 MiB are free" in caught.value.found
    assert caught.value.expected == "room for 10.0 MiB"


def test_enough_space_is_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, 1 << 30))
    publish(tmp_path / "pack", fill, needed_bytes=10 << 20)
    assert contents(tmp_path) == ["pack"]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (errno.EACCES, "cannot be written"),
        (errno.EPERM, "cannot be written"),
        (errno.EROFS, "cannot be written"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EFBIG, "the disk is full"),
        (errno.EIO, "the disk failed"),
    ],
)
def test_what_the_system_refuses_is_said_with_the_remedy(tmp_path, code, found):
    def refuse(folder: Path) -> None:
        fill(folder)
        raise OSError(code, os.strerror(code))

    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "pack", refuse, needed_bytes=1 << 20, remedy=REMEDY)
    error = caught.value
    assert error.where == str(tmp_path)
    assert found in error.found
    assert os.strerror(code) in error.found
    assert error.expected == ("room for 1.0 MiB" if "full" in found else "")
    assert error.remedy == "choose another cache_dir, or pass pack=False"
    assert contents(tmp_path) == []


def test_read_only_file_system_is_named(tmp_path, monkeypatch):
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "cache" / "pack", fill, remedy=REMEDY)
    assert "the folder cannot be written" in caught.value.found
    assert REMEDY in caught.value.remedy


@pytest.mark.slow
def test_folder_of_somebody_else_is_named(tmp_path):
    tmp_path.chmod(0o555)
    done = run(
        """
        import os, sys
        from pathlib import Path
        from segfeed.errors import StorageError
        from segfeed.system.storage import publish
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            publish(Path(sys.argv[1]) / "cache" / "pack", lambda folder: None, remedy="or pass pack=False")
        except StorageError as error:
            print(error.found, error.remedy, sep="|")
        """,
        tmp_path,
    )
    tmp_path.chmod(0o755)
    assert done.stdout.strip() == (
        "the folder cannot be written (Permission denied)|choose another cache_dir, or pass pack=False"
    ), done.stderr
    assert contents(tmp_path) == []


@pytest.mark.parametrize("deeper", ["", "packs"])
def test_file_in_the_place_of_the_cache_is_named(tmp_path, deeper):
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "cache" / deeper / "pack", fill, remedy=REMEDY)
    assert caught.value.found == f"{tmp_path / 'cache' if deeper else 'this'} is a file, not a folder"
    assert REMEDY in caught.value.remedy


def test_a_cache_that_is_a_link_to_a_disk_that_is_not_there_is_called_so(tmp_path):
    (tmp_path / "cache").symlink_to(tmp_path / "unmounted" / "disk")
    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "cache" / "packs" / "pack", fill, remedy=REMEDY)
    assert caught.value.found == f"{tmp_path / 'cache'} is a link to nothing, not a folder"
    assert not (tmp_path / "unmounted").exists()


@pytest.mark.parametrize(("files", "free", "found"), [(1000, 3, "no more files"), (1000, 900, "full"), (0, 0, "full")])
def test_a_disk_of_room_but_no_more_files_is_not_called_full(tmp_path, monkeypatch, files, free, found):
    def refuse(folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_files=files, f_favail=free), raising=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 0, 2**40))
    with pytest.raises(StorageError) as caught:
        publish(tmp_path / "pack", refuse, needed_bytes=1 << 20)
    assert found in caught.value.found


def test_a_file_system_that_flushes_no_folders_takes_a_folder_all_the_same(tmp_path, monkeypatch):
    real, flushed = os.fsync, []

    def flush(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        flushed.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", flush)
    publish(tmp_path / "pack", fill)
    assert contents(tmp_path / "pack") == ["manifest", "rows"]
    assert len(flushed) == 2


@pytest.mark.parametrize(("code", "what"), [(errno.EIO, stat.S_ISDIR), (errno.EINVAL, stat.S_ISREG)])
def test_a_flush_that_fails_otherwise_is_told(tmp_path, monkeypatch, code, what):
    def flush(handle: int) -> None:
        if what(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", flush)
    with pytest.raises(StorageError):
        publish(tmp_path / "pack", fill)
    assert contents(tmp_path) == []


def test_a_folder_that_cannot_be_renamed_loses_its_manifest_first(tmp_path, monkeypatch):
    """Overlayfs, under a container, renames no folder of the image: EXDEV."""
    folder, gone = tmp_path / "pack", []
    folder.mkdir()
    for name in ("rows.arrow", "pairs-00000.bin", "manifest.json"):
        (folder / name).write_bytes(b"x")

    def rename(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    real = Path.unlink
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(Path, "unlink", lambda path, **how: gone.append(path.name) or real(path, **how))
    with monkeypatch.context() as refused:
        refused.setattr(shutil, "rmtree", lambda *_, **__: None)
        refused.setattr(Path, "unlink", lambda *_, **__: rename())
        with pytest.raises(StorageError):
            storage.discard(folder)
    storage.discard(folder)
    assert gone == ["manifest.json", "pairs-00000.bin", "rows.arrow"]
    assert contents(tmp_path) == []


def test_what_cannot_be_removed_is_named_by_its_own_name(tmp_path, monkeypatch):
    def rename(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "pack").mkdir()
    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(StorageError) as caught:
        storage.discard(tmp_path / "pack")
    assert caught.value.where == str(tmp_path / "pack")


@pytest.mark.slow
def test_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path):
    done = run(
        """
        import resource, sys
        from pathlib import Path
        from segfeed.errors import StorageError
        from segfeed.system.storage import publish, write_whole
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        try:
            publish(Path(sys.argv[1]) / "pack", lambda f: write_whole(f / "rows", bytes(1 << 20)), needed_bytes=1 << 20)
        except StorageError as error:
            print(error.found, error.expected, sep="|")
        """,
        tmp_path,
    )
    assert done.stdout.strip() == "the disk is full (File too large)|room for 1.0 MiB", done.stderr
    assert contents(tmp_path) == []


def test_leftovers_of_dead_processes_are_swept(tmp_path, dead_pid):
    leave(tmp_path, "pack", dead_pid)
    publish(tmp_path / "pack", fill)
    assert contents(tmp_path) == ["pack"]


def test_leftovers_of_live_processes_and_of_other_machines_are_kept(tmp_path, dead_pid):
    kept = [
        leave(tmp_path, "pack", os.getpid()),
        leave(tmp_path, "pack", os.getppid()),
        leave(tmp_path, "pack", dead_pid, host="elsewhere"),
        leave(tmp_path, "other", dead_pid),
    ]
    foreign = tmp_path / ".pack.unfinished"
    foreign.mkdir()
    publish(tmp_path / "pack", fill)
    assert all((folder / "rows").is_file() for folder in kept)
    assert foreign.is_dir()


@pytest.mark.parametrize(
    ("folder_h", "rows_h", "swept"), [(25, 25, True), (25, 1, False), (1, 25, False), (-90, 25, False)]
)
def test_leftovers_of_ended_containers_and_other_machines_go_after_a_day_without_a_write(
    tmp_path, dead_pid, folder_h, rows_h, swept
):
    left = leave(tmp_path, "pack", dead_pid, host="elsewhere")
    for path, hours in ((left / "rows", rows_h), (left, folder_h)):
        when = time.time() - hours * 3600
        os.utime(path, (when, when))
    publish(tmp_path / "pack", fill)
    assert left.exists() != swept


def test_unfinished_folders_are_only_those_of_dead_processes_of_this_machine(tmp_path, dead_pid):
    dead = leave(tmp_path, "a.b-c", dead_pid)
    leave(tmp_path, "pack", os.getpid())
    leave(tmp_path, "pack", dead_pid, host="elsewhere")
    (tmp_path / "pack").mkdir()
    assert unfinished_folders(tmp_path) == [dead]
    assert unfinished_folders(tmp_path / "nowhere") == []


def test_whole_file_writes_on_when_the_system_takes_less_than_asked(tmp_path):
    class Stingy:
        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, data: memoryview) -> int:
            return self.file.write(data[:7])

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    data = bytes(range(256)) * 5
    file = WholeFile(tmp_path / "rows")
    file._file = Stingy(file._file)
    assert file.write(memoryview(data)) == len(data)
    assert not file.closed
    file.close()
    file.close()
    assert file.closed
    assert (tmp_path / "rows").read_bytes() == data


def test_whole_file_writes_at_a_place_to_the_last_byte_however_little_the_system_takes_at_once(tmp_path, monkeypatch):
    pwrite, data = os.pwrite, bytes(range(256)) * 5
    monkeypatch.setattr(os, "pwrite", lambda handle, view, place: pwrite(handle, view[:7], place))
    file = WholeFile(tmp_path / "rows")
    file.write_at(data, 2000)
    file.write_at(np.frombuffer(data, np.uint16).reshape(-1, 4), 10)
    file.close()
    assert (tmp_path / "rows").read_bytes() == bytes(10) + data + bytes(710) + data


def test_whole_file_writes_no_more_than_a_mebibyte_at_once(tmp_path, monkeypatch):
    pwrite, lengths, data = os.pwrite, [], bytes(range(256)) * 9000
    monkeypatch.setattr(os, "pwrite", lambda handle, view, at: lengths.append(len(view)) or pwrite(handle, view, at))
    file = WholeFile(tmp_path / "pairs", len(data) + 5)
    file.write_at(data, 5)
    file.close()
    assert lengths == [1 << 20, 1 << 20, len(data) - (2 << 20)]
    assert (tmp_path / "pairs").read_bytes() == bytes(5) + data


def test_arrow_asks_whether_a_file_is_closed_without_running_python_in_which_ctrl_c_could_strike(tmp_path):
    file = WholeFile(tmp_path / "rows")
    seen_by_arrow, ran = pa.PythonFile(file, "w"), []
    sys.setprofile(lambda frame, event, _: ran.append(frame.f_code.co_name) if event == "call" else None)
    try:
        answers = [seen_by_arrow.closed]
        file.close()
        answers.append(file.closed)
    finally:
        sys.setprofile(None)
    assert answers == [False, True]
    assert ran == ["close"]


def test_whole_file_never_writes_over_another(tmp_path):
    (tmp_path / "rows").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "rows", b"other")
    assert (tmp_path / "rows").read_bytes() == b"precious"


def test_write_over_makes_its_folder_and_replaces_what_was_there(tmp_path):
    path = tmp_path / "stamps" / "abc"
    write_over(path, b"old")
    assert path.read_bytes() == b"old"
    write_over(path, b"new")
    assert path.read_bytes() == b"new"
    assert contents(path.parent) == ["abc"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_write_over_that_fails_leaves_the_old_file_alone(tmp_path, monkeypatch, error, function):
    path = tmp_path / "abc"
    write_over(path, b"old")

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(type(error)):
        write_over(path, b"new")
    assert path.read_bytes() == b"old"
    assert contents(tmp_path) == ["abc"]


def test_readers_of_a_file_that_is_written_over_see_old_or_new_bytes_only(tmp_path):
    path = tmp_path / "abc"
    states = {letter * 10_000 for letter in (b"a", b"b")}
    write_over(path, b"a" * 10_000)
    seen, stop = set(), threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=watch)
    reader.start()
    for number in range(40):
        write_over(path, (b"a" if number % 2 else b"b") * 10_000)
    stop.set()
    reader.join()
    assert seen <= states
    assert seen


@pytest.mark.parametrize("name", ["n" * 255, "\N{PILE OF POO}" * 63, "n" * 200])
def test_a_name_as_long_as_the_system_allows_is_written_published_and_swept(tmp_path, name):
    storage.write_over(tmp_path / name, b"new")
    storage.write_over(tmp_path / name, b"newer")
    assert (tmp_path / name).read_bytes() == b"newer"
    (tmp_path / name).unlink()
    half = tmp_path / storage.unfinished_name(name).replace(f".{os.getpid()}.", f".{2**22 - 1}.")
    half.mkdir()
    final = storage.publish(tmp_path / name, lambda folder: (folder / "a").write_bytes(b"a") and None)
    assert [entry.name for entry in tmp_path.iterdir()] == [final.name] == [name]


# ---- what is this user's alone


def test_a_private_folder_is_made_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = storage.private_folder("kernels")
    assert folder is not None
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert storage.private_folder("kernels") == folder


@pytest.mark.parametrize("harm", ["others may write", "a link", "a file", "another owner"])
def test_a_private_folder_that_is_not_private_is_not_used(tmp_path, monkeypatch, harm):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "segfeed" / "kernels"
    folder.parent.mkdir()
    match harm:
        case "others may write":
            folder.mkdir()
            folder.chmod(0o777)
        case "a link":
            (tmp_path / "elsewhere").mkdir()
            folder.symlink_to(tmp_path / "elsewhere")
        case "a file":
            folder.write_bytes(b"")
        case _:
            folder.mkdir()
            owner = folder.stat().st_uid
            monkeypatch.setattr("segfeed.system.portable.user_id", lambda: owner + 1)
    assert storage.private_folder("kernels") is None


def test_the_users_own_cache_is_no_chosen_one(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGFEED_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert user_cache() != tmp_path


def test_a_user_without_a_home_folder_is_told_what_to_set(tmp_path, monkeypatch):
    def no_home(_: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("SEGFEED_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_path", no_home)
    with pytest.raises(OptionError) as caught:
        cache_folder()
    assert (caught.value.where, caught.value.found) == ("cache_dir", "no home folder is known")
    assert "SEGFEED_CACHE" in caught.value.remedy
    assert storage.private_folder("kernels") is None
