# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# What the caller has; tools/env and tools/pythons.py look there for Pythons.
export CALLER_PATH := $(PATH)

# Ansible's tools start each other by name. Version managers put shims for absent Pythons on PATH, which ansible-test
# would call: hence a PATH of our own.
VENV := $(CURDIR)/.venv
export PATH := $(VENV)/bin:/usr/local/bin:/usr/bin:/bin
export PYTHON
export ANSIBLE_COLLECTIONS_PATH := $(VENV)/collections
# Ansible keeps its own files out of the home of whoever runs this.
export ANSIBLE_HOME := $(CURDIR)/build/ansible-home
export LC_ALL := C.UTF-8

# How many tests run at once, and what else to hand to pytest: make unit PYTEST_ARGS='-k chain -n 0'
JOBS ?= 2
# Unit tests wait more than they compute: for deadlines, restarts, silent nodes.
UNIT_JOBS ?= 4
# Integration tests wait half of their time: for restarts that take their time, and for what must not happen.
INTEGRATION_JOBS ?= 4
# The sweeps wait too, and a fleet runs in the process that tests.
SWEEP_JOBS ?= 4
PYTEST_ARGS ?=
# Which scenarios make molecule runs; without a name all of them.
SCENARIOS ?=
PYTEST_OPTIONS := -n $(JOBS) --dist loadgroup --durations=5
PYTEST := pytest $(PYTEST_OPTIONS)
# What `make newest` runs: what Ansible and Python decide. `make test-all` runs all.
NEWEST_TESTS := tests/unit/plugins/action tests/unit/plugins/connection tests/integration/test_rollout.py tests/integration/test_tarball.py

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

.PHONY: env
env: ## Build .venv, or bring it up to date
	@PATH='$(CALLER_PATH)' tools/env

# For people ----------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: env ## Roll new certificates out to a simulated fleet, twice, and show what became of it
	@python -m tools.demo

# Another fleet file, and one of the dialects that python -m tests.simulator dialect names; docs/simulator.md.
FLEET ?=
DIALECT ?=

.PHONY: fleet
fleet: env ## Run a simulated fleet in the foreground, with an inventory to play with; DIALECT=old makes it talk otherwise, START=empty begins from nothing
	@python -m tools.fleet $(if $(DIALECT),--dialect '$(DIALECT)') $(if $(START),--start '$(START)') $(FLEET)

.PHONY: bench
bench: env ## Measure what runs cost, side by side, and write docs/benchmarks.md (a quarter of an hour on a quiet machine)
	@python -m tools.bench

.PHONY: bench-quick
bench-quick: env ## The same on a handful of nodes, printed only
	@python -m tools.bench quick

# Tests ---------------------------------------------------------------------------------------------------------------

.PHONY: test
test: gates unit integration sweeps whole ## Everything, with samples of the long sweeps

# Most of them compute on one core: side by side. The quick ones come first, so that what is wrong is said early.
.PHONY: gates
gates: env
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint sanity docs galaxy

# Both wait for playbooks and nodes: side by side.
.PHONY: whole
whole: env
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target newest molecule

.PHONY: test-all
test-all: env ## The same with the long sweeps in full and with the oldest libraries, then coverage and mutants
	@started=$$(date +%s); status=0; \
	CERTOPS_SWEEPS=all $(MAKE) --no-print-directory test lowest NEWEST_TESTS='tests/unit tests/integration' || status=$$?; \
	$(MAKE) --no-print-directory --keep-going coverage mutation || status=$$?; \
	python -m tools.quality record --seconds $$(( $$(date +%s) - started )) --status $$status

.PHONY: lint
lint: ruff yamllint reuse changelog-lint mypy docs-lint ansible-lint ## All linters

.PHONY: ruff
ruff: env
	ruff check .
	ruff format --check .

.PHONY: mypy
mypy: env
	mypy -p ansible_collections.certops.cms.plugins -p tests.integration -p tests.simulator -p tests.sweeps -p tools

.PHONY: yamllint
yamllint: env
	yamllint --strict .

.PHONY: ansible-lint
ansible-lint: env
	ansible-lint --nocolor

