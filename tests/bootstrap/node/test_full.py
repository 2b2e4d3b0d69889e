"""The full form of the node's tests (FULL_NODE=1): the set comes from S3; an emulated aarch64."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.build import Build, build
from development import node_system
from development.node_system import ENVIRONMENT, STATE, NodeSystem
from tests.bootstrap.conftest import BUCKET
from tests.bootstrap.node.test_node import MODULES
from tests.places import ROOT

pytestmark = pytest.mark.skipif(
    "FULL_NODE" not in os.environ, reason="minutes: `FULL_NODE=1 make test-node` runs the script over S3 and on aarch64"
)
SITE_PACKAGES = Path(sys.executable).parents[1] / "lib" / "python3.11" / "site-packages"
AWS = '#!/bin/sh\nPYTHONPATH=/opt/aws exec python3.11 -m awscli "$@"\n'
AARCH64 = STATE / "node-root-aarch64" / "root"


def test_the_set_comes_from_s3_by_the_aws_command(artifact_set: Path, tmp_path: Path) -> None:
    with NodeSystem(artifact_set.parent) as node:
        # Debian's AWS CLI is too old for a local endpoint. Its folder is not on the PATH of sudo.
        node.bind(SITE_PACKAGES, "/opt/aws")
        node.run(["sh", "-c", f"printf '%s' '{AWS}' >/usr/local/bin/aws; chmod 755 /usr/local/bin/aws"], user="root")
        server = subprocess.Popen(
            node.inside([sys.executable, "-m", "tests.bootstrap.node.s3_server", str(artifact_set), str(tmp_path)]),
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            aws = json.loads(server.stdout.readline())
            script = "/mnt/artifacts/" + artifact_set.name + "/bootstrap_emr.sh"
            uri = f"s3://{BUCKET}/artifacts/{artifact_set.name}"
            done = node.run(["bash", script, uri], environment={**aws, **ENVIRONMENT})
            assert done.returncode == 0, done.stdout + done.stderr
            wrong = node.run(
                ["bash", script, uri.replace(artifact_set.name, "0" * 64)], environment={**aws, **ENVIRONMENT}
            )
            assert wrong.returncode == 1
            assert "manifest.json: cannot be fetched" in wrong.stderr
            assert "404" in wrong.stderr
        finally:
            server.communicate()
        assert node.run(["/opt/verger/env/bin/python", "-I", "-c", f"import {MODULES}"], user="yarn").returncode == 0
        assert node.run(["find", "/home", "-user", "root", "-path", "/home/hadoop/*"]).stdout == ""


def test_the_set_for_aarch64_installs_on_an_emulated_node() -> None:
    if reason := node_system.reason_against(AARCH64):
        pytest.skip(f"{reason}: development/node_root.sh .verger/node-root-aarch64 aarch64")
    artifact_set = build(Build(arch="aarch64", out=STATE / "artifacts-aarch64"))
    with NodeSystem(artifact_set.parent, root=AARCH64) as node:
        sets = f"/mnt/artifacts/{artifact_set.name}"
        done = node.run(["bash", f"{sets}/bootstrap_emr.sh", f"file://{sets}"])
        assert done.returncode == 0, done.stdout + done.stderr
        found = node.run(["/opt/verger/env/bin/python", "-I", "-c", CANARY, sets])
        assert found.stdout == "aarch64\n", found.stderr


CANARY = f"""
import json, pathlib, platform, sys, {MODULES}
folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(folder / "verger_spark.zip"))
from verger_photo.published import photo_featurizer
libraries = json.loads((folder / "manifest.json").read_text())["libraries"]
photo_featurizer(lambda name: (folder / "model" / name).read_bytes(), "2-exact", libraries)
print(platform.machine())
"""
"""Computes the features of the canary with the model of a set, and compares them with those of Keras."""
