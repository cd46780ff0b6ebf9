"""What an archiver does beside archiving, now and then: sweep, merge small files, let old days go.

Each archiver looks after its own partitions, so that two rarely merge the same files; where they do, nothing
is lost (`archive_compaction`). Caller: `retrain.archive.archiving`.
"""

import asyncio
from datetime import UTC, datetime
from typing import Protocol

import structlog
from aiokafka import TopicPartition

from retrain.archive.archive_compaction import compact
from retrain.archive.archive_metrics import ArchiveMetrics
from retrain.archive.archive_retention import expire
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.erasure_requests import forget_requests
from retrain.archive_settings import ArchiveSettings
from schemas.errors import Unavailable

log = structlog.get_logger("millrace.archive")


class HasPartitions(Protocol):
    """Whoever archives."""

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """The partitions that are archived here now."""
        ...


async def keep_up(
    archiver: HasPartitions,
    store: ArchiveStore,
    settings: ArchiveSettings,
    metrics: ArchiveMetrics,
    stop: asyncio.Event,
) -> None:
    """Look after the archive every `archive_compact_every_s`, until told to stop; 0: never."""
    if not settings.archive_compact_every_s:
        return
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), settings.archive_compact_every_s)
        except TimeoutError:
            await _look_after(archiver, store, settings, metrics)


async def _look_after(
    archiver: HasPartitions, store: ArchiveStore, settings: ArchiveSettings, metrics: ArchiveMetrics
) -> None:
    own = {(one.topic, one.partition) for one in archiver.partitions}
    try:
        await asyncio.to_thread(store.sweep)
        merged, into = await asyncio.to_thread(compact, store, settings.archive_compact_rows, own)
        expired = await asyncio.to_thread(retain, store, settings.archive_retention_days)
    except Unavailable as error:
        metrics.failures.inc()
        log.warning("the archive was not looked after, trying again later", error=str(error))
        return
    metrics.merged.inc(merged)
    metrics.expired.inc(expired)
    if merged or expired:
        log.info("archive looked after", merged=merged, into=into, expired=expired)


def retain(store: ArchiveStore, keep_days: int) -> int:
    """Let old days and old requests to erase go; how many files. Nothing where all is kept.

    Raises:
        Unavailable: the store does not answer.
    """
    if not keep_days:
        return 0
    today = datetime.now(UTC).date()
    forget_requests(store, keep_days, today)
    return expire(store, keep_days, today)
