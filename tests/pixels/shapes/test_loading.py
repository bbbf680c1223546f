"""Compiled kernels of drawn shapes give the bits of plain NumPy, and leave the work to it if they cannot be used."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from segfeed.pixels.shapes import loading as shapes_kernels
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style
from segfeed.pixels.shapes.loading import load_compiled
from segfeed.pixels.shapes.painting import paint


@pytest.fixture(name="both")
def _both(monkeypatch):
    """Return a function that paints by plain NumPy, then by the kernels."""
    pytest.importorskip("numba")
    assert load_compiled()
    compiled = shapes_kernels._KERNELS.module

    def paint_twice(drawing):
        monkeypatch.setattr(shapes_kernels._KERNELS, "module", None)
        monkeypatch.setattr(shapes_kernels._KERNELS, "broken", True)
        plain = paint(drawing)
        monkeypatch.setattr(shapes_kernels._KERNELS, "module", compiled)
        return plain, paint(drawing)

    return paint_twice


def drawings(count, style):
    """Make drawings of rings inside, across and outside pictures, at halves and whole numbers, of one to four parts."""
    random = np.random.default_rng(11)
    for number in range(count):
        size = tuple(random.integers(1, 48, 2).tolist())
        shapes = []
        for at in range(random.integers(0, 7)):
            rings = [random.uniform(-12, 60, (random.integers(0, 9), 2)) for _ in range(random.integers(1, 5))]
            rings = [np.round(ring * 2) / 2 if number % 3 else ring for ring in rings]
            kind = ("rings", "parts", "box")[at % 3]
            arrays = tuple(rings) if kind != "box" else (random.uniform(-5, 50, (2, 2)),)
            shapes.append(Shape(kind, [1, 2, 0, None, 3][at % 5], arrays, at // 2, crowd=at == 4))
        yield Drawing(size, tuple(shapes), style=style)


@pytest.mark.parametrize(
    ("rule", "overlap", "crowd", "unpainted"),
    [
        *product(["coco", "centre"], ["order"], ["class", "void"], ["background", "void"]),
        ("coco", "largest", "class", "background"),
        ("centre", "smallest", "void", "void"),
        ("coco", "void", "leave", "background"),
        ("upolygon", "order", "class", "background"),
    ],
)
@pytest.mark.slow
def test_every_pixel_and_count_is_the_same(both, rule, overlap, crowd, unpainted):
    for void, objects in ((255, False), (65535, False), (255, True)):
        style = Style(rule, overlap, crowd, unpainted, "fill", void, objects)
        for drawing in drawings(40, style):
            plain, compiled = both(drawing)
            assert np.array_equal(plain.pixels, compiled.pixels), drawing
            assert plain.pixels.dtype == compiled.pixels.dtype
            assert (plain.overlaps, plain.empty) == (compiled.overlaps, compiled.empty), drawing


def test_the_square_that_nothing_covers_counts_as_empty(both):
    ring = np.array([[1.6, 1.6], [1.8, 1.6], [1.8, 1.8]])
    for kind in ("rings", "parts"):
        drawing = Drawing((4, 4), (Shape(kind, 1, (ring, ring)), Shape(kind, 1, (ring,))))
        assert [one.empty for one in both(drawing)] == [2, 2]


LOADED = """
import sys
{before}
import numpy as np
from segfeed.pixels.shapes import loading as shapes_kernels
from segfeed.pixels.shapes.drawing import Drawing, Shape
from segfeed.pixels.shapes.painting import paint

ring = np.array([[1.0, 1.0], [5.0, 1.0], [1.0, 5.0]])
drawing = Drawing((8, 8), (Shape("rings", 1, (ring,)),))
first = paint(drawing).pixels
assert "numba" not in sys.modules or {before!r}
for _ in range(shapes_kernels._ENOUGH):
    paint(drawing)
print(shapes_kernels.load_compiled(), np.array_equal(paint(drawing).pixels, first))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "loaded", "warnings"),
    [
        ("", "True", 0),
        ("sys.modules['numba'] = None", "False", 0),
        ("import os; os.environ['NUMBA_DISABLE_JIT'] = '1'", "False", 1),
    ],
)
def test_kernels_are_loaded_beside_many_drawings_and_missed_without_harm(before, loaded, warnings):
    pytest.importorskip("numba")
    code = LOADED.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, f"{loaded} True\n", warnings), done.stderr
