"""The files of Hadoop: EMR's defaults, the classifications of the cluster, and the addresses of this machine."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from local_aws.cluster.resources import Resources
from local_aws.yarn.configuration import Files, Worker, classified, client_files, node_files, write

WORKER = Worker("127.70.1.2", Resources(5632, 4), Path("/home"), Path("/scratch"), Path("/logs"))


def files_of(*configurations: dict[str, Any]) -> tuple[Files, Files]:
    given = classified(configurations)
    client = client_files(given, "127.70.1.1", Resources(6144, 4), Path("/tmp/x"))
    return client, node_files(client, given, WORKER)


def test_sizes_are_those_of_the_node_and_of_the_largest_worker() -> None:
    client, node = files_of()
    assert client["yarn-site"]["yarn.scheduler.maximum-allocation-mb"] == "6144"
    assert node["yarn-site"]["yarn.nodemanager.resource.memory-mb"] == "5632"
    assert node["yarn-site"]["yarn.nodemanager.resource.cpu-vcores"] == "4"


def test_classifications_replace_defaults_in_all_files_but_no_address() -> None:
    client, node = files_of(
        {
            "Classification": "yarn-site",
            "Properties": {
                "yarn.nodemanager.resource.memory-mb": "4096",
                "yarn.resourcemanager.hostname": "elsewhere",
                "yarn.nodemanager.local-dirs": "/mnt/yarn",
            },
        },
        {"Classification": "capacity-scheduler", "Properties": {"yarn.scheduler.capacity.resource-calculator": "D"}},
        {"Classification": "spark-defaults", "Properties": {"spark.x": "1"}},
    )
    assert node["yarn-site"]["yarn.nodemanager.resource.memory-mb"] == "4096"
    assert client["capacity-scheduler"]["yarn.scheduler.capacity.resource-calculator"] == "D"
    assert node["capacity-scheduler"]["yarn.scheduler.capacity.root.queues"] == "default"
    for files in (client, node):
        assert files["yarn-site"]["yarn.resourcemanager.hostname"] == "127.70.1.1"
    assert node["yarn-site"]["yarn.nodemanager.local-dirs"] == "/scratch/yarn"


def test_no_container_gets_the_region_from_its_node() -> None:
    _, node = files_of()
    names = node["yarn-site"]["yarn.nodemanager.env-whitelist"].split(",")
    assert "AWS_ACCESS_KEY_ID" in names
    assert "AWS_REGION" not in names


def test_a_value_may_have_any_character(tmp_path: Path) -> None:
    write({"core-site": {"a.b": 'x<y & "é"'}}, tmp_path, daemon=True)
    [found] = ET.parse(tmp_path / "core-site.xml").getroot()  # noqa: S314 (our own file)
    assert [child.text for child in found] == ["a.b", 'x<y & "é"']
    assert (tmp_path / "log4j2.properties").exists()
