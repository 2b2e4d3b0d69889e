from __future__ import annotations

from dataclasses import replace

from chaos.soak import Sample, Usage, leaks

FLAT = Sample("run", {"scheduler": Usage(300.0, 40, 5)}, {"features": 3}, 0)


def growing(**steps: float) -> list[Sample]:
    """Forty samples of a process that grows by these steps each run."""
    usage = FLAT.usage["scheduler"]
    return [
        replace(FLAT, usage={"scheduler": Usage(
            usage.memory_mib + number * steps.get("memory", 0),
            usage.files + int(number * steps.get("files", 0)),
            usage.processes + int(number * steps.get("processes", 0)),
        )})
        for number in range(40)
    ]  # fmt: skip


def test_a_process_that_stays_the_same_leaks_nothing() -> None:
    assert leaks(growing()) == []


def test_growth_of_memory_files_and_processes_is_found() -> None:
    assert leaks(growing(memory=2)) == ["scheduler: memory grew from 329 to 369 MiB"]
    assert leaks(growing(files=1))[0].startswith("scheduler: open files grew")
    assert leaks(growing(processes=0.1))[0].startswith("scheduler: processes grew")


def test_files_that_no_publication_names_are_found() -> None:
    assert leaks([*growing()[:-1], replace(FLAT, unnamed=2)]) == ["2 data files that published.json does not name"]
