"""The command line: every command by its name, one line for every error, an exit code.

Exit codes: 0 done, 1 the data is bad or something failed (a full disk, a download, a damaged pack), 2 the command is wrong,
130 interrupted.
"""

import sys

import typer

import segfeed
from segfeed.cli import auditing, feeding, intake, keeping, looking, recognising, reporting, scoring, sharing
from segfeed.cli.options import clean, say
from segfeed.errors import OptionError, SegfeedError

app = typer.Typer(
    name="segfeed",
    help="Semantic-segmentation datasets, from the folder on disk to the batch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (
    feeding.demo,
    intake.fetch,
    recognising.scan,
    auditing.check,
    reporting.report,
    feeding.load,
    feeding.pack,
    looking.show,
    looking.stats,
    feeding.bench,
    scoring.score,
    sharing.export,
    keeping.verify,
):
    app.command()(_command)

cache_app = typer.Typer(help="List the packs in the cache, or prune them.", invoke_without_command=True)
cache_app.callback()(keeping.list_packs)
cache_app.command()(keeping.prune)
app.add_typer(cache_app, name="cache")

_INTERRUPTED = 130


@app.command()
def version() -> None:
    """Print the version."""
    say(segfeed.__version__)


def main() -> None:
    """Run the command line; every error is one line on standard error."""
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        _fail("interrupted; nothing half-made is taken for whole", _INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; Python would complain about that at exit
        sys.exit(0)
    except SegfeedError as error:
        _fail(str(error), 2 if isinstance(error, OptionError) else 1)
    except Exception as error:
        # typer's own errors, under whatever module it keeps them: usage (exit code 2) and Abort (Ctrl-C)
        if type(error).__name__ == "Abort":
            _fail("interrupted; nothing half-made is taken for whole", _INTERRUPTED)
        if not hasattr(error, "format_message"):
            raise
        if not error.format_message():  # bare `segfeed`: the help was its answer
            sys.exit(2)
        _fail(error.format_message(), 2)
    if code == _INTERRUPTED:  # typer turns Ctrl-C into a return value
        _fail("interrupted; nothing half-made is taken for whole", _INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> None:
    print(f"segfeed: {clean(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)
