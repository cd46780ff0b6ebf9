"""`millrace bench index` runs from the repository alone and reports what its rows promise."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import millrace
from index.exact_index import ExactIndex
from index.index_measuring import MAX_QUERIES
from index.index_rules import IndexRules
from retrain.benches.bench_index import bench_index
from retrain.benches.bench_vectors import Searched, drawn_vectors, grown
from retrain.benches.reference_indexes import REFERENCES, numpy_search
from tests.retrain.planted_sessions import ring_events
from tests.successor_release import write_successor_release

PROMISED = {"items", "kind", "us_per_query", "recall_at_20", "recall_at_100", "build_s", "mb", "chosen"}


def measured(tmp_path: Path, *arguments: str, table: str = "rows") -> list[dict[str, Any]]:
    """The rows that the bench wrote."""
    report = tmp_path / "report.json"
    assert millrace.run(["bench", "index", *arguments, "--json", str(report)]) == 0
    rows: list[dict[str, Any]] = json.loads(report.read_bytes())[table]
    return rows


def test_one_kind_is_chosen_at_every_size_and_all_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = measured(tmp_path, "--items", "0.3k,1200", "--batches", "8,1")
    assert all(row.keys() >= PROMISED for row in rows)
    for items in (300, 1200):
        of_size = [row for row in rows if row["items"] == items]
        assert {"numpy", "faiss_flat", "exact"} <= {row["kind"] for row in of_size}
        assert [row["batch"] for row in of_size if row["chosen"]] == [1, 8]
        assert len({(row["kind"], row["parameters"]) for row in of_size if row["chosen"]}) == 1
        assert all(0 < row["recall_at_100"] <= 1 for row in of_size)
    assert "recall_at_100" in capsys.readouterr().out


def test_search_of_a_worker_is_reported_beside_them(tmp_path: Path) -> None:
    served = measured(tmp_path, "--items", "0.3k,1200", "--batches", "8", "--beside", "", table="served")
    assert [(row["items"], row["batch"], row["candidates"]) for row in served] == [
        (300, 8, 48),
        (1200, 8, 48),
    ]
    assert all(row["recall_of_list"] >= 0.99 and row["recall_of_candidates"] >= 0.98 for row in served)


def test_vectors_of_a_release_are_searched_and_copied_to_the_size_asked_for(tmp_path: Path) -> None:
    write_successor_release(tmp_path, "r1", ["a", "b", "c"])
    release = str(tmp_path / "r1")
    assert {row["items"] for row in measured(tmp_path, "--release", release, "--batches", "2")} == {3}
    grown_to = measured(tmp_path, "--release", release, "--batches", "2", "--items", "2,40")
    assert [row["items"] for row in grown_to if row["chosen"]] == [2, 40]


def test_vectors_are_trained_on_an_event_file(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    ring_events(sessions=60).rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    rows = measured(tmp_path, "--events", str(path), "--batches", "4", "--beside", "")
    assert [(row["items"], row["kind"]) for row in rows if row["chosen"]] == [(40, "exact")]
    assert {row["kind"] for row in rows} <= {"exact", "pq_fastscan"}


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_finds_nearly_all_of_what_is_nearest(name: str) -> None:
    searched = drawn_vectors(3000)
    expected, _ = ExactIndex(searched.vectors).search(searched.queries, 10)
    rows, scores = REFERENCES[name](searched.vectors)(searched.queries, 10)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert (rows[:, 0] == expected[:, 0]).mean() > 0.7


def test_numpy_finds_what_the_exact_index_finds() -> None:
    searched = drawn_vectors(300)
    rows, scores = numpy_search(searched.vectors)(searched.queries[:20], 10)
    found, found_scores = ExactIndex(searched.vectors).search(searched.queries[:20], 10)
    np.testing.assert_array_equal(rows, found)
    np.testing.assert_allclose(scores, found_scores, rtol=1e-5)


def test_time_of_a_query_is_that_of_its_batch_shared_out() -> None:
    ticks = count()
    rows, served = bench_index(
        drawn_vectors(30), [256], ["numpy"], IndexRules(), clock=lambda: float(next(ticks))
    )
    assert {row["us_per_query"] for row in rows} == {round(1e6 / 256, 1)}
    assert [row["kind"] for row in rows if row["chosen"]] == ["exact"]
    assert [(row["kind"], row["us_per_query"], row["recall_of_list"]) for row in served] == [
        ("exact", round(1e6 / 256, 1), 1)
    ]


def test_drawn_vectors_have_neighbours_like_trained_ones() -> None:
    searched = drawn_vectors(5000)
    assert searched.queries.shape == (MAX_QUERIES, 101)
    unit = searched.vectors[:, :100] / np.linalg.norm(searched.vectors[:, :100], axis=1, keepdims=True)
    cosines = np.sort(unit[::10] @ unit.T, axis=1)[:, ::-1].mean(axis=0)
    assert 0.6 < cosines[1] < 0.85
    assert 0.5 < cosines[9] < 0.7
    assert 0.3 < cosines[90] < 0.5
    cosines = np.sort(searched.queries[:, :100] @ unit.T / 16, axis=1)[:, ::-1].mean(axis=0)
    assert 0.7 < cosines[0] < 0.9
    assert 0.25 < cosines[99] < 0.4


def test_copies_are_near_what_they_are_copied_from_and_as_long() -> None:
    vectors = np.eye(4, dtype=np.float32) * 2
    made = grown(Searched(vectors, vectors), 100).vectors
    np.testing.assert_array_equal(made[:4], vectors)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 2, rtol=1e-5)
    assert ((made / 2).max(axis=1) > 0.6).all()
