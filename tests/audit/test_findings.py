"""Findings: what they say, and that nothing is lost on the way to JSON."""

import json

from segfeed.audit.findings import Audit, Checked, Finding
from segfeed.errors import MaskError

FINDING = Finding(
    "error", "mask-jpeg", "train", "a", "masks/a.jpg", "a JPEG", "a PNG", "export again", (1, 2, 3, 4), (("val", "b"),)
)
WARNING = Finding("warning", "class-never-occurs", "", "", "", "no cat", "cats", "look")


def test_a_finding_is_one_sentence_that_names_sample_and_file():
    assert str(FINDING) == "train a (masks/a.jpg): a JPEG; expected a PNG; export again."
    assert str(WARNING) == "dataset: no cat; expected cats; look."
    listed = Finding("error", "list-malformed", "", "", "lists/a.txt", "empty", "ids", "fill it")
    assert str(listed) == "lists/a.txt: empty; expected ids; fill it."


def test_json_holds_every_field():
    assert json.loads(json.dumps(FINDING.to_json())) == {
        "severity": "error",
        "rule": "mask-jpeg",
        "split": "train",
        "key": "a",
        "file": "masks/a.jpg",
        "found": "a JPEG",
        "expected": "a PNG",
        "remedy": "export again",
        "box": [1, 2, 3, 4],
        "also": [{"split": "val", "key": "b"}],
    }
    assert WARNING.to_json()["box"] is None


def test_an_audit_counts_pairs_splits_and_findings():
    splits = (Checked("train", ("a", "b"), ("c",), ("a", "c")), Checked("val", (), readable=False))
    audit = Audit("pets", "/pets", "voc", (FINDING, WARNING), splits, 2)
    assert list(audit) == [FINDING, WARNING]
    assert len(audit) == 2
    assert audit.count() == {"error": 1, "warning": 1, "note": 0}
    described = json.loads(json.dumps(audit.to_json()))
    assert described["pairs"] == 2
    assert described["splits"] == [
        {"split": "train", "readable": True, "listed": 3, "checked": 2, "broken": ["a", "c"]},
        {"split": "val", "readable": False, "listed": 0, "checked": 0, "broken": []},
    ]
    assert described["findings"] == [FINDING.to_json(), WARNING.to_json()]
    assert described["counts"] == {"error": 1, "warning": 1, "note": 0}


def test_a_finding_of_an_error_has_its_fields_as_they_are():
    error = MaskError("a: b.png", found="id 'x; y'; expected nothing", expected="", remedy="rename it: a; b")
    finding = Finding.of(error, "error", "mask-x", "train", "a", "masks/a: b.png", (("val", "a"),))
    assert (finding.found, finding.expected, finding.remedy) == (error.found, "", error.remedy)
    assert (finding.split, finding.key, finding.file, finding.also) == (
        "train", "a", "masks/a: b.png", (("val", "a"),)
    )  # fmt: skip
    assert str(finding) == "train a (masks/a: b.png): id 'x; y'; expected nothing; rename it: a; b."
