"""segfeed: semantic-segmentation datasets, from the folder on disk to the batch.

import segfeed
train, val = segfeed.load("sample", batch_size=64, crop_size=(320, 480))
for images, labels in train:      # (64, 320, 480, 3) float32, (64, 320, 480) int32
    ...
"""

import importlib
from typing import TYPE_CHECKING, Any

from segfeed import errors
from segfeed.adapters import to_jax, to_tf, to_torch
from segfeed.errors import SegfeedError
from segfeed.feed import Splits, load, scan
from segfeed.findings import Finding
from segfeed.format import IMAGENET, Format
from segfeed.legend import Legend
from segfeed.loader import Batch, Loader
from segfeed.packs import Pack, make_pack
from segfeed.pair import Pair
from segfeed.plan import Draw, Plan, Shard
from segfeed.score import Score
from segfeed.sources import Source

if TYPE_CHECKING:
    from segfeed import d2l
    from segfeed.audit import check
    from segfeed.figures import show
    from segfeed.pages import write_report

__version__ = "0.1.0"

__all__ = [
    "IMAGENET",
    "Batch",
    "Draw",
    "Finding",
    "Format",
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
    "scan",
    "show",
    "to_jax",
    "to_tf",
    "to_torch",
    "write_report",
]


_LATER = {"check": "segfeed.audit", "show": "segfeed.figures", "write_report": "segfeed.pages"}


def __getattr__(name: str) -> Any:
    """Import what draws, audits and reports only when it is asked for: it takes half a second to load."""
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name == "d2l":
        return importlib.import_module("segfeed.d2l")
    raise AttributeError(f"module 'segfeed' has no attribute {name!r}")
