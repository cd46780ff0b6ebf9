# The commands of a working day. Each sets up .venv itself, once: `make demo` on a bare machine just works.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos check bench format constraints clean

# The oldest version first: it is the one the constraints were made for, and has every wheel.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list the commands
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: $(STAMP) ## make .venv with everything in it (the others do it themselves)

demo: $(STAMP) ## the whole path on embedded Kafka and Redis: train, stream, look up
	@$(BIN)/millrace demo $(ARGS)

# Without ARGS two tests at a time, each process with its own services: much of a test's time is waiting.
# The tests start some hundreds of processes on few cores: their bytecode is kept, each has one thread, and where a test
# wants two, these sleep while they wait for each other (spinning, they took ten times as long beside other processes).
test: $(STAMP) ## every test, with a real Kafka and a real Redis
	@env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive \
		$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist worksteal)

chaos: $(STAMP) ## faults of every kind under load for 15 to 20 minutes, then the oracle; SEED=n repeats one
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(ARGS)

check: $(STAMP) ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## measure training, streaming, lookup and index on this machine
	@for what in index train stream swap lookup; do $(BIN)/millrace bench $$what $(ARGS); done

format: $(STAMP) ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: $(STAMP) ## resolve constraints.txt anew, to the newest versions
	@.ci/resolve-constraints $(BIN)

clean: ## remove .venv and what the checks left behind
	rm -rf $(VENV) build *.egg-info .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt .ci/set-up-venv
	@if [ -z "$(PYTHON)" ]; then echo "make: no Python 3.11 or newer with venv found; on Debian: apt-get install python3.11-venv," \
		"or name one: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@.ci/set-up-venv "$(PYTHON)" $(VENV)
	@touch $@
