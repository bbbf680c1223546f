"""The command line: every command by its name; every error as one line or one JSON object, with an exit code.

Exit codes: 0 done, 1 the data is bad or something failed (a full disk, a download, a damaged pack), 2 the command is
wrong, 130 interrupted.
"""

import contextlib
import os
import sys
from typing import Annotated, Any, NoReturn

import typer

import segfeed
from segfeed.cli import auditing, caching, feeding, looking, scoring, transfer
from segfeed.cli.examples import epilog
from segfeed.cli.options import as_command
from segfeed.cli.printing import clean, print_json, say
from segfeed.errors import OptionError, SegfeedError

_SETTINGS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="segfeed",
    help="Semantic-segmentation datasets, from the folder on disk to the batch.",
    no_args_is_help=True,
    context_settings=_SETTINGS,
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
    app.command(epilog=epilog(_function.__name__), context_settings=_SETTINGS)(as_command(_function))

cache_app = typer.Typer(
    help="List the packs in the cache, or prune them.",
    epilog=epilog("cache"),
    invoke_without_command=True,
    context_settings=_SETTINGS,
)
cache_app.callback()(as_command(caching.list_packs))
cache_app.command(epilog=epilog("prune"), context_settings=_SETTINGS)(as_command(caching.prune))
app.add_typer(cache_app, name="cache")

_INTERRUPTED = 130


def _print_version(*, asked: bool) -> None:
    if asked:
        say(segfeed.__version__)
        raise typer.Exit


@app.callback()
def _begin(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Semantic-segmentation datasets, from the folder on disk to the batch."""


def main() -> None:
    """Run the command line; every error is one line on standard error, or with --json one object on standard output."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # None, closed, or some logger's own
            # A pipe on Windows may know no Chinese: such a name is then written by its numbers.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = _command()(prog_name="segfeed", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # so that a full disk or a closed pipe shows now
    except BaseException as error:  # noqa: BLE001 - what no person caused is raised again
        _end(error)
    if code == _INTERRUPTED:  # typer turns Ctrl-C into a return value
        _end(KeyboardInterrupt())
    sys.exit(code if isinstance(code, int) else 0)


def _command() -> Any:
    """Build the command line; flags, which take no value, are shown without a type."""
    command: Any = typer.main.get_command(app)
    todo = [command]
    for one in todo:
        todo += getattr(one, "commands", {}).values()
        asked = one.get_help_option(one.context_class(one, **one.context_settings))
        for option in (*one.params, asked):
            if getattr(option, "is_flag", False):
                option.metavar = ""
    return command


def _end(error: BaseException) -> NoReturn:
    """End with the exit code and the one line of an error that a person can act on; raise any other."""
    # typer's own errors are told by what they have, since it keeps them under changing modules.
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        _stop("interrupted; nothing half-made is taken for whole", _INTERRUPTED, "Interrupted")
    if isinstance(error, SegfeedError):
        _fail(error)
    if isinstance(error, BrokenPipeError):
        _drop(sys.stdout)
        sys.exit(0)
    if isinstance(error, MemoryError):
        _stop("out of memory; pass a smaller crop or batch, or fewer --threads", 1, "MemoryError")
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        advice = "pass --threads 1, or raise its limits (ulimit -u, ulimit -v)"
        _stop(f"the system starts no more threads; {advice}", 1, "RuntimeError")
    if isinstance(error, ImportError):
        advice = "raise the limit of memory (ulimit -v), or install segfeed anew"
        _stop(f"a library cannot be loaded ({error}); {advice}", 1, "ImportError")
    if isinstance(error, OSError):
        _drop(sys.stdout)
        place = f"{error.filename}: " if error.filename else ""
        _stop(f"{place}the system refused ({error.strerror or error})", 1, type(error).__name__)
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
    """End with an error."""
    _stop(str(error), 2 if isinstance(error, OptionError) else 1, error.to_json())


def _stop(message: str, code: int, described: dict[str, str] | str) -> NoReturn:
    """End with a message: as text, or as JSON if --json stands among the command's words (behind "--" stand paths).

    Args:
        message: what happened.
        code: the exit code.
        described: the same in JSON values, or the kind of what happened if the message is all there is.
    """
    words = sys.argv[1:]
    if "--json" in words[: words.index("--") if "--" in words else None]:
        if isinstance(described, str):
            fields = dict.fromkeys(("where", "expected", "remedy"), "")
            described = {"kind": described, "error": message, "found": message, **fields}
        with contextlib.suppress(OSError, ValueError):  # nobody reads
            print_json(described)
            sys.stdout.flush()
    elif sys.stderr is not None:  # print would write on standard output then
        try:
            print(f"segfeed: {clean(' '.join(message.split()))}", file=sys.stderr, flush=True)
        except (OSError, ValueError):
            _drop(sys.stderr)
    sys.exit(code)
