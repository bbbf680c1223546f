"""README and docs: their code compiles, and the commands, links and targets that they name exist."""

import ast
import builtins
import inspect
import re
from pathlib import Path

import pytest
import typer

import segfeed
from segfeed.batches.batch_format import BatchFormat
from segfeed.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_working_code_stands_within_the_first_25_lines():
    head = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    (code,) = re.findall(r"```python\n(.*?)```", head, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - the code is the project's own


def test_no_line_but_a_table_s_is_longer_than_120_characters():
    for page in PAGES:
        long = [line for line in page.read_text().splitlines() if len(line) > 120 and not line.startswith("|")]
        assert long == [], page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_compiles(page):
    for code in blocks(page, "python"):
        compile(code, page.name, "exec")


def test_snippets_import_what_they_use():
    """A snippet may use only the package, the loaders of the first lines and a model without defining them."""
    for code in blocks(ROOT / "README.md", "python"):
        nodes = list(ast.walk(ast.parse(code)))
        bound = {
            alias.asname or alias.name
            for node in nodes
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        names = [node for node in nodes if isinstance(node, ast.Name)]
        bound |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
        assert {node.id for node in names} - bound - {*dir(builtins)} <= {"segfeed", "train", "val", "model"}, code


def test_options_are_complete_and_those_without_a_star_are_the_defaults():
    (code,) = (code for code in blocks(ROOT / "docs/reference/options.md", "python") if "shard=" in code)
    call = ast.parse(code).body[1].value
    load = inspect.signature(segfeed.load).parameters
    defaults = {name: option.default for name, option in load.items() if option.default is not option.empty}
    defaults |= {name: field.default for name, field in BatchFormat.__dataclass_fields__.items()}
    assert {option.arg for option in call.keywords} == defaults.keys()
    starred = {number for number, line in enumerate(code.splitlines(), 1) if "# * " in line}
    given = {option.arg: option for option in call.keywords}
    values = {
        name: eval(ast.unparse(option.value), {"segfeed": segfeed})  # noqa: S307 - the code is the project's own
        for name, option in given.items()
    }
    differ = {name for name in given if values[name] != defaults[name]}
    assert differ == {name for name, option in given.items() if option.lineno in starred}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.slow
def test_every_command_exists(page):
    known = set(typer.main.get_command(app).commands)
    named = set(re.findall(r"(?:^|[`$ ])segfeed ([a-z]+)(?= |`|$)", "\n".join(blocks(page, "sh")), re.MULTILINE))
    named |= set(re.findall(r"`segfeed ([a-z]+)[ `]", page.read_text()))
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and "pictures/gallery/" not in target:  # painted when the site is built
            assert (page.parent / target).exists(), target


def headings(page: Path) -> list[str]:
    """List the anchors of a page as GitHub makes them: lower case, without marks, hyphens for blanks."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_heading_finds_one_and_only_one(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target, heading in re.findall(r"\]\(([^)#\s]*)#([^)]*)\)", text):
        if "://" not in target:
            found = headings(page.parent / target if target else page)
            assert found.count(heading) == 1, f"{target}#{heading}"


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z-]+)`", page.read_text())) <= targets, page.name
