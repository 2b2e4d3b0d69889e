"""The part of an artifact set that computes features, written into a copy of a bucket as the DAG uploads it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from bootstrap.build import PACKAGES
from bootstrap.jobs_zip import package_zip
from tests.places import ROOT, STATE
from verger_contract.preprocessing import VERSION, Decoding, preprocessing

MODEL = STATE / "artifacts" / "current" / "model"


def pins() -> dict[str, str]:
    """The versions of the libraries on a node."""
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements/node.txt").read_text(), re.MULTILINE))


def write_artifacts(bucket: Path, **members: Any) -> dict[str, Any]:
    """Write the set with the code of this tree, and return what published.json says of it: `artifacts` and `model`.

    `members` replace those of the manifest. None removes one.
    """
    contents = {f"model/{path.name}": path.read_bytes() for path in sorted(MODEL.iterdir())}
    contents["verger_spark.zip"] = package_zip(*(ROOT / package for package in PACKAGES))
    files = {name: {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)} for name, body in contents.items()}
    libraries = {name: pins()[name] for name in ("pillow", "ai-edge-litert", "numpy")}
    manifest = {
        "weights": "imagenet",
        "arch": "x86_64",
        "preprocessing": VERSION,
        "libraries": libraries,
        "files": files,
    }
    manifest = {name: value for name, value in (manifest | members).items() if value is not None}
    contents["manifest.json"] = json.dumps(manifest, indent=1, sort_keys=True).encode()
    sha256 = hashlib.sha256(contents["manifest.json"]).hexdigest()
    for name, content in contents.items():
        path = bucket / "artifacts" / sha256 / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    model = {"weights": "imagenet", "sha256": files["model/mobilenet_v2.tflite"]["sha256"]}
    return {"artifacts": sha256, "model": model | {"preprocessing": preprocessing(Decoding.EXACT)}}
