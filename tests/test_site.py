"""The documentation's site: it has every page and every public name, builds without a warning, and needs no network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import segfeed

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = {
    "index.md",
    "contributing.md",
    "changelog.md",
    "benchmark.md",
    "benchmark-augmented.md",
    "examples.md",
    "reference/commands.md",
}


def test_every_public_name_is_in_the_reference_once():
    listed = [
        name
        for page in (DOCS / "reference").glob("*.md")
        for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    ]
    assert len(listed) == len(set(listed))
    shown = {name.removeprefix("segfeed.").split(".")[0] for name in listed}
    assert set(segfeed.__all__) <= shown


def test_the_navigation_names_every_page_and_no_other():
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text().split("\nnav:")[1]))
    assert named == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} | MADE


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=600, env=quiet)
    told = [line for line in done.stderr.splitlines() if ": packing writes about " not in line]
    assert (done.returncode, told) == (0, [])
    site = tmp_path / "site"
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:link|script|img|iframe)\b[^>]*?\b(?:src|href)=\"?(https?://[^\s\">]+)", page.read_text()
        )
        assert loaded == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?https?:", style.read_text()), style.name
    told = (site / "llms.txt").read_text()
    assert told.startswith("# segfeed\n\n> ")
    for target in re.findall(r"\]\((\S+)\)", told):
        assert (site / target).is_file(), target
        assert (site / target).with_suffix(".html").is_file(), target
    assert all(line.partition("): ")[2] for line in told.splitlines() if line.startswith("- ["))
    assert "write_predictions" in (site / "search/search_index.js").read_text()
    assert len(list((site / "pictures/gallery").glob("*.png"))) >= 10
