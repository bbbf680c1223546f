"""Lines of legend files, taken apart into class names, stored values and colours.

All lines of a text together decide what its numbers are, and no number becomes part of a name unnoticed: one whole
number a line is the stored value, three are the colour, four are both. Two readings are an error that names them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

from segfeed.datasets.legends.in_tables import (
    BREAKS,
    GROUP,
    HEX,
    IS_NUMBER,
    TOKENS,
    Row,
    is_heading,
    numbers_of,
    plain_colours,
    rows_of_table,
    split_header,
    split_line,
    split_words,
    without_total,
)
from segfeed.errors import LegendError

FORMS = (
    "each line like the others: 'road', '1 road', 'road 1', '1: road', 'road,128,64,128', '128 64 128 road', "
    "'0 128 64 128 road' or 'road:128,64,128::'"
)
_QUOTE = 'put names that hold numbers in quotes ("lane 1"), or save a table with the header id,name,r,g,b as .csv'
_IF_NOTE = "remove the line, or begin it with '#', if it is not a class"
_IF_HEADER = "remove the line if it is not a class; else put it in quotes"
_IF_COMMENT = "remove the line, or begin it with '#', if it is not a class; else put it in quotes"

_HARD = re.compile(r"[\t,;:=|]")
_QUOTED = re.compile(rf"""(?<![^{BREAKS}])("[^"]*"|'[^']*')(?![^{BREAKS}])""")
_COMMENT = re.compile(r"\s#(?!\s*\d+\s*$)(?![0-9a-fA-F]{6}(?![0-9a-zA-Z])).*")
# A run of blanks is tried from its first blank alone: from each of them, a line of 100,000 would take minutes.
_ARROW = re.compile(r"(?<!\s)\s*[-=]>\s*|[-=]>\s*|(?<!\s)\s+-\s+")
_ENUMERATED = re.compile(r"^(\d+)[.)](?=\s)")
_BULLETS = ("-", "*", "+", "\u2022", "\u2013", "\u00b7")
_MARKED = re.compile(r"[^\w\s\"'(#]")
_HASHED = re.compile(r"(?<!\s)\s+(?:#|//|--)\s+(\d+)$")
_CVATS = re.compile(
    r"([^:]+):\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*:([^:]*):[^:]*"
)  # name:r,g,b:parts:actions
_DELIMITERS = "\t;:,|="
_COLUMNS: dict[tuple[int, int], tuple[int | None, int | None]] = {
    (0, 0): (None, None), (1, 0): (0, None), (0, 1): (0, None), (3, 0): (None, 0), (0, 3): (None, 0),
    (1, 3): (0, 1), (3, 1): (3, 0),
}  # fmt: skip
"""How many numbers stand before and after the name -> which is the stored value, and where the colour begins."""
_UNCLEAR = ((4, 0), (0, 4))

_Line = tuple[int, str]  # its number, and what it holds without comment and surrounding blanks
_Parts = tuple[tuple[str, ...], str, tuple[str, ...]]  # numbers before the name, the name, numbers after it


def rows_of_text(text: str, *, is_table: bool = False) -> list[Row]:
    """Read the lines of a text, or a table if its first line is a header.

    Args:
        text: of the file.
        is_table: whether the file's name says that it is a table (.csv, .tsv): a header of one word then counts.

    Raises:
        LegendError: if a line is malformed or unlike the others, or if there are two readings.
    """
    raw_lines = [*enumerate(re.split(r"\r\n|\n|\r", text), 1)]
    if of_cvat := _rows_of_cvat(raw_lines):
        return of_cvat
    lines = [(number, line) for number, raw in raw_lines if (line := _content(raw))]
    if not lines:
        return []
    header = split_header(lines[0][1], is_table=is_table)
    if header is None or (not header[1] and is_heading(lines[0][1]) and not re.search(r"\d", text)):
        return _rows_of_lines(_without_marks(lines))
    cells, delimiter = header
    rows = [
        (f"line {number}: ", split_line(line, delimiter) if delimiter else split_words(line, cells))
        for number, line in lines[1:]
    ]
    return rows_of_table(cells, [(where, row) for where, row in rows if any(row)])


