"""Which clusters the janitor regards as launched by this Airflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from verger.emr import requests
from verger.janitor import airflow_run_tag
from verger.janitor.clusters import own
from verger.settings import Settings

LAUNCHED = datetime(2026, 11, 27, 2, tzinfo=UTC)
DAG_RUN = "scheduled__2026-11-27T01:00:00+00:00"


def described(**values: str) -> dict[str, Any]:
    settings = Settings.from_environment({"VERGER_BUCKET": "orchard"} | values)
    request = requests.cluster(
        settings,
        dag_id="fruit_features",
        run_id="run-1",
        artifacts="s3://orchard/artifacts/0",
        environment="/opt/v/0",
        airflow_run=airflow_run_tag.encode(DAG_RUN),
    )
    return {
        "Id": "j-1",
        "Status": {"State": "WAITING", "Timeline": {"CreationDateTime": LAUNCHED}},
        # EMR changes the scheme of the address.
        "LogUri": request["LogUri"].replace("s3://", "s3n://"),
        "Tags": request["Tags"],
        "TerminationProtected": False,
    }


def without(found: dict[str, Any], key: str) -> dict[str, Any]:
    return {**found, "Tags": [tag for tag in found["Tags"] if tag["Key"] != key]}


def test_a_cluster_of_this_airflow_has_its_dag_run() -> None:
    found = own(described(), "orchard", "orchard")
    assert found is not None
    assert (found.id, found.dag, found.dag_run, found.run) == ("j-1", "fruit_features", DAG_RUN, "run-1")
    assert (found.launched_at, found.protected) == (LAUNCHED, False)


def test_a_cluster_of_an_earlier_version_belongs_to_the_airflow_with_the_name_of_the_bucket() -> None:
    old = without(without(described(), "verger:deployment"), "verger:airflow-run")
    found = own(old, "orchard", "orchard")
    assert found is not None
    assert found.dag_run == ""
    assert own(old, "orchard", "blue") is None


@pytest.mark.parametrize(
    "foreign",
    [
        without(described(), "verger:dag"),
        without(described(), "verger:run"),
        {**described(), "Tags": []},
        described(VERGER_DEPLOYMENT="blue"),
        described(VERGER_BUCKET="other-orchard"),
        described(VERGER_BUCKET="other-orchard", VERGER_DEPLOYMENT="orchard"),
        {**described(), "LogUri": "s3n://orchard-2/logs/"},
        {**described(), "LogUri": ""},
        {**described(), "Status": {"State": "TERMINATING", "Timeline": {"CreationDateTime": LAUNCHED}}},
    ],
)
def test_a_cluster_of_someone_else_is_none(foreign: dict[str, Any]) -> None:
    assert own(foreign, "orchard", "orchard") is None


def test_two_airflows_with_one_bucket_have_their_own_clusters() -> None:
    blue = described(VERGER_DEPLOYMENT="blue")
    assert own(blue, "orchard", "blue") is not None
    assert own(described(), "orchard", "blue") is None


@pytest.mark.parametrize("run", ["a", DAG_RUN, "test~1", "50 % = é/@", "\N{PERSONAL COMPUTER}" * 21, "=41", "x" * 250])
def test_every_dag_run_id_fits_into_a_tag_or_is_left_out(run: str) -> None:
    from re import fullmatch

    value = airflow_run_tag.encode(run)
    assert len(value) <= 256
    assert fullmatch(r"[A-Za-z0-9 .:/=+\-@_]*", value)
    assert airflow_run_tag.decode(value) == (run if value else "")


def test_a_value_that_would_be_too_long_is_left_out() -> None:
    assert airflow_run_tag.encode("é" * 43) == ""
