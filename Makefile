# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# What the caller has; tools/env looks there for a Python.
CALLER_PATH := $(PATH)

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
PYTEST_ARGS ?=
# Which scenarios make molecule runs; without a name all of them.
SCENARIOS ?=
PYTEST := pytest -n $(JOBS) --dist loadgroup --durations=5

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: env
env: ## Build .venv, or bring it up to date
	@PATH='$(CALLER_PATH)' tools/env

# For people ----------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: env ## Roll new certificates out to a simulated fleet, twice, and show what became of it
	@python -m tools.demo

.PHONY: fleet
fleet: env ## Run a simulated fleet in the foreground, with an inventory to play with
	@python -m tools.fleet

# Tests ---------------------------------------------------------------------------------------------------------------

.PHONY: test
test: lint sanity unit integration molecule ## Everything: lint, sanity, unit, integration with samples of the long sweeps

.PHONY: test-all
test-all: export CERTOPS_SWEEPS := all
test-all: test ## The same with the long sweeps in full

.PHONY: lint
lint: ruff mypy yamllint ansible-lint reuse changelog-lint ## All linters

.PHONY: ruff
ruff: env
	ruff check .
	ruff format --check .

.PHONY: mypy
mypy: env
	mypy -p ansible_collections.certops.cms.plugins -p tests.integration -p tools

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

.PHONY: sanity
sanity: env ## ansible-test sanity, with nothing ignored
	@python -m tools.sanity

.PHONY: unit
unit: env ## Unit tests
	$(PYTEST) -n $(UNIT_JOBS) tests/unit --junit-xml=build/reports/unit.xml $(PYTEST_ARGS)

.PHONY: integration
integration: env ## Real ansible-playbook runs on simulated fleets
	$(PYTEST) tests/integration --junit-xml=build/reports/integration.xml $(PYTEST_ARGS)

.PHONY: molecule
molecule: env ## The scenarios of extensions/molecule on simulated fleets
	@python -m tools.scenarios --jobs $(JOBS) $(SCENARIOS)

.PHONY: coverage
coverage: env ## What the tests reach, also inside the processes of ansible-playbook
	@python -m tools.coverage clear
	@python -m tools.coverage run -- -n $(JOBS) --dist loadgroup tests/unit tests/integration $(PYTEST_ARGS)
	@python -m tools.coverage report

.PHONY: mutation
mutation: env ## Change every decision of _pki and _fleet, one at a time: does a test notice?
	@python -m tools.mutation --jobs $(JOBS)

# How many mutants the sample holds, and which: make mutation-sample MUTANTS=200 SEED=7
MUTANTS ?= 100
SEED ?= 3

.PHONY: mutation-sample
mutation-sample: env ## A sample of it
	@python -m tools.mutation --jobs $(JOBS) --sample $(MUTANTS) --seed $(SEED)

# Pages that are written from what is measured or listed -----------------------------------------------------------------

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
