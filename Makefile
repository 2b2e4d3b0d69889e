# Everything that is installed or built lies under $(STATE); `make clean` takes it away.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
STATE  := $(CURDIR)/.verger
VENV   := $(STATE)/venv
UV     := $(VENV)/uv/bin/uv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
DEV    := $(VENV)/dev/bin/python
AIRFLOW_TEST := $(VENV)/airflow-test/bin/python
export PYTHONPATH := $(CURDIR)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

.PHONY: demo
demo: setup ## run the whole pipeline here: on drawn fruit, or IMAGES=<folder or zip> [LIMIT=n]; FULL_REFRESH=1: all photos again
	@$(DEV) -m demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(LIMIT),--limit $(LIMIT)) $(if $(FULL_REFRESH),--full-refresh)

.PHONY: up
up: setup ## Airflow, S3, EMR and Spark history as processes on this machine, until Ctrl-C; [PHOTOS=n]: drawn into an empty bucket
	@$(DEV) -m development up $(if $(PHOTOS),--photos $(PHOTOS))

.PHONY: down
down: ## end what `make up` started
	@$(DEV) -m development down

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

.PRECIOUS: $(VENV)/%/.installed

.PHONY: setup
setup: $(VENV)/airflow/.installed artifacts jars ## install every environment, build the artifact set

.PHONY: artifacts
artifacts: $(VENV)/dev/.installed $(VENV)/export/.installed ## build what cluster nodes install and run
	@$(DEV) -m bootstrap.build $(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(ARCH),--arch $(ARCH))

.PHONY: jars
jars: $(VENV)/dev/.installed $(VENV)/spark/.installed ## resolve the jars by which the local Spark reads S3
	@$(DEV) -m local_aws jars

.PHONY: lock
lock: $(UV) ## renew the lock files after a change to requirements/*.in
	@for name in airflow airflow-test node spark spark35 export dev local-aws bench bench-notebook uv; do \
	  $(UV) pip compile -q --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	    --generate-hashes requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

# ---- measurements: benchmarks/README.md holds the tables ----

.PHONY: bench
bench: setup $(VENV)/bench/.installed $(VENV)/bench-notebook/.installed ## Verger, a bare loop, a notebook, Ray Data and Daft side by side; [PHOTOS=n] [REPEAT=n] [ONLY=comparison]
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins:$(CURDIR)/spark_jobs $(DEV) -m benchmarks.comparison $(if $(IMAGES),--images "$(IMAGES)") \
	  $(if $(PHOTOS),--photos $(PHOTOS)) $(if $(REPEAT),--repeat $(REPEAT)) $(if $(ONLY),--only $(ONLY))

.PHONY: bench-inventory
bench-inventory: $(VENV)/airflow-test/.installed ## memory and time of listing and comparing 10,000 to 10,000,000 keys
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins AIRFLOW_HOME=$(STATE)/airflow-test $(AIRFLOW_TEST) -m benchmarks.inventory

.PHONY: bench-incremental
bench-incremental: setup ## the whole DAG over 700 real photographs, then over what is new, then over nothing new
	@$(DEV) -m benchmarks.incremental $(if $(IMAGES),--images "$(IMAGES)")

.PHONY: bench-latency
bench-latency: setup ## step 1 when every answer of S3 takes 0 to 100 ms longer; [REPEAT=n]
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins $(DEV) -m benchmarks.latency $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: bench-growth
bench-growth: setup ## time and memory of both steps over 1,000 to 23,619 real photographs; [REPEAT=n]
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins $(DEV) -m benchmarks.growth $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: bench-profile
bench-profile: setup $(VENV)/bench/.installed ## where the time goes in both steps, before and now; [BEFORE=<commit>]
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins $(DEV) -m benchmarks.profile $(if $(BEFORE),--before $(BEFORE))

.PHONY: bench-kernels
bench-kernels: setup ## what the parts of a photo's path cost, in the ways that were weighed against each other
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins $(DEV) -m benchmarks.kernels

.PHONY: bench-planning
bench-planning: $(VENV)/dev/.installed ## what a million photos cost, from what was measured; SET="spot=0.35 EUR=0.9"
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins:$(CURDIR)/spark_jobs $(DEV) -m benchmarks.planning $(if $(SET),--set $(SET))

.PHONY: settings
settings: $(VENV)/airflow-test/.installed ## write the table of docs/settings.md from the declarations of the settings
	@PYTHONPATH=$(CURDIR)/plugins $(AIRFLOW_TEST) -m verger.settings > $(STATE)/settings.md
	@sed -i '/^| variable | default/,$$d' docs/settings.md && cat $(STATE)/settings.md >> docs/settings.md

.PHONY: pictures
pictures: setup ## take README's pictures of Airflow's UI again (needs chromium)
	@$(DEV) -m tests.browser.pictures

# ---- checks: what Airflow runs is tested where Airflow is installed, all the rest in the dev environment ----

IN_AIRFLOW := tests/dags tests/plugins tests/local_aws/emr/test_provider.py

.PHONY: test
test: lint test-airflow test-dev ## all linters and tests

.PHONY: test-dev
test-dev: setup $(VENV)/spark35/.installed ## tests of steps, bootstrap, local_aws and demo
	@$(DEV) -m pytest $(addprefix --ignore=,$(IN_AIRFLOW)) $(PYTEST)

.PHONY: test-airflow
test-airflow: setup $(VENV)/airflow-test/.installed ## tests of dags and plugins, with the provider's own operators
	@AIRFLOW_HOME=$(STATE)/airflow-test $(AIRFLOW_TEST) -m pytest $(IN_AIRFLOW) $(PYTEST)

.PHONY: lint
lint: $(VENV)/dev/.installed $(VENV)/airflow/.installed $(VENV)/spark/.installed ## ruff, mypy, shellcheck
	@$(DEV) -m ruff check .
	@$(DEV) -m ruff format --check .
	@$(DEV) -m mypy bootstrap demo development local_aws sample_photos spark_jobs verger_reader.py benchmarks \
	  --exclude 'benchmarks/(alternatives|inventory)'  # they run in other environments
	@$(DEV) -m mypy --python-executable $(VENV)/airflow/bin/python dags plugins
	@$(VENV)/dev/bin/shellcheck bootstrap/*.sh development/*.sh .ci/run
	@echo "lint: clean"

.PHONY: clean
clean: ## remove everything that was installed, built or stored locally
	@$(DEV) -m development down 2>/dev/null || true
	@$(DEV) -m local_aws down 2>/dev/null || true
	@rm -rf $(STATE)
