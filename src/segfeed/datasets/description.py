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

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import read_file
from segfeed.datasets.patterns import Pattern, parse_patterns
from segfeed.datasets.split_rule import REST, KeyRule, SplitRule
from segfeed.errors import DescriptionError, SegfeedError, SourceError

FILE_NAME = "segfeed.toml"
MAX_BYTES = 1 << 20

Value = int | tuple[int, int, int]
"""A stored value: an index, or a colour as (red, green, blue)."""

_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_GROUP = re.compile(r"\{key:(before last|after last|before|after) (.+)\}|\{folder\}")
_TEXT, _TEXTS, _TABLE, _SWITCH = "a text", "a text or a list of texts", "a table", "true or false"
_TOP = {
    "title": _TEXT,
    "source": _TEXT,
    "note": _TEXT,
    "tested": _TEXT,
    "photos": _TEXTS,
    "masks": _TEXTS,
    "objects": _TEXTS,
    "samples": _TEXT,
    "legend": _TEXT,
    "unpainted": _TEXT,
    "splits": _TABLE,
    "classes": _TABLE,
    "recognise": _TABLE,
}
_SPLITS = {
    "folders": _TABLE,
    "lists": "a text or a table",
    "hash": _TABLE,
    "group": "a text or a table",
    "stratify": "true, false, a text or a table",
    "first_word": _SWITCH,
    "unlabelled": _TEXTS,
}
_RECOGNISE = {"needs": _TEXTS, "pairs": _TEXTS, "unless": _TEXTS}


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
        needs: paths or patterns below the root that must exist for a shipped description to be recognised.
        pairs: list files, of which one must begin with a line of two files that exist: a photo and its mask.
        by_masks: whether the masks say which samples there are, unless lists do: further photos are not meant.
        unless: paths below the root that must not exist for a shipped description to be recognised.
        unpainted: the class of what a legend file's colours leave: the stored value 0, and black; "" for none.
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
    pairs: tuple[str, ...] = ()
    by_masks: bool = False
    unless: tuple[str, ...] = ()
    unpainted: str = ""


