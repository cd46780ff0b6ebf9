"""The claim to a name in the consumer group: of two workers with one name the older ends.

Kafka tells the older one no more than that it is unknown, aiokafka lets it join again, and the two would
drive each other out for ever. So the name is claimed in Redis too. Writer: this module alone writes the key
`instance`. Caller: `streams.worker`.
"""

import asyncio
import uuid

import structlog
from redis.asyncio import Redis

from schemas.errors import Unavailable, UsageError
from schemas.redis_keys import instance_key
from streams.redis_clients import available

log = structlog.get_logger("millrace.group")
LOOK_EVERY_S = 1.0


class InstanceClaim:
    """One worker's claim; the last one that was made holds."""

    def __init__(self, redis: "Redis", group: str, instance_id: str) -> None:
        self._redis = redis
        self._name = instance_id
        self._key = instance_key(group, instance_id)
        self._mine = uuid.uuid4().hex.encode()

    async def make(self) -> None:
        """Claim the name, whoever had it.

        Raises:
            Unavailable: Redis does not answer.
        """
        await available(self._redis.set(self._key, self._mine))

    async def watch(self) -> None:
        """Look every second whether the claim still holds; a Redis that is away or empty takes none away.

        Raises:
            UsageError: another worker has claimed the name.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Unavailable as error:
                log.debug("claim to the name in the group not looked at", error=str(error))

    async def look(self) -> None:
        """See whether the claim holds, and make it again where Redis has lost it.

        Raises:
            UsageError: another worker has claimed the name.
            Unavailable: Redis does not answer.
        """
        await available(self._redis.set(self._key, self._mine, nx=True))
        if await available(self._redis.get(self._key)) != self._mine:
            raise UsageError(
                f"MILLRACE_GROUP_INSTANCE_ID={self._name}: another worker was started under this name, which "
                "serves from now on; give each worker a name of its own"
            )
