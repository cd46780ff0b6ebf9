"""`millrace dead-letters`, as one types it, on a real Kafka."""

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka.admin import AdminClient

import millrace
from schemas.dead_letter import HOPS, DeadLetterReason, dead_letter_headers
from schemas.errors import Unavailable, UsageError
from schemas.settings import SharedSettings
from streams.dead_letter_commands import parse_since
from streams.dead_letter_reading import LetterFilter, read_letters
from streams.dev.embedded_kafka import EmbeddedKafka
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka
from tests.waiting import DEADLINE_S

NOW = datetime.now(UTC)
RECENT_MS = int(NOW.timestamp() * 1000) - 60_000
OLD_MS = RECENT_MS - 3 * 86_400_000

Letter = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


class Letters:
    """A dead-letter topic and an events topic."""

    def __init__(self, kafka: Kafka, prefix: str) -> None:
        self.servers = kafka.bootstrap_servers
        self.topic = kafka.create_topic(f"{prefix}dead-letter", 2, {"max.message.bytes": "10000000"})
        self.events = kafka.create_topic(f"{prefix}events", partitions=4)

    def put(self, *letters: Letter, partition: int = 0, written_ms: int | None = None) -> None:
        asyncio.run(self._put(letters, partition, written_ms))

    async def _put(self, letters: Sequence[Letter], partition: int, written_ms: int | None) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.servers, max_request_size=9_000_000) as producer:
            for key, value, headers in letters:
                await producer.send_and_wait(
                    self.topic, value, key, partition, timestamp_ms=written_ms, headers=headers
                )

    async def put_at_once(self, count: int) -> None:
        """Letters whose values are their numbers, in one partition."""
        async with AIOKafkaProducer(bootstrap_servers=self.servers) as producer:
            sent = [
                await producer.send(
                    self.topic, b"%d" % number, headers=self.reason(number), key=b"k", partition=0
                )
                for number in range(count)
            ]
            await asyncio.gather(*sent)

    def replayed(self, count: int) -> list[Any]:
        return asyncio.run(self._replayed(count))

    async def _replayed(self, count: int) -> list[Any]:
        found: list[Any] = []
        consumer = AIOKafkaConsumer(
            self.events, bootstrap_servers=self.servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        async with consumer, asyncio.timeout(DEADLINE_S):
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


def test_what_was_written_long_before_is_not_read(
    letters: Letters, capsys: pytest.CaptureFixture[str], apache_kafka: None
) -> None:
    letters.put((b"k", b"old", letters.reason(1)), written_ms=OLD_MS)
    assert "no such dead letters" in run(capsys, "show", "--since", "1d")
    letters.put((b"k", b"new", letters.reason(2)))
    (shown,) = run(capsys, "show", "--json", "--since", "1d").splitlines()
    assert json.loads(shown)["value"] == "new"


def test_latest_letters_are_shown_whatever_their_partition(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    times = [RECENT_MS + 1000 * second for second in range(4)]
    for number in (1, 3):
        letters.put((b"k", b"%d" % number, letters.reason(number, failed_at_ms=times[number])), partition=0)
    for number in (0, 2):
        letters.put((b"k", b"%d" % number, letters.reason(number, failed_at_ms=times[number])), partition=1)
    assert millrace.run(["dead-letters", "show", "--json", "--limit", "3"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["value"] for line in printed.out.splitlines()] == ["1", "2", "3"]
    assert printed.err == "the latest 3 of 4; see --limit\n"


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


def test_what_was_replayed_is_not_sent_again_unasked(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    letters.put((b"k", b"one", letters.reason(41)), (b"k", b"two", letters.reason(42, message="other")))
    assert run(capsys, "replay", "--error", "other") == "sent 1\n"
    letters.put((b"k", b"three", letters.reason(43, hops=1)), partition=1)
    for _ in range(2):
        assert run(capsys, "replay", "--dry-run").splitlines() == [
            "would send 2",
            "left out 1 that were replayed before; see --again",
        ]
    shown = [json.loads(line) for line in run(capsys, "show", "--json").splitlines()]
    assert {one["value"]: one["replayed"] for one in shown} == {"one": False, "two": True, "three": False}
    assert [line.split()[3] == "yes" for line in run(capsys, "show").splitlines()[1:]].count(True) == 1
    assert run(capsys, "replay", "--since", "1h").startswith("sent 2\nleft out 1 that were replayed before")
    assert run(capsys, "replay").splitlines()[0] == "sent 0"
    assert run(capsys, "replay", "--again", "--error", "other") == "sent 1\n"
    assert sorted(one.value for one in letters.replayed(4)) == [b"one", b"three", b"two", b"two"]


def test_many_letters_keep_their_order(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(letters.put_at_once(1200))
    assert run(capsys, "replay") == "sent 1200\n"
    assert [int(one.value) for one in letters.replayed(1200)] == list(range(1200))
    assert run(capsys, "replay").splitlines() == [
        "sent 0",
        "left out 1200 that were replayed before; see --again",
    ]


def test_filter_that_finds_nothing_says_so(letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    letters.put((b"k", b"one", letters.reason(41)))
    nothing = f"no such dead letters on topic {letters.topic}\n"
    assert run(capsys, "replay", "--topic", "elsewhere") == nothing
    assert run(capsys, "replay", "--topic", "elsewhere", "--dry-run") == nothing


def test_letters_whose_topic_or_partition_is_gone_are_left_out(
    letters: Letters, capsys: pytest.CaptureFixture[str], apache_kafka: None
) -> None:
    gone = f"{letters.events}-gone"
    letters.put(
        (b"k", b"one", letters.reason(41, partition=9)),
        (b"k", b"two", letters.reason(42)),
        (b"k", b"three", letters.reason(43, topic=gone)),
    )
    left_out = "left out 2 whose topic or partition is gone\n"
    assert run(capsys, "replay", "--dry-run") == f"would send 1\n{left_out}"
    assert run(capsys, "replay") == f"sent 1\n{left_out}"
    assert gone not in AdminClient({"bootstrap.servers": letters.servers}).list_topics().topics


def test_topic_that_is_not_there_gives_one_line(
    letters: Letters,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    apache_kafka: None,
) -> None:
    monkeypatch.setenv("MILLRACE_DEAD_LETTER_TOPIC", f"{letters.topic}s")
    for command in ("show", "replay"):
        assert millrace.run(["dead-letters", command]) == 2
        assert capsys.readouterr().err == (
            f"millrace: there is no topic {letters.topic}s; run `millrace topics create`, or correct "
            "MILLRACE_DEAD_LETTER_TOPIC\n"
        )


async def test_kafka_that_stops_answering_is_told_after_a_while() -> None:
    with EmbeddedKafka({"dead-letter": 1}) as broker:
        servers = broker.bootstrap_servers
        reason = DeadLetterReason(
            topic="events", partition=0, offset=0, failed_at_ms=1, stage="decode", class_name="", message=""
        )
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            for _ in range(5):  # a batch and a fetch each
                await producer.send_and_wait(
                    "dead-letter", b"x", headers=dead_letter_headers(reason, []), partition=0
                )
        reading = read_letters(
            SharedSettings(kafka_bootstrap_servers=servers), LetterFilter(), set(), patience_s=1
        )
        await anext(reading)
        os.kill(broker.pid, SIGSTOP)
        try:
            with pytest.raises(
                Unavailable, match=r"stopped answering: dead-letter\[0\] was read up to \d of 5"
            ):
                async for _ in reading:
                    pass
        finally:
            os.kill(broker.pid, SIGCONT)


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
