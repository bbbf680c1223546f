"""Made splits: a hash of few groups is named by scan, load and check if it is far from what was asked for."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.audit.checking import check
from segfeed.datasets.doubts.split_shares import RULE
from segfeed.datasets.made_splits import doubt_splits
from segfeed.datasets.opening import open_dataset
from segfeed.datasets.overview import describe
from segfeed.datasets.splits import SplitTerm
from segfeed.errors import EmptySplitError

PLACES = 'photos = "{key}/photo.png"\nmasks = "{key}/mask.png"\n[classes]\n0 = "ground"\n1 = "crack"\n[splits]\n'
GROUP = 'group = "{folder}"\n'
ASKED = "hash = { train = 80, val = 20 }\n"


def write(root: Path, patients: list[str], slides: int = 3, rules: str = ASKED + GROUP) -> Path:
    """Write slides of patients; each patient has a value of its own in the corner, which is a class."""
    for number, patient in enumerate(patients):
        for slide in range(slides):
            folder = root / patient / f"slide{slide}"
            folder.mkdir(parents=True)
            mask = np.arange(24, dtype=np.uint8).reshape(4, 6) % 2
            mask[0, 0] = 2 + number
            Image.fromarray(np.full((4, 6, 3), 30 * slide, np.uint8)).save(folder / "photo.png")
            Image.fromarray(mask).save(folder / "mask.png")
    owns = "".join(f'{2 + number} = "mark {number}"\n' for number in range(len(patients)))
    (root / "segfeed.toml").write_text(PLACES.replace("[splits]", f"{owns}[splits]") + rules)
    return root


@pytest.fixture
def root(tmp_path) -> Path:
    """Five patients, of which the hash puts two into val."""
    return write(tmp_path / "clinic", ["patient_03", "patient_07", "patient_11", "patient_16", "patient_20"])


def reset(root: Path, rules: str) -> None:
    """Let a description say other splits."""
    described, _, _ = (root / "segfeed.toml").read_text().partition("[splits]")
    (root / "segfeed.toml").write_text(f"{described}[splits]\n{rules}")


def rules_of(root: Path) -> set[str]:
    return {doubt.rule for split in describe(root).splits for doubt in split.doubts}


@pytest.mark.parametrize("rules", [ASKED + GROUP, GROUP])
def test_scan_load_and_check_name_a_split_that_is_far_from_its_share(root, tmp_path, caplog, rules):
    reset(root, rules)
    with caplog.at_level(logging.WARNING, "segfeed"):
        segfeed.scan(root, "val")
    (finding,) = (one for one in check(root) if one.rule == RULE)
    (doubt,) = (doubt for split in describe(root).splits for doubt in split.doubts if doubt.rule == RULE)
    notes = segfeed.load(root, 1, (2, 2), cache_dir=tmp_path / "cache").notes
    for said in (finding.found, doubt.found, caplog.text, *(note for note in notes if "asked for" in note)):
        assert "'val' holds 6 of 15 samples and 2 of 5 groups (40 %)" in said
    assert sum("asked for" in note for note in notes) == 1


def test_the_remedy_ends_the_doubt_though_each_patient_has_a_value_of_its_own(root):
    (finding,) = (one for one in check(root) if one.rule == RULE)
    assert "add stratify = true under [splits]" in finding.remedy
    reset(root, ASKED + GROUP + "stratify = true\n")
    assert RULE not in rules_of(root) | {one.rule for one in check(root)}
    assert len(segfeed.scan(root, "val")) == 3


def test_shares_that_groups_do_not_allow_are_named_with_those_that_they_do(tmp_path):
    root = write(tmp_path / "few", ["a", "b", "c"], rules=ASKED + GROUP + "stratify = true\n")
    (finding,) = (one for one in check(root) if one.rule == RULE)
    assert finding.found == "'val' holds 3 of 9 samples and 1 of 3 groups (33.3 %)"
    (line,) = re.findall(r"hash = \{[^}]*\}", finding.remedy)
    reset(root, f"{line}\n{GROUP}stratify = true\n")
    assert RULE not in rules_of(root)


def test_a_split_that_gets_nothing_is_named(tmp_path):
    root = write(tmp_path / "two", ["a", "c"], rules=ASKED + GROUP)
    (doubt,) = doubt_splits(open_dataset(root), ["train", "val"])
    assert doubt.found == "'val' holds 0 of 6 samples and 0 of 2 groups (0 %)"
    with pytest.raises(EmptySplitError) as error:
        segfeed.load(root, 1, (2, 2), pack=False)
    assert "add stratify = true" in error.value.remedy


def test_a_fold_of_few_groups_is_named_once_and_only_if_it_is_far_off(root):
    reset(root, GROUP)
    dataset = open_dataset(root)
    source = dataset.scan("all")
    sizes = [len(SplitTerm("all", fold=(fold, 5)).choose(source.keys, source.groups)) for fold in range(5)]
    doubts = [doubt_splits(dataset, [f"all[fold!={fold}/5]", f"all[fold={fold}/5]"]) for fold in range(5)]
    assert [len(said) for said in doubts] == [size != 3 for size in sizes]
    far = [(fold, one.found) for fold, said in enumerate(doubts) for one in said]
    assert far
    for fold, found in far:
        groups = f"{sizes[fold] // 3} of 5 groups"
        assert found.startswith(f"'all[fold={fold}/5]' holds {sizes[fold]} of 15 samples and {groups}")
    reset(root, GROUP + "stratify = true\n")
    assert not doubt_splits(open_dataset(root), [f"all[fold={fold}/5]" for fold in range(5)])


@pytest.mark.parametrize("rules", ["", 'lists = { train = "a.txt", val = "b.txt" }\n'])
def test_nothing_is_said_of_splits_of_which_no_share_was_asked_for(root, rules):
    dataset = open_dataset(root)
    keys = dataset.scan("all").keys
    (root / "a.txt").write_text("\n".join(keys[:14]))
    (root / "b.txt").write_text(keys[14])
    reset(root, rules)
    assert RULE not in rules_of(root)


def test_what_is_not_read_raises_no_doubt(root):
    assert RULE not in {doubt.rule for doubt in doubt_splits(open_dataset(root), ["all"])}
