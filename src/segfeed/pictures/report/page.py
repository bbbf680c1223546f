"""Pages: a dataset as one HTML file, to be looked through, mailed or kept beside a training run."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from segfeed.audit.checking import check
from segfeed.audit.findings import Audit
from segfeed.audit.listing import DatasetListing, list_dataset
from segfeed.datasets.recognition import find_format
from segfeed.datasets.source import Source
from segfeed.errors import OptionError, StorageError
from segfeed.pictures.report.album import fill_album
from segfeed.pictures.report.contents import Contents, describe_pictures, furnish, list_findings, listed_findings
from segfeed.pictures.report.counts import list_classes, list_splits, plot_sizes
from segfeed.pictures.report.gallery import choose_samples, reading_order
from segfeed.pictures.report.remains import with_remains
from segfeed.pictures.report.tallies import joined_splits, tally_splits
from segfeed.pictures.report.template import render
from segfeed.pixels.codec import decoder_versions
from segfeed.pixels.legend import Legend
from segfeed.plans.plan import Draw
from segfeed.system.options import whole_number
from segfeed.system.storage import write_over

MOST_SAMPLES = 1000


def write_report(
    path: str | os.PathLike[str],
    data: str | os.PathLike[str] | Source,
    *,
    crop_size: tuple[int, int] = (320, 480),
    count: int = 24,
    overwrite: bool = False,
    threads: int | None = None,
    **scan_options: Any,
) -> Path:
    """Write a report about a dataset: one HTML file that holds its pictures and fetches nothing.

    It shows splits, samples under their labels and the crops that epoch 0 cuts from them, classes, photo sizes, and what
    `segfeed.check` finds, each finding on its picture. A damaged dataset is shown as far as it can be read.

    Args:
        path: the .html file to write.
        data: a folder, "sample" for the embedded dataset, or a source that was scanned already.
        crop_size: (height, width) in px of the crops that are to be trained on.
        count: how many samples of each split are shown, 1 .. 1000.
        overwrite: whether a file that exists may be replaced.
        threads: how many samples are read at once; all cores where it is None.
        **scan_options: task, legend, unknown, format and cache_dir, as in `segfeed.scan`.

    Returns:
        path: of the file, absolute.

    Raises:
        OptionError: an option has no meaning here, or the file exists and may not be replaced.
        SourceError: no known dataset.
        StorageError: the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(Path(folder) / "report.html", "sample", count=2).name
    'report.html'
    """
    place = _free_place(path, overwrite=overwrite)
    count = whole_number("count", count, 1, MOST_SAMPLES)
    crop_size = Draw(crop_size).crop_size
    audit = check(data, crop_size=crop_size, threads=threads, **scan_options)
    if isinstance(data, Source):
        listing, why = DatasetListing(data.root, data.format, (data,)), data.why
    else:
        listing = list_dataset(data, **scan_options)
        layout, _ = find_format(listing.root, listing.format or None)
        why = "; ".join(dict.fromkeys([layout.why, *(source.why for source in listing.sources if source.why)]))
    contents, described = _gather(audit, listing, why, crop_size, count, threads)
    written = datetime.now(UTC)
    page = render(contents=contents, values=described, version=version("segfeed"), written=written)
    _free_place(place, overwrite=overwrite)  # someone may have written it in the meantime
    try:
        write_over(place, page.encode())
    except OSError as error:
        raise StorageError(
            f"{place}: the report cannot be written ({error.strerror}); choose another place."
        ) from error
    return place


def _free_place(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    place = Path(path).expanduser().absolute()
    if place.is_dir():
        raise OptionError(f"{place} is a folder; pass the name of a file, such as report.html.")
    if place.exists() and not overwrite:
        raise OptionError(f"{place} exists; pass --force to overwrite it, or another name.")
    return place


def _gather(
    audit: Audit, listing: DatasetListing, why: str, crop_size: tuple[int, int], count: int, threads: int | None
) -> tuple[Contents, dict[str, Any]]:
    """Count, choose and draw: all that the page says, and what its script must know."""
    sources = tuple(sorted(listing.sources, key=lambda source: reading_order(source.split)))
    encoder = sources[0].legend if sources and listing.has_legend else None
    legend = encoder if isinstance(encoder, Legend) else None
    tallies, joined = tally_splits(sources, legend, threads), joined_splits(sources)
    walls = [choose_samples(tally, crop_size, count) for tally in tallies if tally.split not in joined]
    listed, left_out = listed_findings(audit)
    album = fill_album([with_remains(source) for source in sources], walls, listed, encoder, threads)
    contents = Contents(
        audit,
        why,
        sources[0].task if sources else "semantic",
        crop_size,
        list_splits(audit, tallies, joined, crop_size),
        list_classes(legend, tallies, joined),
        plot_sizes(tallies, joined, crop_size),
        furnish(walls, album, {source.split: source.keys for source in sources}),
        list_findings(listed, left_out, album),
        album,
        _facts(audit, legend, crop_size),
    )
    return contents, {"pictures": describe_pictures(album, encoder)}


def _facts(audit: Audit, legend: Legend | None, crop_size: tuple[int, int]) -> dict[str, str]:
    facts = {"Folder": audit.root, "Crop": f"{crop_size[0]} × {crop_size[1]} px (height × width)"}
    if legend is not None:
        facts["Legend"] = f"{legend.title}, {len(legend)} classes"
    versions = {"segfeed": version("segfeed"), "Python": platform.python_version(), **decoder_versions()}
    return facts | {"Versions": ", ".join(f"{name} {number}" for name, number in versions.items())}
