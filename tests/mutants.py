"""Break the code on purpose, one promise at a time: a test must fail for each mutant. Run by `make mutants`.

Each mutant is one replacement in a copy of the package; the tests named beside it run against that copy. A mutant that
survives is a promise that no test checks.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutant:
    """A replacement of `old` by `new` in a module; `tests` are arguments of pytest."""

    what: str
    module: str
    old: str
    new: str
    tests: str


MUTANTS = (
    Mutant("splits of other classes are fed as one dataset", "datasets/splits",
           "if own is not None and legend.names != own.names:", "if False:", "tests/datasets/formats/test_pack.py"),
    Mutant("masks that are read in other ways are joined", "datasets/splits",
           "if _meaning(source) != _meaning(first):", "if False:", "tests/datasets/formats/test_pack.py"),
    Mutant("a pack that may not be read is removed as a damaged one", "packs/making",
           "if is_closed(there):", "if False:", "tests/faults/test_read_only.py"),
    Mutant("what is written over in place stays trusted", "packs/pack",
           "self._verified[self.table.parts == part] = False", "pass", "tests/faults/test_mapped.py"),
    Mutant("an unknown index becomes background", "pixels/legend",
           "np.full(65536, poison_of(self.dtype), self.dtype)", "np.zeros(65536, self.dtype)",
           "tests/pixels/test_legend.py"),
    Mutant("an unknown colour becomes background", "pixels/lookup",
           "poison_of(labels.dtype)", "labels.dtype.type(0)",
           "tests/pixels/test_legend.py tests/pixels/test_lookup.py"),
    Mutant("an index that no class has is taken for known", "pixels/lookup",
           "labels.min(initial=255) >= 255 - kept", "labels.min(initial=255) >= 0", "tests/pixels/test_lookup.py"),
    Mutant("pairs decoded side by side have the first one's labels", "batches/readers",
           "starts * self.labels.shape[1]", "starts * 0", "tests/batches/test_readers.py"),
    Mutant("classes are shifted by one", "pixels/legend",
           "table[list(self.indices)] = np.arange(len(self))",
           "table[list(self.indices)] = np.arange(1, len(self) + 1)",
           "tests/pixels/test_legend.py"),
    Mutant("a palette mask is read by its bare indices", "pixels/codec",
           "if mask.palette is not None:", "if False:", "tests/pixels/test_codec.py"),
    Mutant("chunks are not checked by their CRC", "pixels/files/png",
           "zlib_ng.crc32(", "(lambda body, *_: int.from_bytes(data[end - 4 : end], 'big'))(",
           "tests/pixels/files/test_png.py tests/pixels/test_codec.py"),
    Mutant("the checksum of a PNG's pixels is not reached", "pixels/files/png",
           "if not unpack.eof or len(lines)", "if len(lines)",
           "tests/pixels/files/test_png.py tests/pixels/test_codec.py"),
    Mutant("warnings of the JPEG decoder are ignored", "pixels/files/jpeg_photo",
           "strict=True", "strict=False", "tests/pixels/test_codec.py"),
    Mutant("zeros in place of pixels pass for padding", "pixels/files/jpeg_photo",
           "return _decode_strictly(plain, out)", 'return simplejpeg.decode_jpeg(data, "RGB", buffer=out)',
           "tests/pixels/files/test_jpeg_photo.py"),
    Mutant("a lossy WebP is a mask", "pixels/codec",
           "if not webp.is_lossless:", "if False:", "tests/pixels/files/test_webp.py"),
    Mutant("a lossy TIFF is a mask", "pixels/files/tiff_pictures",
           "            tiff.compression not in LOSSLESS,\n            lossy,",
           "            False,\n            lossy,",
           "tests/pixels/files/test_tiff.py"),
    Mutant("a TIFF's palette of bytes is all black", "pixels/files/tiff",
           "(8 if values.max() > 255 else 0)", "8", "tests/pixels/files/test_tiff.py"),
    Mutant("a near-infrared band passes for alpha", "pixels/files/tiff_pictures",
           "if not (extra == 255).all():", "if False:", "tests/pixels/files/test_tiff.py"),
    Mutant("the end of a GIF is not looked for", "pixels/files/gif",
           "while (mark := data[at]) != _END:", "while at < len(data) and (mark := data[at]) != _END:",
           "tests/pixels/files/test_gif.py"),
    Mutant("void of -1 wraps to another class", "pixels/files/samples", "least < 0 or most > limit", "False",
           "tests/pixels/files/test_npy.py tests/pixels/files/test_tiff.py"),
    Mutant("padding is labelled background", "batches/kernels/filling",
           "row, padding=conversion.outside, void=conversion.stored_void)",
           "row, padding=conversion.outside, void=0)",
           "tests/batches/kernels/test_filling.py tests/batches/test_loader.py"),
    Mutant("void keeps its stored value whatever the loss ignores", "batches/kernels/filling",
           "if conversion.void != conversion.stored_void:", "if False:", "tests/batches/kernels/test_filling.py"),
    Mutant("labels are not flipped with their photo", "plans/sampling",
           "image[:, ::-1], labels[:, ::-1]) if flip", "image[:, ::-1], labels) if flip",
           "tests/plans/test_rows.py tests/batches/kernels/test_filling.py"),
    Mutant("labels of scaled rows are not flipped with their photo", "plans/sampling",
           "known = labels[locate(*down)[:, None], locate(*across)]",
           "known = labels[locate(*down)[:, None], locate(*across)[:: across[-1]]]",
           "tests/plans/test_sampling.py"),
    Mutant("mean and standard deviation of the wrong channels", "batches/kernels/filling",
           "np.tile(np.stack([scale, bias]), width)", "np.tile(np.stack([scale[::-1], bias[::-1]]), width)",
           "tests/batches/kernels/test_filling.py"),
    Mutant("the rank is part of the seed", "plans/plan",
           "derive_key(self.seed, epoch, _SHUFFLE)", "derive_key(self.seed + self.shard.rank, epoch, _SHUFFLE)",
           "tests/plans/test_plan.py"),
    Mutant("seed + epoch", "plans/plan",
           "derive_key(self.seed, epoch, _SHUFFLE)", "derive_key(self.seed + epoch, 0, _SHUFFLE)",
           "tests/plans/test_plan.py"),
    Mutant("samples come in their own order", "plans/plan",
           "if self.shuffle:", "if False:", "tests/plans/test_plan.py"),
    Mutant("ranks read the same rows", "plans/plan",
           "np.uint64(self.shard.rank * self.rows_per_step)", "np.uint64(0)", "tests/plans/test_plan.py"),
    Mutant("crops of one corner", "plans/fields",
           "dice.bits(purpose) % (np.abs(slack) + 1).astype(np.uint64)", "dice.bits(purpose) % np.uint64(1)",
           "tests/plans/test_plan.py"),
    Mutant("validation leaves out the last batch", "plans/plan",
           "return -(-len(self) // self.batch_size) if self.is_exact",
           "return len(self) // self.batch_size if self.is_exact",
           "tests/plans/test_plan.py"),
    Mutant("validation fills the last batch with the first sample", "plans/plan",
           "positions.astype(np.int64), -1)", "positions.astype(np.int64), 0)",
           "tests/plans/test_plan.py tests/batches/test_loader.py"),
    Mutant("resume off by one", "batches/state",
           "return Position(epoch, position // batch_size)", "return Position(epoch, position // batch_size + 1)",
           "tests/batches/test_state.py"),
    Mutant("a state counts the batch that is still to come", "batches/loader",
           "position.step += 1\n", "position.step += 2\n", "tests/batches/test_loader.py"),
    Mutant("a state of another run is adopted", "batches/state",
           "    if wrong:\n        raise StateError(", "    if False:\n        raise StateError(",
           "tests/batches/test_state.py tests/batches/test_loader.py"),
    Mutant("batches come as they are ready", "batches/loader",
           "if len(running) == _IN_FLIGHT:\n                    yield _wait(*running.popleft())",
           "if len(running) == _IN_FLIGHT:\n                    yield _wait(*running.pop())",
           "tests/batches/test_loader.py"),
    Mutant("an interrupt comes while a thread is handed work", "system/threads",
           "with _put_off(signal.SIGINT), _put_off(signal.SIGTERM):", "if number := 1:",
           "tests/system/test_threads.py tests/faults/test_interrupts.py"),
    Mutant("an interrupted program waits for numba", "system/compiling",
           "if is_in_vain():", "if False:",
           "tests/faults/test_interrupts.py"),
    Mutant("an interrupted lease breaks the next one", "system/slots",
           "except (IndexError, AttributeError):", "except IndexError:",
           "tests/system/test_slots.py"),
    Mutant("memory goes back while a view of it lives", "system/slots",
           "lease.memory = memory\n", "lease.memory = memory\n        self._free.append(lease)\n",
           "tests/system/test_slots.py tests/test_keeping.py"),
    Mutant("photo and mask may differ in size", "datasets/source",
           "if image.shape[:2] != labels.shape:", "if False:", "tests/datasets/test_source.py"),
    Mutant("a photo turned by EXIF is taken", "datasets/source",
           "if tag != 1 and not turned:", "if False:", "tests/datasets/test_source.py"),
    Mutant("listed samples without a file are skipped", "datasets/source",
           "        if not self.missing:\n            return self\n", "        return self\n",
           "tests/datasets/formats/test_voc.py"),
    Mutant("an id twice on a list is taken twice", "datasets/matching/lists",
           "    if times > 1:\n", "    if False:\n", "tests/datasets/matching/test_lists.py"),
    Mutant("samples of train are in val", "datasets/splits",
           "both := find_shared(train, val)", "both := ()", "tests/test_feed.py"),
    Mutant("equal names are taken for equal photos", "datasets/source",
           "    return one.read(_HEAD_BYTES) == other.read(_HEAD_BYTES) and one.read() == other.read()",
           "    return True", "tests/test_feed.py tests/datasets/export/test_names.py"),
    Mutant("an export is published though it reads back as something else", "datasets/export/readback",
           "if back.labels != wanted.labels:", "if False:",
           "tests/datasets/export/test_exporting.py tests/datasets/export/test_readback.py"),
    Mutant("a square photo is turned", "datasets/source",
           "stored[0] != stored[1] and ", "", "tests/datasets/test_source.py"),
    Mutant("left and right stay in mirrored rows", "batches/kernels/filling",
           "            known = conversion.sides[known]\n", "            pass\n",
           "tests/batches/kernels/test_filling.py tests/test_feed.py"),
    Mutant("left and right are not found", "pixels/sides",
           "        if label != other:", "        if False:", "tests/pixels/test_sides.py tests/test_feed.py"),
    Mutant("the legend is not part of the fingerprint", "packs/fingerprints",
           '"legend": source.legend.digest', '"legend": ""', "tests/packs/test_pack.py tests/pixels/test_grouping.py"),
    Mutant("a split far from its share is taken", "datasets/doubts/split_shares",
           "_MOST_POINTS = 10", "_MOST_POINTS = 90",
           "tests/datasets/doubts/test_split_shares.py tests/datasets/test_made_splits.py"),
    Mutant("a full split gets further groups", "datasets/descriptions/partition",
           "return 2 * room[split] >= len(values[group]) * whole,", "return True,",
           "tests/datasets/descriptions/test_partition.py"),
    Mutant("a transform that does nothing is not told", "batches/transforming",
           "if self._unchanged >= _WATCHED_CROPS", "if False", "tests/batches/test_transforming.py"),
    Mutant("a stamp knows sizes only", "packs/fingerprints",
           "[str(blob.stamp) for blob in blobs]", "[str(blob.stamp[0]) for blob in blobs]", "tests/packs/test_pack.py"),
    Mutant("a file that changes while it is packed is not noticed", "packs/writer",
           "if blob is not None and not blob.is_unchanged():", "if False:", "tests/datasets/formats/test_columns.py"),
    Mutant("a pair's checksum is not compared", "datasets/packed/table",
           "!= self.checksums[tile].tobytes():", "is None:",
           "tests/audit/test_verification.py tests/datasets/formats/test_pack.py"),
    Mutant("a pack that was cut is read", "packs/parts",
           "if size < expected:", "if False:", "tests/audit/test_verification.py tests/packs/test_parts.py"),
    Mutant("ids beyond the legend are read from a pack", "datasets/packed/table",
           "if self.is_raw and not are_labels(mask, self.manifest.legend):", "if False:",
           "tests/datasets/packed/test_table.py"),
    Mutant("pairs of a pack may lie over each other", "datasets/packed/table",
           "if overlap.any():", "if False:", "tests/datasets/packed/test_table.py"),
    Mutant("pairs of a pack may lie outside of its parts", "datasets/packed/table",
           "outside = table.label_starts + lengths[:, 1] > part_bytes[parts]", "pass",
           "tests/datasets/packed/test_table.py"),
    Mutant("an open pack keeps all class grids", "datasets/packed/columns",
           ", options=pa.ipc.IpcReadOptions(included_fields=places)", "", "tests/datasets/packed/test_table.py"),
    Mutant("a coded pack does not show that it is open", "packs/pack",
           "mark_in_use(self.table) if self.is_coded else None", "None", "tests/packs/test_cache.py"),
    Mutant("a folder that cannot be flushed stops every packing", "system/portable",
           "if error.errno not in _CANNOT_FLUSH or not os.path.isdir(path):", "if True:",
           "tests/system/test_storage.py"),
    Mutant("a file that cannot be flushed is passed over", "system/portable",
           "if error.errno not in _CANNOT_FLUSH or not os.path.isdir(path):", "if error.errno not in _CANNOT_FLUSH:",
           "tests/system/test_storage.py"),
    Mutant("what another machine is making is removed", "system/storage",
           "> _QUIET_S", "> 0", "tests/system/test_storage.py"),
    Mutant("a table of a pack is not compared with its checksum", "datasets/packed/columns",
           'xxhash.xxh3_128_hexdigest(data) != manifest.fields["table_xxh3"]', "False",
           "tests/datasets/packed/test_table.py"),
    Mutant("a tile of another place is shown", "packs/parts",
           "tile.image[there], tile.labels[there]", "tile.image[there], tile.labels[there][::-1]",
           "tests/packs/test_parts.py"),
    Mutant("what is open is removed to keep the cache small", "packs/cache",
           "if pack.folder.resolve() in opened:", "if False:", "tests/packs/test_cache.py"),
    Mutant("coded packs are found for raw ones", "packs/fingerprints",
           '"coding": coding,', '"coding": "raw",', "tests/packs/test_pack.py"),
    Mutant("void counts in the score", "scoring/score",
           "joint[void] = classes**2", "joint[void] = 0", "tests/scoring/test_score.py"),
    Mutant("a percent of a split is rounded down", "datasets/splits",
           "(2 * abs(percent) * count + 100) // 200", "abs(percent) * count // 100", "tests/datasets/test_splits.py"),
    Mutant("chunks of a PNG in any order", "pixels/files/png",
           "    _check_order([kind for kind, _, _ in chunks])\n", "", "tests/pixels/test_cases.py"),
    Mutant("an fsync is left out", "system/portable",
           "os.fsync(handle)", "handle", "tests/faults/test_lost_writes.py"),
    Mutant("an epoch goes on in a forked process without threads", "batches/loader",
           "if self.threads and os.getpid() != process:", "if False:", "tests/faults/test_processes.py -k forked"),
    Mutant("a download is used before its digest is compared", "datasets/archives/archive",
           "if digest.hexdigest() != sha1 or", "if", "tests/datasets/archives/test_archive.py"),
    Mutant("a state of other pictures is adopted", "batches/state",
           'if "" in (own.get("content"), saved.get("content"))', "if True",
           "tests/batches/test_loader.py -k of_other_pictures"),
    Mutant("a pack knows its photos alone", "packs/pack",
           'for column in ("photo_sha256", "mask_sha256"):', 'for column in ("mask_sha256",):',
           "tests/batches/test_loader.py -k of_other_pictures"),
    Mutant("offsets of a table are trusted", "datasets/tables/cells",
           "values.validate(full=True)", "values.validate()",
           "tests/datasets/tables/test_cells.py -k two_damaged"),
    Mutant("columns of one name are one", "datasets/tables/cells",
           "if schema.names.count(name) > 1", "if False", "tests/datasets/formats/test_columns.py -k equal_names"),
    Mutant("fractions are stored values", "pixels/class_names",
           "    return index(stored)\n", "    return int(stored)\n", "tests/pixels/test_legend.py -k no_whole_numbers"),
    Mutant("truth values are stored values", "pixels/class_names",
           "if isinstance(stored, bool | np.bool_):", "if False:", "tests/pixels/test_legend.py -k no_whole_numbers"),
    Mutant("a set of colours has an order", "pixels/class_names",
           "    if isinstance(values, AbstractSet):", "    if False:",
           "tests/pixels/test_legend.py -k no_whole_numbers"),
    Mutant("a key of a description has as many parts as it likes", "datasets/descriptions/reader",
           "        self._refuse_long_keys()\n", "",
           "tests/datasets/descriptions/test_description.py -k parts_are_refused"),
    Mutant("the case of id2label.json counts", "datasets/legends/files",
           "if entry.lower() == name.lower()]", "if entry == name]",
           "tests/datasets/formats/test_columns.py -k case_counts"),
    Mutant("a file that grows is read on", "datasets/blobs",
           "if len(found) > size:", "if False:", "tests/datasets/test_blobs.py -k no_more_is_read"),
    Mutant("a picture may be a hole", "datasets/blobs",
           "if self.stamp[0] > _MOST_BYTES:", "if False:", "tests/datasets/test_blobs.py -k terabyte"),
    Mutant("code is kept where others may write", "system/storage",
           "not status.st_mode & 0o022", "True", "tests/system/test_storage.py -k private"),
    Mutant("code is kept in another user's folder", "system/storage",
           "status.st_uid == own", "True", "tests/system/test_storage.py -k private"),
    Mutant("a split is written by a name that is a sum", "datasets/export/names",
           'if set(split) & set("+[],"):', "if False:", "tests/datasets/export/test_names.py -k means_another"),
    Mutant("too few threads are a traceback", "cli/app",
           '"new thread" in str(error)', "False", "tests/cli/test_app.py -k more_threads"),
    Mutant("crops need shared memory", "frameworks/torch",
           "except (RuntimeError, OSError):  # /dev/shm", "except KeyError:  # /dev/shm",
           "tests/frameworks/test_torch.py -k shared_memory"),
)  # fmt: skip


def main() -> None:
    """Try every mutant, print what became of each, and fail if one survives."""
    chosen = [mutant for mutant in MUTANTS if not sys.argv[1:] or any(word in mutant.what for word in sys.argv[1:])]
    with ThreadPoolExecutor(2) as threads:
        results = list(track(threads.map(_try, chosen), "mutants", len(chosen)))
    table = Table("mutant", "killed by")
    for mutant, killer in zip(chosen, results, strict=True):
        table.add_row(mutant.what, killer or "[bold red]nothing: it survives[/]")
    Console().print(table)
    survivors = sum(killer is None for killer in results)
    Console().print(f"{len(chosen) - survivors} of {len(chosen)} mutants were killed")
    sys.exit(bool(survivors))


def _try(mutant: Mutant) -> str | None:
    """Return the first test that fails against a mutant; None if all pass."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "segfeed"
        shutil.copytree(REPOSITORY / "src/segfeed", package, ignore=shutil.ignore_patterns("__pycache__"))
        path = package / f"{mutant.module}.py"
        text = path.read_text()
        if mutant.old not in text:
            raise SystemExit(f"{mutant.what}: {mutant.module} does not hold {mutant.old!r}; update the mutant.")
        path.write_text(text.replace(mutant.old, mutant.new))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            *mutant.tests.split(),
        ]
        environment = os.environ | {"PYTHONPATH": folder, "NUMBA_CACHE_DIR": str(Path(folder) / "numba")}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if done.returncode and not failed:
            raise SystemExit(f"{mutant.what}: the tests could not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return failed[0] if failed else None


if __name__ == "__main__":
    main()
