"""What a worker must find when it starts; later absences are waited for. Caller: `streams.worker`."""

from redis.asyncio import Redis

from schemas.errors import Unavailable, UsageError
from streams.eviction_warning import warn_of_eviction
from streams.kafka_permissions import check_permissions
from streams.redis_session_store import RedisSessionStore
from streams.settings import WorkerSettings
from streams.topic_admin import check_topics


async def check_surroundings(settings: WorkerSettings, redis: "Redis", store: RedisSessionStore) -> None:
    """Check Redis, then the topics, then what Kafka lets the worker do.

    Raises:
        UsageError: what waiting cannot cure.
    """
    try:
        await store.check()
    except Unavailable as error:
        raise UsageError(f"{error}; start Redis or correct MILLRACE_REDIS_URL") from error
    await warn_of_eviction(redis)
    await check_topics(settings)
    await check_permissions(settings)
