# Speakerline. `make help` lists what can be done; every target sets up what it needs first.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where it is set, every process compiles torch, numpy and pydantic anew: half of the time that one takes to start.
unexport PYTHONDONTWRITEBYTECODE
CHAOS_SECONDS ?= 600
SOAK_SECONDS ?= 3600
TEST_WORKERS ?= 6
PYTEST ?=
FLOOR_TESTS ?= tests/runtime/test_full_redis.py tests/runtime/test_guards.py tests/runtime/test_ownership.py \
	tests/runtime/test_announcements.py tests/runtime/test_calls_apart.py \
	tests/runtime/test_outages.py tests/runtime/test_dangers.py tests/runtime/test_rewriting.py \
	tests/runtime/test_append_only.py tests/runtime/test_retention.py tests/client tests/cli/test_own_redis.py \
	tests/e2e/test_bad_redis.py
SOURCE ?= services/clustering
TESTS ?= tests/clustering
MUTATE ?= --most 20
BENCH ?=
COMPOSE_TEST ?=

# Stamps: a second `make run` starts at once. They live in what they vouch for, so deleting that sets up again.
# The second one vouches for the environment of developers, which contains the first one.
VENV := .venv/.ready
DEV := .venv/.ready-dev

.PHONY: help setup run up down test coverage test-floor compose-test mutate lint format proto proto-release bench bench-short chaos soak lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(DEV) redis ## Install everything for development: packages, torch among them, and redis-server

run: $(VENV) redis ## Play a real phone call through every stage and watch its timeline grow
	@$(BIN)/speakerline run

up: $(VENV) redis ## Start the stages as separate processes on one Redis
	@$(BIN)/speakerline up

down: $(VENV) ## Stop what `make up` started
	@$(BIN)/speakerline down

test: setup page ## Run the tests (PYTEST='-k vad' picks some, TEST_WORKERS=0 runs them one by one)
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(PYTEST)

coverage: override PYTEST += --cov --cov-report=term
coverage: test ## Run the tests and show which lines and branches none of them reaches (takes half as long again)

test-floor: setup ## Run the tests of what depends on Redis on 6.2, the oldest that is supported
	@folder=$$(deploy/setup.sh floor); PATH="$$folder:$$PATH" $(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist loadfile $(FLOOR_TESTS)

compose-test: setup ## Bring up docker-compose.yml, kill its containers during calls, take it down (needs Docker; 10 minutes)
	@$(BIN)/python -m tests.compose $(COMPOSE_TEST)

mutate: setup ## Put one-line faults into SOURCE and see which of them TESTS do not notice
	@$(BIN)/python -m tests.mutation $(SOURCE) $(TESTS) $(MUTATE)

lint: $(DEV) ## Check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(DEV) ## Let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

proto: $(DEV) ## Generate the contract anew; lint it and compare it with the one released
	@$(BIN)/python proto/generate.py
	@$(BIN)/buf lint proto
	@$(BIN)/buf format proto --diff --exit-code
	@$(BIN)/buf breaking proto --against proto/released.binpb

proto-release: $(DEV) ## At a release: make today's contract the one that may not be broken
	@$(BIN)/buf build proto --exclude-source-info -o proto/released.binpb

bench: setup ## Measure cost, capacity and latency on this machine (BENCH='--compare FILE' shows ratios)
	@$(BIN)/python -m speakerline.tools.bench $(BENCH)

bench-short: setup ## What a second of sound costs, beside the run that is committed as docs/bench.json (half a minute)
	@$(BIN)/python -m speakerline.tools.bench --quick --only length --compare docs/bench.json $(BENCH)

chaos: setup ## Kill, stop and cut off workers at random; the timelines must not change (CHAOS_SECONDS=60)
	@CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/python -m tests.chaos
	@CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/python -m tests.chaos --workers 1
	@CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/python -m tests.chaos --upgrade
	@CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/python -m tests.chaos --real --calls 8
	@CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/python -m tests.chaos --real --recogniser --calls 4
	@CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/python -m tests.chaos --real --recogniser --calls 60 --longest 8 --bulk

soak: setup ## Faults for SOAK_SECONDS (an hour), then 600 calls without any, a tenth erased live; memory stays flat
	@CHAOS_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m tests.chaos
	@CHAOS_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m tests.chaos --calls 600 --forget 0.1 --no-faults --bulk

lock: ## Pin the newest versions that requirements/*.in allow
	@deploy/setup.sh lock --upgrade

clean: ## Delete everything that setup and tests made in this folder
	@rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* *.egg-info build out

.PHONY: redis page
redis: $(VENV)
	@deploy/setup.sh redis

page: # What tests of the page need, where it can be had
	@deploy/setup.sh page

$(VENV): requirements/run.txt pyproject.toml deploy/setup.sh
	@deploy/setup.sh venv
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml deploy/setup.sh
	@deploy/setup.sh dev
	@touch $@ $(VENV)
