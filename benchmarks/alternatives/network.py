"""MobileNetV2 by LiteRT on one thread, from the bytes of a photo to its features."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

SIDE = 224


class Network:
    """One interpreter: load it once in every process."""

    def __init__(self, model: Path) -> None:
        self._interpreter = Interpreter(model_path=str(model), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def features(self, content: bytes) -> NDArray[np.float32]:
        """The features, float32 (1280,), of a photo in any format that Pillow reads."""
        return self.infer(decode(content))

    def infer(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features of decoded pixels, float32 (224, 224, 3) in [-1, 1]."""
        self._interpreter.set_tensor(self._input, pixels[np.newaxis])
        self._interpreter.invoke()
        features: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return features


@functools.cache
def loaded(model: Path) -> Network:
    """The one network of this process, for frameworks whose workers are told their function anew for each task."""
    return Network(model)


def decode(content: bytes) -> NDArray[np.float32]:
    """RGB, 224×224 bicubic, x / 127.5 − 1: float32 (224, 224, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        pixels = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(pixels, dtype=np.float32) / np.float32(127.5) - np.float32(1)
