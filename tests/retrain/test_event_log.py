"""Reading a range of the event topics, on a real Kafka."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from retrain.event_log import EventLog, archived_log, read_event_log
from retrain.settings import RetrainSettings
from schemas.errors import Unavailable, UsageError
from schemas.release_manifest import LogRange
from schemas.settings import SharedSettings
from streams.dev.ports import free_port
from tests.odd_messages import send_odd
from tests.services.kafka_broker import Kafka


def an_event(item_id: str, session_id: str = "s") -> bytes:
    return msgspec.json.encode(
        {"session_id": session_id, "item_id": item_id, "event_type": "view", "occurred_at": 1000}
    )


@pytest.fixture
def topic(kafka: Kafka, prefix: str) -> str:
    return kafka.create_topic(f"{prefix}events", 3)


@pytest.fixture
async def producer(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        yield producer


@pytest.fixture
def settings(kafka: Kafka, topic: str) -> SharedSettings:
    return SharedSettings(kafka_bootstrap_servers=kafka.bootstrap_servers, event_topics=[topic])


async def read(settings: SharedSettings, since: datetime | None = None) -> EventLog:
    """In a thread: the reader runs an event loop of its own."""
    return await asyncio.to_thread(read_event_log, settings, since)


async def test_whole_topic_is_read_and_its_range_recorded(
    settings: SharedSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    for at in range(4):
        await producer.send_and_wait(topic, an_event(f"i{at}"), partition=at % 2, timestamp_ms=1000 + at)
    log = await read(settings)
    assert log.recorded.events["item_id"].to_list() == ["i0", "i1", "i2", "i3"]
    assert log.ranges == [
        LogRange(topic=topic, partition=partition, first_offset=0, next_offset=end)
        for partition, end in enumerate((2, 2, 0))
    ]


async def test_only_what_kafka_took_since_then_is_read(
    settings: SharedSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    for at in range(4):
        await producer.send_and_wait(topic, an_event(f"i{at}"), partition=0, timestamp_ms=1000 * at)
    log = await read(settings, datetime.fromtimestamp(2, UTC))
    assert log.recorded.events["item_id"].to_list() == ["i2", "i3"]
    assert (log.ranges[0].first_offset, log.ranges[0].next_offset) == (2, 4)
    nothing = await read(settings, datetime.fromtimestamp(4, UTC))
    assert nothing.recorded.events.is_empty()
    assert (nothing.ranges[0].first_offset, nothing.ranges[0].next_offset) == (4, 4)


async def test_session_that_named_its_erased_user_before_the_window_is_left_out_of_it(
    settings: SharedSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    named = msgspec.json.encode({**msgspec.json.decode(an_event("a", "s1")), "user_id": "u"})
    erase = msgspec.json.encode(
        {"session_id": "s9", "event_type": "erase", "occurred_at": 1, "user_id": "u", "whole_user": True}
    )
    values = [named, an_event("b", "s1"), an_event("c", "s2"), erase, an_event("d", "s1")]
    for at, value in enumerate(values):
        await producer.send_and_wait(topic, value, partition=at % 2, timestamp_ms=1000 * at)
    log = await read(settings, datetime.fromtimestamp(1, UTC))
    assert log.recorded.events["item_id"].to_list() == ["c", "d"]
    assert log.recorded.erased == 1


async def test_events_of_an_aborted_transaction_are_not_read(
    kafka: Kafka, settings: SharedSettings, topic: str
) -> None:
    if kafka.kind == "embedded":
        pytest.skip("the embedded broker has no transactions")
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=f"{topic}-writer"
    ) as producer:
        async with producer.transaction():
            await producer.send(topic, an_event("kept"), partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, an_event("aborted"), partition=0)
        await producer.abort_transaction()
    log = await read(settings)
    assert log.recorded.events["item_id"].to_list() == ["kept"]


async def test_event_that_the_client_cannot_parse_is_left_out_and_counted(
    kafka: Kafka, settings: SharedSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    await producer.send_and_wait(topic, an_event("before"), partition=0, timestamp_ms=1000)
    await asyncio.to_thread(send_odd, kafka.bootstrap_servers, topic, 0, ("odd", "lost with it"))
    await producer.send_and_wait(topic, an_event("elsewhere"), partition=1, timestamp_ms=2000)
    await producer.send_and_wait(topic, an_event("after"), partition=0, timestamp_ms=3000)
    log = await read(settings)
    assert log.recorded.events["item_id"].to_list() == ["before", "elsewhere", "after"]
    assert log.recorded.invalid == 1
    assert [(one.first_offset, one.next_offset) for one in log.ranges] == [(0, 4), (0, 1), (0, 0)]


async def test_empty_topic_gives_no_events(settings: SharedSettings) -> None:
    assert (await read(settings)).recorded.events.is_empty()


async def test_missing_topic_is_told_with_its_remedy(kafka: Kafka, prefix: str) -> None:
    settings = SharedSettings(kafka_bootstrap_servers=kafka.bootstrap_servers, event_topics=[f"{prefix}none"])
    with pytest.raises(UsageError, match=r"UnknownTopic.*; run `millrace topics create`"):
        await read(settings)


async def test_absent_kafka_is_told() -> None:
    settings = SharedSettings(kafka_bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match=r"^Kafka at 127\.0\.0\.1:\d+ cannot be reached; start it, or"):
        await read(settings)


def test_archive_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"MILLRACE_ARCHIVE=.*/archiev: no such folder"):
        archived_log(RetrainSettings(archive=str(tmp_path / "archiev")))
