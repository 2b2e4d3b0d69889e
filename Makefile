# Everything that is installed or built is under $(STATE); `make clean` removes it.
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
help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 26

.PHONY: demo
demo: setup ## run the whole pipeline here, on drawn photos; [IMAGES=<folder or zip>] [LIMIT=n] [FULL_REFRESH=1]
	@$(DEV) -m demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(LIMIT),--limit $(LIMIT)) $(if $(FULL_REFRESH),--full-refresh)

.PHONY: up
up: setup ## start Airflow, S3, EMR and Spark history here, until Ctrl-C; [PHOTOS=n]: drawn into an empty bucket; [AIRFLOW_PORT=n] [S3_PORT=n] [EMR_PORT=n] [HISTORY_PORT=n]
	@$(DEV) -m development up $(if $(PHOTOS),--photos $(PHOTOS)) $(if $(AIRFLOW_PORT),--airflow-port $(AIRFLOW_PORT)) \
	  $(if $(S3_PORT),--s3-port $(S3_PORT)) $(if $(EMR_PORT),--emr-port $(EMR_PORT)) $(if $(HISTORY_PORT),--history-port $(HISTORY_PORT))

.PHONY: down
down: ## end what `make up` started
	@$(DEV) -m development down

# ---- environments: one folder each, installed from its lock file ----

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

# `test-mwaa` sets PYTHON_3_12.
$(VENV)/mwaa/.installed: requirements/airflow-mwaa.txt $(UV)
	@echo "installing the mwaa environment"
	@$(UV) venv -q --clear --python $(or $(PYTHON_3_12),3.12) $(VENV)/mwaa
	@$(UV) pip install -q --python $(VENV)/mwaa/bin/python --require-hashes -r $<
	@touch $@

.PHONY: setup
setup: $(VENV)/airflow/.installed artifacts jars ## install all environments, build the artifact set

.PHONY: artifacts
artifacts: $(VENV)/dev/.installed $(VENV)/export/.installed ## build what cluster nodes install and run; [ARCH=aarch64]
	@$(DEV) -m bootstrap.build $(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(ARCH),--arch $(ARCH))

.PHONY: jars
jars: $(VENV)/dev/.installed $(VENV)/spark/.installed ## download the jars with which the local Spark reads S3
	@$(DEV) -m local_aws jars

.PHONY: mwaa
mwaa: $(VENV)/airflow/.installed artifacts ## write the files for Amazon MWAA to .verger/mwaa; VERGER_BUCKET=<bucket>
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins $(VENV)/airflow/bin/python -m mwaa

# `jars` reads the environments that are there, so it does not run beside the installation of one.
$(VENV)/spark35/.installed: | jars

.PHONY: spark35
spark35: setup $(VENV)/spark35/.installed ## install Spark 3.5, which clusters of EMR 7 run
	@$(DEV) -m local_aws jars

.PHONY: lock
lock: $(UV) ## renew the lock files after an edit of requirements/*.in
	@for name in airflow airflow-test node spark spark35 export dev infra audit local-aws bench bench-notebook uv; do \
	  $(UV) pip compile -q --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	    --generate-hashes requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done
	@$(UV) pip compile -q --python-version 3.12 --no-header --no-emit-index-url --no-emit-find-links \
	  --generate-hashes requirements/airflow-mwaa.in -o requirements/airflow-mwaa.txt
	@$(UV) pip compile -q --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	  --python-platform aarch64-manylinux_2_28 --override requirements/node-aarch64.in \
	  --generate-hashes requirements/node.in -o requirements/node-aarch64.txt

# ---- what Verger depends on: docs/dependencies.md ----

.PHONY: audit
audit: $(VENV)/audit/.installed ## known vulnerabilities of all locked packages; [ENVIRONMENTS="<names>"]
	@$(VENV)/audit/bin/python -m dependencies.audit $(ENVIRONMENTS)

