"""`millrace bench freshness` from the outside: a table, figures and a chart."""

import json
from pathlib import Path
from xml.parsers import expat

import pytest

import millrace
from tests.retrain.benches.test_freshness_replay import a_log

SMALL = "hidden_size = 4\nmin_steps = 0\nn_negatives = 4\nepochs = 1\nbatch_size = 8\n"


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "events.parquet"
    a_log(range(6), sessions_an_hour=10).rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    return path


def bench(log_file: Path, *options: str) -> int:
    config = log_file.with_name("small.toml")
    config.write_text(SMALL)
    return millrace.run(["bench", "freshness", "--events", str(log_file), "--config", str(config), *options])


def test_hours_are_printed_written_and_drawn(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, chart = tmp_path / "freshness.json", tmp_path / "freshness.svg"
    outputs = ("--json", str(figures), "--svg", str(chart))
    assert bench(log_file, "--hours", "2", "--window-hours", "2", "--every", "never,1h", *outputs) == 0
    printed = capsys.readouterr()
    assert "hour 2, 1970-01-01 03:00Z, 20 predictions: never" in printed.err
    assert "recall_at_20_gain_interval" in printed.out
    report = json.loads(figures.read_bytes())
    assert [row["policy"] for row in report["rows"]] == ["never", "1h", "never", "1h"]
    assert [row["policy"] for row in report["policies"]] == ["never", "1h"]
    assert expat.ParserCreate().Parse(chart.read_bytes(), True)
    assert 'xmlns="http://www.w3.org/2000/svg"' in chart.read_text()
    assert "prefers-color-scheme: dark" in chart.read_text()


def test_start_outside_of_the_log_and_missing_times_are_refused(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(log_file, "--start", "2030-01-01") == 2
    assert "the log covers 5." in capsys.readouterr().err
    timeless = tmp_path / "timeless.csv"
    timeless.write_text("session_id,item_id,event_type\na,b,view\na,c,view\n")
    assert bench(timeless) == 2
    assert "2 of 2 events have no time" in capsys.readouterr().err
