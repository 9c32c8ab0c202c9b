# Everything that one does here: `make help` lists it.

VENV ?= .venv
PYTHON ?= python3
PORT ?= 8001
SERVE ?= 1
DEMO ?= demo-site
WORKERS ?= 2
# Workers in proportion to the work, so that all three suites end together on two cores.
HERE_WORKERS ?= 4
WORKERS_1.0 ?= 1
# `make lock UPGRADE=` keeps each version that still fits.
UPGRADE ?= --upgrade
# `make demo TORCH_INDEX=URL` installs PyTorch from there: the URL of PyTorch's CPU-only index saves 4.3 GB.
TORCH_INDEX ?=
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
PYTEST = $(BIN)/python -m pytest
# Files go to workers whole, for their fixtures, and in the order of tests/conftest.py.
IN_PARALLEL = --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

# Both lines of Datasette, each with the base install in an environment of its own: no torch there.
LINES = 0.65 1.0
LINE_0.65 = datasette>=0.65,<0.66
LINE_1.0 = datasette>=1.0a41
LOCK_0.65 = requirements/dev.txt
LOCK_1.0 = requirements/datasette-1.0.txt
LOCK_DOCS = requirements/docs.txt
# Every test that opens a Datasette. What marks itself any_line runs on one line.
WEB_TESTS = tests/web tests/browser
MARKS_0.65 = not serial
MARKS_1.0 = not serial and not any_line
# What `make fast` leaves out.
FAST = not slow and not browser and not network_namespace
# A file that is slow as a whole is not even imported: torch alone takes seconds.
SLOW_FILES = $(shell grep -rl --include='test_*.py' '^pytestmark = pytest\.mark\.slow' tests)
# Only files with such tests are imported for them.
SERIAL_TESTS = $(shell grep -rl --include='test_*.py' 'mark\.serial' tests)

# Workers share the cores: torch's own threads would only wait for each other.
test fast coverage: export OMP_NUM_THREADS = 1
# Tests start a thousand processes of critterdb, each of which would compile it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-static test test-here lint-and-site fast test-lines test-cluster coverage lint types fix docs site lock runtime serve benchmarks clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+(-[a-z]+)?:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make a virtual environment with everything in it, at the locked versions

$(STAMP): setup.py pyproject.toml requirements/dev.txt
	@echo "Installing critterdb with everything that it needs into $(VENV)$(if $(TORCH_INDEX),,: about 7 GB on Linux; 4.3 GB less with TORCH_INDEX=URL of PyTorch's CPU-only index)."
	@echo "This takes some minutes; pip names each package as it comes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools --constraint requirements/dev.txt
	$(BIN)/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --constraint requirements/dev.txt --editable '.[train,bot,dev]'
	touch $@

demo: $(STAMP) ## Run the whole system on a drawn reserve, then serve it (SERVE=0: do not serve)
	$(BIN)/critterdb demo $(DEMO) $(if $(filter 0,$(SERVE)),,--serve --port $(PORT))

demo-static: $(STAMP) ## Write the demo as static files, then serve them (SERVE=0: do not serve)
	$(BIN)/critterdb demo $(DEMO)
	$(BIN)/critterdb --db $(DEMO)/critters.db publish $(DEMO)-static --static
	$(if $(filter 0,$(SERVE)),,$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(DEMO)-static $(PORT))

test: $(STAMP) $(VENV)-docs/.installed $(LINES:%=$(VENV)-%/.installed) ## Lint, build the site of the docs, and run every test: those of the pages on both lines of Datasette
	@mkdir -p build
	$(MAKE) --jobs=4 test-here $(LINES:%=in-the-background-test-line-%) in-the-background-lint-and-site
	$(PYTEST) -m serial $(SERIAL_TESTS)

test-here: WORKERS = $(HERE_WORKERS)
test-here:
	$(PYTEST) $(IN_PARALLEL) -m 'not serial' $(WEB_TESTS:%=--ignore=%)

# Tests often wait, for servers and browsers: all at once use two cores best. What these print comes
# in one piece when they end, between the lines of the tests.
in-the-background-%:
	@$(MAKE) --no-print-directory $* >build/$*.log 2>&1; status=$$?; echo; cat build/$*.log; exit $$status

lint-and-site: lint site

fast: $(STAMP) ## Run the tests without browsers, servers, kills, training and fuzzing: two minutes
	$(PYTEST) $(IN_PARALLEL) -q -m '$(FAST)' $(SLOW_FILES:%=--ignore=%) tests

test-line-1.0: WORKERS = $(WORKERS_1.0)

test-lines: $(LINES:%=test-line-%) ## Run the tests of the pages with Datasette 0.65 and with 1.0

