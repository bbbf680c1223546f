"""Descriptions: what a dataset is, said once in TOML: where its files lie, its splits, and what stored values mean.

A file `segfeed.toml` in a dataset's folder describes that dataset; the files in `datasets/descriptions/` describe
well-known ones. Both are read strictly: an unknown key, a wrong type or a contradiction is an error with its line.

    photos = "images/{split}/{key}.jpg"
    masks = "labels/{split}/{key}_mask.png"

    [splits]
    folders = { train = "training", val = "validation" }

    [classes]
    0 = "background"
    255 = "road"
    void = [7]

docs/formats.md has every key.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segfeed.datasets.patterns import Pattern, parse_patterns
from segfeed.errors import DescriptionError, SegfeedError

FILE_NAME = "segfeed.toml"
MAX_BYTES = 1 << 20

Value = int | tuple[int, int, int]
"""A stored value: an index, or a colour as (red, green, blue)."""

_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_GROUP = re.compile(r"\{key:(before last|after last|before|after) (.+)\}|\{folder\}")
_TEXT, _TEXTS, _TABLE = "a text", "a text or a list of texts", "a table"
_TOP = {
    "title": _TEXT,
    "source": _TEXT,
    "note": _TEXT,
    "tested": _TEXT,
    "photos": _TEXTS,
    "masks": _TEXTS,
    "objects": _TEXTS,
    "legend": _TEXT,
    "splits": _TABLE,
    "classes": _TABLE,
    "recognise": _TABLE,
}
_SPLITS = {"folders": _TABLE, "lists": "a text or a table", "hash": _TABLE, "group": "a text or a table"}


@dataclass(frozen=True)
class GroupRule:
    """What keeps samples together that must not be parted: near copies, frames of a video, slices of a patient.

    Attributes:
        before: the group is the key's part before (or after, if `after`) this text; "" if a file says it.
        after: whether the part after the text counts.
        last: whether the last occurrence of the text counts.
        folder: whether the group is the key's folder.
        file: a CSV file below the root with a line a sample; "" for none.
        key_column: of that file, with the sample's key.
        column: of that file, with the group.
    """

    before: str = ""
    after: bool = False
    last: bool = False
    folder: bool = False
    file: str = ""
    key_column: str = ""
    column: str = ""

    def group_of(self, key: str) -> str:
        """Return the group of a key by its text.

        >>> GroupRule(before="_").group_of("patient7_slice3")
        'patient7'
        """
        if self.folder:
            return key.rpartition("/")[0]
        head, found, tail = key.rpartition(self.before) if self.last else key.partition(self.before)
        return (tail if self.after else head) if found else key


@dataclass(frozen=True)
class SplitRule:
    """How samples come to their splits: by folder, by lists, or by a hash of their groups.

    Attributes:
        folders: split -> what {split} is on disk; names that are not in it stand for themselves.
        lists: split -> list file below the root; a single entry "" -> pattern with {split} finds them by name.
        shares: split -> percent of the groups, by hash; empty if folders or lists say it.
        group: what keeps samples together in splits by hash and in folds; None: each sample by itself.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, int] = field(default_factory=dict)
    group: GroupRule | None = None


@dataclass(frozen=True)
class Description:
    """What a dataset is.

    Attributes:
        where: the file that says so, for messages.
        photos: where photos lie; alternatives are tried together.
        masks: where class masks lie; () for photos without masks.
        objects: where object masks lie, for task="instance"; () if there are none.
        splits: how samples come to their splits.
        classes: stored values -> class name, in the order of the class ids; several values may mean one class.
        void: stored values that are void.
        legend: a legend file below the root, or the name of a public legend; "" if `classes` says it, or nothing does.
        title: the dataset's name.
        source: where its layout is documented.
        note: what is odd about it.
        tested: "real data", "stand-in" or "documentation": on what a shipped description was tried.
        needs: paths below the root that must exist for a shipped description to be recognised.
    """

    where: str
    photos: tuple[Pattern, ...]
    masks: tuple[Pattern, ...]
    objects: tuple[Pattern, ...] = ()
    splits: SplitRule = field(default_factory=SplitRule)
    classes: Mapping[Value, str] = field(default_factory=dict)
    void: tuple[Value, ...] = ()
    legend: str = ""
    title: str = ""
    source: str = ""
    note: str = ""
    tested: str = ""
    needs: tuple[str, ...] = ()


