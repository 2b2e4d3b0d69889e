"""Settings of a stack: those of the last start, the environment, and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.settings import Settings
from local_aws.stack import Stack


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLUSTER", "YARN_NODES", "YARN_SCALE", "CONTAINER_LOG_SECONDS", "JAVA_OPTIONS"):
        monkeypatch.delenv(f"VERGER_LOCAL_{name}", raising=False)


def test_the_environment_sets_the_mode_and_the_command_line_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Stack(tmp_path).settings.cluster == "local"
    monkeypatch.setenv("VERGER_LOCAL_CLUSTER", "yarn")
    monkeypatch.setenv("VERGER_LOCAL_YARN_SCALE", "0.5")
    settings = Stack(tmp_path).settings
    assert (settings.cluster, settings.yarn_scale) == ("yarn", 0.5)
    assert Stack(tmp_path, cluster="local").settings.cluster == "local"


def test_the_next_start_without_the_variable_is_local_and_keeps_the_ports(tmp_path: Path) -> None:
    Settings(state=tmp_path, cluster="yarn", s3_port=9000).save()
    settings = Stack(tmp_path).settings
    assert (settings.cluster, settings.s3_port) == ("local", 9000)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("VERGER_LOCAL_CLUSTER", "hadoop", "VERGER_LOCAL_CLUSTER: expected local or yarn, found 'hadoop'"),
        ("VERGER_LOCAL_YARN_NODES", "0", "VERGER_LOCAL_YARN_NODES: expected 1 to 200, found 0"),
        ("VERGER_LOCAL_YARN_NODES", "two", "VERGER_LOCAL_YARN_NODES: expected a number, found 'two'"),
        ("VERGER_LOCAL_YARN_SCALE", "0", "yarn_scale: expected more than 0"),
        ("VERGER_LOCAL_CONTAINER_LOG_SECONDS", "nan", "container_log_s: expected more than 0"),
    ],
)
def test_a_value_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=message):
        Stack(tmp_path)
