"""The jars of the YARN daemons.

The jars of pyspark have Hadoop's client classes. The daemons are in hadoop-client-minicluster. The other jars are
dependencies that it does not contain. All versions and SHA-256 are pinned here.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local_aws.spark.jars import hadoop_version, run_ivy

#: Version of Hadoop of the daemons. The client classes on the class path must have the same version.
HADOOP = "3.4.2"
#: SHA-256 by Maven coordinates.
ARTIFACTS: Mapping[str, str] = {
    f"org.apache.hadoop:hadoop-client-minicluster:{HADOOP}": (
        "ae2406c544825b7734b8aad4f87eff60d9ec422284f0b16c2856032083b63c77"
    ),
    # The ResourceManager makes a certificate for its web proxy at its start.
    "org.bouncycastle:bcprov-jdk18on:1.78.1": "add5915e6acfc6ab5836e1fd8a5e21c6488536a8c1f21f386eeb3bf280b702d7",
    "org.bouncycastle:bcpkix-jdk18on:1.78.1": "4b48ea084e5232b9d79ebca1887b9de037b124931807cd60710748c2aee08cc9",
    "org.bouncycastle:bcutil-jdk18on:1.78.1": "d9fa56f97b0f761ce3bc8d9d74c5d7137a987bf5bd3abfe1003f9bafa45a1d2f",
    # The REST API of the daemons.
    "javax.xml.bind:jaxb-api:2.3.1": "88b955a0df57880a26a74708bc34f74dcaf8ebf4e78843a28b50eae945732b06",
}
#: Dependencies that are not needed: Spark has the classes of the Hadoop client.
EXCLUDED = ("org.apache.hadoop:hadoop-client-api", "org.apache.hadoop:hadoop-client-runtime")


def find(home: Path, jars: Path) -> Path:
    """Return the folder of the jars for a Spark home.

    Raises
    ------
    FileNotFoundError
        When the jars are not downloaded.
    ValueError
        When pyspark has another version of Hadoop.
    """
    if (version := hadoop_version(home)) != HADOOP:
        raise ValueError(f"{home}: expected the Hadoop {HADOOP} of the YARN jars, found Hadoop {version}")
    folder = _folder(jars)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no jars of YARN; run `python -m local_aws jars`")
    return folder


def download(venv: Path, jars: Path) -> Path | None:
    """Download the jars from Maven Central; return their folder, None when they exist already.

    Raises
    ------
    RuntimeError
        When a jar cannot be downloaded or has another SHA-256.
    """
    target = _folder(jars)
    if target.is_dir():
        return None
    jars.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars) as scratch:
        complete = Path(scratch, "complete")
        complete.mkdir()
        answer = run_ivy(venv, ARTIFACTS, EXCLUDED, Path(scratch))
        for coordinates, sha256 in ARTIFACTS.items():
            group, artifact, version = coordinates.split(":")
            name = f"{artifact}-{version}.jar"
            found = Path(scratch, "ivy", "jars", f"{group}_{name}")
            if not found.is_file():
                raise RuntimeError(
                    f"{coordinates}: not downloaded by Ivy; connect this machine to Maven Central, or copy the folder "
                    f"{jars.name}/{target.name} from another machine. The end of the output:\n{answer.stdout[-2000:]}"
                )
            shutil.copy(_verified(found, sha256), complete / name)
        try:
            complete.rename(target)
        except OSError:
            if not target.is_dir():  # else another process has downloaded them at the same time
                raise
    return target


def _folder(jars: Path) -> Path:
    return jars / f"yarn-hadoop-{HADOOP}"


def _verified(path: Path, sha256: str) -> Path:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise RuntimeError(f"{path.name}: expected SHA-256 {sha256}, found {found}; the file on the server has changed")
    return path
