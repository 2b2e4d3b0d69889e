#!/bin/bash
# The settings of Verger. Amazon MWAA runs this script in every container before it starts Airflow.
#
# `make mwaa` writes a copy to .verger/mwaa/startup.sh, in which each VERGER_<NAME> of its own environment replaces the
# value below or is appended. docs/settings.md explains every setting.
#
# MWAA sources the script and keeps the variables that it exports. Do not set shell options here: after an error with
# `set -e`, MWAA would find no variables.

# The bucket of the photos, to which Verger also writes all its data, and its region.
export VERGER_BUCKET=my-bucket
export VERGER_REGION=eu-west-3

# The artifact set in that bucket. MWAA has no shared folder, so VERGER_ARTIFACTS_DIR stays unset.
# `python -m verger.s3 upload-artifacts` uploads the set of `make artifacts` and prints this address.
export VERGER_ARTIFACTS_URI=

# The roles of EMR, and the subnets of its clusters, separated by commas. The role of MWAA needs iam:PassRole for both.
export VERGER_SERVICE_ROLE=EMR_DefaultRole_V2
export VERGER_NODE_ROLE=EMR_EC2_DefaultRole
export VERGER_SUBNET_IDS=

# The least size of a cluster: core nodes (On-Demand) and task nodes (Spot). A run with many photos adds nodes, up to
# VERGER_MAX_WORKERS.
export VERGER_CORE_ON_DEMAND=1
export VERGER_TASK_SPOT=1

# When the DAG runs.
export VERGER_SCHEDULE='0 2 * * *'
export VERGER_TIMEZONE=Europe/Paris
