"""What a description says, as TOML that a person reads and edits."""

import re
from collections.abc import Iterable, Sequence

from segfeed.datasets.descriptions.description import FILE_NAME, Description, show_value
from segfeed.datasets.matching.split_rule import KeyRule, SplitRule


def write_description(description: Description, remarks: Iterable[str] = ()) -> str:
    """Write a description as TOML that a person edits; `parse_description` reads it back as the same description.

    Args:
        description: what is written.
        remarks: lines that follow as comments.

    >>> from segfeed.datasets.descriptions.reader import parse_description
    >>> from segfeed.datasets.descriptions.patterns import parse_patterns
    >>> text = write_description(Description("", parse_patterns("a/{key}.jpg"), (), classes={0: "sky"}, void=(255,)))
    >>> parse_description(text, "").classes
    {0: 'sky'}
    """
    lines = [f"# What this dataset is; segfeed reads this file ({FILE_NAME}) instead of guessing. See docs/formats.md."]
    lines += [
        f"{name} = {_quote(value)}" for name in ("title", "source", "note") if (value := getattr(description, name))
    ]
    shared = _write_files(description)
    lines += [*shared, *_write_splits(description.splits)]
    if description.classes or description.void:
        lines += ["", "[classes]", *_write_classes(description)]
    if description.shapes:
        lines += ["", "[shapes]", *(f"{option} = {_quote(word)}" for option, word in description.shapes.items())]
    for variant in description.variants:
        lines += ["", "[[variants]]", *(line for line in _write_files(variant) if line not in shared)]
        if (variant.classes, variant.void) != (description.classes, description.void):
            lines += ["", "[variants.classes]", *_write_classes(variant)]
    if lines_of_remarks := [f"# {line}".rstrip() for line in remarks]:
        lines += ["", *lines_of_remarks]
    return "\n".join(lines) + "\n"


def _write_files(description: Description) -> list[str]:
    """Write where files lie, and where it is said what masks mean: what a variant may say anew."""
    kinds = (
        (name, [pattern.text for pattern in getattr(description, name)]) for name in ("photos", "masks", "objects")
    )
    lines = [f"{name} = {_texts(texts)}" for name, texts in kinds if texts]
    if description.by_masks:
        lines.append('samples = "masks"')
    if description.is_merged:
        lines.append("merge = true")
    if description.bands:
        lines.append(f"bands = {_list(map(str, description.bands))}")
    if description.legend:
        lines.append(f"legend = {_texts(description.legend)}")
    return lines + [
        f"{name} = {_quote(value)}" for name in ("unpainted", "file") if (value := getattr(description, name))
    ]


def _write_classes(description: Description) -> list[str]:
    lines = [f"{_key(show_value(value))} = {_quote(name)}" for value, name in description.classes.items()]
    shown = [str(value) if isinstance(value, int) else _quote(show_value(value)) for value in description.void]
    return [*lines, f"void = {_list(shown)}"]


def _write_splits(rule: SplitRule) -> list[str]:
    lines = []
    for name, table in (("folders", rule.folders), ("hash", rule.shares), ("lists", rule.lists)):
        if name == "lists" and set(table) == {""}:
            lines.append(f"lists = {_quote(str(table['']))}")
        elif table:
            pairs = (f"{_key(split)} = {v if isinstance(v, int) else _texts(v)}" for split, v in table.items())
            lines.append(f"{name} = {{ {', '.join(pairs)} }}")
    if rule.table is not None:
        said = {"file": rule.table.file, "key": rule.table.key, "mask": rule.table.mask, "split": rule.table.split}
        lines.append(f"table = {{ {', '.join(f'{name} = {_quote(text)}' for name, text in said.items() if text)} }}")
    if rule.group is not None:
        lines.append(f"group = {_write_key_rule(rule.group)}")
    if rule.stratify:
        lines.append(f"stratify = {'true' if rule.stratify is True else _write_key_rule(rule.stratify)}")
    if rule.first_word:
        lines.append("first_word = true")
    if rule.unlabelled:
        lines.append(f"unlabelled = {_list(map(_quote, rule.unlabelled))}")
    return ["", "[splits]", *lines] if lines else []


def _write_key_rule(rule: KeyRule) -> str:
    if rule.file:
        return f"{{ file = {_quote(rule.file)}, key = {_quote(rule.key_column)}, column = {_quote(rule.column)} }}"
    how = f"{'after' if rule.after else 'before'}{' last' if rule.last else ''}"
    return _quote("{folder}" if rule.folder else f"{{key:{how} {rule.before}}}")


def _texts(said: str | Sequence[str]) -> str:
    texts = [said] if isinstance(said, str) else said
    return _quote(texts[0]) if len(texts) == 1 else _list(map(_quote, texts))


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _quote(text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"
