# make demo    load the embedded reference gateway for half a minute; ends with a verdict and a report
# make test    run the tests
# make check   format, lint, types, dangerous code (bandit), known flaws of the dependencies (pip-audit, where it is online)
# make fuzz    10,000 cases of bad input, then the HTTP parser for MINUTES=5
# make campaign  every planted defect in every type of test; two hours on two cores, goes on where it was stopped
# make crashes   two hundred runs in which a process is killed at a random moment; an hour and a half
# make help    this text

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := acgs_load tests benchmarks monitoring run_load_test.py locustfile.py distributed_config.py performance_analyzer.py
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

MINUTES ?= 5

.PHONY: help demo test check campaign crashes fuzz

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^$$/q'

demo: $(VENV)/.run
	$(BIN)/python run_load_test.py --test-name demo --test-type smoke --target embedded:0

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 3 --dist loadfile

campaign: $(VENV)/.dev
	@mkdir -p docs
	PYTHONPATH=.:tests $(BIN)/python -m campaign

crashes: $(VENV)/.dev
	PYTHONPATH=.:tests $(BIN)/python -m crashes

check: $(VENV)/.dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive acgs_load benchmarks $(filter %.py,$(CODE))
	$(BIN)/python .ci/audit

fuzz: $(VENV)/.dev
	$(BIN)/python tests/fuzz.py --minutes $(MINUTES)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12 …)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.run
