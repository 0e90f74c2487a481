# All that a developer runs. Nothing is installed outside of .venv, and nothing written outside of .venv, .cache and dist.

SHELL := /bin/bash
VENV ?= .venv
PYTHON_BIN := $(VENV)/bin/python
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PYTHON_BIN) -m pip install --quiet --quiet --no-input
STAGES := $(PYTHON_BIN) tests/tools/run_stages.py
LINT_STAGES := ruff format mypy ansible-lint docs changelog
JOBS ?= auto
export VENV PYTHON
.DEFAULT_GOAL := help
.PHONY: help venv demo test lint format sanity unit integration faults sim bench build check-build clean

help: ## Show what there is to run
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F '|' '{printf "%-22s %s\n", $$1, $$2}'

# The stamps are older than the requirements when these have changed.
$(PYTHON_BIN):
	@tests/tools/make_venv.sh $(VENV)

$(VENV)/.demo-installed: tests/requirements-demo.txt meta/ee-requirements.txt | $(PYTHON_BIN)
	@echo "Installing what the demo needs"
	@$(PIP) -r tests/requirements-demo.txt
	@touch $@

$(VENV)/.installed: tests/requirements.txt tests/requirements-demo.txt meta/ee-requirements.txt | $(PYTHON_BIN)
	@echo "Installing what the tests need"
	@$(PIP) -r tests/requirements.txt
	@touch $@ $(VENV)/.demo-installed

venv: $(VENV)/.installed ## Make .venv with all development tools

demo: $(VENV)/.demo-installed ## Back up, lose and restore on simulated providers
	@tests/tools/demo.sh

test: $(VENV)/.installed ## Run everything: linters, sanity, unit, integration, a sample of the faults
	@$(STAGES)

lint: $(VENV)/.installed ## Run the linters, the type checker and the documentation checks
	@$(STAGES) $(LINT_STAGES)

format: $(VENV)/.installed ## Format the Python files and sort their imports
	@$(VENV)/bin/ruff check --quiet --select I --fix . && $(VENV)/bin/ruff format .

sanity: $(VENV)/.installed ## Run ansible-test sanity, on some files with FILES="a b"
	@$(PYTHON_BIN) tests/tools/sanity.py $(FILES)

unit: $(VENV)/.installed ## Run the unit tests
	@$(PYTHON_BIN) -m pytest tests/unit -n $(JOBS)

integration: $(VENV)/.installed ## Run the integration tests against the simulator
	@$(PYTHON_BIN) -m pytest tests/integration -n $(JOBS)

faults: $(VENV)/.installed ## Run the whole fault matrix
	@$(PYTHON_BIN) -m pytest tests/unit tests/integration --full-matrix -m full_matrix -n $(JOBS)
	@$(PYTHON_BIN) -m pytest tests/faults --full-matrix -n $(JOBS)

sim: $(VENV)/.demo-installed ## Start the simulator alone; it prints the variables that lead the modules to it
	@$(PYTHON_BIN) -m tests.simulator

bench: $(VENV)/.installed ## Run the benchmarks, or some of them with ONLY="gce.in_place gce.list"
	@$(PYTHON_BIN) -m tests.benchmarks $(ONLY)

build: $(VENV)/.installed ## Build the collection into dist/
	@$(PYTHON_BIN) tests/tools/galaxy.py build

check-build: $(VENV)/.installed ## Build, install, use the installed copy, run the checks of Ansible Galaxy
	@$(PYTHON_BIN) tests/tools/galaxy.py check

clean: ## Remove .venv, caches and built archives
	@rm -rf $(VENV) .cache .ansible .mypy_cache .pytest_cache .ruff_cache dist tests/output
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
