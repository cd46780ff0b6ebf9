"""Where a partition goes on whose buckets have uneven watermarks, or some of them none."""

import time
from collections.abc import AsyncIterator, Collection, Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndTimestamp
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from schemas.errors import Unavailable
from streams.health import Health
from streams.log_bounds import CERTAIN_AFTER_S
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks
from streams.redis_session_store import RedisSessionStore
from streams.session_store import UnitSave
from streams.taking_over import Position, TakeOver
from streams.topic_metadata import TopicFacts
from streams.topic_watch import TopicWatch
from tests.streams.records import a_partition

HERE = a_partition()
GAP_S = 1800.0


class OneLog:
    """What a Kafka consumer tells of one partition, with a record a second up to now."""

    def __init__(self, first: int, end: int, committed: int | None = None) -> None:
        self.first = first
        self.end = end
        self.last_commit = committed

    def assignment(self) -> set[TopicPartition]:
        return {HERE}

    async def beginning_offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.first)

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)

    async def committed(self, _partition: TopicPartition) -> int | None:
        return self.last_commit

    async def offsets_for_times(
        self, times_ms: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndTimestamp]:
        # To ten seconds: some time passes between the question and this answer.
        ages_s = {one: 10 * round((time.time() - at_ms / 1000) / 10) for one, at_ms in times_ms.items()}
        return {one: OffsetAndTimestamp(self.end - age_s, 0) for one, age_s in ages_s.items()}


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisSessionStore]:
    client = Redis.from_url(redis_url)
    yield RedisSessionStore(client, buckets=3, ttl_s=60, topic_ids={HERE.topic: "now"})
    await client.aclose()


async def taking_over(store: RedisSessionStore, log: OneLog, clock: Clock, marks: Watermarks) -> TakeOver:
    """A take-over that finds these watermarks."""
    await store.save([UnitSave({HERE: (None,) * 3}, {HERE: marks})])

    async def ask() -> dict[str, TopicFacts]:
        return {HERE.topic: TopicFacts("now", 1), "lists": TopicFacts("", 1)}

    metrics = WorkerMetrics(CollectorRegistry())
    topics = TopicWatch(ask, [HERE.topic], "lists", Health(metrics.ready))
    return TakeOver(log, store, topics, lambda: GAP_S, metrics, "earliest", clock)


async def test_partition_goes_on_at_the_lowest_watermark(store: RedisSessionStore) -> None:
    taken = await taking_over(store, OneLog(0, 12), Clock(), (5, 9, 7))
    assert await taken.positions([HERE]) == {HERE: Position(5, (5, 9, 7))}


async def test_log_that_was_cut_below_some_watermarks_leaves_none_ahead_of_it(
    store: RedisSessionStore,
) -> None:
    log, clock = OneLog(0, 6), Clock()
    taken = await taking_over(store, log, clock, (5, 9, 7))
    with pytest.raises(Unavailable, match=r"ends at 6, before the watermark 9"):
        await taken.positions([HERE])
    clock.now_s += CERTAIN_AFTER_S
    assert await taken.positions([HERE]) == {HERE: Position(5, (5, 6, 6))}
    assert await taken.stored([HERE]) == {HERE: (5, 6, 6)}


async def test_log_that_was_trimmed_past_some_watermarks_leaves_the_others(store: RedisSessionStore) -> None:
    taken = await taking_over(store, OneLog(7, 12), Clock(), (5, 9, 7))
    assert await taken.positions([HERE]) == {HERE: Position(7, (7, 9, 7))}
    assert await taken.stored([HERE]) == {HERE: (7, 9, 7)}


@pytest.mark.parametrize("committed", [9_000, None])
async def test_lost_buckets_are_refilled_from_a_session_gap_back_and_the_others_stay(
    store: RedisSessionStore, committed: int | None
) -> None:
    taken = await taking_over(store, OneLog(0, 9_005, committed), Clock(), (9_001, None, 9_000))
    position = await taken.position(HERE, (9_001, 9_000, 9_000))
    assert position == Position(9_005 - int(GAP_S), (9_001, None, 9_000))
    assert await taken.stored([HERE]) == {HERE: (9_001, None, 9_000)}


async def test_backlog_from_before_the_session_gap_is_read_whole_by_a_refill(
    store: RedisSessionStore,
) -> None:
    taken = await taking_over(store, OneLog(0, 9_005, 400), Clock(), (300, None, 500))
    assert await taken.positions([HERE]) == {HERE: Position(300, (300, None, 500))}


async def test_buckets_without_their_first_watermark_get_it_where_nothing_was_committed(
    store: RedisSessionStore,
) -> None:
    taken = await taking_over(store, OneLog(0, 9_005), Clock(), (8_000, None, None))
    assert await taken.positions([HERE]) == {HERE: Position(8_000, (8_000,) * 3)}
    assert await taken.stored([HERE]) == {HERE: (8_000,) * 3}
