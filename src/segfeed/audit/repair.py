"""Repair: split lists without the samples that an audit found broken."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segfeed.audit.findings import Audit, Checked
from segfeed.errors import OptionError
from segfeed.system.paths import free_path, user_path
from segfeed.system.showing import counted
from segfeed.system.storage import save


@dataclass(frozen=True, slots=True)
class FixedList:
    """What became of a split's list.

    Attributes:
        split: the split's name.
        path: the list that was written; None if nothing could be listed, or nothing would be left.
        kept: how many samples it names.
        left_out: the samples that it leaves out.
        readable: False if the split could not be listed.
    """

    split: str
    path: Path | None
    kept: int
    left_out: tuple[str, ...]
    readable: bool = True

    def to_json(self) -> dict[str, Any]:
        """Describe this in plain JSON values."""
        path = None if self.path is None else str(self.path)
        return {"split": self.split, "path": path, "kept": self.kept, "left_out": list(self.left_out)}

    def __str__(self) -> str:
        if not self.readable:
            return f"{self.split}: no list written, since it could not be read"
        left = f"left out {len(self.left_out):,}" + (f": {', '.join(self.left_out)}" if self.left_out else "")
        if self.path is None:
            return f"{self.split}: no list written, since no sample would be on it; {left}"
        return f"{self.split}: wrote {self.path} with {counted(self.kept, 'sample')}; {left}"


def write_fixed_lists(audit: Audit, to: str | os.PathLike[str], *, overwrite: bool = False) -> list[FixedList]:
    """Write the list of each split that was checked without its broken samples; the order is kept.

    Args:
        audit: what `segfeed.check` gave.
        to: a folder, which gets SPLIT.txt for each split; or, for one split, a file.
        overwrite: whether lists that exist may be replaced.

    Raises:
        OptionError: a list exists, or one file is to take several splits; nothing was written.
        StorageError: a list cannot be written.
    """
    target = user_path(to)
    is_folder = os.path.isdir(target) or str(to).endswith(os.sep) or (len(audit.splits) > 1 and not target.suffix)
    if len(audit.splits) > 1 and not is_folder:
        names = ", ".join(checked.split for checked in audit.splits)
        raise OptionError(
            str(to), found=f"one file, but {names} were checked", remedy="pass a folder, or check one split"
        )
    fixed = [_fix(checked, target / f"{checked.split}.txt" if is_folder else target) for checked in audit.splits]
    written = [(one.path, kept) for one, kept in fixed if one.path is not None]
    for path, _ in written:
        free_path(path, overwrite=overwrite)
    for path, kept in written:
        save(path, "".join(f"{key}\n" for key in kept).encode(), "the list")
    return [one for one, _ in fixed]


def _fix(checked: Checked, path: Path) -> tuple[FixedList, list[str]]:
    broken = set(checked.broken)
    kept = [key for key in checked.keys if key not in broken]
    fixed = FixedList(checked.split, path if kept else None, len(kept), checked.broken, checked.readable)
    return fixed, kept
