"""Contenders: processes that wait for their turn, so that rounds can alternate without warming up again.

A process that waits is stopped: threads that poll, and prefetching that goes on, would take time from the one that has
the turn.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turns import Job

_READY_S = 900  # preloading a dataset as float32 and trying several settings take their time
_TURN_S = 300
HERE = Path(__file__).parent


class ContenderError(RuntimeError):
    """A contender died, or did not answer in time; the message says why as far as it is known."""


@dataclass
class Row:
    """One line of the table.

    Attributes:
        key: its name in results.json.
        title: its name in the table.
        group: "floor", "segfeed", "files", "peer", "augmented" or "augmented peer".
        module: what runs, under `benchmarks`.
        options: the job's options.
        against: the keys of the rows that it is compared with.
        about: how it is set up, in a sentence or two.
        python: the interpreter that runs it.
        rounds: pairs per second, one for each round.
        facts: settings, versions, and how the output was checked.
        failed: why there is no number.
    """

    key: str
    title: str
    group: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    against: tuple[str, ...] = ()
    about: str = ""
    python: str = ""
    rounds: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    failed: str = ""

    @property
    def is_peer(self) -> bool:
        """Whether this is another tool."""
        return self.group.endswith("peer")

    @property
    def is_augmented(self) -> bool:
        """Whether its crops are scaled."""
        return self.group.startswith("augmented")


class Contender:
    """Run a row's module in a process of its own.

    Args:
        row: what to run.
        job: what it has to do.
        log: takes what it prints to standard error.
    """

    def __init__(self, row: Row, job: Job, log: Path) -> None:
        self.row, self._log = row, log
        with log.open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - a module of this folder
                [row.python, "-m", row.module, job.to_json()],
                cwd=HERE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
                process_group=0,  # with its workers; they end with us, for the system wakes the stopped ones then
            )
        self.said = self._answer(_READY_S)
        self._signal(signal.SIGSTOP)

    def turn(self, at_least_s: float) -> float:
        """Let it run once, and give its pairs per second."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write(f"{at_least_s}\n")
            self._process.stdin.flush()
            answer = self._answer(_TURN_S)
        except BrokenPipeError:
            raise ContenderError(self._reason()) from None
        finally:
            self._signal(signal.SIGSTOP)
        return float(answer["pairs"] / answer["seconds"])

    def stop(self) -> None:
        """End the process: an end of its input first, then less politely."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has died: the reader of its answer will say why
            os.killpg(self._process.pid, number)

    def _answer(self, within_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        late = threading.Event()

        def kill() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(within_s, kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            self._process.wait()
            raise ContenderError(f"no answer within {within_s:.0f} s" if late.is_set() else self._reason())
        return dict(json.loads(line))

    def _reason(self) -> str:
        """Find the last line that an exception left in the log."""
        self._process.wait()
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line and not line[0].isspace()]
        told = [line for line in lines if "Error" in line or "Exception" in line] or lines
        return (told[-1] if told else f"exit code {self._process.returncode}")[:300]


def _as_installed() -> dict[str, str]:
    """Return the environment in which Python keeps what it compiled, as pip does for a user who installs a package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_once(module: str, job: Job, python: str) -> dict[str, Any]:
    """Run a module to its end in a fresh process, and read the JSON that it prints last."""
    done = subprocess.run(  # noqa: S603 - a module of this folder
        [python, "-m", module, job.to_json()], cwd=HERE, env=_as_installed(), capture_output=True, text=True,
        check=False, timeout=_READY_S,
    )  # fmt: skip
    if done.returncode:
        raise ContenderError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300])
    return dict(json.loads(done.stdout.splitlines()[-1]))
