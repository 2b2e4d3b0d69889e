"""Checks for both tables: one row per photo, no path twice, width, finite numbers, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from verger_contract.verification.check import Check
from verger_verify.measures.fingerprint import Fingerprint, difference
from verger_verify.measures.vectors import Vectors, version_key

Rows = Callable[[], Iterator[tuple[str, str]]]
"""Returns a new stream of path and ETag of every row of a table."""


def keys(rows: Rows) -> Callable[[], Iterator[str]]:
    """Return a function that streams path and ETag of every row as one key."""
    return lambda: (version_key(path, etag) for path, etag in rows())


def one_row_each(
    expected: Fingerprint, found: Fingerprint, expected_rows: Rows, found_paths: Callable[[], Iterator[str]], what: str
) -> list[Check]:
    """Check that every expected photo has exactly one row.

    Parameters
    ----------
    expected, found
        Fingerprints of paths.
    expected_rows, found_paths
        Read the tables a second time, for examples, when the fingerprints differ.
    what
        The table in words.
    """
    differing = expected.differing(found)
    explained = difference((path for path, _ in expected_rows()), found_paths(), differing) if differing else None
    repeated = explained.repeated if explained else ()
    return [
        Check(
            "one row per photo",
            not differing,
            f"{len(expected):,} photos, each once, {what}",
            f"{len(found):,} rows" + (", not the same photos" if differing else ""),
            str(explained or ""),
        ),
        Check(
            "no path twice",
            not repeated,
            "every path once",
            f"{len(repeated)} paths repeated among the examples" if repeated else "every path once",
            ", ".join(map(repr, repeated)),
        ),
    ]


def same_versions(
    expected: Fingerprint,
    found: Fingerprint,
    expected_rows: Rows,
    found_rows: Rows,
    *,
    name: str = "etags of the inventory",
    what: str = "ETag",
) -> Check:
    """Check that the ETags are those of the inventory, or that the feature runs are those of the manifest.

    Parameters
    ----------
    expected, found
        Fingerprints of paths with ETags.
    expected_rows, found_rows
        Read the tables a second time, for examples, when the fingerprints differ.
    """
    differing = expected.differing(found)
    detail = ""
    if differing:
        explained = difference(keys(expected_rows)(), keys(found_rows)(), differing)
        detail = ", ".join(repr(key.split("\0")[0]) for key in explained.unexpected or explained.missing)
    return Check(
        name,
        not differing,
        f"the listed {what} for every photo",
        f"another {what}, or missing rows" if differing else "the same",
        detail,
    )


def shape(vectors: Vectors, width: int, counted: Mapping[str, float | None]) -> list[Check]:
    """Check width, finite numbers and labels of all rows. `counted` has the counts for the snapshot."""

    def none(name: str, expected: str, count: int, examples: list[str]) -> Check:
        return Check(name, not count, expected, f"{count:,} other rows" if count else expected, ", ".join(examples))

    others = {found: count for found, count in vectors.widths.items() if found != width}
    return [
        Check(
            f"{width} numbers per photo",
            not others,
            f"{width} in every row",
            ", ".join(f"{found} in {count:,} rows" for found, count in sorted(vectors.widths.items())) or "no rows",
            counted=counted,
        ),
        none("every number finite", "neither NaN nor infinite", vectors.infinite_count, vectors.infinite),
        none("labels equal folders", "the folder of the photo", vectors.mislabelled_count, vectors.mislabelled),
    ]
