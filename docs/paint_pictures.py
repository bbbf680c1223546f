"""Paint the pictures of README and docs/ again: `make pictures`."""

import importlib.util
import runpy
import shutil
import sys
from pathlib import Path

from paint_recipes import paint_recipes
from paint_report import paint_report
from PIL import Image

import segfeed
from segfeed.cli.feeding import AUGMENT
from segfeed.packs.pack import Pack
from segfeed.pictures.figures.sheets import show_augmented, show_batch, show_crops, show_pairs

HERE = Path(__file__).parent / "pictures"


def main() -> None:
    """Paint everything, with at most 256 colours a picture so that the repository stays small."""
    HERE.mkdir(exist_ok=True)
    train, _ = segfeed.load("sample", batch_size=64, crop_size=(320, 480))
    assert isinstance(train.reader, Pack)
    show_pairs(train.reader, path=HERE / "pairs.png")
    show_crops(train.reader, crop_size=(200, 300), augment=AUGMENT, path=HERE / "crops.png")
    show_augmented(train.reader, "mmseg-ade20k", path=HERE / "augmented.png")
    paint_recipes(train.reader, HERE / "recipes.png")
    show_batch(next(iter(train)), path=HERE / "batch.png")
    sys.argv[1:] = [str(HERE / "kinds.png")]
    runpy.run_path(str(HERE.parents[1] / "examples" / "segmentation_kinds.py"), run_name="__main__")
    if importlib.util.find_spec("cv2") and importlib.util.find_spec("skimage"):
        runpy.run_path(str(HERE.parent / "paint_rasterisers.py"), run_name="__main__")
    if shutil.which("chromium"):
        paint_report(HERE / "report.png")
    for path in sorted(HERE.glob("*.png")):
        Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
        print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
