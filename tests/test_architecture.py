"""The house: who may import whom, how long a file may be, and what nothing may be called."""

import ast
import re
from pathlib import Path

import pytest

import segfeed

HOUSE = Path(segfeed.__file__).parent
MODULES = {
    ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(HOUSE.rglob("*.py"))
}

# From the ground up. A module imports only from lines above its own; a new module gets a place here first.
STOREYS = (
    ("errors",),
    ("palette", "options", "archives.members", "catalogue.mat_file", "lookalikes"),
    ("lookup", "pair", "format", "headers", "logits", "parallel", "progress", "archives.tar_file", "archives.zip_file"),
    ("legend",),
    ("legends",),
    ("objects", "grouping", "crop", "order", "slots", "codec"),
    ("kernels.streaming",),
    ("kernels.compiled",),
    ("kernels",),
    ("plan", "storage", "blobs"),
    ("spans", "refusals", "archives"),
    ("tables",),
    ("tables.files",),
    ("sources",),
    ("sources.lists", "sources.folders", "sources.legend_files"),
    ("sources.stems",),
    ("sources.voc",),
    ("sources.labelme", "sources.roboflow", "sources.camvid", "sources.two_folders"),
    (
        "sources.ade20k",
        "sources.cityscapes",
        "sources.coco_stuff",
        "sources.columns",
        "sources.kitti",
        "sources.tar",
        "sources.vistas",
    ),
    ("plugins",),
    ("packs.rows", "sample.art", "catalogue.download", "catalogue.devkit"),
    ("packs.writer", "packs.fingerprints", "splits", "catalogue.sbd"),
    ("sample.scene", "packs.manifest"),
    ("packs", "stats", "sample", "findings", "catalogue"),
    ("dataset",),
    ("unknowns",),
    ("facts",),
    ("checks",),
    (
        "checks.across",
        "checks.classes",
        "checks.files",
        "checks.labels",
        "checks.mask",
        "checks.pair",
        "checks.photo",
        "checks.split",
    ),
    ("cache", "verification", "bench.machine"),
    ("state", "readers"),
    ("loader", "score", "export", "repair"),
    ("feed", "predictions", "paint", "frameworks"),
    ("recognition", "roll"),
    ("audit",),
    ("frameworks.torch_cuda",),
    ("frameworks.torch", "frameworks.tensorflow", "frameworks.jax"),
    ("adapters",),
    ("figures.page",),
    ("figures.panels",),
    ("figures.crops", "figures.confusion"),
    ("figures",),
    ("pages.tallies", "pages.charts", "pages.pictures", "pages.remains", "pages.template"),
    ("pages.gallery",),
    ("pages.album", "pages.counts"),
    ("pages.contents",),
    ("summary", "d2l", "pages", "bench"),
    ("demo",),
    ("commands",),
    (
        "commands.feeding",
        "commands.looking",
        "commands.keeping",
        "commands.scoring",
        "commands.auditing",
        "commands.intake",
        "commands.recognising",
        "commands.reporting",
        "commands.sharing",
    ),
    ("cli",),
    ("__init__",),
)
RANKS = {name: rank for rank, storey in enumerate(STOREYS) for name in storey}
BANNED = {"utils", "util", "common", "base", "helpers", "helper", "manager", "data", "item", "info", "target", "core"}
FAMILIES = ("sources", "checks", "frameworks", "commands")


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


def test_the_house_was_found():
    assert {"errors", "feed", "sources", "sources.voc", "__init__"} <= set(MODULES)
    assert imports_of("palette") == set()
    assert {"errors", "palette"} <= imports_of("lookup")
    assert "errors" in imports_of("__init__")


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_rank(name):
    assert name in RANKS, f"give {name} a place in STOREYS, as low as its imports allow"


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_only_from_lower_ranks(name):
    upward = sorted(
        module for module in imports_of(name) if RANKS[module] >= RANKS[name] and not is_version(name, module)
    )
    assert upward == [], f"{name} (rank {RANKS[name]}) reaches up or sideways"


@pytest.mark.parametrize("name", MODULES)
def test_parts_of_a_room_are_imported_only_from_above_its_door(name):
    """Python runs a room's `__init__` before any of its parts: whoever imports a part imports the door, too."""
    doors = {room_of(module) for module in imports_of(name)} - {"", room_of(name), name}
    assert [door for door in sorted(doors) if RANKS[door] >= RANKS[name]] == []


def room_of(name: str) -> str:
    return name.rpartition(".")[0]


def is_version(name: str, module: str) -> bool:
    """Allow the command line, which stands on top of everything, to ask the package for its version."""
    return (name, module) == ("cli", "__init__")


def test_the_map_shows_every_room_and_no_other():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    rows = text.split("| where | knows |\n| --- | --- |\n")[1].split("\n\n")[0].splitlines()
    shown = [name for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[1])]
    rooms = {f"{room_of(name)}/" if room_of(name) else name for name in MODULES}
    doors = {room.rstrip("/") for room in rooms if room.endswith("/")}
    assert sorted(shown) == sorted(rooms - doors - {"__init__"})


@pytest.mark.parametrize("family", FAMILIES)
def test_siblings_of_a_family_do_not_import_each_other(family):
    doors = {
        family,
        f"{family}.lists",
        f"{family}.folders",
        f"{family}.legend_files",
        f"{family}.stems",
        "frameworks.torch_cuda",
    }
    siblings = {name for name in MODULES if name.startswith(f"{family}.")} - doors
    for name in sorted(siblings):
        assert not imports_of(name) & (siblings - {name}), name
    for door in sorted(doors & set(MODULES)):
        assert not imports_of(door) & siblings, door


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


@pytest.mark.parametrize("name", [name for name in MODULES if RANKS.get(name, 99) <= RANKS["plan"]])
def test_what_only_knows_arrays_and_bytes_opens_no_file(name):
    if name in ("storage", "blobs", "progress", "parallel", "kernels.compiled"):
        return
    called = {
        node.func.id for node in ast.walk(parse(name)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "open" not in called
