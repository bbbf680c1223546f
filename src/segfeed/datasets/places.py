"""Places: where the dataset lies that a path or a name means; the embedded sample is painted if it is needed."""

import hashlib
import os
from pathlib import Path

from segfeed.errors import SourceMissingError
from segfeed.system.paths import user_path
from segfeed.system.storage import cache_folder, publish
from segfeed.system.work import show_progress

FETCHED = ("voc2012", "sbd")
"""The names of datasets that `segfeed.datasets.catalogue.fetching` can fetch."""


def find_root(
    path_or_name: str | os.PathLike[str], *, cache_dir: str | os.PathLike[str] | None = None, download: bool = False
) -> Path:
    """Return where a dataset lies: the path itself, or the folder of a named dataset in the cache.

    Args:
        path_or_name: a path, "sample", or the name of a dataset that can be fetched, such as "voc2012".
        cache_dir: the cache; $SEGFEED_CACHE or the user's cache folder if None.
        download: fetch a named dataset that is not there.

    Raises:
        SourceMissingError: if nothing is there.
    """
    if path_or_name == "sample":
        return sample_root(cache_dir)
    if path_or_name in FETCHED:
        # Downloading is seldom needed, so its modules are imported late.
        from segfeed.datasets.catalogue.fetching import fetch_dataset, find_dataset  # noqa: PLC0415

        name = str(path_or_name)
        return fetch_dataset(name, cache_dir=cache_dir) if download else find_dataset(name, cache_dir)
    root = user_path(path_or_name)
    if not os.path.exists(root):
        remedy = f"pass the path of a dataset, or a name: sample, {', '.join(FETCHED)}"
        raise SourceMissingError(str(root), found="no such file or folder", remedy=remedy)
    return root


def sample_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the embedded dataset's folder; paint the dataset first, if it is not in the cache yet.

    Raises:
        StorageError: if the cache folder cannot be written.
    """
    folder = Path(__file__).parent / "sample"
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py"))))
    final = cache_folder(cache_dir) / "samples" / code.hexdigest()[:12]
    if not os.path.isdir(final):
        publish(final, _paint_sample, needed_bytes=32 << 20, remedy="or pass the path of a dataset of your own")
    return final / "sample"


def _paint_sample(folder: Path) -> None:
    from segfeed.datasets.sample.writing import write_sample  # noqa: PLC0415 - needed once in a cache's life

    root = folder / "sample"
    root.mkdir()
    with show_progress("painting the sample", 206) as advance:
        write_sample(root, lambda _done, _total: advance(1))
