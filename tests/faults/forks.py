"""A process that has imported everything and forks one child a job, so that a thousand killed runs take seconds.

Run as a program it is that process: it reads a line of JSON, forks, waits for its children, and answers with a line.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faults import EXHAUSTIVE
from faults.layer import Fault, Layer, record

PATIENCE_S = 600 if EXHAUSTIVE else 60


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        status: exit status; -9 where the child was killed.
        answer: what the job returned; "error" and "message" where it raised; "calls" where a layer counted them.
    """

    status: int
    answer: dict[str, Any]

    @property
    def error(self) -> str:
        """Return the name of the exception, "" if there was none."""
        return str(self.answer.get("error", ""))

    @property
    def message(self) -> str:
        """Return the exception's message."""
        return str(self.answer.get("message", ""))


class Forks:
    """Run jobs, functions of `faults.jobs` and `faults.rotting`, each in a process of its own.

    Args:
        prefix: a command that runs the program given after it, in surroundings of its own.
    """

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        command = [*prefix, sys.executable, "-m", "faults.forks"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )

    def run(self, name: str, *arguments: Any, **how: Any) -> Outcome:
        """Run one job; `how` is as in `task`."""
        return self.run_together([task(name, *arguments, **how)])[0]

    def run_together(self, tasks: list[dict[str, Any]], kill_after_s: float | None = None) -> list[Outcome]:
        """Start jobs from a barrier, kill the first of them after a while, and wait for all."""
        self.start(tasks, kill_after_s)
        return self.finish()

    def start(self, tasks: list[dict[str, Any]], kill_after_s: float | None = None) -> None:
        """Start jobs, and do not wait for them."""
        assert self._process.stdin is not None
        print(json.dumps({"tasks": tasks, "kill_after_s": kill_after_s}), file=self._process.stdin, flush=True)

    def finish(self) -> list[Outcome]:
        """Wait for the jobs that were started."""
        assert self._process.stdout is not None
        return [Outcome(**found) for found in json.loads(self._process.stdout.readline())]

    def succeed(self, described: dict[str, Any]) -> Outcome:
        """Run one job that must not fail."""
        (outcome,) = self.run_together([described])
        assert (outcome.status, outcome.error) == (0, ""), outcome
        return outcome

    def close(self) -> None:
        """End the process."""
        try:
            self._process.communicate(timeout=PATIENCE_S)
        finally:
            self._process.kill()


def wait_for(happened: Callable[[], Any]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.001)


def task(
    name: str,
    *arguments: Any,
    folder: Path | None = None,
    fault: Fault | None = None,
    to: Path | None = None,
    uid: int = -1,
    limit_bytes: int = -1,
) -> dict[str, Any]:
    """Describe a job.

    Args:
        name: of a function in `faults.jobs` or `faults.rotting`.
        arguments: of that function.
        folder: calls on what lies below it are numbered.
        fault: what happens to one of them.
        to: where the list of calls is written.
        uid: the user that runs the job; -1 leaves it as it is.
        limit_bytes: how large a file may grow; -1 leaves it as it is.
    """
    layer = None if folder is None else {"folder": str(folder), "fault": asdict(fault or Fault()), "to": to and str(to)}
    plain = [str(argument) if isinstance(argument, Path) else argument for argument in arguments]
    return {"name": name, "arguments": plain, "layer": layer, "uid": uid, "limit_bytes": limit_bytes}


def _perform(described: dict[str, Any]) -> dict[str, Any]:
    from faults import jobs, rotting  # noqa: PLC0415 - in the process that forks only

    if described["uid"] >= 0:
        os.setgroups([])
        os.setgid(described["uid"])
        os.setuid(described["uid"])
    if described["limit_bytes"] >= 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (described["limit_bytes"],) * 2)
    watched, layer = described["layer"], None
    if watched is not None:
        layer = Layer(watched["folder"], Fault(**watched["fault"]))
        layer.install()
    try:
        perform = next(
            getattr(module, described["name"]) for module in (jobs, rotting) if hasattr(module, described["name"])
        )
        answer = dict(perform(*described["arguments"]))
    except Exception as error:  # noqa: BLE001 - the test says which ones may come
        names = [kind.__name__ for kind in type(error).__mro__]
        where = traceback.format_exc() if "SegfeedError" not in names else ""
        answer = {
            "error": type(error).__name__,
            "named": "SegfeedError" in names,
            "message": str(error),
            "where": where,
        }
    if layer is not None:
        answer |= {"calls": len(layer.kinds), "kinds": layer.kinds}
        if watched["to"]:
            record(layer, Path(watched["to"]))
    return answer


def _child(described: dict[str, Any], barrier: tuple[int, int], answers: int) -> None:
    """Wait at the barrier, perform the job, answer, and go without a word to anybody else."""
    signal.alarm(PATIENCE_S)
    try:
        os.close(barrier[1])
        os.read(barrier[0], 1)
        os.write(answers, json.dumps(_perform(described)).encode())
    except BaseException:  # noqa: BLE001 - a child must never return
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _run_together(tasks: list[dict[str, Any]], kill_after_s: float | None) -> list[dict[str, Any]]:
    barrier, running = os.pipe(), []
    for described in tasks:
        reading, writing = os.pipe()
        if (pid := os.fork()) == 0:
            _child(described, barrier, writing)
        os.close(writing)
        running.append((pid, reading))
    for end in barrier:
        os.close(end)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(running[0][0], signal.SIGKILL)
    outcomes = []
    for pid, reading in running:
        with open(reading, "rb") as file:
            said = file.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        outcomes.append({"status": status, "answer": json.loads(said) if said and status == 0 else {}})
    return outcomes


def main() -> None:
    """Import everything, then fork for each line of tasks."""
    from faults import jobs, rotting  # noqa: F401, PLC0415 - in this process only, before the first fork

    jobs.prepare()
    for line in sys.stdin:
        print(json.dumps(_run_together(**json.loads(line))), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
