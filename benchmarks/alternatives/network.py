"""MobileNetV2 with LiteRT on one thread: from the bytes of a photo to its features."""

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
    """An interpreter, which each process loads once."""

    def __init__(self, model: Path) -> None:
        self._interpreter = Interpreter(model_path=str(model), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def features(self, content: bytes) -> NDArray[np.float32]:
        """Return the features of a photo, float32 (1280,). Pillow must support its format."""
        return self.infer(decode(content))

    def infer(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of decoded pixels, float32 (224, 224, 3) in [-1, 1]."""
        self._interpreter.set_tensor(self._input, pixels[np.newaxis])
        self._interpreter.invoke()
        features: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return features


@functools.cache
def loaded(model: Path) -> Network:
    """Return the network of this process, for frameworks whose workers get their function again with each task."""
    return Network(model)


def decode(content: bytes) -> NDArray[np.float32]:
    """Decode a photo: RGB, 224×224 bicubic, x / 127.5 − 1, float32 (224, 224, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        pixels = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(pixels, dtype=np.float32) / np.float32(127.5) - np.float32(1)
