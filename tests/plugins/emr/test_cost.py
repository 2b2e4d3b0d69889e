"""Node hours and their estimated cost: calculated from values, and read from the EMR API of local_aws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from verger.clock import now
from verger.emr import cost, requests
from verger.emr.cost import Node, estimate, in_words, measure
from verger.emr.hook import IdempotentEmrHook
from verger.settings import Settings, SettingsError
from verger.settings.prices import Prices
from verger_contract.keys import Run

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

STARTED = datetime(2026, 11, 24, 2, tzinfo=UTC)
PRICES = Prices(instance_prices=("big=2.0", "small=1.0"), spot_share=0.5, emr_share=0.25, eur_for_usd=0.8)


def node(instance_type: str, market: str = "ON_DEMAND", *, hours: float = 1.0, running: bool = False) -> Node:
    return Node(instance_type, market, STARTED, STARTED + timedelta(hours=hours), running)


def test_cost_is_hours_times_price_by_type_and_market() -> None:
    found = estimate(["j-1"], [node("big", hours=2), node("small", "SPOT"), node("small", "SPOT", hours=3)], PRICES)
    assert found["clusters"] == ["j-1"]
    assert found["nodes"] == [
        {"type": "big", "market": "ON_DEMAND", "count": 1, "hours": 2.0},
        {"type": "small", "market": "SPOT", "count": 2, "hours": 4.0},
    ]
    assert found["node_hours"] == 6.0
    # Two hours at 2 USD plus a quarter for EMR; four hours at half of 1 USD plus a quarter of 1 USD for EMR.
    assert found["estimated_cost"] == pytest.approx((2 * 2.5 + 4 * 0.75) * 0.8)
    assert found["currency"] == "EUR"
    assert "Spot at 50% of it, EMR 25% on top, 0.8 EUR for a USD" in found["explanation"]
    assert in_words(found) == "6.00 node hours, about 6.40 EUR"


def test_the_explanation_names_a_type_without_a_price() -> None:
    found = estimate(["j-1"], [node("big"), node("x9.large")], PRICES)
    assert found["estimated_cost"] is None
    assert found["node_hours"] == 2.0
    assert "No estimate: VERGER_INSTANCE_PRICES has no price for x9.large." in found["explanation"]
    assert in_words(found) == "2.00 node hours, cost unknown (a type has no price)"


def test_nodes_that_still_run_count_until_the_report_and_the_explanation_says_so() -> None:
    assert "still running" not in estimate(["j-1"], [node("big")], PRICES)["explanation"]
    assert (
        "One node was still running"
        in estimate(["j-1"], [node("big"), node("big", running=True)], PRICES)["explanation"]
    )
    assert "2 nodes were still running" in estimate(["j-1"], [node("big", running=True)] * 2, PRICES)["explanation"]


def test_a_node_counts_a_minute_at_least_and_a_node_that_was_never_launched_counts_nothing() -> None:
    assert node("big", hours=0.001).hours == pytest.approx(1 / 60)
    assert Node("big", "SPOT", None, STARTED, running=False).hours == 0.0


def test_the_default_prices_cover_the_default_instance_types() -> None:
    settings = Settings.from_environment({"VERGER_BUCKET": "orchard"})
    types = {*settings.cluster.primary_instance_types, *settings.cluster.worker_instance_types}
    assert types <= settings.prices.on_demand.keys()
    # 0.202 USD, plus a quarter for EMR, times 0.87 EUR for a USD. On Spot EC2 costs two fifths of 0.202 USD.
    assert settings.prices.hourly_price("c6i.xlarge", "ON_DEMAND") == pytest.approx(0.202 * 1.25 * 0.87)
    assert settings.prices.hourly_price("c6i.xlarge", "SPOT") == pytest.approx(0.202 * 0.65 * 0.87)


@pytest.mark.parametrize("wrong", ["c6i.xlarge", "c6i.xlarge=", "c6i.xlarge=-1", "c6i.xlarge=0.2 USD"])
def test_an_invalid_price_is_an_error(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"VERGER_INSTANCE_PRICES: .*expected TYPE=PRICE"):
        Settings.from_environment({"VERGER_BUCKET": "orchard", "VERGER_INSTANCE_PRICES": wrong})


def launched(emr: EMRClient, settings: Settings, run: str, **other: Any) -> str:
    request = requests.cluster(
        settings, dag_id="fruit_features", run_id=run, artifacts="s3://orchard/artifacts/0", environment="/opt/v/0"
    )
    return emr.run_job_flow(**{**request, "BootstrapActions": [], **other})["JobFlowId"]


def test_the_node_hours_are_those_of_all_clusters_of_the_run(settings: Settings, bucket: str) -> None:
    emr = IdempotentEmrHook(aws_conn_id="aws_default", region_name="eu-west-3").emr_client
    run = Run(bucket, "run-1")
    assert measure(emr, run, settings.prices, now()) is None
    # A cluster of the run, a cluster of another run, and one of the same run id whose logs are in another bucket.
    first = launched(emr, settings, "run-1")
    others = [
        launched(emr, settings, "run-2"),
        launched(emr, settings, "run-1", LogUri="s3://another-orchard/logs/"),
    ]
    emr.terminate_job_flows(JobFlowIds=[first])
    emr.get_waiter("cluster_terminated").wait(ClusterId=first, WaiterConfig={"Delay": 1})
    second = launched(emr, settings, "run-1")
    try:
        assert {*cost.clusters_of(emr, run, now() - timedelta(hours=1))} == {first, second}
        two_hours_later = now() + timedelta(hours=2)
        found = measure(emr, run, settings.prices, two_hours_later)
    finally:
        emr.terminate_job_flows(JobFlowIds=[second, *others])
    assert found is not None
    kinds = {(row["type"], row["market"]): (row["count"], row["hours"]) for row in found["nodes"]}
    assert kinds.keys() == {("m6i.xlarge", "ON_DEMAND"), ("c6i.xlarge", "ON_DEMAND"), ("c6i.xlarge", "SPOT")}
    for count, hours in kinds.values():
        assert count == 2, "one of each cluster"
        # The node of the first cluster counts to its end, one minute at least. That of the second runs for two hours.
        assert hours == pytest.approx(2 + 1 / 60, abs=0.02)
    assert "3 nodes were still running" in found["explanation"]
    assert (found["estimated_cost"] or 0) > 0
