"""What must answer once before the lookup serves: Redis and Kafka. Later absences are waited for.

Caller: `streams.lookup.serving`.
"""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
from streams.lookup.redis_reading import RedisReading
from streams.settings import LookupSettings

_REQUEST_TIMEOUT_MS = 10_000


async def check_services(settings: LookupSettings, redis: RedisReading) -> None:
    """Ask both for a sign of life.

    Raises:
        UsageError: one does not answer, or refuses.
    """
    try:
        await redis.check()
    except Unavailable as error:
        remedy = "; start Redis or correct MILLRACE_REDIS_URL" if error.__cause__ else ""
        raise UsageError(f"{error}{remedy}") from error
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
    except KafkaConnectionError as error:
        raise UsageError(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except KafkaError as error:
        raise UsageError(
            f"Kafka at {settings.kafka_bootstrap_servers}: {error}; see MILLRACE_KAFKA_…"
        ) from error
    finally:
        await admin.close()
