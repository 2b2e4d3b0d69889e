"""The idle timeout of a cluster is as long as the work between the steps can take."""

from __future__ import annotations

import pytest

from verger.emr.idle import idle_seconds
from verger.settings import Settings


def settings(**values: str) -> Settings:
    return Settings.from_environment({"VERGER_BUCKET": "orchard"} | values)


@pytest.mark.parametrize(
    ("photos", "values", "seconds"),
    [
        (0, {}, 720),
        (23_619, {}, 720),
        (1_000_000, {}, 735),
        (100_000_000, {}, 2_220),
        (1_000_000_000, {}, 10_800),
        (1_000_000, {"VERGER_IDLE_TIMEOUT": "300"}, 300),
        (1_000_000, {"VERGER_IDLE_MARGIN": "60", "VERGER_RETRIES": "0"}, 75),
        (10, {"VERGER_RETRIES": "10", "VERGER_RETRY_SECONDS": "3600"}, 10_800),
        (0, {"VERGER_IDLE_MARGIN": "60", "VERGER_RETRIES": "0"}, 60),
    ],
)
def test_the_idle_timeout_grows_with_the_photos_up_to_the_setting(
    photos: int, values: dict[str, str], seconds: int
) -> None:
    assert idle_seconds(settings(**values), photos) == seconds


@pytest.mark.parametrize("photos", [1_000_000, 10_000_000, 100_000_000])
def test_two_manifests_fit_into_the_default_idle_timeout(photos: int) -> None:
    """The manifest takes 7.5 microseconds a photo: benchmarks/planning.md."""
    assert idle_seconds(settings(), photos) > 2 * 7.5e-6 * photos + 600
