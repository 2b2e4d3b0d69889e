"""A change of the preprocessing between runs and during a run: features of two preprocessings are never mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugins.histories.test_life_of_a_photo import assert_published
from tests.plugins.orchard import AUTO, Orchard
from verger import tasks
from verger.changes.params import PlanError
from verger.publication.commit import current
from verger.publication.commit import replace as replace_publication
from verger.publication.rollback import rollback
from verger.s3 import artifacts
from verger.s3.artifacts import ArtifactError
from verger.settings import Settings
from verger.validation.check import ValidationError
from verger_contract.preprocessing import VERSION, Decoding, preprocessing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXACT, SCALED = preprocessing(Decoding.EXACT), preprocessing(Decoding.SCALED)
SCALED_NOW = f"the preprocessing changed (published {EXACT}, now {SCALED})"


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    """Run `one` publishes four photos with the decoding `exact`."""
    made = Orchard(settings, client, tmp_path)
    for number in range(4):
        made.put(f"Kiwi/{number}.jpg", b"%d" % number)
    made.run("one")
    assert published(made) == ("one", EXACT, ["one"])
    return made


def published(orchard: Orchard) -> tuple[str | None, str, list[str]]:
    """Return the current run, its preprocessing and its feature runs."""
    now = current(orchard.client, orchard.bucket)
    assert now is not None
    snapshot = now.publication.current
    return snapshot.run, snapshot.model["preprocessing"], [features.run for features in snapshot.features]


def test_another_decoding_featurizes_all_photos_and_fits_a_new_basis(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.use_decoding(Decoding.SCALED)
    plan = orchard.run("two")
    assert plan.why == f"{SCALED_NOW}, 1 new"
    assert (plan.decoding, plan.keep, plan.compact) == ("scaled", (), ())
    assert (plan.basis, plan.basis_reason) == (None, SCALED_NOW)
    assert published(orchard) == ("two", SCALED, ["two"])
    assert_published(orchard)
    assert not orchard.run("three").work


def test_the_published_basis_cannot_be_reused_with_another_decoding(orchard: Orchard) -> None:
    orchard.use_decoding(Decoding.SCALED)
    with pytest.raises(PlanError, match=r"^basis=reuse: no basis can be reused: the preprocessing changed"):
        orchard.run("two", replace(AUTO, basis="reuse"))
    assert published(orchard) == ("one", EXACT, ["one"])


def test_the_run_after_a_rollback_to_another_preprocessing_is_a_full_refresh(orchard: Orchard) -> None:
    orchard.use_decoding(Decoding.SCALED)
    orchard.run("two")
    rollback(orchard.client, orchard.bucket, "one", orchard.now)
    assert published(orchard) == ("one", EXACT, ["one"])
    assert_published(orchard)
    orchard.put("Kiwi/4.jpg", b"4")
    assert orchard.run("three").why.startswith(SCALED_NOW)
    assert published(orchard) == ("three", SCALED, ["three"])
    assert_published(orchard)


@pytest.mark.parametrize("task", ["plan", "featurize", "check_features", "pca", "check_projections"])
def test_a_retry_after_a_change_of_the_setting_goes_on_with_the_decoding_of_the_plan(
    orchard: Orchard, task: str
) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("two").until(task)
    orchard.use_decoding(Decoding.SCALED)
    running.use_decoding_of_now()
    running.finish()
    assert published(orchard) == ("two", EXACT, ["one", "two"])
    assert_published(orchard)
    assert orchard.run("three").why.startswith(SCALED_NOW)
    assert published(orchard) == ("three", SCALED, ["three"])
    assert_published(orchard)


def test_features_of_another_decoding_than_that_of_the_plan_are_not_published(orchard: Orchard) -> None:
    """The plan is made again after a change of the setting, but step 1 is not repeated."""
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("two").until("featurize")
    orchard.use_decoding(Decoding.SCALED)
    running.use_decoding_of_now()
    running.done.remove("plan")
    with pytest.raises(ValidationError, match=rf"preprocessing {SCALED}, found model \w+, preprocessing {EXACT}"):
        running.finish()
    assert published(orchard) == ("one", EXACT, ["one"])


def test_a_set_with_other_decoding_rules_featurizes_all_photos(orchard: Orchard) -> None:
    manifest = orchard.settings.storage.artifacts_dir / artifacts.MANIFEST
    manifest.write_text(manifest.read_text().replace(f'"preprocessing": {VERSION}', '"preprocessing": 99'))
    running = orchard.begin("two").until("plan")
    assert running.plan is not None
    assert running.plan.why == f"the preprocessing changed (published {EXACT}, now 99-exact)"


def test_a_set_with_other_decoding_rules_during_a_run_is_an_error(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("two").until("plan")
    assert running.plan is not None
    staged = {"uri": "s3://x", "model_sha256": running.plan.model_sha256, "preprocessing_version": str(VERSION)}
    monkeypatch.setattr(artifacts, "stage", lambda *_: staged)
    orchard.use_decoding(Decoding.SCALED)
    running.use_decoding_of_now()
    assert tasks.stage_artifacts(running.run_context, running.plan) == staged
    staged["preprocessing_version"] = "99"
    with pytest.raises(ArtifactError, match=rf"planned with model \w+, preprocessing {EXACT}; found .* 99-exact: feat"):
        tasks.stage_artifacts(running.run_context, running.plan)


def test_a_publication_of_an_earlier_verger_is_refreshed(orchard: Orchard) -> None:
    before = current(orchard.client, orchard.bucket)
    assert before is not None
    snapshot = before.publication.current
    model = {name: value for name, value in snapshot.model.items() if name != "preprocessing"}
    earlier = replace(before.publication, current=replace(snapshot, model=model))
    replace_publication(orchard.client, orchard.bucket, earlier, before.etag)
    assert orchard.run("two").why == f"the preprocessing changed (published 1, now {EXACT})"
    assert published(orchard) == ("two", EXACT, ["two"])
    assert_published(orchard)
