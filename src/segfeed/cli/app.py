"""The command line: every command by its name; every error as one line or one JSON object, with an exit code.

Exit codes: 0 done, 1 the data is bad or something failed (a full disk, a download, a damaged pack), 2 the command is
wrong, 130 interrupted.
"""

import contextlib
import os
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
        if sys.stdout is not None:
            sys.stdout.flush()  # so that a full disk or a closed pipe shows now
    except BaseException as error:  # noqa: BLE001 - what no person caused is raised again
        _end(error)
    if code == _INTERRUPTED:  # typer turns Ctrl-C into a return value
        _end(KeyboardInterrupt())
    sys.exit(code if isinstance(code, int) else 0)


def _end(error: BaseException) -> NoReturn:
    """End with the exit code and the one line of an error that a person can act on; raise any other."""
    # typer's own errors are told by what they have, since it keeps them under changing modules.
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        _stop("interrupted; nothing half-made is taken for whole", _INTERRUPTED)
    if isinstance(error, SegfeedError):
        _fail(error)
    if isinstance(error, BrokenPipeError):
        _drop(sys.stdout)
        sys.exit(0)
    if isinstance(error, MemoryError):
        _stop("out of memory; pass a smaller crop or batch, or fewer --threads", 1)
    if isinstance(error, OSError):
        _drop(sys.stdout)
        place = f"{error.filename}: " if error.filename else ""
        _stop(f"{place}the system refused ({error.strerror or error})", 1)
    if not hasattr(error, "format_message"):
        raise error
    if not error.format_message():  # bare `segfeed`: the help was its answer
        sys.exit(2)
    _fail(_usage_error(error))


def _drop(stream: Any) -> None:
    """Send what is still to be printed nowhere: nobody reads it, and Python would complain about that at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
    if sys.stderr is not None:  # print would write on standard output then
        try:
            print(f"segfeed: {clean(' '.join(message.split()))}", file=sys.stderr, flush=True)
        except (OSError, ValueError):
            _drop(sys.stderr)
    sys.exit(code)
