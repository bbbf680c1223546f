"""Recipes: crop size and augmentation as well-known training configurations have them.

Each is data: numbers from the configuration and the code that its source names, and nothing else. What segfeed does
otherwise, and why, is written in docs/recipes.md. A recipe is a starting point:
`dataclasses.replace(named("torchvision").augment, hue=(-18, 18))` adds to one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from segfeed.errors import OptionError
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw, Small


@dataclass(frozen=True)
class Recipe:
    """What a training configuration draws for each crop.

    Attributes:
        crop_size: (height, width) of a crop in px.
        augment: what is drawn besides the crop's place.
        source: the files that define it.
    """

    crop_size: tuple[int, int]
    augment: Augment
    source: str


# Levels of 255, factors, and steps of 2 degrees, each step with probability 1/2; contrast first or after hue.
_PHOTOMETRIC: Mapping[str, Any] = {
    "brightness": (-32 / 255, 32 / 255, 0.5),
    "contrast": (0.5, 1.5, 0.5),
    "saturation": (0.5, 1.5, 0.5),
    "order": "drawn",
}
_MMSEG: Mapping[str, Any] = {
    **_PHOTOMETRIC,
    "flip": 0.5,
    "scale": (0.5, 2.0),
    "antialias": False,
    "hue": (-36, 34, 0.5),
    "pad_side": "bottom-right",
}
_MMSEG_FILES = (
    "mmsegmentation 1.x, configs/_base_/datasets/{}.py and mmseg/datasets/transforms/transforms.py; "
    "mmcv/transforms/processing.py, mmcv/image/geometric.py"
)

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "mmseg-ade20k": Recipe((512, 512), Augment(resize=("box", 2048, 512), **_MMSEG), _MMSEG_FILES.format("ade20k")),
        "mmseg-cityscapes": Recipe(
            (512, 1024), Augment(resize=("box", 2048, 1024), **_MMSEG), _MMSEG_FILES.format("cityscapes")
        ),
        "segformer-ade20k": Recipe(
            (512, 512),
            Augment(resize=("box", 2048, 512), **_MMSEG),
            "NVlabs/SegFormer, local_configs/_base_/datasets/ade20k_repeat.py",
        ),
        "torchvision": Recipe(
            (480, 480),
            Augment(flip=0.5, resize=("short", 260, 1040), rounding="down", pad_side="bottom-right", pad_value=0),
            "pytorch/vision, references/segmentation/presets.py, transforms.py and v2_extras.py; "
            "torchvision/transforms/functional.py",
        ),
        "deeplabv3plus": Recipe(
            (513, 513),
            Augment(
                flip=0.5, scale=(0.5, 2.0), scale_step=0.25, rounding="down", antialias=False, pad_side="bottom-right"
            ),
            "tensorflow/models, research/deeplab/input_preprocess.py, core/preprocess_utils.py and train.py",
        ),
        "mask2former-ade20k": Recipe(
            (512, 512),
            Augment(
                flip=0.5,
                resize=("short", 512),
                scale=(0.5, 2.0),
                scale_step=0.1,
                longest=2048,
                hue=(-36, 36, 0.5),
                pad_side="bottom-right",
                pad_value=128,
                **_PHOTOMETRIC,
            ),
            "facebookresearch/Mask2Former, configs/ade20k/semantic-segmentation and "
            "mask2former/data/dataset_mappers/mask_former_semantic_dataset_mapper.py; "
            "detectron2/data/transforms/augmentation_impl.py",
        ),
    }
)
"""Recipes by name."""


def named(name: str) -> Recipe:
    """Return the recipe of this name.

    Args:
        name: one of `RECIPES`, or the start of one, up to a hyphen, if no other starts so: "segformer".

    Raises:
        OptionError: if no recipe is called so, or several are; the error lists the names.

    >>> named("mmseg-ade20k").augment.resize
    ('box', 2048, 512)
    >>> named("mask2former").crop_size
    (512, 512)
    """
    if isinstance(name, str) and name in RECIPES:
        return RECIPES[name]
    fitting = [full for full in RECIPES if full.startswith(f"{name}-")]
    if len(fitting) != 1:
        expected = f"one of {', '.join(fitting)}" if fitting else f"an Augment, or one of {', '.join(RECIPES)}"
        raise OptionError("augment", found=repr(name), expected=expected)
    return RECIPES[fitting[0]]


def choose_draw(
    crop_size: tuple[int, int] | None = None,
    small: Small = "pad",
    *,
    flip: bool = False,
    augment: Augment | Recipe | str | None = None,
) -> Draw:
    """Choose how crops are drawn, with what a recipe or its name leaves open: the crop size, 320 x 480 px without one.

    Raises:
        OptionError: if the recipe is unknown, or as `Draw` says.

    >>> choose_draw(augment="torchvision").crop_size
    (480, 480)
    """
    if isinstance(augment, str | Recipe):
        recipe = named(augment) if isinstance(augment, str) else augment
        augment, crop_size = recipe.augment, recipe.crop_size if crop_size is None else crop_size
    return Draw((320, 480) if crop_size is None else crop_size, small, flip, augment=augment)
