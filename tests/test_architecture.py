"""The package as a whole: which module may import which, how long a file may be, which names are banned."""

import ast
import functools
import graphlib
import inspect
from pathlib import Path

import pytest

import segfeed
from segfeed import errors

PACKAGE = Path(segfeed.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

INITS = [name for name, path in MODULES.items() if path.name == "__init__.py" and name != "__init__"]

# In the order in which data flows. A family imports only from families above its own in this list, and never from one
# beside it. The package's own `__init__` hands on the public names; only the command line may import it.
FAMILIES = (
    ("errors",),
    ("system",),
    ("pixels",),
    ("plans",),
    ("datasets",),
    ("packs",),
    ("batches",),
    ("scoring", "audit", "frameworks"),
    ("recipes",),
    ("feed",),
    ("pictures",),
    ("d2l",),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
RANKS = {family: rank for rank, families in enumerate(FAMILIES) for family in families}
ERRORS = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.SegfeedError)}
BANNED = {"utils", "util", "common", "base", "helpers", "helper", "manager", "data", "item", "info", "target", "core"}


@functools.cache
def parse(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


@functools.cache
def nodes_of(name: str) -> list[ast.AST]:
    return list(ast.walk(parse(name)))


@functools.cache
def imports_of(name: str) -> set[str]:
    """List the modules of segfeed that a module imports, at its top or inside a function."""
    found = set()
    for node in nodes_of(name):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "segfeed"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import in line {node.lineno}"
            if node.module and node.module.split(".")[0] == "segfeed":
                found |= {full(node.module, alias.name) for alias in node.names}
    return {module.removeprefix("segfeed").removeprefix(".") or "__init__" for module in found}


def full(module: str, name: str) -> str:
    """Return the imported module: `from segfeed import errors` names one, `from segfeed.errors import X` none."""
    longer = f"{module}.{name}".removeprefix("segfeed.")
    return f"{module}.{name}" if longer in MODULES else module


def functions_of(name: str) -> list[ast.FunctionDef]:
    return [node for node in nodes_of(name) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def family_of(name: str) -> str:
    return name.partition(".")[0]


def test_the_modules_were_found():
    assert {"errors", "feed", "datasets.source", "datasets.formats.voc", "__init__"} <= set(MODULES)
    assert imports_of("pixels.palette") == set()
    assert {"errors", "pixels.palette"} <= imports_of("pixels.lookup")
    assert "errors" in imports_of("__init__")
    assert {family_of(name) for name in MODULES} == set(RANKS)


@pytest.mark.slow
def test_families_import_only_from_families_above_them():
    for name in MODULES:
        others = {module for module in imports_of(name) if family_of(module) != family_of(name)}
        assert [module for module in sorted(others) if RANKS[family_of(module)] >= RANKS[family_of(name)]] == [], name


@pytest.mark.parametrize("family", RANKS)
@pytest.mark.slow
def test_no_cycle_inside_a_family(family):
    inside = {name for name in MODULES if family_of(name) == family}
    sorter = graphlib.TopologicalSorter({name: (imports_of(name) & inside) - {name} for name in inside})
    assert set(sorter.static_order()) == inside  # a cycle raises, with the modules on it


@pytest.mark.parametrize("family", RANKS)
@pytest.mark.slow
def test_no_cycle_between_the_folders_of_a_family(family):
    """A folder and the modules beside it are the rooms of a family; a reader goes through them in one direction."""

    def room_of(name):
        return ".".join(name.split(".")[:2])

    doors = {room_of(name): set() for name in MODULES if family_of(name) == family}
    for name in MODULES:
        if family_of(name) == family:
            rooms = {room_of(module) for module in imports_of(name) if family_of(module) == family}
            doors[room_of(name)] |= rooms - {room_of(name)}
    assert set(graphlib.TopologicalSorter(doors).static_order()) == set(doors)


def test_a_short_module_says_why_it_stands_alone():
    for name, path in MODULES.items():
        if path.name != "__init__.py" and len(path.read_text().splitlines()) < 60:
            assert "of its own" in (ast.get_docstring(parse(name)) or ""), f"{name}: join a neighbour, or say why not"


def test_an_init_module_is_a_docstring_and_names_that_it_hands_on():
    for name in INITS:
        first, *rest = parse(name).body
        assert isinstance(first, ast.Expr), name
        assert all(isinstance(node, ast.ImportFrom) for node in rest), name


def test_formats_do_not_import_each_other():
    formats = {name for name in MODULES if name.startswith("datasets.formats.")}
    for name in sorted(formats):
        assert not imports_of(name) & (formats - {name}), name


def test_the_tree_in_contributing_shows_every_family_and_module():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    tree = text.split("    src/segfeed/\n")[1].split("\n\n")[0].splitlines()
    shown, folders = [], []
    for line in tree:
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2 - 3
        folders[depth:] = [name.rstrip("/")]
        shown.append("/".join(folders) + ("/" if name.endswith("/") else ""))
    files = {str(path.relative_to(PACKAGE)) for path in MODULES.values() if path.name != "__init__.py"}
    folders_there = {f"{path.parent.relative_to(PACKAGE)}/" for path in MODULES.values()} - {"./"}
    assert sorted(shown) == sorted(files | folders_there)


def test_no_file_is_longer_than_400_lines():
    for name, path in MODULES.items():
        assert len(path.read_text().splitlines()) <= 400, name


def test_no_class_builds_on_an_alias_of_a_type():
    """From Python 3.12 and NumPy 2.5 on, `NDArray` is an alias of the language, on which no class can build."""
    for name in MODULES:
        for node in ast.walk(parse(name)):
            if isinstance(node, ast.ClassDef):
                assert not any("NDArray" in ast.unparse(base) for base in node.bases), f"{name}.{node.name}"


def test_no_module_has_a_name_that_says_nothing():
    for name in MODULES:
        assert not set(name.split(".")) & BANNED, name
        assert not set(name.replace("_", ".").split(".")) & {"utils", "common", "helpers", "manager"}, name


@pytest.mark.slow
def test_no_public_function_or_class_bears_its_modules_name():
    for name in MODULES:
        own = name.rpartition(".")[2]
        tree = parse(name)
        defined = [
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        assert own not in defined, f"{name}.{own}"


@pytest.mark.slow
def test_constructors_take_at_most_7_arguments():
    for name in MODULES:
        for function in functions_of(name):
            if function.name in ("__init__", "__new__"):
                arguments = function.args
                count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs) - 1
                assert count <= 7, f"{name}, line {function.lineno}"


@pytest.mark.slow
def test_every_error_is_made_of_fields():
    """It says what was found and what was expected or what to do, in clauses: their full stop is set with the text."""
    for name in MODULES:
        for call in (node for node in nodes_of(name) if isinstance(node, ast.Call)):
            # `error_type` is a parameter by which the decoders of photos and masks share code.
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if called not in ERRORS | {"error_type"}:
                continue
            here = f"{name}, line {call.lineno}"
            fields = dict(zip(("where", "found", "expected", "remedy"), call.args, strict=False))
            fields |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
            handed_on = any(isinstance(value, ast.Starred) for value in call.args) or any(
                keyword.arg is None for keyword in call.keywords
            )
            assert handed_on or {"where", "found"} <= fields.keys(), f"{here}: say what was found"
            assert handed_on or fields.keys() & {"expected", "remedy"}, f"{here}: say what was expected, or what to do"
            for field in fields.values():
                last = field.values[-1] if isinstance(field, ast.JoinedStr) and field.values else field
                if isinstance(last, ast.Constant) and isinstance(last.value, str):
                    ends = last.value.endswith(".") and not last.value.endswith("...")
                    assert not ends, f"{here}: a clause has no full stop"


@pytest.mark.slow
def test_every_module_and_public_definition_is_documented():
    for name in MODULES:
        tree = parse(name)
        assert ast.get_docstring(tree), name
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{name}.{node.name}"


@pytest.mark.slow
def test_no_pickle_eval_or_hash_decides_anything():
    for name in MODULES:
        calls = [node for node in nodes_of(name) if isinstance(node, ast.Call)]
        called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
        assert not called & {"eval", "exec", "hash"}, name
        imported = {
            alias.name.split(".")[0] for node in nodes_of(name) if isinstance(node, ast.Import) for alias in node.names
        }
        assert not imported & {"pickle", "random", "marshal", "shelve"}, name


@pytest.mark.parametrize("name", [name for name in MODULES if family_of(name) in ("pixels", "plans")])
def test_families_that_know_only_arrays_and_bytes_open_no_file(name):
    called = {node.func.id for node in nodes_of(name) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "open" not in called
