"""Verification: read everything again, and compare it with what was recorded. Nothing is taken on trust, no stamp, no name."""

import os
from collections.abc import Iterator

from segfeed.findings import Finding
from segfeed.legend import Legend
from segfeed.lookup import count_labels
from segfeed.packs import Pack, find_pack
from segfeed.packs.fingerprints import fingerprint_of, hash_files, hash_record
from segfeed.parallel import in_order
from segfeed.progress import show_progress
from segfeed.sources import Source

_AGAIN = "remove {folder} and pack again"


def verify_pack(pack: Pack, *, threads: int | None = None) -> list[Finding]:
    """Hash and count every stored pair again, and compare with what the pack recorded of it.

    Args:
        pack: what `segfeed.make_pack` gave.
        threads: how many pairs are read at once; all cores where it is None.

    Returns:
        findings: one for each pair that is not what was stored; none for a sound pack.
    """
    classes = len(pack.legend) if isinstance(pack.legend, Legend) else None
    remedy = _AGAIN.format(folder=pack.folder)
    file = pack.rows.path.name

    def verify(index: int) -> Finding | None:
        pair = pack.rows.pair(index)
        found = None
        if hash_record(pair) != pack.rows.checksums[index]:
            found = "the stored pixels do not fit their checksum"
        elif (
            classes is not None
            and not (count_labels(pair.labels)[[*range(classes), pack.legend.void]] == pack.pixels[index]).all()
        ):
            found = "the recorded pixel counts are not those of the stored labels"
        if found is None:
            return None
        return Finding(
            "error", "pack-damaged", pack.split, pack.keys[index], file, found, "the bytes that were packed", remedy
        )

    pack.rows.check_whole()
    findings = []
    with show_progress(f"verifying {pack.name} {pack.split}", len(pack)) as advance:
        for finding in in_order(verify, len(pack), threads):
            findings += [finding] if finding else []
            advance(1)
    return findings


def verify_source(
    source: Source, *, cache_dir: str | os.PathLike[str] | None = None, threads: int | None = None
) -> list[Finding]:
    """Hash every file of a source again, and compare with the pack that would be used for it.

    Returns:
        findings: a note where no pack is recorded; an error for each file that is not the one that was packed.
    """
    pack = find_pack(source, cache_dir=cache_dir)
    if pack is None:
        return [
            Finding(
                "note", "pack-absent", source.split, "", "", "no pack of these files as they are now", "one, to verify it",
                "run `segfeed pack`",
            )
        ]  # fmt: skip
    hashes = hash_files(source, threads)
    if fingerprint_of(source, hashes) == pack.folder.name:
        return []
    return list(_differences(source, pack, hashes))


def _differences(source: Source, pack: Pack, hashes: list[tuple[bytes, bytes | None]]) -> Iterator[Finding]:
    remedy = _AGAIN.format(folder=pack.folder)
    packed = zip(*(pack.rows.table[column].to_pylist() for column in ("photo_sha256", "mask_sha256")), strict=True)
    blamed = False
    for sample, now, then in zip(source.samples, hashes, packed, strict=True):
        for blob, here, there in zip((sample.photo, sample.mask), now, then, strict=True):
            if here != there:
                blamed = True
                yield Finding(
                    "error", "pack-stale", source.split, sample.key, "" if blob is None else blob.name,
                    "other bytes than were packed, though size and times are the same", "the file that was packed", remedy,
                )  # fmt: skip
    if not blamed:
        yield Finding(
            "error", "pack-stale", source.split, "", "", f"the pack's folder is named {pack.folder.name[:12]}...",
            "the fingerprint of the dataset", remedy,
        )  # fmt: skip
