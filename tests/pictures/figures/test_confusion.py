"""The confusion picture: its colours and numbers are the matrix's, and everything can be read, for 2 to 300 classes."""

import io
import itertools

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from segfeed import Legend
from segfeed.errors import OptionError, StorageError
from segfeed.pictures.figures.canvas import WIDTH_PX, percent
from segfeed.pictures.figures.confusion import MAX_CLASSES, show_confusion
from segfeed.scoring.score import Score


def scored(rows, names=None):
    rows = np.array(rows)
    score = Score(Legend(tuple(names or (f"class {n}" for n in range(len(rows))))))
    score.confusion += rows
    return score


def mixed(classes):
    """Make a matrix of which most is right, and one class neither labelled nor predicted."""
    rng = np.random.default_rng(classes)
    rows = rng.integers(0, 30, (classes, classes)) + np.diag(rng.integers(500, 2000, classes))
    rows[1, :] = rows[:, 1] = 0
    return rows


def matrix(figure):
    (axes,) = (axes for axes in figure.axes if axes.get_label() == "confusion")
    return axes


def cells(figure):
    """Return the colour of the middle of each cell, as a user sees it."""
    pixels = np.asarray(Image.open(io.BytesIO(figure._repr_png_())))
    axes = matrix(figure)
    box, count = axes.get_position(), round(axes.get_xlim()[1] + 0.5)
    height, width = pixels.shape[:2]
    # No number is written so near a corner.
    y = ((1 - box.y1) * height + (np.arange(count) + 0.1) * (box.y1 - box.y0) * height / count).astype(int)
    x = (box.x0 * width + (np.arange(count) + 0.1) * (box.x1 - box.x0) * width / count).astype(int)
    return pixels[np.ix_(y, x)].astype(int)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


@pytest.mark.slow
def test_what_is_right_is_blue_what_is_wrong_orange_and_more_is_darker():
    colours = cells(show_confusion(scored([[80, 15, 5], [0, 100, 0], [50, 0, 50]])))
    red, blue = colours[..., 0], colours[..., 2]
    assert (np.diag(blue) > np.diag(red)).all()
    for row, column in ((0, 1), (0, 2), (2, 0)):
        assert red[row, column] > blue[row, column]
    brightness = colours.sum(axis=-1)
    assert brightness[2, 0] < brightness[0, 1] < brightness[0, 2] < brightness[1, 0]
    assert brightness[1, 1] < brightness[0, 0] < brightness[2, 2]


@pytest.mark.slow
def test_row_without_labels_is_gray():
    colours = cells(show_confusion(scored([[9, 1, 0], [0, 0, 0], [0, 0, 4]])))
    assert np.unique(colours[1], axis=0).shape == (1, 3)
    assert colours[1, 0].sum() < colours[0, 2].sum()


def test_numbers_are_shares_of_rows():
    axes = matrix(show_confusion(scored([[796, 200, 4], [0, 30, 0], [1, 1, 1]])))
    found = {tuple(map(int, text.get_position()[::-1])): text.get_text() for text in axes.texts}
    assert found == {(0, 0): "80", (0, 1): "20", (1, 1): "100", (2, 0): "33", (2, 1): "33", (2, 2): "33"}


@pytest.mark.slow
def test_head_classes_and_confusions_are_told():
    score = scored([[70, 30, 0, 0], [0, 90, 0, 0], [5, 0, 5, 0], [0, 0, 0, 0]], ["sky", "road", "car", "cat"])
    told = [text.get_text() for text in show_confusion(score, title="town · val").axes[0].texts]
    figures = (
        f"mIoU {percent(score.miou)}, mean accuracy 73.3 %, pixel accuracy 82.5 %, frequency-weighted IoU "
        f"{percent(score.frequency_weighted_iou)}, mean Dice {percent(score.mean_dice)}; 200 pixels"
    )
    assert told[:2] == ["town · val", figures]
    assert told.count("sky") == told.count("cat") == 2, "a row and a column"
    assert {percent(70 / 105), "75.0 %", "50.0 %", "absent"} <= set(told)
    assert told[-2:] == ["sky, taken for road: 30.0 % of it, 30 pixels", "car, taken for sky: 50.0 % of it, 5 pixels"]


