import asyncio
from collections.abc import AsyncIterator

import msgspec
import polars as pl
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from schemas.item_event import ItemEvent, decode_event
from streams.pacing import MonotonicClock, Pace
from streams.replaying import PRODUCER_ARGUMENTS, SentEvent, encode_event_row, in_log_order, of_split, replay
from tests.services.kafka_broker import Kafka
from tests.waiting import DEADLINE_S


def events_frame(*rows: tuple[str, str, int | None]) -> pl.DataFrame:
    schema = {"session_id": pl.String, "item_id": pl.String, "occurred_at_ms": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(event_type=pl.lit("view"))


@pytest.fixture
async def producer(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, **PRODUCER_ARGUMENTS)
    await producer.start()
    yield producer
    await producer.stop()


async def read_topic(kafka: Kafka, topic: str, count: int) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=20
    )
    await consumer.start()
    try:
        return [await asyncio.wait_for(consumer.getone(), DEADLINE_S) for _ in range(count)]
    finally:
        await consumer.stop()


def test_events_go_by_time_and_equal_times_by_row() -> None:
    ordered = in_log_order(events_frame(("s", "late", 30), ("s", "first", 10), ("t", "second", 10)))

    assert ordered["item_id"].to_list() == ["first", "second", "late"]


def test_row_number_is_the_second_where_a_time_is_missing() -> None:
    ordered = in_log_order(events_frame(("s", "a", 99_000), ("s", "b", None), ("t", "c", 1_000)))

    assert ordered["item_id"].to_list() == ["a", "b", "c"]
    assert ordered["occurred_at_ms"].to_list() == [1_000, 2_000, 3_000]


def test_split_is_unknown_without_its_column_and_where_no_row_has_it() -> None:
    events = events_frame(("s", "a", 1), ("t", "b", 2))

    assert of_split(events, "test") is None
    assert of_split(events.with_columns(split=pl.lit(None, pl.String)), "test") is None


def test_split_keeps_its_rows_only() -> None:
    events = events_frame(("s", "a", 1), ("t", "b", 2)).with_columns(split=pl.Series(["train", "test"]))

    chosen = of_split(events, "test")

    assert chosen is not None
    assert chosen["item_id"].to_list() == ["b"]


def test_encoded_row_is_an_item_event_without_null_fields() -> None:
    row = {
        "session_id": "s",
        "item_id": "a",
        "event_type": "cart",
        "occurred_at": 5,
        "price": 2.5,
        "user_id": None,
    }

    encoded = encode_event_row(row)

    assert "user_id" not in msgspec.json.decode(encoded)
    decoded = decode_event(encoded)
    assert isinstance(decoded, ItemEvent)
    assert (decoded.session_id, decoded.item_id, decoded.event_type) == ("s", "a", "cart")
    assert (decoded.occurred_at_ms, decoded.price, decoded.user_id) == (5, 2.5, None)


async def test_replay_keeps_the_order_of_a_session_under_its_key(
    kafka: Kafka, prefix: str, producer: AIOKafkaProducer
) -> None:
    topic = kafka.create_topic(f"{prefix}events", 4)
    events = events_frame(*((f"s{at % 7}", f"i{at}", at) for at in range(300)))

    assert await replay(events, producer, topic, Pace(None, MonotonicClock())) == 300

    records = await read_topic(kafka, topic, 300)
    items: dict[bytes, list[str]] = {}
    for record in records:
        items.setdefault(record.key, []).append(msgspec.json.decode(record.value)["item_id"])
    assert items == {f"s{own}".encode(): [f"i{at}" for at in range(own, 300, 7)] for own in range(7)}
    assert len({(record.key, record.partition) for record in records}) == 7


async def test_replay_tells_the_position_of_every_event(
    kafka: Kafka, prefix: str, producer: AIOKafkaProducer
) -> None:
    topic = kafka.create_topic(f"{prefix}events", 2)
    events = events_frame(*((f"s{at % 5}", f"i{at}", at) for at in range(40)))
    sent: list[SentEvent] = []

    await replay(events, producer, topic, Pace(None, MonotonicClock()), on_sent=sent.append)

    at = {(record.partition, record.offset): record for record in await read_topic(kafka, topic, 40)}
    assert sorted(event.row for event in sent) == list(range(40))
    for event in sent:
        assert msgspec.json.decode(at[event.partition, event.offset].value)["item_id"] == f"i{event.row}"


async def test_replay_sends_no_more_than_it_is_let(
    kafka: Kafka, prefix: str, producer: AIOKafkaProducer
) -> None:
    topic = kafka.create_topic(f"{prefix}events", 1)
    events = events_frame(*(("s", f"i{at}", at) for at in range(10)))
    free = asyncio.Semaphore(4)
    fourth = asyncio.Event()
    sent: list[int] = []

    def count(event: SentEvent) -> None:
        sent.append(event.row)
        if len(sent) == 4:
            fourth.set()

    async def hold() -> None:
        await free.acquire()

    pace = Pace(None, MonotonicClock())
    replaying = asyncio.create_task(replay(events, producer, topic, pace, hold, count))
    await asyncio.wait_for(fourth.wait(), DEADLINE_S)
    assert not replaying.done()
    assert sent == [0, 1, 2, 3]
    for _ in range(6):
        free.release()
    assert await asyncio.wait_for(replaying, DEADLINE_S) == 10
