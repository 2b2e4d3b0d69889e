"""The weights that the notebook loads: Keras' own file of MobileNetV2 without its top, saved once.

Runs in the export environment, which knows where ImageNet weights come from:

    python -m benchmarks.alternatives.keras_weights FILE
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.harness.places import FOLDER, ROOT, STATE


def weights() -> Path:
    """The file; made by the export environment when it is not there."""
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
