"""Folders as mappings, compared byte by byte."""

import json
from pathlib import Path

Files = dict[str, bytes]


def files_of(folder: Path) -> Files:
    """Read all files below a folder, hidden ones too; empty folders appear with a slash."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            found[name] = _timeless(path)
        elif not any(path.iterdir()):
            found[f"{name}/"] = b""
    return found


def units_of(files: Files, depth: int) -> dict[str, Files]:
    """Group files by what appears at once: their first parts, of which none is hidden."""
    units: dict[str, Files] = {}
    for name, content in files.items():
        parts = name.rstrip("/").split("/")
        if not any(part.startswith(".") for part in parts) and len(parts) >= depth:
            units.setdefault("/".join(parts[:depth]), {})[name] = content
    return units


def _timeless(path: Path) -> bytes:
    """Read a file; a manifest without the time it was written, and its checksum, which covers that."""
    content = path.read_bytes()
    if path.name != "manifest.json" or not content.endswith(b"}"):
        return content
    fields = json.loads(content)
    return json.dumps({name: fields[name] for name in fields if name not in ("created", "manifest_xxh3")}).encode()
