"""The HTML report: its content, well-formed whatever users named their files, small, and self-contained."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pyarrow
import pyarrow.parquet
import pytest

from tests.plugins.html_page import Page
from tests.plugins.orchard import AUTO, Orchard
from tests.plugins.report.reported_runs import AIRFLOW_FACTS, COST, EVIL, TASKS, context_of, jpeg, reported
from verger.publication.coordinates import prefixes
from verger.report import write
from verger.report.facts import of_snapshot, published_snapshot
from verger.report.map_script import SCRIPT, SCRIPT_HASH
from verger.report.page import page
from verger.report.pictures import sample
from verger.report.pictures.illustrations import Illustrations
from verger_contract.metrics import FILE_LIST
from verger_contract.report import Report, TaskFacts
from verger_contract.schemas import LABEL_SUMS, PCA, Table


def test_unreadable_labels_cause_a_warning(orchard: Orchard, monkeypatch: pytest.MonkeyPatch) -> None:
    orchard.run("one")

    def fail(*_: object) -> None:
        raise OSError("a damaged file")

    monkeypatch.setattr("verger.report.labels.read", fail)
    facts, found, _ = reported(orchard, "one")
    assert write.NO_LABELS in facts["warnings"]
    assert write.NO_LABELS in found.section("summary")


def test_the_report_of_a_first_run(orchard: Orchard) -> None:
    orchard.run("one")
    facts, found, _ = reported(orchard, "one")
    assert (facts["state"], facts["photos"], facts["rejected"], facts["basis_kept"]) == ("published", 11, 1, False)
    assert facts["tasks"] == TASKS
    assert facts["cost"] == COST
    summary = found.section("summary")
    assert "11 have vectors now, 1 could not be read" in summary
    assert "new components fitted: of a test" in summary
    assert f"k = {facts['k']} of 1,280" in summary
    assert "1.50 node hours, about 0.12 EUR" in summary
    assert "2 min 05 s up to this report" in summary
    assert facts["variance"]["current"][facts["k"] - 1] == pytest.approx(facts["explained_variance"], abs=1e-6)
    assert facts["variance"]["fitted"] is None
    assert len([picture for picture in found.all("svg") if picture.get("role") == "img"]) == 3
    assert f"k = {facts['k']}: " in found.section("variance")
    assert {"Kiwi", EVIL, "Pomme é $x_1$"} <= {*found.texts("title")}, "on the map, under the pointer"
    # One row for each label counts its photos, new photos and rejects.
    rows = {row["label"]: (row["photos"], row["new"], row["rejected"]) for row in facts["labels"]["shown"]}
    assert rows == {"Kiwi": (5, 5, 1), EVIL: (5, 5, 0), "Pomme é $x_1$": (1, 1, 0)}
    # Eleven photos can be drawn; the reject cannot.
    assert (found.pictures("new"), found.pictures("rejects")) == (11, 0)
    assert "not an image" in found.section("rejects")
    assert "bad <b>luck</b>" in found.section("rejects")
    assert 'run="one"' in found.section("data").replace(" ", "")
    assert "c6i.xlarge" in found.section("cost")


def test_names_from_users_are_text_and_no_markup(orchard: Orchard) -> None:
    orchard.run("one")
    facts, found, _ = reported(orchard, "one")
    data, script = found.all("script")
    assert data.get("type") == "application/json"
    assert script.text == SCRIPT
    assert EVIL not in str(data.text)
    paths = [path for photos in json.loads(data.text).values() for path, _ in photos]
    assert sorted(paths) == sorted(path for path, content in orchard.photos.items() if not content.startswith(b"bad"))
    names = {"Kiwi", EVIL, "Pomme é $x_1$", "not an image (bad <b>luck</b>)", *orchard.photos}
    assert {tag.text for tag in found.all("b")} <= names
    assert not [name for tag in found.root.iter() for name in tag.attrib if name.startswith("on")]
    assert all(source.startswith("data:image/jpeg;base64,") for source in found.attributes("src"))
    # report.json is kept after photos are deleted: it names no file.
    assert not [path for path in orchard.photos if Path(path).name in json.dumps(facts, ensure_ascii=False)]


def test_the_page_is_self_contained_and_its_ids_are_unique(orchard: Orchard) -> None:
    orchard.run("one")
    _, found, text = reported(orchard, "one")
    ids = found.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link for link in found.attributes("href") if not link.startswith("#")} == set()
    assert {link[1:] for link in found.attributes("href")} <= set(ids)
    assert SCRIPT_HASH in text, "the policy of the page permits its own script"
    assert {"link", "iframe", "object"} & {str(tag.tag) for tag in found.root.iter()} == set()
    assert "@import" not in text
    assert "url(http" not in text
    for table in found.all("table"):
        assert table.find("caption") is not None
        assert {head.get("scope") for head in table.iter("th")} <= {"col", "row"}


def test_a_kept_basis_is_shown_beside_the_photos_of_its_fit(orchard: Orchard) -> None:
    orchard.run("one")
    orchard.put("Yuzu/1.jpg", jpeg(30))
    orchard.run("two", replace(AUTO, basis="reuse"))
    facts, found, _ = reported(orchard, "two")
    assert facts["basis_kept"]
    assert len(facts["variance"]["current"]) == facts["k"] < len(facts["variance"]["fitted"])
    assert "kept: of a test" in found.section("summary")
    assert "The basis of one is kept" in found.section("variance")
    assert "when the basis was fitted" in found.section("variance")
    assert found.pictures("new") == 1
    assert found.section("new").startswith("New photos 1 of the 1 photos")


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (None, "no cluster was launched, or EMR did not answer."),
        (COST | {"estimated_cost": None, "explanation": "No estimate."}, "1.50 node hours, cost unknown"),
    ],
)
def test_an_unknown_cost_is_shown_as_unknown(cost: Any, text: str, orchard: Orchard) -> None:
    orchard.run("one")
    facts, found, _ = reported(orchard, "one", replace(AIRFLOW_FACTS, cost=cost))
    assert facts["cost"] == cost
    assert text in found.section("cost")


def test_tasks_without_known_times_are_a_table_alone(orchard: Orchard) -> None:
    orchard.run("one")
    timeless: list[TaskFacts] = [{**task, "start": None, "end": None} for task in TASKS]
    _, found, _ = reported(orchard, "one", replace(AIRFLOW_FACTS, tasks=timeless))
    assert "The start of the tasks is unknown." in found.section("tasks")
    assert "1 min 05 s" in found.section("tasks")


def test_unreadable_data_costs_one_picture_and_not_the_report(orchard: Orchard) -> None:
    orchard.run("one")
    key = next(key for key in orchard.listing("pca/run=one/") if key.endswith(".parquet"))
    orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=b"no Parquet")
    facts, found, _ = reported(orchard, "one")
    assert facts["photos"] == 11
    assert "could not be drawn: see the log of the task `report`" in found.section("map")
    assert found.pictures("new") == 11


def test_a_page_of_a_run_without_photos_and_labels(orchard: Orchard) -> None:
    orchard.run("one")
    facts, _, _ = reported(orchard, "one")
    empty: Any = {"labels": {"count": 0, "shown": []}, "rejects": {}, "checks": {}, "variance": None, "warnings": []}
    nothing: Any = {"photos": 0, "rejected": 0, "featurized": 0, "explained_variance": None, "tasks": []}
    found = Page(page(cast("Report", facts | empty | nothing), Illustrations(), orchard.settings))
    assert "0 have vectors now" in found.section("summary")
    assert "there is no variance to explain" in found.section("summary")
    assert "nothing: every check passed" in found.section("summary")
    assert "This run had no new photos." in found.section("new")
    assert found.all("svg") == found.all("img") == []


def test_thousands_of_labels_make_a_small_page(orchard: Orchard) -> None:
    """4,000 labels of two photos, in two files of which one is enough for the map."""
    orchard.run("one")
    run_context = context_of(orchard, "one")
    snapshot = published_snapshot(run_context)
    names = [f"variety {number:04} of a fruit with a long name, <i>{number}</i>" for number in range(4000)]
    paths = [f"images/{name}/{number}.jpg" for name in names for number in (0, 1)]
    rng = random.Random(5)
    orchard.client.delete_object(Bucket=orchard.bucket, Key=f"pca/run=one/{FILE_LIST}")  # it does not name these files
    for part, chosen in enumerate((paths[:4000], paths[4000:])):
        columns: dict[str, list[Any]] = {
            "path": chosen,
            "label": [path.split("/")[1] for path in chosen],
            "features_run": [snapshot.features[0].run] * len(chosen),
            "pca_features": [[rng.gauss(0, 1), rng.gauss(0, 1), 0.0] for _ in chosen],
        }
        put_table(orchard, f"{prefixes(orchard.bucket, snapshot)[0]}part-{part}.parquet", columns, PCA)
    sums: dict[str, list[Any]] = {
        "label": names,
        "photos": [2] * 4000,
        "total": [[0.0]] * 4000,
        "squares": [0.0] * 4000,
    }
    put_table(orchard, of_snapshot(run_context, snapshot).run.label_sums, sums, LABEL_SUMS)
    facts, found, text = reported(orchard, "one")
    assert len(text.encode()) < 1_000_000
    assert facts["labels"]["count"] == 4000 + 1  # and the label of the reject
    assert len(facts["labels"]["shown"]) == 1000
    assert "and 3,961 more" in found.section("labels")
    assert "3,000 of 11 photos, chosen at random" in found.section("map")

    again, other = (sample.of_map(run_context.store, snapshot, size=50) for _ in range(2))
    assert again.labels == other.labels
    assert len(set(again.labels)) > 40
    one_file = sample.of_map(run_context.store, snapshot, size=50, most_bytes=1)
    assert not one_file.complete
    assert len({label < names[2000] for label in one_file.labels}) == 1, "from one file"


def put_table(orchard: Orchard, key: str, columns: Mapping[str, list[Any]], table: Table) -> None:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns, table.arrow), buffer)
    orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=buffer.getvalue())
