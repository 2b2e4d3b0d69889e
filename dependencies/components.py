"""CycloneDX components of what is deployed: Python packages, the files of an artifact set, and jars."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseAcknowledgement
from packageurl import PackageURL

from bootstrap import manifest
from dependencies.licences import licence_of
from dependencies.locks import Pin, normalized
from dependencies.metadata import NOT_INSTALLED, UNKNOWN, Found

MODEL = "model/mobilenet_v2.tflite"
DESCRIPTION = "model/model.json"


def package(pin: Pin, found: Found, sha256: str | None = None) -> Component:
    """Return the component of a Python package. `sha256` is that of the file that is deployed, if it is one file."""
    component = Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pypi:{pin.name}",
        purl=PackageURL("pypi", None, pin.name, pin.version),
        hashes=_hashes(sha256),
    )
    if (licence := licence_of(pin, found)) not in (UNKNOWN, NOT_INSTALLED):
        component.licenses.add(
            LicenseFactory().make_from_string(licence, license_acknowledgement=LicenseAcknowledgement.DECLARED)
        )
    return component


def wheel_hashes(tar: Path) -> dict[tuple[str, str], str]:
    """Return the SHA-256 of each wheel in a wheelhouse, by name and version of its package."""
    hashes = {}
    with tarfile.open(tar) as opened:
        for entry in opened:
            if entry.name.endswith(".whl") and (content := opened.extractfile(entry)) is not None:
                name, version = entry.name.split("-")[:2]
                hashes[normalized(name), version] = hashlib.sha256(content.read()).hexdigest()
    return hashes


def files_of_set(folder: Path) -> Iterator[Component]:
    """Yield a component for each file of an artifact set. The model has the source and the SHA-256 of its weights.

    Raises
    ------
    ManifestError
        The folder does not contain the set of its name.
    """
    for name, (sha256, _) in manifest.verify(folder).files.items():
        component = Component(name=name, type=ComponentType.FILE, bom_ref=f"file:{name}", hashes=_hashes(sha256))
        if name == MODEL:
            described = json.loads((folder / DESCRIPTION).read_text())
            component.type = ComponentType.MACHINE_LEARNING_MODEL
            component.description = described["architecture"]
            for key in ("weights", "source", "tensors_sha256", "tensorflow", "keras"):
                component.properties.add(Property(name=f"verger:{key}", value=str(described[key])))
        yield component


def jars(folders: Iterable[Path]) -> Iterator[Component]:
    """Yield a component for each jar of the folders, one for jars of the same name and content."""
    seen = set()
    for path in sorted((path for folder in folders for path in folder.glob("*.jar")), key=lambda path: path.name):
        sha256 = manifest.file_sha256(path)
        if (path.name, sha256) in seen:
            continue
        seen.add((path.name, sha256))
        name, version = _artifact(path)
        group = _group(path, name)
        yield Component(
            name=name,
            group=group,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=f"jar:{path.name}:{sha256[:12]}",
            purl=PackageURL("maven", group, name, version) if group else None,
            hashes=_hashes(sha256),
        )


def _artifact(jar: Path) -> tuple[str, str]:
    """Return artifact and version of `<artifact>-<version>.jar`."""
    found = re.fullmatch(r"(.+?)-(\d.*)", jar.stem)
    return (found[1], found[2]) if found else (jar.stem, "unknown")


def _group(jar: Path, artifact: str) -> str | None:
    """Return the Maven group of a jar, if the jar names it. A shaded jar names those of other artifacts too."""
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            found = re.fullmatch(r"META-INF/maven/([^/]+)/([^/]+)/pom\.properties", name)
            if found and found[2] == artifact:
                return found[1]
    return None


def _hashes(sha256: str | None) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else []
