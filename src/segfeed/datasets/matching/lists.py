"""Lists: the lines of a split list, the words that name splits, and the hash that splits ids without a list.

What a line means, `pair_lists` finds among the files that are there.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from segfeed.datasets.blobs import decode_text, read_file
from segfeed.errors import EmptySplitError, ListError, SourceError, SourceMissingError

Of = TypeVar("Of")

MAX_LIST_BYTES = 64 << 20
_TEXT = "a text file with one id a line"

AUTOMATIC = ("train", "val", "all")
"""The splits of a dataset that comes without any; see `split_by_hash`."""

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What folders and lists call the usual splits, in lower case: word -> the split that it means."""

SPLIT_IN_NAME = re.compile(
    r"(?<![a-z])(train(?:ing|val)?|val(?:id|idation)?|dev|test(?:ing)?|eval|holdout|splits?|subset|folds?|partitions?)"
    r"(?:set|list|ids?|files?)?(?![a-z])",
    re.IGNORECASE,
)
"""A word within a name, such as "train_files" or "fold 3", that says that it is of a split."""

SPLIT_ELSEWHERE = re.compile(
    r"训练|訓練|验证|驗證|测试|測試|学習|學習|検証|テスト|훈련|학습|검증|테스트|обуч|трен|валид|тест|lern|trainier|prüf|pruef|"
    r"validier|aufteilung|teilmenge|entra[iî]n|appren|entren|prueba|addestr|verifica|trein",
    re.IGNORECASE,
)
"""The same in a few other languages, of files that name photos: other files may well be called so."""

_BETWEEN = re.compile(r"[\s,;|\"'\[\]{}:]+")
_YEAR = re.compile(r"20\d\d")

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\:*?"<>|]')
"""What no id may hold. An id becomes part of a path: nothing in it may leave the folder, on any system. Lone surrogates
are bytes of a file name that are not UTF-8."""
_JSON = re.compile(r"\s*(\{\s*[\"}]|\[\s*[\"\[{\]])")
_UNSEEN = " \t\u00a0\u200b\ufeff"


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines of a list that are not blank: (line number, line without surrounding spaces).

    Raises:
        SourceMissingError: if the file does not exist.
        ListError: if it is not text, or has no line.
    """
    return split_lines(read_bytes(path), path)


def split_lines(data: bytes, where: Path | str) -> list[tuple[int, str]]:
    """Split the bytes of a list into lines, as `read_lines` does."""
    # str.splitlines would also split at control characters, and make two ids of one.
    lines = enumerate(re.split(r"\r\n|\n|\r", _text(data, where)), 1)
    # No id holds a quotation mark; what is not seen at the ends of a line was not meant.
    entries = [(number, entry) for number, line in lines if (entry := line.replace('"', "").strip(_UNSEEN))]
    if not entries:
        raise ListError(str(where), found="the list is empty", expected="one id a line")
    return entries


def named_stems(text: str) -> set[str]:
    r"""List the stems of what may be names of files in a text of any form: its words, and its whole lines.

    No suffix begins with a digit: 0.1 is a number, and 2007.01 a whole stem.

    >>> sorted(named_stems("a/x.png\ny 1.jpg"))
    ['1', 'x', 'y', 'y 1']
    """
    text = compose(text).replace("\\", "/")
    words = {*_BETWEEN.split(text), *map(str.strip, text.splitlines())}
    parts = (word.rpartition("/")[2].rpartition(".") for word in words)  # a list may have 1,000,000 lines
    return {stem if stem and not suffix[:1].isdigit() else stem + dot + suffix for stem, dot, suffix in parts}


def refuse_repeated(ids: Sequence[str], path: Path | str, lines: Sequence[int] = ()) -> None:
    """Raise ListError if a list names an id twice; the number of each id's line says where."""
    twice, times = Counter(ids).most_common(1)[0]
    if times > 1:
        found = f"id {twice!r} is listed {times} times"
        found += f", the second time in line {lines[ids.index(twice, ids.index(twice) + 1)]}" if lines else ""
        raise ListError(str(path), found=found, expected="each id once", remedy="remove the repetitions")


def ids_of_files(stems: Iterable[str], root: Path) -> tuple[str, ...]:
    """Return the stems of files that no list names as ids, in the order of their characters.

    Raises:
        SourceError: if a stem holds characters that no id may have, or if the stem is empty.
    """
    ids = tuple(sorted(set(stems)))
    if not ids:
        raise SourceError(str(root), found="no picture", expected="photos and masks", remedy="check the path")
    for entry in ids:
        if FORBIDDEN.search(entry.replace("/", "")):
            raise SourceError(
                str(root),
                found=f"file name {entry!r} holds characters no id may have (control characters, separators, "
                'or one of :*?"<>|)',
                remedy="rename photo and mask",
            )
    return ids


