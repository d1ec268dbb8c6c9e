# BERT Lab: one way to do each thing. `make` alone lists the targets; CI calls the same ones.

PYTHON  ?= python3
VENV    ?= .venv
# Not taken from the environment, where some shells put the name of the machine.
HOST    = 127.0.0.1
PORT    ?= 8501
# Further names under which browsers may reach the app, beside this machine's own; `*` allows any.
ALLOWED_HOSTS ?=
NAME  = $(if $(filter 0.0.0.0 ::,$(HOST)),$(shell hostname),$(HOST))
NAMES = $(sort localhost 127.0.0.1 ::1 $(NAME) $(ALLOWED_HOSTS) $(if $(filter-out 127.0.0.1,$(HOST)),$(shell hostname -I 2>/dev/null)))
# Extra words for pytest (ARGS="-k tokens -x"), and the group of benchmarks to run (ONLY=attention).
ARGS    ?=
ONLY    ?=
# How many tests run at a time. A file stays with one worker, and the files that take longest come first.
WORKERS ?= 2
PYTEST   = $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# What `make test-fast` leaves out: whatever is driven in a browser, starts processes, trains a model, or takes long.
SLOW_PARTS = browser faults core/runs core/training core/inference core/reports pages core/models/test_train_builtin.py \
  core/models/test_teaching_model.py core/models/test_shared_models.py core/explore/test_embeddings.py core/explore/test_ablation.py \
  core/explore/test_walkthrough.py core/data/test_decisions.py
# Not empty: install SLURM where that is possible, so that its tests start a real cluster instead of being skipped.
WITH_SLURM ?=
# An index that offers another build of torch, such as the small one for machines without a GPU.
TORCH_INDEX_URL ?=

PY  := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --progress-bar off

# A stamp carries the fingerprint of what it stands for, so an edit installs again and a mere change of date does not.
fingerprint = $(shell cat $(1) | cksum | cut -d' ' -f1)
APP_STAMP := $(VENV)/.installed-app-$(call fingerprint,requirements.txt)
DEV_STAMP := $(VENV)/.installed-dev-$(call fingerprint,requirements.txt requirements-dev.txt)

.PHONY: help app setup setup-dev browser slurm test test-fast test-all coverage lint docs bench bench-cloze clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*  ## ' $(firstword $(MAKEFILE_LIST)) | sort | \
	  awk -F ':.*  ## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

app: setup  ## start the app on http://127.0.0.1:8501 (HOST=, PORT=, ALLOWED_HOSTS=)
	@exec $(PY) -m streamlit run app.py --server.address $(HOST) --server.port $(PORT) \
	  --browser.serverAddress $(NAME) $(foreach name,$(NAMES),--server.allowedHosts '$(name)')

setup: $(APP_STAMP)  ## install what the app needs into .venv
	@:

setup-dev: $(DEV_STAMP)  ## install what the tests and the linter need, too
	@:

browser: setup-dev  ## find or install the Chromium that the browser tests drive
	@scripts/setup-browser

slurm:  ## find or install the SLURM that its tests run on
	@scripts/setup-slurm

test: browser $(if $(WITH_SLURM),slurm)  ## run all tests but the slow ones (ARGS="-k tokens", WORKERS=2)
	@$(PYTEST) $(ARGS)

test-fast: setup-dev  ## run what takes under two minutes: no browser, no processes, no training, no pages
	@$(PYTEST) $(addprefix --ignore=tests/,$(SLOW_PARTS)) $(ARGS)

test-all: browser $(if $(WITH_SLURM),slurm)  ## run every test
	@$(PYTEST) -m "" $(ARGS)

coverage: browser  ## run the tests and say which lines and branches they reach, in started processes, too
	@$(PY) -m coverage erase
	@$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=html $(ARGS)

lint: setup-dev  ## check style, formatting, the import rule and the types of core
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pytest -q tests/test_import_rule.py
	@$(PY) -m pyright core

docs: setup-dev  ## write docs/faults.md and pages of core's functions and classes, site/index.html
	@$(PY) -m scripts.fault_catalogue
	@$(PY) -m pdoc --docformat markdown --output-directory site $(subst /,.,$(patsubst %/__init__.py,%,$(wildcard core/*/__init__.py)) $(patsubst %.py,%,$(filter-out core/__init__.py,$(wildcard core/*.py))))

bench: browser  ## measure against named rivals, one JSON object a line (ONLY=attention)
	@$(PY) -m tests.bench $(ONLY)

bench-cloze: setup-dev  ## how well the built-in model fills blanks (AFTER=folder: that one, against it; BEFORE=folder)
	@BEFORE='$(BEFORE)' AFTER='$(AFTER)' $(PY) -m tests.bench cloze

clean:  ## remove the environment and caches; what people made in workspace/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "BERT Lab needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
	  echo "Install one and name it: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot create virtual environments: its venv module is missing." >&2; \
	  echo "On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)

$(APP_STAMP): | $(PY)
	@echo "Installing what the app needs; the first time takes some minutes ..."
	@$(if $(TORCH_INDEX_URL),$(PIP) --index-url $(TORCH_INDEX_URL) $$(grep '^torch==' requirements.txt))
	@$(PIP) -r requirements.txt
	@rm -f $(VENV)/.installed-app-* && touch $@

$(DEV_STAMP): $(APP_STAMP)
	@echo "Installing what the tests need ..."
	@$(PIP) -r requirements-dev.txt
	@rm -f $(VENV)/.installed-dev-* && touch $@
