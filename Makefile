# Everything a person types. `make` alone lists it.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8501
# Two at a time on two cores; more than four would want more memory than machines have to spare.
PYTEST := $(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run install check format test test-quick chromium screenshots clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(VENV)/.installed ## install what is needed and start the dashboard on 127.0.0.1:8501
	@echo "Aurora Dash is at http://127.0.0.1:$(PORT) (Ctrl-C stops it, and a training run with a checkpoint)"
	@$(BIN)/python -m streamlit run app.py --server.port $(PORT)

install: $(VENV)/.installed ## create the environment without starting anything

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Aurora Dash needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Say which to use: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing (torch with CUDA is most of about 6 GB; two minutes on a fast line, once) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing with the tools for tests (once) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

check: $(VENV)/.installed-dev ## lint, format check, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(VENV)/.installed-dev ## format the code and fix what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chromium: $(VENV)/.installed-dev
	@bash .ci/chromium $(BIN)/python

test: check chromium ## all checks and all tests, real browser included
	$(PYTEST)

test-quick: check ## all checks and the tests that take seconds
	$(PYTEST) -m "not slow and not browser"

screenshots: chromium ## make the README's pictures anew, with the browser test
	AURORA_DASH_SCREENSHOTS=1 $(BIN)/python -m pytest -q tests/browser/test_guided_path.py -k demo

clean: ## remove the environment and caches (never the runs)
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
