"""What systems do in different ways. The way of Windows is forced: what it lacks is taken away, or refuses as there."""

import ctypes
import mmap
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

import segfeed
from segfeed.system import portable
from segfeed.system.paths import is_reserved
from segfeed.system.storage import WholeFile
from segfeed.system.work import memory_bytes

BUSY = 32


def refusal(number: int) -> PermissionError:
    error = PermissionError(13, "The process cannot access the file because it is being used by another process")
    error.winerror = number
    return error


class Kernel:
    """A stand-in for kernel32: which processes it knows, and what it says of them."""

    def __init__(self, processes: dict[int, str]) -> None:
        self.processes, self.closed = processes, []
        self.OpenProcess = self._open
        self.error = 0

    class _Callable:
        def __init__(self, call):
            self.call, self.restype = call, None

        def __call__(self, *words):
            return self.call(*words)

    @property
    def OpenProcess(self):
        return self._opener

    @OpenProcess.setter
    def OpenProcess(self, call):
        self._opener = self._Callable(call)

    def _open(self, _rights, _inherit, number):
        state = self.processes.get(number, "gone")
        self.error = {"gone": 87, "denied": 5}.get(state, 0)
        return number if state in ("runs", "ended") else None

    def WaitForSingleObject(self, handle, _ms):
        return 0x102 if self.processes[handle.value] == "runs" else 0

    def CloseHandle(self, handle):
        self.closed.append(handle.value)

    def GlobalMemoryStatusEx(self, status):
        assert status._obj.length == 64  # what Windows demands to be told
        status._obj.physical = 7 << 30
        return 1


def test_a_process_is_asked_for_without_a_signal_on_windows(monkeypatch):
    kernel = Kernel({10: "runs", 11: "ended", 12: "denied"})
    monkeypatch.setattr(portable, "IS_WINDOWS", True)
    monkeypatch.setattr(portable, "_kernel32", lambda: kernel)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: kernel.error, raising=False)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("this sends Ctrl-C on Windows"))
    assert {number: portable.is_alive(number) for number in (10, 11, 12, 13)} == {
        10: True, 11: False, 12: True, 13: False,
    }  # fmt: skip
    assert kernel.closed == [10, 11]


def test_a_process_is_asked_for_elsewhere():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert portable.is_alive(os.getpid())
    assert not portable.is_alive(child.pid)


def test_memory_is_counted_as_windows_tells_it(monkeypatch):
    monkeypatch.setattr(portable, "IS_WINDOWS", True)
    monkeypatch.setattr(portable, "resource", None)
    monkeypatch.setattr(portable, "_kernel32", lambda: Kernel({}))
    monkeypatch.delattr(os, "sysconf")
    assert portable.memory_limits() == [7 << 30]
    assert portable.disk_faults() == 0
    assert 0 < memory_bytes() <= 7 << 30


def test_what_no_system_tells_is_no_limit(monkeypatch):
    monkeypatch.setattr(portable, "resource", None)
    monkeypatch.delattr(os, "sysconf")
    assert portable.memory_limits() == []
    assert memory_bytes() > 0


def test_memory_is_mapped_without_unix_flags(monkeypatch):
    for name in ("MAP_PRIVATE", "MAP_ANONYMOUS", "MADV_HUGEPAGE", "MADV_WILLNEED"):
        monkeypatch.delattr(mmap, name, raising=False)
    memory = portable.map_memory(1 << 16)
    memory[:2] = b"ab"
    portable.advise(memory, "HUGEPAGE")
    portable.advise(memory, "WILLNEED", 0, 4096)
    assert memory[:3] == b"ab\0"


@pytest.mark.parametrize("call", [portable.rename, portable.replace])
@pytest.mark.parametrize("number", [5, 32, 33])
@pytest.mark.slow
def test_a_file_that_a_scanner_holds_for_a_moment_is_renamed(tmp_path, monkeypatch, call, number):
    real, refused = getattr(os, call.__name__), [refusal(number), refusal(number)]

    def rename(old, new):
        if refused:
            raise refused.pop()
        real(old, new)

    monkeypatch.setattr(os, call.__name__, rename)
    (tmp_path / "old").write_bytes(b"x")
    call(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("error", "tries"), [(refusal(BUSY), 8), (PermissionError(13, "no"), 1), (OSError(5, "io"), 1)]
)
def test_a_rename_that_stays_refused_is_an_error(tmp_path, monkeypatch, error, tries):
    made = []

    def rename(*names):
        made.append(names)
        raise error

    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(portable, "time", SimpleNamespace(sleep=lambda _: None))
    with pytest.raises(OSError, match=str(error.strerror)):
        portable.rename(tmp_path / "old", tmp_path / "new")
    assert len(made) == tries


