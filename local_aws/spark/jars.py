"""The jars that a local Spark needs for `s3://`.

These are hadoop-aws, the modules of the AWS SDK that S3A uses, and Spark's binding to the committers of S3A. With these
committers, as on EMR, no file is renamed. Each version of Spark has a folder of its own, because of the binding.

hadoop-aws depends on the complete SDK, a jar of 500 MB. The modules below have 18 MB. The package resolver of Spark
downloads them once into a folder. Steps use that folder without a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from local_aws.spark import trust
from local_aws.spark.java import java_home

VARIABLE = "VERGER_S3A_JARS"
#: Version of the AWS SDK by version of Hadoop, from the pom of hadoop-project.
SDK_VERSIONS = {"3.4.2": "2.29.52"}
#: Artifact with Spark's binding to the committers of S3A, without the version of Scala.
BINDING = "spark-hadoop-cloud"
#: Version of the binding by version of Spark, where Maven Central has none of the same version.
BINDING_VERSIONS = {"3.5.6": "3.5.8"}
SDK = "software.amazon.awssdk"
SDK_MODULES = ("s3", "s3-transfer-manager", "sts", "apache-client", "netty-nio-client")
#: Dependencies that are not needed: the SDK in one jar, and other clouds, on which the binding of Spark depends.
EXCLUDED = (
    f"{SDK}:bundle",
    *(f"org.apache.hadoop:hadoop-{name}" for name in ("azure", "cloud-storage", "huaweicloud")),
    "com.google.cloud.bigdataoss:gcs-connector",
    "com.fasterxml.jackson.dataformat:jackson-dataformat-cbor",
    "org.eclipse.jetty:jetty-util",
    "org.eclipse.jetty:jetty-util-ajax",
)


def coordinates(home: Path) -> list[str]:
    """Return the Maven coordinates for a Spark home.

    Raises
    ------
    FileNotFoundError
        When the folder is not a Spark home.
    ValueError
        For a version of Hadoop without an entry in SDK_VERSIONS.
    """
    hadoop = hadoop_version(home)
    if hadoop not in SDK_VERSIONS:
        raise ValueError(
            f"hadoop-aws {hadoop}: s3:// is supported with Hadoop {', '.join(SDK_VERSIONS)}; with this Spark use file://,"
            f" or put its S3A jars in a folder and name it in {VARIABLE}"
        )
    sdk = [f"{SDK}:{module}:{SDK_VERSIONS[hadoop]}" for module in SDK_MODULES]
    scala = _core(home).rpartition("-")[0].partition("_")[2]
    return [f"org.apache.hadoop:hadoop-aws:{hadoop}", f"org.apache.spark:{BINDING}_{scala}:{_binding(home)}", *sdk]


def _binding(home: Path) -> str:
    """Return the version of the binding for a Spark home."""
    return BINDING_VERSIONS.get(version := spark_version(home), version)


def spark_home(venv: Path) -> Path:
    """Return the folder of the pyspark package in an environment.

    Raises
    ------
    FileNotFoundError
        When pyspark is not installed there.
    """
    for home in sorted(venv.glob("lib/python*/site-packages/pyspark")):
        return home
    raise FileNotFoundError(f"{venv}: no pyspark in this environment; `make setup` installs it")


def spark_version(home: Path) -> str:
    """Return the version of a Spark home."""
    return _core(home).rpartition("-")[2]


def _core(home: Path) -> str:
    """Return the name of the jar of Spark's core, such as `spark-core_2.13-4.1.1`."""
    for jar in (home / "jars").glob("spark-core_*.jar"):
        return jar.stem
    raise FileNotFoundError(f"{home}/jars: no spark-core jar; is this a Spark home?")


def hadoop_version(home: Path) -> str:
    """Return the version of Hadoop in a Spark home."""
    for jar in (home / "jars").glob("hadoop-client-api-*.jar"):
        return jar.stem.removeprefix("hadoop-client-api-")
    raise FileNotFoundError(f"{home}/jars: no hadoop-client-api jar; is this a Spark home?")


