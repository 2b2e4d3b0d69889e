# The images of docker-compose.yml: `airflow`, and `local-aws` with S3, EMR and Spark. Both have the repository in
# /opt/verger, and in its .verger/ the environments that `make setup` installs, from the same lock files.

# All processes run as the user `verger`. Volumes are mounted on its folders and inherit their owner.
FROM python:3.11-slim-bookworm AS base
ARG RUN_AS_UID=1000
ARG RUN_AS_GID=1000
RUN groupadd --non-unique --gid "$RUN_AS_GID" verger \
 && useradd --non-unique --uid "$RUN_AS_UID" --gid verger --no-create-home --home-dir /var/lib/verger verger \
 && for folder in "" airflow artifacts local_aws secrets; do \
      install -d -m 750 -o verger -g verger "/var/lib/verger/$folder" || exit 1; \
    done
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/var/lib/verger XDG_CACHE_HOME=/tmp/.cache XDG_CONFIG_HOME=/tmp/.config
WORKDIR /opt/verger
COPY development/install_environment.sh /usr/local/bin/install-environment
COPY requirements/uv.txt requirements/

# Model and wheelhouse. The layer removes TensorFlow, which only the export of the model needs. It copies no more of the
# steps' code than the canary, so that other edits do not export the model again.
FROM base AS model
COPY requirements/export.txt requirements/node.txt requirements/node-aarch64.txt requirements/
COPY bootstrap/ bootstrap/
COPY plugins/verger_contract/__init__.py plugins/verger_contract/errors.py plugins/verger_contract/
COPY plugins/verger_photo/__init__.py plugins/verger_photo/canary.py plugins/verger_photo/
RUN sh /usr/local/bin/install-environment export \
 && python3 -m bootstrap.build --cache-only --pip-python "$(command -v python3)" \
 && rm -rf .verger/venv

FROM base AS local-aws
COPY requirements/local-aws.txt requirements/spark.txt requirements/
RUN COMPILE=1 sh /usr/local/bin/install-environment local-aws spark
ENV PATH=/opt/verger/.verger/venv/local-aws/bin:$PATH
COPY local_aws/ local_aws/
RUN python -m local_aws jars && python -m local_aws java
COPY --from=model /opt/verger/.verger/cache .verger/cache
COPY requirements/export.txt requirements/node.txt requirements/node-aarch64.txt requirements/
COPY bootstrap/ bootstrap/
COPY sample_photos/ sample_photos/
COPY development/ development/
COPY spark_jobs/ spark_jobs/
COPY plugins/verger_contract/ plugins/verger_contract/
COPY plugins/verger_photo/ plugins/verger_photo/
USER verger

FROM base AS airflow
COPY requirements/airflow.txt requirements/
RUN COMPILE=1 sh /usr/local/bin/install-environment airflow
ENV PATH=/opt/verger/.verger/venv/airflow/bin:$PATH AIRFLOW_HOME=/var/lib/verger/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/verger/dags AIRFLOW__CORE__PLUGINS_FOLDER=/opt/verger/plugins \
    PYTHONPATH=/opt/verger/airflow_config
COPY development/airflow_config/ airflow_config/
COPY dags/ dags/
COPY plugins/ plugins/
USER verger
