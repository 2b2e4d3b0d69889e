"""A step on a real YARN in a stack that enforces the policies: the credentials of its driver and of its executor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local_aws.iam import record
from local_aws.iam.account import ADMINISTRATOR, NODES
from local_aws.settings import Settings
from local_aws.stack import Stack
from tests.local_aws.clusters import log_text, start, step, wait_cluster
from tests.local_aws.conftest import started
from tests.local_aws.yarn.jobs import SECONDS, SMALL
from tests.places import of_long_form

BUCKET = "orchard"
JOB = """
import os
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
keys = lambda _: sorted(name for name in os.environ if name.startswith("AWS_") and "KEY" in name)
print("keys", keys(0), spark.sparkContext.parallelize([1], 1).map(keys).first())
rows = spark.read.text("s3://orchard/images/Kiwi/*.txt")
print("read", [row.value for row in rows.collect()])
for folder in ("runs/run-1/drift~0123abcd", "images/Kiwi/written", "artifacts/written"):
    try:
        rows.write.text(f"s3://orchard/{folder}")
        print("wrote", folder)
    except Py4JJavaError as error:
        print("refused", folder, "AccessDenied" in str(error))
spark.stop()
"""


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that enforces the policies of the template for BUCKET, with one NodeManager."""
    if not (Settings().jars / "yarn-hadoop-3.4.2").is_dir():
        pytest.skip("the jars of YARN are not installed (`make jars` downloads them)")
    state = tmp_path_factory.mktemp("enforced")
    with started(state, "--cluster", "yarn", "--yarn-nodes", "1", "--enforce", BUCKET) as running:
        yield running


@of_long_form
def test_driver_and_executor_use_the_credentials_of_the_node_and_write_where_nodes_may(enforced: Stack) -> None:
    s3, emr = enforced.client("s3", ADMINISTRATOR), enforced.client("emr", ADMINISTRATOR)
    s3.put_object(Bucket=BUCKET, Key="images/Kiwi/1.txt", Body=b"kiwi")
    s3.put_object(Bucket=BUCKET, Key="jobs/job.py", Body=JOB.encode())
    arguments = ("--master", "yarn", "--deploy-mode", "client", *SMALL, f"s3://{BUCKET}/jobs/job.py")
    request: Any = {"LogUri": f"s3://{BUCKET}/logs/", "Instances": ONE_WORKER}
    cluster_id = start(emr, "enforced", step("job", "spark-submit", *arguments), **request)
    wait_cluster(emr, cluster_id, "TERMINATED", seconds=SECONDS)
    (done,) = emr.list_steps(ClusterId=cluster_id)["Steps"]
    output = log_text(s3, f"s3://{BUCKET}/logs/{cluster_id}/steps/{done['Id']}/stdout.gz")
    assert output.splitlines() == [
        "keys [] []",
        "read ['kiwi']",
        "wrote runs/run-1/drift~0123abcd",
        "refused images/Kiwi/written True",
        "refused artifacts/written True",
    ]
    used = [one for one in record.read(enforced.settings.state) if one.principal != ADMINISTRATOR]
    assert {one.principal for one in used} == {NODES}
    assert {one.action for one in used if one.allowed} >= {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}
    # Only the committer of S3A, by which this job writes, lists uploads. The steps write no table by Spark.
    denied = [one for one in used if not one.allowed and one.action != "s3:ListBucketMultipartUploads"]
    refused = {one.resource.partition(f"{BUCKET}/")[2].split("/")[0] for one in denied}
    assert refused == {"images", "artifacts"}


ONE_WORKER = {
    "InstanceGroups": [
        {"InstanceRole": role, "InstanceType": "c6i.xlarge", "InstanceCount": 1} for role in ("MASTER", "CORE")
    ],
    "KeepJobFlowAliveWhenNoSteps": False,
}
