"""`millrace online-report` on a real Kafka: its figures and page, and what it says where there are none."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

import millrace
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.recommendation_list import RecommendationList, ScoredItem, Source, encode_recommendation_list
from streams.dev.ports import free_port
from tests.release_builder import write_release_tables
from tests.services.kafka_broker import Kafka


@pytest.fixture
def topics(kafka: Kafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Topics of two partitions, and settings that lead to them."""
    names = kafka.create_topic(f"{prefix}events", 2), kafka.create_topic(f"{prefix}lists", 2)
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("MILLRACE_EVENT_TOPICS", names[0])
    monkeypatch.setenv("MILLRACE_RECOMMENDATIONS_TOPIC", names[1])
    monkeypatch.setenv("MILLRACE_RELEASES", str(tmp_path))
    return names


def send(kafka: Kafka, topics: tuple[str, str], with_lists: bool = True) -> None:
    """Three sessions of three events; the second event is in the list after the first, the third is not."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for number in range(3):
        for at, item in enumerate("abc"):
            event = {"session_id": f"s{number}", "item_id": item, "event_type": "view", "occurred_at": 10**12}
            producer.produce(topics[0], msgspec.json.encode(event), f"s{number}".encode(), partition=0)
            source, now = Source(topics[0], 0, 3 * number + at), datetime.now(UTC)
            made = RecommendationList(
                recommendation_id=source.recommendation_id,
                source=source,
                session_id=SessionId(f"s{number}"),
                release_id=ReleaseId("r1"),
                strategy="gru4rec",
                items=[ScoredItem(ItemId("x"), 2.0), ScoredItem(ItemId("b"), 1.0)],
                occurred_at=now,
                produced_at=now,
            )
            if with_lists:
                producer.produce(topics[1], encode_recommendation_list(made), b"s", partition=at % 2)
    assert producer.flush(30) == 0


def test_figures_and_page_are_written(
    kafka: Kafka, topics: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_release_tables(tmp_path, "r1", ["a", "b", "c"])
    send(kafka, topics)
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    command = ["online-report", "--json", str(figures), "--html", str(page), "--resamples", "100"]
    assert millrace.run(command) == 0
    report = json.loads(figures.read_text())
    (row,) = report["groups"]
    assert (row["release_id"], row["n"], row["sessions"]) == ("r1", 6, 3)
    assert row["metrics"]["hit_rate"] == {"1": 0, "5": 0.5, "10": 0.5, "20": 0.5}
    assert row["metrics"]["mrr"]["20"] == 0.25
    assert report["counts"]["events"] == 9
    assert report["session_gaps_s"] == {"r1": 1800.0}
    assert "Online quality" in page.read_text()
    printed = capsys.readouterr().out
    assert "9 events, 6 compared with the list before them" in printed
    assert "r1: hit rate@20 0.5000" in printed


def test_session_gap_of_a_release_that_is_gone_must_be_given(
    kafka: Kafka, topics: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    send(kafka, topics)
    assert millrace.run(["online-report"]) == 2
    said = capsys.readouterr().err
    assert "no release 'r1'" in said
    assert "--session-gap-s" in said
    assert millrace.run(["online-report", "--session-gap-s", "60"]) == 0


def test_range_without_lists_ends_with_a_line(
    kafka: Kafka, topics: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    send(kafka, topics, with_lists=False)
    assert millrace.run(["online-report"]) == 2
    assert "of 9 events 9 have no list in the topic" in capsys.readouterr().err
    assert millrace.run(["online-report", "--until", "2001-01-01T00:00:00Z"]) == 2
    assert "no events from 2000-12-31 00:00Z to 2001-01-01 00:00Z" in capsys.readouterr().err


@pytest.mark.usefixtures("topics")
def test_topic_that_is_missing_ends_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_RECOMMENDATIONS_TOPIC", "nowhere")
    assert millrace.run(["online-report"]) == 2
    assert "topic nowhere: UnknownTopicOrPartitionError; run `millrace topics create`" in (
        capsys.readouterr().err
    )


def test_kafka_that_is_away_ends_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", address)
    assert millrace.run(["online-report"]) == 2
    assert f"Kafka at {address} cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "--since yesterday: give RFC 3339"),
        (["--since", "2026-01-01T00:00:00"], "the zone is missing"),
        (["--since", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"], "not before --until"),
        (["--emit", "some"], "--emit some: choose every or latest"),
        (["--json", "/nowhere/figures.json"], "--json /nowhere/figures.json: there is no folder"),
    ],
)
def test_wrong_option_ends_with_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(["online-report", *arguments]) == 2
    assert said in capsys.readouterr().err
