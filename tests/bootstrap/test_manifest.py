from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap import manifest
from bootstrap.manifest import ManifestError


@pytest.fixture
def artifact_set(tmp_path: Path) -> Path:
    """A small artifact set with the correct name."""
    folder = tmp_path / "set"
    (folder / "model").mkdir(parents=True)
    (folder / "step.py").write_text("print()\n")
    (folder / "model" / "model.tflite").write_bytes(bytes(range(256)))
    content = replace(manifest.of_folder(folder, "imagenet", "x86_64"), preprocessing=7, libraries={"pillow": "13.0.0"})
    (folder / manifest.NAME).write_bytes(content.encode())
    return folder.rename(tmp_path / content.sha256)


def test_a_set_that_agrees_with_its_manifest_is_accepted(artifact_set: Path) -> None:
    verified = manifest.verify(artifact_set)
    assert (verified.weights, verified.arch) == ("imagenet", "x86_64")
    assert (verified.preprocessing, verified.libraries) == (7, {"pillow": "13.0.0"})
    assert set(verified.files) == {"step.py", "model/model.tflite"}


def test_a_written_manifest_is_read_back(artifact_set: Path) -> None:
    written = (artifact_set / manifest.NAME).read_bytes()
    assert manifest.decode(written).encode() == written


def test_the_order_of_the_files_does_not_matter() -> None:
    files = {"b": ("1" * 64, 1), "a": ("2" * 64, 2)}
    one = manifest.Manifest("imagenet", "x86_64", files)
    other = manifest.Manifest("imagenet", "x86_64", dict(reversed(files.items())))
    assert one.sha256 == other.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "random"},
        {"arch": "aarch64"},
        {"files": {}},
        {"preprocessing": 3},
        {"libraries": {"pillow": "12"}},
    ],
)
def test_every_difference_gives_another_name(change: dict[str, object]) -> None:
    fields: dict[str, object] = {"weights": "imagenet", "arch": "x86_64", "files": {"a": ("1" * 64, 1)}}
    one, other = manifest.Manifest(**fields), manifest.Manifest(**{**fields, **change})  # type: ignore[arg-type]
    assert one.sha256 != other.sha256


def _change(folder: Path) -> None:
    (folder / "model" / "model.tflite").write_bytes(bytes(256))


def _shorten(folder: Path) -> None:
    (folder / "step.py").write_text("")


def _remove(folder: Path) -> None:
    (folder / "step.py").unlink()


def _add(folder: Path) -> None:
    (folder / "model" / "other.tflite").touch()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_change, r"model/model\.tflite has 256 bytes and SHA-256 5341e6b26469…, expected 256 and 40aff2e9d2d8…"),
        (_shorten, r"step\.py has 0 bytes .*, expected 8 and"),
        (_remove, r"step\.py is missing"),
        (_add, r"model/other\.tflite does not belong to it"),
    ],
)
def test_errors_name_the_damage(artifact_set: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(artifact_set)
    with pytest.raises(ManifestError, match=message) as raised:
        manifest.verify(artifact_set)
    assert str(artifact_set) in str(raised.value)


def test_errors_name_every_problem(artifact_set: Path) -> None:
    _remove(artifact_set)
    _add(artifact_set)
    with pytest.raises(ManifestError, match=r"other\.tflite does not belong to it; step\.py is missing"):
        manifest.verify(artifact_set)


def test_a_replaced_manifest_does_not_match_the_name_of_the_set(artifact_set: Path) -> None:
    _remove(artifact_set)
    forged = manifest.of_folder(artifact_set, "imagenet", "x86_64")
    (artifact_set / manifest.NAME).write_bytes(forged.encode())
    with pytest.raises(ManifestError, match=f"{forged.sha256}, expected {artifact_set.name}"):
        manifest.verify(artifact_set)


def test_a_set_can_be_verified_under_another_name(artifact_set: Path, tmp_path: Path) -> None:
    sha256 = artifact_set.name
    renamed = artifact_set.rename(tmp_path / "copy")
    assert manifest.verify(renamed, sha256=sha256).sha256 == sha256


def test_a_link_to_a_set_is_verified_by_the_name_of_its_target(artifact_set: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(artifact_set.name)
    assert manifest.verify(tmp_path / "current").sha256 == artifact_set.name


def test_a_folder_without_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.json: No such file"):
        manifest.verify(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"files": {}}', b'{"files": {"a": 1}}'])
def test_a_file_that_is_not_a_manifest_is_an_error(content: bytes) -> None:
    with pytest.raises(ManifestError, match="not a manifest"):
        manifest.decode(content)
