"""Predictions: from the evaluation canvas back to whole images, to PNG files, and from such files to a score."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import File
from segfeed.datasets.doubts.evidence import Evidence, MaskValues, gather, values_of
from segfeed.datasets.doubts.palettes import palettes_differ
from segfeed.datasets.source import Source
from segfeed.errors import MaskError, OptionError, SourceError, SourceMissingError, sentence
from segfeed.packs.pack import Pack
from segfeed.pixels.codec import StoredMask, decode_mask, encode_mask, kind_of, read_labels
from segfeed.pixels.files.png import PNG_MAGIC, read_png_header
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Labels
from segfeed.pixels.objects import class_legend
from segfeed.plans.rows import Rows, intersect
from segfeed.scoring.logits import Ids, class_ids, host_array, refuse_strangers
from segfeed.scoring.pre_annotations import write_pre_annotations
from segfeed.scoring.score import Score
from segfeed.system.showing import some
from segfeed.system.storage import save
from segfeed.system.work import in_order, show_progress

Kind = Literal["png", "coco", "cvat", "label-studio"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_log = logging.getLogger("segfeed")
_SHOWN = 5
_NOT_OURS = {"Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r", "__MACOSX"}  # of Windows and macOS
_HEADER_BYTES = 33  # signature and first chunk of a PNG


def whole_images(predictions: Any, crops: Rows, sizes: npt.NDArray[np.int32]) -> Iterator[tuple[int, Ids]]:
    """Cut predictions back to each image's own size.

    Args:
        predictions: ids, integer (N, H, W), of any framework: what was predicted for each crop of a batch.
        crops: (N,) of dtype `ROW`, the batch's own; each must hold its image whole, as those of an exact plan do.
        sizes: integer (samples, 2), (height, width) in px: `reader.sizes`.

    Yields:
        sample, ids: the sample's number, and its ids (height, width); rows without a sample are left out.

    Raises:
        OptionError: if the predictions do not fit the crops, or a crop does not hold its image whole.

    >>> from segfeed.plans.plan import Plan
    >>> sizes = np.array([[2, 3], [1, 2]])
    >>> crops = Plan.exact(sizes, batch_size=3).rows(epoch=0, step=0)
    >>> [(sample, ids.shape) for sample, ids in whole_images(np.zeros((3, 2, 3), np.uint8), crops, sizes)]
    [(0, (2, 3)), (1, (1, 2))]
    """
    canvases, expected = host_array(predictions), _shape(crops)
    if canvases.dtype.kind not in "iu" or canvases.shape != expected:
        raise OptionError(
            "predictions",
            found=f"{canvases.dtype} {canvases.shape}",
            expected=f"integer ids {expected}, one canvas for each crop",
        )
    if crops["sample"].max() >= len(sizes):
        raise OptionError(
            "crops",
            found=f"sample {crops['sample'].max()}, but {len(sizes)} sizes",
            remedy="pass the reader's own sizes: reader.sizes",
        )
    for canvas, row in zip(canvases, crops, strict=True):
        if row["sample"] >= 0:
            yield int(row["sample"]), _cut_back(canvas, row, *sizes[row["sample"]].tolist())


def _shape(crops: Rows) -> tuple[int, ...]:
    """Return the shape of the canvases that belong to a batch's crops: (N, height, width)."""
    return (len(crops), int(crops["height"][0]), int(crops["width"][0]))


def _cut_back(canvas: Ids, row: Any, height: int, width: int) -> Ids:
    window = intersect(row, height, width)
    if window.source != (slice(0, height), slice(0, width)):
        raise OptionError(
            "crops",
            found=f"a crop of sample {row['sample']} that does not hold its image of {height} x {width} px whole",
            remedy="predict on an exact plan (load's val, or Plan.exact)",
        )
    return (canvas[:, ::-1] if row["flip"] else canvas)[window.out]


