"""What every reading of topics without a group begins with: the partitions that Kafka has, and a consumer.

Callers: `retrain.event_log`, `retrain.archive.archiving`, `retrain.online_report.topic_ranges`,
`retrain.side_index.followed_topics`, `retrain.schedule.new_events`.
"""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from schemas.connections import kafka_arguments
from schemas.errors import UsageError
from schemas.settings import SharedSettings

_REQUEST_TIMEOUT_MS = 10_000
_FETCH_WAIT_MS = 200  # the embedded broker holds every empty fetch for so long


async def topic_partitions(settings: SharedSettings, topics: Sequence[str]) -> list[TopicPartition]:
    """All partitions of some topics; a consumer would wait long for a topic that does not exist.

    Raises:
        UsageError: a topic does not exist.
        KafkaError: Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        described = await admin.describe_topics(list(topics))
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


def groupless_consumer(settings: SharedSettings) -> AIOKafkaConsumer:
    """A consumer of committed messages that is given its partitions; not started."""
    return AIOKafkaConsumer(
        **kafka_arguments(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )
