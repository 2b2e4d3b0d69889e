"""The addresses of the pages, and the patterns of the ids in them."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

DAG_ID = "fruit_features"
PREFIX = "/verger"
"""Path of the pages in Airflow's API server."""
DAG_PAGE = f"/dags/{DAG_ID}"
"""The DAG in Airflow's UI, where the button Trigger opens the form. Airflow 3.3 opens no form from an address."""
ROUTE = "verger"
"""Route of the page in Airflow's UI: `/plugin/verger`."""
DAG_RUN_ROUTE = "verger-run"
"""Route of the tab of a DAG run."""

RUN_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$"
"""Pattern of the ids that verger.run_id makes: no slash, no quote, no leading dot."""
CLUSTER_ID = r"^j-[A-Z0-9]{1,32}$"
STEP_ID = r"^s-[A-Z0-9]{1,32}$"
STEP = r"^(featurize|verify_features|pca|verify_pca)$"
APPLICATION = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"

STEPS = ("featurize", VERIFY_FEATURES, "pca", VERIFY_PCA)
"""The steps of a run, in their order."""
STREAMS = ("stdout", "stderr", "controller")
"""Logs of a step. spark-submit writes the output of a Python driver to stdout, and Spark's messages to stderr."""
STREAM = rf"^({'|'.join(STREAMS)})$"


def root() -> str:
    """Return the path of the API server without a trailing slash. It is empty unless a proxy adds one."""
    from airflow.configuration import conf

    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def dag_run_page(dag_run_id: str) -> str:
    """Return the page of a run in Airflow's UI."""
    return f"{DAG_PAGE}/runs/{quote(dag_run_id, safe='')}"


def framed(page: str) -> str:
    """Return the address of a page in Airflow's frame, beside the navigation; `page` is for example `runs/<id>`."""
    return f"{root()}/plugin/{ROUTE}{root()}{PREFIX}/{page}"


def run_page(run: str) -> str:
    """Return the page of a run."""
    return f"runs/{run}"


def step_log_page(run: str, step: str) -> str:
    """Return the page of the log of a step."""
    return f"runs/{run}/steps/{step}"
