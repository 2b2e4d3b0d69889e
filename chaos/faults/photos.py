"""Photos are added, replaced or deleted while step 1 runs, and photos that cannot be read."""

from __future__ import annotations

from chaos.harness.trial import Trial
from chaos.scenario import NEW_RUN, Scenario

MANY = 4
"""Photos of eleven that are damaged: above `VERGER_MAX_REJECTS_SHARE`."""


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


def _damaged(trial: Trial) -> None:
    for number in range(MANY):
        trial.bucket.put_photo(f"images/Apple/damaged {number}.jpg", b"not a photo")
    trial.start()


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
)  # fmt: skip
