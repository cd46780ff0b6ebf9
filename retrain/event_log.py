"""The event log: archive and event topics as one -> events to learn from, and which range they are.

Owns the cut: each partition is read from the archive as far as that goes, and from there on from Kafka, by a
consumer without a group. Where there is no archive all is read from Kafka. What may be learned is
`retrain.event_recording`. What comes from Kafka is held in memory, about 200 bytes an event: bound it by the
archive, by the topics' retention or by `since`. Caller:
`retrain.cycle.window_reading`.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import NO_ARCHIVE, ArchivedLog
from retrain.archive.erasures import Erasures, no_erasures
from retrain.archive_settings import ArchivedLogSettings
from retrain.event_recording import EventRecorder, RecordedEvents, UserSightings
from retrain.log_cut import KafkaSpan, LogCut, cut_log
from retrain.log_range_reading import read_ranges
from retrain.time_lookup import offsets_at
from retrain.topic_reading import groupless_consumer, kafka_errors_told, topic_partitions
from schemas.connections import kafka_arguments
from schemas.release_manifest import LogRange
from schemas.settings import SharedSettings
from schemas.timestamps import to_epoch_ms

log = logging.getLogger("millrace.event_log")
T = TypeVar("T")


class EventLog(NamedTuple):
    """A range of the event topics."""

    recorded: RecordedEvents
    ranges: list[LogRange]
    """What was read, from the archive or from Kafka, by topic and partition; empty partitions too."""
    warnings: tuple[str, ...] = ()
    """What is missing in the ranges, a line for each partition that has a gap."""


class _Read(NamedTuple):
    """What Kafka has behind the archive."""

    recorder: EventRecorder
    cuts: list[LogCut]
    sighted: Erasures
    """Of erased users, with their sessions that only records before the window tell."""


def read_event_log(
    settings: SharedSettings,
    since: datetime | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> EventLog:
    """Read the event log up to the present ends of the event topics.

    Args:
        settings: where Kafka is, the event topics, the event type map; and the archive, where they know one.
        since: only what Kafka has taken at this time or later, with a zone; None: from the beginning.
        progress: called with the offsets read from Kafka and their total.

    Raises:
        UsageError: a topic does not exist, or was made anew since it was archived.
        Unavailable: Kafka or the archive does not answer.
    """
    return _asking_kafka(settings, _read(settings, since, progress))


def read_erasures(settings: SharedSettings) -> Erasures:
    """What the erase events erase that are in the event topics and not in the archive yet.

    Args:
        settings: see `read_event_log`.

    Raises:
        UsageError: see `read_event_log`.
        Unavailable: likewise.
    """
    return _asking_kafka(settings, _read_erasures(settings))


def _asking_kafka(settings: SharedSettings, reading: Coroutine[None, None, T]) -> T:
    remedy = f"is Kafka at {settings.kafka_bootstrap_servers} up?"
    with kafka_errors_told(kafka_arguments(settings), settings.event_topics, remedy):
        return asyncio.run(reading)


async def _read(
    settings: SharedSettings, since: datetime | None, progress: Callable[[int, int], None]
) -> EventLog:
    archived = archived_log(settings)
    recorder, cuts, sighted = await _recorded(settings, archived, since, progress)
    warnings = tuple(line for cut in cuts if (line := cut.warning))
    for line in warnings:
        log.warning(line)
    return EventLog(recorder.recorded(archived, sighted), [cut.whole for cut in cuts], warnings)


async def _read_erasures(settings: SharedSettings) -> Erasures:
    read = await _recorded(settings, archived_log(settings), None, _untold)
    return read.recorder.erasures()


async def _recorded(
    settings: SharedSettings,
    archived: ArchivedLog,
    since: datetime | None,
    progress: Callable[[int, int], None],
) -> _Read:
    partitions = await topic_partitions(settings, settings.event_topics)
    consumer = groupless_consumer(kafka_arguments(settings))
    since_ms = None if since is None else to_epoch_ms(since)
    recorder = EventRecorder(settings.event_type_map, settings.max_clock_skew_s, since_ms)
    try:
        await consumer.start()
        consumer.assign(partitions)
        cuts = cut_log(archived, await _kafka_spans(consumer, partitions, since_ms), since_ms)
        await read_ranges(consumer, [cut.from_kafka for cut in cuts], recorder, progress)
        unread = [cut.unread for cut in cuts if cut.unread.first_offset < cut.unread.next_offset]
        known = archived.survey().erasures + recorder.erasures() if unread else no_erasures()
        sightings = UserSightings(known, settings.event_type_map)
        if not known.users.is_empty():
            await read_ranges(consumer, unread, sightings, _untold)
    finally:
        await consumer.stop()
    return _Read(recorder, cuts, sightings.erasures())


def archived_log(settings: SharedSettings) -> ArchivedLog:
    """The archive of the event topics; an empty one where the settings name none.

    Raises:
        UsageError: see `existing_archive`.
        Unavailable: the store does not answer.
    """
    store = existing_archive(settings)
    return NO_ARCHIVE if store is None else ArchivedLog(store, settings.event_topics)


def existing_archive(settings: SharedSettings) -> ArchiveStore | None:
    """The store of the archive, unlisted; None where the settings name none.

    Raises:
        UsageError: its folder is not there: with a misspelt one, events and erasures would be missed.
        Unavailable: the store does not answer.
    """
    if not isinstance(settings, ArchivedLogSettings) or settings.archive is None:
        return None
    store = ArchiveStore(settings.archive)
    store.must_be_there()
    return store


async def _kafka_spans(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], since_ms: int | None
) -> dict[TopicPartition, KafkaSpan]:
    first = await consumer.beginning_offsets(partitions)
    end = await consumer.end_offsets(partitions)
    wanted = first if since_ms is None else await offsets_at(consumer, partitions, since_ms)
    return {one: KafkaSpan(first[one], min(wanted[one], end[one]), end[one]) for one in partitions}


def _untold(_done: int, _total: int) -> None:
    """Progress that nobody is told."""
