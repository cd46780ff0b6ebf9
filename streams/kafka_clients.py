"""The Kafka clients of the worker, with the options that its promises rest on. Caller: `streams.worker`."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from schemas.connections import kafka_arguments
from schemas.settings import SharedSettings
from schemas.topics import MAX_DEAD_LETTER_BYTES
from streams.settings import WorkerSettings

_REQUEST_TIMEOUT_MS = 15_000
_HEADROOM_BYTES = 65_536
_TOPICS_AGE_MS = 10_000
"""How soon partitions that a topic was given are shared out; aiokafka's own 5 minutes are long for a shop."""


def event_consumer(settings: WorkerSettings) -> AIOKafkaConsumer:
    """The consumer of the event topics.

    No auto-commit: offsets follow what was saved. The range assignor gives one worker the same partition
    numbers of several
    topics. Events of aborted transactions are not seen. A position outside of the log is an error, never
    mended by the client: where to go on is for `streams.taking_over` to say.
    """
    return AIOKafkaConsumer(
        **kafka_arguments(settings),
        group_id=settings.consumer_group,
        group_instance_id=settings.group_instance_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        metadata_max_age_ms=_TOPICS_AGE_MS,
        isolation_level="read_committed",
        partition_assignment_strategy=(RangePartitionAssignor,),
        fetch_max_wait_ms=settings.fetch_wait_ms,
        session_timeout_ms=int(settings.session_timeout_s * 1000),
        heartbeat_interval_ms=int(settings.session_timeout_s * 1000 / 4),
        rebalance_timeout_ms=int(settings.rebalance_timeout_s * 1000),
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )


def reader(settings: WorkerSettings, topic: str) -> AIOKafkaConsumer:
    """A consumer without a group: all partitions of a topic from the beginning."""
    return AIOKafkaConsumer(
        topic,
        isolation_level="read_committed",
        **kafka_arguments(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=settings.fetch_wait_ms,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )


def topic_client(settings: SharedSettings) -> AIOKafkaClient:
    """A bare client that asks about topics."""
    return AIOKafkaClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)


def producer(settings: WorkerSettings) -> AIOKafkaProducer:
    """The producer of lists and dead letters: idempotent, acknowledged by all in-sync replicas."""
    return AIOKafkaProducer(
        **kafka_arguments(settings),
        enable_idempotence=True,
        acks="all",
        linger_ms=1,
        max_batch_size=262_144,
        max_request_size=MAX_DEAD_LETTER_BYTES + _HEADROOM_BYTES,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )
