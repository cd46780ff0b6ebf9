"""The item catalogue in Redis: each message of the `items` topic, applied by an ordinary Faust topic agent.

Writer: of the keys `items`, `items:unavailable`, `items:version` and `items:complete`. Readers:
`streams.availability`, the lookup. Callers: `streams.catalogue_agent`, `streams.catalogue_refresh`.
A low-rate topic, so Faust's cost per message does not matter here.
"""

import time
import uuid
from collections.abc import Awaitable, Collection, Iterable
from itertools import islice
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from schemas.errors import InvalidEvent, Unavailable
from schemas.item_metadata import decode_item_metadata
from schemas.redis_keys import ITEMS, ITEMS_COMPLETE, ITEMS_VERSION, UNAVAILABLE_ITEMS
from streams.redis_clients import available

_CHUNK = 500
_DRAFT_TTL_S = 600

# Scripts and not transactions: the client of a Redis Cluster has none that can be relied on.
# KEYS: items, unavailable items, version. ARGV, per change: item id, value ('' deletes), '1' where available.
_APPLY = """
for i = 1, #ARGV, 3 do
  local item, value, available = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if value == '' then redis.call('HDEL', KEYS[1], item) else redis.call('HSET', KEYS[1], item, value) end
  redis.call(available == '1' and 'SREM' or 'SADD', KEYS[2], item)
end
redis.call('INCR', KEYS[3])
"""
# KEYS: items, unavailable items, version, complete, and the drafts of the first two. ARGV: the version
# before the items were read, and the new one. Returns 1, or 0 where the version is another by now.
_REPLACE = """
if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[1] then return 0 end
for i = 1, 2 do
  redis.call('DEL', KEYS[i])
  if redis.call('EXISTS', KEYS[4 + i]) == 1 then
    redis.call('RENAME', KEYS[4 + i], KEYS[i])
    redis.call('PERSIST', KEYS[i])
  end
end
redis.call('SET', KEYS[3], ARGV[2])
redis.call('SET', KEYS[4], '1')
return 1
"""


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
        raise InvalidEvent("$.item_id", "{} is not the message's key {}", item.item_id, key[:64])
    return ItemChange(key, value, item.available)


class Catalogue:
    """The writing side of the catalogue's keys."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._apply = redis.register_script(_APPLY)
        self._replace = redis.register_script(_REPLACE)

    async def apply(self, changes: Iterable[ItemChange]) -> None:
        """Write items and raise the version, at once.

        Raises:
            Unavailable: Redis does not answer.
        """
        arguments: list[Any] = []
        for change in changes:
            shown = change.value is None or change.available
            arguments += [change.item_id, change.value or b"", int(shown)]
        await available(self._apply([ITEMS, UNAVAILABLE_ITEMS, ITEMS_VERSION], arguments))

    async def replace(self, items: Collection[ItemChange], read_at: int) -> None:
        """Put the whole catalogue in the place of what there is, at once.

        The version becomes the time in milliseconds, so that it rises although Redis lost the one before.

        Args:
            items: the last word on every item, deletions left out.
            read_at: the version before they were read; a change since then may be newer than they are.

        Raises:
            Unavailable: Redis does not answer, or there was such a change; read the items again.
        """
        name = uuid.uuid4().hex
        drafts = [f"{ITEMS}:draft:{name}", f"{UNAVAILABLE_ITEMS}:draft:{name}"]
        rest = iter(items)
        while chunk := list(islice(rest, _CHUNK)):
            await self._draft(
                drafts[0], "HSET", [part for item in chunk for part in (item.item_id, item.value)]
            )
            await self._draft(drafts[1], "SADD", [item.item_id for item in chunk if not item.available])
        keys = [ITEMS, UNAVAILABLE_ITEMS, ITEMS_VERSION, ITEMS_COMPLETE, *drafts]
        version = max(read_at + 1, int(time.time() * 1000))
        if not await available(self._replace(keys, [read_at, version])):
            raise Unavailable("the catalogue changed while it was read")

    async def version(self) -> int:
        """The version that Redis has; 0 where it has none.

        Raises:
            Unavailable: Redis does not answer.
        """
        return int(await available(self._redis.get(ITEMS_VERSION)) or 0)

    async def is_complete(self) -> bool:
        """Whether the catalogue was ever read whole: not so in a new Redis, or one that came back empty.

        Raises:
            Unavailable: Redis does not answer.
        """
        return bool(await available(self._redis.exists(ITEMS_COMPLETE)))

    async def _draft(self, key: str, command: str, values: list[bytes | None]) -> None:
        """Add to a draft, which goes away by itself where nothing comes of it."""
        if values:
            execute = cast(Any, self._redis.execute_command)
            await available(cast(Awaitable[Any], execute(command, key, *values)))
            await available(self._redis.expire(key, _DRAFT_TTL_S))
