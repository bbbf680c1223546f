"""torchvision beside the processor's PyTorch: its compiled part cannot be loaded there, and no test calls it."""

import functools
import importlib
from typing import Any


@functools.cache
def declare_torchvision() -> Any:
    """Declare torchvision's operators if it cannot load them itself."""
    try:
        importlib.import_module("torchvision")
    except ImportError:
        return None
    except RuntimeError:
        library = importlib.import_module("torch").library.Library("torchvision", "FRAGMENT")
        for each in ("nms", "qnms"):
            library.define(f"{each}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None
