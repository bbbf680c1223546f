"""The house: who may import whom, how long a file may be, and what nothing may be called."""

import ast
import graphlib
from pathlib import Path

import pytest

import segfeed

HOUSE = Path(segfeed.__file__).parent
MODULES = {
    ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(HOUSE.rglob("*.py"))
}

# From the ground up. A family imports only from families above its own in this list, and never from one beside it. The
# package's own `__init__` hands on the public names; only the command line stands behind it.
FAMILIES = (
    ("errors",),
    ("system",),
    ("pixels",),
    ("plans",),
    ("datasets",),
    ("packs",),
    ("batches",),
    ("scoring", "audit", "frameworks"),
    ("feed",),
    ("pictures",),
    ("d2l",),
    ("__init__",),
    ("cli",),
)
RANKS = {family: rank for rank, families in enumerate(FAMILIES) for family in families}
BANNED = {"utils", "util", "common", "base", "helpers", "helper", "manager", "data", "item", "info", "target", "core"}


def parse(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


def imports_of(name: str) -> set[str]:
    """List the modules of the house that a module imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(parse(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "segfeed"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import in line {node.lineno}"
            if node.module and node.module.split(".")[0] == "segfeed":
                found |= {full(node.module, alias.name) for alias in node.names}
    return {module.removeprefix("segfeed").removeprefix(".") or "__init__" for module in found}


def full(module: str, name: str) -> str:
    """Tell `from segfeed import errors`, which names a module, from `from segfeed.errors import OptionError`."""
    longer = f"{module}.{name}".removeprefix("segfeed.")
    return f"{module}.{name}" if longer in MODULES else module


def functions_of(name: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(parse(name)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def family_of(name: str) -> str:
    return name.partition(".")[0]


def test_the_house_was_found():
    assert {"errors", "feed", "datasets.source", "datasets.formats.voc", "__init__"} <= set(MODULES)
    assert imports_of("pixels.palette") == set()
    assert {"errors", "pixels.palette"} <= imports_of("pixels.lookup")
    assert "errors" in imports_of("__init__")
    assert {family_of(name) for name in MODULES} == set(RANKS)


@pytest.mark.parametrize("name", MODULES)
def test_families_import_only_from_families_above_them(name):
    others = {module for module in imports_of(name) if family_of(module) != family_of(name)}
    assert [module for module in sorted(others) if RANKS[family_of(module)] >= RANKS[family_of(name)]] == []


@pytest.mark.parametrize("family", RANKS)
def test_no_cycle_inside_a_family(family):
    inside = {name for name in MODULES if family_of(name) == family}
    sorter = graphlib.TopologicalSorter({name: (imports_of(name) & inside) - {name} for name in inside})
    assert set(sorter.static_order()) == inside  # a cycle raises, with the modules on it


@pytest.mark.parametrize("name", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_a_family_s_door_is_its_docstring(name):
    if name == "__init__":
        return
    first, *rest = parse(name).body
    assert isinstance(first, ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) for node in rest)


def test_formats_do_not_import_each_other():
    """They share lists, folders, stems and legend files, which know no format."""
    shared = {f"datasets.formats.{name}" for name in ("lists", "folders", "legend_files", "stems")}
    formats = {name for name in MODULES if name.startswith("datasets.formats.")} - shared
    for name in sorted(formats | shared):
        assert not imports_of(name) & (formats - {name}), name


def test_the_map_shows_every_family_and_module():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    tree = text.split("    src/segfeed/\n")[1].split("\n\n")[0].splitlines()
    shown, folders = [], []
    for line in tree:
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2 - 3
        folders[depth:] = [name.rstrip("/")]
        shown.append("/".join(folders) + ("/" if name.endswith("/") else ""))
    files = {str(path.relative_to(HOUSE)) for path in MODULES.values() if path.name != "__init__.py"}
    rooms = {f"{path.parent.relative_to(HOUSE)}/" for path in MODULES.values()} - {"./"}
    assert sorted(shown) == sorted(files | rooms)


@pytest.mark.parametrize("name", MODULES)
def test_no_file_is_longer_than_400_lines(name):
    assert len(MODULES[name].read_text().splitlines()) <= 400


@pytest.mark.parametrize("name", MODULES)
def test_no_module_has_a_name_that_says_nothing(name):
    assert not set(name.split(".")) & BANNED
    assert not set(name.replace("_", ".").split(".")) & {"utils", "common", "helpers", "manager"}


@pytest.mark.parametrize("name", MODULES)
def test_no_public_function_or_class_bears_its_modules_name(name):
    own = name.rpartition(".")[2]
    tree = parse(name)
    defined = [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    assert own not in defined, f"{name}.{own}"


@pytest.mark.parametrize("name", MODULES)
def test_constructors_take_at_most_7_arguments(name):
    for function in functions_of(name):
        if function.name in ("__init__", "__new__"):
            arguments = function.args
            count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs) - 1
            assert count <= 7, f"{name}, line {function.lineno}"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_and_public_definition_is_documented(name):
    tree = parse(name)
    assert ast.get_docstring(tree), name
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name}.{node.name}"


@pytest.mark.parametrize("name", MODULES)
def test_no_pickle_eval_or_hash_decides_anything(name):
    called = {
        node.func.id for node in ast.walk(parse(name)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "hash"}
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(parse(name))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not imported & {"pickle", "random", "marshal", "shelve"}


@pytest.mark.parametrize("name", [name for name in MODULES if family_of(name) in ("pixels", "plans")])
def test_what_only_knows_arrays_and_bytes_opens_no_file(name):
    called = {
        node.func.id for node in ast.walk(parse(name)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "open" not in called
