"""Without numba: plain NumPy serves alone and gives the same bytes; a cache that numba cannot write costs time only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import segfeed

pytestmark = pytest.mark.slow

FORMATS = (
    ("NHWC", "float32", "int32", 255), ("NCHW", "float32", "int64", -100), ("NHWC", "uint8", "uint8", 255),
    ("NCHW", "uint8", "int32", 7000), ("NHWC", "float16", "int64", -100), ("NCHW", "float16", "uint8", 77),
)  # fmt: skip

# argv: the dataset, "pack" or "source", how many formats, what load_compiled must return ("": it is not
# called). Prints a digest of all bytes.
ITERATE = """
import hashlib, sys
import numpy as np
from segfeed import Draw, BatchFormat, Plan, load
from segfeed.batches.kernels.filling import load_compiled, make_conversion

seen = hashlib.sha256()
for layout, dtype, label_dtype, void in FORMATS[: int(sys.argv[3])]:
    wanted = dict(layout=layout, dtype=dtype, label_dtype=label_dtype, void=void)
    train, val = load(sys.argv[1], 3, (17, 23), flip=True, threads=2, pack=sys.argv[2] == "pack", **wanted)
    if sys.argv[4]:
        assert str(load_compiled(make_conversion(BatchFormat(**wanted), 23, 21, 255))) == sys.argv[4]
    for loader in (train, train, val):
        for batch in loader:
            for array in (batch.images, batch.labels, batch.crops):
                seen.update(np.ascontiguousarray(array))
print(seen.hexdigest())
"""

MISSING = 'import sys\nsys.modules["numba"] = None\n'
BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""
WAYS = {
    "numba is not a module": MISSING,
    "numba is not found": BLOCKED.replace("NAMES", "('numba',)"),
}
BROKEN = {
    "llvmlite is not found": BLOCKED.replace("NAMES", "('llvmlite',)"),
    "numba refuses this NumPy": BLOCKED.replace("NAMES", "('numba',)").replace(
        'ModuleNotFoundError(f"No module named {name!r}", name=name)', 'ImportError("Numba needs another NumPy")'
    ),
    "numba breaks at import": BLOCKED.replace("NAMES", "('numba',)").replace(
        'ModuleNotFoundError(f"No module named {name!r}", name=name)', 'SystemError("initialisation failed")'
    ),
    "numba must not compile": 'import os\nos.environ["NUMBA_DISABLE_JIT"] = "1"\n',
    "numba fails to compile": """
import numba.core.dispatcher
def fail(*_): raise ValueError("no such target")
numba.core.dispatcher.Dispatcher.compile = fail
""",
}  # fmt: skip


def run(code, *words, **environment):
    command = [sys.executable, "-W", "error", "-c", code, *map(str, words)]
    given = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=given)


def printed(done):
    # The first run that packs says how much it writes.
    said = [line for line in done.stderr.splitlines() if ": packing writes about " not in line]
    assert (done.returncode, said) == (0, [])
    return done.stdout


def iterate(before, *words, **environment):
    return run(before + ITERATE.replace("FORMATS", repr(FORMATS)), *words, **environment)


@pytest.fixture(scope="module", name="root")
def _root(tmp_path_factory, write_voc):
    sizes = [(15 + n % 5, 20 + n % 8) for n in range(10)]
    return write_voc(tmp_path_factory.mktemp("plain") / "VOC2012", {"train": sizes, "val": sizes[:4]})


@pytest.fixture(scope="module", name="compiled")
def _compiled(root):
    """Return the digests that compiled kernels lead to, of (formats, kind)."""
    pytest.importorskip("numba")
    return {words: printed(iterate("", root, words[1], words[0], True)) for words in ((6, "pack"), (1, "pack"))}


@pytest.mark.parametrize(("way", "kind"), [*((way, "pack") for way in WAYS), ("numba is not a module", "source")])
def test_without_numba_every_byte_is_the_same(root, compiled, way, kind):
    assert compiled[6, "pack"] == printed(iterate(WAYS[way], root, kind, 6, False))


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_numba_costs_one_warning_and_time(root, compiled, way):
    pytest.importorskip("numba")
    done = iterate(BROKEN[way], root, "pack", 6, False)
    assert (done.returncode, done.stdout) == (0, compiled[6, "pack"])
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("numba cannot be used (")


FORKED = """
import os, sys, threading, time
import segfeed
import segfeed.batches.kernels.filling as filling
from segfeed.pixels import block_counts
from segfeed.pixels.shapes import loading

