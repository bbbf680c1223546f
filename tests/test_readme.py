"""README: what it shows runs, what it names exists."""

import re
from pathlib import Path

import pytest
import typer

from segfeed.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_working_code_stands_within_the_first_25_lines():
    head = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    (code,) = re.findall(r"```python\n(.*?)```", head, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - the code is the project's own


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_compiles(page):
    for code in blocks(page, "python"):
        compile(code, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page):
    known = set(typer.main.get_command(app).commands)
    named = set(re.findall(r"(?:^|[`$ ])segfeed ([a-z]+)(?= |`|$)", "\n".join(blocks(page, "sh")), re.MULTILINE))
    named |= set(re.findall(r"`segfeed ([a-z]+)[ `]", page.read_text()))
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z]+)`", page.read_text())) <= targets, page.name
