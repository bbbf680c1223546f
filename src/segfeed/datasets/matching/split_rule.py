"""Split rules: how a description says which samples belong to a split, what belongs together, what is shared out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

REST = "*"
"""In place of a list file: all samples that no other list names."""

AUTOMATIC_SHARES: Mapping[str, int] = {"train": 80, "val": 20}
"""Percent of the splits that a hash makes if nobody says other ones; `lists.split_by_hash` makes the same."""


@dataclass(frozen=True)
class KeyRule:
    """What a sample's key, or a table, says of it: the group that it must not leave, or the class that it shows.

    Attributes:
        before: it is the key's part before (or after, if `after`) this text; "" if a file says it.
        after: whether the part after the text counts.
        last: whether the last occurrence of the text counts.
        folder: whether it is the key's folder.
        file: a CSV file below the root with a line a sample; "" for none.
        key_column: of that file, with the sample's key.
        column: of that file, with what is said.
    """

    before: str = ""
    after: bool = False
    last: bool = False
    folder: bool = False
    file: str = ""
    key_column: str = ""
    column: str = ""

    @property
    def columns(self) -> tuple[str, str]:
        """The two columns of the file."""
        return self.key_column, self.column

    def word_of(self, key: str) -> str:
        """Return what a key says by its text.

        >>> KeyRule(before="_").word_of("patient7_slice3")
        'patient7'
        """
        if self.folder:
            return key.rpartition("/")[0]
        head, found, tail = key.rpartition(self.before) if self.last else key.partition(self.before)
        return (tail if self.after else head) if found else key


@dataclass(frozen=True)
class SplitTable:
    """A table that says which samples there are, and perhaps the mask and the split of each.

    Attributes:
        file: CSV, TSV or Parquet below the root, with a line a sample.
        key: the column of keys, or of photos' names or paths.
        mask: the column of masks' paths; "" if masks go by keys.
        split: the column of splits' names; "" if a hash makes the splits.
        names: split -> what the column calls it; names that are not in it stand for themselves.
    """

    file: str
    key: str
    mask: str
    split: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitRule:
    """How samples come to their splits: by folder, by lists, by a table, or by a hash of their groups.

    Attributes:
        folders: split -> what {split} may be on disk, of which the first that has files counts; names that are not in
            it stand for themselves.
        lists: split -> list file below the root, or `REST`; a single entry "" -> pattern with {split} finds them by
            their names.
        table: says the samples, and perhaps their splits; None if something else does.
        shares: split -> percent of the groups, by hash; empty if folders or lists say it.
        group: what keeps samples together in splits by hash and in folds; None: each sample by itself.
        stratify: what is shared out evenly over splits by hash and over folds: False for nothing, True for the values
            that masks store, each of which is read once; or what says the class of a sample.
        first_word: whether only the first word of a list's lines counts; the others are not paths.
        unlabelled: splits whose photos are to be predicted: they have no masks.
    """

    folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, int] = field(default_factory=dict)
    group: KeyRule | None = None
    stratify: bool | KeyRule = False
    first_word: bool = False
    unlabelled: tuple[str, ...] = ()
    table: SplitTable | None = None

    @property
    def is_listed(self) -> bool:
        """Whether lists or a table name the samples of a split."""
        return bool(self.lists or (self.table and self.table.split))
