# All there is to know: make serve, make demo, make test, make check, make bench.
# Each sets up .venv by itself; nothing is needed but Python >= 3.11, make and the package index.
#   make serve ARGS="--port 9000"      flags for the server (or EVENSPLIT_PORT=9000 make serve)
#   make test ARGS="tests/unit -k trend"
#   make PYTHON=python3.13 test

# The first Python on the path that is new enough.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin

# A stamp is named for what it was made from: a changed requirement makes a new one.
RUN_STAMP := $(VENV)/.run-$(shell cat requirements.txt pyproject.toml | cksum | cut -d' ' -f1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements.txt requirements-dev.txt pyproject.toml | cksum | cut -d' ' -f1)

# pytest rewrites every assertion: once, and not in each of its runs and workers.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve demo test check format docs screenshots bench clean
.DEFAULT_GOAL := help

help:
	@sed -n '1,5p' Makefile

serve: $(RUN_STAMP)
	@exec $(BIN)/evensplit serve $(ARGS)

demo: $(RUN_STAMP)
	@exec $(BIN)/evensplit demo $(ARGS)

# Unit tests first, then the documents, then whole servers, then their pages in a real browser (Chromium).
# Reports against slow, obvious counts: the unit tests try a few examples, the runs after them many.
ORACLES = $(wildcard tests/unit/query/test_*_oracle.py tests/unit/query/test_*_oracles.py) \
	tests/unit/query/test_identity.py tests/unit/query/test_cohorts.py \
	tests/unit/query/test_trend_persons.py tests/unit/query/test_funnel_persons.py
# What else is tried on examples.
PROPERTIES = $(addprefix tests/unit/ingest/test_,bulk.py pipeline.py properties.py slices.py) \
	tests/unit/transfer/test_importer.py tests/unit/experiments/test_measure.py tests/unit/stats/test_degenerate.py

test: $(DEV_STAMP)
	$(if $(ARGS),,EVENSPLIT_TEST_EXAMPLES=0.25) $(BIN)/pytest $(or $(ARGS),-n 2 --dist worksteal -m "not clickhouse" tests/unit tests/docs)
	$(if $(ARGS),,$(BIN)/pytest -n 2 --dist worksteal -m clickhouse tests/unit)
	$(if $(ARGS),,EVENSPLIT_TEST_EXAMPLES=13 $(BIN)/pytest -n 2 --dist worksteal -m "not clickhouse" $(ORACLES) $(PROPERTIES))
	$(if $(ARGS),,EVENSPLIT_TEST_EXAMPLES=4 $(BIN)/pytest -n 2 -k many_worlds $(ORACLES))
	$(if $(ARGS),,$(BIN)/pytest -n 2 --dist worksteal tests/system)
	$(if $(ARGS),,$(BIN)/pytest -n 2 --dist loadfile tests/browser)

check: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src bench tests
	$(BIN)/lint-imports --no-logo

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pages that are made from the code.
docs: $(DEV_STAMP)
	$(BIN)/python -m tests.docs.generated

# The pictures of the README, from the demo; needs Chromium.
screenshots: $(DEV_STAMP)
	$(BIN)/python -m tests.browser.screenshots

bench: $(DEV_STAMP)
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Evensplit needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# pip compiles what it installs; our own sources are compiled here, so that the first start is a quick one.
$(RUN_STAMP): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m compileall -q src
	@rm -f $(VENV)/.run-*
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@rm -f $(VENV)/.dev-*
	@touch $@
