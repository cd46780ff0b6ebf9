"""`millrace dead-letters`, as one types it, on a real Kafka."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import millrace
from schemas.dead_letter import HOPS, DeadLetterReason, dead_letter_headers
from schemas.errors import UsageError
from streams.dead_letter_commands import parse_since
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka

NOW = datetime.now(UTC)
RECENT_MS = int(NOW.timestamp() * 1000) - 60_000
OLD_MS = RECENT_MS - 3 * 86_400_000


class Letters:
    """A dead-letter topic and an events topic."""

    def __init__(self, kafka: Kafka, prefix: str) -> None:
        self.servers = kafka.bootstrap_servers
        self.topic = kafka.create_topic(f"{prefix}dead-letter", 1, {"max.message.bytes": "10000000"})
        self.events = kafka.create_topic(f"{prefix}events", partitions=4)

    def put(self, *letters: tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]) -> None:
        asyncio.run(self._put(letters))

    async def _put(
        self, letters: Sequence[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.servers, max_request_size=9_000_000) as producer:
            for key, value, headers in letters:
                await producer.send_and_wait(self.topic, value, key=key, headers=headers)

    def replayed(self, count: int) -> list[Any]:
        return asyncio.run(self._replayed(count))

    async def _replayed(self, count: int) -> list[Any]:
        found: list[Any] = []
        consumer = AIOKafkaConsumer(
            self.events, bootstrap_servers=self.servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        async with consumer, asyncio.timeout(20):
            while len(found) < count:
                for messages in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(messages)
        return found

    def reason(self, offset: int, **fields: Any) -> list[tuple[str, bytes]]:
        known = {
            "topic": self.events,
            "partition": 2,
            "offset": offset,
            "failed_at_ms": RECENT_MS,
            "stage": "decode",
            "class_name": "InvalidEvent",
            "message": "the field is missing - at `$.item_id`",
        }
        return dead_letter_headers(DeadLetterReason(**{**known, **fields}), [("traceparent", b"00-0a")])


@pytest.fixture
def letters(kafka: Kafka, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Letters:
    letters = Letters(kafka, prefix)
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("MILLRACE_DEAD_LETTER_TOPIC", letters.topic)
    return letters


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert millrace.run(["dead-letters", *arguments]) == 0
    return capsys.readouterr().out


def test_show_lists_where_when_and_why(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    long = b"{" + b"x" * 100
    letters.put(
        (b"k", b"\xff[red]\x1b[2J", letters.reason(41)),
        (None, long, letters.reason(42, stage="recommend", class_name="KeyError", message="'a'")),
        (b"k", b"of another tool", [("other", b"header")]),
    )
    lines = run(capsys, "show").splitlines()
    assert len(lines) == 3
    assert f"{letters.events}[2]@41" in lines[1]
    assert "\\xff[red]\\x1b[2J" in lines[1]
    assert "KeyError" in lines[2]
    assert "{" + "x" * 39 in lines[2]
    assert "x" * 60 not in lines[2]


def test_show_as_json_has_everything(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    letters.put((b"k", b'{"a":1}', letters.reason(41)), (b"", None, letters.reason(42)))
    first, second = (json.loads(line) for line in run(capsys, "show", "--json").splitlines())
    assert (first["key"], first["value"], first["offset"], first["letter_offset"]) == ("k", '{"a":1}', 41, 0)
    assert datetime.fromisoformat(first["failed_at"]).timestamp() * 1000 == pytest.approx(RECENT_MS)
    assert (second["key"], second["value"], second["hops"]) == ("", None, 0)


def test_filters_and_limit(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    letters.put(
        (None, b"0", letters.reason(0, failed_at_ms=OLD_MS)),
        (None, b"1", letters.reason(1, class_name="KeyError")),
        (None, b"2", letters.reason(2, topic="elsewhere")),
        (None, b"3", letters.reason(3)),
    )

    def shown(*arguments: str) -> list[str]:
        lines = run(capsys, "show", "--json", *arguments).splitlines()
        return [json.loads(line)["value"] for line in lines]

    assert shown() == ["0", "1", "2", "3"]
    assert shown("--limit", "2") == ["2", "3"]
    assert shown("--since", "1d") == ["1", "2", "3"]
    assert shown("--topic", "elsewhere") == ["2"]
    assert shown("--error", "KeyError") == ["1"]
    assert shown("--error", "item_id", "--topic", letters.events) == ["0", "1", "3"]
    assert "no such dead letters" in run(capsys, "show", "--error", "nothing")


def test_replay_sends_the_original_to_where_it_came_from(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    letters.put((b"k", b"one", letters.reason(41)), (None, b"two", [*letters.reason(42), (HOPS, b"1")]))
    assert run(capsys, "replay") == "sent 2\n"
    first, second = letters.replayed(2)
    assert (first.partition, first.key, first.value) == (2, b"k", b"one")
    assert first.headers == (("traceparent", b"00-0a"), (HOPS, b"1"))
    assert (second.key, second.value, second.headers[-1]) == (None, b"two", (HOPS, b"2"))


def test_replay_leaves_out_what_was_replayed_often_enough(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    letters.put(
        (b"k", b"spent", [*letters.reason(41), (HOPS, b"3")]),
        (b"k", b"x" * 1_500_000, letters.reason(42)),
        (b"k", b"fine", [*letters.reason(43), (HOPS, b"2")]),
    )
    assert run(capsys, "replay").splitlines() == [
        "sent 1",
        "left out 1 that were replayed 3 times; see --max-hops",
        "left out 1 that are too large for their topic",
    ]
    assert [message.value for message in letters.replayed(1)] == [b"fine"]


def test_dry_run_sends_nothing(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    letters.put((b"k", b"one", letters.reason(41)))
    assert run(capsys, "replay", "--dry-run") == "would send 1\n"
    assert run(capsys, "replay") == "sent 1\n"
    assert len(letters.replayed(1)) == 1


def test_partition_that_is_gone_gives_one_line(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    letters.put((b"k", b"one", letters.reason(41, partition=9)))
    assert millrace.run(["dead-letters", "replay"]) == 2
    assert capsys.readouterr().err == (
        f"millrace: {letters.events}[9]@41: topic {letters.events} has no partition 9 any more\n"
    )


def test_kafka_that_is_away_gives_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    for command in ("show", "replay"):
        assert millrace.run(["dead-letters", command]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", NOW - timedelta(seconds=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_since_is_a_span_or_a_time(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2w", "-1h", "999999999999d"])
def test_other_since_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="give 30m, 2h, 7d"):
        parse_since(text, NOW)
