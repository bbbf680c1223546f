"""What is released: two builds of equal bytes, one version, metadata, and an installed package as a user has it."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import segfeed

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

needs_builder = pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed")


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Choose what a fresh checkout does not have, or what is large and not released."""
    if Path(folder) == ROOT:
        return {name for name in names if name[0] == "." and name != ".github"} | {"shared"}
    return {"__pycache__", *(["pictures"] if Path(folder) == ROOT / "docs" else [])} & {*names}


@pytest.fixture(scope="module", name="built")
def _built(tmp_path_factory):
    """Build sdist and wheel twice, from two copies whose files bear different dates: {name: [digests]} and a folder."""
    digests: dict[str, list[str]] = {}
    for number in range(2):
        copy = tmp_path_factory.mktemp("checkout") / "segfeed"
        shutil.copytree(ROOT, copy, ignore=_left_out)
        for path in copy.rglob("*"):
            os.utime(path, (10**9 + number * 10**6,) * 2)
        # The PEP 517 hooks, as any front end calls them.
        code = "import sys; from hatchling import build; build.build_sdist(sys.argv[1]); build.build_wheel(sys.argv[1])"
        to = copy / "dist"
        to.mkdir()
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run([sys.executable, "-c", code, str(to)], cwd=copy, check=True, timeout=120, env=environment)
        for path in to.iterdir():
            digests.setdefault(path.name, []).append(hashlib.sha256(path.read_bytes()).hexdigest())
    return digests, to


@needs_builder
@pytest.mark.slow
def test_two_builds_have_the_same_bytes(built):
    digests, _ = built
    version = segfeed.__version__
    assert set(digests) == {f"segfeed-{version}.tar.gz", f"segfeed-{version}-py3-none-any.whl"}
    for name, found in digests.items():
        assert len(set(found)) == 1, name


@needs_builder
@pytest.mark.slow
def test_the_wheel_holds_the_package_its_types_and_its_licence_and_nothing_else(built):
    _, folder = built
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        licence = next(name for name in names if name.endswith("licenses/LICENSE"))
        assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()
        metadata = wheel.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert {name.split("/")[0] for name in names} == {
        "segfeed", "segfeed_start.py", f"segfeed-{segfeed.__version__}.dist-info",
    }  # fmt: skip
    house = Path(segfeed.__file__).parent
    here = {str(path.relative_to(house.parent).as_posix()) for path in house.rglob("*") if path.is_file()}
    assert {name for name in here if "__pycache__" not in name} <= names
    assert "Project-URL: Issues" in metadata
    assert "License-Expression: MIT" in metadata


@needs_builder
@pytest.mark.slow
def test_the_source_archive_can_be_built_and_tested(built):
    _, folder = built
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "conftest.py"} <= names
    assert {"src/segfeed/__init__.py", "src/segfeed/py.typed", "tests/test_release.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


SCRIPT = """
from typing import assert_type
import numpy as np
import segfeed

train, val = segfeed.load("sample", batch_size=8, crop_size=(64, 96))
assert_type(train, segfeed.Loader)
for batch in train:
    images, labels = batch
    assert_type(batch, segfeed.Batch)
source = segfeed.scan("sample", "val")
assert_type(source, segfeed.Source)
names: tuple[str, ...] = segfeed.Legend(("a", "b")).names
segfeed.load("sample", batch_size="8", crop_size=(64, 96))
"""


@needs_builder
@pytest.mark.slow
def test_an_installed_package_runs_and_is_typed_as_a_user_sees_it(built, tmp_path):
    _, folder = built
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    bin_folder = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = bin_folder / "python"
    # The dependencies come from the environment of the tests: this test may need no network.
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip())
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(site)  # noqa: S202 - built just now
    (site / "others.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"SEGFEED_CACHE": str(tmp_path / "cache")}
    command = [python, "-m", "segfeed", "demo", "--to", tmp_path / "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "demo").glob("*.png"))) == 3
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--cache-dir", tmp_path / "c"]
    done = subprocess.run(
        [*command, script], capture_output=True, text=True, timeout=300, check=False, env=environment, cwd=tmp_path
    )
    told = [line for line in done.stdout.splitlines() if "script.py" in line and "error" in line]
    assert len(told) == 1, done.stdout + done.stderr  # the last line of the script, which is wrong on purpose
    assert 'Argument "batch_size" to "load" has incompatible type "str"' in told[0]


def test_the_version_stands_in_one_place():
    assert "version" in PROJECT["project"]["dynamic"]
    written = [
        path
        for path in [*ROOT.glob("*.toml"), *ROOT.glob("*.cff"), *(ROOT / "src").rglob("*.py")]
        if re.search(rf"""["' ]{re.escape(segfeed.__version__)}["']?$""", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert written == [ROOT / "src" / "segfeed" / "__init__.py"]


def test_the_workflow_runs_every_python_that_the_metadata_names():
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert all(re.findall(r"python: \[(.*)\]", workflow))
    for line in re.findall(r"python: \[(.*)\]", workflow):
        assert re.findall(r'"(3\.\d+)"', line) == named
    for system in ("ubuntu", "macos", "windows"):
        assert f"{system}-latest" in workflow


def test_project_urls_are_links():
    assert {"Homepage", "Changelog", "Issues", "Documentation"} <= PROJECT["project"]["urls"].keys()
    assert all(url.startswith("https://") for url in PROJECT["project"]["urls"].values())
