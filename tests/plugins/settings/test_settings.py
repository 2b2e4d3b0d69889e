"""Settings: defaults, accepted values, and error messages."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest

from tests.places import ROOT
from verger.settings import EU_REGIONS, Settings, SettingsError
from verger.settings.__main__ import markdown_table
from verger.settings.instance_types import YARN_MIB, default_primaries, default_workers, is_sold
from verger_contract.preprocessing import Decoding

REQUIRED = {"VERGER_BUCKET": "orchard"}


def test_only_the_bucket_is_required() -> None:
    settings = Settings.from_environment(REQUIRED)
    assert settings.storage.region == "eu-west-3"
    assert settings.cluster.release_label == "emr-spark-8.1.0"
    assert settings.pca.target_variance == 0.90
    with pytest.raises(
        SettingsError, match=r"^VERGER_BUCKET: not set; expected the name of an S3 bucket, without dots "
    ):
        Settings.from_environment({})


@pytest.mark.parametrize("end", ["", "/"])
def test_the_address_of_an_artifact_set_ends_in_its_sha256(end: str) -> None:
    uri = f"s3://orchard/artifacts/{'0a' * 32}{end}"
    settings = Settings.from_environment(REQUIRED | {"VERGER_ARTIFACTS_URI": uri})
    assert settings.storage.artifacts_sha256 == "0a" * 32
    assert Settings.from_environment(REQUIRED).storage.artifacts_sha256 is None


def test_the_artifact_set_is_a_folder_or_an_address() -> None:
    both = {"VERGER_ARTIFACTS_URI": f"s3://orchard/artifacts/{'0' * 64}/", "VERGER_ARTIFACTS_DIR": "/artifacts"}
    with pytest.raises(SettingsError, match="expected either VERGER_ARTIFACTS_DIR or VERGER_ARTIFACTS_URI"):
        Settings.from_environment(REQUIRED | both)


def test_values_have_the_types_of_their_settings() -> None:
    settings = Settings.from_environment(
        REQUIRED
        | {
            "VERGER_TARGET_VARIANCE": "0.5",
            "VERGER_SUBNET_IDS": "subnet-0a1, subnet-0b2",
            "VERGER_ALLOW_RANDOM_WEIGHTS": "True",
            "VERGER_IDLE_TIMEOUT": " 60 ",
            "VERGER_SCHEDULE": "never",
            "VERGER_DECODING": "scaled",
        }
    )
    assert settings.pca.target_variance == 0.5
    assert settings.cluster.subnet_ids == ("subnet-0a1", "subnet-0b2")
    assert settings.storage.allow_random_weights is True
    assert settings.cluster.idle_timeout == 60
    assert settings.schedule.schedule == "never"
    assert settings.featurize.decoding is Decoding.SCALED


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("VERGER_BUCKET", "Orchard", "the name of an S3 bucket"),
        ("VERGER_BUCKET", "", "the name of an S3 bucket"),
        ("VERGER_BUCKET", "my.bucket", "without dots (no TLS certificate covers a name with dots)"),
        ("VERGER_BUCKET", "a..b", "without dots"),
        ("VERGER_REGION", "us-east-1", "a region in the EU"),
        ("VERGER_REGION", "eu-west-2", "a region in the EU"),
        ("VERGER_REGION", "eu-central-2", "a region in the EU"),
        ("VERGER_REGION", "eu-isoe-west-1", "a region in the EU"),
        ("VERGER_IMAGES_PREFIX", "images/../pca/", "none of them '.' or '..'"),
        ("VERGER_IMAGES_PREFIX", "./", "none of them '.' or '..'"),
        ("VERGER_IMAGES_PREFIX", "images", "folders ending in '/'"),
        ("VERGER_IMAGES_PREFIX", "", "folders ending in '/'"),
        ("VERGER_IMAGES_PREFIX", "pca/photos/", "outside Verger's own"),
        ("VERGER_ARTIFACTS_DIR", "relative", "the absolute path of a folder"),
        ("VERGER_ARTIFACTS_URI", "/artifacts", "s3://BUCKET/artifacts/SHA256/ with 64 hexadecimal digits"),
        ("VERGER_ARTIFACTS_URI", "s3://orchard/artifacts/current/", "with 64 hexadecimal digits"),
        ("VERGER_ARTIFACTS_URI", f"s3://orchard/artifacts/{'0' * 63}", "with 64 hexadecimal digits"),
        ("VERGER_ARTIFACTS_URI", f"s3://orchard/sets/{'0' * 64}", "with 64 hexadecimal digits"),
        ("VERGER_ARTIFACTS_URI", f"s3://garden/artifacts/{'0' * 64}", "a set in the bucket orchard (VERGER_BUCKET)"),
        ("VERGER_ALLOW_RANDOM_WEIGHTS", "perhaps", "true or false"),
        ("VERGER_DECODING", "fast", "exact or scaled"),
        ("VERGER_DECODING", "EXACT", "exact or scaled"),
        ("VERGER_RELEASE_LABEL", "8.1.0", "an EMR release label"),
        ("VERGER_WORKER_INSTANCE_TYPES", "m6i", "EC2 instance types"),
        ("VERGER_WORKER_INSTANCE_TYPES", "c7i.xlarge,c7i.large", "from the size `xlarge`"),
        ("VERGER_WORKER_INSTANCE_TYPES", "m7i.large", "from the size `xlarge`"),
        ("VERGER_WORKER_INSTANCE_TYPES", ",".join(["c7i.xlarge"] * 31), "at most 30 EC2 instance types"),
        ("VERGER_IDLE_TIMEOUT", "59", "60 to 604800"),
        ("VERGER_EXECUTOR_HEAP_MIB", "512", "768 to 65536"),
        ("VERGER_EXECUTOR_OVERHEAD_MIB", "1791", "1792 to 65536"),
        ("VERGER_IDLE_TIMEOUT", "604801", "60 to 604800"),
        ("VERGER_IDLE_TIMEOUT", "an hour", "60 to 604800"),
        ("VERGER_SNS_TOPIC", "verger", "the ARN of an SNS topic"),
        ("VERGER_SNS_TOPIC", "arn:aws:sns:eu-west-3:123456789012:verger.fifo", "that is no FIFO topic"),
        ("VERGER_LATE_MINUTES", "-1", "0 to 10080"),
        ("VERGER_JANITOR_SCHEDULE", "often", "a cron expression or never"),
        ("VERGER_JANITOR_AGE_HOURS", "0", "1 to 1000"),
        ("VERGER_DEPLOYMENT", "a,b", "characters that EMR accepts in a tag"),
        ("VERGER_IDLE_MARGIN", "59", "60 to 604800"),
        ("VERGER_TARGET_VARIANCE", "0", "more than 0, at most 1"),
        ("VERGER_TARGET_VARIANCE", "1.1", "more than 0, at most 1"),
        ("VERGER_TARGET_VARIANCE", "nan", "more than 0, at most 1"),
        ("VERGER_MAX_COMPONENTS", "1281", "1 to 1280"),
        ("VERGER_MAX_REJECTS_SHARE", "-0.1", "0 to 1"),
        ("VERGER_PCA_BASIS", "sometimes", "auto, refit or reuse"),
        ("VERGER_MAX_DELETED_SHARE", "2", "0 to 1"),
        ("VERGER_SNAPSHOT_DAYS", "0", "1 to 3650"),
        ("VERGER_SCHEDULE", "every day", "a cron expression or never"),
        ("VERGER_TIMEZONE", "Europe/Bourg", "a name of the tz database"),
        ("VERGER_POLL_SECONDS", "0", "1 to 600"),
    ],
)
def test_the_error_for_a_wrong_value_names_the_accepted_values(variable: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(REQUIRED | {variable: value})
    assert str(caught.value).startswith(f"{variable}: is {value!r}; expected ")
    assert expected in str(caught.value)


def test_the_error_for_an_executor_that_fits_on_no_worker_names_the_type_and_the_largest_size() -> None:
    larger = REQUIRED | {"VERGER_EXECUTOR_OVERHEAD_MIB": "4400"}
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(larger | {"VERGER_WORKER_INSTANCE_TYPES": "c6i.xlarge,m5.xlarge"})
    assert "VERGER_EXECUTOR_OVERHEAD_MIB: 5,168 MiB together; expected at most 5,120 for c6i.xlarge" in str(
        caught.value
    )
    assert Settings.from_environment(larger | {"VERGER_WORKER_INSTANCE_TYPES": "m5.xlarge,c7i.metal"})


@pytest.mark.parametrize("region", [region for region in EU_REGIONS if region != "eusc-de-east-1"])
def test_every_region_in_the_eu_is_accepted_and_sells_its_default_types(region: str) -> None:
    settings = Settings.from_environment(REQUIRED | {"VERGER_REGION": region})
    assert settings.storage.region == region
    for names in (settings.cluster.primary_instance_types, settings.cluster.worker_instance_types):
        assert 2 <= len(names) <= 5
        assert [name for name in names if not is_sold(name, region)] == []


def test_paris_has_no_default_type_that_it_does_not_sell() -> None:
    cluster = Settings.from_environment(REQUIRED).cluster
    assert cluster.worker_instance_types == ("c6i.xlarge", "c7i.xlarge", "c5.xlarge", "m6i.xlarge", "m6a.xlarge")
    assert cluster.primary_instance_types == ("m6i.xlarge", "m7i.xlarge", "m5.xlarge")


def test_the_sovereign_cloud_has_no_default_types() -> None:
    there = REQUIRED | {"VERGER_REGION": "eusc-de-east-1"}
    with pytest.raises(
        SettingsError, match=r"^VERGER_PRIMARY_INSTANCE_TYPES: not set; .*; VERGER_WORKER_INSTANCE_TYPES"
    ):
        Settings.from_environment(there)
    types = {"VERGER_PRIMARY_INSTANCE_TYPES": "m7i.xlarge", "VERGER_WORKER_INSTANCE_TYPES": "c7i.xlarge"}
    assert Settings.from_environment(there | types).cluster.worker_instance_types == ("c7i.xlarge",)


def test_a_type_that_the_region_does_not_sell_is_an_error_that_the_user_can_switch_off() -> None:
    wanted = REQUIRED | {"VERGER_WORKER_INSTANCE_TYPES": "c6a.2xlarge,c7i.xlarge"}
    with pytest.raises(SettingsError, match=r"^VERGER_WORKER_INSTANCE_TYPES: c6a.2xlarge: not sold in eu-west-3"):
        Settings.from_environment(wanted)
    Settings.from_environment(wanted | {"VERGER_REGION": "eu-west-1"})
    Settings.from_environment(wanted | {"VERGER_CHECK_INSTANCE_TYPES": "false"})


def test_the_primary_node_has_the_architecture_of_the_workers() -> None:
    wanted = REQUIRED | {"VERGER_WORKER_INSTANCE_TYPES": "c7g.xlarge,m6g.xlarge"}
    assert Settings.from_environment(wanted).cluster.primary_instance_types == ("m7g.xlarge", "m6g.xlarge")
    for region in EU_REGIONS:
        assert not region.startswith("eu-") or default_primaries(region, ["c6g.xlarge"])
    for others in (
        {"VERGER_WORKER_INSTANCE_TYPES": "c7g.xlarge,c6i.xlarge"},
        {"VERGER_WORKER_INSTANCE_TYPES": "c7g.xlarge", "VERGER_PRIMARY_INSTANCE_TYPES": "m6i.xlarge"},
        {"VERGER_PRIMARY_INSTANCE_TYPES": "m7g.xlarge"},
    ):
        with pytest.raises(SettingsError, match=r"[cm]7g.xlarge \(Graviton, aarch64\) and .* one architecture"):
            Settings.from_environment(REQUIRED | others)


def test_every_default_type_has_a_price_and_a_memory() -> None:
    prices = Settings.from_environment(REQUIRED).prices.on_demand
    defaults = {name for region in EU_REGIONS for name in (*default_workers(region), *default_primaries(region))}
    assert defaults <= prices.keys()
    assert defaults <= YARN_MIB.keys()


def test_a_history_server_needs_the_event_log_in_the_bucket() -> None:
    wanted = {"VERGER_SPARK_HISTORY_URL": "http://127.0.0.1:18080", "VERGER_EVENT_LOG_IN_BUCKET": "false"}
    with pytest.raises(SettingsError, match=r"^VERGER_SPARK_HISTORY_URL: is set; expected none"):
        Settings.from_environment(REQUIRED | wanted)


def test_security_groups_are_set_together() -> None:
    groups = {f"VERGER_{kind}_SECURITY_GROUP": f"sg-0{i}" for i, kind in enumerate(("PRIMARY", "WORKER", "SERVICE"))}
    found = Settings.from_environment(REQUIRED | groups).cluster
    assert found.security_groups == {
        "EmrManagedMasterSecurityGroup": "sg-00",
        "EmrManagedSlaveSecurityGroup": "sg-01",
        "ServiceAccessSecurityGroup": "sg-02",
    }
    with pytest.raises(
        SettingsError, match=r"^VERGER_PRIMARY_SECURITY_GROUP, VERGER_SERVICE_SECURITY_GROUP: not set; expected all"
    ):
        Settings.from_environment(REQUIRED | {"VERGER_WORKER_SECURITY_GROUP": "sg-01"})


def test_the_error_for_an_unknown_variable_names_the_most_similar_setting() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"VERGER_BUKET": "orchard", "VERGER_QQQ": "1"})
    assert str(caught.value).startswith(
        "VERGER_BUKET: no such setting; expected VERGER_BUCKET, or no such variable; "
        "VERGER_QQQ: no such setting; expected no such variable; VERGER_BUCKET: not set; "
    )


@pytest.mark.parametrize("name", ["VERGER_S3A_JARS", "VERGER_TEST_PHOTOS", "VERGERS", "PATH"])
def test_other_variables_are_ignored(name: str) -> None:
    assert Settings.from_environment(REQUIRED | {name: "x"}) == Settings.from_environment(REQUIRED)


def test_the_erasure_time_includes_the_time_to_roll_back() -> None:
    wanted = REQUIRED | {"VERGER_SNAPSHOT_DAYS": "10", "VERGER_ERASURE_DAYS": "13"}
    message = "^VERGER_ERASURE_DAYS: is 13; expected at least 14, 4 more than VERGER_SNAPSHOT_DAYS$"
    with pytest.raises(SettingsError, match=message):
        Settings.from_environment(wanted)
    kept = Settings.from_environment(wanted | {"VERGER_ERASURE_DAYS": "14"}).retention
    assert kept.max_deletes_age + kept.snapshot_age + timedelta(days=3) == kept.erasure_age


def test_the_error_names_all_wrong_values() -> None:
    with pytest.raises(SettingsError, match=r"VERGER_BUCKET.*VERGER_POLL_SECONDS"):
        Settings.from_environment({"VERGER_POLL_SECONDS": "0"})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings.from_environment(REQUIRED).pca.target_variance = 1  # type: ignore[misc]


def test_the_table_lists_every_setting_and_needs_no_environment() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "verger.settings"],
        env={"PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == markdown_table()
    assert "| `VERGER_BUCKET` | *required* |" in printed.stdout
    assert "| `VERGER_IDLE_TIMEOUT` | `10800` | seconds | 60 to 604800 |" in printed.stdout
