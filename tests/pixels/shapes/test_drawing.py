"""Shapes: their bytes, the rules that fill them, runs, the stacking order, against the libraries that define them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from segfeed.errors import MaskError
from segfeed.pixels.codec import decode_mask, kind_of
from segfeed.pixels.files.kinds import SHAPES_MAGIC
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points, decode_drawing, encode_drawing
from segfeed.pixels.shapes.filling import fill_centre, fill_coco
from segfeed.pixels.shapes.painting import count_outside, paint
from segfeed.pixels.shapes.runs import read_run_text, shape_of_cover, write_run_text
from segfeed.pixels.shapes.upolygon import fill_upolygon

SQUARE = np.array([[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]])
HOLE = np.array([[3.0, 3.0], [5.0, 3.0], [5.0, 5.0], [3.0, 5.0]])


def whole(patch, size):
    cover = np.zeros(size, bool)
    if patch is not None:
        rows, columns = patch.cover.shape
        cover[patch.top : patch.top + rows, patch.left : patch.left + columns] = patch.cover
    return cover


def polygons(count, kinds=4):
    """Make rings of floats, whole numbers, halves, and with repeated points, inside, across and outside pictures."""
    random = np.random.default_rng(7)
    for number in range(count):
        size = tuple(random.integers(1, 40, 2).tolist())
        points = random.uniform(-10, 50, (random.integers(3, 12), 2))
        kind = number % kinds
        points = [points, np.round(points), np.round(points * 2) / 2, points.round(2)][kind]
        if kind == 3:
            points[1] = points[0]
        yield size, points


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pycocotools itself
@pytest.mark.slow
def test_polygons_are_filled_as_pycocotools_fills_them():
    masks = pytest.importorskip("pycocotools.mask")
    for size, points in polygons(3000):
        runs = masks.frPyObjects([points.ravel().tolist()], *size)
        assert np.array_equal(whole(fill_coco(points, size), size), masks.decode(runs)[..., 0] > 0), (size, points)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
def test_run_lengths_are_read_and_written_as_by_pycocotools():
    masks = pytest.importorskip("pycocotools.mask")
    for size, points in polygons(300):
        runs = masks.merge(masks.frPyObjects([points.ravel().tolist()], *size))
        text = runs["counts"].decode()
        counts = read_run_text(text)
        assert counts.sum() == size[0] * size[1]
        assert write_run_text(counts.astype(int).tolist()) == text
        shape = Shape("runs", 1, (counts[:, None],), frame=(0, 0, *size, 1))
        assert np.array_equal(paint(Drawing(size, (shape,))).pixels, masks.decode(runs))


@pytest.mark.parametrize("by_columns", [0, 1])
def test_runs_are_painted_where_their_frame_lies_whichever_lines_are_empty(by_columns):
    random = np.random.default_rng(4)
    for _ in range(500):
        height, width, top, left = random.integers([0, 0, -4, -4], 9)
        cover = random.random((height, width)) < random.choice([0, 0.05, 0.5, 1])
        cover[: random.integers(0, 9)] = cover[:, : random.integers(0, 9)] = False
        flat = np.concatenate([[False], (cover.T if by_columns else cover).ravel()])
        edges = np.flatnonzero(flat[1:] != flat[:-1])
        counts = np.diff([0, *edges, cover.size, *[cover.size] * random.integers(3)]).astype(float)
        shape = Shape("runs", 1, (counts[:, None],), frame=(top, left, height, width, by_columns))
        wide = np.zeros((30, 30), bool)
        wide[10 + top : 10 + top + height, 10 + left : 10 + left + width] = cover
        assert np.array_equal(paint(Drawing((6, 7), (shape,))).pixels, wide[10:16, 10:17])


def test_polygons_are_filled_as_upolygon_fills_them_if_they_lie_inside():
    upolygon = pytest.importorskip("upolygon")
    random = np.random.default_rng(3)
    for number in range(600):
        points = [np.round(random.uniform(0, 24, (5, 2))) for _ in range(1 + number % 2)]
        cover = np.zeros((25, 25), np.uint8)
        upolygon.draw_polygon(cover, [ring.ravel().tolist() for ring in points], 1)
        assert np.array_equal(whole(fill_upolygon(points, (25, 25)), (25, 25)), cover > 0)


@pytest.mark.parametrize(("rule", "area"), [("centre", 16), ("coco", 16), ("pillow", 25), ("upolygon", 25)])
def test_a_square_of_16_px_has_the_area_that_each_rule_gives_it(rule, area):
    drawing = Drawing((8, 8), (Shape("rings", 1, (SQUARE,)),), style=Style(rule))
    assert int(paint(drawing).pixels.sum()) == area


@pytest.mark.slow
def test_centres_are_inside_by_an_odd_number_of_crossings():
    for size, points in polygons(400, kinds=3):
        y, x = np.mgrid[: size[0], : size[1]] + 0.5
        inside = np.zeros(size, bool)
        for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
            low, high = ((x1, y1), (x2, y2)) if y1 <= y2 else ((x2, y2), (x1, y1))
            if low[1] != high[1]:
                crossing = low[0] + (y - low[1]) * ((high[0] - low[0]) / (high[1] - low[1]))
                inside ^= (low[1] <= y) & (y < high[1]) & (crossing <= x)
        assert np.array_equal(whole(fill_centre([points], size), size), inside)


@pytest.mark.slow
def test_shapes_that_share_an_outline_share_no_pixel_and_leave_none_out():
    random = np.random.default_rng(5)
    for _ in range(200):
        middle = random.integers(0, 41, (4, 2)) / 2
        left = np.array([[0, 0], *middle[middle[:, 1].argsort()], [0, 20]], float)
        right = np.array([[20, 0], *middle[middle[:, 1].argsort()], [20, 20]], float)
        upper, lower = np.array([[0, 0], [20, 0], left[1]]), np.array([[0, 20], [20, 20], left[-2]])
        covers = [whole(fill_centre([ring], (20, 20)), (20, 20)).astype(int) for ring in (left, right, upper, lower)]
        assert (np.sum(covers, axis=0) == 1).all()


def test_rings_cut_holes_and_parts_are_joined():
    rings = Drawing((8, 8), (Shape("rings", 1, (SQUARE, HOLE)),))
    assert int(paint(rings).pixels.sum()) == 12
    assert int(paint(rings.in_style(Style("coco"))).pixels.sum()) == 12
    parts = Drawing((8, 8), (Shape("parts", 1, (SQUARE, HOLE)),), style=Style("coco"))
    assert int(paint(parts).pixels.sum()) == 16


def test_a_seam_leaves_a_hole_and_a_bow_tie_has_two_halves():
    seam = np.concatenate([SQUARE, SQUARE[:1], HOLE[[0, 3, 2, 1, 0]]])
    assert int(paint(Drawing((8, 8), (Shape("rings", 1, (seam,)),))).pixels.sum()) == 12
    tie = np.array([[0.0, 0.0], [8.0, 8.0], [8.0, 0.0], [0.0, 8.0]])
    labels = paint(Drawing((8, 8), (Shape("rings", 1, (tie,)),))).pixels
    assert labels[4, 0] == labels[4, 7] == 1
    assert labels[0, 4] == labels[7, 4] == 0


@pytest.mark.parametrize(
    ("overlap", "values"), [("order", [2, 2]), ("largest", [1, 1]), ("smallest", [2, 2]), ("void", [255, 2])]
)
def test_overlapped_pixels_are_counted_by_pair_and_go_where_asked(overlap, values):
    small = SQUARE / 2 + 4  # from 5 to 7: one pixel of it lies on the square
    shapes = (Shape("rings", 1, (SQUARE,)), Shape("rings", 2, (small,)))
    painted = paint(Drawing((8, 8), shapes, style=Style(overlap=overlap)))
    wanted = {(2, 1): 1} if overlap == "largest" else {(1, 2): 1}
    assert painted.overlaps == wanted
    assert painted.pixels[5, 5] == values[0]
    assert painted.pixels[6, 6] == 2


def test_overlap_error_names_both_classes_and_the_same_class_does_not_count():
    shapes = (Shape("rings", 1, (SQUARE,)), Shape("rings", 2, (HOLE,)))
    with pytest.raises(MaskError, match="4 px are both cat and dog; expected one class"):
        paint(Drawing((8, 8), shapes, {1: "cat", 2: "dog"}, Style(overlap="error")), "a.json")
    same = (Shape("rings", 1, (SQUARE,)), Shape("rings", 1, (HOLE,)))
    assert paint(Drawing((8, 8), same, style=Style(overlap="error"))).overlaps == {}


def test_crowds_unpainted_boxes_and_objects_become_what_was_asked():
    crowd = Shape("rings", 1, (SQUARE,), 1, crowd=True)
    inner = Shape("rings", 2, (HOLE,), 2)
    void = paint(Drawing((8, 8), (inner, crowd), style=Style(crowd="void", unpainted="void"))).pixels
    assert int((void == 2).sum()) == 4
    assert int((void == 255).sum()) == 60
    assert int((paint(Drawing((8, 8), (crowd,), style=Style(crowd="leave"))).pixels).sum()) == 0
    box = Drawing((8, 8), (Shape("box", 1, (SQUARE[[0, 2]],)), Shape("point", 1, (SQUARE[:1],))))
    with pytest.raises(MaskError, match="1 box and 1 point, which outline no object"):
        paint(box)
    assert int(paint(box.in_style(Style(boxes="fill"))).pixels.sum()) == 16
    assert paint(box.in_style(Style(boxes="leave"))).left_out == 2
    objects = paint(Drawing((8, 8), (crowd, inner), style=Style(objects=True))).pixels
    assert np.unique(objects).tolist() == [0, 1, 2]


def test_what_pillow_draws_is_what_labelme_draws():
    random = np.random.default_rng(11)
    for _ in range(100):
        points = random.uniform(-3, 33, (6, 2))
        picture = Image.new("L", (30, 24))
        ImageDraw.Draw(picture).polygon([tuple(point) for point in points], outline=1, fill=1)
        painted = paint(Drawing((24, 30), (Shape("rings", 1, (points,)),), style=Style("pillow")))
        assert np.array_equal(painted.pixels, np.array(picture))


def test_empty_and_outside_shapes_are_counted():
    far = SQUARE + 1000
    shapes = (
        Shape("rings", 1, (far,)),
        Shape("rings", 1, (SQUARE[:2],)),
        Shape("parts", 1, ()),
        Shape("line", 1, (far,)),
    )
    drawing = Drawing((8, 8), shapes, style=Style("coco", boxes="fill"))
    assert (paint(drawing).empty, count_outside(drawing)) == (4, 2)
    across = Drawing((8, 8), (Shape("rings", 1, (np.array([[-1e8, 2.0], [1e8, 2.0], [0.0, 7.0]]),)),))
    assert (count_outside(across), int(paint(across).pixels[2].sum())) == (1, 8)


@pytest.mark.parametrize(("top", "left", "is_outside"), [(0, 0, False), (6, 0, False), (7, 0, True), (0, -2, True)])
def test_masks_that_reach_outside_their_picture_are_counted(top, left, is_outside):
    mask = Shape("runs", 1, (np.array([[0.0], [9.0]]),), frame=(top, left, 3, 3, 0))
    assert count_outside(Drawing((8, 8), (mask,))) == is_outside


def test_the_bytes_of_a_drawing_are_canonical_and_read_as_a_mask():
    drawing = Drawing(
        (8, 8), (Shape("rings", 1, (SQUARE, HOLE), 3), shape_of_cover(np.eye(3) > 0, None, 1, 2)), {1: "é"}
    )
    data = encode_drawing(drawing)
    assert data == encode_drawing(decode_drawing(data))
    assert kind_of(data) == "drawn shapes"
    stored = decode_mask(data, "a")
    assert stored.palette is None
    assert np.array_equal(stored.pixels, paint(drawing).pixels)
    assert int((stored.pixels == 255).sum()) == 3
    assert data != encode_drawing(drawing.in_style(Style("coco")))


@pytest.mark.parametrize("cut", [3, len(SHAPES_MAGIC), len(SHAPES_MAGIC) + 9, -8, -1])
def test_damaged_bytes_of_a_drawing_are_a_named_error(cut):
    data = encode_drawing(Drawing((8, 8), (Shape("rings", 1, (SQUARE,)),)))
    with pytest.raises(MaskError):
        decode_mask(data[:cut], "a.png")
    with pytest.raises(MaskError):
        decode_mask(data + b"\0" * 8, "a.png")


@pytest.mark.parametrize(
    "values", [[1, 2, 3], [[1, 2, 3]], ["a", "b"], [None, 1], [float("nan"), 1], [float("inf"), 1], [1e12, 0], 5]
)
def test_points_that_are_none_are_named(values):
    with pytest.raises(MaskError, match=r"a\.json: "):
        as_points(values, "a.json", "polygon 3")


@pytest.mark.parametrize(
    ("counts", "found"), [([[10.0]], "10 px"), ([[-1.0], [17.0]], "below 0"), ([[0.5], [15.5]], "in parts")]
)
def test_runs_that_do_not_fill_their_frame_are_named(counts, found):
    shape = Shape("runs", 1, (np.array(counts),), frame=(0, 0, 4, 4, 1))
    with pytest.raises(MaskError, match=found):
        paint(Drawing((4, 4), (shape,)))


@pytest.mark.parametrize("text", ["P", "é", "0 6", "ooooooooooooooo0"])
def test_a_text_that_is_no_run_length_code_is_named(text):
    with pytest.raises(MaskError):
        read_run_text(text, "a.json")
