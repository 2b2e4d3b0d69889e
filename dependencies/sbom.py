"""Write the SBOMs of what is deployed, in CycloneDX 1.6.

    python -m dependencies.sbom [--out .verger/sbom] [--artifacts .verger/artifacts/current]

airflow.cdx.json       the packages of the Airflow image (requirements/airflow.txt)
node-<arch>.cdx.json   the artifact set: model, steps, bootstrap action, and each wheel of the wheelhouse
local.cdx.json         the local S3, EMR and Spark (docker-compose.yml, `make demo`), with all jars. Nothing of it is
                       deployed to AWS: an EMR release brings its own Spark and Java

Each document is validated against the schema before it is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bootstrap import manifest
from bootstrap.wheelhouse import LOCK_FILES
from dependencies import components, licences, locks
from dependencies.locks import Pin
from dependencies.metadata import Found

LOCAL = ("local-aws", "spark", "spark35")


class SbomError(RuntimeError):
    """An SBOM cannot be written. The message names what is missing and what to do."""


def airflow(found: Found) -> Bom:
    """Return the SBOM of the Airflow image."""
    pins = locks.read(locks.lock_file("airflow"))
    return _bom("verger-airflow", None, _packages(pins, found), pins)


def node(artifacts: Path, found: Found) -> tuple[str, Bom]:
    """Return the architecture and the SBOM of an artifact set.

    Raises
    ------
    SbomError
        The wheelhouse does not contain exactly the locked packages.
    ManifestError
        The folder is not an artifact set.
    """
    arch = manifest.verify(artifacts).arch
    hashes = components.wheel_hashes(artifacts / f"node-{arch}.tar")
    lock_file = locks.REQUIREMENTS / LOCK_FILES[arch]
    pins = locks.read(lock_file)
    if different := {(pin.name, pin.version) for pin in pins} ^ hashes.keys():
        names = ", ".join(f"{name} {version}" for name, version in sorted(different))
        raise SbomError(
            f"{artifacts}: wheelhouse and requirements/{lock_file.name} differ: {names}; run `make artifacts`"
        )
    packages = [components.package(pin, found, hashes[pin.name, pin.version]) for pin in pins]
    return arch, _bom("verger-node", artifacts.resolve().name, [*packages, *components.files_of_set(artifacts)], pins)


def local(found: Found) -> Bom:
    """Return the SBOM of the local S3, EMR and Spark.

    Raises
    ------
    SbomError
        The jars are not downloaded, or pyspark is not installed.
    """
    folders = [
        *(locks.STATE / "jars").glob("*/"),
        *(locks.STATE / "venv").glob("spark*/lib/*/site-packages/pyspark/jars"),
    ]
    jars = list(components.jars(folders))
    if not jars:
        raise SbomError(f"{locks.STATE}: no jars in jars/ and in venv/spark*/; run `make jars`")
    pins = {(pin.name, pin.version): pin for name in LOCAL for pin in locks.read(locks.lock_file(name))}
    packages = [components.package(pin, found) for pin in pins.values()]
    for component, (name, version) in zip(packages, pins, strict=True):
        component.bom_ref.value = f"pypi:{name}@{version}"  # two versions of pyspark
    return _bom("verger-local", None, [*packages, *jars], ())


def _packages(pins: Iterable[Pin], found: Found) -> list[Component]:
    return [components.package(pin, found) for pin in pins]


def _bom(name: str, version: str | None, parts: Sequence[Component], pins: Sequence[Pin]) -> Bom:
    """Return an SBOM. A package that no package of `pins` requires is a dependency of the whole, as all other parts."""
    bom = Bom(components=parts)
    whole = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=name)
    bom.metadata.component = whole
    by_name = {part.name: part for part in parts if part.purl is not None}
    inner = set()
    children: dict[str, list[Component]] = {}
    for pin in pins:
        for parent in pin.required_by:
            if parent in by_name:
                children.setdefault(parent, []).append(by_name[pin.name])
                inner.add(pin.name)
    bom.register_dependency(whole, [part for part in parts if part.name not in inner])
    for parent, required in children.items():
        bom.register_dependency(by_name[parent], required)
    return bom


def text_of(bom: Bom) -> str:
    """Return an SBOM as JSON.

    Raises
    ------
    SbomError
        It does not fit the schema of CycloneDX.
    """
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SbomError(f"the SBOM does not fit the schema of CycloneDX 1.6: {error}")
    return text + "\n"


def main() -> int:
    """Run the command line and return the exit code. See the docstring of the module."""
    parser = argparse.ArgumentParser(prog="python -m dependencies.sbom")
    parser.add_argument("--out", type=Path, default=locks.STATE / "sbom")
    parser.add_argument("--artifacts", type=Path, default=locks.STATE / "artifacts" / "current")
    given = parser.parse_args()
    try:
        manifest.verify(given.artifacts)
        found = licences.found_here()
        arch, nodes = node(given.artifacts, found)
        texts = {
            name: (text_of(bom), len(bom.components))
            for name, bom in (("airflow", airflow(found)), (f"node-{arch}", nodes), ("local", local(found)))
        }
    except (SbomError, locks.LockError, manifest.ManifestError) as error:
        print(f"sbom: error: {error}", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    for name, (text, count) in texts.items():
        path = given.out / f"{name}.cdx.json"
        path.write_text(text)
        print(f"{path}: {count} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())