def test_writing_at_a_place_without_pwrite_leaves_the_end_where_it_was(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "pwrite")
    file = WholeFile(tmp_path / "file")
    file.write(b"head")
    file.write_at(b"tail", 10)
    file.write_at(b"HE", 0)
    file.write(b"more")
    file.close()
    assert (tmp_path / "file").read_bytes() == b"HEadmore\0\0tail"


def test_the_room_of_a_file_is_taken_before_it_is_written(tmp_path):
    with (tmp_path / "file").open("xb") as file:
        portable.reserve(file.fileno(), 100_000)
    status = (tmp_path / "file").stat()
    # Other systems, and some file systems, take no room beforehand; whoever does takes all of it.
    assert (status.st_size, status.st_blocks >= 195) in ((100_000, True), (0, False))
    assert not (tmp_path / "file").read_bytes().strip(b"\0")


def test_room_that_cannot_be_taken_is_not_missed(tmp_path, monkeypatch):
    with (tmp_path / "file").open("xb") as file:
        portable.reserve(file.fileno(), 1 << 62)
    monkeypatch.setattr(portable.ctypes, "CDLL", lambda _: SimpleNamespace())  # a C library without the call
    portable.reserve(0, 100)
    monkeypatch.setattr(portable.sys, "platform", "darwin")
    portable.reserve(0, 100)
    assert (tmp_path / "file").stat().st_size == 0


@pytest.mark.parametrize(
    "name", ["con", "CON", "Nul.jpg", "aux.tar.gz", "com1", "LPT9.png", "COM¹", "con .png", "name.", "name ", "prn"]
)
def test_a_name_that_windows_keeps_is_reserved(name):
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["console", "null.png", "com", "com10", "lpt", "icon", "a.con", "0001", "名字"])
def test_any_other_name_is_free(name):
    assert not is_reserved(name)


AS_WINDOWS = """
import ctypes, fcntl, gc, importlib, mmap, os, signal, socket, stat, sys, time

# Everything that is not segfeed's is loaded first, as on this system.
import numpy, pyarrow, pyarrow.parquet, PIL.Image, simplejpeg, xxhash, platformdirs, rich, typer, matplotlib.pyplot
import jinja2, asyncio, multiprocessing, tempfile, subprocess, webbrowser, getpass, uuid, shutil, zipfile, tarfile
import rich.console, rich.table, rich.progress, scipy.io
SKIP_NUMBA

for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_SHARED", "MADV_HUGEPAGE", "PROT_READ"):
    vars(mmap).pop(name, None)
for name in ("pwrite", "pread", "fdatasync", "geteuid", "getuid", "sched_getaffinity", "register_at_fork", "sysconf",
             "fork", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY", "mkfifo", "posix_fallocate"):
    vars(os).pop(name, None)
os.O_BINARY = 0x8000
real = {name: getattr(os, name) for name in ("open", "fsync", "rename", "replace", "unlink", "kill")}

def is_held(path):
    path = os.path.abspath(path)
    if any(line.split(None, 5)[-1].strip().startswith(path) for line in open("/proc/self/maps") if " /" in line):
        return True
    for entry in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{entry}").startswith(path + "/"):
                return True
        except OSError:
            pass
    return False

def opened(path, flags, *rest, **more):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    if not flags & os.O_BINARY and not str(path).endswith((".pyc", os.devnull)) and "__pycache__" not in str(path):
        raise SystemExit(f"{path} is opened as text: Windows changes its bytes")
    return real["open"](path, flags & ~os.O_BINARY, *rest, **more)

def flushed(handle):
    if os_fcntl.fcntl(handle, os_fcntl.F_GETFL) & 3 == 0:
        raise OSError(9, "Bad file descriptor")
    real["fsync"](handle)

def refusing(name):
    def moved(old, *more):
        for path in (old, *more[:1]):
            if is_held(path):
                error = PermissionError(13, "The process cannot access the file", str(path))
                error.winerror = 32
                raise error
        return real[name](old, *more)
    return moved

os_fcntl = fcntl
shutil._use_fd_functions = False  # as there
os.open, os.fsync = opened, flushed
os.rename, os.replace, os.unlink = refusing("rename"), refusing("replace"), refusing("unlink")

def killed(*_):
    raise SystemExit("os.kill sends Ctrl-C on Windows")

os.kill = killed
sys.platform = "win32"

class Function:
    def __init__(self, answer):
        self.answer = answer
    def __call__(self, *words):
        return self.answer
class Kernel:
    OpenProcess, WaitForSingleObject, CloseHandle, GlobalMemoryStatusEx = map(Function, (1, 0x102, 1, 0))
ctypes.WinDLL = lambda *_, **__: Kernel
ctypes.get_last_error = lambda: 0

import segfeed
from segfeed.system.portable import IS_WINDOWS
assert IS_WINDOWS
"""

