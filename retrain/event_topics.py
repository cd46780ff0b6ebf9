"""The partitions of the event topics, as Kafka has them.

Callers: `retrain.event_log`, `retrain.archive.archiving`.
"""

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from schemas.connections import kafka_arguments
from schemas.errors import UsageError
from schemas.settings import SharedSettings

_REQUEST_TIMEOUT_MS = 10_000


async def event_partitions(settings: SharedSettings) -> list[TopicPartition]:
    """All partitions of the event topics; a consumer would wait long for a topic that does not exist.

    Raises:
        UsageError: a topic does not exist.
        KafkaError: Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        described = await admin.describe_topics(settings.event_topics)
    finally:
        await admin.close()
    for topic in described:
        if topic["error_code"]:
            problem = for_code(topic["error_code"]).__name__
            raise UsageError(f"topic {topic['topic']}: {problem}; run `millrace topics create`")
    return sorted(
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    )
