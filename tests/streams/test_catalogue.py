"""The catalogue's keys in a real Redis: single changes, and the whole put in their place."""

import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from schemas.errors import InvalidEvent, Unavailable
from schemas.redis_keys import ITEMS, UNAVAILABLE_ITEMS
from streams.catalogue import Catalogue, ItemChange, item_change
from tests.services.redis_servers import PrivateRedis
from tests.streams.redis_kinds import KINDS, redis_of_kind

A = ItemChange(b"a", b'{"item_id":"a"}')
HIDDEN_A = ItemChange(b"a", b'{"item_id":"a","available":false}', available=False)
B = ItemChange(b"b", b'{"item_id":"b"}')
GONE_A = ItemChange(b"a", None)


@pytest.fixture(params=KINDS)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator["Redis"]:
    async with redis_of_kind(request.param, request) as client:
        yield client


async def stored(redis: "Redis") -> tuple[object, object]:
    return await redis.hgetall(ITEMS), await redis.smembers(UNAVAILABLE_ITEMS)


async def test_last_change_of_an_item_counts(redis: "Redis") -> None:
    catalogue = Catalogue(redis)
    await catalogue.apply([A, HIDDEN_A, B])
    assert await stored(redis) == ({b"a": HIDDEN_A.value, b"b": B.value}, {b"a"})
    await catalogue.apply([GONE_A])
    assert await stored(redis) == ({b"b": B.value}, set())
    assert await catalogue.version() == 2


async def test_single_changes_do_not_make_a_catalogue_complete(redis: "Redis") -> None:
    catalogue = Catalogue(redis)
    await catalogue.apply([A])
    assert not await catalogue.is_complete()
    await catalogue.replace([A, B], read_at=1)
    assert await catalogue.is_complete()


async def test_replacing_leaves_nothing_of_what_was_there(redis: "Redis") -> None:
    catalogue = Catalogue(redis)
    await catalogue.apply([HIDDEN_A])
    await catalogue.replace([B], read_at=1)
    assert await stored(redis) == ({b"b": B.value}, set())
    assert await redis.ttl(ITEMS) == -1
    await catalogue.replace([], read_at=await catalogue.version())
    assert await stored(redis) == ({}, set())
    assert [key for key in await redis.keys() if b"draft" in key] == []


async def test_large_catalogue_is_replaced_whole(redis: "Redis") -> None:
    items = [ItemChange(b"%d" % number, b"{}", available=number % 2 == 0) for number in range(1201)]
    await Catalogue(redis).replace(items, read_at=0)
    assert await redis.hlen(ITEMS) == 1201
    assert await redis.scard(UNAVAILABLE_ITEMS) == 600


async def test_change_since_the_reading_is_not_overwritten(redis: "Redis") -> None:
    catalogue = Catalogue(redis)
    read_at = await catalogue.version()
    await catalogue.apply([HIDDEN_A])
    with pytest.raises(Unavailable, match="changed while it was read"):
        await catalogue.replace([A], read_at)
    assert await stored(redis) == ({b"a": HIDDEN_A.value}, {b"a"})


async def test_catalogue_that_redis_evicts_while_it_is_written_is_not_taken_in_parts(
    private_redis: PrivateRedis,
) -> None:
    items = [ItemChange(b"%d" % number, b"x" * 1000, available=number % 2 == 0) for number in range(2000)]
    async with Redis(port=private_redis.port) as redis:
        catalogue = Catalogue(redis)
        await catalogue.replace([HIDDEN_A], read_at=0)
        read_at = await catalogue.version()
        private_redis.configure("maxmemory", private_redis.info("memory")["used_memory"] + 1_500_000)
        with pytest.raises(Unavailable, match="raise maxmemory"):
            await catalogue.replace(items, read_at)
        assert await stored(redis) == ({b"a": HIDDEN_A.value}, {b"a"})
        private_redis.configure("maxmemory", 0)
        await catalogue.replace(items, read_at)
        assert len(await redis.hgetall(ITEMS)) == len(items)


async def test_version_rises_although_redis_lost_the_one_before(redis: "Redis") -> None:
    catalogue = Catalogue(redis)
    await catalogue.replace([], read_at=0)
    before = await catalogue.version()
    assert before <= time.time() * 1000
    await catalogue.apply([A])
    assert await catalogue.version() == before + 1
    await catalogue.replace([], read_at=before + 1)
    assert await catalogue.version() > before + 1


async def test_redis_that_is_away_is_unavailable() -> None:
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as away:
        with pytest.raises(Unavailable):
            await Catalogue(away).version()


@pytest.mark.parametrize(("key", "value"), [(None, b"{}"), (b"a", b"no item"), (b"a", B.value)])
def test_message_that_says_nothing_of_its_item_is_invalid(key: bytes | None, value: bytes) -> None:
    with pytest.raises(InvalidEvent):
        item_change(key, value)


@pytest.mark.parametrize("value", [None, b""])
def test_empty_value_deletes_the_item(value: bytes | None) -> None:
    assert item_change(b"a", value) == GONE_A
