"""Modules of this machine's AWS import one another without a cycle; the demo and the development stack do not mix."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest

grimp = pytest.importorskip("grimp", reason="import-linter, which brings grimp, is in the dev environment")

PACKAGES = ("local_aws", "sample_photos", "demo", "development")


def test_no_module_imports_itself_through_others() -> None:
    """Imports for type checkers count too. prepare() raises CycleError, which names the modules."""
    graph = grimp.build_graph(*PACKAGES)
    sorter = TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules})
    sorter.prepare()


@pytest.mark.parametrize(("importer", "imported"), [
    ("demo", "development"),
    ("development", "demo"),
    ("sample_photos", "demo"),
    ("sample_photos", "development"),
    ("local_aws", "demo"),
    ("local_aws", "development"),
    ("local_aws", "sample_photos"),
])  # fmt: skip
def test_packages_that_do_not_import_each_other(importer: str, imported: str) -> None:
    graph = grimp.build_graph(*PACKAGES)
    assert graph.find_shortest_chains(importer, imported, as_packages=True) == set()
