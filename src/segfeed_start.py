"""The first step of the command line, outside the package, so that Ctrl-C ends in one line even while that loads."""

import sys


def main() -> None:
    """Run `segfeed`."""
    try:
        from segfeed.cli.app import main as run  # noqa: PLC0415 - a third of a second, in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.stderr.write("segfeed: interrupted; nothing half-made is taken for whole\n")
        sys.exit(130)
    run()
