# make run      start everything on this machine: needs Python 3.11 or newer and nothing else
# make quick    the tests that need no database and no process: the pure core, the handlers of the API, HTTP
# make test     the whole suite; make test ARGS="tests/db -k lease" for a part of it, ARGS="-n0 --pdb" in one process
# make coverage the whole suite, and which lines no test of it reaches
# make test-faults  processes die, servers vanish, much happens at once
# make long     half an hour of torture, Maps of up to 100,000 items, and 20 minutes in which nothing may grow
# make torture  faults hit a whole deployment for MINUTES=3, and it must lose nothing; SEED=1 chooses the faults
# make check    style, types and the layers
# make format   format the files
#
# Each makes .venv when it is missing. PYTHON=python3.12 chooses the interpreter it is made from.

PYTHON ?= python3
ARGS ?=
MINUTES ?= 3
SEED ?= 1
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A stamp says that a requirements file is installed as it stands; running needs no test tools.
CAN_RUN := $(VENV)/can-run.stamp
CAN_TEST := $(VENV)/can-test.stamp
# As many processes as there are cores; each has servers of its own, so more than four would be in each other's way.
SPREAD := -n logical --maxprocesses 4 --dist worksteal

.PHONY: run quick quick-language quick-rest test coverage test-faults torture long check format
.DELETE_ON_ERROR:

run: $(CAN_RUN)
	$(BIN)/python -m emulator $(ARGS)

quick: $(CAN_TEST)
	@$(MAKE) --no-print-directory --jobs=2 quick-language quick-rest

quick-language quick-rest: quick-%: $(CAN_TEST)
	$(BIN)/python -m pytest --quiet $$($(BIN)/python -m tests.quick $*) $(ARGS)

test: $(CAN_TEST)
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

coverage: $(CAN_TEST)
	$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term-missing:skip-covered $(ARGS)

test-faults: $(CAN_TEST)
	$(BIN)/python -m pytest -n auto tests/crash tests/faults $(ARGS)

torture: $(CAN_TEST)
	$(BIN)/python -m tests.torture --minutes $(MINUTES) --seed $(SEED) $(ARGS)

long: $(CAN_TEST)
	$(BIN)/python -m tests.torture --minutes 30 --seed $(SEED) $(ARGS)
	$(BIN)/python -m benchmarks.map_items
	$(BIN)/python -m benchmarks.soak --minutes 20

check: $(CAN_TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.typed
	$(BIN)/python -m pytest --quiet tests/test_layers.py

format: $(CAN_TEST)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(CAN_RUN): requirements.txt $(BIN)/python
	$(INSTALL) -r requirements.txt
	@touch $@

$(CAN_TEST): requirements.txt requirements-dev.txt $(BIN)/python
	$(INSTALL) -r requirements-dev.txt
	@touch $(CAN_RUN) $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Stepwell needs Python 3.11 or newer; "$(PYTHON)" is not one.'; \
	  echo 'Install it (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)'; \
	  echo 'or name the one you have: make $(MAKECMDGOALS) PYTHON=python3.12'; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo '"$(PYTHON)" cannot make a virtual environment: it lacks venv or ensurepip.'; \
	  echo 'Install them (Debian, Ubuntu: apt-get install python3-venv) and say make $(MAKECMDGOALS) again.'; \
	  exit 1; } >&2
	$(PYTHON) -m venv --clear $(VENV)
