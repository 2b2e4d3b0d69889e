"""The pages of the publication: photos, labels, rejects, kept publications, and two runs compared."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.plugins.orchard import Orchard
from tests.plugins.report.reported_runs import AIRFLOW_FACTS, context_of, jpeg
from tests.plugins.report.suspects.written import put, suspect
from tests.plugins.snapshots import snapshot
from tests.plugins.verger_ui.pages import Outline, Pages
from verger.publication.model import ManifestPart, Publication
from verger.report import write
from verger.report.facts import of_snapshot, published_snapshot
from verger.run_id import run_id
from verger.settings import Settings
from verger_contract.keys import manifest_keys
from verger_contract.schemas import MANIFEST, REJECTS, SuspectKind

DAG_RUN = "manual__2026-11-24T02:00:00+00:00"
FIRST, SECOND = run_id(DAG_RUN), "second"
EVIL = "Kiwi/<b>wrong & 100%_'banana'.jpg"


@pytest.fixture
def orchard(pages: Pages, settings: Settings, tmp_path: Path) -> Orchard:
    """Two runs have published: the second one adds a photo, deletes one, and rejects one more."""
    relaxed = replace(settings, validation=replace(settings.validation, max_rejects_share=0.9, max_deleted_share=0.9))
    made = Orchard(relaxed, pages.s3, tmp_path)
    for number in range(5):
        made.put(f"Kiwi/{number}.jpg", jpeg(number))
        made.put(f"Fig/{number}.jpg", jpeg(50 + number))
    made.put("Kiwi/damaged.jpg", b"bad luck")
    for run in (FIRST, SECOND):
        made.run(run)
        write.published(context_of(made, run), AIRFLOW_FACTS)
        if run == FIRST:
            made.put(EVIL, jpeg(7))
            made.put("Fig/broken.jpg", b"bad: access denied")
            made.delete("Kiwi/4.jpg")
            made.pass_days(1)
    return made


def test_a_photo_is_found_by_a_part_of_its_key_with_its_history(pages: Pages, orchard: Orchard) -> None:
    text = pages.text("photos?q=BANANA")
    assert "1 photo of the current publication" in text
    row = next(row for row in Outline(text).rows if "wrong" in row[0])
    assert row == [f"images/{EVIL}", "Kiwi", "published", SECOND]
    (link,) = [link for link in Outline(text).links() if "/photo?" in link]
    found = pages.text(link.removeprefix("/verger/"))
    assert [row[1:3] for row in Outline(found).rows[1:]] == [["published", SECOND], ["not there", "–"]]
    image = next(value for tag, name, value in Outline(found).attributes if (tag, name) == ("img", "src"))
    drawn = pages.get(str(image).removeprefix("/verger/"))
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/jpeg")
    assert "0 photos of the current publication" in pages.text("photos?q=%25%25"), "a percent sign is no pattern"
    deleted = pages.text("photo?key=images/Kiwi/4.jpg")
    assert "not in the current publication" in deleted
    rejected = pages.text("photos?q=damaged")
    assert "rejected" in next(row for row in Outline(rejected).rows if "damaged" in row[0])[2]


def test_other_objects_have_no_page_and_no_thumbnail(pages: Pages, orchard: Orchard) -> None:
    assert pages.get("photo?key=published.json").status_code == 404
    assert pages.get("thumbnail?key=published.json").status_code == 404
    assert pages.get("thumbnail?key=images/Kiwi/damaged.jpg").status_code == 404, "it cannot be drawn"


def with_suspects(orchard: Orchard) -> None:
    """Write a table of suspects for the second run, and its report again."""
    run_context = context_of(orchard, SECOND)
    run = of_snapshot(run_context, published_snapshot(run_context)).run
    rows = [
        suspect(f"images/{EVIL}", SuspectKind.LABEL_DISAGREES, 1.0, "images/Fig/0.jpg", "images/Fig/1.jpg", run=SECOND),
        suspect("images/Fig/3.jpg", SuspectKind.NEAR_DUPLICATE, 0.98, "images/Kiwi/2.jpg", run=FIRST),
    ]
    points = {f"images/Fig/{number}.jpg": [float(number), 0.0] for number in range(5)}
    put(orchard.client, run, rows, points | {f"images/{EVIL}": [0.4, 0.0]})
    write.published(run_context, AIRFLOW_FACTS)


def test_suspects_are_listed_by_kind_and_label_and_counted_in_the_labels(pages: Pages, orchard: Orchard) -> None:
    with_suspects(orchard)
    text = pages.text("suspects")
    assert "2 suspects" in text
    assert "&lt;b&gt;wrong &amp; 100%_&#39;banana&#39;.jpg" in text
    assert "<b>wrong" not in text
    assert "100% of the neighbours&#39; votes are for other labels" in text
    assert "Found by run" in text
    assert "1 suspect<" in pages.text("suspects?kind=near+duplicate")
    assert "No suspect has this kind and label." in pages.text("suspects?kind=near+duplicate&label=Kiwi")
    kiwi = next(row for row in Outline(pages.text("labels")).rows if row[0] == "Kiwi")
    assert kiwi[4] == "1"
    notices = pages.text("")
    assert "1 photo has a label that disagrees with its neighbours." in notices
    assert "1 photo is a near duplicate of a photo with another label." in notices


def test_a_photo_has_its_neighbours_and_the_reasons_why_it_is_a_suspect(pages: Pages, orchard: Orchard) -> None:
    with_suspects(orchard)
    (link,) = [link for link in Outline(pages.text("photos?q=banana")).links() if "/photo?" in link]
    text = pages.text(link.removeprefix("/verger/"))
    assert "label disagrees with neighbours" in text
    (link,) = [link for link in Outline(text).links() if "/neighbours?" in link]
    near = pages.text(link.removeprefix("/verger/"))
    assert "The nearest of 6 photos" in near
    assert near.index("images/Fig/0.jpg</span>") < near.index("images/Fig/1.jpg</span>")
    other = pages.text("photo?key=images/Fig/3.jpg")
    assert "near duplicate" in other
    outside = pages.text("neighbours?key=images/Kiwi/2.jpg")
    assert "not among the 6 photos" in outside


def test_a_damaged_table_of_suspects_is_named(pages: Pages, orchard: Orchard) -> None:
    run_context = context_of(orchard, SECOND)
    run = of_snapshot(run_context, published_snapshot(run_context)).run
    pages.s3.put_object(Bucket=pages.bucket, Key=f"{run.suspects}suspects.parquet", Body=b"no table")
    answer = pages.get("suspects")
    assert answer.status_code == 503
    assert "suspects.parquet: not what Verger writes" in answer.text


def test_labels_are_sorted_and_filtered(pages: Pages, orchard: Orchard) -> None:
    def labels(query: str) -> list[str]:
        return [row[0] for row in Outline(pages.text(f"labels?{query}")).rows[1:]]

    assert labels("sort=label") == ["Fig", "Kiwi"]
    assert labels("sort=label&descending=true") == ["Kiwi", "Fig"]
    assert labels("q=KI") == ["Kiwi"]
    assert labels("q=nothing") == []
    assert 'aria-sort="ascending"' in pages.text("labels?sort=photos")
    assert labels("sort=<b>") in (["Fig", "Kiwi"], ["Kiwi", "Fig"])


def test_rejects_are_listed_and_downloaded(pages: Pages, orchard: Orchard) -> None:
    assert "2 rejected photos" in pages.text("rejects")
    (row,) = Outline(pages.text("rejects?kind=access%20denied")).rows[1:]
    assert row[:2] == ["images/Fig/broken.jpg", "access denied"]
    answer = pages.get("rejects.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == [*REJECTS.names]
    assert [row[0] for row in rows[1:]] == ["images/Fig/broken.jpg", "images/Kiwi/damaged.jpg"]
    table = pyarrow.parquet.read_table(io.BytesIO(pages.get("rejects.parquet").content))
    assert table.schema == REJECTS.arrow
    assert [[*row.values()] for row in table.to_pylist()] == rows[1:]


def test_kept_publications_with_id_and_command_of_a_rollback(pages: Pages, orchard: Orchard) -> None:
    text = pages.text("publications")
    assert "2 kept publications" in text
    assert text.index(SECOND) < text.index(FIRST), "the current one is first"
    assert text.count("airflow dags trigger") == 1, "the current one needs no rollback"
    assert f"{{&#34;rollback_to&#34;: &#34;{FIRST}&#34;}}" in text


def test_two_runs_side_by_side(pages: Pages, orchard: Orchard) -> None:
    rows = {row[0]: row[1:] for row in Outline(pages.text(f"compare?run={FIRST}&run={SECOND}")).rows}
    assert rows["photos"] == ["10", "10"]
    assert rows["deleted"] == ["0", "1"]
    assert rows["Fig"] == ["5", "5"]
    assert pages.get(f"compare?run={FIRST}&run=unknown").status_code == 404
    assert "Select two runs" in pages.get(f"compare?run={FIRST}").text


def test_runs_are_sorted_and_filtered(pages: Pages, orchard: Orchard) -> None:
    def runs(query: str) -> list[str]:
        return [
            link for link in Outline(pages.text(f"?{query}")).links() if "/verger/runs/" in link and "#" not in link
        ]

    assert runs("sort=deleted&state=failed") == runs("state=failed")
    assert runs("sort=new")[-2:] == [f"/verger/runs/{SECOND}", f"/verger/runs/{FIRST}"]
    assert runs("sort=new&descending=true")[-2:] == [f"/verger/runs/{FIRST}", f"/verger/runs/{SECOND}"]
    assert "0 of the newest 200 runs" in pages.text("?state=failed")


def test_a_later_part_of_the_manifest_replaces_rows_of_earlier_ones(pages: Pages) -> None:
    def put(key: str, *rows: dict[str, str]) -> None:
        content = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([*rows], MANIFEST.arrow), content)
        pages.put(key, content.getvalue())

    def row(name: str, run: str) -> dict[str, str]:
        return {"path": f"images/Kiwi/{name}.jpg", "etag": name, "run": run}

    damaged = {"path": "images/Kiwi/a.jpg", "etag": "old", "kind": "damaged image", "reason": "damaged image"}
    first, second = manifest_keys(pages.bucket, ["one", "two"])
    put(first, damaged, row("b", "one"), row("c", "one"))
    put(second, row("a", "two"), {"path": "images/Kiwi/c.jpg"}, row("d", "two"))
    parts = (ManifestPart(run="one", rows=3), ManifestPart(run="two", rows=3))
    pages.put("published.json", Publication(snapshot("two", manifests=parts, rejected=0)).document())
    rows = Outline(pages.text("photos?q=kiwi")).rows[1:]
    assert [(row[0], row[3]) for row in rows] == [
        ("images/Kiwi/a.jpg", "two"),
        ("images/Kiwi/b.jpg", "one"),
        ("images/Kiwi/d.jpg", "two"),
    ]
    assert "3 photos of" in pages.text("photos?q=jpg")
    assert pages.get("photo?key=images/Kiwi/c.jpg").status_code == 404
    assert "No rejected photo" in pages.text("rejects")


@pytest.mark.parametrize("page", ["photos?q=x", "labels", "rejects", "publications"])
def test_before_the_first_publication(pages: Pages, page: str) -> None:
    assert "Nothing is published" in pages.text(page)
    assert pages.get("rejects.csv").status_code == 404


def test_what_needs_attention_stays_after_a_run_with_nothing_to_do(pages: Pages, orchard: Orchard) -> None:
    pages.trigger("manual__later", "success")
    pages.put(f"runs/{run_id('manual__later')}/plan.json", {"work": False, "why": "nothing new"})
    pages.set_task("manual__later", "publish", "skipped")
    text = pages.text()
    assert "The last run had nothing to do" in text
    assert "2 photos are rejected and have no vector" in text
    assert "/verger/rejects" in Outline(text).links()
