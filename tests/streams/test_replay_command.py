from pathlib import Path

import polars as pl
import pytest

import millrace
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka


@pytest.fixture
def event_file(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    path.write_text("session_id,item_id,event_type,timestamp\ns1,a,view,1000\ns1,b,buy,2000\n")
    return path


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that `millrace replay` ends with; its exit code is 2."""
    assert millrace.run(["replay", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_missing_file_is_refused_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no such file" in refusal(capsys, str(tmp_path / "none.parquet"))


def test_missing_column_is_refused_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame({"session": ["s"], "item_id": ["a"]}).write_parquet(path)

    assert "no column 'session_id'" in refusal(capsys, str(path))


def test_split_of_another_name_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], event_file: Path
) -> None:
    assert "--split foo: give train or test" in refusal(capsys, str(event_file), "--split", "foo")


def test_unknown_split_is_refused_in_one_line(capsys: pytest.CaptureFixture[str], event_file: Path) -> None:
    assert "no rows with split=test" in refusal(capsys, str(event_file), "--split", "test")


def test_unreachable_kafka_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], event_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")

    assert "cannot be reached" in refusal(capsys, str(event_file))


def test_missing_topic_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str],
    event_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    kafka: Kafka,
    prefix: str,
) -> None:
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)

    assert "millrace topics create" in refusal(capsys, str(event_file), "--topic", f"{prefix}none")


def test_file_is_replayed_with_its_event_types_mapped(
    capsys: pytest.CaptureFixture[str],
    event_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    kafka: Kafka,
    prefix: str,
) -> None:
    topic = kafka.create_topic(f"{prefix}events", 1)
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)

    assert (
        millrace.run(["replay", str(event_file), "--topic", topic, "--event-type-map", "buy=purchase"]) == 0
    )
    assert "2 events to" in " ".join(capsys.readouterr().err.split())
