"""`millrace bench train|index` run and report; how fast they say it is, is asserted nowhere."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import millrace
from retrain.benches.bench_train import drawn_log, last_sessions
from tests.retrain.planted_sessions import ring_events


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


def test_drawn_sessions_have_two_events_and_the_numbers_asked_for() -> None:
    log = drawn_log(10_000, 50)
    assert log.group_by("session_id").len()["len"].min() == 2
    assert log["item_id"].n_unique() == 50
    assert abs(len(log) - 10_000) < 500


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["index", "--items", "many"], "--items many: give numbers from 1 like 5000, 18k or 1.5M"),
        (["index", "--items", "18k,0"], "--items 18k,0: give numbers from 1"),
        (["index", "--items", "18K"], "--items 18K: give numbers from 1"),
        (["index", "--batches", "2000"], "--batches 2000: give whole numbers from 1 to 1024"),
        (["index", "--beside", "annoy"], "annoy is not known; there are numpy, faiss_flat"),
        (["index", "--release", "a", "--events", "b"], "give one of them"),
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
