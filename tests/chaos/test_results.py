"""The page of results: the last result of each scenario, from tables and from lines of campaigns that ended early."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chaos import catalogue, results, sequences, table
from chaos.scenario import Row

LOST = "emr.RunJobFlow.lost"
KILLED = "kill.once.publish"
FULL = Row(
    LOST, "the answer is lost", run="success", message="page: published", clusters="1, 4 s", lost=0,
    data="published, whole", recovered_by="itself", seconds=12.0,
)  # fmt: skip
FAILED = Row(KILLED, "killed", run="failed", clusters="0", lost=2, recovered_by="new run", wrong=("2 photos lost",))


def test_a_table_and_its_output_give_the_same_rows(tmp_path: Path) -> None:
    table.write([FULL, FAILED], tmp_path)
    assert results.rows_of(tmp_path / "table.json") == [FULL, FAILED]
    log = tmp_path / "first.log"
    log.write_text("\n".join([*map(table.line, [FULL, FAILED]), table.markdown([FULL, FAILED])]))
    assert results.rows_of(log) == [FULL, FAILED]


def test_a_page_keeps_the_results_of_earlier_campaigns(tmp_path: Path) -> None:
    rows = [replace(FULL, message="page: a | b", seconds=0.0), FAILED]
    page = table.write(rows, tmp_path)
    assert results.rows_of(page) == rows


def test_a_line_without_a_table_has_what_its_verdict_tells(tmp_path: Path) -> None:
    log = tmp_path / "early.log"
    log.write_text(f"{table.line(FULL)}\n{table.line(FAILED)}\n\ninterrupted: all processes have ended\n")
    passed, failed = results.rows_of(log)
    assert (passed.run, passed.recovered_by, passed.message) == ("success", "itself", "")
    assert (passed.clusters, passed.lost, passed.data) == ("none after the bound", 0, "no, or whole")
    assert (failed.wrong, failed.clusters, failed.data) == (("2 photos lost",), "", "")


def test_the_last_result_counts_and_an_error_of_the_harness_is_none(tmp_path: Path) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    first.write_text(f"{table.line(FAILED)}\n{table.line(FULL)}\n  9 s  renamed.scenario: success, itself: ok\n")
    second.write_text(f"  7 s  {KILLED}: success, itself: ok\n 31 s  {LOST}: , : harness: HTTPError: not found\n")
    assert [(row.name, row.wrong) for row in results.newest([first, second])] == [(KILLED, ())]
    text = results.section(results.newest([first, second]))
    count = len(catalogue.SCENARIOS)
    assert f"1 of {count} scenarios have a result; 1 passed, 0 did not." in text
    assert f"{count - 1} scenarios have no result: " in text
    assert "`emr.RunJobFlow`: lost, " in text


def test_a_page_keeps_the_sequences_whose_seeds_stand_for_the_same_faults(tmp_path: Path) -> None:
    faults = sequences.words(sequences.faults(3))
    third = Row("sequence.3", faults, "failed, success, success", recovered_by="new run", wrong=("1 photos lost",))
    other = replace(third, name="sequence.4", fault="renamed.fault + no fault")
    log = tmp_path / "early.log"
    log.write_text(f"{table.line(replace(third, seconds=9.0))}\n")
    (found,) = results.newest_sequences([log])
    assert found == replace(third, seconds=9.0, clusters=found.clusters, data=found.data)
    page = tmp_path / "page.md"
    page.write_text(results.section([FULL], [third, other]))
    assert results.newest_sequences([page]) == [third]
    assert [row.name for row in results.newest([page])] == [LOST]
    assert "2 random sequences have a result; 0 passed, 2 did not." in page.read_text()
    assert "sequence." not in results.section([FULL])


def test_no_cell_of_a_sequence_is_cut(tmp_path: Path) -> None:
    wrong = tuple(f"fault {number}: the run is failed" for number in range(table.LONGEST // 10))
    played = Row("sequence.3", sequences.words(sequences.faults(3)), "failed", recovered_by="new run", wrong=wrong)
    page = tmp_path / "page.md"
    page.write_text(results.section([FULL], [played]))
    assert results.newest_sequences([page]) == [played]