def one_a_split(named: Iterable[tuple[str, Of]], refuse: Callable[[str, Of, Of], SourceError]) -> dict[str, Of]:
    """Collect what tells of splits: split -> the one that tells of it.

    Raises:
        SourceError: if two tell of one split; `refuse` makes it of the split and both.
    """
    found: dict[str, Of] = {}
    for split, one in named:
        if split in found:
            raise refuse(split, found[split], one)
        found[split] = one
    return found


def split_by_hash(ids: Sequence[str], split: str, root: Path) -> tuple[str, ...]:
    """Return one split of ids that no list splits: a fifth is "val", the rest is "train", and "all" is all of them.

    The split of an id depends on the id alone, so samples that are added later move no others.

    Args:
        ids: in the dataset's order, which is kept.
        split: one of `AUTOMATIC`.
        root: for the error.

    Raises:
        EmptySplitError: if the split is empty, which happens to few samples.

    >>> split_by_hash(["a", "b", "c", "d", "e", "f"], "val", Path("photos"))
    ('b', 'd')
    """
    chosen = tuple(entry for entry in ids if split == "all" or _is_val(entry) == (split == "val"))
    if not chosen:
        raise EmptySplitError(
            str(root),
            found=f"the hash of the ids puts none of the {len(ids)} samples into {split!r}",
            remedy='pass the split "all", or write lists of your own',
        )
    return chosen


def _is_val(entry: str) -> bool:
    # macOS may decompose the accents of a file name: the same sample must stay in its split.
    name = compose(entry).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8, key=b"segfeed split").digest(), "big") % 5 == 0


def compose(name: str) -> str:
    """Compose the accents of a name, which macOS may store apart from their letters: one name is one key.

    >>> compose("cafe\u0301") == "caf\u00e9"
    True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def spell_as_on_disk(root: Path, path: str) -> str:
    """Spell a path below a folder as the disk does, if only its accents are composed in one and apart in the other.

    >>> folder = getfixture("tmp_path")
    >>> (folder / "Su\u0308d").mkdir()
    >>> spell_as_on_disk(folder, "S\u00fcd") == "Su\u0308d", spell_as_on_disk(folder, "Nord")
    (True, 'Nord')
    """
    if path.isascii() or os.path.lexists(root / path):
        return path
    found = ""
    for part in path.split("/"):
        try:
            alike = [name for name in sorted(os.listdir(root / found)) if compose(name) == compose(part)]
        except OSError:
            return path
        found += ("/" if found else "") + (part if part in alike or not alike else alike[0])
    return found


def choose_split(split: str, names: Sequence[str], root: Path) -> str:
    """Find the split that a name means, of those that a dataset has.

    Upper and lower case are one, the words of `SPLIT_WORDS` mean one split, and "train" may mean "train2017", unless
    several of these are there.

    Raises:
        SourceMissingError: if the split does not exist; those that exist are named.

    >>> choose_split("val", ["Train", "Validation"], Path("export")), choose_split("train", ["train2017"], Path("coco"))
    ('Validation', 'train2017')
    """
    if split in names:
        return split
    word = split.casefold()
    meant = SPLIT_WORDS.get(word)
    same_but_case = [name for name in names if name.casefold() == word]
    same_word = [name for name in names if meant and SPLIT_WORDS.get(name.casefold()) == meant]
    of_years = [name for name in names if name.startswith(split) and _YEAR.fullmatch(name.removeprefix(split))]
    for candidates in (same_but_case, same_word, of_years):
        if len(candidates) == 1:
            return candidates[0]
    of_train = [name for name in names if SPLIT_WORDS.get(name.casefold()) == "train"]
    parts = f'pass parts of it: splits=("{of_train[0]}[fold!=0/5]", "{of_train[0]}[fold=0/5]")' if of_train else ""
    raise SourceMissingError(
        str(root),
        found=f"no split {split!r}",
        expected=f"one of {', '.join(names)}" if names else "",
        remedy=(parts if meant == "val" else "") if names else "check the path: there is no split at all",
    )


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a list, which `pair_lists.parse_list` takes.

    Raises:
        SourceMissingError: if the file does not exist.
        ListError: if it is larger than any list, not a file, or cannot be read.
    """
    try:
        return read_file(path, MAX_LIST_BYTES)
    except SourceMissingError as error:
        found = "no such list" if not os.path.islink(path) else error.found
        raise SourceMissingError(str(path), found=found, remedy="check the path") from None
    except SourceError as error:
        expected = f"a text file of at most {MAX_LIST_BYTES:,} bytes"
        raise ListError(str(path), found=error.found, expected=expected, remedy=error.remedy) from error


def _text(data: bytes, where: Path | str) -> str:
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise ListError(str(where), found=found, expected=_TEXT, remedy="save it as UTF-8") from None
    if "\0" in text:
        raise ListError(str(where), found="a binary file", expected=_TEXT)
    if _JSON.match(text):
        remedy = "write the ids of each split into a text file of its own"
        raise ListError(str(where), found="JSON", expected=_TEXT, remedy=remedy)
    return text
