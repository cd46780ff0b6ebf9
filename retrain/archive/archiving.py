"""The archiver process: every part is made here, started in order, and stopped in the reverse order.

Composition root of `millrace archive`.
"""

import asyncio
import signal
from contextlib import AsyncExitStack

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError
from prometheus_client import CollectorRegistry

from retrain.archive.archive_group import ArchiveGroup
from retrain.archive.archive_metrics import ArchiveMetrics
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archive_upkeep import keep_up
from retrain.archive.archiver import Archiver
from retrain.archive.partition_buffer import Limits
from retrain.archive_settings import ArchiveSettings
from retrain.status_port import status_port
from retrain.topic_reading import topic_partitions
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
from schemas.logs import configure_logs

log = structlog.get_logger("millrace.archive")
_MB = 1_000_000
_FETCH_WAIT_MS = 500
_REQUEST_TIMEOUT_MS = 15_000
_TOPICS_AGE_MS = 10_000
"""How soon partitions that a topic was given are shared out."""


def archive_events(settings: ArchiveSettings) -> None:
    """Archive until SIGTERM or SIGINT; what was read is then written, and this returns.

    Raises:
        UsageError: what waiting cannot cure: settings, addresses, topics, permissions.
        Unavailable: Kafka does not answer at the start.
    """
    configure_logs(settings.log_level, settings.log_format)
    store = archive_of(settings.archive)
    store.must_be_writable()
    asyncio.run(_run(settings, store))


def archive_of(url: str | None) -> ArchiveStore:
    """The archive of a setting.

    Raises:
        UsageError: there is none, or its protocol is not known.
        Unavailable: the store does not answer.
    """
    if url is None:
        raise UsageError(
            "MILLRACE_ARCHIVE is not set; give a folder or an fsspec URL, as s3://bucket/archive"
        )
    return ArchiveStore(url)


async def _run(settings: ArchiveSettings, store: ArchiveStore) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await archive_until(stop, settings, store)
    log.info("stopped")


async def archive_until(stop: asyncio.Event, settings: ArchiveSettings, store: ArchiveStore) -> None:
    """Archive until told to stop; what was read is then written.

    Raises:
        UsageError: see `archive_events`.
        Unavailable: likewise.
    """
    async with AsyncExitStack() as stack:
        metrics = _serve_metrics(stack, settings)
        consumer = await _started(stack, settings)
        group = ArchiveGroup(consumer)
        consumer.subscribe(settings.event_topics, listener=group)
        limits = Limits(
            settings.archive_file_rows,
            int(settings.archive_file_mb * _MB),
            settings.archive_file_age_s,
            int(settings.archive_buffer_mb * _MB),
        )
        archiver = Archiver(consumer, group, store, limits, settings.event_type_map, metrics)
        upkeep = asyncio.create_task(keep_up(archiver, store, settings, metrics, stop))
        upkeep.add_done_callback(lambda task: stop.set() if task.exception() else None)
        log.info("archiving", topics=settings.event_topics, archive=store.url)
        try:
            await archiver.run(stop)
        finally:
            stop.set()
            await upkeep


def _serve_metrics(stack: AsyncExitStack, settings: ArchiveSettings) -> ArchiveMetrics:
    metrics = ArchiveMetrics(CollectorRegistry())
    http = status_port(
        "MILLRACE_ARCHIVE_PORT", settings.archive_host, settings.archive_port, metrics.registry
    )
    log.info("metrics", url=f"{stack.enter_context(http)}/metrics")
    return metrics


async def _started(stack: AsyncExitStack, settings: ArchiveSettings) -> AIOKafkaConsumer:
    try:
        await topic_partitions(settings, settings.event_topics)
        consumer = AIOKafkaConsumer(
            **kafka_arguments(settings),
            group_id=settings.archive_group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            metadata_max_age_ms=_TOPICS_AGE_MS,
            isolation_level="read_committed",
            partition_assignment_strategy=(RangePartitionAssignor,),
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        stack.push_async_callback(consumer.stop)
        await consumer.start()
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except KafkaError as error:
        raise Unavailable(f"Kafka at {settings.kafka_bootstrap_servers}: {error!r}") from error
    return consumer