.PHONY: reuse
reuse: env
	reuse lint --lines

.PHONY: changelog-lint
changelog-lint: env
	antsibull-changelog lint

.PHONY: docs-lint
docs-lint: env
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all \
	    --disallow-unknown-collection-refs --check-extra-docs-refs .

.PHONY: sanity
sanity: env ## ansible-test sanity with every Python of the machine, with nothing ignored
	@python -m tools.sanity

.PHONY: docs
docs: env ## The site of all documentation in build/docs; every warning is an error
	@python -m tools.docs

.PHONY: galaxy
galaxy: build ## What Galaxy checks before it takes the tarball; every warning is an error
	@python -m tools.galaxy

.PHONY: unit
unit: env ## Unit tests
	$(PYTEST) -n $(UNIT_JOBS) tests/unit --junit-xml=build/reports/unit.xml $(PYTEST_ARGS)

.PHONY: integration
integration: env ## Real ansible-playbook runs on simulated fleets; PYTEST_ARGS='--dialect strict' chooses what they speak
	$(PYTEST) -n $(INTEGRATION_JOBS) tests/integration --junit-xml=build/reports/integration.xml $(PYTEST_ARGS)

.PHONY: newest
newest: env ## A sample of the tests with the newest Python of the machine and the newest ansible-core
	@CERTOPS_SWEEPS= CERTOPS_DIALECTS=default python -m tools.pythons newest \
	    $(PYTEST_OPTIONS) $(NEWEST_TESTS) --junit-xml=build/reports/newest.xml $(PYTEST_ARGS)

.PHONY: lowest
lowest: env ## Unit tests with the oldest libraries that requirements.txt allows
	@CERTOPS_SWEEPS= python -m tools.pythons lowest \
	    $(PYTEST_OPTIONS) tests/unit --junit-xml=build/reports/lowest.xml $(PYTEST_ARGS)

.PHONY: molecule
molecule: env ## The scenarios of extensions/molecule on simulated fleets
	@python -m tools.scenarios --jobs $(JOBS) $(SCENARIOS)

.PHONY: sweeps
sweeps: env ## Faults at every command, and every answer nobody knows: a sample, or all with CERTOPS_SWEEPS=all
	$(PYTEST) -n $(SWEEP_JOBS) tests/sweeps --junit-xml=build/reports/sweeps.xml $(PYTEST_ARGS)

.PHONY: coverage
coverage: env ## What the tests reach, also inside the processes of ansible-playbook
	@python -m tools.coverage clear
	@CERTOPS_DIALECTS=default python -m tools.coverage run -- -n $(JOBS) --dist loadgroup tests/unit tests/integration $(PYTEST_ARGS)
	@python -m tools.coverage report

.PHONY: mutation
mutation: env ## Change every decision of _pki and _fleet, one at a time: does a test notice?
	@python -m tools.mutation --jobs $(JOBS)

# How many mutants the sample holds, and which: make mutation-sample MUTANTS=200 SEED=7
MUTANTS ?= 100
SEED ?= 3

.PHONY: mutation-sample
mutation-sample: env ## A sample of the mutants
	@python -m tools.mutation --jobs $(JOBS) --sample $(MUTANTS) --seed $(SEED)

# Pages that are written from what is measured or listed -----------------------------------------------------------------

.PHONY: quality-page
quality-page: env ## Write the tables of docs/quality.md from build/reports
	@python -m tools.quality page

.PHONY: rules-page
rules-page: env ## Write docs/rules.md from the table of rules
	@PYTHONPATH='$(VENV)/collections' python -m tools.rules

.PHONY: conformance-page
conformance-page: env ## Write docs/conformance.md from the list of differences
	@python -m tools.conformance

# ---------------------------------------------------------------------------------------------------------------------

.PHONY: format
format: env ## Bring the Python files into the format that lint asks for
	ruff check --fix .
	ruff format .

.PHONY: build
build: env ## Build the tarball of the collection in build/
	ansible-galaxy collection build --force --output-path build .

.PHONY: clean
clean: ## Remove .venv, build/ and what the tools left behind
	rm -rf .venv build .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
