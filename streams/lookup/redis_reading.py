"""What the lookup reads from Redis: latest lists (`latest_lists`), items of the catalogue (one GET each).

Writers: `streams.redis_session_store` (lists), `streams.catalogue` (items). Caller: `streams.lookup.routes`.
"""

from collections.abc import Awaitable
from typing import Any, cast

from redis.asyncio import Redis

from schemas.errors import Unavailable
from schemas.ids import ItemId
from schemas.redis_keys import BUCKETS, ITEMS
from streams.lookup.latest_lists import LatestLists
from streams.redis_clients import available

TIMEOUT_S = 1.0
"""A request waits no longer for Redis: it then says 503, and the client may ask another lookup."""


class RedisReading:
    """The reads of one Redis."""

    def __init__(self, redis: "Redis", buckets: int) -> None:
        """Use a client; it is neither opened nor closed here.

        Args:
            redis: the client.
            buckets: into how many buckets sessions are hashed.
        """
        self._redis = redis
        self._buckets = buckets
        self.latest_lists = LatestLists(redis, buckets)

    async def item(self, item_id: ItemId) -> bytes | None:
        """The item's ItemMetadata as the shop sent it; None where the catalogue has none.

        Raises:
            Unavailable: Redis does not answer.
        """
        return cast(bytes | None, await available(cast(Awaitable[Any], self._redis.hget(ITEMS, item_id))))

    async def check(self) -> None:
        """Ask Redis for a sign of life, and whether its sessions lie in as many buckets as are looked in.

        Raises:
            Unavailable: Redis does not answer, or it was first used with another number of buckets.
        """
        stored = await available(cast(Awaitable[Any], self._redis.get(BUCKETS)))
        if stored is not None and int(stored) != self._buckets:
            raise Unavailable(
                f"MILLRACE_REDIS_BUCKETS={self._buckets}: this Redis was first used with {int(stored)}; set "
                "it to that"
            )