test-line-%: $(VENV)-%/.installed
	$(VENV)-$*/bin/python -m pytest $(IN_PARALLEL) -q -p no:cacheprovider -m '$(MARKS_$*)' $(WEB_TESTS)

$(VENV)-%/.installed: setup.py pyproject.toml requirements/dev.txt requirements/datasette-1.0.txt
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python -m pip install --quiet --upgrade --constraint $(LOCK_$*) --editable '.[test]' '$(LINE_$*)'
	touch $@

.PRECIOUS: $(VENV)-%/.installed

test-cluster: $(VENV)-cluster/.installed ## Run the tests of a Ray cluster, in an environment of its own
	$(VENV)-cluster/bin/python -m pytest -q -p no:cacheprovider tests/cluster

$(VENV)-cluster/.installed: setup.py pyproject.toml requirements/dev.txt
	$(PYTHON) -m venv $(VENV)-cluster
	$(VENV)-cluster/bin/python -m pip install --quiet --upgrade --constraint $(LOCK_0.65) --editable '.[test,cluster]'
	touch $@

coverage: $(STAMP) ## Measure which lines and branches of critterdb the tests run, without those in a browser
	$(PYTEST) $(IN_PARALLEL) -q -m 'not serial and not browser' --cov --cov-report=
	$(PYTEST) -q -m serial $(SERIAL_TESTS) --cov --cov-append --cov-report=term --cov-report=html --cov-report=json
	$(BENCHMARK).tested_lines coverage.json

lint: $(STAMP) types ## Check style, spelling and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: $(STAMP) ## Check types only
	$(BIN)/mypy

fix: $(STAMP) ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## Write the generated parts of docs/, and the badges
	$(BIN)/python -m cogapp -r -I docs docs/*.md
	$(BIN)/python docs/badges.py

site: $(VENV)-docs/.installed ## Build the documentation as a site in build/site; a broken link is an error
	$(VENV)-docs/bin/python -m sphinx -q -E -W --keep-going -c docs . build/site
	@echo "Open build/site/index.html"

$(VENV)-docs/.installed: $(LOCK_DOCS)
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/python -m pip install --quiet --requirement $(LOCK_DOCS)
	touch $@

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --no-annotate --no-header --quiet $(UPGRADE)
LOCK = $(COMPILE) pyproject.toml

lock: $(STAMP) ## Renew the locked versions in requirements/ (UPGRADE=: only what no longer fits)
	$(BIN)/python -m pip install --quiet uv
	echo '$(LINE_0.65)' | $(LOCK) --extra train --extra bot --extra dev --constraint - --output-file $(LOCK_0.65)
	echo '$(LINE_1.0)' | $(LOCK) --extra test --constraint - --prerelease if-necessary-or-explicit --output-file $(LOCK_1.0)
	$(COMPILE) requirements/docs.in --output-file $(LOCK_DOCS)

runtime: $(STAMP) ## Fetch what static sites run in the browser, which the tests of it need
	$(BIN)/critterdb runtime

serve: $(STAMP) ## Serve the site in this folder
	$(BIN)/critterdb serve --port $(PORT)

BENCHMARK = $(BIN)/python -m benchmarks

benchmarks: $(STAMP) ## Measure (PHOTOS=FOLDER of labelled photos, with MODEL=FILE in the browser, with SITE=FOLDER serving, RESPONSES=FOLDER of recorded JSON)
	$(BENCHMARK).sync
	$(BENCHMARK).fetch
	$(BENCHMARK).images
	$(BENCHMARK).fuzz --minutes 10
	$(if $(PHOTOS),$(BENCHMARK).main_job $(PHOTOS))
	$(if $(PHOTOS),$(BENCHMARK).classify $(PHOTOS))
	$(if $(MODEL),$(BENCHMARK).browser_classify $(PHOTOS) $(MODEL))
	$(BENCHMARK).writing
	$(BENCHMARK).open_data
	$(if $(SITE),$(BENCHMARK).serve $(SITE) $(PHOTOS))
	$(if $(SITE),$(BENCHMARK).static_site $(SITE))
	$(if $(SITE),$(BENCHMARK).siege $(SITE) $(PHOTOS))
	$(if $(SITE),$(BENCHMARK).inference $(SITE) $(PHOTOS))
	$(if $(RESPONSES),$(BENCHMARK).recorded_responses $(RESPONSES))

clean: ## Remove the virtual environments, the demo and what tools left behind
	rm -rf $(VENV) $(LINES:%=$(VENV)-%) $(VENV)-cluster $(VENV)-docs $(DEMO) $(DEMO)-static build dist htmlcov .coverage* coverage.json *.egg-info \
		.mypy_cache .ruff_cache .pytest_cache
