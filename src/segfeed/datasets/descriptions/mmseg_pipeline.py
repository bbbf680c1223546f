"""The train pipeline of a configuration of mmsegmentation as what `Augment` draws; what it can't take is listed.

Source: open-mmlab/mmsegmentation, mmseg/datasets/transforms/transforms.py; mmcv/transforms/processing.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from segfeed.datasets.descriptions.mmseg_config import Unread, Values
from segfeed.errors import OptionError
from segfeed.plans.augment import Augment
from segfeed.system.showing import some

_NOTHING_DRAWN = {
    *("LoadImageFromFile", "LoadAnnotations", "PackSegInputs", "Normalize", "DefaultFormatBundle", "Collect"),
    *("ImageToTensor", "ToTensor", "Pad"),
}


@dataclass
class Pipeline:
    """What the steps of a pipeline draw.

    Attributes:
        fields: those of `Augment`.
        crop_size: (height, width) in px; None if nothing is cut.
        swap: pairs of class ids that change places in mirrored crops.
        left_out: what was not taken over, a clause each.
        seen: what has read a step.
    """

    fields: dict[str, Any] = field(default_factory=lambda: {"antialias": False, "pad_side": "bottom-right"})
    crop_size: tuple[int, int] | None = None
    swap: list[Any] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)

    def read(self, steps: Any) -> None:
        """Take over each step, or name it."""
        if not isinstance(steps, list):
            self.left_out.append(f"the train pipeline, {steps}: not written out")
            return
        for step in steps:
            kind = str(step.get("type", "")).rpartition(".")[2] if isinstance(step, dict) else ""
            reader, known = _READERS.get(kind, (None, ""))
            if reader is None or _holds_unread(step):
                if kind not in _NOTHING_DRAWN:
                    why = "not written out" if reader else "segfeed draws no such step"
                    self.left_out.append(f"{kind or step}: {why}")
            elif reader in self.seen or (reader is Pipeline.resize and Pipeline.crop in self.seen):
                self.left_out.append(f"{kind}: segfeed scales and then cuts, each once")
            else:
                self.seen.append(reader)
                self.left_out += other_fields(kind, step, {"type", *known.split()})
                self.take(kind, step, reader)

    def take(self, kind: str, step: Values, reader: "Callable[[Pipeline, Values], None]") -> None:
        """Take a step over if `Augment` draws such numbers, or name it."""
        before = dict(self.fields)
        try:
            reader(self, step)
            Augment(**self.fields)
        except OptionError as error:
            self.fields = before
            self.left_out.append(f"{kind}: {error.where} {error.found}, not {error.expected}")
        except (TypeError, ValueError):
            self.fields = before
            self.left_out.append(f"{kind}: {some(f'{name}={value}' for name, value in step.items() if name != 'type')}")

    def resize(self, step: Values) -> None:
        """Scale into a box (or to an exact size, if the ratio of sides is not kept), times a factor."""
        size = step.get("scale", step.get("img_scale"))
        sides: Any = [size, size] if isinstance(size, int) else size
        ranges = are_numbers(step.get("ratio_range"), 2)
        if are_numbers(sides, 2):
            width, height = sides
            keeps = step.get("keep_ratio", "scale" not in step)
            self.fields["resize"] = ("box", width, height) if keeps else ("exact", height, width)
        elif size is not None or not ranges:  # in 0.x, a ratio alone is one of the photo's own size
            self.left_out.append(f"{step['type']}: a scale of {size}, where (width, height) is expected")
            return
        if ranges:
            self.fields["scale"] = tuple(step["ratio_range"])

    def crop(self, step: Values) -> None:
        """Cut to a size of (height, width)."""
        size = step.get("crop_size")
        sides: Any = [size, size] if isinstance(size, int) else size
        if not are_numbers(sides, 2):
            self.left_out.append(f"RandomCrop: a crop_size of {size}")
            return
        self.crop_size = (sides[0], sides[1])
        if step.get("cat_max_ratio", 1) < 1:
            self.left_out.append(f"RandomCrop: cat_max_ratio={step['cat_max_ratio']}, which draws windows again")

    def flip(self, step: Values) -> None:
        """Mirror left to right."""
        direction = step.get("direction", "horizontal")
        chance = step.get("prob", step.get("flip_ratio"))
        if direction != "horizontal" or not isinstance(chance, int | float):
            self.left_out.append(
                f"RandomFlip: direction={direction!r}, prob={chance}; crops are mirrored left to right"
            )
            return
        self.fields["flip"], self.swap = chance, step.get("swap_seg_labels") or []

    def colours(self, step: Values) -> None:
        """Draw each step with probability 1/2. Hue moves by whole steps of 2 degrees, the highest excluded."""
        levels, hue = step.get("brightness_delta", 32), step.get("hue_delta", 18)
        self.fields |= {
            "brightness": (-levels / 255, levels / 255, 0.5),
            "contrast": (*step.get("contrast_range", (0.5, 1.5)), 0.5),
            "saturation": (*step.get("saturation_range", (0.5, 1.5)), 0.5),
            "hue": (-2 * hue, max(2 * (hue - 1), -2 * hue), 0.5),
            "order": "drawn",
        }

    def rotate(self, step: Values) -> None:
        """Turn; positive angles are clockwise there, and counter-clockwise here."""
        degree = step.get("degree", 0)
        low, high = sorted((-degree, degree) if isinstance(degree, int | float) else degree)
        self.fields["rotate"] = (-high, -low, step.get("prob", step.get("rotate_ratio", 1)))


_RESIZE = "scale img_scale ratio_range keep_ratio backend clip_object_border multiscale_mode"
# What reads a step, and the fields that it takes.
_READERS: Mapping[str, tuple[Callable[[Pipeline, Values], None], str]] = {
    "RandomResize": (Pipeline.resize, _RESIZE),
    "Resize": (Pipeline.resize, _RESIZE),
    "RandomCrop": (Pipeline.crop, "crop_size cat_max_ratio"),
    "RandomFlip": (Pipeline.flip, "prob flip_ratio direction swap_seg_labels"),
    "PhotoMetricDistortion": (Pipeline.colours, "brightness_delta contrast_range saturation_range hue_delta"),
    "RandomRotate": (Pipeline.rotate, "prob rotate_ratio degree"),
}


def other_fields(kind: str, said: Values, known: set[str]) -> list[str]:
    """Name the fields that nothing reads, but those that say what is so anyway: void is 255."""
    others = [name for name in said if name not in known and said[name] != 255]
    return [f"{kind}: {name}={str(said[name])[:60]}" for name in others]


def are_numbers(value: Any, count: int) -> bool:
    """Check that a value is a list of so many numbers."""
    return isinstance(value, list) and len(value) == count and all(isinstance(part, int | float) for part in value)


def _holds_unread(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_unread, value.values()))
    return isinstance(value, Unread) or (isinstance(value, list) and any(map(_holds_unread, value)))
