# Inspector. `make demo` on a bare machine sets up all it needs; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
# Set-up writes to stderr and recipes are not echoed: the last line of `make demo` is the picture's path, alone.

VENV := .venv
PY := $(VENV)/bin/python

.PHONY: help
help: ## list these commands
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

.PHONY: demo
demo: ready-run ## open the bundled dataset; with no display, draw the window and print the picture's path
	@exec $(PY) -m inspector demo

.PHONY: test
test: ready-dev lint-only ## lint, types, import contracts and all tests
	@failed=0; \
	$(PY) -m pytest -q -n 2 --dist loadfile tests/unit tests/gui || failed=1; \
	$(PY) -m pytest -q tests/e2e || failed=1; \
	exit $$failed

.PHONY: lint
lint: ready-dev lint-only ## ruff, mypy --strict and the import contracts

.PHONY: bench
bench: ready-dev ## the measurements in tests/bench
	@packaging/system-deps.sh bench
	@$(PY) -m pytest -q -s -o faulthandler_timeout=900 tests/bench

.PHONY: wheel
wheel: ready-dev ## wheel and source archive, into dist/
	@$(PY) -m hatchling build -d dist

.PHONY: clean
clean: ## remove the environment, built files and caches
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find inspector tests packaging -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: ready-run ready-dev lint-only
ready-run:
	@packaging/system-deps.sh runtime 'sound?'
	@packaging/python-env.sh $(VENV) run

ready-dev:
	@packaging/system-deps.sh runtime 'sound?' test
	@packaging/python-env.sh $(VENV) dev

lint-only:
	@$(PY) -m ruff check
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command as run; run()' --no-logo
