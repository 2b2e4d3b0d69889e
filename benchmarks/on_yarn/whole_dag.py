"""The whole DAG on three nodes of YARN: result, seconds, vCPUs of each node, memory of each kind of process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.places import README
from benchmarks.on_yarn.observer import Observed, Observer
from benchmarks.on_yarn.trial import NODES, Trial, application, coordinates, difference, trial
from sample_photos.albums import Album
from verger.settings.container_sizes import EXECUTOR_HEAP_MIB
from verger_contract.report import Report

Row = dict[str, Any]


def whole_dag(album: Album, *, compare: bool, page: Path = README) -> None:
    """Run the DAG on YARN, and with `compare` once more in local mode. Write the tables.

    Raises
    ------
    SystemExit
        A run failed, or the two runs differ.
    """
    with trial(album, "yarn") as on_yarn, Observer(on_yarn.stack) as observer:
        run = on_yarn.run()
        seen = observer.seen
        rows = [result(f"YARN, {NODES} nodes", *run, "")]
        ours = coordinates(on_yarn.store)
        memory_rows = memory(on_yarn, seen)
    tables.write("yarn_dag", rows, page)
    tables.write("yarn_nodes", nodes(seen), page)
    tables.write("yarn_allocation", allocation(seen), page)
    tables.write("yarn_memory", memory_rows, page)
    if compare:
        with trial(album, "local") as locally:
            run = locally.run()
            largest = difference(ours, coordinates(locally.store))
        rows.append(result("local mode", *run, f"{largest:.1e}"))
        tables.write("yarn_dag", rows, page)
        if rows[0]["k"] != rows[1]["k"]:
            raise SystemExit(f"k: expected {rows[1]['k']}, as in local mode, found {rows[0]['k']} on YARN")


def result(cluster: str, whole_seconds: float, report: Report, largest: str) -> Row:
    """Return the row of a run."""
    seconds = {task["task"]: task["seconds"] for task in report["tasks"]}
    first, second = report["seconds"]["featurize"], report["seconds"]["pca"]
    return {
        "cluster": cluster,
        "photos": report["photos"],
        "k": report["k"],
        "explained variance": f"{report['explained_variance']:.6f}",
        "step 1, s (without the start of Spark)": (
            f"{seconds['featurize'] + seconds['featurize_done']:.1f} ({first['featurize'] + first['rejects']:.1f})"
        ),
        "step 2, s (without the start of Spark)": (
            f"{seconds['pca'] + seconds['pca_done']:.1f} ({second['total'] - second['startup']:.1f})"
        ),
        "whole run, s": f"{whole_seconds:.1f}",
        "largest difference of a coordinate": largest,
    }


def nodes(seen: Observed) -> list[Row]:
    """Return a row for each node: the peak of what YARN has given to containers, and what it has."""
    return [
        {
            "node": f"node {number}",
            "vCPUs given at most": size.used_vcpus,
            "vCPUs of YARN": size.vcpus,
            "MiB given at most": size.used_mib,
            "MiB of YARN": size.mib,
        }
        for number, size in enumerate(seen.peaks().values(), 1)
    ]


def allocation(seen: Observed) -> list[Row]:
    """Return a row for each change of the vCPUs that YARN has given to containers."""
    return [
        {"s": f"{seconds:.0f}"}
        | {
            f"node {number}": sizes[address].used_vcpus if address in sizes else "lost"
            for number, address in enumerate(seen.peaks(), 1)
        }
        for seconds, sizes in seen.allocations
    ]


def memory(done: Trial, seen: Observed) -> list[Row]:
    """Return a row for each kind of process: its peak memory and its limit."""
    heap = max(application(done.store, step).executor_heap_mib for step in ("featurize", "pca"))
    executors = _row("container of an executor", seen, master=False)
    return [
        executors,
        _row("container of the application master", seen, master=True),
        {
            "process": "heap of the JVM of an executor, at the end of a task",
            "number": executors["number"],
            "peak, MiB": round(heap),
            "limit, MiB": EXECUTOR_HEAP_MIB,
            "share": _share(heap, EXECUTOR_HEAP_MIB),
            "shared memory counted once, MiB": "",
        },
        {
            "process": "driver on the primary node: JVM and Python",
            "number": 2,
            "peak, MiB": round(seen.driver.rss_mib),
            "limit, MiB": "",
            "share": "",
            "shared memory counted once, MiB": round(seen.driver.pss_mib),
        },
    ]


def _row(name: str, seen: Observed, *, master: bool) -> Row:
    """Return the row of the container that came nearest to its limit."""
    found = [
        (seen.memory[one.id], one.memory_mib)
        for one in seen.containers.values()
        if one.is_application_master == master and one.id in seen.memory
    ]
    peak, limit = max(found, key=lambda pair: pair[0].rss_mib / pair[1])
    return {
        "process": name,
        "number": len(found),
        "peak, MiB": round(peak.rss_mib),
        "limit, MiB": limit,
        "share": _share(peak.rss_mib, limit),
        "shared memory counted once, MiB": round(peak.pss_mib),
    }


def _share(peak: float, limit: int) -> str:
    return f"{100 * peak / limit:.0f} %"
