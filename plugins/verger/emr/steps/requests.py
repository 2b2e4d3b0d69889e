"""The requests of the steps to EMR, as plain dicts in the shape of AddJobFlowSteps.

The functions are pure. Every text may hold Jinja, which Airflow renders when the task runs.
"""

from __future__ import annotations

from typing import Any

from verger.emr import fleets
from verger.settings import Cluster, Settings
from verger_contract.keys import Run, of_attempt
from verger_contract.verification.verdict import VERIFY_FEATURES

JVM_OPTIONS = "extraJavaOptions=-XX:TieredStopAtLevel=1 -Darrow.enable_unsafe_memory_access=true"
"""The JVM uses its C1 compiler only, and Arrow omits the bounds check of each value. A step keeps the JVM busy for
minutes, not hours: the C2 compiler would take more CPU time from the feature computation than it saves
(benchmarks/profiles.md)."""


def featurize(settings: Settings, run: Run, artifacts: str, decoding: str, cores: str = "") -> dict[str, Any]:
    """Return step 1: it reads the photos of the run's work table and writes features and rejects.

    Parameters
    ----------
    settings : Settings
    run : Run
    artifacts : str
        URI of the artifact set.
    decoding : str
        The one of the plan. VERGER_DECODING may have another value by now.
    cores : str, optional
        The member `cores` of `sizes`. Default: the one of the settings.
    """
    storage = settings.storage
    arguments = {
        "--images": f"s3://{storage.bucket}",
        "--images-prefix": storage.images_prefix,
        "--inventory": run.uri(run.work),
        "--model": f"{artifacts}/model",
        "--decoding": decoding,
        "--features": run.uri(of_attempt(run.features)),
        "--rejects": run.uri(of_attempt(run.rejects)),
        "--metrics": run.uri(run.metrics("featurize")),
        "--progress": run.uri(run.progress),
        **_cores(settings.cluster, cores),
    }
    if settings.featurize.photos_per_task:
        arguments["--photos-per-task"] = str(settings.featurize.photos_per_task)
    return _step("featurize", run, artifacts, arguments)


def pca(settings: Settings, run: Run, artifacts: str, target_variance: str, cores: str = "") -> dict[str, Any]:
    """Return step 2: it reads all current features and writes their coordinates and the PCA basis.

    Parameters
    ----------
    settings : Settings
    run : Run
    artifacts : str
        URI of the artifact set.
    target_variance : str
        Share of the variance that the components together explain.
    cores : str, optional
        See `featurize`.
    """
    arguments = {
        "--plan": run.uri(run.plan),
        "--model": f"{artifacts}/model",
        "--pca": run.uri(of_attempt(run.pca)),
        "--basis": run.uri(of_attempt(run.basis)),
        "--statistics": run.uri(of_attempt(run.statistics)),
        "--drift": run.uri(of_attempt(run.drift)),
        "--metrics": run.uri(run.metrics("pca")),
        "--progress": run.uri(run.progress),
        "--target-variance": target_variance,
        "--max-components": str(settings.pca.max_components),
        **_cores(settings.cluster, cores),
    }
    return _step("pca", run, artifacts, arguments)


def verify(
    settings: Settings,
    run: Run,
    artifacts: str,
    step: str,
    *,
    decoding: str,
    target_variance: str,
    cores: str = "",
) -> dict[str, Any]:
    """Return a verification step: it reads what step 1 or step 2 wrote, and writes a verdict.

    Parameters
    ----------
    settings : Settings
    run : Run
    artifacts : str
        URI of the artifact set.
    step : str
        `verify_features` or `verify_pca`.
    decoding : str
        The one of the plan.
    target_variance : str
        See `pca`.
    cores : str, optional
        See `featurize`.
    """
    is_first, limits = step == VERIFY_FEATURES, settings.validation
    arguments = {
        "--table": "features" if is_first else "pca",
        "--plan": run.uri(run.plan),
        "--work": run.uri(run.work),
        "--featurize-metrics": run.uri(run.metrics("featurize")),
        **({} if is_first else _of_pca(run)),
        "--images": f"s3://{settings.storage.bucket}",
        "--model": f"{artifacts}/model",
        "--decoding": decoding,
        "--verdict": run.uri(run.metrics(step)),
        "--progress": run.uri(run.progress),
        "--target-variance": target_variance,
        "--neighbour-sample": str(limits.neighbour_sample),
        "--recomputed": str(limits.recomputed_photos),
        **_cores(settings.cluster, cores),
    }
    return _step(step, run, artifacts, arguments, program="verify")


def _of_pca(run: Run) -> dict[str, str]:
    """Return the arguments that only the verification of step 2 has."""
    suspects = of_attempt(run.uri(run.suspects))
    return {"--pca-metrics": run.uri(run.metrics("pca")), "--suspects": suspects}


def _cores(options: Cluster, cores: str) -> dict[str, str]:
    """Return `--cores`; empty when the name of an instance type does not give its vCPUs.

    Spark only counts the executors that have started when the step starts, and would make too few splits.
    """
    of_options = fleets.executor_cores(options)
    return {} if of_options is None else {"--cores": cores or str(of_options)}


def _step(name: str, run: Run, artifacts: str, arguments: dict[str, str], program: str = "") -> dict[str, Any]:
    """Return a step that runs spark-submit in client mode: the driver is a child of spark-submit on the primary node.

    In client mode the output of the driver is in the log of the step itself, and a cancellation ends spark-submit, the
    driver and its executors. In cluster mode a cancellation ends spark-submit only, and the application still writes.
    """
    return {
        # The name is unique in a run: a retry finds the step of an earlier try by it.
        "Name": f"{name} {run.id}",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                "spark-submit",
                "--master",
                "yarn",
                "--deploy-mode",
                "client",
                *(word for end in ("driver", "executor") for word in ("--conf", f"spark.{end}.{JVM_OPTIONS}")),
                "--py-files",
                f"{artifacts}/verger_spark.zip",
                f"{artifacts}/{program or name}.py",
                *(word for pair in arguments.items() for word in pair),
            ],
        },
    }
