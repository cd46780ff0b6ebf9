"""A warning at the start where Redis may evict watermarks: states without their watermark are advanced twice.

Caller: `streams.starting_checks`.
"""

import structlog
from redis.asyncio import Redis

from schemas.errors import Unavailable
from streams.redis_clients import available

log = structlog.get_logger("millrace.redis")


async def warn_of_eviction(redis: "Redis") -> None:
    """Log a line where Redis says that it may evict keys without a TTL.

    Nothing where it does not say: its user may not be allowed to ask (`+info`). Of a Cluster one node is
    asked.
    """
    try:
        memory = await available(redis.info("memory"))
    except Unavailable:
        return
    if (policy := str(memory.get("maxmemory_policy", ""))).startswith("allkeys-"):
        log.warning(
            "Redis may evict watermarks, and sessions then go wrong: set maxmemory-policy volatile-ttl",
            maxmemory_policy=policy,
        )
