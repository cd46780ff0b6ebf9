"""`millrace bench new-items` runs and reports: new items are found with a side index, and not without."""

import json
from pathlib import Path

import polars as pl

import millrace
from tests.retrain.planted_sessions import ring_events

MODEL = "hidden_size = 16\nepochs = 3\nmin_steps = 400\nbatch_size = 16\nn_negatives = 8\n"


def test_recall_on_new_items_is_reported_with_and_without(tmp_path: Path) -> None:
    events = ring_events(sessions=600, noise=0)  # one session a minute
    late = pl.col("occurred_at_ms") >= events["occurred_at_ms"][0] + 5 * 3_600_000
    fresh = pl.when(late & (pl.col("item_id") == "2-5")).then(pl.lit("fresh")).otherwise("item_id")
    path = tmp_path / "events.parquet"
    events.with_columns(item_id=fresh, category=pl.lit("any")).rename(
        {"occurred_at_ms": "timestamp"}
    ).write_parquet(path)
    (tmp_path / "model.toml").write_text(MODEL)
    arguments = ["--events", str(path), "--train-hours", "5", "--hours", "3"]
    arguments += ["--config", str(tmp_path / "model.toml"), "--json", str(tmp_path / "report.json")]

    assert millrace.run(["bench", "new-items", *arguments]) == 0

    rows = json.loads((tmp_path / "report.json").read_bytes())["rows"]
    assert [row["hour"] for row in rows] == ["0", "1", "2", "all"]
    assert rows[-1]["new_targets"] == sum(row["new_targets"] for row in rows[:-1]) > 0
    assert rows[-1]["recall_at_20_new_without"] == 0
    assert rows[2]["recall_at_20_new"] > 0.8
    assert rows[-1]["side_items"] == 1


def test_file_without_anything_to_replay_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    ring_events(sessions=20).rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    assert millrace.run(["bench", "new-items", "--events", str(path), "--train-hours", "50"]) == 2


def test_events_without_times_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    ring_events(sessions=20).drop("occurred_at_ms").write_parquet(path)
    assert millrace.run(["bench", "new-items", "--events", str(path)]) == 2