def write_predictions(
    folder: str | os.PathLike[str], predictions: Any, crops: Rows, reader: Source | Pack, *, kind: Kind = "png"
) -> tuple[Path, ...]:
    """Write what was predicted for a batch as palette PNGs, KEY.png each, at each image's own size, as VOC's masks are.

    If keys span folders, these are made. A file that exists is replaced at once: readers see the old or the new one.

    Other kinds are annotations, to be corrected in a tool: polygons along the edges of the pixels that were predicted.
    They are one file for all batches, which grows with each call.

    Args:
        folder: made if it is missing.
        predictions: as in `Score.update`: ids (N, H, W), or logits (N, classes, H, W) or (N, H, W, classes).
        crops: the batch's own.
        reader: what the batch was read from; it knows keys, sizes and legend.
        kind: "png", or annotations that "coco", "cvat" or "label-studio" import.

    Returns:
        paths: of the files, in the batch's order; of annotations, of their only file.

    Raises:
        OptionError: if the predictions do not fit, or one is not a class; if the file of annotations holds something
            else, such as photos of another split; if XML cannot hold a name; or if the kind is unknown.
        MaskError: if there are more than 254 classes.
        StorageError: if a file cannot be written.

    >>> import tempfile, segfeed
    >>> source = segfeed.scan("sample", "val")
    >>> crops = segfeed.Plan.exact(source.sizes, batch_size=1).rows(epoch=0, step=0)
    >>> ids = np.zeros((1, int(crops["height"][0]), int(crops["width"][0])), np.uint8)
    >>> [path.name for path in write_predictions(tempfile.mkdtemp(), ids, crops, source)]
    ['2026_000005.png']
    """
    if kind not in KINDS:
        raise OptionError("kind", found=repr(kind), expected=f"one of {', '.join(KINDS)}")
    if (legend := class_legend(reader.legend)) is None:
        raise OptionError(
            reader.name, found="object ids, not classes to predict", remedy='scan the source with task="semantic"'
        )
    ids = class_ids(predictions, _shape(crops), len(legend))
    refuse_strangers(ids, len(legend), "predictions")
    images = list(whole_images(ids, crops, reader.sizes))
    if kind != "png":
        whole = [(sample, ids.astype(legend.dtype)) for sample, ids in images]
        return write_pre_annotations(Path(folder), whole, reader, kind)
    paths = tuple(prediction_path(Path(folder), reader.keys[sample]) for sample, _ in images)

    def write(number: int) -> None:
        save(paths[number], encode_mask(images[number][1].astype(legend.dtype), legend), "the prediction")

    for _ in in_order(write, len(images)):
        pass
    return paths


def prediction_path(folder: Path, key: str) -> Path:
    """Return the path of a sample's file, in folders if its key spans some; refuse a key that leads out of them."""
    if any(part in ("", ".", "..") or set(part) & {"\0", "\\"} for part in key.split("/")):
        raise OptionError(
            f"key {key!r}",
            found="not the name of a file",
            expected="names without '..', joined by slashes",
            remedy="rename the sample",
        )
    return folder / f"{key}.png"


def read_prediction(path: str | os.PathLike[str], legend: Legend) -> Labels:
    """Read a prediction from a PNG: a palette or RGB picture in the legend's colours, or a gray one of class ids.

    Args:
        path: the file. Its own palette says which index is which colour, as with masks.
        legend: the classes.

    Returns:
        ids: uint8 (H, W), class ids (uint16 above 254 classes).

    Raises:
        SourceMissingError: if the file does not exist.
        MaskError: if it cannot be read exactly; if a pixel is void or not of a class; or if it is gray, and the legend
            stores classes in gray masks as other numbers than their ids, so that the numbers may mean either.

    Source: VOCevalseg.m of the VOC development kit refuses a result that holds anything but classes.
    """
    return _class_ids(decode_mask(_read(Path(path)), os.path.basename(path)), legend, os.path.basename(path))


