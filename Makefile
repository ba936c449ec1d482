# The one entry for a person; CI calls the same. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install nightly real test test-pandas2 check fix fuzz bench bench-survival bench-profile bench-audit bench-quality bench-statistics docs founding-studies mcode example lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "allpool needs Python 3.11 or later; set PYTHON=python3.x"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP) ## make .venv with the locked dependencies and allpool

nightly: $(STAMP) ## the night on the example consortium (synthetic), into build/example
	@$(BIN)/allpool nightly --config examples/consortium/allpool.toml; code=$$?; [ $$code -le 1 ] && echo "exit code $$code" || exit $$code

real: $(STAMP) ## the night on real published data (needs ../shared), into build/real.db
	@test -d ../shared/real || { echo "skipped: the published data are not there (../shared/real beside this folder)"; exit 0; }; \
	$(BIN)/allpool nightly --config examples/real/allpool.toml; code=$$?; [ $$code -le 1 ] && echo "exit code $$code" || exit $$code

test: $(STAMP) ## all tests
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

test-pandas2: ## the analysis tests on the other pair of versions that resolves
	$(PYTHON) -m venv build/pandas2
	build/pandas2/bin/pip install --quiet 'pandas>=2.3,<3' 'lifelines>=0.30.3'
	build/pandas2/bin/pip install --quiet -e . pytest hypothesis
	build/pandas2/bin/python -m pytest -q tests/analysis

fuzz: $(STAMP) ## corrupted variants of the example files through `allpool check`, N=10000 of them (an hour or more)
	$(BIN)/python -m tests.fuzz --number $(or $(N),10000) --seed $(or $(SEED),1)

check: $(STAMP) ## formatting, lint, types, layers, and whether generated pages are fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m allpool.pages --check

fix: $(STAMP) ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP) ## write the generated pages in docs/
	$(BIN)/python -m allpool.pages

founding-studies: nightly ## the night on the example consortium, and docs/founding-studies.md from its store
	$(BIN)/allpool published --config examples/consortium/allpool.toml --page docs/founding-studies.md

mcode: $(STAMP) ## the mCODE extraction framework's templates (needs ../shared), and docs/mcode.md from what became of them
	$(BIN)/python -m examples.mcode

bench: $(STAMP) ## time and memory of each step on 10,000 generated patients, beside the bare load of the same data
	$(BIN)/python -m benchmarks.night

bench-survival: $(STAMP) ## survival estimators on a million subjects, beside R's survival where it is there
	$(BIN)/python -m benchmarks.survival_speed --write

bench-profile: $(STAMP) ## allpool profile on a million rows, beside a bare read by the frame library; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks.profile --write

bench-audit: $(STAMP) ## the audit of a million staged rows with 100 rules, beside the same rules as bare SQL
	$(BIN)/python -m benchmarks.audit

bench-quality: $(STAMP) ## a thousand planted errors of many kinds: how many are found at their cell; writes docs/quality.md
	$(BIN)/python -m benchmarks.quality --write

bench-statistics: $(STAMP) ## coverage of intervals and size of tests in small studies, by simulation; writes docs/statistics.md
	$(BIN)/python -m benchmarks.statistics

example: $(STAMP) ## write the example consortium's source files again
	$(BIN)/python -m examples.generate

lock: $(STAMP) ## resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade pyproject.toml --group dev -o requirements.lock -q

clean: ## remove what the targets built (not .venv)
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
