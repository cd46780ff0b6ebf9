"""What every reading of topics without a group has: Kafka's partitions, a consumer, what an error says.

Callers: `retrain.event_log`, `retrain.archive.archiving`, `retrain.online_report.topic_ranges`,
`retrain.side_index`, `retrain.schedule.new_events`, `retrain.releases.announcing`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
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


def groupless_consumer(kafka: dict[str, Any], isolation_level: str = "read_committed") -> AIOKafkaConsumer:
    """A consumer that is given its partitions; not started.

    Args:
        kafka: `schemas.connections.kafka_arguments`.
        isolation_level: Kafka's, of committed messages alone or of all.
    """
    return AIOKafkaConsumer(
        **kafka,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation_level,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )


@contextmanager
def kafka_errors_told(kafka: dict[str, Any], topics: Sequence[str], remedy: str) -> Iterator[None]:
    """Within the context Kafka's errors are `Unavailable`, with the topics and what to look at.

    Args:
        kafka: `schemas.connections.kafka_arguments`.
        topics: what is read or written.
        remedy: a question, as in "is Kafka up?".

    Raises:
        Unavailable: Kafka does not answer in time, or refuses.
    """
    try:
        yield
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(kafka["bootstrap_servers"])) from error
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(
            f"topic {', '.join(topics)}: {str(error) or type(error).__name__}; {remedy}"
        ) from error
