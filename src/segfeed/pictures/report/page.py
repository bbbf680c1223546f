"""The report: a dataset as one HTML file, to be looked through, mailed or kept beside a training run."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from segfeed.audit.checking import DatasetFacts, judge, read_dataset
from segfeed.audit.findings import Audit
from segfeed.audit.listing import joined_splits, list_dataset
from segfeed.datasets.opening import Opening
from segfeed.datasets.source import Source
from segfeed.datasets.splits import reading_order
from segfeed.pictures.report.cards import group_findings, make_cards
from segfeed.pictures.report.contents import Contents, describe_pictures, list_galleries
from segfeed.pictures.report.counts import SplitCounts, chart_sizes, list_classes, list_splits, list_values
from segfeed.pictures.report.gallery import choose_samples
from segfeed.pictures.report.pictures import KeptMasks, make_pictures
from segfeed.pictures.report.template import render
from segfeed.pixels.codec import decoder_versions
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import Objects, class_legend
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw
from segfeed.plans.recipes import choose_draw
from segfeed.system.options import whole_number
from segfeed.system.paths import free_path
from segfeed.system.showing import counted
from segfeed.system.storage import save

MOST_SAMPLES = 1000
_KEPT_BYTES = 256 << 20  # of masks, which take a few KB each; further ones are read again if they are shown


def write_report(
    data: str | os.PathLike[str] | Source,
    path: str | os.PathLike[str],
    *,
    crop_size: tuple[int, int] | None = None,
    augment: Augment | str | None = None,
    count: int = 24,
    overwrite: bool = False,
    threads: int | None = None,
    **scan_options: Any,
) -> Path:
    """Write a report about a dataset: one HTML file that holds its pictures and fetches nothing.

    It shows splits, samples under their labels and the crops that epoch 0 cuts from them, classes, photo sizes, and
    what `segfeed.check` finds, each finding on its picture. A damaged dataset is shown as far as it can be read.

    Args:
        data: a path, a dataset's name such as "sample", or a source that was scanned already.
        path: the .html file to write.
        crop_size: (height, width) in px of the crops that are to be trained on; None for the recipe's, or (320, 480).
        augment: what is drawn for them besides their places, or a recipe's name.
        count: how many samples of each split are shown, 1 .. 1000.
        overwrite: whether a file that exists may be replaced.
        threads: how many samples are read at once; None for all cores.
        **scan_options: the options of `segfeed.scan`, such as legend, for a path or a name.

    Returns:
        path: of the file, absolute.

    Raises:
        OptionError: an option has no meaning here, or the file exists and may not be replaced.
        SourceError: no known dataset.
        StorageError: the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report("sample", Path(folder) / "report.html", count=2).name
    'report.html'
    """
    path = free_path(path, overwrite=overwrite)
    count = whole_number("count", count, 1, MOST_SAMPLES)
    draw = choose_draw(crop_size, flip=augment is None, augment=augment)
    masks = KeptMasks(_KEPT_BYTES)
    listing = list_dataset(data, opening=Opening.of(**scan_options) if scan_options else None)
    facts = read_dataset(listing, threads, masks.read)
    told = augment if isinstance(augment, str) else str(draw.augment or "").removeprefix("Augment(").removesuffix(")")
    contents, described = _gather(facts, masks, draw, told, count, threads)
    written = datetime.now(UTC)
    page = render(contents=contents, values=described, version=version("segfeed"), written=written)
    save(free_path(path, overwrite=overwrite), page.encode(), "the report")  # it may have been written meanwhile
    return path


def _gather(
    facts: DatasetFacts, masks: KeptMasks, draw: Draw, augment: str, count: int, threads: int | None
) -> tuple[Contents, dict[str, Any]]:
    """Count, choose and make pictures: return all that the page says, and what its script must know."""
    crop_size = draw.crop_size
    listing, of_split, audit = facts.listing, facts.by_split(), judge(facts, crop_size)
    sources = sorted(listing.sources, key=lambda source: reading_order(source.split))
    encoder = sources[0].legend if sources and listing.has_legend else None
    legend = None if encoder is None else class_legend(encoder)
    counts = [SplitCounts.of(source, of_split[source.split], legend) for source in sources]
    joined = joined_splits(sources)
    selections = [choose_samples(one.split, one.sizes, draw, count) for one in counts if one.split not in joined]
    groups = group_findings(audit)
    pictures = make_pictures(sources, selections, groups, encoder, threads, masks.read)
    contents = Contents(
        audit,
        listing.why,
        listing.note,
        sources[0].task if sources else "semantic",
        crop_size,
        augment,
        list_splits(audit, counts, joined, crop_size),
        list_classes(legend, counts, joined),
        None if isinstance(encoder, Objects) else list_values(facts.pairs, legend),
        chart_sizes(counts, joined, crop_size),
        list_galleries(selections, pictures, {source.split: source.keys for source in sources}),
        make_cards(groups, pictures),
        pictures,
        _details(audit, legend, crop_size, augment),
    )
    return contents, {"pictures": describe_pictures(pictures, encoder)}


def _details(audit: Audit, legend: Legend | None, crop_size: tuple[int, int], augment: str) -> dict[str, str]:
    details = {"Folder": audit.root, "Crop": f"{crop_size[0]} × {crop_size[1]} px (height × width)"}
    if augment:
        details["Augmentation"] = augment
    if legend is not None:
        details["Legend"] = f"{legend.title}, {counted(len(legend), 'class', 'classes')}"
    versions = {"segfeed": version("segfeed"), "Python": platform.python_version(), **decoder_versions()}
    return details | {"Versions": ", ".join(f"{name} {number}" for name, number in versions.items())}