CALLS = """
import pathlib
to = pathlib.Path(sys.argv[1])
train, val = segfeed.load("sample", batch_size=8, crop_size=(64, 96), threads=2)
for images, labels in train:
    assert images.shape == (8, 64, 96, 3)
del images, labels
from segfeed.audit.verification import verify_pack
assert verify_pack(val.reader) == []
from segfeed.datasets.export import export_splits
source = segfeed.scan("sample", "val")
for kind in ("voc", "parquet", "webdataset"):
    export_splits([source], to / kind, kind)
segfeed.write_report(segfeed_root := source.root, to / "report.html", count=2)
segfeed.write_report(segfeed_root, to / "report.html", count=2, overwrite=True)
folder = train.reader.folder
from segfeed.packs.cache import prune_packs
try:
    prune_packs(0)
except segfeed.errors.StorageError as error:
    assert "end the programs that have it open" in str(error), error
else:
    raise SystemExit("a mapped pack was removed")
assert folder.is_dir()
print("all")
"""

COMMANDS = """
import pathlib
from segfeed.cli.app import main
os.chdir(sys.argv[1])
source = segfeed.scan("sample", "val")
predicted = pathlib.Path("predicted")
predicted.mkdir()
for number, key in enumerate(source.keys):
    labels = source.read(number).labels
    PIL.Image.fromarray(numpy.where(labels == 255, 0, labels).astype(numpy.uint8)).save(predicted / f"{key}.png")

def run(line, code=0):
    sys.argv = ["segfeed", *line.split()]
    try:
        main()
    except SystemExit as end:
        found = end.code or 0
    else:
        found = 0
    gc.collect()  # a pack that nobody uses is closed, as when a command's process ends
    if found != code:
        raise SystemExit(f"{line}: exit code {found}")

for line in (
    "scan sample", "check sample", "load sample --batch-size 8 --crop 64x96", "pack sample",
    "pack sample --to moved", "load moved --batch-size 8 --crop 64x96", "stats moved", "show sample --to sheet.png",
    "export sample --to voc", "export sample --to tables --as parquet", "export sample --to shards --as webdataset",
    "scan voc", "scan tables", "report sample --to page.html --count 2", "report moved --to page.html --force",
    "score predicted sample --split val --picture confusion.png", "verify", "verify sample", "cache",
    "cache prune --to 0", "demo --to demo",
):
    run(line)
run("scan nowhere", 1)
run("scna sample", 2)
print("all")
"""


def run_as_windows(code, folder):
    code = textwrap.dedent(AS_WINDOWS.replace("SKIP_NUMBA", "sys.modules['numba'] = None")) + code
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(segfeed.__file__).parents[1]),
        "SEGFEED_CACHE": str(folder / "cache"),
    }
    # Text without an encoding is cp1252 there: such an `open` in segfeed is an error here.
    command = [sys.executable, "-X", "warn_default_encoding", "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["all"]), done.stderr[-3000:]
    ours = str(Path(segfeed.__file__).parent)
    warned = [line for line in done.stderr.splitlines() if "EncodingWarning" in line and line.startswith(ours)]
    assert [line for line in warned if "/packs/" not in line] == []


@pytest.mark.slow
def test_every_command_runs_as_on_windows(tmp_path):
    run_as_windows(COMMANDS, tmp_path)


@pytest.mark.slow
def test_the_sample_is_loaded_packed_verified_and_exported_as_windows_would_do_it(tmp_path):
    run_as_windows(CALLS, tmp_path)
