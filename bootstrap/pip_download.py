"""Downloads the wheels of a requirements file with hashes, from the index that pip is configured to use."""

from __future__ import annotations

import subprocess
from pathlib import Path

TIMEOUT_SECONDS = 900.0


class DownloadError(RuntimeError):
    """pip could not download the wheels of a requirements file."""


def pip_download(pip_python: Path, requirements: Path, folder: Path, *options: str) -> None:
    """Download each wheel that `requirements` names into `folder`, and check its hash.

    Parameters
    ----------
    pip_python : Path
        A Python that has pip.
    requirements : Path
        A requirements file with a hash for each wheel.
    folder : Path
    *options : str
        Further options for `pip download`.

    Raises
    ------
    DownloadError
        pip failed, could not be started, or took more than 15 minutes. The message contains the output of pip.
    """
    # --no-deps: the requirements file names all wheels.
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
