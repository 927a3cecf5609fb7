# What one types in this checkout. Each target first sets up whatever it needs and is missing;
# `make demo` and `make test` are the two that matter.
#
#   ENGINE=double   the tests' double in place of the Pulumi engine (demo, test)
#   ENGINE=retry    ask for the engine again although it was refused of late (setup)
#   PLAYBOOK=name   which vendor's process the demo plays
#   TESTS="..."     which tests, and other words for pytest
#   BENCH="..."     words for the benchmarks, such as --quick
#   WORKERS=n       test files at once; most of their time is waiting for servers

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON := .venv/bin/python
DOUBLE := $(CURDIR)/tests/doubles/pulumi/bin/pulumi
TESTS ?=
BENCH ?=
WORKERS ?= 3

# What starts here starts Python many hundred times; compiled once is enough.
unexport PYTHONDONTWRITEBYTECODE

ifeq ($(ENGINE),double)
export BASCULE_PULUMI := $(DOUBLE)
endif

.PHONY: help demo test test-aws check bench setup clean

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

demo: ## Move one tenant from its legacy system to its site, on this machine
	@scripts/setup --engine=$(or $(ENGINE),required) || { status=$$?; \
	  [ $$status -ne 4 ] || echo 'No Pulumi engine, so no demo of the real thing. `make demo ENGINE=double` runs all of it with the test double in the place of the engine.' >&2; \
	  exit $$status; }
	@$(PYTHON) -m examples.demo $(if $(PLAYBOOK),--playbook $(PLAYBOOK))

test: ## Run every check and every test, coverage printed
	@scripts/setup --engine=$(or $(ENGINE),optional) --for-tests
	@$(MAKE) check-only
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered $(TESTS)

test-aws: ## Stand a site up in a real AWS account, verify it and destroy it; needs credentials
	@scripts/setup --engine=$(or $(ENGINE),required)
	@$(PYTHON) -m tests.aws

check: ## Lint, format and types; warnings are errors
	@scripts/setup --only-python
	@$(MAKE) check-only

.PHONY: check-only
check-only:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: ## Measure stop, copies, comparison and files beside what else there is
	@scripts/setup --only-python
	@$(PYTHON) -m benchmarks $(BENCH)

setup: ## Set up what is missing, and nothing else
	@scripts/setup --engine=$(or $(ENGINE),required)

clean: ## End this checkout's hosts; throw away caches, reports and the demo
	@[ ! -x $(PYTHON) ] || $(PYTHON) -m scripts.clean
