"""Verification: read everything again and compare it with what was recorded; no stamp and no name is trusted."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segfeed.audit.findings import Finding
from segfeed.datasets.packed.manifest import CODINGS, part_name, peek_manifest
from segfeed.datasets.source import Source
from segfeed.errors import PackError, SourceError
from segfeed.packs.cache import find_packs, last_used_s
from segfeed.packs.fingerprints import FileHashes, fingerprint_of, hash_files, settings_digest
from segfeed.packs.making import find_pack
from segfeed.packs.pack import Pack
from segfeed.system.work import in_order, show_progress

_AGAIN = "remove {folder} and pack again"
_RESTORE = "restore the file if nobody meant to change it"


def verify_pack(pack: Pack, *, threads: int | None = None) -> list[Finding]:
    """Hash and count every stored pair again, and compare with what the pack recorded of it.

    Args:
        pack: from `segfeed.make_pack`.
        threads: how many pairs are read at once; None for all cores.

    Returns:
        findings: one for each pair that is not what was stored; none for a sound pack.
    """
    remedy = _AGAIN.format(folder=pack.folder)

    def verify(index: int) -> Finding | None:
        try:
            found = pack.find_fault(index)
        except (PackError, SourceError) as error:  # a file that a coded pack keeps, or a part that is gone
            found = error.found
        if not found:
            return None
        file = part_name(int(pack.table.parts[pack.table.firsts[index]]))
        return Finding(
            "error", "pack-damaged", pack.split, pack.keys[index], file, found, "the bytes that were packed", remedy
        )

    if not pack.is_coded:
        pack.parts.check_whole(np.arange(len(pack)))
    findings = []
    with show_progress(f"verifying {pack.name} {pack.split}", len(pack)) as advance:
        for finding in in_order(verify, len(pack), threads):
            findings += [finding] if finding else []
            advance(1)
    return findings


def match_pack(
    source: Source, *, cache_dir: str | os.PathLike[str] | None = None, threads: int | None = None
) -> tuple[Pack | None, list[Finding]]:
    """Hash every file of a source again, and compare with the pack that would be used for it, or was made last.

    Args:
        source: from `segfeed.scan`.
        cache_dir: where packs lie; None for $SEGFEED_CACHE or the user's cache folder.
        threads: how many files are read at once; None for all cores.

    Returns:
        pack: the one that would be used; None if the next run makes one.
        findings: an error for each file that is not the one in the pack that would be used; if it does not exist, a
            warning for each file that changed since this split was packed, or a note that it never was.
    """
    for coding in CODINGS:
        if (pack := find_pack(source, coded=coding == "stored", cache_dir=cache_dir)) is not None:
            if source.format == "pack":  # it was listed from the pack itself
                return pack, []
            hashes = hash_files(source, threads)
            is_same = fingerprint_of(source, hashes, coding) == pack.folder.name
            return pack, [] if is_same else _stale(source, pack, hashes)
    # Files that were touched, copied, or packed a moment ago bear no stamp that is known: their contents tell.
    known, last = _packed_before(source, cache_dir)
    if not known and last is None:
        return None, [_absent(source)]
    hashes = hash_files(source, threads)
    fingerprints = {fingerprint_of(source, hashes, coding) for coding in CODINGS}
    if (equal := next((folder for folder in known if folder.name in fingerprints), None)) is not None:
        return Pack(equal), []
    return None, (_changed(source, Pack(last), hashes) if last else []) or [_absent(source)]


def _packed_before(source: Source, cache_dir: str | os.PathLike[str] | None) -> tuple[list[Path], Path | None]:
    """List the packs of equal settings, whatever files they were made of; and find the last one made of this split."""
    settings = {settings_digest(source, coding) for coding in CODINGS}
    split_of = (str(source.root), source.split, source.task)
    manifests = {folder: peek_manifest(folder) or {} for folder in find_packs(cache_dir)}
    known = [folder for folder, manifest in manifests.items() if manifest.get("settings") in settings]
    made = [
        (str(manifest.get("created")), last_used_s(folder), folder)
        for folder, manifest in manifests.items()
        if tuple(manifest.get(word) for word in ("root", "split", "task")) == split_of
    ]
    return known, max(made)[2] if made else None


def _absent(source: Source) -> Finding:
    return Finding(
        "note", "pack-absent", source.split, "", "", "no pack of these files, as they are listed and read now",
        "one, to compare them with", "run `segfeed pack`",
    )  # fmt: skip


def _stale(source: Source, pack: Pack, hashes: FileHashes) -> list[Finding]:
    """List the files that are not those of the pack that would be used for them."""
    remedy = f"{_RESTORE}, else {_AGAIN.format(folder=pack.folder)}"
    found = "other bytes than were packed, though size and times are the same"
    return [
        Finding("error", "pack-stale", source.split, key, name, found, "the file that was packed", remedy)
        for key, name in _differences(source, pack, hashes)
    ] or [
        Finding(
            "error", "pack-stale", source.split, "", "", f"the pack's folder is named {pack.folder.name[:12]}...",
            "the fingerprint of the dataset", _AGAIN.format(folder=pack.folder),
        )
    ]  # fmt: skip


def _changed(source: Source, pack: Pack, hashes: FileHashes) -> list[Finding]:
    """List the files that differ from those of the last pack, which will not be used for them."""
    found = f"other bytes than were packed at {pack.manifest['created']}"
    remedy = f"{_RESTORE}, else run `segfeed pack`, which makes a new pack"
    return [
        Finding("warning", "file-changed", source.split, key, name, found, "the file that was packed", remedy)
        for key, name in _differences(source, pack, hashes)
    ]


def _differences(source: Source, pack: Pack, hashes: FileHashes) -> Iterator[tuple[str, str]]:
    """Compare the files of all samples that were packed: yield key and name of each that differs."""
    columns = (pack.table.digests(column) for column in ("photo_sha256", "mask_sha256"))
    packed = dict(zip(pack.keys, zip(*columns, strict=True), strict=True))
    for sample, now in zip(source.samples, hashes, strict=True):
        for blob, here, there in zip((sample.photo, sample.mask), now, packed.get(sample.key, now), strict=True):
            if here != there:
                yield sample.key, "" if blob is None else blob.name
