"""What the site has besides docs/: README and its like, the commands' help, the examples, pictures, llms.txt.

MkDocs calls the functions named `on_...`. Pages of the repository that lie outside docs/ become pages of the site, so
no text is written twice, and links between files of the repository become links between pages.
"""

import ast
import os
import posixpath
import re
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.testing import CliRunner

from segfeed.cli.app import app

ROOT = Path(__file__).parents[2]
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/results/results.md": "benchmark.md",
    "benchmarks/results/results.png": "pictures/results.png",
    "benchmarks/results/augmented/results.md": "benchmark-augmented.md",
    "benchmarks/results/augmented/augmented.png": "pictures/augmented-rates.png",
    "LICENSE": "LICENSE.txt",
}
ORIGINS = {uri: path for path, uri in OUTSIDE.items()}
FOLDERS = {"examples": "examples.md"}
_PLAIN = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
FENCE = re.compile(r"^(```.*?^```\n?)", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures that do not lie in docs/."""
    for path, uri in OUTSIDE.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    for path in _examples():
        files.append(File.generated(config, f"examples/{path.name}", abs_src_path=str(path)))
    files.append(File.generated(config, "examples.md", content=show_examples()))
    files.append(File.generated(config, "reference/commands.md", content=show_commands()))
    for name, picture in paint_gallery().items():
        files.append(File.generated(config, f"pictures/gallery/{name}", content=picture))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links between files of the repository into links between pages; code stays as it is."""
    uri = page.file.src_uri
    if page.parent is None:  # nothing lies beside it
        page.meta.setdefault("hide", ["navigation"])
    parts = FENCE.split(markdown)
    return "".join(
        part if part.startswith("```") else LINK.sub(lambda link: _relink(link, uri), part) for part in parts
    )


def on_post_build(config: MkDocsConfig) -> None:
    """Write llms.txt: what the site is, and each page's Markdown with the sentence that it begins with."""
    titles = dict(_leaves(config.nav))
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    for uri, title in titles.items():
        text = _markdown_of(uri)
        target = Path(config.site_dir, uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        lines.append(f"- [{title}]({uri}): {first_sentence(text)}")
    Path(config.site_dir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def show_commands() -> str:
    """Write the page of commands: what each prints with --help."""
    names = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    pages = ["# Commands\n\nWhat each command prints with `--help`.\n"]
    for name in (*names, "cache", "cache prune"):
        done = CliRunner().invoke(app, [*name.split(), "--help"], env=_PLAIN)
        text = "\n".join(line.rstrip() for line in done.output.strip().splitlines())
        pages.append(f"\n## segfeed {name}\n\n```text\n{text}\n```\n")
    return "".join(pages)


def show_examples() -> str:
    """Write the page of examples: what each does, and its code."""
    pages = ["# Examples\n\nPrograms to run and to change; each is run by the tests.\n"]
    for path in _examples():
        pages.append(f"\n## {path.name}\n\n[{path.name}](examples/{path.name})\n")
        if path.suffix == ".py":
            code = path.read_text(encoding="utf-8")
            first, _, rest = (ast.get_docstring(ast.parse(code)) or "").partition("\n")
            usage = f"\n```text\n{rest.strip()}\n```\n" if rest.strip() else ""
            pages.append(f"\n{first}\n{usage}\n```python\n{code}```\n")
    return "".join(pages)


def paint_gallery() -> dict[str, bytes]:
    """Run the code of gallery.md in an empty folder, and return the pictures that it writes there."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            names: dict[str, Any] = {}
            for code in PYTHON.findall((ROOT / "docs/gallery.md").read_text(encoding="utf-8")):
                exec(compile(code, "gallery.md", "exec"), names)  # noqa: S102 - the page's own code
            return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.png"))}
        finally:
            os.chdir(before)


def first_sentence(markdown: str) -> str:
    """Return the first sentence of a page's first paragraph, on one line."""
    for block in re.split(r"\n\s*\n", FENCE.sub("", markdown)):
        text = LINK.sub("", " ".join(block.split())).replace("[", "").strip()
        if text and text[0] not in "#!|<:-":
            return re.split(r"(?<=[.:?]) ", text)[0].rstrip(":")
    return ""


def _examples() -> list[Path]:
    return sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".ipynb"))


def _markdown_of(uri: str) -> str:
    made = {"reference/commands.md": show_commands, "examples.md": show_examples}
    return made[uri]() if uri in made else (ROOT / ORIGINS.get(uri, f"docs/{uri}")).read_text(encoding="utf-8")


def _leaves(nav: Any, title: str = "") -> Any:
    """List (page, title) of a nav, in order."""
    if isinstance(nav, str):
        yield nav, title or Path(nav).parent.name
    elif isinstance(nav, dict):
        for name, inner in nav.items():
            yield from _leaves(inner, name)
    else:
        for inner in nav:
            yield from _leaves(inner)


def _relink(link: re.Match[str], uri: str) -> str:
    target, anchor = link[1], link[2] or ""
    if "://" in target or target.startswith("mailto:"):
        return link[0]
    origin = ORIGINS.get(uri, f"docs/{uri}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
    found = OUTSIDE.get(path) or FOLDERS.get(path) or path.removeprefix("docs/")
    return f"]({posixpath.relpath(found, posixpath.dirname(uri) or '.')}{anchor})"