def _rows_of_cvat(raw_lines: Sequence[_Line]) -> list[Row]:
    """Read CVAT's labelmap.txt, in which a name is all that stands before the first colon; [] for other texts."""
    lines = [(number, line.strip()) for number, line in raw_lines if line.strip() and line.strip()[0] != "#"]
    found = [(number, _CVATS.fullmatch(line)) for number, line in lines]
    rows = []
    for number, match in found:
        if match is None or (IS_NUMBER.fullmatch(match[1].strip()) and match[5].strip()):
            return []
        rows.append(Row(match[1].strip(), None, (int(match[2]), int(match[3]), int(match[4])), f"line {number}: "))
    return rows


def _content(raw: str) -> str:
    line = raw.strip()
    if line[:1] == "#" and not re.match(rf"{HEX.pattern}[{BREAKS}]", line):
        return ""
    if '"' not in line:
        line = _COMMENT.sub("", line)
    return "" if re.fullmatch(rf"[{BREAKS}]*", line) else line


def _without_marks(lines: Sequence[_Line]) -> list[_Line]:
    """Take off the bullets that all lines have, and the hashes before all their numbers; refuse headings and comments.

    Raises:
        LegendError: if the first line may be a heading, or a line a comment or a rule, instead of a class.
    """
    first = lines[0]
    if len(lines) > 1 and is_heading(first[1]):
        _refuse(first, "may be a class, or the header of the names below it", _IF_HEADER)
    bullet = first[1][0]
    if bullet in _BULLETS and all(re.match(rf"\{bullet}\s", line) for _, line in lines):
        lines = [(number, line[1:].lstrip()) for number, line in lines]
    lines = _without_hashes(lines)
    for at, (number, line) in enumerate(lines):
        mark = line[0]
        is_alike = len(lines) > 1 and all(other[:1] == mark for _, other in lines)
        if not re.search(r"[\w\"]", line):
            _refuse((number, line), "has neither letters nor digits, so it is hardly a class", _IF_HEADER)
        if (
            _MARKED.match(line)
            and not is_alike
            and not HEX.match(line)
            and not GROUP.match(line)
            and _is_odd(lines, at)
        ):
            _refuse((number, line), f"begins with {mark!r}, unlike the others: it may be a comment", _IF_COMMENT)
    return [*lines]


def _is_odd(lines: Sequence[_Line], at: int) -> bool:
    """Check whether most other lines begin with no mark."""
    return 2 * sum(bool(_MARKED.match(line)) for n, (_, line) in enumerate(lines) if n != at) < max(len(lines) - 1, 1)


def _without_hashes(lines: Sequence[_Line]) -> Sequence[_Line]:
    """Read "road # 1", in which the number may be a comment, if both readings are the same."""
    found = [_HASHED.search(line) for _, line in lines]
    if not all(found):
        return lines
    numbers = [int(match[1][:9]) for match in found if match]
    if numbers != list(range(len(lines))):
        _refuse(lines[0], "may end in a stored value, or in a comment", "remove the mark before the number, or both")
    return [(number, f"{n} {_HASHED.sub('', line)}") for n, (number, line) in enumerate(lines)]


def _refuse(line: _Line, told: str, remedy: str) -> NoReturn:
    raise LegendError("", found=f"line {line[0]}: {line[1]!r:.60} {told}", expected=FORMS, remedy=remedy)


def _rows_of_lines(lines: Sequence[_Line]) -> list[Row]:
    taken = _by_delimiter(lines)
    is_set_apart = taken is not None
    taken = taken or _by_blanks(lines)
    columns = [*zip(*(_whole(lines[n][0], parts) for n, parts in enumerate(taken)), strict=True)]
    kind = _kind(taken[0])
    value, colour = _choose_columns(lines[0], kind, columns)
    _refuse_two_readings(lines, taken, is_set_apart=is_set_apart)
    rows = [
        Row(
            _unquoted(name),
            None if value is None else columns[value][n],
            (columns[colour][n], columns[colour + 1][n], columns[colour + 2][n]) if colour is not None else None,
            f"line {number}: ",
        )
        for n, ((number, _), (_, name, _)) in enumerate(zip(lines, taken, strict=True))
    ]
    return without_total(rows)


