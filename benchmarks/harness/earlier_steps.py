"""The steps of an earlier commit, run in the environment of today's steps."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from benchmarks.harness.places import FOLDER, ROOT
from benchmarks.harness.steps import Command
from bootstrap.jobs_zip import package_zip

JOBS, PACKAGES = "spark_jobs", ("plugins/verger_contract", "plugins/verger_photo")
"""Folders whose code the steps run. The first commits have only the folder of the jobs."""


def check_out(commit: str) -> Path:
    """Unpack the code of the steps of a commit and return the folder.

    Raises
    ------
    SystemExit
        git does not find the commit or its steps.
    """
    folder = FOLDER / f"steps-{commit}"
    folder.mkdir(parents=True, exist_ok=True)
    listed = _git("ls-tree", "-d", "--name-only", commit, JOBS, *PACKAGES).decode().split()
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit, *listed))) as tar:
        tar.extractall(folder, filter="data")
    missing = [name for name in ("featurize.py", "pca.py", "verger_spark") if not (folder / JOBS / name).exists()]
    if missing:
        raise SystemExit(f"{commit}: expected {JOBS}/{{featurize.py,pca.py,verger_spark}}, found no {missing[0]}")
    return folder


def command(current: Command, folder: Path) -> Command:
    """Return the command of a step with the code in `folder` and without Verger's Java options.

    The step must accept the arguments of today's step.
    """
    package = FOLDER / "earlier_steps.zip"
    packages = [folder / JOBS / "verger_spark", *(folder / package for package in PACKAGES)]
    package.write_bytes(package_zip(*filter(Path.exists, packages)))
    argv = [_replaced(word, package, folder / JOBS) for word in current.argv]
    return Command(argv, current.environment)


def _replaced(word: str, package: Path, jobs: Path) -> str:
    if word.endswith("verger_spark.zip"):
        return str(package)
    if word.endswith(".py"):
        return str(jobs / Path(word).name)
    return "spark.driver.extraJavaOptions=-Dx=1" if "extraJavaOptions" in word else word


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], check=False, cwd=ROOT, capture_output=True)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.decode().strip()}")
    return done.stdout
