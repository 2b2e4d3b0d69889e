"""Decides how much the verification steps read, and what they compare the written tables with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from verger.changes.params import RunParams
from verger.publication.model import FeatureRun, PcaRun, Snapshot
from verger.settings import Validation
from verger_contract import plan
from verger_contract.keys import Run


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What the verification of a run starts from.

    Attributes
    ----------
    all : bool
        All rows are verified, not only those that the run writes.
    all_at : str or None
        When all rows were verified last before this run (ISO 8601, UTC).
    run : str or None
        The run of the published snapshot, whose verification measured the variance of its photos.
    pca_attempt : str
        Id of its attempt of step 2, which names the folder of its suspects.
    photos : int
        Photos of that snapshot.
    """

    all: bool = False
    all_at: str | None = None
    run: str | None = None
    pca_attempt: str = ""
    photos: int = 0

    @classmethod
    def of_run(cls, published: Snapshot | None, params: RunParams, limits: Validation, now: datetime) -> Verification:
        """Return what a run starts from.

        A snapshot of an earlier Verger does not say when it was verified: the next run with work verifies all rows.
        """
        if not published or not published.run:
            return cls()
        is_all = is_due(published, params, limits, now) or published.verified_all_at is None
        return cls(
            all=is_all,
            all_at=published.verified_all_at,
            run=published.run,
            pca_attempt=published.pca_attempt,
            photos=published.photos,
        )

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Verification:
        """Return the inverse of `dataclasses.asdict`."""
        return cls(**facts)

    def for_step(
        self,
        run: Run,
        features: tuple[FeatureRun, ...],
        pca: tuple[PcaRun, ...],
        manifest: list[str],
        verified: Mapping[str, str],
    ) -> plan.Verification:
        """Return it as the steps read it: with URIs instead of run ids.

        Parameters
        ----------
        run
        features, pca
            The published tables that the run keeps.
        manifest
            Keys of the parts of the manifest.
        verified
            SHA-256 of the file list of each table that the run itself has verified, by URI.
        """
        before = Run(run.bucket, self.run, pca_attempt=self.pca_attempt) if self.run else None
        of_features = {run.uri(Run(run.bucket, table.run).features): table for table in features}
        of_pca = {run.uri(Run(run.bucket, table.run).pca): table for table in pca}
        lists = {uri: table.files for uri, table in of_features.items()}
        lists |= {uri: table.files for uri, table in of_pca.items()}
        return plan.Verification(
            all=self.all,
            features={uri: table.rows for uri, table in of_features.items()},
            current_features={uri: table.current_rows for uri, table in of_features.items()},
            coordinates={uri: table.rows for uri, table in of_pca.items()},
            coordinates_of={uri: list(table.features or ()) for uri, table in of_pca.items()},
            file_lists={uri: sha256 for uri, sha256 in lists.items() if sha256} | dict(verified),
            manifest=tuple(map(run.uri, manifest)),
            measured=run.uri(before.spread) if before else None,
            suspects=run.uri(before.suspects) if before else None,
            photos=self.photos,
        )


def is_due(published: Snapshot | None, params: RunParams, limits: Validation, now: datetime) -> bool:
    """Return whether a run is needed to verify all rows: on request, or after VERGER_VERIFY_ALL_DAYS."""
    if not published or not published.run:
        return False
    last, after = published.verified_all_at, timedelta(days=limits.verify_all_days)
    return params.verify_all or bool(after and last and now - datetime.fromisoformat(last) >= after)


def reasons(published: Snapshot | None, params: RunParams, limits: Validation, now: datetime) -> list[str]:
    """Return the reason for such a run, in words; empty when there is none."""
    return ["verification of all published rows"] if is_due(published, params, limits, now) else []
