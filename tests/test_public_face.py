"""The public face: its names, their documentation, and what importing them costs."""

import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import segfeed

REPOSITORY = Path(__file__).parents[1]
HEAVY = (
    *("torch", "tensorflow", "jax", "matplotlib", "numba", "rich", "typer", "pandas", "skimage", "segfeed.cli.app"),
    *("importlib.metadata", "platformdirs", "segfeed.datasets.sample.art"),  # light, but needed seldom
)


def constants_then_classes_then_functions(name):
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_names_are_sorted_and_few():
    assert segfeed.__all__ == sorted(segfeed.__all__, key=constants_then_classes_then_functions)
    assert len(segfeed.__all__) == len(set(segfeed.__all__)) <= 32


@pytest.mark.parametrize("name", segfeed.__all__)
def test_every_name_can_be_had_and_is_documented(name):
    thing = getattr(segfeed, name)
    assert inspect.getdoc(thing), name


@pytest.mark.parametrize("name", [name for name in segfeed.__all__ if name[0].isupper() and not name.isupper()])
def test_every_public_method_is_documented(name):
    thing = getattr(segfeed, name)
    for method, value in vars(thing).items():
        if not method.startswith("_") and (callable(value) or isinstance(value, property | classmethod)):
            assert inspect.getdoc(getattr(thing, method)), f"{name}.{method}"


def test_names_of_the_design_are_there():
    wanted = (
        "load scan check show write_report make_pack Plan Draw Augment recipes Shard BatchFormat IMAGENET Loader Batch "
        "Splits Source Pack Pair Legend Finding Score to_torch to_tf to_jax SegfeedError errors d2l"
    )
    assert set(wanted.split()) == set(segfeed.__all__)


def test_dir_lists_the_public_names_alone():
    assert set(dir(segfeed)) == {*segfeed.__all__, "__version__"}
    assert {"check", "show", "d2l", "write_report"} <= set(dir(segfeed))


def test_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'segfeed' has no attribute 'laod'"):
        _ = segfeed.laod


def test_every_error_is_a_segfeed_error_and_a_builtin_one():
    kinds = [
        kind for kind in vars(segfeed.errors).values() if inspect.isclass(kind) and kind is not segfeed.SegfeedError
    ]
    assert len(kinds) >= 10
    for kind in kinds:
        assert issubclass(kind, segfeed.SegfeedError)
        assert issubclass(kind, ValueError | OSError | ImportError)
        assert f"─ {kind.__name__} " in segfeed.errors.__doc__, "the tree of errors lacks it"
        assert str(kind("a.png", found="a hole")) == "a.png: a hole."


@pytest.mark.slow
def test_importing_is_light_starts_no_thread_opens_no_connection_and_writes_nothing(tmp_path):
    code = f"""
import sys, threading
events = []
sys.addaudithook(lambda event, arguments: events.append((event, str(arguments[:2]))))
import segfeed
import json
written = [args for event, args in events if event in ("os.mkdir", "os.rename", "os.remove", "socket.connect")]
print(json.dumps({{
    "heavy": [name for name in {HEAVY!r} if name in sys.modules],
    "threads": threading.active_count(),
    "written": [line for line in written if "__pycache__" not in line and ".pyc" not in line],
}}))
"""
    command = [sys.executable, "-c", code]
    environment = {
        "PYTHONPATH": str(Path(segfeed.__file__).parents[1]),  # this checkout, even if another one is installed
        "SEGFEED_CACHE": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"heavy": [], "threads": 1, "written": []}
    assert list(tmp_path.iterdir()) == []


def test_version_is_the_newest_of_the_changelog():
    path = REPOSITORY / "CHANGELOG.md"
    if not path.is_file():
        pytest.skip("no CHANGELOG.md yet")
    headings = re.findall(r"^##\s+\[?v?(\d+\.\d+\.\d+\S*?)\]?(?:\s|$)", path.read_text(), re.MULTILINE)
    assert headings, "no heading of a version"
    assert headings[0] == segfeed.__version__


def test_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", segfeed.__version__)


def test_package_says_that_it_is_typed():
    assert (Path(segfeed.__file__).parent / "py.typed").is_file()


def test_formats_that_scan_recognises_can_be_imported():
    sources = importlib.import_module("segfeed.datasets.recognition")
    for name in sources.FORMATS:
        found = sources.import_format(name)
        assert callable(found.recognise), name
        assert callable(found.list_split), name
