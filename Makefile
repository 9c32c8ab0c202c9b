# Everything that one does here: `make help` lists it.

VENV ?= .venv
PYTHON ?= python3
PORT ?= 8001
SERVE ?= 1
DEMO ?= demo-site
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint serve benchmarks clean

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(STAMP) ## Make a virtual environment with everything in it

$(STAMP): setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools
	$(BIN)/python -m pip install --quiet --editable '.[train,bot,dev]'
	touch $@

demo: $(STAMP) ## Run the whole system on a drawn reserve, then serve it (SERVE=0: do not serve)
	$(BIN)/critterdb demo $(DEMO) $(if $(filter 0,$(SERVE)),,--serve --port $(PORT))

test: $(STAMP) lint ## Lint, then run every test
	$(BIN)/python -m pytest

lint: $(STAMP) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

serve: $(STAMP) ## Serve the site in this folder
	$(BIN)/critterdb serve --port $(PORT)

benchmarks: $(STAMP) ## Measure; PHOTOS=FOLDER names a folder of labelled photos
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script $(PHOTOS) || exit 1; done

clean: ## Remove the virtual environment, the demo and what tools left behind
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
