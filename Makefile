.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash

PYTHON ?= python3
WORKERS ?= 1
SCHEDULERS ?= 1
NAME ?=
YES ?=
TESTS ?= tests
EXAMPLES ?= 200
# Files of tests that run at once: much of what the slow ones do is wait, but a stack that starts takes two
# cores for seconds.
AT_ONCE ?= 2

BIN := .venv/bin
LOCAL := $(BIN)/python -m punctual.local
LOCKS := requirements/build.txt requirements/dev.txt
SETUP_DONE := .venv/.setup-$(shell cat $(LOCKS) pyproject.toml | cksum | tr ' ' '-')

##@ Set up
.PHONY: help setup requirements
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SETUP_DONE) ## .venv with everything pinned; does nothing when nothing changed

$(SETUP_DONE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Punctual needs Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  $(addprefix -r ,$(LOCKS))
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	@rm -f .venv/.setup-* && touch $@

requirements: ## write the pinned requirements anew from pyproject.toml
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(PYTHON) -m venv $$tmp/venv; $$tmp/venv/bin/pip install --quiet uv; \
	uv="$$tmp/venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --upgrade"; \
	$$uv pyproject.toml -o requirements/base.txt; \
	$$uv pyproject.toml --group dev -o requirements/dev.txt; \
	echo 'hatchling>=1.27' | $$uv - -o requirements/build.txt

##@ Run it on this machine
.PHONY: run up down start reset
run: setup ## start everything, run a first job, stay until Ctrl-C, leave nothing running
	@$(LOCAL) run --workers $(WORKERS) --schedulers $(SCHEDULERS)

up: setup ## the same in the background: make up WORKERS=3 SCHEDULERS=2
	@$(LOCAL) up --workers $(WORKERS) --schedulers $(SCHEDULERS)

down: setup ## stop all of it
	@$(LOCAL) down

start: setup ## start one process again: make start NAME=worker-2
	@$(LOCAL) start '$(NAME)'

reset: setup ## throw the local data away; asks unless YES=1
	@$(LOCAL) reset $(if $(filter 1,$(YES)),--yes)

##@ Check it
.PHONY: fmt lint check-fast test check compose-test fuzz
fmt: setup ## format, and mend what can be mended mechanically
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: setup ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@cd examples/charges && $(CURDIR)/$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

check-fast: lint ## that, the shape of the code and the unit tests: before each commit
	@$(BIN)/pytest -q -n 2 tests/architecture tests/unit

test: setup ## every test that needs no container engine: make test TESTS=tests/integration
	@$(BIN)/pytest -n $(AT_ONCE) --no-loadscope-reorder --ignore=tests/compose $(TESTS)

check: lint test ## everything that must hold

fuzz: setup ## 5,000 and more made-up requests against the OpenAPI documents of the three services
	@$(BIN)/python -m tests.support.fuzz --examples $(EXAMPLES)

compose-test: setup ## the containers: build, run, kill, scale; needs a Docker engine
	@TESTS_ON=docker $(BIN)/pytest -s tests/compose

##@ Show it
.PHONY: counts lateness audit-bench audit-million rules mutants model failpoints
counts: setup ## statements, round trips and records for each job: into docs/counts.md
	@$(BIN)/python -m bench.count_per_job --write

lateness: setup ## how late 1,000 jobs begin, by the clock of an outside sink
	@$(BIN)/python -m bench.lateness --jobs 1000 --rate 50

audit-bench: setup ## time and memory of an audit over a million rows of history
	@$(BIN)/python -m bench.audit

audit-million: setup ## a million jobs of a benchmark, then an audit of them all: clean, or exit code 1
	@$(BIN)/python -m bench.throughput --jobs 1000000 --rounds 1 --audit

rules: setup ## which test guards which rule of the protocol
	@$(BIN)/python -m tests.support.rules

failpoints: setup ## what failpoints cost while they are off, as a share of what a job costs
	@$(BIN)/python -m bench.failpoints

mutants: setup ## take each guard of the protocol out: a test must fail without it
	@$(BIN)/python -m tests.support.mutants

model: setup ## the protocol in every order with spin: it holds, and each mutant breaks it
	@$(BIN)/python -m tests.model.run

.PHONY: bench bench-quick
bench: setup ## every figure of docs/benchmarks.md anew, with its peers: takes two hours
	@$(BIN)/python -m bench.compare --write
	@$(BIN)/python -m bench.scenarios --write

bench-quick: setup ## the same with small numbers, within five minutes; bench/results/latest.json only
	@$(BIN)/python -m bench.compare --quick
	@$(BIN)/python -m bench.scenarios --quick

##@ Break it
.PHONY: chaos chaos-effects chaos-keys chaos-random chaos-controls soak
SEED ?= 1
MINUTES ?= 3
JOBS ?=
SOAK_MINUTES ?= 20
RATE ?= 300
KEYS ?= 1000
KEYS_MINUTES ?= $(if $(filter command line,$(origin MINUTES)),$(MINUTES),10)
chaos: setup ## faults from a seed under load, then a verdict: make chaos SEED=1 MINUTES=10
	@$(BIN)/python -m tests.chaos.harness --seed $(SEED) --minutes $(MINUTES) $(if $(JOBS),--jobs $(JOBS))

chaos-keys: setup ## the same with ordering keys only: make chaos-keys KEYS=1000 JOBS=100
	@$(BIN)/python -m tests.chaos.harness --seed $(SEED) --minutes $(KEYS_MINUTES) --quiet 900 \
	  --keys $(KEYS) --of-each $(or $(JOBS),100)

chaos-effects: setup ## jobs that insert a row through once, and as many without: make chaos-effects JOBS=2000 MINUTES=3
	@$(BIN)/python -m tests.chaos.harness --seed $(SEED) --minutes $(MINUTES) --rows --jobs $(or $(JOBS),2000)

chaos-random: setup ## the same with a random seed, which it prints
	@$(BIN)/python -m tests.chaos.harness --minutes $(MINUTES) $(if $(JOBS),--jobs $(JOBS))

chaos-controls: setup ## take guards out of a copy: the same run must report violations there
	@$(BIN)/python -m tests.chaos.harness.controls

soak: setup ## 20 minutes at 300 jobs/s with a kill every 30 s: nothing may grow; WRITE=1 into docs/soak.md
	@$(BIN)/python -m tests.chaos.soak --minutes $(SOAK_MINUTES) --rate $(RATE) $(if $(filter 1,$(WRITE)),--write)