def read_description(path: Path) -> Description:
    """Read a description file.

    Raises:
        DescriptionError: if it cannot be read or holds what no description may; the line is named.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DescriptionError(str(path), found=f"{path.stat().st_size:,} bytes", expected=f"at most {MAX_BYTES:,}")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DescriptionError(
            str(path), found=f"the file cannot be read ({error.strerror})", remedy="check its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise DescriptionError(
            str(path), found=f"byte {error.start} is not UTF-8", expected="TOML", remedy="save it as UTF-8"
        ) from None
    return parse_description(text, str(path))


def parse_description(text: str, where: str) -> Description:
    r"""Read the text of a description, as `read_description` does.

    >>> parse_description('photos = "a/{key}.jpg"\nmasks = "b/{key}.png"', "segfeed.toml").masks[0].text
    'b/{key}.png'
    """
    return _Reader(text, where).read()


class _Reader:
    """Reads one description; every error knows the line of the key that it is about."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        try:
            self.said = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            reason, _, place = str(error).partition(" (at ")
            line = re.match(r"line (\d+)", place)
            found = f"line {line[1] if line else text.count(chr(10)) + 1}: this is not TOML ({reason})"
            raise DescriptionError(where, found=found, expected='lines such as photos = "images/{key}.jpg"') from error

    def read(self) -> Description:
        self._check_keys(self.said, _TOP, ())
        splits, recognise = self.said.get("splits", {}), self.said.get("recognise", {})
        self._check_keys(splits, _SPLITS, ("splits",))
        self._check_keys(recognise, {"needs": _TEXTS}, ("recognise",))
        if "photos" not in self.said:
            raise self._wrong((), "it does not say where photos lie", 'a line such as photos = "images/{key}.jpg"')
        if "legend" in self.said and "classes" in self.said:
            raise self._wrong(("legend",), "both legend and [classes] say what stored values mean", "one of them")
        classes, void = self._classes(self.said.get("classes", {}))
        needs = recognise.get("needs", [])
        return Description(
            self.where,
            self._patterns("photos"),
            self._patterns("masks"),
            self._patterns("objects"),
            self._split_rule(splits),
            classes,
            void,
            needs=(needs,) if isinstance(needs, str) else tuple(needs),
            **{name: self.said.get(name, "") for name in ("legend", "title", "source", "note", "tested")},
        )

    def _check_keys(self, table: Mapping[str, Any], known: Mapping[str, str], above: tuple[str, ...]) -> None:
        for key, value in table.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                raise self._wrong(
                    (*above, key),
                    f"the key {key!r} has no meaning" + (f" in [{above[-1]}]" if above else ""),
                    f"{near[0]!r}, or another of {', '.join(known)}" if near else f"one of {', '.join(known)}",
                )
            if not _fits(value, known[key]):
                raise self._wrong((*above, key), f"{key} = {value!r:.60}", known[key])

    def _patterns(self, key: str) -> tuple[Pattern, ...]:
        if key not in self.said:
            return ()
        try:
            return parse_patterns(self.said[key])
        except SegfeedError as error:
            raise self._wrong((key,), f"{error.where}: {error.found}", error.expected, error.remedy) from error

    def _split_rule(self, splits: Mapping[str, Any]) -> SplitRule:
        ways = [way for way in ("folders", "lists", "hash") if way in splits]
        if len(ways) > 1:
            raise self._wrong(("splits", ways[1]), f"splits by {' and by '.join(ways)}", "one of them")
        lists = splits.get("lists", {})
        if isinstance(lists, str):
            if "{split}" not in lists:
                raise self._wrong(
                    ("splits", "lists"), f"lists = {lists!r}", "{split} in it, or a table of split = file"
                )
            lists = {"": lists}
        shares = splits.get("hash", {})
        for table, way, good in (
            (splits.get("folders", {}), "folders", str),
            (lists, "lists", str),
            (shares, "hash", int),
        ):
            for split, value in table.items():
                if not isinstance(value, good) or isinstance(value, bool):
                    wanted = "a whole number of percent" if good is int else "a text"
                    raise self._wrong(("splits", way), f"{split} = {value!r:.60}", wanted)
        if shares and (sum(shares.values()) != 100 or min(shares.values()) < 1):
            raise self._wrong(("splits", "hash"), f"shares of {sum(shares.values())} percent in all", "100 percent")
        return SplitRule(splits.get("folders", {}), lists, shares, self._group(splits.get("group")))

    def _group(self, said: Any) -> GroupRule | None:
        if said is None:
            return None
        if isinstance(said, str) and (match := _GROUP.fullmatch(said)):
            how, text = match[1] or "", match[2] or ""
            return GroupRule(text, how.startswith("after"), how.endswith("last"), folder=not how)
        if isinstance(said, dict) and set(said) == {"file", "key", "column"} and all(map(_is_text, said.values())):
            return GroupRule(file=said["file"], key_column=said["key"], column=said["column"])
        raise self._wrong(
            ("splits", "group"),
            f"group = {said!r:.60}",
            "'{key:before _}', '{key:after last -}', '{folder}' or "
            '{ file = "...csv", key = "...", column = "..." }',
        )

    def _classes(self, said: Mapping[str, Any]) -> tuple[dict[Value, str], tuple[Value, ...]]:
        classes: dict[Value, str] = {}
        for key, name in said.items():
            if key == "void":
                continue
            if not _is_text(name) or not name.strip() or not name.isprintable():
                raise self._wrong(("classes", key), f"{key} = {name!r:.60}", "a class name")
            value = self._value(key, ("classes", key))
            if value in classes:
                raise self._wrong(
                    ("classes", key), f"{key} stands for {classes[value]!r} and for {name!r}", "one class"
                )
            classes[value] = name
        listed = said.get("void", [])
        if not isinstance(listed, list):
            raise self._wrong(("classes", "void"), f"void = {listed!r:.60}", "a list of stored values")
        void = tuple(self._value(value, ("classes", "void")) for value in listed)
        if both := [value for value in void if value in classes]:
            raise self._wrong(("classes", "void"), f"{_show(both[0])} is void and {classes[both[0]]!r}", "one of them")
        return classes, void

    def _value(self, said: Any, keys: tuple[str, ...]) -> Value:
        if match := _COLOUR.fullmatch(str(said)):
            red, green, blue = (int(part, 16) for part in match.groups())
            return red, green, blue
        if re.fullmatch(r"\d{1,5}", str(said)) and int(said) <= 65535 and not isinstance(said, bool):
            return int(said)
        raise self._wrong(
            keys, f"{said!r:.60} is not a stored value", 'an index 0..65535 or a colour such as "#804080"'
        )

    def _wrong(self, keys: tuple[str, ...], found: str, expected: str, remedy: str = "") -> DescriptionError:
        line = self._line_of(keys)
        return DescriptionError(
            self.where, found=f"line {line}: {found}" if line else found, expected=expected, remedy=remedy
        )

    def _line_of(self, keys: tuple[str, ...]) -> int:
        """Find the line of a key; TOML's own reader does not tell. 0 if it stands where no plain search finds it."""
        table = ""
        for number, line in enumerate(self.text.split("\n"), 1):
            if header := re.match(r"\s*\[\s*([\w.]+)\s*\]", line):
                table = header[1]
                if ".".join(keys) == table:
                    return number
                continue
            named = re.match(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*=""", line)
            if named and ".".join(filter(None, (table, next(filter(None, named.groups()), "")))) == ".".join(keys):
                return number
            if named and keys and len(keys) > 1 and not table and next(filter(None, named.groups()), "") == keys[0]:
                return number  # an inline table
        return 0


def _fits(value: Any, wanted: str) -> bool:
    if wanted == _TABLE:
        return isinstance(value, dict)
    if wanted.endswith("table") and isinstance(value, dict):
        return True
    return _is_text(value) or (
        wanted == _TEXTS and isinstance(value, list) and bool(value) and all(map(_is_text, value))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _show(value: Value) -> str:
    return str(value) if isinstance(value, int) else f"#{value[0]:02x}{value[1]:02x}{value[2]:02x}"


def write_description(description: Description) -> str:
    """Write a description as TOML that a person edits; `parse_description` reads it back as the same description.

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
    if description.legend:
        lines.append(f"legend = {_quote(description.legend)}")
    lines += _write_splits(description.splits)
    if description.classes or description.void:
        lines += ["", "[classes]"]
        lines += [f"{_key(_show(value))} = {_quote(name)}" for value, name in description.classes.items()]
        shown = [str(value) if isinstance(value, int) else _quote(_show(value)) for value in description.void]
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
    return ["", "[splits]", *lines] if lines else []


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _quote(text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'


def _list(items: Any) -> str:
    return f"[{', '.join(items)}]"
