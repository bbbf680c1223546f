"""The template: contents to one HTML file that needs nothing else, runs only its own script, and trusts no name."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from segfeed.system.showing import visible

_SOURCES = ("report.html.jinja", "parts.html.jinja", "report.css", "report.js")


def render(**values: Any) -> str:
    r"""Fill the template.

    Every value is escaped for where it stands: as text, in an attribute, or as JSON whose `<`, `>`, `&` and `'` are
    written as `\u003c` and so on. The policy allows the style and the script of the template alone, by their hashes.
    """
    sources = _read_sources()
    style, script = sources["report.css"], sources["report.js"]
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src '{_hash_of(style)}'; script-src '{_hash_of(script)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    page = _environment().get_template("report.html.jinja")
    return page.render(policy=policy, style=style, script=script, **values)


def _finish(value: Any) -> Any:
    return visible(value) if type(value) is str else value  # markup, a subclass of str, was finished already


@cache
def _read_sources() -> dict[str, str]:
    folder = files("segfeed.pictures.report")
    return {name: (folder / name).read_text("utf-8") for name in _SOURCES}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader(_read_sources()),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finish,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["share"] = _share
    return environment


def _share(value: float) -> str:
    """Write a share of 0..1 in percent, so that little is never nothing."""
    percent = 100 * value
    if percent < 0.01:
        return "< 0.01 %" if percent else "0"
    return f"{percent:.2f} %" if percent < 10 else f"{percent:.1f} %"


def _hash_of(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