def _by_blanks(lines: Sequence[_Line]) -> list[_Parts]:
    """Take lines apart at blanks; numbers at both ends of a name are part of it if nothing else would be a name."""
    taken = [_peel(number, line) for number, line in lines]
    _check_alike(lines, taken)
    before, after = _kind(taken[0])
    names = {name for _, name, _ in taken}
    if len(names) == 1 < len(taken) and (before, after) == (0, 1):
        # As stored values they would all mean one class, and a legend of one class tells nothing apart.
        return [((), f"{name} {number}", ()) for _, name, (number,) in taken]
    if len(names) < len(taken):
        # One class cannot have two values, so that "0 0 0 lane 1" and "9 0 0 lane 2" are not the class "lane".
        if after == 1 and before:
            return [(numbers, f"{name} {number}", ()) for numbers, name, (number,) in taken]
        if before == 1 and after:
            return [((), f"{number} {name}", numbers) for (number,), name, numbers in taken]
    return taken


def _refuse_two_readings(lines: Sequence[_Line], taken: Sequence[_Parts], *, is_set_apart: bool) -> None:
    """Raise LegendError if a number may be part of a name."""
    names, count = [name for _, name, _ in taken], sum(_kind(taken[0]))
    told = ""
    repeated = next((name for name, times in Counter(names).items() if times > 1), None)
    line = lines[0]
    if count == 1 and not is_set_apart and repeated is not None:
        line = lines[names.index(repeated)]
        told = f"may be the class {repeated!r} with a stored value, or a class whose name holds a number"
    elif count == 3 and is_set_apart and not any(char in line for _, line in lines for char in ':"'):
        ends = [_unquoted(name).rpartition(" ") for name in names]
        if all(IS_NUMBER.fullmatch(end) for _, _, end in ends) and len({start for start, _, _ in ends}) == len(ends):
            told = f"may be the class {ends[0][0]!r} with a stored value, or a class whose name holds a number"
    if told:
        _refuse(line, told, _QUOTE)


def _by_delimiter(lines: Sequence[_Line]) -> list[_Parts] | None:
    """Take lines apart at a delimiter that all of them have, if each holds one text and numbers alike; else None."""
    for delimiter in _DELIMITERS:
        if not all(delimiter in line for _, line in lines):
            continue
        taken = [_parts_of_cells(split_line(GROUP.sub(r"\1", line), delimiter)) for _, line in lines]
        kinds = {_kind(parts) if parts else None for parts in taken}
        if len(kinds) == 1 and kinds <= {*_COLUMNS, *_UNCLEAR} and kinds != {(0, 0)}:
            return [parts for parts in taken if parts]
    return None


def _parts_of_cells(cells: Sequence[str]) -> _Parts | None:
    cells = [cell for cell in cells if cell]
    numbers = [numbers_of(cell) for cell in cells]
    texts = [n for n, found in enumerate(numbers) if found is None]
    if len(texts) != 1 or _holds_columns(cells[texts[0]]):
        return None
    before, after = numbers[: texts[0]], numbers[texts[0] + 1 :]
    return (
        tuple(number for found in before for number in found or ()),
        f'"{_unquoted(cells[texts[0]])}"',  # what a delimiter sets apart is the name whole, as if in quotes
        tuple(number for found in after for number in found or ()),
    )


def _holds_columns(text: str) -> bool:
    """Check whether a cell holds numbers at its ends, other than one after a blank, as in "lane 1"."""
    tokens = TOKENS.split(text)
    if len(tokens) < 3:
        return False
    is_number = [bool(IS_NUMBER.fullmatch(token)) for token in tokens[::2]]
    return is_number[0] or (is_number[-1] and (is_number[-2] or bool(_HARD.search(tokens[-2]))))