# local-aws has no package that dev has not. Without Python 3.12, the packages that only mwaa has are unknown.
.PHONY: licences
licences: setup $(VENV)/audit/.installed $(foreach name,airflow-test infra bench bench-notebook spark35,$(VENV)/$(name)/.installed) ## the licence of each locked package; [ENVIRONMENTS="<names>"]
	@python=$$(development/find_python.sh 3.12 $(UV)) && $(MAKE) --no-print-directory $(VENV)/mwaa/.installed PYTHON_3_12=$$python || true
	@$(DEV) -m bootstrap.build --arch aarch64 --cache-only
	@$(VENV)/audit/bin/python -m dependencies.licences $(ENVIRONMENTS)

.PHONY: sbom
sbom: setup spark35 $(VENV)/audit/.installed ## write SBOMs of what is deployed to .verger/sbom
	@$(VENV)/audit/bin/python -m dependencies.sbom

# ---- measurements: benchmarks/README.md has the tables ----

BENCH := PYTHONPATH=$(CURDIR):$(CURDIR)/plugins:$(CURDIR)/spark_jobs $(DEV)

.PHONY: bench
bench: setup $(VENV)/bench/.installed $(VENV)/bench-notebook/.installed ## compare Verger with a bare loop, a notebook, Ray Data and Daft; [PHOTOS=n] [REPEAT=n] [ONLY=comparison]
	@$(BENCH) -m benchmarks.comparison $(if $(IMAGES),--images "$(IMAGES)") \
	  $(if $(PHOTOS),--photos $(PHOTOS)) $(if $(REPEAT),--repeat $(REPEAT)) $(if $(ONLY),--only $(ONLY))

.PHONY: bench-inventory
bench-inventory: $(VENV)/airflow-test/.installed ## measure listing and comparing 10,000 to 10,000,000 keys
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins AIRFLOW_HOME=$(STATE)/airflow-test $(AIRFLOW_TEST) -m benchmarks.inventory

.PHONY: bench-incremental
bench-incremental: setup ## measure the DAG over 700 photographs, over a few new ones, over nothing new
	@$(BENCH) -m benchmarks.incremental $(if $(IMAGES),--images "$(IMAGES)")

.PHONY: bench-nights
bench-nights: setup ## measure each task over 23,612 photographs, and over 1, 4 and 16 million drawn ones; [REAL=n] [DRAWN="n n"] [NEW="n n"]
	@$(BENCH) -m benchmarks.scheduled $(if $(IMAGES),--images "$(IMAGES)") $(if $(REAL),--real $(REAL)) \
	  $(if $(DRAWN),--drawn $(DRAWN)) $(if $(NEW),--new $(NEW))

.PHONY: bench-latency
bench-latency: setup ## measure step 1 with 0 to 100 ms added to each response of S3; [REPEAT=n]
	@$(BENCH) -m benchmarks.latency $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: bench-growth
bench-growth: setup ## measure both steps over 1,000 to 23,619 photographs; [REPEAT=n]
	@$(BENCH) -m benchmarks.growth $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: bench-profile
bench-profile: setup $(VENV)/bench/.installed ## profile both steps, also of an earlier commit; [BEFORE=<commit>]
	@$(BENCH) -m benchmarks.profile $(if $(BEFORE),--before $(BEFORE))

.PHONY: bench-kernels
bench-kernels: setup ## measure each part of the processing of a photo; [ONLY=small|camera]
	@$(BENCH) -m benchmarks.kernels $(if $(ONLY),--only $(ONLY))

.PHONY: bench-decoding
bench-decoding: $(VENV)/dev/.installed ## measure memory and time of decoding each kind of file
	@$(BENCH) -m benchmarks.decoding

.PHONY: bench-opencv
bench-opencv: setup ## compare features after OpenCV's resize with those of Verger
	@$(BENCH) -m benchmarks.opencv_resize $(if $(IMAGES),--images "$(IMAGES)")

.PHONY: bench-orientation
bench-orientation: artifacts ## compare the features of upright photographs with those of turned ones
	@$(BENCH) -m benchmarks.orientation

.PHONY: bench-suspects
bench-suspects: artifacts ## measure precision and recall of the suspects among photographs with exchanged labels
	@$(BENCH) -m benchmarks.suspects $(if $(IMAGES),--images "$(IMAGES)")

