"""The Spark programs of the tests, and the steps that run them with one small executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.local_aws.clusters import BUCKET, step

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.type_defs import StepConfigTypeDef

#: A machine with two cores that also does other work starts a JVM in up to ten seconds.
SECONDS = 200.0
JOBS = {
    "write": """
import os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(100).coalesce(1).write.mode("overwrite").parquet(sys.argv[1])
place = lambda _: (os.environ["SPARK_LOCAL_IP"], os.environ["HOME"], os.environ.get("AWS_REGION"))
print("driver", *place(0))
print("executor", *spark.sparkContext.parallelize([1], 1).map(place).first())
print("setting", spark.conf.get("spark.verger.test"), spark.sparkContext.master)
spark.stop()
""",
    "hog": """
import time
from pyspark.sql import SparkSession
def allocate(_):
    block = bytearray(b"x" * 1_500_000_000)
    time.sleep(60)
    return len(block)
print(SparkSession.builder.getOrCreate().sparkContext.parallelize([1], 1).map(allocate).collect())
""",
    "count": """
import sys, time
from pyspark.sql import SparkSession
path = sys.argv[1]
context = SparkSession.builder.getOrCreate().sparkContext
def task(number, path=path):
    with open(path, "a") as file:
        file.write(f"{number}\\n")
    time.sleep(1)
    return number
print("counted", len(context.parallelize(range(20), 20).map(task).collect()))
""",
    "wait": """
import time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sparkContext.parallelize([1], 1).foreach(lambda _: time.sleep(600))
""",
}
#: One executor of 512 MiB and one core, and a JVM that starts fast.
SMALL = (
    "--num-executors", "1", "--executor-cores", "1", "--driver-memory", "512m",
    "--conf", "spark.dynamicAllocation.enabled=false", "--conf", "spark.task.maxFailures=1",
    "--conf", "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1",
    "--conf", "spark.executor.extraJavaOptions=-XX:TieredStopAtLevel=1",
)  # fmt: skip
#: Options of a program that survives the loss of its executor.
SURVIVES = {"count": ("--conf", "spark.task.maxFailures=4")}


def spark_step(job: str, mode: str, *arguments: str) -> StepConfigTypeDef:
    """Return a step that submits a program of JOBS."""
    program = f"s3://{BUCKET}/jobs/{job}.py"
    options = ("--master", "yarn", "--deploy-mode", mode, *SMALL, *SURVIVES.get(job, ()))
    return step(f"{job} {mode}", "spark-submit", *options, program, *arguments)


def submit(emr: EMRClient, cluster_id: str, job: str, mode: str, *arguments: str) -> str:
    """Add such a step to a cluster; return its id."""
    added = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[spark_step(job, mode, *arguments)])
    return added["StepIds"][0]


def addresses(emr: EMRClient, cluster_id: str, state: str = "RUNNING") -> dict[str, str]:
    """Return the address by the id of each instance in a state, the primary first."""
    listed = emr.list_instances(ClusterId=cluster_id)["Instances"]
    found = [instance for instance in listed if instance["Status"]["State"] == state]
    return {one["Ec2InstanceId"]: one["PrivateIpAddress"] for one in found}
