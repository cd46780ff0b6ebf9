import asyncio
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from schemas.dead_letter import DeadLetterReason, dead_letter_headers
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.recommendation_list import RecommendationList, ScoredItem, Source, encode_recommendation_list
from streams.dev.list_reader import UNREAD_BYTES, ListReader, reading
from streams.pacing import MonotonicClock
from tests.services.kafka_broker import Kafka
from tests.waiting import DEADLINE_S


def a_list(offset: int, item_ids: str = "ab", session_id: str = "s", partition: int = 0) -> bytes:
    source = Source("events", partition, offset)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return encode_recommendation_list(
        RecommendationList(
            recommendation_id=source.recommendation_id,
            source=source,
            session_id=SessionId(session_id),
            release_id=ReleaseId("r1"),
            strategy="gru4rec",
            items=[ScoredItem(ItemId(item_id), 1.0) for item_id in item_ids],
            occurred_at=now,
            produced_at=now,
        )
    )


def a_record(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> ConsumerRecord:
    return ConsumerRecord("t", 0, 0, 0, 0, b"s", value, None, 0, 0, headers)


async def test_of_a_list_that_came_twice_the_first_counts() -> None:
    reader = ListReader(MonotonicClock())
    reader.add(a_record(a_list(7, "ab")))
    reader.add(a_record(a_list(7, "ba")))

    assert reader.lists[0, 7].item_ids == ("a", "b")
    assert (reader.answered, reader.duplicates) == (1, 1)


async def test_tombstone_is_no_list() -> None:
    reader = ListReader(MonotonicClock())
    reader.add(a_record(None))

    assert reader.answered == 0


async def test_dead_letter_answers_its_event() -> None:
    reader = ListReader(MonotonicClock())
    reason = DeadLetterReason(
        topic="events", partition=3, offset=9, failed_at_ms=0, stage="decode", class_name="E", message="bad"
    )
    reader.add_dead_letter(a_record(b"{", tuple(dead_letter_headers(reason, []))))

    assert reader.dead_letters == {(3, 9): "bad"}
    assert reader.answered == 1


async def test_waiting_ends_false_when_no_list_comes() -> None:
    assert not await ListReader(MonotonicClock()).wait_until_answered(1, stall_s=0)


async def test_waiting_notices_that_the_worker_ended() -> None:
    def ended() -> None:
        raise RuntimeError("the worker ended")

    with pytest.raises(RuntimeError, match="the worker ended"):
        await ListReader(MonotonicClock(), ended).wait_until_answered(1)


async def test_no_more_goes_out_than_lists_fit_into_the_broker() -> None:
    reader = ListReader(MonotonicClock())
    reader.add(a_record(a_list(0, "x" * 1000)))
    window = UNREAD_BYTES // len(a_list(0, "x" * 1000))
    for _ in range(window + 1):  # one is answered already
        await reader.hold_back()
    one_more = asyncio.create_task(reader.hold_back())
    done, _ = await asyncio.wait({one_more}, timeout=0.05)
    assert not done

    reader.add(a_record(a_list(1)))

    await asyncio.wait_for(one_more, DEADLINE_S)


async def test_both_topics_are_read_from_their_beginnings(kafka: Kafka, prefix: str) -> None:
    lists, letters = (kafka.create_topic(f"{prefix}{name}", 2) for name in ("lists", "letters"))
    reader = ListReader(MonotonicClock())
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(lists, a_list(0), partition=0)
        await producer.send_and_wait(letters, b"{", partition=0)
        async with reading(reader, kafka.bootstrap_servers, lists, letters):
            assert await reader.wait_until_answered(2)
            await producer.send_and_wait(lists, a_list(0, partition=1), partition=1)
            assert await reader.wait_until_answered(3)

    assert sorted(reader.lists) == [(0, 0), (1, 0)]
