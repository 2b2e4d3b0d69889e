"""S3 refuses requests, answers late or in part, or the answer is lost; in Airflow's tasks and on the nodes."""

from __future__ import annotations

from typing import Any

from chaos.harness.trial import Trial
from chaos.scenario import CLEAR, NEW_RUN, NONE, Scenario
from local_aws.faults.faults import Fault, late, lost, refused, reset, truncated

SEED = 14


def _scenario(name: str, words: str, fault: Fault, recovery: str, **selection: Any) -> Scenario:
    def play(trial: Trial) -> None:
        trial.stack.s3.inject(fault, **selection)
        trial.start()

    ends = ("success",) if recovery == NONE else ("success", "failed")
    return Scenario(f"s3.{name}", words, play, ends, recovery)


def _expired(task: str, code: str) -> Scenario:
    """Every request is refused from the start of a task on, until the end of the run."""

    def play(trial: Trial) -> None:
        trial.start()
        trial.until(task)
        trial.stack.s3.inject(refused(403 if code == "AccessDenied" else 400, code))

    return Scenario(f"s3.{code}.{task}", f"S3 answers {code} from {task} on", play, ("failed",), CLEAR)


def _late_in_the_check(trial: Trial) -> None:
    """Only the verification step reads late: in step 2, late answers would add up to more than its limit."""
    trial.start()
    trial.until("check_features")
    trial.stack.s3.inject(late(4), key="features/*")
    trial.until("pca")
    trial.stack.s3.clear()


RUN_JSON = {"key": "runs/*.json", "operation": "GetObject"}
PROGRESS = {"key": "runs/*/progress.json", "operation": "GetObject"}
VERDICT = {"key": "runs/*/verify_*.json", "operation": "GetObject"}
LOST_VERDICT = {"key": "runs/*/verify_*.json", "operation": "PutObject"}
PHOTO = {"key": "images/*", "operation": "GetObject"}
FEATURES = {"key": "features/*", "operation": "GetObject"}
PUBLICATION = {"key": "published.json", "operation": "PutObject"}
MARKER = {"key": "runs/*/run.json", "operation": "PutObject"}

SLOW_DOWN = refused(503, "SlowDown")
DENIED = refused(403, "AccessDenied")

SCENARIOS = (
    _scenario("503", "S3 answers 503 SlowDown to one request in ten", SLOW_DOWN, NONE, share=0.1, seed=SEED),
    _scenario("reset", "S3 resets one connection in twenty", reset(), NONE, share=0.05, seed=SEED),
    _scenario("late", "one answer of S3 in fifty is 30 s late", late(30), NONE, share=0.02, seed=SEED),
    Scenario("s3.late.check_features", "S3 answers 4 s late in check_features", _late_in_the_check, ("success",), NONE),
    _scenario("truncated.json", "two answers with JSON of the run are cut", truncated(10), NONE, **RUN_JSON, times=2),
    _scenario("truncated.progress", "all answers with progress.json are cut", truncated(10), NONE, **PROGRESS),
    _scenario("truncated.verdict", "two answers with a verdict are cut", truncated(10), NONE, **VERDICT, times=2),
    _scenario("lost.verdict", "one answer to the PUT of a verdict is lost", lost(), NONE, **LOST_VERDICT, times=1),
    _scenario("truncated.photo", "one answer with a photo is cut", truncated(100), NONE, **PHOTO, times=1),
    _scenario("truncated.features", "one answer with features is cut", truncated(100), NONE, **FEATURES, times=1),
    _scenario("denied.photo", "S3 answers AccessDenied for the new photo", DENIED, NEW_RUN, **PHOTO),
    _scenario("lost.publish", "one answer to the PUT of published.json is lost", lost(), NONE, **PUBLICATION, times=1),
    _scenario("lost.publish.always", "every answer to the PUT of published.json is lost", lost(), CLEAR, **PUBLICATION),
    _scenario("lost.marker", "one answer to the PUT of run.json is lost", lost(), NONE, **MARKER, times=1),
    *(
        _expired(task, code)
        for code in ("ExpiredToken", "AccessDenied")
        for task in ("list_images", "featurize_done", "check_features", "pca_done", "check_projections", "publish")
    ),
)