entered = threading.Event()
def slow(*_):
    entered.set()
    time.sleep(3600)
filling._make_ready = slow
train, _ = segfeed.load(sys.argv[1], 3, (17, 23), threads=0)
next(iter(train))
threading.Thread(target=train.warm_up, daemon=True).start()
entered.wait()
child = os.fork()
if not child:
    assert train.warm_up() is None
    assert not loading.load_compiled() and not block_counts.load_compiled()  # numba may be half imported
    count = sum(1 for _ in train)
    os._exit(0 if count == len(train) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""


def test_a_fork_while_the_kernel_is_being_loaded_leaves_a_child_that_ends(root):
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(root)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("0\n", 0)


def test_without_numba_the_command_line_works(root):
    code = MISSING + "import segfeed.cli.app\nsys.argv[0] = 'segfeed'\nsys.exit(segfeed.cli.app.main())"
    assert "train" in printed(run(code, "stats", root))


def test_numba_is_imported_beside_the_first_batches_only(root):
    code = """
import sys
import segfeed
train, val = segfeed.load(sys.argv[1], 3, (17, 23))
assert "numba" not in sys.modules
"""
    printed(run(code, root))


# Where numba cannot keep what it compiled -----------------------------------------------------------------------------


@pytest.fixture(name="nowhere")
def _nowhere(tmp_path):
    """Return an environment in which every folder that numba tries lies below a plain file, also for a root user."""
    pytest.importorskip("numba")
    file = tmp_path / "file"
    file.write_bytes(b"")
    house = tmp_path / "house"
    shutil.copytree(Path(segfeed.__file__).parent, house / "segfeed", ignore=shutil.ignore_patterns("__pycache__"))
    (house / "segfeed" / "__pycache__").write_bytes(b"")
    below = str(file / "folder")
    return {
        "HOME": below,
        "XDG_CACHE_HOME": below,
        "NUMBA_CACHE_DIR": below,
        "PYTHONPATH": str(house),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def test_kernels_are_compiled_where_nothing_can_be_kept(root, compiled, nowhere, tmp_path):
    before = f"import segfeed\nassert segfeed.__file__.startswith({str(tmp_path)!r}), segfeed.__file__\n"
    assert compiled[1, "pack"] == printed(iterate(before, root, "pack", 1, True, **nowhere))


def test_a_cache_that_is_not_there_yet_is_made_and_one_cut_short_by_a_crash_does_no_harm(root, compiled, tmp_path):
    folder = tmp_path / "not" / "yet"
    assert compiled[1, "pack"] == printed(iterate("", root, "pack", 1, True, NUMBA_CACHE_DIR=str(folder)))
    kept = [*folder.rglob("*.nbi"), *folder.rglob("*.nbc")]
    assert len(kept) == 3  # an index, and the code for images and for labels
    for path in kept:
        path.write_bytes(b"")
    assert compiled[1, "pack"] == printed(iterate("", root, "pack", 1, "", NUMBA_CACHE_DIR=str(folder)))


# A full disk is noticed only when numba saves what it compiled.
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # every write to a file fails, as on a full disk
"""


@pytest.mark.parametrize("asked", ["", True], ids=["beside the epoch", "at once"])
def test_kernels_are_compiled_where_the_disk_is_full(root, compiled, tmp_path, asked):
    pytest.importorskip("resource")
    done = iterate(FULL, root, "source", 1, asked, NUMBA_CACHE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, compiled[1, "pack"], "")


OTHER_KERNELS = """
from segfeed.pixels import block_counts
from segfeed.pixels.shapes import loading
assert loading.load_compiled() and block_counts.load_compiled()
"""


def test_what_numba_compiles_is_kept_in_the_user_s_own_folder_alone(root, compiled, tmp_path):
    pytest.importorskip("numba")
    house, cache = tmp_path / "house", tmp_path / "cache"
    shutil.copytree(Path(segfeed.__file__).parent, house / "segfeed", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"PYTHONPATH": str(house), "XDG_CACHE_HOME": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    assert compiled[1, "pack"] == printed(iterate(OTHER_KERNELS, root, "pack", 1, True, **environment))
    assert list(house.rglob("__pycache__")) == []  # an uninstalled package leaves nothing
    folder = cache / "segfeed" / "kernels"
    assert folder.stat().st_mode & 0o777 == 0o700
    kept = {path.name.partition(".")[0] for path in folder.rglob("*.nbc")}
    assert kept == {"block_kernel", "compiled"}  # the latter of batches and of shapes
    assert len({path.parent for path in folder.rglob("*.nbc")}) == 3
