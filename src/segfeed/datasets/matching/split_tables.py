"""Split tables: a table with a line for each sample, of which one column says the split, another one the photo.

    image,mask,split
    images/a.jpg,masks/a.png,train

A description names the columns. Beside plain folders such a table is found by the names of its columns.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from segfeed.datasets.matching.lists import SPLIT_WORDS
from segfeed.datasets.matching.pair_lists import Entry
from segfeed.datasets.matching.split_rule import SplitTable
from segfeed.datasets.tables.rows import columns_of, read_rows
from segfeed.errors import ListError, SourceError

SUFFIXES = (".csv", ".tsv", ".parquet")
_PHOTOS = (
    "image", "img", "photo", "picture", "images", "imagepath", "imgpath", "photopath", "imagefile", "imagename",
    "imageid", "imgid", "filename", "file", "filepath", "path", "id", "key", "name", "stem", "sample",
)  # fmt: skip
_MASKS = (
    "mask", "label", "annotation", "segmentation", "masks", "maskpath", "labelpath", "annotationpath", "maskfile",
    "maskname", "labelfile", "gt", "groundtruth", "segmap",
)  # fmt: skip
_SPLITS = ("split", "subset", "set", "partition", "phase", "datasplit", "splitname", "usage")


def split_names(root: Path, table: SplitTable) -> list[str]:
    """List the splits that a table names, in the order of their first lines.

    Raises:
        ListError: if the table cannot be read, or names of splits differ in case only.
    """
    names = list(dict.fromkeys(cells[-1] for _, cells in _rows(root, table)))
    first: dict[str, str] = {}
    for name in names:
        if (other := first.setdefault(name.casefold(), name)) != name:
            found = f"splits {other!r} and {name!r}, which differ in case only"
            remedy = "write them alike if they are one, else name one of them otherwise"
            raise ListError(str(root / table.file), found=found, expected="one name for each split", remedy=remedy)
    return names


def entries_of(root: Path, table: SplitTable, split: str) -> list[Entry]:
    """List the samples of a split, all if the table has no column of splits; an error names their lines.

    Raises:
        ListError: if the table cannot be read, or a line lacks its photo or its split.
    """
    rows = [row for row in _rows(root, table) if not table.split or row[1][-1] == split]
    return [Entry(line, cells[0], cells[1] if table.mask else "") for line, cells in rows]


def _rows(root: Path, table: SplitTable) -> list[tuple[int, list[str]]]:
    columns = [table.key, *filter(None, (table.mask, table.split))]
    found = [row for row in read_rows(root / table.file, columns) if any(row[1])]
    if lacking := next(
        ((line, cells) for line, cells in found if not cells[0] or (table.split and not cells[-1])), None
    ):
        raise ListError(
            str(root / table.file),
            found=f"line {lacking[0]}: no {table.split if lacking[1][0] else table.key}",
            expected=f"a photo{' and its split' if table.split else ''} in each line",
            remedy="fill the line, or remove it if the sample is in no split",
        )
    if not found:
        raise ListError(str(root / table.file), found="the table has no line", expected="a sample in each line")
    return found


def find_table(root: Path, names: Iterable[str]) -> SplitTable | None:
    """Find the table, of some files in a folder, whose columns are called like a photo's name and its split.

    One of its splits must have a usual name, such as train: columns called "set" may say something else.

    Raises:
        SourceError: if there are several, or if two columns of one say the split otherwise.
    """
    tables = (table for name in names if (table := read_columns(root / name)) is not None and table.split)
    found = [table for table in tables if any(name.casefold() in SPLIT_WORDS for name in split_names(root, table))]
    if len(found) > 1:
        raise SourceError(
            str(root),
            found=f"{' and '.join(table.file for table in found)} all have columns of photos and splits",
            expected="one table that says the split of each sample",
            remedy="move the others elsewhere, or say which counts in a segfeed.toml: "
            f'[splits] table = {{ file = "{found[0].file}", key = "{found[0].key}", split = "{found[0].split}" }}',
        )
    for table in found:
        _refuse_rival(root, table)
    return found[0] if found else None


def _refuse_rival(root: Path, table: SplitTable) -> None:
    """Refuse a second column that is called like splits, names a usual one, and does not say the same."""
    said = [cells[-1] for _, cells in _rows(root, table)]
    for name in columns_of(root / table.file):
        if name in (table.split, table.key, table.mask) or _called([name], _SPLITS) is None:
            continue
        other = [cells[0] for _, cells in read_rows(root / table.file, [name])]
        if other != said and any(word.casefold() in SPLIT_WORDS for word in other):
            raise SourceError(
                str(root / table.file),
                found=f"columns {table.split!r} and {name!r}, which both name splits, but not the same ones",
                expected="one column that says the split of each sample",
                remedy="remove one, or say which counts in a segfeed.toml: "
                f'[splits] table = {{ file = "{table.file}", key = "{table.key}", split = "{table.split}" }}',
            )


def read_columns(path: Path) -> SplitTable | None:
    """Find the columns of photos, masks and splits of a table by their names; None if none is called like a photo's."""
    columns = columns_of(path)
    split = _called(columns, _SPLITS) or ""
    photo = _called([name for name in columns if name != split], _PHOTOS)
    return None if photo is None else SplitTable(path.name, photo, _called(columns, _MASKS) or "", split)


def _called(columns: Sequence[str], words: Sequence[str]) -> str | None:
    """Find the column that is called by the first of some words, whatever its case and signs."""
    plain = {"".join(filter(str.isalnum, name)).casefold(): name for name in reversed(columns)}
    return next((plain[word] for word in words if word in plain), None)
