"""Descriptions as they are read: strictly, so that an unknown key, a wrong type or a contradiction is an error.

Every error names the line of the key that it is about.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import read_file
from segfeed.datasets.descriptions.description import Description, Value, show_value
from segfeed.datasets.descriptions.patterns import Pattern, parse_patterns
from segfeed.datasets.drawn.masks import DRAW_WORDS, DrawOptions
from segfeed.datasets.legends.in_tables import colour_of_text
from segfeed.datasets.matching.split_rule import REST, KeyRule, SplitRule, SplitTable
from segfeed.errors import DescriptionError, OptionError, SegfeedError, SourceError

MAX_BYTES = 1 << 20
_MOST_PARTS = 100
_KEY = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_KEYS = rf"({_KEY}(?:\s*\.\s*{_KEY})*)"
_HEADER, _NAMED = re.compile(rf"\s*\[(\[?)\s*{_KEYS}\s*\]"), re.compile(rf"\s*{_KEYS}\s*=")
_PART = re.compile(r"""\"([^"]*)\"|'([^']*)'|([\w-]+)""")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')

_GROUP = re.compile(r"\{key:(before last|after last|before|after) (.+)\}|\{folder\}")
_TEXT, _TEXTS, _TABLE, _SWITCH = "a text", "a text or a list of texts", "a table", "true or false"
_NUMBERS, _TABLES = "a list of three numbers from 1", "tables, each headed by [[variants]]"
_PERCENT = "a whole number of percent, such as 80"
_TOP = {
    "title": _TEXT,
    "source": _TEXT,
    "note": _TEXT,
    "tested": _TEXT,
    "photos": _TEXTS,
    "masks": _TEXTS,
    "objects": _TEXTS,
    "samples": _TEXT,
    "legend": _TEXTS,
    "unpainted": _TEXT,
    "merge": _SWITCH,
    "bands": _NUMBERS,
    "splits": _TABLE,
    "classes": _TABLE,
    "recognise": _TABLE,
    "variants": _TABLES,
    "shapes": _TABLE,
}
_BESIDE_SHAPES = ("shapes", "title", "source", "note")
_VARIANT = {
    **{key: _TOP[key] for key in ("photos", "masks", "objects", "legend", "unpainted", "merge", "bands", "classes")},
    "file": _TEXT,
}
_SPLITS = {
    "folders": _TABLE,
    "lists": "a text or a table",
    "table": _TABLE,
    "hash": _TABLE,
    "group": "a text or a table",
    "stratify": "true, false, a text or a table",
    "first_word": _SWITCH,
    "unlabelled": _TEXTS,
}
_RECOGNISE = {"needs": _TEXTS, "pairs": _TEXTS, "unless": _TEXTS, "sure": _SWITCH}


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

    def __init__(self, text: str, where: str, variant: tuple[Mapping[str, Any], int] | None = None) -> None:
        import tomllib  # noqa: PLC0415 - most datasets have no description, and `import segfeed` shall stay light

        self.text, self.where = text, where
        self.above: tuple[str, ...] = ()
        if variant is not None:
            self.said, self.above = dict(variant[0]), (f"variants.{variant[1]}",)
            return
        self._refuse_long_keys()
        try:
            self.said = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # also a number of thousands of digits
            reason, _, place = str(error).partition(" (at ")
            line = re.match(r"line (\d+)", place)
            found = f"line {line[1] if line else text.count(chr(10)) + 1}: this is not TOML ({reason})"
            expected = 'lines such as photos = "images/{key}.jpg", 0 = "road", "128,64,128" = "road"'
            raise DescriptionError(where, found=found, expected=expected) from error

    def _refuse_long_keys(self) -> None:
        """Refuse a key of many parts, a.b.c: Python would take gigabytes for 200 kB."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if len(line) > _MOST_PARTS and _QUOTED.sub("", line).count(".") > _MOST_PARTS:
                found = f"line {number}: more than {_MOST_PARTS} dots that stand in no text"
                raise DescriptionError(self.where, found=found, expected='lines such as photos = "images/{key}.jpg"')

    def read(self) -> Description:
        if not self.above:
            self._check_keys(self.said, _TOP, ())
        splits, recognise = self.said.get("splits", {}), self.said.get("recognise", {})
        shapes = self._shapes(self.said.get("shapes", {}))
        self._check_keys(splits, _SPLITS, ("splits",))
        self._check_keys(recognise, _RECOGNISE, ("recognise",))
        self._check_contradictions(recognise)
        classes, void = self._classes(self.said.get("classes", {}))
        if "classes" in self.said and not classes and not (void and "legend" in self.said):
            wanted = 'a line such as 0 = "background", or "#804080" = "road", the colour in quotes'
            raise self._wrong(("classes",), "[classes] names no class", wanted)
        if "legend" in self.said and classes:
            raise self._wrong(("legend",), "both legend and [classes] say what stored values mean", "one of them")
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
            is_sure=recognise.get("sure", False),
            is_merged=self.said.get("merge", False),
            bands=tuple(self.said.get("bands", ())),
            legend=_texts(self.said.get("legend", [])),
            variants=tuple(self._variants()),
            shapes=shapes,
            **{name: self.said.get(name, "") for name in ("title", "source", "note", "tested", "unpainted", "file")},
        )

    def _check_contradictions(self, recognise: Mapping[str, Any]) -> None:
        if "shapes" in self.said:
            if other := next((key for key in self.said if key not in _BESIDE_SHAPES), None):
                found = f"{other} beside [shapes], which says how annotations are drawn that a format finds"
                raise self._wrong((other,), found, "masks as pictures, or [shapes]")
        elif "photos" not in self.said:
            raise self._wrong((), "it does not say where photos lie", 'a line such as photos = "images/{key}.jpg"')
        if self.said.get("samples", "masks") != "masks":
            raise self._wrong(("samples",), f"samples = {self.said['samples']!r:.60}", '"masks", or no such line')
        if "unpainted" in self.said and "legend" not in self.said:
            raise self._wrong(("unpainted",), "unpainted without legend", "the legend file that it adds to")
        if recognise.get("sure") and "needs" not in recognise:
            raise self._wrong(("recognise", "sure"), "sure without needs", "what only this dataset has, as needs")
        if self.said.get("merge") and not any("*" in pattern.text for pattern in self._patterns("masks")):
            wanted = 'a pattern of several masks, such as masks = "{key}/masks/*.png"'
            raise self._wrong(("merge",), "merge, but the pattern of masks fits one file a key", wanted)
        for place in _texts(recognise.get("needs", [])):
            if "{" in place:
                self._parse_patterns(("recognise", "needs"), place)

    def _shapes(self, said: Mapping[str, Any]) -> dict[str, str]:
        self._check_keys(said, dict.fromkeys(DRAW_WORDS, _TEXT), ("shapes",))
        for key, word in said.items():
            try:
                DrawOptions(**{key: word})
            except OptionError as error:
                raise self._wrong(("shapes", key), f"{key} = {error.found}", error.expected) from None
        if "shapes" in self.said and not said:
            raise self._wrong(("shapes",), "[shapes] says nothing", 'a line such as crowd = "void"')
        return dict(said)

    def _variants(self) -> Iterator[Description]:
        """Read each variant as a description of its own: what it does not say, the whole says."""
        listed = self.said.get("variants", [])
        shared = {key: value for key, value in self.said.items() if key != "variants"}
        for number, own in enumerate(listed):
            self._check_keys(own, _VARIANT, (f"variants.{number}",))
            if "masks" not in own:
                raise self._wrong((f"variants.{number}",), "a variant without masks", "the pattern of its masks")
            says_classes = bool({"legend", "classes"} & own.keys())
            replaced = ("legend", "classes", "unpainted") if says_classes else ()
            kept = {key: value for key, value in shared.items() if key not in replaced}
            yield _Reader(self.text, self.where, ({**kept, **own}, number)).read()

    def _check_keys(self, table: Mapping[str, Any], known: Mapping[str, str], above: tuple[str, ...]) -> None:
        for key, value in table.items():
            if key not in known:
                from difflib import get_close_matches  # noqa: PLC0415 - needed for an error only

                near = get_close_matches(key, known, 1)
                raise self._wrong(
                    (*above, key),
                    f"the key {key!r} has no meaning"
                    + (f" in [{re.sub(r'[.][0-9]+', '', above[-1])}]" if above else ""),
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

    def _check_ways(self, splits: Mapping[str, Any]) -> None:
        ways = [way for way in ("folders", "lists", "table", "hash") if way in splits]
        if len(ways) > 1 and (ways != ["table", "hash"] or "split" in splits["table"]):
            raise self._wrong(("splits", ways[1]), f"splits by {' and by '.join(ways)}", "one of them")
        if empty := [way for way in ways if not splits[way]]:
            raise self._wrong(("splits", empty[0]), f"{empty[0]} names no split", "a split, or no such line")
        if "folders" in splits and not any(pattern.has_split for pattern in self._patterns("photos")):
            raise self._wrong(("splits", "folders"), "folders, but no {split} in photos", "{split} where they differ")

    def _split_rule(self, splits: Mapping[str, Any]) -> SplitRule:
        self._check_ways(splits)
        lists = splits.get("lists", {})
        if isinstance(lists, str):
            if "{split}" not in lists:
                wanted = "{split} in it, or a table of split = file"
                raise self._wrong(("splits", "lists"), f"lists = {lists!r}", wanted)
            lists = {"": lists}
        folders, shares = splits.get("folders", {}), splits.get("hash", {})
        for table, way, wanted in ((folders, "folders", _TEXTS), (lists, "lists", _TEXT), (shares, "hash", _PERCENT)):
            for split, value in table.items():
                if not (type(value) is int if wanted == _PERCENT else _fits(value, wanted)):
                    raise self._wrong(("splits", way), f"{split} = {value!r:.60}", wanted)
        if (lists and set(lists.values()) == {REST}) or list(lists.values()).count(REST) > 1:
            raise self._wrong(("splits", "lists"), f"{REST!r} for {len(lists)} splits", "a list for all splits but one")
        self._check_shares(shares)
        return SplitRule(
            {split: _texts(names) for split, names in folders.items()},
            lists,
            shares,
            self._key_rule("group", splits["group"]) if "group" in splits else None,
            said if isinstance(said := splits.get("stratify", False), bool) else self._key_rule("stratify", said),
            splits.get("first_word", False),
            _texts(splits.get("unlabelled", [])),
            self._split_table(splits["table"]) if "table" in splits else None,
        )

    def _split_table(self, said: Mapping[str, Any]) -> SplitTable:
        needed = {"file", "key"}
        texts, names = {key: value for key, value in said.items() if key != "names"}, said.get("names", {})
        is_whole = needed <= texts.keys() <= {*needed, "mask", "split"} and all(map(_is_text, texts.values()))
        is_whole = is_whole and ("split" in texts or not names)
        if not is_whole or not isinstance(names, dict) or not all(_fits(value, _TEXTS) for value in names.values()):
            wanted = (
                '{ file = "samples.csv", key = "image" }, and mask = "...", split = "..." if masks and splits have a '
                'column, names = { train = "..." } if it calls splits otherwise'
            )
            raise self._wrong(("splits", "table"), f"table = {said!r:.60}", wanted)
        called = {split: _texts(words) for split, words in names.items()}
        return SplitTable(texts["file"], texts["key"], texts.get("mask", ""), texts.get("split", ""), called)

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
        if len({*void}) < len(void):  # [0, 0, 0] is hardly meant as the index 0
            colour = ', or a colour in quotes, such as ["0,0,0"]'
            raise self._wrong(("classes", "void"), f"void = {listed!r:.60}", f"each value once{colour}")
        if both := [value for value in void if value in classes]:
            raise self._wrong(
                ("classes", "void"), f"{show_value(both[0])} is void and {classes[both[0]]!r}", "one of them"
            )
        return classes, void

    def _value(self, said: Any, keys: tuple[str, ...]) -> Value:
        if colour := colour_of_text(str(said)):
            return colour
        if re.fullmatch(r"\d{1,5}", str(said)) and int(said) <= 65535 and not isinstance(said, bool):
            return int(said)
        raise self._wrong(
            keys,
            f"{said!r:.60} is not a stored value",
            'an index 0..65535, or a colour such as "#804080" or "128,64,128"',
        )

    def _wrong(self, keys: tuple[str, ...], found: str, expected: str, remedy: str = "") -> DescriptionError:
        line = self._line_of(keys)
        return DescriptionError(
            self.where, found=f"line {line}: {found}" if line else found, expected=expected, remedy=remedy
        )

    def _line_of(self, keys: tuple[str, ...]) -> int:
        """Find the line of a key; TOML's own reader does not tell. 0 if it stands where no plain search finds it."""
        # What is wrong with a variant stands in it, or in what all variants share.
        ways = [(*self.above, *keys), keys] if self.above and keys else [keys]
        return next((line for way in ways if (line := _find_line(self.text, way))), 0)


def _find_line(text: str, keys: tuple[str, ...]) -> int:
    wanted, table, variants = ".".join(keys) + ".", "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            variants += bool(header[1])
            table = re.sub(r"^variants\.", f"variants.{variants - 1}.", _dotted(header[2]))
            if table.startswith(wanted):
                return number
            continue
        name = _dotted(named[1]) if (named := _NAMED.match(line)) else ""
        # What stands in a key, `crowd.x = 1`, is said by that line too; an inline table says what is in it.
        if name and ((table + name).startswith(wanted) or (len(keys) > 1 and not table and name == f"{keys[0]}.")):
            return number
    return 0


def _dotted(key: str) -> str:
    """Return a key of TOML, such as `"a".b`, with a dot behind each of its parts."""
    return "".join(f"{next(filter(None, part), '')}." for part in _PART.findall(key))


def _fits(value: Any, wanted: str) -> bool:
    if wanted == _TABLES:
        return isinstance(value, list) and all(isinstance(table, dict) for table in value)
    if wanted == _NUMBERS:
        return isinstance(value, list) and len(value) == 3 and all(type(n) is int and 1 <= n <= 16 for n in value)
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
