"""The manifest: what a pack says of itself, written last; a folder that has none, or one that does not fit, is no pack."""

import json
from pathlib import Path
from typing import Any

from segfeed.errors import PackError
from segfeed.packs.fingerprints import hash_fields
from segfeed.packs.rows import FORMAT_VERSION
from segfeed.system.storage import write_whole

ROWS, MANIFEST = "pairs.arrow", "manifest.json"
"""The two files of a pack's folder."""

_FORMAT = "segfeed pack"


def write_manifest(folder: Path, described: dict[str, Any]) -> None:
    """Add the format, its version, the rows' length and a checksum to what describes a pack, and write the manifest."""
    fields = {"format": _FORMAT, "version": FORMAT_VERSION, **described, "bytes": (folder / ROWS).stat().st_size}
    fields["manifest_xxh3"] = hash_fields(fields)
    write_whole(folder / MANIFEST, json.dumps(fields, indent=1).encode())


def peek_manifest(folder: Path) -> dict[str, Any] | None:
    """Read what a pack of any format version says of itself; None where the folder is none of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == _FORMAT else None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a pack says of itself.

    Raises:
        PackError: the folder holds no whole pack of this format version.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        size = (folder / ROWS).stat().st_size
        version, expected = manifest["version"], manifest["bytes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackError(
            f"{folder}: no whole pack ({type(error).__name__}: {error}); remove the folder and pack again."
        ) from error
    if version != FORMAT_VERSION:
        raise PackError(
            f"{folder}: pack format {version}; this segfeed reads format {FORMAT_VERSION}; remove the folder and pack again."
        )
    if hash_fields(manifest) != manifest.get("manifest_xxh3"):
        raise PackError(
            f"{folder / MANIFEST}: its fields do not fit their checksum; the disk or a hand changed them; remove the folder and "
            "pack again."
        )
    if size != expected:
        raise PackError(f"{folder / ROWS}: {size} bytes; expected {expected}; remove the folder and pack again.")
    return dict(manifest)
