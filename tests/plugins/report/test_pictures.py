"""The charts of the report: they show their data, and can be part of an HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest
from pyarrow.fs import LocalFileSystem

from tests.written_publication import WIDTH, WrittenBucket, photo
from verger.publication.model import parse
from verger.report.airflow_facts import task_facts
from verger.report.pictures import charts, sample, svg
from verger.report.pictures.sample import Map
from verger.tables.parquet import Store

LABEL = "#010203 $x_1$ 1.23456 id=\"a\" url(#b) 'DejaVu Sans' <i>&"


def parsed(picture: str) -> ElementTree.Element:
    """Parse the picture as XML, which is strict."""
    return ElementTree.fromstring(picture)  # noqa: S314 (this test made it)


def texts(picture: str) -> list[str]:
    return [str(found.text) for found in parsed(picture).iter("text")]


def drawn_map(labels: list[str]) -> Map:
    points = numpy.array([[10 * number, -7 * number] for number in range(len(labels))], numpy.float64)
    paths = [f"images/{number}.jpg" for number in range(len(labels))]
    return Map(paths, labels, points.reshape(-1, 2), complete=True)


def test_a_label_is_written_as_it_is() -> None:
    picture = charts.photo_map(drawn_map([LABEL[:20], LABEL[20:], "Kiwi\x07"]), [LABEL[:20], LABEL[20:]])
    assert {LABEL[:20], svg.short(LABEL[20:]), "Kiwi\N{REPLACEMENT CHARACTER}"} <= {*texts(picture)}
    titles = {str(found.text) for found in parsed(picture).iter("title")}
    assert titles == {LABEL[:20], LABEL[20:], "Kiwi\N{REPLACEMENT CHARACTER}"}


def test_the_colours_of_the_page_are_variables_and_no_placeholder_is_left() -> None:
    invisible = "stroke: #000000; stroke-opacity: 0"
    picture = charts.photo_map(drawn_map(["Kiwi", "Yuzu"]), ["Kiwi"]).replace(invisible, "")
    assert "var(--ink)" in picture
    assert not [colour for colour in (svg.INK, svg.PAPER, svg.LINE, "#000000", "#ffffff") if colour in picture]


@pytest.mark.parametrize("labels", [1, 2, 141, 2000])
def test_labels_have_a_group_of_points_and_the_first_ones_a_name(labels: int) -> None:
    names = [f"label {number}" for number in range(labels)]
    drawn = drawn_map(names)
    picture = charts.photo_map(drawn, names[:8])
    assert len(picture) < 700_000
    groups = {
        found.get("id"): found for found in parsed(picture).iter("g") if found.get("id", "").startswith("map-label")
    }
    expected = charts.groups(drawn, names[:8])
    assert {*groups} == {group.id for group in expected}
    assert {group.id: len([*groups[group.id].iter("use")]) for group in expected} == {
        group.id: len(group.rows) for group in expected
    }
    assert sorted(row for group in expected for row in group.rows) == [*range(labels)]
    written = texts(picture)
    assert {*names[: charts.LARGE]} <= {*written}
    if labels > charts.LARGE + 1:
        assert f"{labels - charts.LARGE:,} other labels" in written


def test_the_colour_of_a_label_does_not_depend_on_the_other_labels() -> None:
    def colours(names: list[str]) -> set[str]:
        picture = charts.photo_map(drawn_map(names), names)
        (group,) = (one for one in parsed(picture).iter("g") if [str(t.text) for t in one.findall("title")] == ["Kiwi"])
        return {str(use.get("style")).partition("fill-opacity")[0] for use in group.iter("use")}

    assert colours(["Kiwi", "Yuzu"]) == colours([*map(str, range(20)), "Kiwi"])
    assert len({charts.appearance(str(number)) for number in range(500)}) == len(svg.PALETTE) * len(svg.MARKERS)


def test_the_same_picture_each_time() -> None:
    names = ["Kiwi", "Yuzu"]
    assert charts.photo_map(drawn_map(names), names) == charts.photo_map(drawn_map(names), names)


def test_the_map_shows_current_photos_of_all_tables(tmp_path: Path) -> None:
    written, random = WrittenBucket(tmp_path), numpy.random.default_rng(7)
    for run, label in (("one", "Kiwi"), ("two", "Yuzu")):
        paths = [f"images/{label}/{number}.jpg" for number in range(40)]
        written.publish(run, [photo(path, run, random.normal(size=WIDTH)) for path in paths])
    deleted = [
        (f"images/{label}/{number}.jpg", run)
        for run, label in (("one", "Kiwi"), ("two", "Yuzu"))
        for number in range(15)
    ]
    written.publish("three", [], deleted)
    store = Store(LocalFileSystem(), str(tmp_path))
    snapshot = parse((tmp_path / "published.json").read_bytes()).current
    current = {
        (row["label"], *(row["features"].astype(float) @ written.components)[:2].tolist())
        for row in written.current.values()
    }
    for size, complete in ((100, True), (50, True), (49, False), (30, False)):
        drawn = sample.of_map(store, snapshot, size=size)
        found = [(label, *point) for label, point in zip(drawn.labels, drawn.points.tolist(), strict=True)]
        assert len(set(found)) == len(found) == min(size, 50)
        assert {*found} <= current
        assert {*drawn.labels} == {"Kiwi", "Yuzu"}
        assert drawn.complete == complete
    one_file = sample.of_map(store, snapshot, most_bytes=1)
    assert len({*one_file.labels}) == 1
    assert not one_file.complete


def test_k_and_target_are_marked() -> None:
    report: Any = {"variance": {"current": [0.5, 0.85, 0.9123, 1.0], "fitted": None}, "k": 3, "target_variance": 0.9}
    written = texts(charts.variance(report))
    assert "k = 3: 91.23%" in written
    assert "target 90.00% " in written
    kept = report | {"variance": {"current": [0.5, 0.8, 0.89], "fitted": [0.5, 0.85, 0.9123, 1.0]}}
    assert "when the basis was fitted" in texts(charts.variance(kept))


def test_tasks_are_in_the_order_of_their_start_and_a_failed_one_is_marked() -> None:
    def crumb(task: str, seconds: float, state: str = "success") -> dict[str, Any]:
        return {"task_id": task, "state": state, "duration": seconds}

    tasks = [
        task_facts(crumb("pca_done", 400.0, "failed"), "2026-11-24T02:10:00+00:00"),
        task_facts(crumb("list_images", 12.0), "2026-11-24T02:00:00+00:00"),
        task_facts(crumb("publish", 1.0), None),
    ]
    written = [text.strip() for text in texts(charts.timeline(tasks))]
    assert [text for text in written if text in ("pca_done", "list_images", "publish")] == ["list_images", "pca_done"]
    assert {"6 min 40 s FAILED", "12 s", "min since list_images started"} <= {*written}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.26, "0.3 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert charts.duration(seconds) == text
