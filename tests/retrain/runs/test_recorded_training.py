"""`millrace train` from the outside: every training leaves a folder that tells what it was."""

import csv
import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from millrace import run
from models.release import read_manifest
from retrain.runs.run_folder import RecordedRun, read_run
from schemas.run_record import RUNS_FILE
from tests.retrain.planted_sessions import ring_events

SMALL = (
    '{"hidden_size": 8, "epochs": 2, "min_steps": 0, "batch_size": 16, "n_negatives": 8, "session_gap_s": 0}'
)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "events.parquet"
    ring_events(sessions=100).rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    return path


def train(log_file: Path, *options: str) -> int:
    config = log_file.with_name("small.json")
    config.write_text(SMALL)
    out = log_file.with_name("releases")
    return run(["train", str(log_file), "--out", str(out), "--config", str(config), *options])


def the_run(runs: Path) -> RecordedRun:
    (folder,) = runs.glob("train-*")
    return read_run(folder)


def test_training_leaves_a_run_beside_the_releases_that_is_no_release(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(log_file, "--seed", "5") == 0
    out = tmp_path / "releases"
    said = capsys.readouterr().out
    recorded = the_run(out / "runs")
    assert f"run {out / 'runs' / recorded.start.run_id}" in said
    assert recorded.start.seed == 5
    assert recorded.start.source.sha256 == hashlib.sha256(log_file.read_bytes()).hexdigest()
    assert [line.epoch for line in recorded.history] == [1, 2]
    assert recorded.end is not None
    assert recorded.end.release_id is not None
    manifest = read_manifest(out / recorded.end.release_id)
    assert recorded.end.data == manifest.data
    assert recorded.metrics["training_loss"] == manifest.metrics["training_loss"] == recorded.history[-1].loss
    assert recorded.end.score_range is not None
    assert recorded.end.score_range.p01 < recorded.end.score_range.p99
    assert run(["releases", "list", "--releases", str(out)]) == 0
    listed = capsys.readouterr().out
    assert manifest.release_id in listed
    assert "runs" not in listed


def test_config_of_a_run_gives_the_same_release_again(log_file: Path, tmp_path: Path) -> None:
    assert train(log_file) == 0
    (folder,) = (tmp_path / "releases" / "runs").glob("train-*")
    again = tmp_path / "again"
    assert run(["train", str(log_file), "--out", str(again), "--config", str(folder / "config.toml")]) == 0
    digests = [
        json.loads(path.read_bytes())["files"]
        for path in (*tmp_path.glob("releases/*/manifest.json"), *again.glob("*/manifest.json"))
    ]
    assert digests[0] == digests[1]


def test_held_out_validation_sessions_are_not_trained_on(log_file: Path, tmp_path: Path) -> None:
    runs = tmp_path / "my-runs"
    assert train(log_file, "--test-share", "0.1", "--hold-out-validation", "0.2", "--runs", str(runs)) == 0
    recorded = the_run(runs)
    assert recorded.start.validation_share == 0.2
    assert recorded.end is not None
    assert recorded.end.data is not None
    assert recorded.end.data.sessions == 72
    first_18 = pl.col("session_id").str.slice(1).cast(pl.Int32).is_between(72, 89)
    assert recorded.end.score_range is not None
    assert recorded.end.score_range.lists == len(ring_events(sessions=100).filter(first_18))
    assert not (tmp_path / "releases" / "runs").exists()


def test_training_that_fails_is_recorded_as_failed_and_listed(log_file: Path, tmp_path: Path) -> None:
    pl.read_parquet(log_file).with_columns(split=pl.lit("test")).write_parquet(log_file)
    assert train(log_file) == 2
    runs = tmp_path / "releases" / "runs"
    recorded = the_run(runs)
    assert recorded.end is not None
    assert recorded.end.status == "failed"
    assert recorded.end.reason.startswith("no events to train on")
    (line,) = csv.DictReader((runs / RUNS_FILE).read_text().splitlines())
    assert line["status"] == "failed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hold-out-validation", "1"], "--hold-out-validation 1: use more than 0, at most 0.9"),
        (["--runs", "/dev/null/runs"], "--runs /dev/null/runs: /dev/null is a file; give a folder"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert train(log_file, *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "releases").exists()