def find(home: Path, jars: Path) -> Path | None:
    """Return the folder of the S3A jars for a Spark home, None when it does not exist.

    It is $VERGER_S3A_JARS if the binding in that folder is the one for this Spark, else the folder of `resolve`.
    """
    given = os.environ.get(VARIABLE)
    if given and any(Path(given).glob(f"{BINDING}_*-{_binding(home)}.jar")):
        return Path(given)
    folder = _folder(home, jars)
    return folder if folder.is_dir() else None


def _folder(home: Path, jars: Path) -> Path:
    return jars / f"s3a-hadoop-{hadoop_version(home)}-spark-{spark_version(home)}"


def resolve(home: Path, venv: Path, jars: Path) -> Path:
    """Download the S3A jars for a Spark home, unless they exist; return their folder.

    Parameters
    ----------
    home : Path
        The Spark home.
    venv : Path
        The environment whose pyspark downloads them.
    jars : Path
        Parent folder of the new folder.

    Raises
    ------
    RuntimeError
        When the jars cannot be resolved. The message names the coordinates and the reason.
    """
    if (found := find(home, jars)) is not None:
        return found
    target = _folder(home, jars)
    wanted = coordinates(home)
    jars.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars) as scratch:
        answer = run_ivy(venv, wanted, EXCLUDED, Path(scratch))
        resolved = sorted(Path(scratch, "ivy", "jars").glob("*.jar"))
        if answer.returncode != 0 or not resolved:
            raise RuntimeError(_failure(wanted, answer.stdout, target))
        complete = Path(scratch, "complete")
        complete.mkdir()
        in_spark = {_artifact(jar.name) for jar in (home / "jars").glob("*.jar")}
        for jar in resolved:
            group, _, name = jar.name.partition("_")
            # A second version of a jar of Spark could replace it on the class path. Spark has no module of the SDK, but
            # pyspark 3.5 has a jar of the same name as the SDK's annotations.
            if group == SDK or _artifact(name) not in in_spark:
                shutil.copy(jar, complete / name)
        try:
            complete.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    return target


def run_ivy(
    venv: Path, wanted: Iterable[str], excluded: Iterable[str], scratch: Path
) -> subprocess.CompletedProcess[str]:
    """Run spark-submit with an empty program: it downloads the packages to `<scratch>/ivy/jars`.

    The name of a file there is `<group>_<artifact>-<version>.jar`.
    """
    home = spark_home(venv)
    program = scratch / "empty.py"
    program.write_text("")
    return subprocess.run(
        [
            str(home / "bin" / "spark-submit"), "--master", "local[1]", "--conf", f"spark.jars.ivy={scratch}/ivy",
            "--packages", ",".join(wanted), "--exclude-packages", ",".join(excluded),
            "--driver-java-options", trust.java_options(scratch), str(program),
        ],
        env={**os.environ, "SPARK_HOME": str(home), "JAVA_HOME": str(java_home(venv)),
             "PYSPARK_PYTHON": str(venv / "bin" / "python")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def _failure(wanted: list[str], output: str, target: Path) -> str:
    unresolved = [
        line.split("::")[1].strip()
        for line in output.splitlines()
        if line.strip().startswith(":: ") and "not found" in line
    ]
    unreachable = sorted(set(re.findall(r"Host (\S+) not found", output)))
    reasons = sorted(set(re.findall(r"\((\S+(?:Exception|Error): .*)\)\s*$", output, re.MULTILINE)))
    last = [line for line in output.splitlines() if line.strip()][-1:] if not (unresolved or reasons) else []
    return "\n".join([
        "The S3A jars could not be resolved from Maven Central by Ivy:",
        *(f"  {name}" for name in (unresolved or wanted)),
        *(f"  unreachable: {host}" for host in unreachable),
        *(f"  {reason}" for reason in [*reasons, *last]),
        f"Connect this machine to Maven Central, or put the jars of {', '.join(wanted)} and their",
        "dependencies in a folder (on another machine: `python -m local_aws jars`, then copy",
        f".verger/jars/{target.name}), and set {VARIABLE} to it.",
    ])  # fmt: skip


def _artifact(jar: str) -> str:
    """Return the artifact of a jar: `netty-common` for `netty-common-4.2.7.Final.jar`."""
    name: list[str] = []
    for part in jar.removesuffix(".jar").split("-"):
        if part[:1].isdigit():
            break
        name.append(part)
    return "-".join(name)
