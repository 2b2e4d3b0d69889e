"""A real spark-submit step reads and writes Parquet on s3://; the release chooses the Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_aws.cluster.releases import spark_line
from local_aws.settings import Settings
from local_aws.spark.home import environment, of_line
from local_aws.stack import Stack
from tests.local_aws.clusters import BUCKET, log_text, shell, start, step, step_log, wait_cluster, wait_step
from tests.places import long_form
from tests.ports import free_ports

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

JOB = """
import os, sys
import pyspark
from pyspark.sql import SparkSession
import helper
spark = SparkSession.builder.appName("test").getOrCreate()
source, target = sys.argv[1:]
spark.range(1000).selectExpr("id", "id % 7 AS label").write.mode("overwrite").parquet(source)
counts = spark.read.parquet(source).groupBy("label").count()
counts.coalesce(1).write.mode("overwrite").parquet(target)
print("rows", spark.read.parquet(target).count(), helper.NAME)
print("setting", spark.conf.get("spark.verger.test"), spark.conf.get("spark.sql.shuffle.partitions"))
seen = spark.sparkContext.parallelize(range(4), 2).map(lambda _: os.environ["FROM_CLUSTER"]).distinct()
print("python", seen.collect())
print("spark", spark.version, "pyspark", pyspark.__version__, spark.sparkContext.master)
print("hadoop", spark._jvm.org.apache.hadoop.util.VersionInfo.getVersion())
spark.stop()
"""


@pytest.fixture(scope="module")
def job(s3: S3Client) -> str:
    s3.put_object(Bucket=BUCKET, Key="jobs/job.py", Body=JOB.encode())
    s3.put_object(Bucket=BUCKET, Key="jobs/helper.py", Body=b'NAME = "helped"\n')
    return f"s3://{BUCKET}/jobs"


def skip_without_spark_of(release: str) -> None:
    if not (venv := environment(spark_line(release), Settings())).exists():
        pytest.skip(f"{venv}: not installed (`make test` installs it)")


def spark_cluster(emr: EMRClient, release: str, *arguments: str) -> tuple[str, str]:
    configurations = [
        {
            "Classification": "spark-defaults",
            "Properties": {"spark.sql.shuffle.partitions": "3", "spark.verger.test": "cluster"},
        },
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": {"FROM_CLUSTER": "exported"}}],
        },
    ]
    command = [
        "spark-submit",
        "--master",
        "yarn",
        "--deploy-mode",
        "cluster",
        "--conf",
        "spark.verger.test=step",
        *arguments,
    ]
    cluster_id = start(emr, release, step("spark", *command), Configurations=configurations, ReleaseLabel=release)
    return cluster_id, emr.list_steps(ClusterId=cluster_id)["Steps"][0]["Id"]


@pytest.mark.parametrize(("release", "spark"), [("emr-spark-8.1.0", "4.1.1"), long_form("emr-7.14.0", "3.5.6")])
def test_step_reads_and_writes_parquet_on_s3(emr: EMRClient, s3: S3Client, job: str, release: str, spark: str) -> None:
    skip_without_spark_of(release)
    source, target = f"s3://{BUCKET}/pq/a b é/{spark}", f"s3://{BUCKET}/pq/run={spark}/target"
    cluster_id, step_id = spark_cluster(emr, release, "--py-files", f"{job}/helper.py", f"{job}/job.py", source, target)
    status = wait_step(emr, cluster_id, step_id)["Status"]
    assert status["State"] == "COMPLETED", step_log(s3, cluster_id, step_id, "stderr")[-3000:]
    out = step_log(s3, cluster_id, step_id, "stdout")
    assert "rows 7 helped" in out
    assert "setting step 3" in out, "the step's --conf wins over the classification, which wins over Spark's default"
    assert "python ['exported']" in out
    assert f"spark {spark} pyspark {spark} local[" in out
    assert "hadoop 3.4.2" in out
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"pq/run={spark}/target/")["Contents"]]
    assert f"pq/run={spark}/target/_SUCCESS" in keys
    done = json.loads(s3.get_object(Bucket=BUCKET, Key=f"pq/run={spark}/target/_SUCCESS")["Body"].read())
    assert done["committer"] == "directory", "files are written to their final keys, none is renamed"
    assert [key for key in done["filenames"] if key.lstrip("/") not in keys] == []
    assert not [key for key in keys if "_temporary" in key]
    controller = step_log(s3, cluster_id, step_id, "controller")
    assert "--master yarn: left out" in controller
    wait_cluster(emr, cluster_id)


def test_spark_35_that_is_not_installed_fails_the_step(tmp_path: Path) -> None:
    first = free_ports()
    own = Stack(tmp_path, s3_port=first, emr_port=first + 8, spark35_venv=tmp_path / "none")
    own.up()
    try:
        own.client("s3").create_bucket(Bucket=BUCKET)
        emr = own.client("emr")
        cluster_id, step_id = spark_cluster(emr, "emr-7.14.0", "job.py")
        status = wait_step(emr, cluster_id, step_id)["Status"]
        assert status["State"] == "FAILED"
        assert status["FailureDetails"]["Reason"] == (
            f"emr-7.14.0 has Spark 3.5; {tmp_path}/none: not installed, `make spark35` installs it"
        )
    finally:
        own.down()


@pytest.mark.parametrize("label", ["emr-spark-8.1.0", "emr-7.14.0"])
def test_versions_of_a_release_are_those_that_run_here(emr: EMRClient, label: str, tmp_path: Path) -> None:
    skip_without_spark_of(label)
    apps = emr.describe_release_label(ReleaseLabel=label)["Applications"]
    versions = {app["Name"]: app["Version"] for app in apps if "Version" in app}
    jars = of_line(spark_line(label), Settings(), tmp_path) / "jars"
    assert list(jars.glob(f"spark-core_*-{versions['Spark']}.jar"))
    assert list(jars.glob(f"hadoop-client-api-{versions['Hadoop']}.jar"))


def test_the_last_line_of_a_python_program_is_the_reason(emr: EMRClient, s3: S3Client, tmp_path: Path) -> None:
    """spark-submit in client mode writes the stderr of its Python program to stdout."""
    (tmp_path / "fails.py").write_text(
        "import sys\nfrom pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(3).count()\n"
        "print('verger: error: no photo readable', file=sys.stderr)\nsys.exit(1)\n"
    )
    cluster_id = start(emr, "fails", step("fails", "spark-submit", str(tmp_path / "fails.py")))
    step_id = emr.list_steps(ClusterId=cluster_id)["Steps"][0]["Id"]
    details = wait_step(emr, cluster_id, step_id)["Status"]["FailureDetails"]
    assert details["Message"] == "verger: error: no photo readable (exit code 1)"
    assert "no photo readable" in log_text(s3, details["LogFile"])


def test_termination_ends_the_jvm_and_its_python_workers(emr: EMRClient, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\nfrom pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"
        f"def wait(n):\n    open('{tmp_path}/worker', 'w').close()\n    time.sleep(300)\n"
        "spark.sparkContext.parallelize(range(2), 2).foreach(wait)\n"
    )
    from local_aws.processes.cluster import cluster_processes
    from tests.local_aws.emr.test_steps import until

    cluster_id = start(
        emr, "slow spark", step("slow", "spark-submit", str(tmp_path / "slow.py")), shell("next", "true")
    )
    until((tmp_path / "worker").exists, "a Python worker runs", seconds=300)
    assert len(cluster_processes(cluster_id)) >= 5, "subreaper, JVM, driver, daemon, worker"
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    wait_cluster(emr, cluster_id)
    assert cluster_processes(cluster_id) == []
