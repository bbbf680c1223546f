"""Paint one polygon as seven rasterisers fill it, enlarged; it needs opencv-python-headless and scikit-image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segfeed.pixels.shapes.drawing import Drawing, Rule, Shape, Style
from segfeed.pixels.shapes.painting import paint

SIZE = (13, 14)  # height, width in px
ENLARGED, MARGIN, TITLE = 20, 14, 46
POLYGON = np.array([[2.0, 2.0], [9.0, 1.0], [12.5, 6.5], [8.0, 6.0], [7.5, 11.6], [3.0, 10.0]])
INK, FILLED, EMPTY, LINE = "#1c1b19", "#e8a33d", "#f6f4ef", "#20508f"


def main(path: Path) -> None:
    """Write the picture, and print the table of docs/shapes.md."""
    true = polygon_area(POLYGON)
    covers = {name: fill(POLYGON) for name, fill in RASTERISERS.items()}
    base = covers["centre"]
    print(f"| rule | pixels | to the area of {true:.2f} px | same as centre (IoU) | centroid |")
    for name, cover in covers.items():
        y, x = (np.mean(axis) + 0.5 for axis in np.nonzero(cover))
        iou = (cover & base).sum() / (cover | base).sum()
        print(f"| {name} | {cover.sum()} | {cover.sum() / true:.2f} | {iou:.2f} | {x:.2f}, {y:.2f} |")
    step_x, step_y = SIZE[1] * ENLARGED + MARGIN, SIZE[0] * ENLARGED + TITLE
    picture = Image.new("RGB", (4 * step_x + MARGIN, 2 * step_y + MARGIN), "white")
    for place, (name, cover) in enumerate(covers.items()):
        corner = (MARGIN + place % 4 * step_x, MARGIN + place // 4 * step_y)
        paint_panel(ImageDraw.Draw(picture), corner, cover, f"{name}: {cover.sum()} px")
    picture.save(path)


def paint_panel(draw: ImageDraw.ImageDraw, corner: tuple[int, int], cover: np.ndarray, title: str) -> None:
    """Paint pixels enlarged, and the polygon over them."""
    left, top = corner[0], corner[1] + TITLE - MARGIN
    draw.text(corner, title, INK, ImageFont.load_default(15))
    for y, x in np.ndindex(*cover.shape):
        box = [left + x * ENLARGED, top + y * ENLARGED, left + (x + 1) * ENLARGED, top + (y + 1) * ENLARGED]
        draw.rectangle(box, FILLED if cover[y, x] else EMPTY, outline="#d8d4ca")
    points = [(left + x * ENLARGED, top + y * ENLARGED) for x, y in [*POLYGON.tolist(), POLYGON[0].tolist()]]
    draw.line(points, LINE, width=3, joint="curve")


def by_rule(rule: Rule) -> Callable[[np.ndarray], np.ndarray]:
    """Return segfeed's own filling by a rule."""
    return lambda ring: paint(Drawing(SIZE, (Shape("rings", 1, (ring,)),), style=Style(rule))).pixels > 0


def by_opencv(to_whole: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return OpenCV's filling of points that were made whole numbers."""
    import cv2  # noqa: PLC0415 - needed here alone

    return lambda ring: cv2.fillPoly(np.zeros(SIZE, np.uint8), [to_whole(ring).astype(np.int32)], 1) > 0


def by_skimage(ring: np.ndarray) -> np.ndarray:
    """Return scikit-image's filling."""
    from skimage.draw import polygon  # noqa: PLC0415 - needed here alone

    cover: Any = np.zeros(SIZE, bool)
    cover[polygon(ring[:, 1], ring[:, 0], SIZE)] = True
    return cover


def polygon_area(ring: np.ndarray) -> float:
    """Return the area inside a ring, in square px."""
    after = np.roll(ring, -1, axis=0)
    return float(abs(np.sum(ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1])) / 2)


RASTERISERS = {
    "centre": by_rule("centre"),
    "pycocotools": by_rule("coco"),
    "Pillow": by_rule("pillow"),
    "upolygon": by_rule("upolygon"),
    "OpenCV, cut": by_opencv(np.trunc),
    "OpenCV, rounded": by_opencv(np.round),
    "scikit-image": by_skimage,
}

if __name__ == "__main__":
    main(Path(__file__).parent / "pictures" / "rasterisers.png")
