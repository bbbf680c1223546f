"""What a description says, as TOML that a person reads and edits."""

import re
from typing import Any

from segfeed.datasets.description import FILE_NAME, Description, SplitRule, show_value


def write_description(description: Description) -> str:
    """Write a description as TOML that a person edits; `parse_description` reads it back as the same description.

    >>> from segfeed.datasets.description import parse_description
    >>> from segfeed.datasets.patterns import parse_patterns
    >>> text = write_description(Description("", parse_patterns("a/{key}.jpg"), (), classes={0: "sky"}, void=(255,)))
    >>> parse_description(text, "").classes
    {0: 'sky'}
    """
    lines = [f"# What this dataset is; segfeed reads this file ({FILE_NAME}) instead of guessing. See docs/formats.md."]
    lines += [
        f"{name} = {_quote(value)}" for name in ("title", "source", "note") if (value := getattr(description, name))
    ]
    for name in ("photos", "masks", "objects"):
        texts = [pattern.text for pattern in getattr(description, name)]
        if texts:
            lines.append(f"{name} = {_quote(texts[0]) if len(texts) == 1 else _list(map(_quote, texts))}")
    if description.by_masks:
        lines.append('samples = "masks"')
    lines += [f"{name} = {_quote(said)}" for name in ("legend", "unpainted") if (said := getattr(description, name))]
    lines += _write_splits(description.splits)
    if description.classes or description.void:
        lines += ["", "[classes]"]
        lines += [f"{_key(show_value(value))} = {_quote(name)}" for value, name in description.classes.items()]
        shown = [str(value) if isinstance(value, int) else _quote(show_value(value)) for value in description.void]
        lines.append(f"void = {_list(shown)}")
    return "\n".join(lines) + "\n"


def _write_splits(rule: SplitRule) -> list[str]:
    lines = []
    for name, table in (("folders", rule.folders), ("hash", rule.shares), ("lists", rule.lists)):
        if name == "lists" and set(table) == {""}:
            lines.append(f"lists = {_quote(str(table['']))}")
        elif table:
            pairs = (f"{_key(split)} = {_quote(v) if isinstance(v, str) else v}" for split, v in table.items())
            lines.append(f"{name} = {{ {', '.join(pairs)} }}")
    if (group := rule.group) is not None:
        if group.file:
            said = (
                f"{{ file = {_quote(group.file)}, key = {_quote(group.key_column)}, column = {_quote(group.column)} }}"
            )
        else:
            how = f"{'after' if group.after else 'before'}{' last' if group.last else ''}"
            said = _quote("{folder}" if group.folder else f"{{key:{how} {group.before}}}")
        lines.append(f"group = {said}")
    lines += ["first_word = true"] * rule.first_word
    lines += [f"unlabelled = {_list(map(_quote, rule.unlabelled))}"] * bool(rule.unlabelled)
    return ["", "[splits]", *lines] if lines else []


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _quote(text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'


def _list(items: Any) -> str:
    return f"[{', '.join(items)}]"
