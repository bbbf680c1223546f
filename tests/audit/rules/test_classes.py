"""Rules of classes: which occur where, and whether the legend fits."""

import numpy as np
import pytest

from little_voc import CLASSES, COLOURS, audit, make_voc, only, put_mask, rules, some_labels
from segfeed.pixels.legend import Legend

KEYS = list("abcdef")


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": KEYS, "val": ["v", "w"]})


def without(number: int) -> np.ndarray:
    labels = some_labels()
    labels[labels == number] = 0
    return labels


def put_gray(root, keys, labels):
    for key in keys:
        put_mask(root, key, labels.astype(np.uint8), None)


def test_a_class_that_never_occurs_is_a_warning(root):
    for key in (*KEYS, "v", "w"):
        put_mask(root, key, without(2))
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.split) == ("warning", "class-never-occurs", "")
    assert finding.found == "1 of 3 classes never occur: dog"


@pytest.mark.slow
def test_a_class_that_is_scored_but_not_trained_is_a_warning(root):
    for key in KEYS:
        put_mask(root, key, without(1))
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.split) == ("warning", "class-not-trained", "val")
    assert finding.found.startswith("cat in 'val'")


def test_a_class_that_is_trained_but_not_scored_is_a_note(root):
    for key in "vw":
        put_mask(root, key, without(1))
    assert rules(audit(root)) == [("note", "class-not-scored", "")]


def test_splits_that_are_all_empty_are_a_warning(root):
    for key in KEYS[:4]:
        put_mask(root, key, np.zeros((48, 64), np.uint8))
    found = audit(root)
    assert rules(found)[0] == ("warning", "masks-mostly-empty", "")
    assert found.findings[0].found == "4 of 6 masks are all void or all background"
    assert found.findings[0].also == tuple(("train", key) for key in KEYS[:4])


def test_indices_from_1_to_the_number_of_classes_are_off_by_one(root):
    labels = some_labels()
    put_gray(root, (*KEYS, "v", "w"), np.where(labels == 255, 255, labels + 1))
    (finding,) = (finding for finding in audit(root) if finding.rule == "legend-off-by-one")
    assert finding.severity == "error"
    assert finding.found == "all 8 masks hold indices 1 to 3, and 0, which is 'background', never occurs"
    assert finding.expected == "0 to 2, as the legend has 3 classes"


@pytest.mark.slow
def test_one_index_too_many_is_off_by_one(root):
    labels = some_labels()
    labels[0, :5] = 3
    put_gray(root, (*KEYS, "v", "w"), labels)
    (finding,) = (finding for finding in audit(root) if finding.rule == "legend-off-by-one")
    assert finding.severity == "error"
    assert finding.found == "all 8 masks hold indices 0 to 3, one more than the legend's 3 classes"


@pytest.mark.slow
def test_indices_that_never_are_0_are_suspicious(root):
    put_gray(root, (*KEYS, "v", "w"), np.where(some_labels() == 0, 1, some_labels()))
    found = audit(root)
    assert rules(found) == [("warning", "class-never-occurs", ""), ("warning", "legend-off-by-one", "")]
    assert "0, which is 'background', never occurs" in found.findings[1].found


def test_a_legend_with_indices_of_its_own_is_believed(root):
    labels = some_labels()
    put_gray(root, (*KEYS, "v", "w"), np.where(labels == 255, 255, labels + 1))
    legend = Legend(CLASSES, tuple(map(tuple, COLOURS[:3])), indices=(1, 2, 3))
    assert list(audit(root, legend=legend)) == []
