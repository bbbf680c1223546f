"""Write formats.md's table of well-known datasets from the descriptions that ship: python docs/list_descriptions.py."""

from pathlib import Path

import segfeed.datasets
from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.reader import read_description
from segfeed.datasets.descriptions.text import show_value

PAGE = Path(__file__).with_name("formats.md")
FOLDER = Path(segfeed.datasets.__file__).parent / "descriptions" / "well_known"
HEAD = "| format | looks like | splits | legend | tested on |\n| --- | --- | --- | --- | --- |\n"


def make_table() -> str:
    """Return the table, a line for each description."""
    return HEAD + "".join(
        _row(path.stem, read_description(path)) for path in sorted(FOLDER.glob("*.toml"), key=lambda path: path.stem)
    )


def put_table(page: str) -> str:
    """Return the page with the table in its place: all lines that begin with "|" below the table's head."""
    before, rest = page.split(HEAD)
    lines = rest.splitlines(keepends=True)
    after = next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before + make_table() + "".join(lines[after:])


def _row(name: str, said: Description) -> str:
    masks = said.masks or said.variants[0].masks
    looks = f"`{said.photos[0].text}`, `{masks[0].text}`".replace("|", "\\|")
    return f"| `{name}`: {said.title} | {looks} | {_splits(said)} | {_legend(said)} | {said.tested} |\n"


def _splits(said: Description) -> str:
    rule = said.splits
    if rule.lists:
        return "lists: " + ", ".join(f"`{name}`" for name in rule.lists.values())
    if not any(pattern.has_split for pattern in said.photos):
        return "by hash"
    return "folders" + (f": {', '.join(rule.folders)}" if rule.folders else "")


def _legend(said: Description) -> str:
    if said.variants:
        return ", or ".join(dict.fromkeys(map(_legend, said.variants)))
    if said.legend:
        return ", else ".join(f"`{name}`" if "." in name else name for name in said.legend)
    names = dict.fromkeys(said.classes.values())
    if not names:
        return "a legend file, or `legend=`"
    listed = ", ".join(names) if len(names) <= 3 else f"{len(names)} classes"
    void = f"; {', '.join(map(show_value, said.void))} is void" if said.void else ""
    return listed + void


if __name__ == "__main__":
    PAGE.write_text(put_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
