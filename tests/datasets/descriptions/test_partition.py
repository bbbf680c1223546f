"""Partition: groups stay whole, shares are kept, and one sample more moves no other one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.datasets.descriptions.partition import balance, find_words, share_out
from segfeed.datasets.matching.lists import split_by_hash
from segfeed.datasets.matching.split_rule import KeyRule
from segfeed.errors import ListError

NAMES = [f"video{n}" for n in range(1000)]
SHARES = {"train": 70, "val": 20, "test": 10}


def test_shares_are_kept_about_and_their_order_means_nothing():
    found = share_out(NAMES, SHARES)
    counts = {split: sum(one == split for one in found.values()) for split in SHARES}
    assert sum(counts.values()) == 1000
    assert all(abs(counts[split] / 10 - share) < 4 for split, share in SHARES.items())
    assert share_out(NAMES, dict(reversed(SHARES.items()))) == found


def test_groups_that_are_added_move_no_others():
    few, many = share_out(NAMES[:10], SHARES), share_out(NAMES, SHARES)
    assert few.items() <= many.items()


def test_a_fifth_is_what_is_val_without_any_rule(tmp_path):
    found = share_out(NAMES, {"train": 80, "val": 20})
    assert tuple(name for name in NAMES if found[name] == "val") == split_by_hash(NAMES, "val", tmp_path)


def test_more_of_train_only_shrinks_the_others():
    less, more = share_out(NAMES, {"train": 70, "val": 30}), share_out(NAMES, {"train": 90, "val": 10})
    assert {name for name in NAMES if more[name] == "val"} < {name for name in NAMES if less[name] == "val"}


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.lists(st.frozensets(st.integers(0, 4), max_size=3), min_size=1, max_size=4),
        min_size=1,
        max_size=40,
    )
)
@pytest.mark.slow
def test_balanced_splits_hold_every_group_once_whatever_their_order(values):
    found = balance(values, SHARES)
    assert found.keys() == values.keys()
    assert set(found.values()) <= SHARES.keys()
    assert balance(dict(reversed(values.items())), SHARES) == found


def test_balanced_splits_share_out_what_is_rare():
    values = {f"g{n}": [frozenset({0, 1 + (n % 20 == 0)})] * 2 for n in range(200)}
    found = balance(values, {"train": 80, "val": 20})
    assert sum(split == "val" for split in found.values()) == 40
    assert sum(found[f"g{n}"] == "val" for n in range(0, 200, 20)) == 2


@pytest.mark.parametrize("groups", [5, 10, 20])
def test_values_of_one_group_alone_leave_no_split_empty(groups):
    values = {f"patient{n}": [frozenset({0, 100 + n})] * 3 for n in range(groups)}
    found = balance(values, {"train": 80, "val": 20})
    assert 5 * sum(split == "val" for split in found.values()) == groups


@given(st.lists(st.integers(1, 20), min_size=8, max_size=40), st.randoms(use_true_random=False))
@pytest.mark.slow
def test_a_balanced_split_is_off_by_one_group_at_most(sizes, random):
    values = {f"g{n}": [frozenset({random.randrange(4), 100 + n}) for _ in range(size)] for n, size in enumerate(sizes)}
    found = balance(values, {"train": 80, "val": 20})
    in_val = sum(size for n, size in enumerate(sizes) if found[f"g{n}"] == "val")
    assert abs(in_val - sum(sizes) / 5) <= max(sizes)


def test_one_large_group_is_not_cut():
    found = balance({"big": [frozenset({0})] * 90, **{f"s{n}": [frozenset({0})] for n in range(10)}}, SHARES)
    assert [name for name, split in found.items() if split == "train"] == ["big"]


@pytest.mark.parametrize("spelled", ["{}", "{}.png", "images/{}.jpg"])
def test_a_table_may_name_the_sample_its_file_or_its_path(tmp_path, spelled):
    lines = "".join(f"{spelled.format(key)}, {group}\n" for key, group in (("a.1", "p1"), ("b", "p2")))
    (tmp_path / "g.csv").write_text(f"\ufeffkey,who\n{lines}", encoding="utf-8")
    rule = KeyRule(file="g.csv", key_column="key", column="who")
    assert find_words(tmp_path, rule, ["a.1", "b"], "x", "group") == {"a.1": "p1", "b": "p2"}


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", " ; "])
def test_the_header_says_what_parts_the_columns(tmp_path, mark):
    rows = (("no", "key", "who"), ("1", "a", "p1"), ("2", "b, too", "p2"))
    text = "".join(mark.join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)
    (tmp_path / "g.csv").write_bytes(text.encode())
    rule = KeyRule(file="g.csv", key_column="key", column="who")
    if mark == " ; ":
        (tmp_path / "g.csv").write_text("no ; key ; who\n1 ; a ; p1\n2 ; b, too ; p2\n")
    assert find_words(tmp_path, rule, ["a", "b, too"], "x", "group") == {"a": "p1", "b, too": "p2"}


def test_a_table_may_have_tabs(tmp_path):
    (tmp_path / "g.tsv").write_text("key\twho\na\tp1\n")
    assert find_words(tmp_path, KeyRule(file="g.tsv", key_column="key", column="who"), ["a"], "x", "group") == {
        "a": "p1"
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("key,other\na,1\n", "no column 'who'"),
        ("key,who\na,\n", "line 2: sample 'a' has no group"),
        ("key,who\na\n", "line 2: sample 'a' has no group"),
        ("key;other\na;1\n", "no column 'key'; it has 'key;other'"),
        ("", "no line"),
        ('key,who\n"a' + "x" * 200_000, "it is not a table"),
        ("key,who\na,1\na,2\n", "line 3: sample 'a' has group '2' and group '1'"),
        ("key,who\nb,1\n", "no line for 1 of 1 samples, the first is 'a'"),
    ],
)
def test_a_table_that_does_not_say_it_is_refused(tmp_path, text, found):
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(ListError) as caught:
        find_words(tmp_path, KeyRule(file="g.csv", key_column="key", column="who"), ["a"], "x", "group")
    assert caught.value.where == str(tmp_path / "g.csv")
    assert found in caught.value.found


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ListError) as caught:
        find_words(tmp_path, KeyRule(file="g.csv", key_column="key", column="who"), ["a"], "x", "group")
    assert caught.value.where == str(tmp_path / "g.csv")


def test_a_table_may_be_written_by_another_system(tmp_path):
    rule = KeyRule(file="g.csv", key_column="key", column="who")
    (tmp_path / "g.csv").write_bytes("key,who\r\nimg\\a.jpg,p1\r\nimg\\a.jpg,p1\r\nother,p3\r\n".encode("utf-16"))
    assert find_words(tmp_path, rule, ["a"], "x", "group") == {"a": "p1"}
    assert find_words(tmp_path, rule, ["img/a"], "x", "group") == {"img/a": "p1"}


def test_zeros_that_a_spreadsheet_dropped_are_told(tmp_path):
    (tmp_path / "g.csv").write_text("key,who\n1,p1\n")
    with pytest.raises(ListError) as caught:
        find_words(tmp_path, KeyRule(file="g.csv", key_column="key", column="who"), ["0001"], "x", "group")
    assert caught.value.remedy.startswith("it has '1': save that column as text")


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "g.csv").write_text("key,key,who\na,b,p1\n")
    with pytest.raises(ListError) as caught:
        find_words(tmp_path, KeyRule(file="g.csv", key_column="key", column="who"), ["a"], "x", "group")
    assert caught.value.found == "two columns 'key'"
