"""docs/operations.md has an entry for what a user can see: states of a run, messages of the topic, errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.infra.stack import template
from tests.places import ROOT
from tests.tree import files

PAGE = (ROOT / "docs/operations.md").read_text()
ERRORS = re.compile(r"(VergerError|AirflowFailException|ClusterEndedError|StorageError|UnavailableError|TableError)$")
"""Exceptions whose message ends a task, a step or a command."""

CLASSES = re.compile(r"^class (\w+)\((?:\w*VergerError|StorageError|UnavailableError|TableError)\)", re.MULTILINE)
REMEDY = re.compile(
    r"\b(add|allow|build|call|check|choose|clear|correct|delete|grant|lower|open|point|raise|reload|restore|run|set|start|"
    r"trigger|try again|use)\b|\{(?:advice|BUILD|FIT_AGAIN|UPLOAD|_again\(address\)|found\.text|operation\.value)\}"
)
"""Words with which a message says what to do, and variables with such words. The table of S3's errors explains
`operation`."""

OWN_PAGE = ("deployment_check", "verger_photo/formats", "report/pictures")
"""Folders whose messages are not errors of a run: each line of the check says what to do; rejects and thumbnails."""


def section(heading: str) -> str:
    """The text below a heading."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_cells(heading: str) -> list[str]:
    """The first cell of each row of the table below a heading."""
    return [line.split(" | ")[0].strip("| ") for line in section(heading).splitlines() if line.startswith("| ")][2:]


def code_modules() -> Iterator[Path]:
    """Yield the modules whose errors users see."""
    for path in files(".py"):
        ours = path.parts[:2] in (("plugins", "verger"), ("plugins", "verger_photo")) or path.parts[0] == "spark_jobs"
        if ours and not any(folder in str(path) for folder in OWN_PAGE):
            yield path


def text(node: ast.expr) -> str:
    """The text of a message, with the variables in braces."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text(value) for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def messages() -> Iterator[tuple[str, str]]:
    """Yield place and message of every error."""
    sources = {path: (ROOT / path).read_text() for path in code_modules()}
    errors = {name for source in sources.values() for name in CLASSES.findall(source)}
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = ast.unparse(node.exc.func).rpartition(".")[2]
                message = " ".join(text(argument) for argument in node.exc.args)
                if (name in errors or ERRORS.search(name)) and message.strip():
                    yield f"{path}:{node.lineno}", message


MESSAGES = dict(messages())
PATTERNS = [
    re.compile(".+".join(map(re.escape, shown.removeprefix("verger: error: ").split("…"))))
    for cell in first_cells("Messages")
    for shown in re.findall(r"`([^`]+)`", cell)
    if " " in shown
]
"""The messages of the page, in which … stands for any text."""


def test_the_errors_of_the_code_are_found() -> None:
    assert len(MESSAGES) > 60


def test_each_message_says_what_to_do_or_the_page_does() -> None:
    assert {place: message for place, message in MESSAGES.items() if not is_explained(message)} == {}


def is_explained(message: str) -> bool:
    """Whether the message, or the row of the page that has it, says what to do."""
    return bool(REMEDY.search(message)) or any(pattern.search(message) for pattern in PATTERNS)


def test_the_page_lists_the_states_of_a_run() -> None:
    source = (ROOT / "plugins/verger_ui/views/run_facts.py").read_text()
    states = re.findall(r'^    [A-Z_]+ = "([a-z ]+)"$', source, re.MULTILINE)
    assert [cell.strip("`") for cell in first_cells("States of a run")] == states


def named_by_the_template() -> Iterator[str]:
    """Yield the first words of each message that a resource of the template sends."""
    for found in template()["Resources"].values():
        properties: dict[str, Any] = found.get("Properties", {})
        for target in properties.get("Targets", []):
            if "InputTransformer" in target:
                yield target["InputTransformer"]["InputTemplate"].strip('"').partition(".")[0]
        if found["Type"] == "AWS::CloudWatch::Alarm":
            yield str(properties["AlarmDescription"]["Fn::Sub"]).partition(" in $")[0]
        if found["Type"] == "AWS::StepFunctions::StateMachine":
            yield properties["Definition"]["States"]["Report"]["Parameters"]["Subject"]


def test_the_page_lists_the_messages_of_the_topic() -> None:
    cells = " ".join(first_cells("Notifications and alarms"))
    of_template = {re.sub(r" \(<\w+>\)", "", words) for words in named_by_the_template()}
    of_template = {re.sub(r"<\w+>", "…", words) for words in of_template}
    assert len(of_template) == 4
    assert {words for words in of_template if words not in cells} == set()
    source = (ROOT / "plugins/verger/notifications/message.py").read_text()
    for words in (
        "is late",
        "the janitor terminated",
        "EMR did not terminate a cluster",
        "was stopped",
        "is published, but",
    ):
        assert words in source
        assert words in cells
