"""The command line: every command by its name; every error as one line or one JSON object, with an exit code.

Exit codes: 0 done, 1 the data is bad or something failed (a full disk, a download, a damaged pack), 2 the command is
wrong, 130 interrupted.
"""

import sys
from typing import Any, NoReturn

import typer

import segfeed
from segfeed.cli import auditing, caching, feeding, looking, scoring, transfer
from segfeed.cli.options import as_command, clean, print_json, say
from segfeed.errors import OptionError, SegfeedError

app = typer.Typer(
    name="segfeed",
    help="Semantic-segmentation datasets, from the folder on disk to the batch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _function in (
    feeding.demo,
    transfer.fetch,
    looking.scan,
    auditing.check,
    auditing.report,
    feeding.load,
    feeding.pack,
    looking.show,
    looking.stats,
    feeding.bench,
    scoring.score,
    transfer.export,
    caching.verify,
):
    app.command()(as_command(_function))

cache_app = typer.Typer(help="List the packs in the cache, or prune them.", invoke_without_command=True)
cache_app.callback()(caching.list_packs)
cache_app.command()(caching.prune)
app.add_typer(cache_app, name="cache")

_INTERRUPTED = 130


@app.command()
def version() -> None:
    """Print the version."""
    say(segfeed.__version__)


def main() -> None:
    """Run the command line; every error is one line on standard error, or with --json one object on standard output."""
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        _stop("interrupted; nothing half-made is taken for whole", _INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads our output any more; Python would complain about that at exit
        sys.exit(0)
    except SegfeedError as error:
        _fail(error)
    except Exception as error:
        # typer's own errors, under whatever module it keeps them: usage (exit code 2) and Abort (Ctrl-C)
        if type(error).__name__ == "Abort":
            _stop("interrupted; nothing half-made is taken for whole", _INTERRUPTED)
        if not hasattr(error, "format_message"):
            raise
        if not error.format_message():  # bare `segfeed`: the help was its answer
            sys.exit(2)
        _fail(_usage_error(error))
    if code == _INTERRUPTED:  # typer turns Ctrl-C into a return value
        _stop("interrupted; nothing half-made is taken for whole", _INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _usage_error(error: Any) -> OptionError:
    """Turn an error that typer found in the command's words into one with fields."""
    path = error.ctx.command_path if getattr(error, "ctx", None) else "segfeed"
    found = error.format_message().rstrip(".")
    return OptionError(path.partition(" ")[2], found=found, remedy=f"see `{path} --help`")


def _fail(error: SegfeedError) -> NoReturn:
    """End with an error: as text, or as JSON if --json stands among the command's words (behind "--" stand paths)."""
    code = 2 if isinstance(error, OptionError) else 1
    words = sys.argv[1:]
    if "--json" not in words[: words.index("--") if "--" in words else None]:
        _stop(str(error), code)
    print_json(error.to_json())
    sys.exit(code)


def _stop(message: str, code: int) -> NoReturn:
    print(f"segfeed: {clean(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)
