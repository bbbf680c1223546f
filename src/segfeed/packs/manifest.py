"""The manifest of a pack: written last, so that a folder without one, or with one that does not fit, is not a pack.

It stands alone because packs of any version are listed by it, without their rows.
"""

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
PACK_AGAIN = "remove the folder and pack again"


def write_manifest(folder: Path, described: dict[str, Any]) -> None:
    """Add the format, its version, the rows' length and a checksum to what describes a pack, and write the manifest."""
    fields = {"format": _FORMAT, "version": FORMAT_VERSION, **described, "bytes": (folder / ROWS).stat().st_size}
    fields["manifest_xxh3"] = hash_fields(fields)
    write_whole(folder / MANIFEST, json.dumps(fields, indent=1).encode())


def peek_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a pack of any format version; None if the folder is not a pack of segfeed."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == _FORMAT else None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a whole pack of this format version.

    Raises:
        PackError: if the folder does not hold one.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        size = (folder / ROWS).stat().st_size
        version, expected = manifest["version"], manifest["bytes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackError(
            str(folder), found=f"no whole pack ({type(error).__name__}: {error})", remedy=PACK_AGAIN
        ) from error
    if version != FORMAT_VERSION:
        raise PackError(
            str(folder),
            found=f"pack format {version}",
            expected=f"format {FORMAT_VERSION}, which this segfeed reads",
            remedy=PACK_AGAIN,
        )
    if hash_fields(manifest) != manifest.get("manifest_xxh3"):
        raise PackError(
            str(folder / MANIFEST),
            found="fields that do not fit their checksum, changed by the disk or by hand",
            remedy=PACK_AGAIN,
        )
    if size != expected:
        raise PackError(str(folder / ROWS), found=f"{size} bytes", expected=f"{expected} bytes", remedy=PACK_AGAIN)
    return dict(manifest)
