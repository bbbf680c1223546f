"""Showing: how a value shows itself though what paints it lies below it. A module of its own: every family asks here.

A family imports only from families above its own, and pictures lie below all that they show. So a class asks here by
a word, and the package's `__init__`, which Python runs before any module, says which function answers. That function
is imported when it is first asked.
"""

import importlib
from collections.abc import Iterable
from typing import Any

ANSWERS: dict[str, str] = {}
"""What is asked for -> the module and the name of the function that answers."""


def ask(word: str, value: Any, **options: Any) -> Any:
    """Call the function that answers a word, such as "html", with a value."""
    module, _, name = ANSWERS[word].rpartition(".")
    return getattr(importlib.import_module(module), name)(value, **options)


def show_html(value: Any) -> str:
    """Show a value as HTML; as a class's `_repr_html_` it is what notebooks show in place of a text."""
    return str(ask("html", value))


def visible(text: str) -> str:
    r"""Write characters that are not seen, or that turn the reading direction, as Python does in a literal.

    >>> visible("a\x1b[31m\u202eb\udcff")
    'a\\x1b[31m\\u202eb\\udcff'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def brief(text: str, most: int = 60) -> str:
    r"""Write a name in a line of text: what is not seen as in a literal, and the middle of a long one left out.

    >>> brief("two\nlines"), brief("long" * 9, 9)
    ('two\\nlines', 'long…long')
    """
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}"
    return visible(text)


def some(values: Iterable[object], most: int = 10) -> str:
    """Write the first few values, and how many more there are.

    >>> some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    texts = [*map(str, values)]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most:,} more" if len(texts) > most else "")


def counted(count: int, one: str, more: str = "") -> str:
    """Write a number with its noun, such as "1 sample" or "1,464 samples"."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
