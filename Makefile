# Everything that one does here: `make help` lists it.

VENV ?= .venv
PYTHON ?= python3
PORT ?= 8001
SERVE ?= 1
DEMO ?= demo-site
WORKERS ?= 2
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

# Both lines of Datasette, each with the base install in an environment of its own: no torch there.
LINES = 0.65 1.0
LINE_0.65 = datasette>=0.65,<0.66
LINE_1.0 = datasette>=1.0a41
# Every test that opens a Datasette.
WEB_TESTS = tests/web tests/browser

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-lines lint docs serve benchmarks clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make a virtual environment with everything in it

$(STAMP): setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools
	$(BIN)/python -m pip install --quiet --editable '.[train,bot,dev]'
	touch $@

demo: $(STAMP) ## Run the whole system on a drawn reserve, then serve it (SERVE=0: do not serve)
	$(BIN)/critterdb demo $(DEMO) $(if $(filter 0,$(SERVE)),,--serve --port $(PORT))

test: $(STAMP) lint ## Lint, run every test (WORKERS=2 at once), then those of the pages on both lines of Datasette
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile $(WEB_TESTS:%=--ignore=%)
	$(MAKE) --jobs=2 --output-sync=target test-lines

test-lines: $(LINES:%=test-line-%) ## Run the tests of the pages with Datasette 0.65 and with 1.0

test-line-%: $(VENV)-%/.installed
	$(VENV)-$*/bin/python -m pytest -q -p no:cacheprovider $(WEB_TESTS)

$(VENV)-%/.installed: setup.py
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python -m pip install --quiet --upgrade --editable '.[test]' '$(LINE_$*)'
	touch $@

.PRECIOUS: $(VENV)-%/.installed

lint: $(STAMP) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP) ## Write the generated parts of docs/ anew
	$(BIN)/python -m cogapp -r -I docs docs/*.md

serve: $(STAMP) ## Serve the site in this folder
	$(BIN)/critterdb serve --port $(PORT)

benchmarks: $(STAMP) ## Measure (PHOTOS=FOLDER of labelled photos, with SITE=FOLDER serving, RESPONSES=FOLDER of recorded JSON)
	$(BIN)/python -m benchmarks.sync
	$(BIN)/python -m benchmarks.fetch
	$(BIN)/python -m benchmarks.images
	$(if $(PHOTOS),$(BIN)/python -m benchmarks.main_job $(PHOTOS))
	$(if $(PHOTOS),$(BIN)/python -m benchmarks.classify $(PHOTOS))
	$(BIN)/python -m benchmarks.writing
	$(if $(SITE),$(BIN)/python -m benchmarks.serve $(SITE) $(PHOTOS))
	$(if $(SITE),$(BIN)/python -m benchmarks.siege $(SITE) $(PHOTOS))
	$(if $(SITE),$(BIN)/python -m benchmarks.inference $(SITE) $(PHOTOS))
	$(if $(RESPONSES),$(BIN)/python -m benchmarks.recorded_responses $(RESPONSES))

clean: ## Remove the virtual environment, the demo and what tools left behind
	rm -rf $(VENV) $(LINES:%=$(VENV)-%) $(DEMO) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
