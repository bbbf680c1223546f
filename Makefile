# Everything runs in .venv, which these targets make themselves. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check docs bench clean

demo: .venv/installed  ## the embedded sample, from nothing to batches and three pictures in demo/
	$(BIN)/segfeed demo --to demo --force

test: .venv/dev  ## the whole test suite, doctests included
	$(BIN)/python -m pytest

check: .venv/dev  ## format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

docs: .venv/dev  ## draw the pictures of README and docs/ again
	$(BIN)/python docs/draw_pictures.py

bench: .venv/installed  ## segfeed beside its peers on the same files: a table and a chart in benchmarks/results/
	$(BIN)/python benchmarks/run.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "segfeed needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv/installed $@

clean:  ## remove what make made
	rm -rf .venv .venv-bench demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
