"""segfeed: semantic-segmentation datasets, from the folder on disk to the batch.

import segfeed
train, val = segfeed.load("sample", batch_size=64, crop_size=(320, 480))
for images, labels in train:      # (64, 320, 480, 3) float32, (64, 320, 480) int32
    ...
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if sys.argv[:1] == ["-m"] and "segfeed" in sys.orig_argv:  # `python -m segfeed`: nothing else catches what fails below
    import segfeed_start

    sys.excepthook = segfeed_start.refuse_uncaught

from segfeed import errors, recipes
from segfeed.audit.findings import Finding
from segfeed.batches.batch import Batch
from segfeed.batches.batch_format import IMAGENET, BatchFormat
from segfeed.batches.loader import Loader
from segfeed.datasets.source import Source
from segfeed.errors import SegfeedError
from segfeed.feed import Splits, load, scan
from segfeed.frameworks.adapters import to_jax, to_tf, to_torch
from segfeed.packs.making import make_pack
from segfeed.packs.pack import Pack
from segfeed.pixels.legend import Legend
from segfeed.pixels.pair import Pair
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw, Plan, Shard
from segfeed.scoring.score import Score
from segfeed.system import showing

if TYPE_CHECKING:
    from segfeed import d2l
    from segfeed.audit.checking import check
    from segfeed.pictures.figures.sheets import show
    from segfeed.pictures.report.page import write_report

__version__ = "0.1.0"

__all__ = [
    "IMAGENET",
    "Augment",
    "Batch",
    "BatchFormat",
    "Draw",
    "Finding",
    "Legend",
    "Loader",
    "Pack",
    "Pair",
    "Plan",
    "Score",
    "SegfeedError",
    "Shard",
    "Source",
    "Splits",
    "check",
    "d2l",
    "errors",
    "load",
    "make_pack",
    "recipes",
    "scan",
    "show",
    "to_jax",
    "to_tf",
    "to_torch",
    "write_report",
]

_LATER = {
    "check": "segfeed.audit.checking",
    "show": "segfeed.pictures.figures.sheets",
    "write_report": "segfeed.pictures.report.page",
}


showing.ANSWERS |= {"html": "segfeed.pictures.notebook.html_of", "batch": "segfeed.pictures.figures.sheets.show_step"}


def __dir__() -> list[str]:
    """List the public names alone, those that are imported later included."""
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    """Import what paints, audits and reports only when somebody asks for it: it takes half a second to load."""
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name == "d2l":
        return importlib.import_module("segfeed.d2l")
    raise AttributeError(f"module 'segfeed' has no attribute {name!r}")
