"""Showing: names in a line of text, and the functions that answer."""

import importlib

import pytest

import segfeed  # noqa: F401 - it says who answers
from segfeed.system.showing import ANSWERS, brief, counted


@pytest.mark.parametrize("word", ["html", "batch"])
def test_what_answers_is_there(word):
    module, _, name = ANSWERS[word].rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_brief_names_are_at_most_as_long_as_was_asked():
    for most in (1, 2, 9, 60):
        for length in (0, 1, 8, 9, 10, 200):
            assert len(brief("n" * length, most)) == min(length, most)


def test_numbers_agree_with_their_nouns():
    assert [counted(n, "batch", "batches") for n in (0, 1, 1464)] == ["0 batches", "1 batch", "1,464 batches"]
