"""Gathers the clusters that the janitor terminated."""

from __future__ import annotations

from collections.abc import Sequence

from verger_contract.keys import JANITOR
from verger_ui.sources.bucket import Bucket
from verger_ui.sources.documents import ClusterEnd

SHOWN = 5
MOST_READ = 100
"""Records that are read. Vacuum deletes them after VERGER_ERASURE_DAYS."""


def newest(bucket: Bucket) -> Sequence[ClusterEnd]:
    """Return the records with the latest terminations, newest first; malformed records are left out."""
    keys = list(bucket.keys(JANITOR))[:MOST_READ]
    read = (ClusterEnd.of(content) for content in bucket.jsons(keys).values() if content)
    dated = [end for end in read if end.requested_at is not None]
    return sorted(dated, key=lambda end: str(end.requested_at), reverse=True)[:SHOWN]
