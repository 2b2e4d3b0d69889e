"""What a run is to do with features and basis, as it was decided before the cluster came up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verger_spark.errors import VergerError
from verger_spark.io import storage
from verger_spark.pca.policy import Policy, Wanted


@dataclass(frozen=True)
class Plan:
    """Feature runs by URI, each ending in `run=<id>`.

    keep: published runs, read as they are
    compact: published runs whose current rows are copied `into` one new run, and read from there
    new: what step 1 wrote in this run
    dead: Parquet of (path, run): rows of the runs of `keep` that are current no longer
    dropped: the same of `compact`
    basis: which basis is wanted
    photos: how many the bucket holds; those that were rejected have no row of features
    """

    keep: tuple[str, ...]
    compact: tuple[str, ...]
    into: str | None
    new: str
    deletes: str
    compacted_deletes: str
    basis: Wanted
    photos: int

    @classmethod
    def read(cls, uri: str) -> Plan:
        """The plan that lies at `uri` as JSON.

        Raises
        ------
        VergerError
            It does not exist or lacks something.
        """
        facts = storage.read_json(uri)
        try:
            return cls.of(facts)
        except (KeyError, TypeError, ValueError) as error:
            raise VergerError(
                f"{uri}: expected a plan with features, dead, basis and photos, found something else "
                f"({type(error).__name__}: {error}); start a new run, with DAG and steps of one version"
            ) from None

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Plan:
        """From the JSON object. Raises KeyError, TypeError or ValueError when it is no plan."""
        features, basis = facts["features"], facts["basis"]
        compact, into = tuple(features["compact"]), features["into"]
        if bool(compact) != bool(into):
            raise ValueError(f"features.compact is {list(compact)}, but features.into is {into}")
        wanted = Wanted(Policy(basis["policy"]), basis["published"], basis["reason"], float(basis["tolerance"]))
        deletes, compacted_deletes = str(facts["deletes"]), str(facts["compacted_deletes"])
        photos = int(facts["photos"]["listed"])
        return cls(
            tuple(features["keep"]), compact, into, str(features["new"]), deletes, compacted_deletes, wanted, photos
        )

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that hold all current rows once the compaction is done."""
        return (*self.keep, *([self.into] if self.into else []), self.new)
