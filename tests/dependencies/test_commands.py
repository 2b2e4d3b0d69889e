"""The commands for the audit, the licences and the SBOMs, in their environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bootstrap import manifest
from bootstrap.build import Build, build
from dependencies import locks
from tests.places import ROOT, environment_python

VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()) or "") or 0)
"""


def run(
    *arguments: str, stdin: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [str(environment_python("audit")), *arguments]
    return subprocess.run(
        command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
    )  # fmt: skip


@pytest.fixture(scope="module")
def artifact_set() -> Path:
    return build(Build())


@pytest.fixture(scope="module")
def documents(artifact_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The SBOMs by the name of their file."""
    folder = tmp_path_factory.mktemp("sbom")
    done = run("-m", "dependencies.sbom", "--out", str(folder), "--artifacts", str(artifact_set))
    assert done.returncode == 0, done.stderr
    return {path.name.removesuffix(".cdx.json"): json.loads(path.read_text()) for path in folder.iterdir()}


def named(document: dict[str, Any], kind: str) -> set[str]:
    """The package URLs of a kind that a document names."""
    urls = {str(part.get("purl", "")) for part in document["components"]}
    return {url for url in urls if url.startswith(f"pkg:{kind}/")}


def locked(*environments: str) -> set[str]:
    pins = (pin for environment in environments for pin in locks.read(locks.lock_file(environment)))
    return {f"pkg:pypi/{pin.name}@{pin.version}" for pin in pins}


def test_the_sboms_name_exactly_the_locked_packages(documents: dict[str, dict[str, Any]]) -> None:
    (node,) = (name for name in documents if name.startswith("node-"))
    assert named(documents["airflow"], "pypi") == locked("airflow")
    assert named(documents[node], "pypi") == locked("node")
    assert named(documents["local"], "pypi") == locked("local-aws", "spark", "spark35")


def test_the_sbom_of_a_node_has_the_hash_of_every_file_and_wheel(
    documents: dict[str, dict[str, Any]], artifact_set: Path
) -> None:
    content = manifest.verify(artifact_set)
    parts = documents[f"node-{content.arch}"]["components"]
    hashes = {part["name"]: part["hashes"][0]["content"] for part in parts}
    assert {name: hashes[name] for name in content.files} == {name: sha for name, (sha, _) in content.files.items()}
    for pin in locks.read(locks.lock_file("node")):
        assert hashes[pin.name] in pin.sha256
    model = next(part for part in parts if part["type"] == "machine-learning-model")
    properties = {entry["name"]: entry["value"] for entry in model["properties"]}
    described = json.loads((artifact_set / "model/model.json").read_text())
    assert properties["verger:source"] == described["source"]
    assert model["hashes"][0]["content"] == described["sha256"]


def test_the_local_sbom_has_all_jars(documents: dict[str, dict[str, Any]]) -> None:
    hashes = {entry["content"] for part in documents["local"]["components"] for entry in part.get("hashes", [])}
    jars = [path for path in (ROOT / ".verger" / "jars").glob("*/*.jar") if path.stat().st_size < 1_000_000]
    assert jars
    assert {path.name for path in jars if manifest.file_sha256(path) not in hashes} == set()
    assert "pkg:maven/org.apache.hadoop/hadoop-aws@3.4.2" in named(documents["local"], "maven")


def test_the_schema_accepts_a_document_and_rejects_a_changed_one(documents: dict[str, dict[str, Any]]) -> None:
    """The command itself validates each document before it writes it."""
    (document,) = (document for name, document in documents.items() if name.startswith("node-"))
    assert run("-c", VALIDATE, stdin=json.dumps(document)).returncode == 0
    changed = json.loads(json.dumps(document))
    changed["components"][0]["type"] = "wheel"
    assert run("-c", VALIDATE, stdin=json.dumps(changed)).returncode != 0


def test_each_package_of_the_deployed_environments_has_a_licence(documents: dict[str, dict[str, Any]]) -> None:
    without = [
        part["name"]
        for document in documents.values()
        for part in document["components"]
        if str(part.get("purl", "")).startswith("pkg:pypi/") and not part.get("licenses")
    ]
    assert without == []


def test_a_wheelhouse_of_other_packages_is_an_error(artifact_set: Path, tmp_path: Path) -> None:
    done = run("-m", "dependencies.sbom", "--out", str(tmp_path), "--artifacts", str(tmp_path))
    assert done.returncode == 1
    assert "sbom: error: " in done.stderr
    assert "build the set again" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_licences_of_the_deployed_environments_are_known_and_explained() -> None:
    done = run("-m", "dependencies.licences", "airflow", "node", "local-aws", "spark", "spark35", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert {f"pkg:pypi/{row['name']}@{row['version']}" for row in rows if row["environment"] == "node"} == locked(
        "node"
    )
    assert {row["licence"] for row in rows if row["name"] == "pandas"} == {"BSD-3-Clause"}


def test_a_package_that_is_not_installed_is_a_problem() -> None:
    code = """
from dependencies import licences, locks
(row,) = licences.rows({"any": [locks.Pin("six", "1.0", (), ())]}, {})
print(row.licence, row.flag, sep="|", end="")
"""
    done = run("-c", code)
    assert done.stdout.startswith("not installed|NOT EXPLAINED: `make licences` installs all"), done.stderr


@pytest.mark.parametrize(
    ("fields", "licence", "flag"),
    [
        ("License-Expression: MIT", "MIT", ""),
        ("License: GPL-3.0-only", "GPL-3.0-only", "copyleft: NOT EXPLAINED"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT", ""),
        ("License: Proprietary", "unknown", "unknown: NOT EXPLAINED"),
        ("License: see file", "Apache-2.0", ""),
    ],
)
def test_unknown_and_copyleft_licences_are_flagged(tmp_path: Path, fields: str, licence: str, flag: str) -> None:
    dist_info = tmp_path / "env/lib/python3.11/site-packages/six-1.0.dist-info"
    dist_info.mkdir(parents=True)
    (dist_info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: Six\nVersion: 1.0\n{fields}\n\n")
    if "see file" in fields:
        (dist_info / "LICENSE.txt").write_text("Licensed under the Apache License,\n  Version 2.0 (the License)")
    code = """
import sys
from pathlib import Path
from dependencies import licences, locks, metadata
pin = locks.Pin("six", "1.0", (), ())
(row,) = licences.rows({"any": [pin]}, metadata.installed(Path(sys.argv[1])))
print(row.licence, row.flag, sep="|", end="")
"""
    done = run("-c", code, str(tmp_path))
    assert (done.stdout, done.stderr) == (f"{licence}|{flag}", "")
