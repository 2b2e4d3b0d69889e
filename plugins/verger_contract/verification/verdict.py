"""runs/<id>/verify_features.json and verify_pca.json: what the verification steps found.

As the metrics of the other steps, they hold a claim until the step has completed (see `metrics`).
"""

from __future__ import annotations

from typing import Any, TypedDict

VERIFY_FEATURES, VERIFY_PCA = "verify_features", "verify_pca"
"""Names of the two steps. The first verifies the output of step 1, the second that of step 2."""


class Verdict(TypedDict):
    """The result of a verification step.

    `checks` has the rows of validation.json. `verified` names the attempts of the steps whose output was verified,
    by step. `file_lists` has the SHA-256 of the file list of each table that was verified, by the key prefix of the
    table: later readers accept no other list. `measured` is what the next run updates (runs/<id>/spread.json); None
    for the features. `bytes_read` counts the bytes of the verified files.
    """

    checks: list[dict[str, Any]]
    verified: dict[str, str]
    file_lists: dict[str, str]
    measured: dict[str, Any] | None
    bytes_read: int
    started_at: str
    seconds: dict[str, float]
    application: str
    attempt: str
