"""The DAG publishes although a node of its YARN is lost, and computes no split twice that had finished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.harness.places import STATE
from benchmarks.on_yarn.losses import MASTER, SETTINGS, STEP_1, Case, Loss
from benchmarks.on_yarn.observer import Observer
from benchmarks.on_yarn.trial import NODES, Trial, application, metrics, trial
from sample_photos.albums import Album
from sample_photos.orchard import draw_orchard
from tests.ports import free_ports

PHOTOS = 600
pytestmark = [
    pytest.mark.skipif(not os.environ.get("FULL_YARN"), reason="two minutes: FULL_YARN=1 make test-yarn"),
    pytest.mark.skipif(
        not (STATE / "jars" / "yarn-hadoop-3.4.2").is_dir(), reason="the jars of YARN are missing (`make jars`)"
    ),
    pytest.mark.skipif(not (STATE / "venv" / "airflow").is_dir(), reason="Airflow is not installed (`make setup`)"),
]


def test_the_loss_of_the_application_masters_node_in_step_1(tmp_path: Path) -> None:
    """YARN starts the application master again, and with it all executors: the largest loss that a step survives."""
    draw_orchard(tmp_path / "orchard", PHOTOS)
    album, first_port = Album(tmp_path / "orchard", drawn=True), free_ports()
    with trial(album, "yarn", SETTINGS, state=tmp_path / "aws", first_port=first_port) as made:
        lost, observer = run_with_loss(made)
        step_1 = application(made.store, "featurize").stages[0]
        assert lost is not None
        assert metrics(made.store, "featurize")["featurized"] == PHOTOS
        assert (step_1.finished_twice, step_1.failed) == (0, 0)
        assert 0 < step_1.lost <= 4 * NODES, "only the tasks that ran are repeated"
        masters = [one for one in observer.seen.containers.values() if one.is_application_master]
        assert len(masters) == 2, "both of step 1: step 2 of so few photos starts no application"
        assert application(made.store, "pca").stages == {}
        assert max(sizes.used_vcpus for sizes in observer.seen.peaks().values()) >= 4


def run_with_loss(made: Trial) -> tuple[str | None, Observer]:
    """Run the DAG, and end a node after a fifth of the photos of step 1."""
    with Loss(Case(STEP_1, MASTER, 0.2), made, 0.0) as loss, Observer(made.stack) as observer:
        made.run()
    return loss.lost, observer
