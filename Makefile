# The two commands a new reader needs: `make demo` and `make test`. Both make the virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check soak bench docs clean help

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("drydeploy needs Python 3.11 or later; found %d.%d. Try: make PYTHON=python3.11" % v[:2])'
	@echo 'installing, about a minute: a virtual environment, and what pip gets from the package index'
	$(PYTHON) -m venv $(VENV)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## Install, then rehearse a deployment that meets a 404, on the virtual fleet
	@$(BIN)/drydeploy run health-check-404 --seed 7
	@echo && echo 'To run drydeploy yourself: . $(BIN)/activate'

test: $(STAMP)  ## All tests (Docker tests run where an engine answers)
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage report --fail-under=100

check: $(STAMP)  ## Lint, format, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/tidy

soak: $(STAMP)  ## 10,000 random rehearsals, and as many with people at them: all strategies, faults, words; half an hour
	DRYDEPLOY_SOAK=10000 $(BIN)/python -m pytest -q tests/properties/test_random_rehearsals.py \
		--hypothesis-seed=0 --timeout=0

bench: $(STAMP)  ## Benchmarks, as ratios against a peer in the same run
	$(BIN)/python -m benchmarks

docs: $(STAMP)  ## Rewrite what in docs/ is made from the tables in the code
	$(BIN)/python -m docs.generate

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage
