"""The values in a configuration of mmsegmentation, read as text: parsed by `ast`, never executed.

A configuration is Python that assigns dictionaries. What is a plain value (numbers, texts, lists, `dict(...)`, names
that were assigned before) is evaluated here; anything else becomes an `Unread`, which an error or a remark can name.

Source: "Config" of mmengine's documentation: `_base_`, `_delete_`, `{{_base_.name}}`, `read_base()`.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import read_file
from segfeed.errors import DescriptionError, SourceError

Values = dict[str, Any]

_QUIET = (ast.Import, ast.ImportFrom, ast.With)
_MAX_BYTES = 1 << 20
_MAX_FILES = 64
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Unread:
    """A value that only running the configuration would tell.

    Attributes:
        where: the file's name and the line.
        text: its code.
    """

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.where})"


def read_config(path: Path) -> tuple[Values, list[str]]:
    """Read what a configuration assigns, the files that it is based on first.

    Args:
        path: the file. Files that it is based on must lie in the folder above its own (mmsegmentation's `configs`), or
            below that.

    Returns:
        values, unread: what is assigned by name; statements that do something else, a clause each.

    Raises:
        DescriptionError: if a file cannot be read or parsed, lies elsewhere, or is based on itself.
    """
    reading = _Reading(path.resolve().parent.parent)
    return reading.read(path.resolve(), ()), reading.unread


@dataclass
class _Reading:
    folder: Path
    files: int = 0
    unread: list[str] = field(default_factory=list)

    def read(self, path: Path, above: tuple[Path, ...]) -> Values:
        where = path.name
        if path in above:
            raise DescriptionError(where, found="a file that is based on itself", expected="files in an order")
        if not path.is_relative_to(self.folder):
            raise DescriptionError(
                str(path), found=f"outside {self.folder}", expected="files that it is based on within this folder"
            )
        self.files += 1
        if self.files > _MAX_FILES:
            raise DescriptionError(where, found=f"more than {_MAX_FILES} files", expected="fewer that it is based on")
        tree = _parse(path)
        self.unread += [
            f"{where}, line {node.lineno}: {ast.unparse(node).splitlines()[0][:60]}; only assignments to names are read"
            for node in tree.body
            if not isinstance(node, _QUIET)
            and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            and not (_targets(node) and all(isinstance(target, ast.Name) for target in _targets(node)))
        ]
        base: Any = {}
        for name in self._bases(tree, path):
            base = merge(base, self.read(name, (*above, path)))
        scope, own = dict(base), {}
        for target, value in _assignments(tree):
            own[target] = scope[target] = _Evaluation(scope, base, path.name).of(value)
        own.pop("_base_", None)
        merged: Values = merge(base, own)
        return merged

    def _bases(self, tree: ast.Module, path: Path) -> list[Path]:
        """List the files that a configuration is based on, in either of the two ways of writing it."""
        found: list[Any] = []
        for target, value in _assignments(tree):
            if target == "_base_":
                named = _Evaluation({}, {}, path.name).of(value)
                found += named if isinstance(named, list) else [named]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level and node.module:
                folder = path.parents[node.level - 1]
                found.append(str(folder.joinpath(*node.module.split(".")).with_suffix(".py")))
        for name in found:
            if not isinstance(name, str) or "::" in name or "://" in name:
                raise DescriptionError(
                    path.name, found=f"_base_ = {name}", expected="a file beside it", remedy="copy that file here"
                )
        return [Path(path.parent, name).resolve() for name in found]


def merge(base: Any, own: Any) -> Any:
    """Put a configuration's values over those that it is based on; `_delete_=True` in a dictionary drops the old ones.

    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}), merge({"a": {"x": 1}}, {"a": {"_delete_": True, "z": 2}})
    ({'a': {'x': 1, 'y': 3}}, {'a': {'z': 2}})
    """
    if not isinstance(own, dict):
        return own
    if not isinstance(base, dict) or own.get("_delete_"):
        base = {}
    kept = {name: value for name, value in own.items() if name != "_delete_"}
    return base | {name: merge(base.get(name), value) for name, value in kept.items()}


@dataclass(frozen=True)
class _Evaluation:
    scope: Values
    base: Values
    file: str

    def of(self, node: ast.expr) -> Any:  # noqa: PLR0911 - one return for each kind of value
        match node:
            case ast.Constant(value):
                return value
            case ast.List(parts) | ast.Tuple(parts):
                return [self.of(part) for part in parts]
            case ast.Dict(keys, values):
                return self._dictionary(zip(keys, values, strict=True))
            case ast.Call(ast.Name("dict"), [], keywords):
                return self._dictionary((word.arg, word.value) for word in keywords)
            case ast.UnaryOp(ast.USub(), operand) if isinstance(number := self.of(operand), int | float):
                return -number
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                return self._sum(node, self.of(left), type(op), self.of(right))
            case ast.Set([ast.Set([ast.Attribute() as name])]):
                return self._of_base(name)
            case ast.Name(name) if name in self.scope:
                return self.scope[name]
            case ast.Name(name) if name[:1].isupper():
                return name  # an imported class, as newer configurations name types
        return Unread(f"{self.file}, line {node.lineno}", ast.unparse(node)[:80])

    def _dictionary(self, pairs: Any) -> Any:
        made: Values = {}
        for key, value in pairs:
            evaluated = self.of(value)
            if key is None:  # **other
                made |= evaluated if isinstance(evaluated, dict) else {"**": evaluated}
            else:
                name = key if isinstance(key, str) else self.of(key)
                made[name if isinstance(name, str) else repr(name)] = evaluated
        return made

    def _sum(self, node: ast.expr, left: Any, op: type, right: Any) -> Any:
        try:
            return _ARITHMETIC[op](left, right)
        except (TypeError, ZeroDivisionError):
            return Unread(f"{self.file}, line {node.lineno}", ast.unparse(node)[:80])

    def _of_base(self, name: ast.Attribute) -> Any:
        """Look up what `{{_base_.name.name}}` means."""
        words = ast.unparse(name).split(".")[1:]
        value: Any = self.base
        for word in words:
            value = value.get(word) if isinstance(value, dict) else None
        return Unread(f"{self.file}, line {name.lineno}", ast.unparse(name)) if value is None else value


def _parse(path: Path) -> ast.Module:
    try:
        text = read_file(path, _MAX_BYTES).decode("utf-8-sig")
        return ast.parse(text)
    except SourceError as error:
        raise DescriptionError(error.where, error.found, error.expected, error.remedy) from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DescriptionError(
            str(path), found=f"not Python ({error})", expected="a configuration of mmsegmentation"
        ) from None


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.AnnAssign):  # name: type = value
        return [node.target] if node.value else []
    return node.targets if isinstance(node, ast.Assign) else []


def _assignments(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    return [
        (target.id, node.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
        for target in _targets(node)
        if isinstance(target, ast.Name)
    ]
