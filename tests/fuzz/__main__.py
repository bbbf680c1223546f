"""Run every probe, or those named, for some seconds each: `python -m fuzz --seconds 60 [PROBE ...]`.

Inputs that break a probe stay in crashes/PROBE/, and tests/test_fuzz.py reads them from then on. Exit code 1 if there
are any.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fuzz.driver import TALLY
from fuzz.probe import Probe
from fuzz.probes import PROBES
from fuzz.replay import CRASHES

LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=8192")  # seconds for one input, memory of the process
MEMORY = "/dev/shm"  # noqa: S108 - a folder with a random name in it


def main() -> None:
    """Print a line for each probe: inputs tried, inputs taken, crashes found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each probe")
    parser.add_argument("probe", nargs="*", help=", ".join(PROBES))
    chosen = parser.parse_args()
    if strange := set(chosen.probe) - set(PROBES):
        parser.error(f"no probe {', '.join(sorted(strange))}; there are {', '.join(PROBES)}")
    table = Table("probe", "seconds", "inputs", "taken", "crashes", title="fuzzing")
    found = []
    for probe in (PROBES[name] for name in chosen.probe or PROBES):
        started = time.monotonic()
        taken, tried, crashes = fuzz(probe, chosen.seconds)
        found += crashes
        table.add_row(probe.name, *(f"{n:,}" for n in (round(time.monotonic() - started), tried, taken, len(crashes))))
    Console().print(table)
    sys.exit(bool(found))


def fuzz(probe: Probe, seconds: int) -> tuple[int, int, list[Path]]:
    """Fuzz one probe from its seeds and all it ever broke at; give inputs taken, inputs tried, new crashes."""
    kept = CRASHES / probe.name
    kept.mkdir(parents=True, exist_ok=True)
    before = set(kept.iterdir())
    # The child is ended by libFuzzer, and clears nothing up itself.
    with tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as place:
        corpus, tally = Path(place, "corpus"), Path(place, "tally")
        corpus.mkdir()
        tally.write_bytes(bytes(TALLY.size))
        for number, seed in enumerate([*probe.seeds(), *(path.read_bytes() for path in sorted(before))]):
            (corpus / str(number)).write_bytes(seed)
        command = [sys.executable, "-m", "fuzz.driver", probe.name, tally, *LIMITS]
        command += [f"-max_total_time={seconds}", f"-artifact_prefix={kept}/", corpus]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "TMPDIR": place}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        taken, tried = TALLY.unpack(tally.read_bytes())
    crashes = sorted(set(kept.iterdir()) - before)
    if done.returncode or crashes:  # the traceback goes to stdout, libFuzzer's own words to stderr
        found = ", ".join(map(str, crashes)) or "no input was kept"
        sys.stdout.write(f"{probe.name}: {found}\n{done.stdout}\n{done.stderr[-600:]}\n")
    if not any(kept.iterdir()):
        kept.rmdir()
    if done.returncode and not crashes:
        sys.exit(f"{probe.name}: the driver failed ({done.returncode})")
    return taken, tried, crashes


if __name__ == "__main__":
    main()
