"""What a disk may hold after a crash: all that was written since the last fsync may be lost, in one of several ways.

The calls of one undisturbed run, as `faults.layer` records them, are replayed on a model of a disk: a file's bytes are
safe once the file was synced, a name in a folder once that folder was. After each call the power may fail.

Source: "Atomic Commit In SQLite", section on testing; Pillai et al., "All File Systems Are Not Created Equal" (OSDI
2014).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tree = dict[str, bytes | None]
"""Path below the folder -> its bytes; None for a folder."""


@dataclass(eq=False)
class File:
    """A file's bytes as a process sees them, and as the disk is sure to have them."""

    now: bytes = b""
    disk: bytes = b""


@dataclass(eq=False)
class Folder:
    """A folder's names, in the same two ways."""

    now: "dict[str, File | Folder]" = field(default_factory=dict)
    disk: "dict[str, File | Folder]" = field(default_factory=dict)


LOSSES: dict[str, Callable[[File], bytes]] = {
    "kept": lambda file: file.now,
    "dropped": lambda file: file.disk,
    "zeroed": lambda file: file.disk + bytes(max(len(file.now) - len(file.disk), 0)),
    "shortened": lambda file: file.now[: (len(file.disk) + len(file.now)) // 2],
}
"""What becomes of bytes that were not synced."""


def trees_after_crashes(calls: list[list[Any]], folder: str) -> Iterator[tuple[int, str, Tree]]:
    """Yield each different tree that a crash can leave: (after how many calls, what was lost, the tree).

    Args:
        calls: [operation, path, more...] in their order.
        folder: its own name is safe from the start.
    """
    root, seen = Folder(), set()
    for number in range(len(calls) + 1):
        if number:
            _replay(root, calls[number - 1], folder)
        for names_lost, kept in _names(root):
            for bytes_lost, read in LOSSES.items():
                tree = _flatten(root, kept, read)
                if (frozen := frozenset(tree.items())) not in seen:
                    seen.add(frozen)
                    yield number, f"{names_lost}; unsynced bytes {bytes_lost}", tree


def lay_out(tree: Tree, folder: Path) -> None:
    """Write a tree to a folder that does not exist."""
    folder.mkdir(parents=True)
    for path, data in sorted(tree.items()):
        if data is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(data)


def _replay(root: Folder, call: list[Any], folder: str) -> None:
    operation, path, *more = call
    parts = Path(path).relative_to(folder).parts
    if operation == "fsync":
        node = _find(root, parts)
        if isinstance(node, Folder):
            node.disk = dict(node.now)
        else:
            node.disk = node.now
        return
    if operation in ("close", "utime") or not parts:
        return
    parent = _folder(root, parts[:-1])
    if operation == "mkdir":
        parent.now[parts[-1]] = Folder()
    elif operation == "open":
        parent.now[parts[-1]] = File()
    elif operation == "write":
        node = parent.now[parts[-1]]
        assert isinstance(node, File)
        node.now += more[0].encode("latin-1")
    elif operation == "pwrite":
        node, (data, position) = parent.now[parts[-1]], more
        assert isinstance(node, File)
        after = position + len(data)
        node.now = node.now[:position].ljust(position, b"\0") + data.encode("latin-1") + node.now[after:]
    elif operation in ("unlink", "rmdir"):
        del parent.now[parts[-1]]
    else:
        assert operation == "rename", call
        other = Path(more[0]).relative_to(folder).parts
        _folder(root, other[:-1]).now[other[-1]] = parent.now.pop(parts[-1])


def _find(root: Folder, parts: tuple[str, ...]) -> File | Folder:
    return _folder(root, parts[:-1]).now[parts[-1]] if parts else root


def _folder(root: Folder, parts: tuple[str, ...]) -> Folder:
    node: File | Folder = root
    for part in parts:
        assert isinstance(node, Folder)
        node = node.now[part]
    assert isinstance(node, Folder)
    return node


def _names(root: Folder) -> Iterator[tuple[str, Callable[[Folder], bool]]]:
    """Yield ways in which names that were not synced are lost: (in words, which folders keep theirs)."""
    folders = dict(_unsynced(root, ""))
    yield "names kept", lambda _: True
    if folders:
        yield "names lost", lambda _: False
    for path, one in folders.items() if len(folders) > 1 else ():
        yield f"names lost in {path}/", lambda other, one=one: other is not one
        yield f"names kept in {path}/ alone", lambda other, one=one: other is one


def _unsynced(folder: Folder, path: str) -> Iterator[tuple[str, Folder]]:
    if folder.now != folder.disk:
        yield path, folder
    for name, node in {**folder.disk, **folder.now}.items():
        if isinstance(node, Folder):
            yield from _unsynced(node, f"{path}/{name}")


def _flatten(folder: Folder, kept: Callable[[Folder], bool], read: Callable[[File], bytes], path: str = "") -> Tree:
    tree: Tree = {}
    for name, node in (folder.now if kept(folder) else folder.disk).items():
        inside = f"{path}{name}"
        if isinstance(node, Folder):
            tree |= {inside: None} | _flatten(node, kept, read, f"{inside}/")
        else:
            tree[inside] = read(node)
    return tree
