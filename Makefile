# Everything that is installed or built lies under $(STATE); `make clean` takes it away.
SHELL := /bin/bash
.DEFAULT_GOAL := help
STATE  := $(CURDIR)/.verger
VENV   := $(STATE)/venv
UV     := $(VENV)/uv/bin/uv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
DEV    := $(VENV)/dev/bin/python
export PYTHONPATH := $(CURDIR)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

# ---- environments: one folder each, installed from its lock file and never mixed ----

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Verger needs Python 3.11 or newer")'
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install -q --require-hashes -r $<
	@touch $@

$(VENV)/%/.installed: requirements/%.txt $(UV)
	@echo "installing the $* environment"
	@$(UV) venv -q --clear --python 3.11 $(VENV)/$*
	@$(UV) pip install -q --python $(VENV)/$*/bin/python --require-hashes -r $<
	@touch $@

.PHONY: setup
setup: $(VENV)/dev/.installed $(VENV)/airflow/.installed $(VENV)/spark/.installed artifacts ## install every environment, build the artifact set

.PHONY: lock
lock: $(UV) ## renew the lock files after a change to requirements/*.in
	@for name in airflow airflow-test node spark spark35 export dev uv; do \
	  $(UV) pip compile -q --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	    --generate-hashes requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done
