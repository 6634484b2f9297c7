# Python 3.11 or newer and make are all this needs. `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The demo: where the page is served, and a Redis or database to use instead of its own.
PORT ?= 8000
REDIS_URL ?=
DATABASE_URL ?=

# A long chaos run; without a seed it takes one at random, and prints it.
RUNS ?= 10000
FAULTS ?= 20
SEED ?=

# More for pytest, e.g. ARGS="-k upload -x".
ARGS ?=

# How many processes run tests; most of them wait.
PROCESSES ?= 5

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: $(VENV)/.dev ## Make .venv with everything that development needs

demo: export PORT := $(PORT)
demo: export REDIS_URL := $(REDIS_URL)
demo: export DATABASE_URL := $(DATABASE_URL)
demo: $(VENV)/.demo ## Try it: a page with live tasks (PORT=8000, REDIS_URL=, DATABASE_URL=)
	@exec $(BIN)/python -m sample_app.demo --end-with-parent

# Where Python was told to write no compiled files, each process would compile the tests anew.
test: $(VENV)/.dev ## Run all tests (ARGS= for pytest)
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: $(VENV)/.dev ## Let faults strike thousands of runs (RUNS=10000 FAULTS=20 SEED=)
	$(BIN)/python -m tests.faults.chaos --runs $(RUNS) --faults $(FAULTS) $(if $(SEED),--seed $(SEED))

lint: $(VENV)/.dev ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev ## Apply the formatter and the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

layers: $(VENV)/.dev ## Check that imports only go downward
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.dev ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/.dev ## Measure what the documentation promises
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

matrix: $(VENV)/.dev ## Run the version matrix, with the Python versions that are installed
	$(BIN)/nox

clean: ## Remove everything that was built, .venv included
	rm -rf $(VENV) .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are newer than pyproject.toml when the environment is up to date. What the demo needs is part of what
# development needs, so `make test` after `make demo` only adds to it.
$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: make PYTHON=python3.12 …' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.venv
	@echo 'Installing what the demo needs …'
	$(BIN)/python -m pip install --quiet -e '.[demo]'
	@$(BIN)/python -m compileall -q strawberry_tasks sample_app
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.venv
	@echo 'Installing what development needs …'
	$(BIN)/python -m pip install --quiet -e '.[demo]' --group dev
	@$(BIN)/python -m compileall -q strawberry_tasks sample_app
	@touch $@ $(VENV)/.demo

.PHONY: help setup demo test chaos lint format types layers docs bench matrix clean
