"""Where the pages are, and what an id in an address may look like."""

from __future__ import annotations

from urllib.parse import urlsplit

DAG_ID = "fruit_features"
PREFIX = "/verger"
"""Under which the pages are mounted in Airflow's API server."""
ROUTE = "verger"
"""Of the page in Airflow's own frame: `/plugin/verger`."""

RUN_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$"
"""What verger.run_id makes: no slash, no quote, and no dot in front."""
CLUSTER_ID = r"^j-[A-Z0-9]{1,32}$"
STEP_ID = r"^s-[A-Z0-9]{1,32}$"
STAGE = r"^(featurize|pca)$"
APPLICATION = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"

STAGES = ("featurize", "pca")
STEP_STREAMS = ("stderr", "stdout", "controller")
"""Of the command that submits a step; on a cluster the step itself speaks in its driver's."""
DRIVER = "driver-"
STREAMS = (f"{DRIVER}stdout", f"{DRIVER}stderr", *STEP_STREAMS)
STREAM = rf"^({'|'.join(STREAMS)})$"


def root() -> str:
    """The path that the API server is reached under, without a slash at its end: empty, but behind a proxy."""
    from airflow.configuration import conf

    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def framed(page: str) -> str:
    """The address of a page in Airflow's frame, with the navigation beside it; `page` such as `runs/<id>`."""
    return f"{root()}/plugin/{ROUTE}{root()}{PREFIX}/{page}"


def run_page(run: str) -> str:
    return f"runs/{run}"


def stage_log_page(run: str, stage: str) -> str:
    return f"runs/{run}/stages/{stage}"
