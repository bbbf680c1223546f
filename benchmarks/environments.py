"""Environments: one virtual environment for each peer, made when it is first needed and kept between runs."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".venv-bench"
_STAMP = "installed.json"
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


class InstallError(RuntimeError):
    """A peer cannot be installed here; the message says why."""


def python_of(name: str, requirements: Sequence[Sequence[str]], needs: str = "") -> str:
    """Return the interpreter of a peer's environment, making the environment first if it is missing or outdated.

    Args:
        name: the peer.
        requirements: the arguments of each `pip install`.
        needs: what must be on the machine besides, for the message.

    Raises:
        InstallError: pip failed.
    """
    folder = FOLDER / name
    python, stamp = folder / "bin" / "python", folder / _STAMP
    wanted = {"python": sys.version, "requirements": [list(part) for part in requirements]}
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return str(python)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    stamp.unlink(missing_ok=True)
    _call([sys.executable, "-m", "venv", str(folder)], needs)
    for arguments in requirements:
        _call([str(python), *_PIP, *arguments], needs)
    stamp.write_text(json.dumps(wanted))
    return str(python)


def _call(command: list[str], needs: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - venv and pip
    if done.returncode:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if "error" in line.lower()]
        reason = lines[0] if lines else f"{' '.join(command[1:4])} ended with exit code {done.returncode}"
        raise InstallError(f"cannot be installed: {reason[:200]}" + (f"; {needs}" if needs else ""))
