"""What the fault tests share: a process that forks, a folder in memory, a tally of injected faults."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import EXHAUSTIVE
from faults.forks import Forks

_TALLY: Counter[str] = Counter()
_OF_THESE = ": of these"  # is counted in another line already


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not Path("/proc/self/fd").is_dir():
        for test in items:
            if Path(__file__).parent in test.path.parents:
                test.add_marker(pytest.mark.skip(reason="open files are told by /proc (Linux)"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _TALLY and (EXHAUSTIVE or terminalreporter.verbosity > 0):
        terminalreporter.section("faults and bad inputs")
        for what, count in sorted(_TALLY.items()):
            terminalreporter.write_line(f"{count:9,}  {what}")
        alone = sum(count for what, count in _TALLY.items() if _OF_THESE not in what)
        terminalreporter.write_line(f"{alone:9,}  in all")


@pytest.fixture(scope="session")
def tally():
    """Return a function that counts faults: tally(what, how many)."""

    def count(what: str, number: int) -> None:
        assert number > 0, f"no fault of this kind was injected: {what}"
        _TALLY[what] += number

    return count


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    running = Forks()
    yield running
    running.close()


@pytest.fixture
def room() -> Iterator[Path]:
    """Return an empty folder, in memory if the system has space there: thousands of syncs need no disk."""
    memory = Path("/dev/shm")  # noqa: S108 - only the place
    folder = Path(tempfile.mkdtemp(prefix="segfeed-faults-", dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory, write_voc) -> Path:
    """Return a VOC folder of 3 train pairs, two parts of them in these tests, and 2 val pairs."""
    return write_voc(
        tmp_path_factory.mktemp("tiny") / "VOC2012", {"train": [(6, 8), (5, 9), (7, 4)], "val": [(6, 8), (3, 3)]}
    )