@pytest.mark.slow
def test_score_without_a_mistake_lists_none():
    assert "most pixels lost to" not in texts(show_confusion(scored(np.diag([3, 4]))))


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 7, 21, 60, 150, 300])
def test_nothing_overlaps_and_nothing_leaves_the_page(classes):
    names = [f"a name that is long, {n}" for n in range(classes)]
    figure = show_confusion(scored(mixed(classes), names), title="t" * 300)
    page, axes = figure.bbox, matrix(figure)
    boxes = [axes.get_window_extent()] + [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    numbers = [text.get_window_extent() for text in axes.texts]
    for box in boxes:
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
    for group in (boxes, numbers):
        for one, other in itertools.combinations(group, 2):
            apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
            assert apart, (one, other)
    assert all(box.height > 8 for box in boxes), "large enough to read"


@pytest.mark.slow
def test_names_stand_beside_their_rows_and_columns():
    figure = show_confusion(scored(mixed(21)))
    box = matrix(figure).get_window_extent()
    named = [text for text in figure.axes[0].texts if text.get_text() == "class 4"]
    row, column = sorted(named, key=lambda text: text.get_rotation())
    middle = (4 + 0.5) / 21
    extent = row.get_window_extent()
    assert (extent.y0 + extent.y1) / 2 == pytest.approx(box.y1 - middle * box.height, abs=3)
    extent = column.get_window_extent()
    assert (extent.x0 + extent.x1) / 2 == pytest.approx(box.x0 + middle * box.width, abs=3)


@pytest.mark.slow
def test_columns_too_narrow_for_names_have_the_rows_numbers():
    told = texts(show_confusion(scored(mixed(150))))
    assert {"class 42 42", "0", "140"} <= {" ".join(text.split()) for text in told}


@pytest.mark.slow
def test_of_very_many_classes_the_rarest_are_summed_up():
    rows = np.diag(np.arange(1000, 0, -4))
    rows[240, 3] = 7
    figure = show_confusion(scored(rows))
    assert matrix(figure).get_xlim() == (-0.5, MAX_CLASSES - 0.5)
    told = {" ".join(text.split()) for text in texts(figure)}
    assert f"+ 91 more {MAX_CLASSES - 1}" in told
    assert "class 158 158" in told
    assert "class 159 159" not in told
    assert any(text.startswith("class 240, taken for class 3:") and text.endswith(" 7 pixels") for text in told)


@pytest.mark.slow
def test_same_score_gives_the_same_picture_and_leaves_settings_alone(tmp_path):
    settings = dict(mpl.rcParams)
    first = show_confusion(scored(mixed(7)), path=tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size == (WIDTH_PX, first.height_px)
    assert (tmp_path / "c.png").read_bytes() == show_confusion(scored(mixed(7)))._repr_png_()
    assert dict(mpl.rcParams) == settings


def test_score_that_counted_nothing_is_refused():
    with pytest.raises(OptionError) as caught:
        show_confusion(scored(np.zeros((2, 2), int)))
    assert (caught.value.where, caught.value.found) == ("score", "no pixels counted yet")


@pytest.mark.slow
def test_paths_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(OptionError) as caught:
        show_confusion(scored(mixed(2)), path=tmp_path / "c.jpg")
    assert (caught.value.where, caught.value.found) == ("path", repr(str(tmp_path / "c.jpg")))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        show_confusion(scored(np.diag([1, 2])), path=tmp_path / "file" / "c.png")
    assert caught.value.where == str(tmp_path / "file" / "c.png")
