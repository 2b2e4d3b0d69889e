"""The weights that the notebook loads: a Keras weights file of MobileNetV2 without its top.

It is written once, in the export environment, which has the ImageNet weights:

    python -m benchmarks.alternatives.keras_weights FILE
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.harness.places import FOLDER, ROOT, STATE


def weights() -> Path:
    """Return the path of the file, and create the file if it does not exist."""
    path = FOLDER / "keras" / "mobilenet_v2.weights.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        python = STATE / "venv" / "export" / "bin" / "python"
        command = [str(python), "-m", "benchmarks.alternatives.keras_weights", str(path)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return path


if __name__ == "__main__":
    from bootstrap.weights import imagenet_model

    imagenet_model(STATE / "venv" / "uv" / "bin" / "python").model.save_weights(sys.argv[1])