.PHONY: bench-pages
bench-pages: $(VENV)/airflow-test/.installed ## measure the pages of a thousand runs and of a million photos
	@BENCH_PHOTOS=1000000 AIRFLOW_HOME=$(STATE)/airflow-test $(AIRFLOW_TEST) -m pytest -q -s tests/plugins/verger_ui/test_response_time.py -k "thousand or many_photos"

.PHONY: bench-bootstrap
bench-bootstrap: artifacts ## measure the bootstrap action on the system of a node, as root; [REPEAT=n]
	@$(BENCH) -m benchmarks.bootstrap_action $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: yarn-trial
yarn-trial: setup ## run the DAG on a real YARN of three nodes: vCPUs, memory, lost nodes, largest photos; [IMAGES=<folder or zip>] [LIMIT=n] [ONLY=dag|losses|photos]
	@$(BENCH) -m benchmarks.on_yarn $(if $(IMAGES),--images "$(IMAGES)") $(if $(LIMIT),--limit $(LIMIT)) $(if $(ONLY),--only $(ONLY))

.PHONY: bench-planning
bench-planning: $(VENV)/dev/.installed ## estimate the cost of a million photos; [SET="spot=0.35 EUR=0.9"]
	@$(BENCH) -m benchmarks.planning $(if $(SET),--set $(SET))

# ---- faults: docs/development.md explains the table ----

.PHONY: chaos
chaos: setup ## inject faults into the whole DAG and judge what happens; [ONLY=<names>] [LIST=1] [SEQUENCES=n] [SEED=n]
	@$(BENCH) -m chaos $(if $(ONLY),--only "$(ONLY)") $(if $(LIST),--list) $(if $(SEQUENCES),--sequences $(SEQUENCES)) \
	  $(if $(SEED),--seed $(SEED))

.PHONY: chaos-soak
chaos-soak: setup ## run the DAG often with changing photos, and measure what grows; [RUNS=n]
	@$(BENCH) -m chaos.soak $(if $(RUNS),--runs $(RUNS))

.PHONY: settings
settings: $(VENV)/airflow-test/.installed ## write the table of docs/settings.md from the declarations of the settings
	@PYTHONPATH=$(CURDIR)/plugins $(AIRFLOW_TEST) -m verger.settings > $(STATE)/settings.md
	@sed -i '/^| variable | default/,$$d' docs/settings.md && cat $(STATE)/settings.md >> docs/settings.md

.PHONY: pictures
pictures: setup ## renew docs/pictures (needs Chromium)
	@$(DEV) -m tests.browser.pictures

# ---- checks: tests of what Airflow runs need the environment airflow-test, all others need dev ----

IN_AIRFLOW := tests/plugins tests/mwaa tests/local_aws/emr/test_provider.py
JOBS := tests/spark_jobs tests/verger_photo tests/verger_contract
IN_BROWSER := tests/browser tests/demo
APART := $(JOBS) $(IN_BROWSER) tests/compose tests/dags tests/chaos tests/local_aws/yarn tests/benchmarks/on_yarn tests/bootstrap/node
OPERATORS := tests/plugins/emr/operators
IN_MWAA := tests/mwaa tests/dags/test_dag_bag.py tests/plugins/test_plugins_folder.py \
  $(OPERATORS)/test_create_cluster.py tests/plugins/verger_ui/test_access.py
# FULL=1 runs the long form of all tests; CONTRIBUTING.md says what each of the variables adds.
ifdef FULL
IN_MWAA := tests/mwaa tests/plugins tests/dags tests/local_aws/emr/test_provider.py
export FULL_CASES := 1
export FULL_RELEASES := 1
export FULL_YARN := 1
export FULL_NODE := 1
export FULL_KILLED_RUNS := 1
export FULL_STOPPED_RUNS := 1
export FULL_SWEEP := 1
endif

.PHONY: test
test: lint test-dev test-browser test-jobs test-airflow test-operators test-dags test-compose test-mwaa test-chaos test-yarn test-node ## all linters and the short form of all tests; [FULL=1]: the long form; [COVERAGE=1]: print the coverage

.PHONY: test-dev
test-dev: setup spark35 $(VENV)/audit/.installed ## tests of all that has no suite of its own; [ONLY=<paths>] [PYTEST="<options>"]
	@$(call measured,dev) $(DEV) -m pytest $(or $(ONLY),$(addprefix --ignore=,$(APART) $(IN_AIRFLOW))) $(COV) $(PYTEST)

