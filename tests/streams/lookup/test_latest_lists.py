"""Latest lists out of Redis: whoever asks at the same time shares a read, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from redis.asyncio import Redis

from schemas.errors import Unavailable
from schemas.ids import SessionId
from schemas.redis_keys import bucket_of, latest_key
from streams.lookup.latest_lists import LatestLists
from streams.redis_clients import open_redis
from streams.settings import LookupSettings
from tests.services.redis_servers import PrivateRedis

BUCKETS = 4
SESSIONS = [SessionId(f"s{at}") for at in range(40)]


@pytest.fixture
async def redis(private_redis: PrivateRedis) -> AsyncIterator["Redis"]:
    client = open_redis(LookupSettings(redis_url=private_redis.url), 1.0)
    for session in SESSIONS:
        await client.set(latest_key(bucket_of(session, BUCKETS), session), f"list of {session}")
    yield client
    await client.aclose()


async def reads(redis: "Redis") -> int:
    stats = await redis.info("commandstats")
    return cast(int, stats.get("cmdstat_mget", {"calls": 0})["calls"])


async def test_requests_of_one_moment_share_one_read_of_each_bucket(redis: "Redis") -> None:
    lists = LatestLists(redis, BUCKETS)
    answers = await asyncio.gather(*(lists.ask(session) for session in SESSIONS))
    assert answers == [f"list of {session}".encode() for session in SESSIONS]
    assert await reads(redis) == BUCKETS


async def test_who_asks_during_a_read_shares_the_next(redis: "Redis") -> None:
    lists = LatestLists(redis, BUCKETS)
    first = lists.ask(SessionId("nobody"))
    await asyncio.sleep(0)  # the first read is on its way now
    later = [lists.ask(session) for session in SESSIONS]
    assert await first is None
    assert None not in await asyncio.gather(*later)
    assert await reads(redis) == 1 + BUCKETS


async def test_session_asked_for_twice_is_answered_twice(redis: "Redis") -> None:
    lists = LatestLists(redis, BUCKETS)
    twice = lists.ask(SESSIONS[0]), lists.ask(SESSIONS[0])
    assert [await one for one in twice] == [b"list of s0"] * 2


async def test_who_gives_up_leaves_the_others_their_answer(redis: "Redis") -> None:
    lists = LatestLists(redis, BUCKETS)
    gone, waiting = lists.ask(SESSIONS[0]), lists.ask(SESSIONS[0])
    gone.cancel()
    assert await waiting == b"list of s0"


async def test_redis_that_is_away_fails_all_who_wait_and_nobody_after(
    redis: "Redis", private_redis: PrivateRedis
) -> None:
    lists = LatestLists(redis, BUCKETS)
    private_redis.pause()
    first = lists.ask(SESSIONS[0])
    await asyncio.sleep(0)
    gone, second = lists.ask(SESSIONS[0]), lists.ask(SESSIONS[0])
    gone.cancel()
    for waiting in (first, second):
        with pytest.raises(Unavailable, match="Redis"):
            await waiting
    private_redis.resume()
    assert await lists.ask(SESSIONS[0]) == b"list of s0"
