"""The command line's first step: loads segfeed where Ctrl-C already ends in one line."""

import sys


def main() -> None:
    """Run `segfeed`."""
    try:
        from segfeed.cli.app import main as run  # noqa: PLC0415 - loading takes a third of a second, in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.stderr.write("segfeed: interrupted; nothing half-made is taken for whole\n")
        sys.exit(130)
    run()