def _peel(number: int, line: str) -> _Parts:
    """Take the numbers off both ends of a line."""
    quoted = [match[1] for match in _QUOTED.finditer(line)]
    line = plain_colours(_QUOTED.sub("\0", line))
    line = _ENUMERATED.sub(r"\1", _ARROW.sub(" : ", line))
    pieces = TOKENS.split(line)  # tokens, and the breaks between them at the odd places
    pieces = pieces[2:] if pieces[0] == "" else pieces
    pieces = pieces[:-2] if pieces[-1] == "" else pieces
    start, stop = 0, len(pieces)
    while start < stop and IS_NUMBER.fullmatch(pieces[start]):
        start += 2
    while stop > start and IS_NUMBER.fullmatch(pieces[stop - 1]):
        stop -= 2
    name = "".join(pieces[start:stop])
    if start >= len(pieces):
        found = f"line {number}: {line.strip()!r:.60} has no class name"
        raise LegendError("", found=found, expected=FORMS, remedy="put a name that is a number in quotes")
    if _HARD.search(name):
        found = f"line {number}: {_requoted(name, quoted)!r:.60} has several texts"
        raise LegendError(
            "", found=found, expected=FORMS, remedy="add a header such as id,name,r,g,b, or put the name in quotes"
        )
    return tuple(pieces[:start:2]), _requoted(name, quoted), tuple(pieces[stop + 1 :: 2])


def _requoted(name: str, quoted: Sequence[str]) -> str:
    parts = name.split("\0")
    return "".join(f"{part}{quote}" for part, quote in zip(parts, [*quoted, ""], strict=False))


def _unquoted(name: str) -> str:
    is_quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "\"'"
    return (name[1:-1] if is_quoted else name).strip()


def _check_alike(lines: Sequence[_Line], taken: Sequence[_Parts]) -> None:
    """Raise LegendError if a line has other numbers than the most."""
    kinds = [*map(_kind, taken)]
    usual = Counter(kinds).most_common(1)[0][0]
    odd = next((n for n, kind in enumerate(kinds) if kind != usual), None)
    if odd is not None:
        like = lines[kinds.index(usual)]
        raise LegendError(
            "",
            found=f"line {lines[odd][0]}: {lines[odd][1]!r:.60} has {_count(kinds[odd])}, but line {like[0]}, "
            f"{like[1]!r:.60}, has {_count(usual)}",
            expected=FORMS,
            remedy=f"{_IF_NOTE}; {_QUOTE}" if kinds[odd] == (0, 0) else _QUOTE,
        )


def _kind(parts: _Parts) -> tuple[int, int]:
    """Return how many numbers stand before the name, and how many after it."""
    return len(parts[0]), len(parts[2])


def _count(kind: tuple[int, int]) -> str:
    told = [f"{count} {place} the name" for count, place in zip(kind, ("before", "after"), strict=True) if count]
    return f"numbers ({', '.join(told)})" if told else "no number set apart"


def _whole(number: int, parts: _Parts) -> tuple[int, ...]:
    before, _, after = parts
    for token in (*before, *after):
        if not re.fullmatch(r"\+?\d{1,5}", token) or int(token) > 65535:
            raise LegendError(
                "",
                found=f"line {number}: {token:.30} is neither a stored value nor a part of a colour",
                expected="whole numbers, 0..65535 for stored values and 0..255 for colours",
            )
    return tuple(int(token) for token in (*before, *after))


def _choose_columns(
    first: _Line, kind: tuple[int, int], columns: Sequence[tuple[int, ...]]
) -> tuple[int | None, int | None]:
    """Return which column of numbers is the stored value, and at which one the colour begins."""
    if kind in _COLUMNS:
        return _COLUMNS[kind]
    found = f"line {first[0]}: {first[1]!r:.60} has {_count(kind)}"
    if kind in _UNCLEAR:
        ends = [
            sorted(columns[n]) in (list(range(len(columns[0]))), list(range(1, len(columns[0]) + 1))) for n in (0, 3)
        ]
        if ends == [True, False]:
            return 0, 1
        if ends == [False, True]:
            return 3, 0
        found += ", of which the first or the last may be the stored value"
    raise LegendError(
        "",
        found=found,
        expected=FORMS,
        remedy="say what each column is by a header such as id,name,r,g,b, and remove the others",
    )
