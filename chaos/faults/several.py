"""Several faults in one run, each of which the run must endure."""

from __future__ import annotations

from chaos.harness.trial import MomentError, Trial
from chaos.scenario import NONE, Scenario
from local_aws.faults.faults import lost, truncated


def _endured(trial: Trial) -> None:
    trial.stack.emr.inject(lost(), operation="RunJobFlow", times=1)
    trial.stack.s3.inject(truncated(10), operation="GetObject", key="runs/*/progress.json", times=2)
    trial.stack.s3.inject(lost(), operation="PutObject", key="published.json", times=1)
    trial.start()
    if not trial.kill_task("check_features"):
        raise MomentError("the process of check_features was not seen")


SCENARIOS = (
    Scenario(
        "several.endured",
        "the answer of RunJobFlow is lost, progress.json is cut twice, the process of check_features is killed once, "
        "and the answer to the PUT of published.json is lost",
        _endured,
        ("success",),
        NONE,
    ),
)
