"""MobileNetV2: computes the features of an image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verger_contract.errors import VergerError
from verger_contract.schemas import FEATURES_WIDTH
from verger_photo import canary
from verger_photo.decode import SIDE, decode


@dataclass(frozen=True, eq=False)
class Model:
    """A LiteRT model, and the features that it must compute for the canary image."""

    content: bytes
    weights: str
    sha256: str
    canary_features: NDArray[np.float32]
    canary_tolerance: float

    @classmethod
    def of(cls, folder: str, read: Callable[[str], bytes]) -> Model:
        """Read `mobilenet_v2.tflite`, `model.json` and `canary.json`.

        Parameters
        ----------
        folder : str
            The place of the files, for error messages.
        read : callable
            Returns the content of a file of the folder. It raises its own errors.

        Raises
        ------
        VergerError
            A file is malformed, or the model is not the one that `model.json` describes.
        """
        content, card, expected = (read(name) for name in ("mobilenet_v2.tflite", "model.json", "canary.json"))
        found = hashlib.sha256(content).hexdigest()
        try:
            described, canary_facts = json.loads(card), json.loads(expected)
            if described["sha256"] != found:
                raise VergerError(
                    f"{folder}/mobilenet_v2.tflite: expected SHA-256 {described['sha256']} (model.json), "
                    f"found {found}; build and upload the artifact set again"
                )
            features = np.asarray(canary_facts["features"], dtype=np.float32)
            return cls(content, str(described["weights"]), found, features, float(canary_facts["tolerance"]))
        except KeyError as error:
            raise VergerError(
                f"{folder}: no {error} in model.json or canary.json; build the artifact set again"
            ) from None
        except ValueError as error:
            raise VergerError(
                f"{folder}: model.json or canary.json: expected JSON, found something else ({error}); "
                "build the artifact set again"
            ) from None


class Featurizer:
    """MobileNetV2 without its top, average-pooled, on one thread. A worker process needs one.

    Raises
    ------
    VergerError
        The features of the canary image differ from the expected ones.
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
        """Compute the features of one image.

        The input of the network is ``x / 127.5 - 1`` (Keras' ``mobilenet_v2.preprocess_input``).

        Parameters
        ----------
        pixels : ndarray of shape (224, 224, 3), uint8

        Returns
        -------
        ndarray of shape (1280,), float32

        Raises
        ------
        VergerError
            The features have another shape, or are not finite.
        """
        self._scale(pixels)
        self._interpreter.invoke()
        features: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]  # a copy
        if features.shape != (FEATURES_WIDTH,) or not np.isfinite(features).all():
            raise VergerError(
                f"the model gave features of shape {features.shape}, not all finite; "
                f"expected {FEATURES_WIDTH} finite ones"
            )
        return features

    def _scale(self, pixels: NDArray[np.uint8]) -> None:
        # The result goes directly into the network's input. An intermediate array would take 600 kB for every photo.
        # The interpreter does not run while this view exists, so the view is local to this function.
        tensor = self._interpreter.tensor(self._input)()[0]
        np.divide(pixels, np.float32(127.5), out=tensor, dtype=np.float32)
        np.subtract(tensor, np.float32(1.0), out=tensor)
