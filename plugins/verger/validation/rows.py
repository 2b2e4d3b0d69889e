"""Checks that both tables share: one row per photo, no path twice, width, finite numbers, labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verger.paths import Run
from verger.validation.check import Check
from verger.validation.fingerprint import Fingerprint, difference, digest
from verger.validation.tables import Store
from verger.validation.vectors import Vectors, version


def fingerprints(
    store: Store,
    key: str,
    into: tuple[Fingerprint, Fingerprint] | None = None,
) -> tuple[Fingerprint, Fingerprint]:
    """Of the paths, and of path and etag together, of a table that has both."""
    paths, versions = into or (Fingerprint(), Fingerprint())
    for path, etag in store.strings(key, "path", "etag"):
        paths.add(digest(path))
        versions.add(digest(version(path, etag)))
    return paths, versions


def one_row_each(store: Store, run: Run, table: str, expected: Fingerprint, found: Fingerprint) -> list[Check]:
    """Inventory against table and rejects together."""
    differing = expected.differing(found)
    explained = (
        difference(
            (path for (path,) in store.strings(run.inventory, "path")),
            paths_of(store, run, table),
            differing,
        )
        if differing
        else None
    )
    repeated = explained.repeated if explained else ()
    return [
        Check(
            "one row per photo",
            not differing,
            f"{len(expected):,} photos, each once, as a row or a reject",
            f"{len(found):,} rows and rejects" + (", not the same photos" if differing else ""),
            str(explained or ""),
        ),
        Check(
            "no path twice",
            not repeated,
            "every path once",
            f"{len(repeated)} repeated among those looked at" if repeated else "every path once",
            ", ".join(map(repr, repeated)),
        ),
    ]


def paths_of(store: Store, run: Run, table: str) -> Iterator[str]:
    for key in (table, run.rejects):
        yield from (path for (path,) in store.strings(key, "path"))


def same_versions(store: Store, run: Run, expected: Fingerprint, found: Fingerprint) -> Check:
    """Etags of features and rejects against the inventory."""
    differing = expected.differing(found)
    detail = ""
    if differing:

        def keys(tables: Iterable[str]) -> Iterator[str]:
            return (version(path, etag) for key in tables for path, etag in store.strings(key, "path", "etag"))

        explained = difference(keys([run.inventory]), keys([run.features, run.rejects]), differing)
        detail = ", ".join(repr(key.split("\0")[0]) for key in explained.unexpected or explained.missing)
    return Check(
        "etags of the inventory",
        not differing,
        "the etag that was listed, for every photo",
        "others, or rows missing" if differing else "the same",
        detail,
    )


def shape(vectors: Vectors, width: int) -> list[Check]:
    """Width, finite numbers and labels of what was read."""

    def none(name: str, expected: str, count: int, examples: list[str]) -> Check:
        return Check(name, not count, expected, f"{count:,} rows otherwise" if count else expected, ", ".join(examples))

    others = {found: count for found, count in vectors.widths.items() if found != width}
    return [
        Check(
            f"{width} numbers per photo",
            not others and vectors.rows > 0,
            f"{width} in every row",
            ", ".join(f"{found} in {count:,} rows" for found, count in sorted(vectors.widths.items())) or "no row",
            counted={"photos": vectors.rows},
        ),
        none("every number finite", "neither NaN nor infinite", vectors.infinite_count, vectors.infinite),
        none("labels equal folders", "the folder of the photo", vectors.mislabelled_count, vectors.mislabelled),
    ]
