"""What MWAA reads besides the startup script: plugins.zip and the file of constraints."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

EARLIEST = (1980, 1, 1, 0, 0, 0)


def plugins_zip(folder: Path) -> bytes:
    """Return a zip of the plugins folder, with its .airflowignore. The same files give the same content.

    MWAA extracts it to its own plugins folder. Without .airflowignore, Airflow would import every module in it as a
    plugin.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EARLIEST)
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def constraints(lock: str) -> str:
    r"""Return the versions of a lock file, one line for each package, without hashes and comments.

    Examples
    --------
    >>> constraints("numpy==2.5.1 \\\\\n    --hash=sha256:00\n    # via pyarrow\npillow==13.0.0\n")
    'numpy==2.5.1\npillow==13.0.0\n'
    """
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(==[^\\\n]*)", lock, re.MULTILINE)
    return "".join(f"{name}{rest.strip()}\n" for name, rest in found)  # without extras, which pip refuses here
