# Everything runs in .venv, which these targets make themselves. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
SECONDS ?= 60
BIN := .venv/bin
# The tests of a file share what their fixtures made, so each file stays with one process, in the order of conftest.py.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# What Python and pytest compile is kept: nearly every test that starts a process would compile the package again.
unexport PYTHONDONTWRITEBYTECODE
# No framework, no injected faults, no test that is marked slow.
FAST := -m "not slow" --ignore=tests/faults --ignore=tests/frameworks --ignore=src/segfeed/frameworks

.PHONY: demo test test-fast test-pythons check train does-it-help trainers faults fuzz mutants docs pictures bench bench-augmented \
	bench-gpu clean

demo: .venv/installed  ## the embedded sample, from nothing to batches and three pictures in demo/
	$(BIN)/segfeed demo --to demo --force

test: .venv/dev  ## the whole test suite, doctests included, and which ten tests were the slowest
	$(PYTEST) --durations=10

test-fast: .venv/test  ## most of the tests, in under a minute, with the extra [test] alone
	$(PYTEST) $(FAST)

test-pythons:  ## `make test-fast` with each Python from 3.12 on that is installed, in a .venv-3.x of its own
	@for version in 3.12 3.13 3.14; do \
		python=$$(command -v python$$version) && $$python -c '' 2>/dev/null || { echo "no Python $$version"; continue; }; \
		$$python -m venv .venv-$$version && \
		.venv-$$version/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' && \
		$(subst $(BIN),.venv-$$version/bin,$(PYTEST)) $(FAST) || exit 1; \
	done

check: .venv/dev  ## format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) --durations=10

train: .venv/dev  ## the PyTorch example, trained whole on the embedded sample: four to five minutes on 2 cores
	$(BIN)/python examples/fcn_torch.py sample --to train-run --resume

does-it-help: .venv/dev  ## train on 16 pairs with and without augmentation, 300 steps, three seeds
	$(BIN)/python examples/does_it_help.py sample

faults: .venv/dev  ## every fault at every place: kills, full disks, lost writes, races, damaged files
	SEGFEED_EXHAUSTIVE=1 $(BIN)/python -m pytest tests/faults

fuzz: .venv/dev  ## fuzz every parser for SECONDS each, and whole commands for ten times that (Linux)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	cd tests && ../$(BIN)/python -m fuzz --seconds $(SECONDS)
	cd tests && ../$(BIN)/python -m fuzz.commands --seconds $$((10 * $(SECONDS)))

mutants: .venv/dev  ## break the code on purpose, one promise at a time: a test must fail
	$(BIN)/python tests/mutants.py

trainers: .venv/dev  ## the pages about trainers, trackers and augmentation, with what is too heavy for [dev]
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[trainers]'
	$(BIN)/python -m pytest tests/test_pages.py tests/scoring/test_trackers.py tests/batches/test_transforming.py \
		tests/frameworks/test_trainers.py \
		-k "trainers or trackers or augmenting or transforming"

docs: .venv/docs  ## build the documentation into site/: open site/index.html; it needs no server and no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

pictures: .venv/dev  ## paint the pictures that README and the pages show from docs/pictures again
	$(BIN)/python docs/paint_pictures.py

bench: .venv/installed  ## segfeed beside its peers on the same files: a table and a chart in benchmarks/results/
	$(BIN)/python benchmarks/run.py

bench-augmented: .venv/installed  ## the same with augmentation, in benchmarks/results/augmented/
	$(BIN)/python benchmarks/run.py --rows augmented --skip-costs

bench-gpu: .venv/dev  ## training on a CUDA device beside torchvision's DataLoader: how long it waits for data
	$(BIN)/python benchmarks/gpu.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "segfeed needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch .venv/installed $@

.venv/docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch .venv/installed $@

.venv/dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv/installed .venv/test $@

clean:  ## remove what make made
	rm -rf .venv .venv-* demo site train-run .mypy_cache .pytest_cache .ruff_cache .hypothesis