def _class_ids(stored: StoredMask, legend: Legend, name: str) -> Labels:
    if stored.palette is None and stored.pixels.ndim == 2 and legend.indices != tuple(range(len(legend))):
        raise MaskError(
            name,
            found=f"a gray picture, whose numbers may be class ids or what legend {legend.title!r} stores for them",
            expected="a palette or RGB picture in the legend's colours, as segfeed writes them",
        )
    ids = read_labels(stored, legend, unknown="void", name=name)
    void = ids == legend.void
    if void.any():
        row, column = np.argwhere(void)[0].tolist()
        raise MaskError(
            name,
            found=f"row {row}, column {column}: {_found(stored, row, column)}; {int(void.sum()):,} pixels in all",
            expected=f"one of the {len(legend)} classes of legend {legend.title!r}",
            remedy=_way_out(stored, legend),
        )
    return ids


def _way_out(stored: StoredMask, legend: Legend) -> str:
    """Write what to do about a prediction whose values are not classes, by what they look like."""
    pixels, last = stored.pixels, len(legend) - 1
    if pixels.ndim == 3:
        if (pixels[..., :1] == pixels[..., 1:]).all() and pixels.max() <= last:
            return "save one of the three equal channels as a gray PNG, if these are class ids"
        return "predict a class for every pixel, and paint it in the legend's colour"
    values = set(np.unique(pixels).tolist())
    if values <= {0, 255}:
        return f"save class ids, 0 to {last}: 255 is void; if it stands for class 1 here, divide by 255"
    if 0 not in values and max(values) == last + 1:
        return f"subtract 1 if the ids run from 1 to {last + 1} here: class ids run from 0 to {last}"
    if stored.palette is not None and max(values) <= last:
        return "give the palette the legend's colours, or save class ids as a gray PNG: a palette's colours count"
    return "predict a class for every pixel"


def _found(stored: StoredMask, row: int, column: int) -> str:
    pixel = stored.pixels[row, column]
    if stored.palette is None:
        return f"colour {tuple(pixel.tolist())}" if pixel.ndim else f"index {pixel}"
    beyond = int(pixel) >= len(stored.palette)
    return f"palette index {pixel}" + ("" if beyond else f", colour {tuple(stored.palette[pixel].tolist())}")


def _read(path: Path, limit_bytes: int = -1) -> bytes:
    try:
        return File.of(str(path)).read(limit_bytes)
    except SourceMissingError:
        raise SourceMissingError(str(path), found="no such prediction", expected="a PNG for each sample") from None
    except SourceError as error:
        raise MaskError(str(path), error.found, error.expected, error.remedy) from error


def score_folder(folder: str | os.PathLike[str], reader: Source | Pack, *, threads: int | None = None) -> Score:
    """Score a folder of predictions, KEY.png for each sample of a split, against the labels at their own size.

    Args:
        folder: of files that `read_prediction` reads, and of no others; hidden files are passed over.
        reader: the source or pack of the split.
        threads: that decode; all cores if None.

    Raises:
        OptionError: if the split has object ids.
        SourceMissingError: if the folder does not exist, or the split has no masks.
        SourceError: if predictions are missing, of no sample, of another size or not PNGs; one error names the first
            of each kind.
        MaskError: if a prediction cannot be read, as in `read_prediction`, or palettes number colours differently.

    A warning is logged if the ids seem to run from 1.

    >>> import tempfile, segfeed
    >>> source, folder = segfeed.scan("sample", "val"), tempfile.mkdtemp()
    >>> crops = segfeed.Plan.exact(source.sizes, batch_size=40).rows(epoch=0, step=0)
    >>> ids = np.zeros((40, int(crops["height"][0]), int(crops["width"][0])), np.uint8)
    >>> paths = write_predictions(folder, ids, crops, source)
    >>> score_folder(folder, source)
    Score(9 classes, ... pixels, mIoU ...%)
    """
    score = Score(reader.legend)
    if not reader.has_masks:
        raise SourceMissingError(
            reader.name, found=f"split {reader.split!r} has no masks", expected="masks to score against"
        )
    paths = [prediction_path(Path(folder), key) for key in reader.keys]
    _check_folder(Path(folder), paths, reader)

    def count(sample: int) -> tuple[Score, MaskValues]:
        one, name = Score(score.legend), paths[sample].name
        stored = decode_mask(_read(paths[sample]), name)
        one.update(_class_ids(stored, one.legend, name), reader.read(sample).labels)
        return one, () if stored.palette is None else values_of(stored, one.legend, name)

    values: list[MaskValues] = []
    with show_progress(f"scoring {reader.split}", len(paths)) as advance:
        for one, found in in_order(count, len(paths), threads):
            score.merge(one)
            values.append(found)
            advance(1)
    _refuse_renumbered(gather(found for found in values if found), score.legend, folder)
    if (doubt := _doubt_shift(score)) is not None:
        _log.warning(doubt)
    return score


