"""Each instance of a cluster with YARN has an address, and the number of workers is bounded."""

from __future__ import annotations

from local_aws.emr.creation import build_cluster
from local_aws.settings import Settings
from tests.local_aws.clusters import request


def addresses(settings: Settings, core: int, task: int) -> dict[str, list[str]]:
    body = request("placed")
    body["Instances"]["InstanceGroups"] = [
        {"InstanceRole": role, "InstanceType": "m6g.xlarge", "InstanceCount": count}
        for role, count in (("TASK", task), ("MASTER", 1), ("CORE", core))
    ]
    groups = build_cluster(body, settings).groups
    return {group.role: [instance.private_ip for instance in group.instances] for group in groups}


def test_the_primary_has_the_first_address_and_core_nodes_the_next_ones() -> None:
    found = addresses(Settings(cluster="yarn", yarn_nodes=9), core=2, task=1)
    [primary] = found["MASTER"]
    network = primary.rpartition(".")[0]
    assert primary.startswith("127.")
    assert found == {
        "MASTER": [f"{network}.1"],
        "CORE": [f"{network}.2", f"{network}.3"],
        "TASK": [f"{network}.4"],
    }


def test_core_nodes_come_first_when_the_number_of_workers_is_bounded() -> None:
    found = addresses(Settings(cluster="yarn", yarn_nodes=3), core=2, task=5)
    assert {role: len(instances) for role, instances in found.items()} == {"MASTER": 1, "CORE": 2, "TASK": 1}


def test_two_clusters_have_different_networks() -> None:
    first, second = (addresses(Settings(cluster="yarn"), 1, 0)["MASTER"][0] for _ in range(2))
    assert first != second


def test_local_clusters_keep_the_addresses_of_a_vpc_and_all_workers() -> None:
    found = addresses(Settings(), core=2, task=5)
    assert {role: len(instances) for role, instances in found.items()} == {"MASTER": 1, "CORE": 2, "TASK": 5}
    assert found["CORE"][0].startswith("172.31.")
