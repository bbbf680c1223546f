"""The table of docs/reliability.md: every case has a number and a test that exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TEXT = (HERE.parent / "docs" / "reliability.md").read_text()
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| \d+ \|", line)]
CASES, CORRUPTIONS = ([row for row in ROWS if row in part] for part in reversed(TEXT.split("\n## Cases\n")))


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((HERE / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def numbers(rows: list[str]) -> list[int]:
    return [int(row.split("|")[1]) for row in rows]


def test_cases_are_numbered_without_a_gap():
    assert numbers(CASES) == list(range(1, 154))
    assert numbers(CORRUPTIONS) == list(range(1, 11))
    assert f"lists {len(CASES)} cases" in (HERE.parent / "README.md").read_text()


@pytest.mark.slow
def test_every_test_that_the_page_on_security_names_is_there():
    named = NAMED.findall((HERE.parent / "SECURITY.md").read_text())
    assert len(named) > 10
    for file, test in named:
        assert test in names_in(file), f"{file}::{test}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
@pytest.mark.slow
def test_every_case_has_a_test_that_is_there(row):
    *_, shown, _ = row.split("|")
    named = NAMED.findall(shown)
    assert named, "name a test, or say in words why there is none"
    assert re.sub(NAMED, "", shown).strip(" ,") == "", "malformed names"
    for file, test in named:
        assert test.startswith("test_")
        assert test in names_in(file), f"{file}::{test}"
