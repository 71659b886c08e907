# Two commands do everything, set-up included: `make demo` and `make test`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/pytest
POSTGRES_15 := /usr/lib/postgresql/15/bin/postgres
PGBOUNCER := /usr/sbin/pgbouncer
FAKETIME := /usr/bin/faketime
IP := /sbin/ip
PROMTOOL := /usr/bin/promtool
# Each worker has servers of its own; these tests wait more than they work.
ON_SERVERS = tests/postgres --numprocesses=2 --dist=worksteal $(if $(POSTGRES),-k "$(NO_OTHERS)")
# What is no server's alone is run beside any of them.
SPACE := $() $()
NO_OTHERS = not pg$(subst $(SPACE), and not pg,$(strip $(filter-out $(POSTGRES),14 15 16 17 18)))
ARCHIVES := $(filter 14 16 17,$(or $(POSTGRES),14 16 17))

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## A cluster, a PostgreSQL, the operator: one migration succeeds, one is rolled back
	@$(PYTHON) -m hack.demo

.PHONY: test
test: test-unit test-postgres test-cluster ## All tests, cluster included

.PHONY: test-unit
test-unit: $(READY) $(PROMTOOL) ## Tests that need neither a database nor a cluster
	$(PYTEST) tests/unit

.PHONY: test-postgres
test-postgres: $(READY) test-servers ## The engine on PostgreSQL 15 and 18, what depends on the version on 14 to 18 (POSTGRES=18: one of them)
	$(PYTEST) $(ON_SERVERS)

.PHONY: test-matrix
test-matrix: $(READY) test-servers ## The same with every test on every PostgreSQL, 14 to 18
	MESHMIGRATE_TEST_EVERYWHERE=1 $(PYTEST) $(ON_SERVERS)

.PHONY: test-servers
test-servers: $(POSTGRES_15) $(PGBOUNCER) $(FAKETIME) $(IP) ## Fetch the servers that the tests need
	@$(if $(ARCHIVES),$(PYTHON) -m hack.postgres $(ARCHIVES))

.PHONY: test-cluster
test-cluster: $(READY) ## The operator by its chart on a real cluster, and the scripted API held to a real one
	$(PYTEST) tests/conformance tests/cluster

.PHONY: lint
lint: $(READY) ## Every static check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .
	$(BIN)/shellcheck .ci/run hack/apt-install hack/images/postgres-entrypoint.sh
	$(PYTHON) -m hack.actionlint
	$(BIN)/zizmor --offline --no-progress .github examples/github-actions/migrate.yaml

.PHONY: format
format: $(READY) ## Format the code and sort what can be sorted
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: schemas
schemas: $(READY) ## Write what is made from the code anew: docs/schemas, docs/api.md, docs/metrics.md
	$(BIN)/python -m hack.schemas
	$(BIN)/python -m hack.api_page
	$(BIN)/python -m hack.metrics_page

.PHONY: snapshots
snapshots: $(READY) ## Render the chart anew for each set of values in tests/chart
	$(BIN)/python -m hack.chart_snapshots

.PHONY: cluster-up
cluster-up: ## Start the local cluster (kind where Docker answers, processes elsewhere)
	@$(PYTHON) -m hack.cluster up

.PHONY: cluster-down
cluster-down: ## Stop the local cluster and remove what it made
	@$(PYTHON) -m hack.cluster down

.PHONY: images
images: ## Build the images and load them into the cluster
	@$(PYTHON) -m hack.images product postgres

.PHONY: bench
bench: bench-engine bench-operator $(READY) ## Measure the figures of the documentation, on the running cluster
	@$(BIN)/python -m bench cluster

.PHONY: bench-engine
bench-engine: $(READY) $(POSTGRES_15) ## Measure those of the engine, beside psql, without a cluster
	@$(BIN)/python -m bench engine

.PHONY: bench-operator
bench-operator: $(READY) ## Measure those of the operator at size, on an API server without a node
	@$(BIN)/python -m bench operator

.PHONY: requirements
requirements: $(READY) ## Pin the requirements anew, with hashes and no index
	$(PYTHON) -m venv $(VENV)/uv && $(VENV)/uv/bin/pip install --quiet uv
	uv="$(VENV)/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate"; \
	$$uv --upgrade pyproject.toml --extra operator --extra traces --output-file requirements/runtime.txt; \
	$$uv --upgrade pyproject.toml --extra operator --extra traces --group lint --group test --constraint requirements/runtime.txt --output-file requirements/dev.txt; \
	echo 'hatchling>=1.27' | $$uv --upgrade - --output-file requirements/build.txt

.PHONY: clean
clean: ## Remove what the checkout holds beside its sources
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

$(READY): requirements/dev.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null || { hack/apt-install python3-venv && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(POSTGRES_15):
	hack/apt-install postgresql-15

$(PGBOUNCER) $(FAKETIME):
	hack/apt-install $(@F)

$(PROMTOOL):
	hack/apt-install prometheus

$(IP):
	hack/apt-install iproute2
