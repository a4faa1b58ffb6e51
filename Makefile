# Two commands matter to a user: `make demo` and `make test`. All need Python 3.11+, pip and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
BIN := .venv/bin
DATA ?= $(CURDIR)/.run/demo
PORT ?= 8080
TOUR ?= # --once stops the server after the tour
export PATH := $(or $(MESHGATE_CACHE),$(HOME)/.cache/meshgate):$(PATH)
policy: export MESHGATE_DATA = $(DATA)
export UV_LINK_MODE ?= copy
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help install data demo serve test check unit golden policy client-test trino-test trino-lab barrier proof golden-trino fetch bench lock clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s $$'\t'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .tools "uv==$(UV_VERSION)"

.venv/.done: requirements.lock pyproject.toml | $(UV)
	@echo "installing (once, about 210 MB to download)"
	@$(UV) venv -q --clear --python $(PYTHON) .venv
	@$(UV) pip sync -q --require-hashes requirements.lock
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

install: .venv/.done ## install everything into .venv

data: .venv/.done ## make the demo's Iceberg tables
	@$(BIN)/python -m gateway.demo.load --data-dir "$(DATA)"

demo: data ## data, one query as three principals, the server left listening
	@$(BIN)/python -m gateway.demo.tour --data "$(DATA)" --port "$(PORT)" $(TOUR)

test: .venv/.done ## all tests a bare machine can run
	@$(BIN)/python -m tests.run

check: .venv/.done ## format, lint, layers, types
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/lint-imports --no-cache | tail -3
	@$(BIN)/mypy

unit: .venv/.done ## the edit loop: unit tests and goldens
	@$(BIN)/pytest tests/unit tests/golden -n 2

golden: .venv/.done ## rewrite the golden files and show the difference
	@MESHGATE_REWRITE=1 $(BIN)/pytest tests/golden -n 0 -p no:randomly || true
	@git --no-pager diff --stat tests/golden

policy: data ## lint and test the policies; on a real OPA too where there is one
	@$(BIN)/meshgate policy check policies --catalogs catalogs
	@$(BIN)/meshgate policy test policies --catalogs catalogs
	@if command -v opa >/dev/null; then $(BIN)/meshgate policy test policies --catalogs catalogs --engine opa; \
	else echo "left out: the policies on a real OPA (\`make fetch\` brings it)"; fi
	@$(BIN)/pytest tests/unit/policy -m opa -n 0

client-test: .venv/.done ## real clients: Python, SQLAlchemy, JDBC, CLI
	@$(BIN)/pytest tests/conformance -n 0

trino-test: .venv/.done ## what only a real Trino can show
	@$(BIN)/python -m tests.trino.run

trino-lab: .venv/.done ## Trino, PostgreSQL, OPA, Iceberg REST and a gateway, left up for you
	@$(BIN)/python -m tests.trino.run --keep

barrier: .venv/.done ## prove that a Trino version lets nobody feel hidden rows; BARRIER=--turns=4 for less
	@$(BIN)/python -m tests.differential.prove $(BARRIER)

proof: .venv/.done ## fuzz the SQL front, judged by Trino's parser; PROOF="--mutants=1000000 --seed=x"
	@$(BIN)/python -m tests.fuzz.run $(PROOF)

golden-trino: .venv/.done ## a real Trino answers the golden questions anew
	@MESHGATE_REWRITE=1 $(BIN)/python -m tests.trino.run --bare -k golden_trino -n 0 -p no:randomly
	@git --no-pager diff --stat tests/oracle/data

fetch: .venv/.done ## bring Trino, OPA, the JDBC drivers and the CLI into the cache
	@bash tests/fetch.sh

bench: .venv/.done ## ratios, as JSON
	@$(BIN)/python -m tests.bench.run

lock: $(UV) ## re-resolve the dependencies
	@$(UV) pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --group dev --group demo pyproject.toml -o requirements.lock

clean: ## remove what make made
	rm -rf .venv .tools .run .cache
