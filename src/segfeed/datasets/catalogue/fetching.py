"""Catalogue: datasets that segfeed knows by name: where their archives are, their digests, what is taken out.

DIR/VOCdevkit/VOC2012 appears complete or not at all. Until then, what has arrived of an archive lies in a hidden folder
in DIR, for the next attempt to go on with.
"""

import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from segfeed.datasets.archives.archive import Archive, open_archive, unpack
from segfeed.datasets.catalogue.devkit import Lists, Unpacking, check_folder, prepare_devkit
from segfeed.datasets.catalogue.download import Remote, open_remote
from segfeed.datasets.catalogue.mat_file import require_scipy
from segfeed.datasets.catalogue.remains import sweep_remains
from segfeed.datasets.catalogue.sbd import check_sbd_folder, prepare_sbd
from segfeed.errors import OptionError, SourceMissingError
from segfeed.system.paths import user_path
from segfeed.system.portable import sync
from segfeed.system.storage import cache_folder, publish

_ROOT = Path("VOCdevkit", "VOC2012")
_REMEDY = "or choose another folder to fetch to"


@dataclass(frozen=True)
class PublicDataset:
    """A dataset that can be fetched by its name.

    Attributes:
        remote: its archive.
        prepare: finds what is needed in the archive; the path is that of VOC 2012, for a dataset that extends it.
        check: checks that a folder holds the whole dataset, and returns its lists.
        extends: the name of the dataset that it extends.
        require: raises `NotInstalledError` if a package that `prepare` needs is missing.
    """

    remote: Remote
    prepare: Callable[[Archive, Path], Unpacking]
    check: Callable[[Path], Lists]
    extends: str = ""
    require: Callable[[], None] = lambda: None


DATASETS = {
    "voc2012": PublicDataset(
        Remote(
            "VOCtrainval_11-May-2012.tar",
            (
                "http://d2l-data.s3-accelerate.amazonaws.com/VOCtrainval_11-May-2012.tar",
                "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
            ),
            sha1="4e443f8a2eca6b1dac8a6c57641b67dd40621a49",
            size_bytes=1_999_639_040,
            by_hand="pass it: `segfeed fetch voc2012 --from FILE`",
        ),
        lambda archive, _: prepare_devkit(archive),
        check_folder,
    ),
    "sbd": PublicDataset(
        Remote(
            "benchmark.tgz",
            ("https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",),
            sha1="7129e0a480c2d6afb02b517bb18ac54283bfaa35",
            size_bytes=1_419_539_633,
            by_hand="pass it: `segfeed fetch sbd --from FILE`",
        ),
        prepare_sbd,
        check_sbd_folder,
        extends="voc2012",
        require=require_scipy,
    ),
}
"""The datasets that `fetch_dataset` knows.

Sources: the sizes and SHA-1 of the archives as GluonCV and TorchVision publish them.
"""


