"""The latest lists in Redis: who asks at the same time shares one MGET of the bucket.

Writer: `streams.redis_session_store`. Callers: the route (`RedisReading`) and the fast lane.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import cast

from redis.asyncio import Redis

from schemas.errors import Unavailable
from schemas.ids import SessionId
from schemas.redis_keys import bucket_of, latest_key
from streams.redis_clients import available

Asked = tuple[str, "asyncio.Future[bytes | None]"]


class LatestLists:
    """Reads lists by session; at most one MGET of a bucket is on its way.

    Who asks while one is waits for it and shares the next: the busier the lookup, the larger its MGETs. A
    bucket's keys share a hash slot, so that the same holds on a Redis Cluster.
    """

    def __init__(self, redis: "Redis", buckets: int) -> None:
        """Use a client; it is neither opened nor closed here.

        Args:
            redis: a client that returns bytes.
            buckets: see `schemas.redis_keys.bucket_of`.
        """
        self._redis = redis
        self._buckets = buckets
        self._asked: dict[int, list[Asked]] = {}
        self._readers: set[asyncio.Task[None]] = set()

    def ask(self, session_id: SessionId) -> "asyncio.Future[bytes | None]":
        """The session's latest RecommendationList as it was emitted, soon; None where none is stored.

        The future fails with Unavailable where Redis does not answer.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes | None] = loop.create_future()
        bucket = bucket_of(session_id, self._buckets)
        asked = self._asked.get(bucket)
        if asked is None:
            asked = self._asked[bucket] = []
            # It begins in the loop's next turn: with all that is asked for in this one.
            reader = loop.create_task(self._read(bucket))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        asked.append((latest_key(bucket, session_id), answer))
        return answer

    async def _read(self, bucket: int) -> None:
        """Answer what is asked of a bucket until nothing is."""
        asked: list[Asked] = []
        try:
            while asked := self._asked[bucket]:
                self._asked[bucket] = []
                await self._answer(bucket, asked)
        finally:
            for _, answer in asked + self._asked.pop(bucket):
                answer.cancel()  # nobody waits for what a bug has ended; the others are done

    async def _answer(self, bucket: int, asked: list[Asked]) -> None:
        try:
            command = cast("Awaitable[Sequence[bytes | None]]", self._redis.mget([key for key, _ in asked]))
            values = await available(command)
        except Unavailable as error:
            # Who has asked meanwhile has waited for the same silence and shall not wait for another.
            waiting, self._asked[bucket] = asked + self._asked[bucket], []
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(Unavailable(str(error)))
            return
        for (_, answer), value in zip(asked, values, strict=True):
            if not answer.done():
                answer.set_result(value)
