"""`millrace bench train|index` run and report; how fast they say it is, is asserted nowhere."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import millrace
from index.exact_index import ExactIndex
from models.release import VECTORS_FILE
from retrain.benches.bench_index import bench_index, drawn_vectors, search_by_numpy
from retrain.benches.bench_train import drawn_log, last_sessions
from tests.retrain.planted_sessions import ring_events
from tests.successor_release import write_successor_release


def measured(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """The report that the bench wrote."""
    report = tmp_path / "report.json"
    assert millrace.run(["bench", *arguments, "--json", str(report)]) == 0
    written: dict[str, Any] = json.loads(report.read_bytes())
    assert written["bench"] == arguments[0]
    assert written["cpu"]
    return written


SMALL_MODEL = "hidden_size = 4\nmin_steps = 0\nn_negatives = 4\nepochs = 1\n"
MEASURED = {"name", "events_per_s", "wall_s", "peak_rss_mb", "recall_at_20", "mrr_at_20"}


def test_trainings_are_measured_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(SMALL_MODEL)
    path = tmp_path / "events.parquet"
    ring_events(sessions=60).rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    configs = [str(tmp_path / f"{name}.toml") for name in ("one", "two")]
    report = measured(tmp_path, "train", "--events", str(path), "--configs", ",".join(configs))
    assert [row["name"] for row in report["configs"]] == configs
    for row in report["configs"]:
        assert row.keys() >= MEASURED
        assert row["events_per_s"] > 0
        assert 0 < row["mrr_at_20"] <= row["recall_at_20"] <= 1
    assert "recall_at_20" in capsys.readouterr().out


def test_quick_training_bench_takes_one_epoch_of_drawn_sessions(tmp_path: Path) -> None:
    drawn = ("--drawn-events", "300", "--drawn-items", "20")
    report = measured(tmp_path, "train", "--quick", *drawn, "--configs", "small")
    (row,) = report["configs"]
    assert (row["epochs"], row["items"]) == (1, 20)


def test_last_sessions_of_each_part_are_kept_whole() -> None:
    log = ring_events(sessions=100).with_columns(
        split=pl.when(pl.int_range(pl.len()) < 300).then(pl.lit("train")).otherwise(pl.lit("test"))
    )
    kept = last_sessions(log, 50)
    whole = log.filter(pl.col("session_id").is_in(kept["session_id"].unique().implode()))
    assert 50 <= len(kept) <= 70
    assert set(kept["split"]) == {"train", "test"}
    assert kept.filter(pl.col("split") == "test").rows()[-1] == log.rows()[-1]
    assert len(whole) - len(kept) <= 6  # the session that the split cuts


def test_index_is_measured_at_every_size_kind_and_batch(tmp_path: Path) -> None:
    report = measured(tmp_path, "index", "--sizes", "50,120", "--batches", "1,8", "--seconds", "0")
    assert [(row["items"], row["index"], row["batch"]) for row in report["rows"]] == [
        (items, kind, batch)
        for items in (50, 120)
        for kind in ("numpy", "exact", "pq_fastscan")
        for batch in (1, 8)
    ]


def test_index_is_measured_on_the_vectors_of_a_release(tmp_path: Path) -> None:
    write_successor_release(tmp_path, "r1", ["a", "b", "c"])
    assert (tmp_path / "r1" / VECTORS_FILE).exists()
    release = str(tmp_path / "r1")
    report = measured(tmp_path, "index", "--release", release, "--batches", "2", "--seconds", "0")
    assert {(row["items"], row["dim"]) for row in report["rows"]} == {(3, 3)}


def test_time_of_a_query_is_that_of_its_batch_shared_out() -> None:
    ticks = count()
    rows = list(bench_index(drawn_vectors(30), [2], seconds=1.5, clock=lambda: float(next(ticks))))
    # from tick 0: tick 1 goes on, tick 2 stops, tick 3 is the end: 3 s, 2 rounds of 2 queries
    assert [row["us_per_query"] for row in rows] == [750_000.0] * 3


def test_exact_kinds_find_what_plain_numpy_finds() -> None:
    vectors, queries = drawn_vectors(300)
    rows, scores = search_by_numpy(vectors)(queries[:20], 10)
    found, found_scores = ExactIndex(vectors).search(queries[:20], 10)
    np.testing.assert_array_equal(rows, found)
    np.testing.assert_allclose(scores, found_scores, rtol=1e-5)


def test_drawn_sessions_have_two_events_and_the_numbers_asked_for() -> None:
    log = drawn_log(10_000, 50)
    assert log.group_by("session_id").len()["len"].min() == 2
    assert log["item_id"].n_unique() == 50
    assert abs(len(log) - 10_000) < 500


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["index", "--sizes", "many"], "--sizes many: give whole numbers from 1"),
        (["index", "--release", "none"], "none is no release"),
        (["train", "--events", "none.parquet"], "no such file"),
        (["train", "--configs", "huge"], "or be one of fast, small, large, pair"),
    ],
)
def test_wrong_call_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert millrace.run(["bench", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
