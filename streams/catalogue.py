"""The item catalogue in Redis: each message of the `items` topic, applied by an ordinary Faust topic agent.

Writer: of the keys `items`, `items:unavailable`, `items:version` and `items:complete`. Readers:
`streams.availability`, the lookup. Callers: `streams.catalogue_agent`, `streams.catalogue_refresh`.
A low-rate topic, so Faust's cost per message does not matter here.
"""

import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from redis import exceptions
from redis.asyncio import Redis

from schemas.errors import InvalidEvent, Unavailable
from schemas.item_metadata import decode_item_metadata
from schemas.redis_keys import ITEMS, ITEMS_COMPLETE, ITEMS_VERSION, UNAVAILABLE_ITEMS

_CHUNK = 500
_DRAFT_TTL_S = 600


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
        with _answering():
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

    async def replace(self, items: Collection[ItemChange], read_at: int) -> None:
        """Put the whole catalogue in the place of what there is, at once.

        The version becomes the time in milliseconds, so that it rises although Redis lost the one before.

        Args:
            items: the last word on every item, deletions left out.
            read_at: the version before they were read; a change since then may be newer than they are.

        Raises:
            Unavailable: Redis does not answer, or there was such a change; read the items again.
        """
        draft = f"{ITEMS}:draft:{uuid.uuid4().hex}"
        rest = iter(items)
        with _answering():
            while chunk := {item.item_id: item.value for item in islice(rest, _CHUNK)}:
                await self._redis.hset(draft, mapping=chunk)  # type: ignore[arg-type]  # every item has a value
                await self._redis.expire(draft, _DRAFT_TTL_S)
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(ITEMS_VERSION)
                if int(await pipe.get(ITEMS_VERSION) or 0) != read_at:
                    raise Unavailable("the catalogue changed while it was read")
                pipe.multi()  # type: ignore[no-untyped-call]
                pipe.delete(ITEMS, UNAVAILABLE_ITEMS)
                if items:
                    pipe.rename(draft, ITEMS)
                    pipe.persist(ITEMS)
                if hidden := [item.item_id for item in items if not item.available]:
                    pipe.sadd(UNAVAILABLE_ITEMS, *hidden)
                pipe.set(ITEMS_VERSION, max(read_at + 1, int(time.time() * 1000)))
                pipe.set(ITEMS_COMPLETE, 1)
                await pipe.execute()

    async def version(self) -> int:
        """The version that Redis has; 0 where it has none.

        Raises:
            Unavailable: Redis does not answer.
        """
        with _answering():
            return int(await self._redis.get(ITEMS_VERSION) or 0)

    async def is_complete(self) -> bool:
        """Whether the catalogue was ever read whole: not so in a new Redis, or one that came back empty.

        Raises:
            Unavailable: Redis does not answer.
        """
        with _answering():
            return bool(await self._redis.exists(ITEMS_COMPLETE))


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise Unavailable(f"Redis: {error}") from error
