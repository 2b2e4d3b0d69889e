"""The network: its files, and the interpreter that runs it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verger_contract.schemas import FEATURES_WIDTH
from verger_spark.errors import VergerError
from verger_spark.features import canary
from verger_spark.features.photo import SIDE, decode
from verger_spark.io import storage


@dataclass(frozen=True, eq=False)
class Model:
    """A LiteRT model and the vector that it must give for the canary."""

    content: bytes
    weights: str
    sha256: str
    canary_features: NDArray[np.float32]
    canary_tolerance: float

    @classmethod
    def load(cls, uri: str) -> Model:
        """Read `mobilenet_v2.tflite`, `model.json` and `canary.json` from the folder `uri`.

        Raises
        ------
        VergerError
            A file is missing or malformed, or the model is not the one that `model.json` describes.
        """
        folder = uri.rstrip("/")
        content = storage.read(f"{folder}/mobilenet_v2.tflite")
        card = storage.read_json(f"{folder}/model.json")
        expected = storage.read_json(f"{folder}/canary.json")
        found = hashlib.sha256(content).hexdigest()
        try:
            if card["sha256"] != found:
                raise VergerError(
                    f"{folder}/mobilenet_v2.tflite: expected SHA-256 {card['sha256']} (model.json), found {found}; "
                    "build and upload the artifact set again"
                )
            features = np.asarray(expected["features"], dtype=np.float32)
            return cls(content, str(card["weights"]), found, features, float(expected["tolerance"]))
        except KeyError as error:
            raise VergerError(
                f"{folder}: no {error} in model.json or canary.json; build the artifact set again"
            ) from None


class Featurizer:
    """MobileNetV2 without its top, average-pooled, on one thread (one interpreter per worker process).

    Raises
    ------
    VergerError
        When built: the canary's features are not the expected ones.
    """

    def __init__(self, model: Model) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_content=model.content, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        shape = tuple(self._interpreter.get_input_details()[0]["shape"])
        if shape != (1, SIDE, SIDE, 3):
            raise VergerError(f"model input: expected shape {(1, SIDE, SIDE, 3)}, found {shape}")
        canary.check(self.features(decode(canary.draw())), model.canary_features, model.canary_tolerance)

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The features of one image: (224, 224, 3) uint8 -> (1280,) float32.

        The network sees ``x / 127.5 - 1`` (Keras' ``mobilenet_v2.preprocess_input``).
        """
        self._scale(pixels)
        self._interpreter.invoke()
        features: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]  # a copy
        if features.shape != (FEATURES_WIDTH,) or not np.isfinite(features).all():
            raise VergerError(
                f"the model gave {features.shape} features, not all finite; expected {FEATURES_WIDTH} finite ones"
            )
        return features

    def _scale(self, pixels: NDArray[np.uint8]) -> None:
        # Straight into the network's input: an array between them would be 600 kB of fresh pages for every photo.
        # The view must be gone before the network is run, which the interpreter insists on.
        tensor = self._interpreter.tensor(self._input)()[0]
        np.divide(pixels, np.float32(127.5), out=tensor, dtype=np.float32)
        np.subtract(tensor, np.float32(1.0), out=tensor)
