"""Wheels of a hash-locked requirements file, from wherever pip is configured to find them."""

from __future__ import annotations

import subprocess
from pathlib import Path

TIMEOUT_SECONDS = 900.0


class DownloadError(RuntimeError):
    """pip could not download what the requirements file locks."""


def pip_download(pip_python: Path, requirements: Path, folder: Path, *options: str) -> None:
    """Download each wheel that `requirements` names, checked against its hash, into `folder`.

    :param pip_python: a Python that has pip.
    :raises DownloadError: with what pip said; also when `pip_python` cannot run or 15 minutes were not enough.
    """
    # --no-deps: the lock file is complete, and its word is final.
    command = [str(pip_python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(requirements), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except OSError as error:
        raise DownloadError(f"{pip_python}: cannot run pip ({error.strerror}); name a Python that has pip") from error
    except subprocess.TimeoutExpired as error:
        raise DownloadError(f"{requirements.name}: pip download took over {TIMEOUT_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise DownloadError(f"{requirements.name}: pip download failed:\n{done.stderr.strip()}")
