"""A batch reads, compares and moves the buckets of its events; one without any lets the others catch up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from models.release import Release
from schemas.errors import Unavailable
from schemas.ids import SessionId
from schemas.redis_keys import bucket_of, state_key, watermark_key
from streams.micro_batch import Abandoned, BatchOutcome, BucketMarks, MicroBatch
from streams.redis_session_store import RedisSessionStore
from streams.session_store import UnitSave
from tests.streams.processors import Workbench, a_batch, a_release
from tests.streams.records import a_partition, a_record, event_record

S = SessionId("s")


@pytest.fixture(scope="module")
def bench_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return a_release(tmp_path_factory.mktemp("releases"))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator["Redis"]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def test_bucket_ahead_of_the_others_is_not_applied_again(
    bench_release: Release, redis: "Redis"
) -> None:
    store = RedisSessionStore(redis, buckets=2, ttl_s=60)
    bench = Workbench(bench_release, store=store, k=5)
    mine, theirs = ("s", "t") if bucket_of(SessionId("s"), 2) == 1 else ("t", "s")
    log = [(mine, "a"), (theirs, "b"), (mine, "c"), (theirs, "d")]
    records = [event_record(session, item, at) for at, (session, item) in enumerate(log)]
    await bench.processor.process(a_batch(*records, expected={a_partition(): (None, None)}))
    await redis.delete(watermark_key(0, *a_partition()), state_key(0, SessionId(theirs)))
    await redis.set(watermark_key(0, *a_partition()), 0)  # killed between the saves of two buckets
    first = await bench.processor.process(a_batch(*records[:2], expected={a_partition(): (0, 4)}))
    assert first.applied == {a_partition(): 2}
    await bench.processor.process(a_batch(*records[2:], expected={a_partition(): (2, 4)}))
    loaded = await store.load([a_partition()], [SessionId(mine), SessionId(theirs)])
    assert loaded.watermarks == {a_partition(): (4, 4)}
    assert loaded.states[SessionId(mine)].item_ids == ("a", "c")
    assert loaded.states[SessionId(theirs)].item_ids == ("b", "d")


async def test_batch_moves_the_buckets_of_its_events_and_one_without_events_the_others(
    bench_release: Release, redis: "Redis"
) -> None:
    store, here = RedisSessionStore(redis, buckets=4, ttl_s=60), a_partition()
    bench = Workbench(bench_release, store=store)
    account = BucketMarks((0,) * 4)
    await store.save([UnitSave({here: (None,) * 4}, {here: account.current})])
    moved = bucket_of(S, 4)
    assert (await bench.processor.process(a_batch(event_record("s", "a", 0), marks=account))).refused == {}
    expected = tuple(int(bucket == moved) for bucket in range(4))
    assert (await store.load([here], [])).watermarks == {here: expected}
    assert account.lag(1)
    catching_up = MicroBatch({}, {here: account}, {here: 1}, asyncio.get_running_loop().create_future())
    assert await bench.processor.process(catching_up) == BatchOutcome({here: 1}, {})
    assert (await store.load([here], [])).watermarks == {here: (1,) * 4}
    assert not account.lag(1)
    assert len(bench.emitter.messages) == 1


async def test_letter_alone_moves_a_watermark(bench_release: Release, redis: "Redis") -> None:
    store, here = RedisSessionStore(redis, buckets=4, ttl_s=60), a_partition()
    bench = Workbench(bench_release, store=store)
    await bench.processor.process(a_batch(a_record(b"{", 0), marks=BucketMarks((None,) * 4)))
    assert (await store.load([here], [])).watermarks == {here: (1, None, None, None)}


async def test_batch_of_another_bucket_does_not_overtake_a_refused_one(
    bench_release: Release, redis: "Redis"
) -> None:
    store, here = RedisSessionStore(redis, buckets=2, ttl_s=60), a_partition()
    bench = Workbench(bench_release, store=store)
    lost, whole = ("s", "t") if bucket_of(S, 2) == 0 else ("t", "s")
    await store.save([UnitSave({here: (None,) * 2}, {here: (4, 5)})])
    account = BucketMarks((5, 5))  # bucket 0 went back since
    first = await bench.processor.process(a_batch(event_record(lost, "a", 5), marks=account))
    second = await bench.processor.process(a_batch(event_record(whole, "a", 6), marks=account))
    assert (first.refused, first.expected) == ({here: (4, None)}, {here: (5, 5)})
    assert here in second.refused
    assert bench.emitter.messages == []


async def test_batch_of_another_bucket_does_not_overtake_one_that_was_given_up(
    bench_release: Release, redis: "Redis"
) -> None:
    store, here = RedisSessionStore(redis, buckets=2, ttl_s=60), a_partition()
    bench = Workbench(bench_release, store=store)
    await store.save([UnitSave({here: (None,) * 2}, {here: (0, 0)})])
    account = BucketMarks((0, 0))
    given_up = a_batch(event_record("s", "a", 0), marks=account)
    behind = a_batch(event_record("t", "a", 1), marks=account)
    assert bucket_of(S, 2) != bucket_of(SessionId("t"), 2)
    given_up.hurried = True  # the worker stops, and Kafka is away for a moment
    bench.emitter.before = away_once(bench)
    first, second = await asyncio.gather(
        bench.processor.process(given_up), bench.processor.process(behind), return_exceptions=True
    )
    assert isinstance(first, Abandoned)
    assert isinstance(second, Abandoned)
    assert bench.emitter.messages == []
    assert (await store.load([here], [])).watermarks == {here: (0, 0)}


def away_once(bench: Workbench) -> Callable[[], Awaitable[None]]:
    """Kafka does not take the first emission."""

    async def before() -> None:
        bench.emitter.before = None
        raise Unavailable("Kafka: away")

    return before


async def test_batch_behind_one_that_could_not_be_decoded_does_not_pass_over_it(
    bench_release: Release,
) -> None:
    bench = Workbench(bench_release)
    account = BucketMarks((None,))
    broken: Any = ("no header",)
    failing = a_batch(a_record(b"{}", 0, headers=broken), marks=account)
    behind = a_batch(event_record("s", "a", 1), marks=account)
    first, second = await asyncio.gather(
        bench.processor.process(failing), bench.processor.process(behind), return_exceptions=True
    )
    assert isinstance(first, ValueError)
    assert isinstance(second, Abandoned)
    assert bench.emitter.messages == []
    assert (await bench.store.load([a_partition()], [])).watermarks == {a_partition(): (None,)}
