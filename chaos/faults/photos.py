"""Photos are added, replaced or deleted while step 1 runs, and photos that cannot be read."""

from __future__ import annotations

from chaos.harness.trial import Trial
from chaos.scenario import NEW_RUN, NONE, Scenario

MANY, FEW = 4, 1
"""Damaged photos beside nine others: above and below `VERGER_MAX_REJECTS_SHARE` of `chaos.harness.stack`."""


def _added(trial: Trial) -> None:
    trial.start()
    trial.until("featurize_done", "deferred")
    trial.bucket.put_photo(*trial.spare(1))


def _replaced(trial: Trial) -> None:
    trial.start()
    trial.until("featurize", "running")
    trial.bucket.put_photo(trial.spare(0)[0], trial.spare(1)[1])


def _replaced_published(trial: Trial) -> None:
    trial.start()
    trial.until("featurize_done", "deferred")
    trial.bucket.put_photo(next(iter(trial.bucket.photos())), trial.spare(1)[1])


def _deleted(trial: Trial) -> None:
    trial.start()
    trial.until("featurize", "running")
    trial.bucket.delete(trial.spare(0)[0])


def _put_damaged(trial: Trial, count: int) -> None:
    for number in range(count):
        trial.bucket.put_photo(f"images/Apple/damaged {number}.jpg", b"not a photo")


def _damaged(trial: Trial) -> None:
    _put_damaged(trial, MANY)
    trial.start()


def _few_damaged(trial: Trial) -> None:
    _put_damaged(trial, FEW)
    trial.start()


def _damaged_again(trial: Trial) -> None:
    """Run twice: the second run knows the rejects of the first."""
    _damaged(trial)
    trial.airflow.wait(trial.run, trial.stack.run_s)
    before = len(trial.clusters(every=True))
    trial.run = trial.new_run()
    trial.airflow.wait(trial.run, trial.stack.run_s)
    if len(trial.clusters(every=True)) > before:
        raise RuntimeError("the second run launched a cluster for the same photos")


def _delete_damaged(trial: Trial) -> None:
    for key in trial.bucket.photos():
        if "/damaged " in key:
            trial.bucket.delete(key)


SCENARIOS = (
    Scenario("photos.added", "a photo is added during step 1", _added, ("success",), NEW_RUN),
    Scenario("photos.replaced", "the new photo is replaced before step 1 reads it", _replaced, recovery=NEW_RUN),
    Scenario(
        "photos.replaced-published", "a published photo is replaced during step 1", _replaced_published, ("success",),
        NEW_RUN,
    ),
    Scenario("photos.deleted", "the new photo is deleted before step 1 reads it", _deleted, recovery=NEW_RUN),
    Scenario(
        "photos.damaged", f"{MANY} photos cannot be read, above the limit of rejects", _damaged, ("failed",), NEW_RUN,
        _delete_damaged,
    ),
    Scenario("photos.damaged-few", f"{FEW} photo cannot be read", _few_damaged, ("success",), NONE),
    Scenario(
        "photos.damaged-again", "a second run reads the damaged photos", _damaged_again, ("failed",), NEW_RUN,
        _delete_damaged,
    ),
)  # fmt: skip