def _refuse_renumbered(evidence: Evidence, legend: Legend, folder: str | os.PathLike[str]) -> None:
    """Refuse predictions whose palettes number colours differently in each file, and that were read by number."""
    for doubt in palettes_differ(evidence, legend, ""):
        remedy = "save class ids as gray PNG, or give all palettes the legend's colours in the order of the ids"
        if doubt.severity == "error":
            raise MaskError(str(folder), found=doubt.found, expected=doubt.expected, remedy=remedy)
        _log.warning(sentence("predictions", doubt.found, doubt.expected, remedy))


def _doubt_shift(score: Score) -> str | None:
    """Describe class ids that run from 1: 0 is never predicted, and ids fit the class below better than their own.

    A model that knows one class only is left alone: of one id nothing can be told.
    """
    predicted = np.flatnonzero(score.confusion.sum(axis=0))
    fitting, below = int(np.trace(score.confusion)), int(np.trace(score.confusion, offset=1))
    if len(predicted) < 2 or predicted[0] == 0 or below <= fitting:
        return None
    return sentence(
        "predictions",
        f"0, which is {score.legend.names[0]!r}, is never predicted, and {below:,} pixels fit the class before theirs, "
        f"but only {fitting:,} their own",
        f"class ids from 0 to {len(score.legend.names) - 1}",
        "subtract 1 if the ids run from 1; else do nothing, the model is as bad as that",
    )


def _check_folder(folder: Path, paths: list[Path], reader: Source | Pack) -> None:
    """Refuse a folder before any file is decoded; the error names the first files of each kind that are wrong."""
    try:
        present = set(_names_in(folder, are_nested=any("/" in key for key in reader.keys)))
    except OSError as error:
        raise SourceMissingError(
            str(folder), found=f"not a folder that can be read ({error.strerror})", expected="one PNG for each sample"
        ) from error
    names = [f"{key}.png" for key in reader.keys]
    missing = [name for name in names if name not in present]
    extra = sorted(present - {*names})
    checked = zip(names, paths, reader.sizes.tolist(), strict=True)
    odd = [found for name, path, size in checked if name in present and (found := _misfit(path, *size))]
    wrong = {"missing": missing, "of no sample": extra, "of another size or kind": odd}
    if missing or extra or odd:
        raise SourceError(
            str(folder),
            found="; ".join(f"{len(names):,} {what} ({some(names, _SHOWN)})" for what, names in wrong.items() if names),
            expected=f"KEY.png for each of the {len(paths):,} samples of split {reader.split!r}, at its own size "
            "(width x height), and nothing else",
            remedy="mend the folder: labels are never resized or left out, so nothing was scored",
        )


def _names_in(folder: Path, below: str = "", *, are_nested: bool) -> Iterator[str]:
    """List a folder, but no hidden files and those of file managers; if keys span folders, as "city/frame.png"."""
    with os.scandir(folder / below) as entries:
        for entry in (entry for entry in entries if not (entry.name.startswith(".") or entry.name in _NOT_OURS)):
            if are_nested and entry.is_dir(follow_symlinks=False):
                yield from _names_in(folder, f"{below}{entry.name}/", are_nested=True)
            else:
                yield f"{below}{entry.name}"


def _misfit(path: Path, height: int, width: int) -> str | None:
    """Describe a file that is not a PNG of this size; None if it is one."""
    header = _read(path, _HEADER_BYTES)
    if not header.startswith(PNG_MAGIC):
        return f"{path.name} is {kind_of(header)}"
    tall, wide, _ = read_png_header(header, path.name, MaskError)
    if (tall, wide) == (height, width):
        return None
    return f"{path.name} is {wide} x {tall} instead of {width} x {height} px"
