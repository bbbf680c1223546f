"""The words of the command line: what an error says in Python's words, said as a person types it.

Errors name options as Python has them (`unknown="void"`), since most are raised far from any command. A command has
options of the same names, so one rule turns each into `--unknown void`. What a command does not have stays as it is.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from segfeed.errors import SegfeedError

# Options that bear another name on the command line, or are flags there: (name, value in Python) -> words.
_OTHERWISE = {
    ("crop_size", ""): "--crop",
    ("older_than_days", ""): "--older-than",
    ("overwrite", "True"): "--force",
    ("pack", "False"): "--no-pack",
    ("keep_archive", "True"): "--keep-archive",
    ("flip", "True"): "--flip",
    ("swap", "{}"): "--swap none",
    ("swap", "{...}"): "--swap LEFT=RIGHT",
}
_VALUE = r"\"[^\"]*\"|'[^']*'|\{[^{}]*\}|\([^()]*\)|\[[^\[\]]*\]|[A-Za-z0-9_./<>-]+(?:\([^()]*\))?"
_OPTION = re.compile(rf"(?<![\w./?&-])(?<!Augment\()([a-z]+(?:_[a-z]+)*)=({_VALUE})?(?!\w|=)")
_KEY = re.compile(r"([{,]\s*)(\d+|\([\d, ]*\)):")  # JSON has texts for keys only
_ALTERNATIVES = re.compile(r"""(?<![\w./?&-])([a-z]+(?:_[a-z]+)*)(="[\w-]+")((?:, "[\w-]+")* or "[\w-]+")""")
_SNAKE = re.compile(r"(?<![\w./=-])[a-z]+(?:_[a-z]+)+(?![\w=.(])")

# A few remedies differ so much between the two that they say both: here, the second one is enough.
_BOTH = (
    (re.compile(r"legend=\{[^{}]*\}[^,;]*[,;] on the command line (?=--legend)"), ""),
    (re.compile(r"legend='[^']*' \(on the command line (--legend [^)]*)\)"), r"\1"),
    (re.compile(r"pass download=True, "), ""),  # `segfeed fetch` is named before
    (re.compile(r"an Augment, or (?=one of )"), ""),  # --augment takes names alone
)

_OPTIONS: ContextVar[Mapping[str, str]] = ContextVar("options")  # of the command that runs


def as_typed(text: str, options: Mapping[str, str]) -> str:
    """Say a text as the command line has it.

    Args:
        text: in which options are written as Python has them.
        options: the command's: name in Python -> word on the command line.

    >>> as_typed('add it to the legend, or pass unknown="void"', {"unknown": "--unknown"})
    'add it to the legend, or pass --unknown void'
    >>> as_typed('pass overlap="smallest", "largest" or "void"', {"overlap": "--overlap"})
    'pass --overlap smallest, largest or void'
    >>> as_typed("choose another cache_dir", {"cache_dir": "--cache-dir"})
    'choose another --cache-dir'
    """
    for pattern, instead in _BOTH:
        text = pattern.sub(instead, text)
    text = _ALTERNATIVES.sub(
        lambda match: match[0] if not _word(match[1], options) else match[1] + match[2] + match[3].replace('"', ""),
        text,
    )
    text = _OPTION.sub(lambda match: _option(match, options), text)
    return _SNAKE.sub(lambda match: _word(match[0], options) or match[0], text)


def reword(error: SegfeedError, options: Mapping[str, str]) -> None:
    """Change an error's fields to the words of the command line."""
    error.where = _word(error.where, options) or error.where
    error.expected, error.remedy = as_typed(error.expected, options), as_typed(error.remedy, options)


@contextmanager
def worded_by(options: Mapping[str, str]) -> Iterator[None]:
    """Reword the errors of a command of these options while it runs, and what `advice` is asked for."""
    token = _OPTIONS.set(options)
    try:
        yield
    except SegfeedError as error:
        reword(error, options)
        raise
    finally:
        _OPTIONS.reset(token)


def advice(text: str) -> str:
    """Say a text of an error or a finding in the words of the command that runs."""
    return as_typed(text, _OPTIONS.get({}))


def _word(name: str, options: Mapping[str, str]) -> str:
    """Return the word of an option; "" if the command has none."""
    word = _OTHERWISE.get((name, ""), options.get(name, ""))
    return word if word in options.values() and word.startswith("--") else ""


def _option(match: re.Match[str], options: Mapping[str, str]) -> str:
    name, value = match[1], match[2] or ""
    flag = _OTHERWISE.get((name, value), "")
    if flag:
        return flag if flag.split()[0] in options.values() else match[0]
    word = _word(name, options)
    if not word or value == "True":  # a flag
        return word or match[0]
    if value.startswith("{"):
        quoted = _KEY.sub(r'\1"\2":', value.replace("'", '"').replace("None", "null"))
        return f"{word} FILE, a JSON file such as {quoted}"
    if value.startswith(("(", "[")):
        parts = [part.strip().strip("'\"") for part in value[1:-1].split(",") if part.strip()]
        value = ",".join("-" if part == "None" else part for part in parts)
    else:
        value = value.strip("'\"")
    return f"{word} {shlex.quote(value)}" if value else word
