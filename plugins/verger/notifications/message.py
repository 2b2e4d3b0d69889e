"""The texts of the notifications. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verger_contract.cluster_end import ClusterEnd

LONGEST_SUBJECT = 100
"""Characters of the subject of an SNS message."""

LONGEST_ERROR = 2000
"""Characters of an error message in a notification."""


@dataclass(frozen=True)
class Message:
    """A notification: `subject` is one line of ASCII of at most LONGEST_SUBJECT characters."""

    subject: str
    body: str


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """What is known about a run that has ended.

    Attributes
    ----------
    run : str
        The run id in the bucket.
    dag_run : str
        Airflow's id.
    succeeded : bool
        The DAG run has the state success.
    published : bool
        The run's data is published.
    stopped : bool
        A user stopped the run.
    current : str
        The run whose data readers use; empty when nothing is published.
    task, error : str
        The first failed task and its error; empty where unknown.
    reason : str
        Airflow's reason for the end of the DAG run.
    warnings : sequence of str
        The warnings of the report.
    cost : str
        Node hours and estimated cost.
    report : str
        Address of the report; empty when there is none.
    """

    run: str
    dag_run: str
    succeeded: bool
    published: bool
    stopped: bool = False
    current: str = ""
    task: str = ""
    error: str = ""
    reason: str = ""
    warnings: Sequence[str] = field(default_factory=tuple)
    cost: str = ""
    report: str = ""


def of_run(end: RunEnd) -> Message | None:
    """Return the message about a run; None when there is nothing to do.

    Parameters
    ----------
    end : RunEnd
    """
    if end.succeeded and not end.warnings:
        return None
    if end.succeeded:
        count = len(end.warnings)
        what = f"was published with {count} warning{'s' if count > 1 else ''}"
    elif end.published:
        what = f"is published, but {end.task or 'a task'} failed"
    else:
        verb = "was stopped" if end.stopped else "failed"
        what = f"{verb} in {end.task}" if end.task else verb
    lines = [f"Run {end.run} of the DAG fruit_features {what}.", ""]
    lines += [f"- {sentence}" for sentence in end.warnings]
    if not end.succeeded:
        lines.append(f"What happened: {(end.error or end.reason or 'Airflow gives no reason')[:LONGEST_ERROR]}")
    lines += [
        f"Published: {_published(end)}",
        f"Cost: {end.cost or 'unknown'}",
        f"Report: {end.report or 'none was written; read the logs of the tasks in Airflow'}",
        f"DAG run in Airflow: {end.dag_run}",
    ]
    return _message(f"Verger: run {end.run} {what}", lines)


def _published(end: RunEnd) -> str:
    if end.published:
        return "yes"
    return f"no; readers still use the data of run {end.current}" if end.current else "no; nothing is published"


def of_late_run(dag_run: str, minutes: int) -> Message:
    """Return the message about a run that has not ended in time.

    Parameters
    ----------
    dag_run : str
        Airflow's id.
    minutes : int
        The setting VERGER_LATE_MINUTES.
    """
    lines = [
        f"Run {dag_run} of the DAG fruit_features has not ended {minutes:,} minutes after its scheduled time.",
        "",
        "Look at the DAG run in Airflow: it may wait for an earlier run, for a free worker or for its cluster. "
        "Verger's page shows the progress of the active step.",
        "If such a run usually takes longer, raise VERGER_LATE_MINUTES.",
    ]
    return _message(f"Verger: run {dag_run} is late", lines)


def of_janitor(ends: Sequence[ClusterEnd], reported: Sequence[str], failed: Sequence[str]) -> Message | None:
    """Return the message about a sweep of the janitor; None when it terminated nothing and nothing failed.

    The janitor runs often. A cluster that only needs attention gives no message of its own.

    Parameters
    ----------
    ends : sequence of ClusterEnd
        The clusters that it terminated.
    reported, failed : sequence of str
        One sentence for each cluster that needs attention, and for each that EMR did not terminate.
    """
    if not ends and not failed:
        return None
    lines = [f"Cluster {end['cluster']} (run {end['run']}) was terminated: {end['reason']}." for end in ends]
    lines += [*failed, *reported]
    if ends:
        lines += ["", "Find out why the run did not terminate its cluster: see docs/operations.md."]
    count = len(ends)
    what = (
        f"the janitor terminated {count} cluster{'s' if count > 1 else ''}"
        if count
        else "EMR did not terminate a cluster"
    )
    return _message(f"Verger: {what}", lines)


def _message(subject: str, lines: Sequence[str]) -> Message:
    printable = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in subject)
    short = printable if len(printable) <= LONGEST_SUBJECT else f"{printable[: LONGEST_SUBJECT - 3]}..."
    return Message(short, "\n".join(lines))
