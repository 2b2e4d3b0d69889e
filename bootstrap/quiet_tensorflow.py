"""Import TensorFlow without its start-up noise.

The C++ side writes to file descriptor 2 before any Python setting can stop it, so the descriptor itself is kept
aside. What it said is shown only when something fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Read when TensorFlow is imported. oneDNN orders its sums by the CPU at hand; without it results vary less.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@contextmanager
def native_stderr_kept_aside() -> Iterator[None]:
    """Keep everything that is written to file descriptor 2 aside; write it out only when the block raises."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


with native_stderr_kept_aside():
    import keras
    import tensorflow

__all__ = ["keras", "native_stderr_kept_aside", "tensorflow"]
