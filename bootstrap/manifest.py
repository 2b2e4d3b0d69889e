"""The manifest of an artifact set: the SHA-256 of its files. The SHA-256 of the manifest is the name of the set."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

NAME = "manifest.json"


class ManifestError(ValueError):
    """A folder does not contain the artifact set of its manifest or of its name."""


@dataclass(frozen=True)
class Manifest:
    """The content of an artifact set.

    Attributes
    ----------
    weights : str
        imagenet or random.
    arch : str
        x86_64 or aarch64.
    files : dict of str to (str, int)
        SHA-256 and size in bytes by name. Names are relative and contain `/`.
    preprocessing : int
        Version of the decoding rules of the code (`verger_contract.preprocessing.VERSION`). The manifest of a folder of
        the cache has 0.
    libraries : dict of str to str
        Versions of the packages that determine the features, by name. Empty for a folder of the cache.
    """

    weights: str
    arch: str
    files: dict[str, tuple[str, int]]
    preprocessing: int = 0
    libraries: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the content of manifest.json. Equal sets give equal bytes."""
        files = {name: {"sha256": sha256, "size": size} for name, (sha256, size) in self.files.items()}
        content = {
            "weights": self.weights,
            "arch": self.arch,
            "preprocessing": self.preprocessing,
            "libraries": self.libraries,
            "files": files,
        }
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()

    @property
    def sha256(self) -> str:
        """Name of the set: the SHA-256 of manifest.json."""
        return hashlib.sha256(self.encode()).hexdigest()


def decode(content: bytes) -> Manifest:
    """Parse the content of manifest.json.

    Raises
    ------
    ManifestError
        It is not a manifest.
    """
    try:
        fields = json.loads(content)
        files = {str(name): (str(entry["sha256"]), int(entry["size"])) for name, entry in fields["files"].items()}
        libraries = {str(name): str(version) for name, version in fields.get("libraries", {}).items()}
        return Manifest(
            str(fields["weights"]), str(fields["arch"]), files, int(fields.get("preprocessing", 0)), libraries
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"{NAME}: not a manifest of an artifact set ({error!r}); build the set again") from error


def of_folder(folder: Path, weights: str, arch: str) -> Manifest:
    """Return the manifest of the files in `folder`, without manifest.json itself."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = {name: (file_sha256(folder / name), (folder / name).stat().st_size) for name in names if name != NAME}
    return Manifest(weights, arch, files)


def verify(folder: Path, sha256: str | None = None) -> Manifest:
    """Check that `folder` contains exactly the files of its manifest.json, and return the manifest.

    Parameters
    ----------
    folder : Path
    sha256 : str, optional
        Name of the set. The default is the name of the folder.

    Raises
    ------
    ManifestError
        The message names each missing, additional or changed file.
    """
    expected_name = folder.resolve().name if sha256 is None else sha256
    try:
        content = (folder / NAME).read_bytes()
    except OSError as error:
        raise ManifestError(f"{folder / NAME}: {error.strerror}; build the set again") from error
    found_name = hashlib.sha256(content).hexdigest()
    if found_name != expected_name:
        raise ManifestError(f"{folder / NAME}: SHA-256 is {found_name}, expected {expected_name}; build the set again")
    manifest = decode(content)
    found = of_folder(folder, manifest.weights, manifest.arch)
    problems = differences(manifest, found)
    if problems:
        raise ManifestError(f"{folder}: not the set of its manifest: {'; '.join(problems)}. Build the set again")
    return manifest


def differences(expected: Manifest, found: Manifest) -> list[str]:
    """Return the differences between two manifests, one line of text for each file."""
    problems = []
    for name in sorted(expected.files.keys() | found.files.keys()):
        if name not in found.files:
            problems.append(f"{name} is missing")
        elif name not in expected.files:
            problems.append(f"{name} does not belong to it")
        elif found.files[name] != expected.files[name]:
            (right, right_size), (wrong, wrong_size) = expected.files[name], found.files[name]
            problems.append(
                f"{name} has {wrong_size:,} bytes and SHA-256 {wrong[:12]}…, expected {right_size:,} and {right[:12]}…"
            )
    return problems


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
