"""Imports TensorFlow without the log output of its start.

Its C++ code writes to file descriptor 2, which no Python setting prevents. The descriptor is therefore redirected to a
temporary file. The output appears only after an exception.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# TensorFlow reads these variables at import. oneDNN chooses the order of sums by CPU; without it results vary less.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@contextmanager
def hidden_stderr() -> Iterator[None]:
    """Hide everything that is written to file descriptor 2, unless the `with` block raises."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            hidden.seek(0)
            os.write(terminal, hidden.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


with hidden_stderr():
    import keras
    import tensorflow

__all__ = ["hidden_stderr", "keras", "tensorflow"]
