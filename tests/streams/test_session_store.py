"""The contract of SessionStore, held by memory, by one Redis, and by a Redis Cluster of three nodes."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition
from redis.asyncio import Redis

from schemas.errors import Unavailable, UsageError
from schemas.ids import ItemId, SessionId, UserId
from schemas.redis_keys import bucket_of, latest_key, state_key, user_key, watermark_key
from schemas.session_state import SessionState
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import Watermarks, advanced
from streams.redis_session_store import RedisSessionStore
from streams.session_store import SessionStore, UnitSave
from tests.streams.gated_store import ALL, GatedStore, Gates
from tests.streams.records import a_partition
from tests.streams.redis_kinds import KINDS, redis_of_kind

TTL_S = 3600
A, B = SessionId("session-a"), SessionId("session-b")
STATE = SessionState(
    item_ids=(ItemId("x"),), event_types=b"\x00", times_s=b"\x00\x00\x00\x01", last_event_at_ms=5
)
OTHER = SessionState(
    item_ids=(ItemId("y"),), event_types=b"\x01", times_s=b"\x00\x00\x00\x02", last_event_at_ms=6
)


@pytest.fixture(params=KINDS)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator["Redis"]:
    async with redis_of_kind(request.param, request) as client:
        yield client


@pytest.fixture
def topic_ids() -> dict[str, str]:
    """The ids of the topics as the store sees them; the test changes them."""
    return {}


@pytest.fixture(
    params=[
        "memory",
        "gated memory, 3 buckets",
        "one redis, 1 bucket",
        "one redis, 4 buckets",
        "cluster, 48 buckets",
    ]
)
async def store(request: pytest.FixtureRequest, topic_ids: dict[str, str]) -> AsyncIterator[SessionStore]:
    kind, _, buckets = request.param.partition(", ")
    if kind == "memory":
        yield MemorySessionStore(topic_ids)
        return
    if kind == "gated memory":
        yield GatedStore([MemorySessionStore(topic_ids) for _ in range(3)], Gates(ALL))
        return
    async with redis_of_kind(kind, request) as client:
        yield RedisSessionStore(client, int(buckets.split()[0]), TTL_S, topic_ids)


def a_save(
    partition: TopicPartition,
    expected: Watermarks,
    new: int,
    states: dict[SessionId, SessionState | None] | None = None,
    latest: dict[SessionId, bytes] | None = None,
) -> UnitSave:
    """The save of a unit of one partition, all of its buckets moved to one offset."""
    return UnitSave({partition: expected}, {partition: (new,) * len(expected)}, states or {}, latest or {})


def none(store: SessionStore) -> tuple[None, ...]:
    return (None,) * store.buckets


def at(store: SessionStore, offset: int) -> tuple[int, ...]:
    return (offset,) * store.buckets


async def test_new_store_has_no_watermark_and_no_states(store: SessionStore) -> None:
    loaded = await store.load([a_partition()], [A])
    assert loaded.watermarks == {a_partition(): none(store)}
    assert loaded.states == {}


async def test_saved_state_and_watermark_are_loaded_together(store: SessionStore) -> None:
    refused = await store.save([a_save(a_partition(), none(store), 7, {A: STATE, B: OTHER}, {A: b"list"})])
    loaded = await store.load([a_partition()], [A, B, SessionId("c")])
    assert refused == {}
    assert loaded.watermarks == {a_partition(): at(store, 7)}
    assert loaded.states == {A: STATE, B: OTHER}


async def test_save_from_another_watermark_is_refused_whole(store: SessionStore) -> None:
    await store.save([a_save(a_partition(), none(store), 7, {A: STATE, B: STATE})])
    stale = a_save(a_partition(), at(store, 3), 9, {A: OTHER, B: None}, {A: b"stale"})
    assert await store.save([stale]) == {a_partition(): at(store, 7)}
    loaded = await store.load([a_partition()], [A, B])
    assert loaded.watermarks == {a_partition(): at(store, 7)}
    assert loaded.states == {A: STATE, B: STATE}


async def test_save_that_expects_a_watermark_is_refused_by_an_empty_store(store: SessionStore) -> None:
    assert await store.save([a_save(a_partition(), at(store, 3), 9, {A: STATE})]) == {
        a_partition(): none(store)
    }
    assert (await store.load([a_partition()], [A])).states == {}


async def test_one_refused_partition_does_not_hold_back_another(store: SessionStore) -> None:
    await store.save([a_save(a_partition(0), none(store), 5)])
    refused = await store.save(
        [
            a_save(a_partition(0), none(store), 6, {A: STATE}),
            a_save(a_partition(1), none(store), 2, {B: OTHER}),
        ]
    )
    loaded = await store.load([a_partition(0), a_partition(1)], [A, B])
    assert refused == {a_partition(0): at(store, 5)}
    assert loaded.watermarks == {a_partition(0): at(store, 5), a_partition(1): at(store, 2)}
    assert loaded.states == {B: OTHER}


async def test_state_of_none_deletes_the_session(store: SessionStore) -> None:
    await store.save([a_save(a_partition(), none(store), 1, {A: STATE}, {A: b"list"})])
    await store.save([a_save(a_partition(), at(store, 1), 2, {A: None})])
    assert (await store.load([a_partition()], [A])).states == {}


async def test_batch_without_events_moves_the_watermark(store: SessionStore) -> None:
    await store.save([a_save(a_partition(), none(store), 1)])
    assert await store.save([a_save(a_partition(), at(store, 1), 2)]) == {}
    assert (await store.load([a_partition()], [])).watermarks == {a_partition(): at(store, 2)}


@pytest.mark.parametrize("buckets", [1, 4])
async def test_states_and_lists_expire_and_watermarks_do_not(redis: "Redis", buckets: int) -> None:
    store = RedisSessionStore(redis, buckets, TTL_S)
    await store.save([a_save(a_partition(), none(store), 1, {A: STATE}, {A: b"list"})])
    bucket = bucket_of(A, buckets)
    assert 0 < await redis.ttl(state_key(bucket, A)) <= TTL_S
    assert 0 < await redis.ttl(latest_key(bucket, A)) <= TTL_S
    assert await redis.get(latest_key(bucket, A)) == b"list"
    assert await redis.ttl(watermark_key(bucket, *a_partition())) == -1


async def test_erasing_deletes_the_latest_list(redis: "Redis") -> None:
    store = RedisSessionStore(redis, 1, TTL_S)
    await store.save([a_save(a_partition(), (None,), 1, {A: STATE}, {A: b"list"})])
    await store.save([a_save(a_partition(), (1,), 2, {A: None})])
    assert await redis.get(latest_key(0, A)) is None


async def test_watermarks_of_buckets_that_differ_are_all_told(redis: "Redis") -> None:
    store = RedisSessionStore(redis, 2, TTL_S)
    await store.save([a_save(a_partition(), (None, None), 4)])
    await redis.set(watermark_key(1, *a_partition()), 3)  # a crash between two buckets
    assert (await store.load([a_partition()], [])).watermarks == {a_partition(): (4, 3)}
    assert await store.save([a_save(a_partition(), (4, 4), 6)]) == {a_partition(): (6, 3)}


async def test_unreadable_state_starts_the_session_anew(redis: "Redis") -> None:
    store = RedisSessionStore(redis, 1, TTL_S)
    await redis.set(state_key(0, A), b"\xff not a state")
    await redis.set(state_key(0, B), b"\x91\x09")  # an array whose version is 9
    assert (await store.load([a_partition()], [A, B])).states == {}


async def test_another_number_of_buckets_is_refused_with_the_remedy(redis: "Redis") -> None:
    await RedisSessionStore(redis, 4, TTL_S).check()
    await RedisSessionStore(redis, 4, TTL_S).check()
    with pytest.raises(UsageError, match="MILLRACE_REDIS_BUCKETS=2: this Redis was first used with 4"):
        await RedisSessionStore(redis, 2, TTL_S).check()


async def test_redis_that_does_not_answer_is_unavailable() -> None:
    store = RedisSessionStore(Redis.from_url("redis://127.0.0.1:1/0"), 1, TTL_S)
    with pytest.raises(Unavailable, match="Redis"):
        await store.load([a_partition()], [A])


async def test_wrong_password_is_told_with_its_setting(redis_url: str) -> None:
    wrong = Redis.from_url(redis_url.replace("redis://", "redis://nobody:wrong@"))
    with pytest.raises(UsageError, match="MILLRACE_REDIS_URL"):
        await RedisSessionStore(wrong, 1, TTL_S).load([a_partition()], [A])
    await wrong.aclose()


async def test_unit_of_several_topics_is_saved_whole_or_not_at_all(store: SessionStore) -> None:
    views, carts = a_partition(0, "views"), a_partition(0, "carts")
    await store.save([a_save(views, none(store), 5)])
    stale = UnitSave(
        {views: none(store), carts: none(store)}, {views: at(store, 6), carts: at(store, 2)}, {A: STATE}
    )
    assert await store.save([stale]) == {views: at(store, 5), carts: none(store)}
    assert (await store.load([carts], [A])).states == {}
    right = UnitSave(
        {views: at(store, 5), carts: none(store)}, {views: at(store, 5), carts: at(store, 2)}, {A: STATE}
    )
    assert await store.save([right]) == {}
    assert (await store.load([views, carts], [A])).watermarks == {views: at(store, 5), carts: at(store, 2)}


async def test_unit_whose_other_topic_was_never_read_is_saved(store: SessionStore) -> None:
    views, carts = a_partition(0, "views"), a_partition(0, "carts")
    both = UnitSave(
        {views: none(store), carts: none(store)}, {views: at(store, 1), carts: none(store)}, {A: STATE}
    )
    assert await store.save([both]) == {}
    assert (await store.load([views, carts], [A])).watermarks == {views: at(store, 1), carts: none(store)}


def test_bucket_that_is_ahead_stays_ahead() -> None:
    assert advanced((0, 4), 2) == (2, 4)
    assert advanced((2, 4), 6) == (6, 6)
    assert advanced((None, 4), 6) == (6, 6)
    assert advanced((None, None), 3) == (3, 3)
    assert advanced((9,), 3) == (9,)


def test_bucket_without_events_stays_where_it_is() -> None:
    assert advanced((2, 4, None), 6, {0}) == (6, 4, None)
    assert advanced((2, 4, None), 6, {1, 2}) == (2, 6, 6)


async def test_buckets_that_are_not_named_are_neither_read_nor_compared_nor_moved(redis: "Redis") -> None:
    store, one = RedisSessionStore(redis, 4, TTL_S), a_partition()
    assert await store.save([UnitSave({one: (None,) * 4}, {one: (5,) * 4})]) == {}
    assert (await store.load([one], [], {0: {1, 3}})).watermarks == {one: (None, 5, None, 5)}
    wrong_elsewhere = UnitSave({one: (0, 5, 0, 5)}, {one: (0, 6, 0, 6)}, buckets={1, 3})
    assert await store.save([wrong_elsewhere]) == {}
    assert (await store.load([one], [])).watermarks == {one: (5, 6, 5, 6)}
    stale = UnitSave({one: (5, 5, 5, 6)}, {one: (5, 7, 5, 7)}, buckets={1, 3})
    assert await store.save([stale]) == {one: (5, 6, 5, 7)}


async def test_watermark_of_a_topic_made_anew_counts_as_none(
    store: SessionStore, topic_ids: dict[str, str]
) -> None:
    one = a_partition()
    topic_ids[one.topic] = "first"
    await store.save([a_save(one, none(store), 100, {A: STATE})])
    topic_ids[one.topic] = "second"
    loaded = await store.load([one], [A])
    assert loaded.watermarks == {one: none(store)}
    assert loaded.topic_ids == {one: {"first"}}
    assert loaded.states == {A: STATE}
    assert await store.save([a_save(one, at(store, 100), 150)]) == {one: none(store)}
    assert await store.save([a_save(one, none(store), 0)]) == {}
    assert (await store.load([one], [])).watermarks == {one: at(store, 0)}


async def test_worker_that_knows_the_topic_before_is_refused(
    store: SessionStore, topic_ids: dict[str, str]
) -> None:
    one = a_partition()
    topic_ids[one.topic] = "second"
    await store.save([a_save(one, none(store), 100)])
    topic_ids[one.topic] = "first"
    assert await store.save([a_save(one, at(store, 100), 150)]) == {one: none(store)}


async def test_watermark_from_before_ids_were_kept_is_honoured_and_gets_its_id(
    store: SessionStore, topic_ids: dict[str, str]
) -> None:
    one = a_partition()
    await store.save([a_save(one, none(store), 100)])
    topic_ids[one.topic] = "known"
    assert (await store.load([one], [])).watermarks == {one: at(store, 100)}
    assert await store.save([a_save(one, at(store, 100), 100)]) == {}
    assert (await store.load([one], [])).topic_ids == {one: {"known"}}


async def test_watermark_with_an_id_is_honoured_where_the_broker_tells_none(
    store: SessionStore, topic_ids: dict[str, str]
) -> None:
    one = a_partition()
    topic_ids[one.topic] = "known"
    await store.save([a_save(one, none(store), 100)])
    topic_ids.clear()
    assert (await store.load([one], [])).watermarks == {one: at(store, 100)}
    assert await store.save([a_save(one, at(store, 100), 150)]) == {}


async def test_sessions_of_a_user_are_kept_with_a_time_to_live(redis: "Redis") -> None:
    store = RedisSessionStore(redis, 4, TTL_S)
    user, bucket = UserId("u1"), bucket_of(A, 4)
    here, marks = a_partition(), (None,) * 4
    await store.save([UnitSave({here: marks}, {here: (1,) * 4}, owned={(user, A): True})])
    assert await redis.smembers(user_key(bucket, user)) == {A.encode()}
    assert 0 < await redis.ttl(user_key(bucket, user)) <= TTL_S
    refused = await store.save([UnitSave({here: marks}, {here: (2,) * 4}, owned={(user, A): False})])
    assert refused
    assert await redis.smembers(user_key(bucket, user)) == {A.encode()}
    await store.save([UnitSave({here: (1,) * 4}, {here: (2,) * 4}, owned={(user, A): False})])
    assert not await redis.exists(user_key(bucket, user))