def find_dataset(name: str, cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of a dataset that was fetched into the cache.

    Raises:
        OptionError: if the name is unknown.
        SourceMissingError: if it was not fetched yet.
    """
    _known(name)
    root = _folder_of(name, cache_dir) / _ROOT
    if not os.path.isdir(root):
        raise SourceMissingError(
            str(root),
            found=f"{name} was not fetched yet",
            remedy=f"run `segfeed fetch {name}`, pass download=True, or pass the path of a copy",
        )
    return root


def fetch_dataset(
    name: str,
    to: str | os.PathLike[str] | None = None,
    *,
    archive: str | os.PathLike[str] | None = None,
    sha1: str | None = None,
    voc: str | os.PathLike[str] | None = None,
    keep_archive: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Download a dataset, or take it from an archive that is there; do nothing if it was fetched before.

    Args:
        name: "voc2012", or "sbd" for VOC 2012 with the train list `trainaug`.
        to: the folder that gets VOCdevkit/VOC2012; one in the cache if None.
        archive: a copy of the archive: its path, or a URL that is asked first. A file is used in folder and kept.
        sha1: the archive's SHA-1, if it is not the published one but is to be trusted all the same.
        voc: for "sbd", the folder of VOC 2012; if None the one in the cache, fetched if it is missing.
        keep_archive: keep the downloaded archive, beside VOCdevkit.
        cache_dir: the cache; $SEGFEED_CACHE or the user's cache folder if None.

    Returns:
        root: the folder that holds JPEGImages and the others.

    Raises:
        OptionError: if the dataset is unknown, or options have no meaning together.
        NotInstalledError: if a package is missing: "sbd" needs SciPy.
        DownloadError: if no mirror gave the archive.
        SourceError: if the archive, or what lies there already, is not what it must be.
        StorageError: if the disk is full, or may not be written.
    """
    dataset = _known(name)
    folder = user_path(to) if to else _folder_of(name, cache_dir)
    root = folder / _ROOT
    remote, path = _choose_archive(dataset.remote, archive, None if sha1 is None else _check_sha1(sha1), folder)
    if archive is not None and path is not None and keep_archive:
        found = f"True, but {path} is there already, and such an archive is always kept"
        raise OptionError("keep_archive", found=found, remedy="leave it out")
    if voc is not None and not dataset.extends:
        raise OptionError("voc", found=f"a folder for {name!r}, which extends nothing", remedy="leave it out")
    if root.exists():
        dataset.check(root)
        sweep_remains(remote.key, folder)
        return root
    dataset.require()
    extended = _find_extended(dataset, voc, cache_dir) if dataset.extends else Path()
    if path is not None:
        _unpack(dataset, remote, path, root, extended)
        return root
    with open_remote(remote, folder) as path:
        _unpack(dataset, remote, path, root, extended)
        if keep_archive:
            path.rename(folder / remote.name)
            sync(folder)
    return root


def fetch_archive(
    url: str,
    sha1: str,
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    archive: str | os.PathLike[str] | None = None,
) -> Path:
    """Download an archive, or take the one that is there, and unpack all of it into the cache; once.

    Args:
        url: where it is.
        sha1: what decides whether it is the right one.
        cache_dir: the cache; $SEGFEED_CACHE or the user's cache folder if None.
        archive: its path, if it need not be downloaded.

    Returns:
        folder: what the archive holds lies in it.

    Raises:
        OptionError: if `url` is not an http or https URL, or `sha1` is not a SHA-1.
        DownloadError: if the server did not give the archive.
        ArchiveError: if it is not a tar, tar.gz or zip, is damaged, or holds what must not be unpacked.
        StorageError: if the disk is full, or may not be written.
    """
    remote = Remote(url.rpartition("/")[2], (url,), _check_sha1(sha1), by_hand="pass it as file=")
    folder = _folder_of(f"{remote.name}-{remote.sha1[:12]}", cache_dir)
    if os.path.isdir(folder):
        sweep_remains(remote.key, folder.parent)
        return folder
    there = open_remote(remote, folder.parent) if archive is None else nullcontext(user_path(archive))
    with there as path, open_archive(path, sha1=remote.sha1) as opened:
        needed_bytes = sum(member.size for member in opened.members.values())
        return publish(folder, lambda unfinished: unpack(opened, unfinished), needed_bytes=needed_bytes, remedy=_REMEDY)


def count_ids(name: str, root: Path) -> dict[str, int]:
    """Check a dataset that was fetched, and count the ids of each of its lists."""
    return {split: len(ids) for split, ids in _known(name).check(root).items()}


def _find_extended(
    dataset: PublicDataset, voc: str | os.PathLike[str] | None, cache_dir: str | os.PathLike[str] | None
) -> Path:
    """Return the folder of the dataset that another one extends, after checking that it is whole."""
    if voc is None:
        return fetch_dataset(dataset.extends, cache_dir=cache_dir)
    given = user_path(voc)
    root = given / _ROOT if os.path.isdir(given / _ROOT) else given
    DATASETS[dataset.extends].check(root)
    return root


def _unpack(dataset: PublicDataset, remote: Remote, path: Path, root: Path, extended: Path) -> None:
    """Check an archive, find everything that is needed in it, and only then write."""
    with open_archive(path, sha1=remote.sha1, size_bytes=remote.size_bytes) as archive:
        unpacking = dataset.prepare(archive, extended)

        def fill(folder: Path) -> None:
            unpacking.write(folder)
            archive.require_unchanged()

        publish(root, fill, needed_bytes=unpacking.needed_bytes, remedy=_REMEDY)


def _choose_archive(
    remote: Remote, archive: str | os.PathLike[str] | None, sha1: str | None, folder: Path
) -> tuple[Remote, Path | None]:
    """Return what the archive must be, and its path, if it is there."""
    official = remote.mirrors if sha1 in (None, remote.sha1) else ()
    if sha1 not in (None, remote.sha1):
        remote = replace(remote, sha1=sha1, size_bytes=None)
    if archive is None:
        kept = folder / remote.name
        if not official and not kept.is_file():
            raise OptionError("sha1", found="a digest without its archive", remedy="pass the archive, too")
        return remote, kept if kept.is_file() else None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", str(archive)):
        return replace(remote, mirrors=tuple(dict.fromkeys((str(archive), *official)))), None
    return remote, user_path(archive)


def _check_sha1(sha1: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{40}", sha1):
        raise OptionError("sha1", found=repr(sha1), expected="40 hexadecimal digits")
    return sha1.lower()


def _known(name: str) -> PublicDataset:
    if name not in DATASETS:
        raise OptionError("dataset", found=repr(name), expected=f"one that can be fetched: {', '.join(DATASETS)}")
    return DATASETS[name]


def _folder_of(name: str, cache_dir: str | os.PathLike[str] | None) -> Path:
    return cache_folder(cache_dir) / "datasets" / name
