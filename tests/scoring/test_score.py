"""Scores: equal to scikit-learn's and torchmetrics' counting, strict about what it counts, and exact over ranks."""

import importlib
import json
import math
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segfeed import BatchFormat, Legend, Loader, Plan, Shard, scan
from segfeed.errors import LegendError, OptionError
from segfeed.pixels.objects import Objects
from segfeed.scoring import score
from segfeed.scoring.score import Score, as_percent

TINY = Legend(("sky", "road", "car"))


def legend_of(classes):
    return Legend(tuple(f"class {n}" for n in range(classes)))


def draw_pair(seed, classes, *, smooth, void=255, shape=(2, 40, 60), dtype=np.int64):
    """Draw predictions and labels: noise, or patches of 8 x 8; a tenth of the labels void; some classes nowhere."""
    rng = np.random.default_rng(seed)
    side = 8 if smooth else 1
    small = (shape[0], -(-shape[1] // side), -(-shape[2] // side))
    known = rng.permutation(classes)[: max(1, classes * 3 // 4)]
    predictions, labels = (
        rng.choice(known, small).repeat(side, 1).repeat(side, 2)[:, : shape[1], : shape[2]] for _ in range(2)
    )
    labels = np.where(rng.random(small).repeat(side, 1).repeat(side, 2)[:, : shape[1], : shape[2]] < 0.1, void, labels)
    return predictions.astype(dtype), labels.astype(dtype)


def scored(predictions, labels, legend=TINY, **options):
    score = Score(legend, **options)
    score.update(np.asarray(predictions), np.asarray(labels))
    return score


@pytest.fixture(scope="module")
def metrics():
    """Return torchmetrics' classification metrics, or skip."""
    torch = pytest.importorskip("torch")
    library = None
    try:
        importlib.import_module("torchvision")
    except ImportError:
        pass
    except RuntimeError:  # beside the processor's PyTorch, its compiled part cannot be loaded; nothing here calls it
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield pytest.importorskip("torchmetrics.classification")
    del library


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(2, 40),
    smooth=st.booleans(),
    dtypes=st.tuples(*[st.sampled_from(["uint8", "int16", ">i4", "int64", "uint64"])] * 2),
)
@pytest.mark.slow
def test_counts_are_those_of_scikit_learn(seed, classes, smooth, dtypes):
    confusion_matrix = pytest.importorskip("sklearn.metrics").confusion_matrix
    predictions, labels = draw_pair(seed, classes, smooth=smooth)
    found = scored(predictions.astype(dtypes[0]), labels.astype(dtypes[1]), legend_of(classes))
    counted = labels != 255
    expected = confusion_matrix(labels[counted], predictions[counted], labels=range(classes))
    assert found.confusion.dtype == np.int64
    np.testing.assert_array_equal(found.confusion, expected)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [2, 21])
@pytest.mark.slow
def test_figures_are_those_of_torchmetrics(metrics, seed, classes):
    torch = pytest.importorskip("torch")
    predictions, labels = (torch.from_numpy(ids) for ids in draw_pair(seed, classes, smooth=seed % 2 == 0))
    found = scored(predictions, labels, legend_of(classes))

    def measure(kind, average):
        return kind(classes, average=average, ignore_index=255)(predictions, labels).numpy()

    for kind, own in (
        (metrics.MulticlassJaccardIndex, found.iou),
        (metrics.MulticlassAccuracy, found.accuracy),
        (metrics.MulticlassF1Score, found.dice),
    ):
        np.testing.assert_allclose(np.nan_to_num(own), measure(kind, "none"), rtol=1e-6, err_msg=str(kind))
    assert found.miou == pytest.approx(measure(metrics.MulticlassJaccardIndex, "macro"), rel=1e-6)
    assert found.mean_dice == pytest.approx(measure(metrics.MulticlassF1Score, "macro"), rel=1e-6)
    assert found.pixel_accuracy == pytest.approx(measure(metrics.MulticlassAccuracy, "micro"), rel=1e-6)
    weighted = measure(metrics.MulticlassJaccardIndex, "weighted")
    assert found.frequency_weighted_iou == pytest.approx(weighted, rel=1e-6)
    assert found.mean_accuracy == pytest.approx(found.accuracy[found.confusion.sum(axis=1) > 0].mean())


def test_figures_by_hand():
    found = scored([[0, 0, 1, 1], [1, 2, 2, 0]], [[0, 0, 0, 1], [1, 1, 255, -100]])
    assert found.confusion.tolist() == [[2, 1, 0], [0, 2, 1], [0, 0, 0]]
    assert found.pixels == 6
    assert found.iou.tolist() == pytest.approx([2 / 3, 2 / 4, 0])
    assert found.accuracy[:2].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert np.isnan(found.accuracy[2])
    assert found.dice.tolist() == pytest.approx([4 / 5, 4 / 6, 0])
    assert found.summary == pytest.approx(
        {
            "miou": (2 / 3 + 1 / 2) / 3,
            "mean_accuracy": 2 / 3,
            "pixel_accuracy": 4 / 6,
            "frequency_weighted_iou": (3 * 2 / 3 + 3 * 1 / 2) / 6,
            "mean_dice": (4 / 5 + 4 / 6) / 3,
        }
    )


def test_class_that_is_nowhere_has_no_iou_and_one_that_is_only_predicted_has_zero():
    nowhere, predicted = scored([[0, 1]], [[0, 1]]), scored([[0, 2]], [[0, 1]])
    assert np.isnan(nowhere.iou[2])
    assert nowhere.miou == 1
    assert predicted.iou.tolist() == [1, 0, 0]
    assert predicted.miou == pytest.approx(1 / 3)


@pytest.mark.parametrize("labels", [None, [[255, -100]]])
def test_nothing_counted_has_no_figures(labels, recwarn):
    found = Score(TINY) if labels is None else scored([[0, 1]], labels)
    assert found.pixels == 0
    assert all(math.isnan(figure) for figure in found.summary.values())
    assert found.table()[1] == ("sky", "-", "-", "-", "0", "0")
    assert repr(found) == "Score(3 classes, 0 pixels, mIoU -)"
    assert not recwarn.list


def test_predictions_where_labels_are_void_count_nowhere():
    predictions, labels = draw_pair(3, 3, smooth=True)
    before = scored(predictions, labels)
    predictions[labels == 255] = (predictions[labels == 255] + 1) % 3
    np.testing.assert_array_equal(scored(predictions, labels).confusion, before.confusion)


def test_void_is_the_legends_own_and_that_of_pytorch_unless_it_is_said():
    assert scored([[0, 0, 0]], [[0, 255, -100]]).pixels == 1
    assert scored([[0, 0, 0]], [[0, 7, 7]], void=7).pixels == 1
    with pytest.raises(OptionError) as caught:
        scored([[0, 0, 0]], [[0, 255, -100]], void=-100)
    assert caught.value.found == "255 in 1 pixels"
    assert caught.value.expected.endswith("or void (-100)")
    wide = legend_of(300)
    assert scored([[255, 0]], [[255, 65535]], wide).confusion[255, 255] == 1


@pytest.mark.parametrize("void", [0, 2, 1.0, "255", True, 2**40])
def test_void_that_cannot_be_is_refused(void):
    with pytest.raises(OptionError) as caught:
        Score(TINY, void=void)
    assert caught.value.where.startswith("void")


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize(("stranger", "dtype"), [(3, np.uint8), (254, np.uint8), (-1, np.int64), (2**40, np.int64)])
def test_labels_that_are_neither_class_nor_void_are_named_and_counted(stranger, dtype, smooth):
    predictions, labels = draw_pair(0, 3, smooth=smooth, dtype=dtype)
    labels[1, 30, 5:9] = stranger
    score = Score(TINY)
    with pytest.raises(OptionError) as caught:
        score.update(predictions, labels)
    assert (caught.value.where, caught.value.found) == ("labels", f"{stranger} in 4 pixels")
    assert caught.value.expected == "one of the 3 classes (0..2) or void (255 or -100)"
    assert score.pixels == 0


@pytest.mark.parametrize("stranger", [255, 3, -100])
def test_predictions_that_are_no_class_are_refused_also_where_labels_are_void(stranger):
    predictions, labels = draw_pair(0, 3, smooth=True)
    labels[0, 0, :7] = 255
    predictions[0, 0, :7] = stranger
    score = Score(TINY)
    with pytest.raises(OptionError) as caught:
        score.update(predictions, labels)
    assert (caught.value.where, caught.value.found) == ("predictions", f"{stranger} in 7 pixels")
    assert "3 classes" in caught.value.expected
    assert score.pixels == 0


@pytest.mark.parametrize(
    "labels", [np.zeros((2, 3)), np.zeros((2, 3), bool), np.zeros((2, 3, 1, 1), int), np.zeros(3, int)]
)
def test_labels_that_are_none_are_refused(labels):
    with pytest.raises(OptionError) as caught:
        Score(TINY).update(labels.astype(int), labels)
    assert caught.value.where == "labels"
    assert "(H, W) or (N, H, W)" in caught.value.expected


def test_predictions_are_never_resized():
    with pytest.raises(OptionError) as caught:
        scored(np.zeros((20, 30), int), np.zeros((40, 60), int))
    assert "never the labels to theirs" in caught.value.remedy


def test_a_number_of_classes_is_not_a_legend():
    with pytest.raises(OptionError, match="int, which has no classes to score"):
        Score(9)


def test_objects_cannot_be_scored():
    with pytest.raises(OptionError) as caught:
        Score(Objects())
    assert caught.value.where == "legend"
    assert caught.value.found.startswith("Objects")


@pytest.mark.parametrize("framework", ["numpy", "torch", "tensorflow", "jax"])
@pytest.mark.slow
def test_every_framework_counts_the_same(framework):
    predictions, labels = draw_pair(5, 3, smooth=True, dtype=np.int32)
    expected = scored(predictions, labels).confusion
    logits = np.eye(3, dtype=np.float32)[predictions]
    module = pytest.importorskip(framework)
    as_array = {"numpy": "asarray", "torch": "from_numpy", "tensorflow": "constant", "jax": "numpy.asarray"}[framework]
    as_array = operator.attrgetter(as_array)(module)
    for given_predictions in (predictions, logits, np.ascontiguousarray(np.moveaxis(logits, -1, 1))):
        score = Score(TINY)
        score.update(as_array(given_predictions), as_array(labels))
        np.testing.assert_array_equal(score.confusion, expected)


def test_blocks_change_nothing(monkeypatch):
    predictions, labels = draw_pair(7, 21, smooth=True)
    expected = scored(predictions, labels, legend_of(21)).confusion
    for block in (1, 500, 1 << 20):
        monkeypatch.setattr(score, "_BLOCK_PX", block)
        np.testing.assert_array_equal(scored(predictions, labels, legend_of(21)).confusion, expected)


def test_updates_merges_and_sums_agree():
    pairs = [draw_pair(seed, 3, smooth=True) for seed in range(4)]
    whole = Score(TINY)
    for pair in pairs:
        whole.update(*pair)
    first, rest = scored(*pairs[0]), [scored(*pair) for pair in pairs[1:]]
    total = first + rest[0] + rest[1] + rest[2]
    np.testing.assert_array_equal(total.confusion, whole.confusion)
    assert first.pixels < total.pixels, "a sum leaves its parts alone"
    for part in rest:
        first.merge(part)
    np.testing.assert_array_equal(first.confusion, whole.confusion)


def test_sums_are_exact_beyond_floating_point():
    score = Score(TINY)
    score.confusion[0, 1] = 2**60 + 1
    assert (score + score).confusion[0, 1] == 2**61 + 2


def test_scores_of_other_classes_do_not_merge():
    with pytest.raises(OptionError) as caught:
        Score(TINY).merge(Score(Legend(("sky", "sea", "car"))))
    assert caught.value.found == "3 and 3 classes, class 1 is 'road' and 'sea'"
    with pytest.raises(OptionError) as caught:
        Score(TINY).merge(Score(Legend(TINY.names, ((1, 2, 3), (4, 5, 6), (7, 8, 9)))))
    assert "other colours or indices" in caught.value.found
    with pytest.raises(TypeError):
        Score(TINY) + 1


def test_state_travels_as_json_as_pickle_and_as_an_array():
    whole = scored(*draw_pair(1, 3, smooth=True, void=-1), void=-1)
    for copy in (
        Score.from_json(json.loads(json.dumps(whole.to_json(), allow_nan=False))),
        pickle.loads(pickle.dumps(whole)),  # noqa: S301 - our own
    ):
        np.testing.assert_array_equal(copy.confusion, whole.confusion)
        assert (copy.legend, copy.void) == (TINY, -1)
    array = Score(TINY)
    array.confusion += whole.confusion
    assert array.miou == whole.miou


def test_json_says_null_where_there_is_no_figure():
    described = json.loads(json.dumps(scored([[0, 1, 1]], [[0, 1, 0]]).to_json(), allow_nan=False))
    assert described["classes"][2] == {
        "name": "car", "iou": None, "accuracy": None, "dice": None, "pixels_labelled": 0, "pixels_predicted": 0,
    }  # fmt: skip
    assert described["classes"][1] == {
        "name": "road", "iou": 0.5, "accuracy": 1.0, "dice": pytest.approx(2 / 3), "pixels_labelled": 1,
        "pixels_predicted": 2,
    }  # fmt: skip
    assert described["miou"] == 0.5
    assert described["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"confusion": [[1, 2], [3]]}, OptionError),
        ({"confusion": [[1]]}, OptionError),
        ({"confusion": [[0.5] * 3] * 3}, OptionError),
        ({"confusion": [[-1] * 3] * 3}, OptionError),
        ({"void": 1}, OptionError),
        ({"legend": {"names": []}}, LegendError),
    ],
)
def test_json_of_no_score_is_refused(change, error):
    with pytest.raises(error):
        Score.from_json(Score(TINY).to_json() | change)


@pytest.mark.parametrize("described", [None, [], {}, {"legend": TINY.to_json(), "void": None}])
def test_json_that_lacks_fields_is_refused(described):
    with pytest.raises(OptionError) as caught:
        Score.from_json(described)
    assert caught.value.where == "score"
    assert caught.value.expected.startswith("legend, void, confusion")


def test_table_is_text_a_row_a_class():
    heads, *rows = scored([[0, 1, 1]], [[0, 1, 0]]).table()
    assert heads == ("class", "IoU", "accuracy", "Dice", "pixels labelled", "pixels predicted")
    assert rows == [
        ("sky", "50.00%", "50.00%", "66.67%", "2", "1"),
        ("road", "50.00%", "100.00%", "66.67%", "1", "2"),
        ("car", "-", "-", "-", "0", "0"),
    ]
    assert as_percent(0.5) == "50.00%"


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.slow
def test_evaluation_merged_over_ranks_is_that_of_one_process_to_the_last_pixel(voc_folder, world):
    source = scan(voc_folder, "train")  # 5 samples, in batches of 6: the last rank has padding only
    assert len(source) % world

    def evaluate(rank, of, batch_size):
        score = Score(source.legend)
        plan = Plan.exact(source.sizes, batch_size, shard=Shard(rank, of))
        for batch in Loader(source, plan, format=BatchFormat(void=-100, label_dtype="int64"), threads=0):
            predictions = (np.abs(batch.images[..., 0]) * 37).astype(np.int64) % 21  # some function of the pixels alone
            score.update(predictions, batch.labels)
        return score

    alone = evaluate(0, 1, 2)
    for batch_size in (world, 6):
        parts = [evaluate(rank, world, batch_size) for rank in range(world)]
        merged = Score(source.legend)
        for part in parts:
            merged.merge(part)
        np.testing.assert_array_equal(merged.confusion, alone.confusion)
    void = sum(int((source.read(n).labels == 255).sum()) for n in range(len(source)))
    assert alone.pixels == int(source.sizes.astype(np.int64).prod(axis=1).sum()) - void


@pytest.mark.slow
def test_a_confusion_matrix_of_gigabytes_is_refused():
    with pytest.raises(OptionError) as caught:
        Score(Legend(tuple(f"class {n}" for n in range(20_000))))
    assert caught.value.found == "20,000 classes, whose confusion matrix takes 3.2 GB"


@pytest.mark.parametrize("shape", [(2, 3, 0), (2, 0, 4), (0, 3, 4)])
def test_no_pixels_count_nothing(shape):
    score = Score(Legend(("ground", "cat")))
    score.update(np.zeros((shape[0], 2, *shape[1:]), np.float32), np.zeros(shape, np.uint8))
    score.update(np.zeros((*shape, 2), np.float32), np.zeros(shape, np.uint8), axis=-1)
    assert score.pixels == 0
