"""Mutants: the code that each of them breaks is still there, and so are the tests that must fail."""

from pathlib import Path

import pytest

import mutants


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.what)
def test_the_code_and_the_tests_of_a_mutant_are_there(mutant):
    text = (mutants.REPOSITORY / "src/segfeed" / f"{mutant.module}.py").read_text()
    assert mutant.old in text
    assert mutant.old != mutant.new
    paths = [Path(mutants.REPOSITORY, word.partition("::")[0]) for word in mutant.tests.split() if ".py" in word]
    assert paths
    assert all(path.is_file() for path in paths)
