"""The report names the suspects with thumbnails, neighbours and score; report.json has their numbers alone."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.plugins.orchard import AUTO, Orchard
from tests.plugins.report.reported_runs import EVIL, context_of, reported
from tests.plugins.report.suspects.written import put, suspect
from verger.report.facts import of_snapshot, published_snapshot
from verger.report.suspects import pictures
from verger.report.suspects.table import facts, read
from verger_contract.keys import Run
from verger_contract.schemas import SuspectKind

WRONG = "images/Kiwi/3.jpg"
FAR = f"images/{EVIL}/1.jpg"
BANANA = f"images/{EVIL}/0.jpg"
COPY = "images/Kiwi/4.jpg"


def published_run(orchard: Orchard) -> Run:
    """Return the run with the keys of its published attempts."""
    run_context = context_of(orchard, "one")
    return of_snapshot(run_context, published_snapshot(run_context)).run


def published(orchard: Orchard) -> None:
    """Publish a run that has four suspects."""
    orchard.run("one", AUTO)
    run = published_run(orchard)
    rows = [
        suspect(WRONG, SuspectKind.LABEL_DISAGREES, 0.98, BANANA, FAR),
        suspect(FAR, SuspectKind.OUTLIER, 3.4, BANANA),
        suspect(COPY, SuspectKind.NEAR_DUPLICATE, 1.0, BANANA),
        suspect("images/Kiwi/2.jpg", SuspectKind.NEAR_DUPLICATE, 0.97, "images/Kiwi/1.jpg"),
    ]
    put(orchard.client, run, rows)


def test_the_page_shows_each_suspect_with_its_neighbours_and_score(orchard: Orchard) -> None:
    published(orchard)
    _, page, text = reported(orchard, "one")
    section = page.section("suspects")
    for words in (
        "label disagrees with neighbours: 1",
        f"{WRONG} 98% of the neighbours' votes are for other labels",
        "outlier of its label: 1",
        "3.4 times the typical distance of its label away",
        "near duplicate: 2",
        "7 photos of this run were compared with 120 current photos",
    ):
        assert words in section.replace("’", "'")
    assert "<script>alert(1)" not in text
    assert len(page.section("suspects").split("Neighbours")) == 3
    summary = page.section("summary")
    assert "1 photo has a label that disagrees with its neighbours." in summary
    assert f"{WRONG}: label disagrees with neighbours ({EVIL})" in summary
    assert f"{COPY}: near duplicate ({EVIL})" in summary


def test_report_json_has_numbers_and_names_no_photo(orchard: Orchard) -> None:
    published(orchard)
    facts_of_run, _, _ = reported(orchard, "one")
    assert facts_of_run["suspects"] == {
        "compared": 7,
        "reference": 120,
        "kinds": {"label disagrees with neighbours": 1, "outlier of its label": 1, "near duplicate": 2},
        "duplicates_across_labels": 1,
    }
    assert facts_of_run["locations"]["suspects"].endswith("/")
    assert ".jpg" not in json.dumps(facts_of_run)
    counted = {row["label"]: (row["suspects"], row["new_suspects"]) for row in facts_of_run["labels"]["shown"]}
    assert counted["Kiwi"] == (1, 1)
    assert counted[EVIL] == (1, 1)


def test_a_run_without_a_table_of_suspects_is_reported(orchard: Orchard) -> None:
    orchard.run("one", AUTO)
    run_context = context_of(orchard, "one")
    run = replace(run_context.run, pca_attempt="deadbeef")
    assert read(run_context.store.read, run) is None
    assert facts(None) is None


def test_a_damaged_table_does_not_fail_the_report(orchard: Orchard) -> None:
    orchard.run("one", AUTO)
    run = published_run(orchard)
    orchard.client.put_object(Bucket=orchard.bucket, Key=f"{run.suspects}suspects.parquet", Body=b"PAR1 no table PAR1")
    facts_of_run, page, _ = reported(orchard, "one")
    assert facts_of_run["suspects"] is None
    assert "This run has no table of suspects." in page.section("suspects")


def test_the_report_draws_a_bounded_number(orchard: Orchard) -> None:
    orchard.run("one", AUTO)
    run = published_run(orchard)
    put(orchard.client, run, [suspect(WRONG, SuspectKind.OUTLIER, 3.0 + row, BANANA) for row in range(50)])
    found = read(context_of(orchard, "one").store.read, run)
    drawn = pictures.draw(orchard.client, orchard.bucket, found)
    assert len(drawn) == pictures.SHOWN[SuspectKind.OUTLIER]
    assert all(row.photo.picture and row.neighbours[0].picture for row in drawn)
