# Two commands do everything: `make lab` (the course) and `make test` (every check).
#   make lab TORCH=cpu   installs the CPU build of torch on Linux, without several GB of CUDA
#   make setup           only installs, into .venv
#   make lab LAB_ARGS="--no-browser --port 9000"   passes options on to JupyterLab
#   make help            lists the rest

PYTHON ?= python3
VENV ?= .venv
TORCH ?= default
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
LAB_ARGS ?=
BIN := $(VENV)/bin
RUN := $(BIN)/python
STAMP := $(VENV)/installed-from-lock
TORCH_PIN := $(shell grep '^torch==' requirements.lock)
# Tests in two processes; what shares a notebook or a page of the browser stays in one.
TWO := -n 2 --dist loadgroup --no-loadscope-reorder
# Jupyter refuses to run as root unless told; inside a container root is the usual user.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

export FLWR_TELEMETRY_ENABLED = 0
export JUPYTER_PLATFORM_DIRS = 1

.DEFAULT_GOAL := help
.PHONY: help lab setup test unit notebooks-test browser-test lint build measure readme lock phantom data-msd bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

lab: setup phantom  ## the course: install, make the phantom patients, open notebook 00
	$(BIN)/jupyter lab $(AS_ROOT) --ServerApp.root_dir="$(CURDIR)" $(LAB_ARGS) notebooks/00_start_here.ipynb

setup: $(STAMP)  ## install into .venv

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "FedLab needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "This Python cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
ifeq ($(TORCH),cpu)
	$(BIN)/pip install -q --progress-bar off --no-deps --index-url $(TORCH_CPU_INDEX) $(TORCH_PIN)
endif
	@echo "Installing the course's packages into $(VENV): one to five minutes the first time."
	$(BIN)/pip install -q --progress-bar off -r requirements.lock
	$(BIN)/pip install -q --progress-bar off --no-deps -e .
	@touch $(STAMP)

phantom: setup  ## make the phantom patients in data/phantom, unless they are there
	@test -d data/phantom || $(BIN)/fedlab phantom

test: setup  ## every check: lint, unit, notebooks, browser
	$(MAKE) lint unit notebooks-test browser-test

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

unit: setup  ## unit tests
	$(RUN) -m pytest -q $(TWO) -m "not notebooks and not browser" tests

notebooks-test: phantom  ## every notebook as students get it, then with its exercises solved
	$(RUN) -m pytest -q $(TWO) -m notebooks --nbval-lax notebooks tests/notebooks

browser-test: phantom  ## every notebook and widget in JupyterLab in a headless Chromium
	$(RUN) -m pytest -q $(TWO) -m browser tests/browser

build: phantom  ## build the notebooks from notebooks/src and execute them
	$(RUN) -m fedlab_utils.course.build

measure: phantom  ## record each notebook's run time and memory in notebooks/measured.json
	$(RUN) -m fedlab_utils.course.measure

readme: setup  ## bring README's badges and table of lessons up to date
	$(RUN) -m fedlab_utils.course.readme

bench: setup  ## speed of phantom, loading and cache, as ratios
	$(BIN)/fedlab bench data

lock: setup  ## pin every package again, from the ranges in pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 \
	  --fork-strategy fewest --no-annotate --no-header --quiet --upgrade -o .lock-all
	grep -vE '^(nvidia-|cuda-|triton)' .lock-all > requirements.lock; rm .lock-all

data-msd: setup  ## download the Medical Segmentation Decathlon's brain tumours (7 GB) into data/msd
	$(RUN) -m fedlab_utils.data.download data/msd

clean:  ## remove the environment and the caches; your progress and the data stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache data/cache
