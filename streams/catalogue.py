"""The item catalogue in Redis: each message of the `items` topic, applied by an ordinary Faust topic agent.

Writer: of the keys `items`, `items:unavailable` and `items:version`. Readers: `streams.availability`, the
lookup.
A low-rate topic, so Faust's cost per message does not matter here.
"""

from collections.abc import Iterable
from typing import NamedTuple

from redis import exceptions
from redis.asyncio import Redis

from schemas.errors import InvalidEvent, Unavailable
from schemas.item_metadata import decode_item_metadata
from schemas.redis_keys import ITEMS, ITEMS_VERSION, UNAVAILABLE_ITEMS


class ItemChange(NamedTuple):
    """The last word on an item: its ItemMetadata bytes, or None when it is deleted."""

    item_id: bytes
    value: bytes | None
    available: bool = True


def item_change(key: bytes | None, value: bytes | None) -> ItemChange:
    """What a message of the `items` topic says.

    Raises:
        InvalidEvent: it is neither an ItemMetadata nor a deletion, or its key is not its item_id.
    """
    if not key:
        raise InvalidEvent("$.item_id", "the message has no key; the key is the item_id")
    if not value:
        return ItemChange(key, None)
    item = decode_item_metadata(value)
    if item.item_id.encode() != key:
        raise InvalidEvent("$.item_id", f"{item.item_id!r} is not the message's key {key[:64]!r}")
    return ItemChange(key, value, item.available)


class Catalogue:
    """The writing side of the catalogue's keys."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def apply(self, changes: Iterable[ItemChange]) -> None:
        """Write items and raise the version, in one transaction.

        Raises:
            Unavailable: Redis does not answer.
        """
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for change in changes:
                    if change.value is None:
                        pipe.hdel(ITEMS, change.item_id)
                    else:
                        pipe.hset(ITEMS, change.item_id, change.value)
                    if change.value is None or change.available:
                        pipe.srem(UNAVAILABLE_ITEMS, change.item_id)
                    else:
                        pipe.sadd(UNAVAILABLE_ITEMS, change.item_id)
                pipe.incr(ITEMS_VERSION)
                await pipe.execute()
        except (exceptions.RedisError, OSError) as error:
            raise Unavailable(f"Redis: {error}") from error

    async def restore(self, changes: Iterable[ItemChange]) -> None:
        """Write items that Redis lost; one that is there already is newer and stays.

        Raises:
            Unavailable: Redis does not answer.
        """
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for change in changes:
                    assert change.value is not None
                    pipe.hsetnx(ITEMS, change.item_id, change.value)
                    if not change.available:
                        pipe.sadd(UNAVAILABLE_ITEMS, change.item_id)
                pipe.incr(ITEMS_VERSION)
                await pipe.execute()
        except (exceptions.RedisError, OSError) as error:
            raise Unavailable(f"Redis: {error}") from error

    async def is_missing(self) -> bool:
        """Whether Redis knows of no catalogue at all: a new Redis, or one that came back empty.

        Raises:
            Unavailable: Redis does not answer.
        """
        try:
            return not await self._redis.exists(ITEMS_VERSION)
        except (exceptions.RedisError, OSError) as error:
            raise Unavailable(f"Redis: {error}") from error
