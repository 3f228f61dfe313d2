# Everything a person or CI does here. Needs Python 3.11+ with venv, make, and the package registries; no root, no Docker.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Compiled once at install: a run worker starts in half the time. Some machines forbid it by environment.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo up test test-slow lint types bench lock docs clean

install: $(STAMP)  ## the virtual environment, exactly as locked

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)  ## the whole story on a running stack of its own
	$(BIN)/atomctl demo

up: $(STAMP)  ## the embedded stack, until Ctrl-C
	$(BIN)/atomctl up

test: $(STAMP)  ## every test, on real servers
	$(BIN)/python -m pytest

test-slow: $(STAMP)  ## the long versions of the fuzz and load tests
	$(BIN)/python -m pytest -m slow

lint: $(STAMP)  ## style, and the arrows between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

bench: $(STAMP)  ## speed and memory, as ratios measured in one run
	$(BIN)/python -m benchmarks

lock: $(STAMP)  ## resolve anew; commit the result
	$(BIN)/uv pip compile --quiet pyproject.toml --group dev --generate-hashes --no-annotate --no-header \
		--python-version 3.11 --upgrade --output-file requirements.lock

docs: $(STAMP)  ## regenerate the pages that are made from code
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis
