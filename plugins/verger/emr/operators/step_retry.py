"""Decides which failures of a step are worth another try on the same cluster. Pure."""

from __future__ import annotations

import re

from verger.emr.step_log import STEP_ERROR

NO_ERROR = "its log has no error: its process was killed, or its node was lost"
LOSS = re.compile(
    r"Python worker exited unexpectedly|Python worker failed to connect back|from pyspark\.daemon's stdout"
    r"|Connection reset by peer|Connection refused|Answer from Java side is empty"
    r"|Py4JNetworkError|ExecutorLostFailure|Lost (?:executor|node|worker)|(?:Slave|Worker) lost|lost node|FetchFailed"
    r"|SparkContext (?:was|has been) (?:shut down|stopped)|stopped SparkContext|[Ss]ignal (?:9|15)\b|SIG(?:KILL|TERM)"
    r"|[Ee]xit(?:ed with)? (?:status|code):? (?:137|143)\b"
)
"""What Spark, Py4J and YARN write when a process or a node was lost."""


def reason_to_retry(state: str, summary: str, *, complete: bool = True) -> str:
    """Return why a failed step is worth another try; empty when the same error would occur again.

    An error that the step itself reports is never worth it: the step has repeated what can be repeated. Nor is a
    cancelled step, which a user or EMR ended on purpose.

    Parameters
    ----------
    state : str
        EMR's state of the step.
    summary : str
        The last error of its log (`verger.emr.step_log.summary`); empty when it has none.
    complete : bool
        Whether the log is complete. A missing log does not show that the step reported no error.

    Examples
    --------
    >>> reason_to_retry("FAILED", "verger: error: no photo could be read")
    ''
    >>> reason_to_retry("FAILED", "ConnectionResetError: [Errno 104] Connection reset by peer")
    'a process or a node was lost'
    """
    if state != "FAILED" or summary.startswith(STEP_ERROR):
        return ""
    if not summary:
        return NO_ERROR if complete else ""
    return "a process or a node was lost" if LOSS.search(summary) else ""