# A suite of its own, so that it can run beside test-dev: its DAG runs wait much of the time.
.PHONY: test-browser
test-browser: setup ## tests of the pages in a browser, and of the demo; [ONLY=<paths>] [PYTEST="<options>"]
	@$(call measured,browser) $(DEV) -m pytest $(or $(ONLY),$(IN_BROWSER)) $(COV) $(PYTEST)

# A suite of its own, so that it can run beside test-dev.
.PHONY: test-jobs
test-jobs: setup spark35 ## tests of the Spark steps and the decoder; [ONLY=<paths>] [PYTEST="<options>"]
	@$(call measured,jobs) $(DEV) -m pytest $(or $(ONLY),$(JOBS)) $(COV) $(PYTEST)

.PHONY: test-photos
test-photos: $(VENV)/dev/.installed ## decode 7,800 generated image files of every kind; each is right or rejected
	@FULL_SWEEP=1 $(DEV) -m pytest tests/verger_photo/sweep

.PHONY: fuzz-photos
fuzz-photos: $(VENV)/dev/.installed ## decode 10,000 mutated photos of every kind; [FILES=n] [SEED=n]
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins $(DEV) -m tests.verger_photo.limits.fuzz $(if $(FILES),--files $(FILES)) $(if $(SEED),--seed $(SEED))

.PHONY: test-airflow
test-airflow: setup spark35 $(VENV)/airflow-test/.installed ## tests of plugins, without test-operators; [ONLY=<paths>] [PYTEST="<options>"]
	@$(call measured,airflow) AIRFLOW_HOME=$(STATE)/airflow-test $(AIRFLOW_TEST) -m pytest $(or $(ONLY),$(IN_AIRFLOW) --ignore=$(OPERATORS)) $(COV) $(PYTEST)

# A suite of its own: its tests wait for clusters much of the time.
.PHONY: test-operators
test-operators: setup $(VENV)/airflow-test/.installed ## tests of the EMR operators on local clusters; [PYTEST="<options>"]
	@$(call measured,operators) AIRFLOW_HOME=$(STATE)/airflow-operators $(AIRFLOW_TEST) -m pytest $(OPERATORS) $(COV) $(PYTEST)

# A suite of its own: its DAG runs wait much of the time, so the other suites can run beside it.
.PHONY: test-dags
test-dags: setup spark35 $(VENV)/airflow-test/.installed ## tests of dags, with whole runs; [ONLY=<paths>] [PYTEST="<options>"]
	@$(call measured,dags) AIRFLOW_HOME=$(STATE)/airflow-dags $(AIRFLOW_TEST) -m pytest $(or $(ONLY),tests/dags) $(COV) $(PYTEST)

.PHONY: test-compose
test-compose: setup ## tests of docker-compose.yml; skipped without Docker; [PYTEST="<options>"]
	@$(DEV) -m pytest tests/compose $(PYTEST)

.PHONY: test-chaos
test-chaos: setup ## a fault against the whole DAG on a running Airflow; `make chaos` has all; [PYTEST="<options>"]
	@$(call measured,chaos) $(DEV) -m pytest tests/chaos $(COV) $(PYTEST)

.PHONY: test-yarn
test-yarn: setup ## tests of the local EMR with a real YARN, and the loss of a node; [PYTEST="<options>"]
	@$(call measured,yarn) $(DEV) -m pytest tests/local_aws/yarn tests/benchmarks/on_yarn $(COV) $(PYTEST)

.PHONY: node-root
node-root: ## make the root file system of a node for test-node, with apt, as root
	@development/node_root.sh $(STATE)/node-root

.PHONY: test-node
test-node: setup ## tests of the bootstrap action on the system of a node; skipped without root or mmdebstrap; [PYTEST="<options>"]
	@[[ $(STATE)/node-root/root -nt development/node_root.sh ]] || $(MAKE) --no-print-directory node-root || echo "test-node: no root file system of a node: its tests are skipped"
	@$(call measured,node) $(DEV) -m pytest tests/bootstrap/node $(COV) $(PYTEST)