def read_description(path: Path) -> Description:
    """Read a description file.

    Raises:
        DescriptionError: if it cannot be read or holds what no description may; the line is named.
    """
    try:
        text = read_file(path, MAX_BYTES).decode("utf-8-sig")
    except SourceError as error:
        raise DescriptionError(error.where, error.found, error.expected, error.remedy) from error
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
        import tomllib  # noqa: PLC0415 - most datasets have no description, and `import segfeed` shall stay light

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
        self._check_keys(recognise, _RECOGNISE, ("recognise",))
        if "photos" not in self.said:
            raise self._wrong((), "it does not say where photos lie", 'a line such as photos = "images/{key}.jpg"')
        if "legend" in self.said and "classes" in self.said:
            raise self._wrong(("legend",), "both legend and [classes] say what stored values mean", "one of them")
        if self.said.get("samples", "masks") != "masks":
            raise self._wrong(("samples",), f"samples = {self.said['samples']!r:.60}", '"masks", or no such line')
        if "unpainted" in self.said and "legend" not in self.said:
            raise self._wrong(("unpainted",), "unpainted without legend", "the legend file that it adds to")
        for place in _texts(recognise.get("needs", [])):
            if "{" in place:
                self._parse_patterns(("recognise", "needs"), place)
        classes, void = self._classes(self.said.get("classes", {}))
        if "classes" in self.said and not classes:
            raise self._wrong(("classes",), "[classes] names no class", 'a line such as 0 = "background"')
        return Description(
            self.where,
            self._patterns("photos"),
            self._patterns("masks"),
            self._patterns("objects"),
            self._split_rule(splits),
            classes,
            void,
            needs=_texts(recognise.get("needs", [])),
            pairs=_texts(recognise.get("pairs", [])),
            by_masks="samples" in self.said,
            unless=_texts(recognise.get("unless", [])),
            **{name: self.said.get(name, "") for name in ("legend", "title", "source", "note", "tested", "unpainted")},
        )

    def _check_keys(self, table: Mapping[str, Any], known: Mapping[str, str], above: tuple[str, ...]) -> None:
        for key, value in table.items():
            if key not in known:
                from difflib import get_close_matches  # noqa: PLC0415 - needed for an error only

                near = get_close_matches(key, known, 1)
                raise self._wrong(
                    (*above, key),
                    f"the key {key!r} has no meaning" + (f" in [{above[-1]}]" if above else ""),
                    f"{near[0]!r}, or another of {', '.join(known)}" if near else f"one of {', '.join(known)}",
                )
            if not _fits(value, known[key]):
                raise self._wrong((*above, key), f"{key} = {value!r:.60}", known[key])

    def _patterns(self, key: str) -> tuple[Pattern, ...]:
        return self._parse_patterns((key,), self.said[key]) if key in self.said else ()

    def _parse_patterns(self, keys: tuple[str, ...], said: str | list[str]) -> tuple[Pattern, ...]:
        try:
            return parse_patterns(said)
        except SegfeedError as error:
            raise self._wrong(keys, f"{error.where}: {error.found}", error.expected, error.remedy) from error

    def _split_rule(self, splits: Mapping[str, Any]) -> SplitRule:
        ways = [way for way in ("folders", "lists", "hash") if way in splits]
        if len(ways) > 1:
            raise self._wrong(("splits", ways[1]), f"splits by {' and by '.join(ways)}", "one of them")
        if empty := [way for way in ways if not splits[way]]:
            raise self._wrong(("splits", empty[0]), f"{empty[0]} names no split", "a split, or no such line")
        if "folders" in splits and not any(pattern.has_split for pattern in self._patterns("photos")):
            raise self._wrong(("splits", "folders"), "folders, but no {split} in photos", "{split} where they differ")
        lists = splits.get("lists", {})
        if isinstance(lists, str):
            if "{split}" not in lists:
                wanted = "{split} in it, or a table of split = file"
                raise self._wrong(("splits", "lists"), f"lists = {lists!r}", wanted)
            lists = {"": lists}
        shares = splits.get("hash", {})
        for table, way, good in (
            (splits.get("folders", {}), "folders", str),
            (lists, "lists", str),
            (shares, "hash", int),
        ):
            for split, value in table.items():
                if not isinstance(value, good) or isinstance(value, bool):
                    wanted = "a whole number of percent, such as 80" if good is int else "a text"
                    raise self._wrong(("splits", way), f"{split} = {value!r:.60}", wanted)
        if (lists and set(lists.values()) == {REST}) or list(lists.values()).count(REST) > 1:
            raise self._wrong(("splits", "lists"), f"{REST!r} for {len(lists)} splits", "a list for all splits but one")
        self._check_shares(shares)
        return SplitRule(
            splits.get("folders", {}),
            lists,
            shares,
            self._key_rule("group", splits["group"]) if "group" in splits else None,
            said if isinstance(said := splits.get("stratify", False), bool) else self._key_rule("stratify", said),
            splits.get("first_word", False),
            _texts(splits.get("unlabelled", [])),
        )

    def _check_shares(self, shares: Mapping[str, int]) -> None:
        if "all" in shares:
            raise self._wrong(("splits", "hash"), "a share of 'all', which is the name of all samples", "another name")
        if odd := [f"{split} = {share}" for split, share in shares.items() if not 1 <= share <= 100]:
            raise self._wrong(("splits", "hash"), odd[0], "1 to 100 percent for each split")
        if shares and sum(shares.values()) != 100:
            raise self._wrong(("splits", "hash"), f"shares of {sum(shares.values())} percent in all", "100 percent")

    def _key_rule(self, name: str, said: Any) -> KeyRule:
        if isinstance(said, str) and (match := _GROUP.fullmatch(said)):
            how, text = match[1] or "", match[2] or ""
            return KeyRule(text, how.startswith("after"), how.endswith("last"), folder=not how)
        if isinstance(said, dict) and set(said) == {"file", "key", "column"} and all(map(_is_text, said.values())):
            return KeyRule(file=said["file"], key_column=said["key"], column=said["column"])
        raise self._wrong(
            ("splits", name),
            f"{name} = {said!r:.60}",
            ("true, " if name == "stratify" else "") + "'{key:before _}', '{key:after last -}', '{folder}' or "
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
            raise self._wrong(
                ("classes", "void"), f"{show_value(both[0])} is void and {classes[both[0]]!r}", "one of them"
            )
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
    if wanted in (_TABLE, _SWITCH):
        return isinstance(value, dict if wanted == _TABLE else bool)
    if (wanted.endswith("table") and isinstance(value, dict)) or (
        wanted.startswith("true") and isinstance(value, bool)
    ):
        return True
    return _is_text(value) or (
        wanted == _TEXTS and isinstance(value, list) and bool(value) and all(map(_is_text, value))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(said: str | list[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def show_value(value: Value) -> str:
    """Return a stored value as a description spells it.

    >>> show_value(7), show_value((128, 64, 128))
    ('7', '#804080')
    """
    return str(value) if isinstance(value, int) else f"#{value[0]:02x}{value[1]:02x}{value[2]:02x}"
