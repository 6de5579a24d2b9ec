# Needs Python >= 3.11 with venv, and make; everything else comes hash-pinned from the lock files.
PYTHON ?= python3
# Two cores run the suite in about half the time; WORKERS=0 runs it in one process, which a debugger likes.
WORKERS ?= 2
# Passed on to pytest: make test ARGS="-k ladder"
ARGS ?=
UV ?= uv

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The locks are complete, so pip need not resolve; wheels only, so no compiler is ever asked for.
LOCKED := install --require-hashes --no-deps --only-binary :all:
OWN := install --no-deps --no-index --no-build-isolation --editable .

.PHONY: help demo test simulate check format bench reliability docs picture lock clean
.DEFAULT_GOAL := help

help: ## say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/.runtime ## one incident's whole life, on a throw-away home and loopback only
	$(BIN)/tocsin demo

test: $(VENV)/.dev ## the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term $(ARGS)

simulate: $(VENV)/.dev ## 20,000 fates of the simulator, and every planted bug; about half an hour on two cores
	$(BIN)/python -m tests.simulation --seeds 20000 --jobs $(WORKERS) $(ARGS)
	$(BIN)/python -m tests.simulation --planted --jobs $(WORKERS)

check: $(VENV)/.dev ## style, types, directions of imports, links in the docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tools.check_links

format: $(VENV)/.dev ## bring the code into the project's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## the benchmarks; each prints one JSON object per line
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.timers
	$(BIN)/python -m benchmarks.restart
	$(BIN)/python -m benchmarks.footprint

reliability: $(VENV)/.dev ## break it on purpose, write docs/reliability.md from what was seen (ARGS=--quick)
	$(BIN)/python -m reliability $(ARGS)

docs: $(VENV)/.dev ## the pages that are drawn from the code: the command line, the life of an incident
	$(BIN)/python -m tocsin.cli.reference > docs/cli.md
	$(BIN)/python -m tools.draw_lifecycle

picture: $(VENV)/.dev ## the pictures of the incident page, taken in the middle of the demo (needs Chromium)
	$(BIN)/python -m tools.picture

lock: ## write the lock files anew (needs uv)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate pyproject.toml --group build --output-file requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate pyproject.toml --group build --group dev --constraints requirements.lock \
	  --output-file requirements-dev.lock

clean: ## remove the virtual environment and what the tools left behind
	rm -rf $(VENV) .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# A stamp is touched only when its step went through, so a broken start is made anew by the next run.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tocsin needs Python 3.11 or newer; this is %s. Name another with: make PYTHON=python3.12 …" % sys.version.split()[0] or 0)'
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements.lock pyproject.toml
	$(PIP) $(LOCKED) --requirement requirements.lock
	$(PIP) $(OWN)
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(PIP) $(LOCKED) --requirement requirements-dev.lock
	@touch $@