# The short suites run one after another, beside the long ones: two cores do not bear more.
ifneq (,$(filter test,$(MAKECMDGOALS)))
test-browser: | lint
test-compose: | test-jobs
test-mwaa: | test-operators
test-chaos: | test-mwaa
test-yarn: | test-chaos
test-node: | test-yarn
endif

.PHONY: test-mwaa
test-mwaa: setup ## tests with the packages of Amazon MWAA, on Python 3.12; [CLUSTER=yarn] [ONLY=<paths>] [PYTEST="<options>"]
	@python=$$(development/find_python.sh 3.12 $(UV)) \
	|| { echo "test-mwaa: skipped: no Python 3.12 in PATH or pyenv, and uv cannot download one"; exit 0; }; \
	$(MAKE) --no-print-directory $(VENV)/mwaa/.installed PYTHON_3_12=$$python \
	&& VERGER_LOCAL_CLUSTER=$(or $(CLUSTER),local) AIRFLOW_HOME=$(STATE)/airflow-mwaa \
	  $(VENV)/mwaa/bin/python -m pytest $(or $(ONLY),$(IN_MWAA)) $(PYTEST)

# With COVERAGE=1 each suite leaves a file of its own; `coverage` combines them.
measured = $(if $(COVERAGE),COVERAGE_FILE=$(STATE)/coverage/$(1))
COV := $(if $(COVERAGE),--cov --cov-report=)
ifdef COVERAGE
test: coverage
coverage: test-dags test-airflow test-operators test-dev test-browser test-jobs test-chaos test-yarn test-node
endif

.PHONY: coverage
coverage: $(VENV)/dev/.installed ## print the coverage that the last COVERAGE=1 measured, one line for each package
	@$(DEV) -m tests.coverage_by_package $(STATE)/coverage

.PHONY: lint
lint: lint-ruff lint-types lint-imports lint-shell lint-infra ## all linters
	@echo "lint: clean"

.PHONY: lint-ruff
lint-ruff: $(VENV)/dev/.installed ## ruff: rules and format
	@$(DEV) -m ruff check .
	@$(DEV) -m ruff format --check .

.PHONY: lint-types
lint-types: $(VENV)/dev/.installed $(VENV)/airflow-test/.installed $(VENV)/spark/.installed $(VENV)/audit/.installed ## mypy --strict, for the code and its tests
	@$(DEV) -m mypy bootstrap chaos demo development examples local_aws sample_photos spark_jobs verger_reader.py benchmarks tests \
	  --exclude '^(tests/(plugins|dags|mwaa)/|tests/local_aws/emr/test_provider)'  # other environments
	@$(DEV) -m mypy --python-executable $(VENV)/audit/bin/python dependencies
	@$(DEV) -m mypy --python-executable $(AIRFLOW_TEST) dags plugins mwaa tests/dags $(IN_AIRFLOW)

.PHONY: lint-imports
lint-imports: $(VENV)/dev/.installed ## import-linter: which package may import which
	@PYTHONPATH=$(CURDIR):$(CURDIR)/plugins:$(CURDIR)/spark_jobs $(VENV)/dev/bin/lint-imports

.PHONY: lint-shell
lint-shell: $(VENV)/dev/.installed ## shellcheck
	@$(VENV)/dev/bin/shellcheck bootstrap/*.sh development/*.sh mwaa/*.sh .ci/run

.PHONY: lint-infra
lint-infra: $(VENV)/dev/.installed $(VENV)/infra/.installed ## cfn-lint and checkov: the CloudFormation template
	@$(VENV)/dev/bin/cfn-lint --include-checks I --regions eu-central-1 eu-west-1 eu-west-3 eu-north-1 eu-south-1 eu-south-2 eusc-de-east-1 -- infra/*.yaml
	@$(VENV)/infra/bin/checkov --directory infra --framework cloudformation --skip-download --quiet --compact

.PHONY: clean
clean: ## remove everything that was installed, built or stored here
	@$(DEV) -m development down 2>/dev/null || true
	@$(DEV) -m local_aws down 2>/dev/null || true
	@rm -rf $(STATE)
