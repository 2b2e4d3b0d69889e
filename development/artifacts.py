"""Build the artifact set after each edit of the steps' code (`python -m development.artifacts`).

The next run of the DAG uses the newest artifact set, so an edit in spark_jobs/ takes effect. Model and wheelhouse come
from the cache. They are rebuilt only when their inputs change (`bootstrap.build.MODEL_INPUTS`).
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bootstrap.build import ROOT, Build, BuildError, build
from bootstrap.pip_download import DownloadError

INTERVAL_S = 1.0


def sources() -> dict[Path, tuple[int, int]]:
    """Return modification time and size of each source file."""
    folders = ("spark_jobs", "plugins/verger_contract", "plugins/verger_photo")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found.append(ROOT / "bootstrap" / "bootstrap_emr.sh")
    return {path: (status.st_mtime_ns, status.st_size) for path in found if (status := path.stat())}


def seed(source: Path, target: Path) -> None:
    """Copy the folders that `target` does not have. Each folder appears only when it is complete."""
    for folder in source.glob("*/*"):
        final = target / folder.relative_to(source)
        if not final.exists():
            final.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=final.parent, prefix=".copying-") as temporary:
                Path(shutil.copytree(folder, Path(temporary) / folder.name)).rename(final)


def main() -> None:
    """Build the artifact set now and after each change, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    standard = Build()
    parser = argparse.ArgumentParser(prog="python -m development.artifacts", description=__doc__)
    parser.add_argument("--out", type=Path, default=standard.out, help="folder of the artifact sets")
    parser.add_argument("--cache", type=Path, default=standard.cache, help="folder of model and wheelhouse")
    parser.add_argument("--seed", type=Path, help="another cache, which is copied into the cache first")
    given = parser.parse_args()
    if given.seed:
        seed(given.seed, given.cache)
    order = Build(out=given.out, cache=given.cache)
    built: dict[Path, tuple[int, int]] = {}
    while True:
        try:
            found = sources()
            if found != built:
                built = found
                print(f"artifact set {build(order).name[:12]}", flush=True)
        except FileNotFoundError:
            pass  # an editor replaces the file at this moment
        except (BuildError, DownloadError) as error:
            print(f"artifact set: not built: {error}", flush=True)
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
