"""Where to go on archiving: behind the last file of each partition, as the archive says.

Owns what happens where archive and topic do not meet: retention has taken what lies between (lost, and said),
or the topic was made anew (refused). Callers: `retrain.archive.archiver`, `retrain.log_cut`.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from retrain.archive.archive_files import ArchiveFile, Partition, next_offsets
from retrain.archive.archive_store import ArchiveStore
from schemas.errors import UsageError


class StartingPoint(NamedTuple):
    """Where a partition goes on."""

    offset: int
    lost: int
    """Offsets behind the archive that the topic has no more."""
    day: str | None
    """Of the partition's last file."""


async def starting_points(
    consumer: AIOKafkaConsumer, store: ArchiveStore, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, StartingPoint]:
    """Ask archive and Kafka.

    Raises:
        UsageError: the topic ends before the archive: it was made anew.
        Unavailable: the archive does not answer.
        KafkaError: Kafka does not answer.
    """
    files = await asyncio.to_thread(store.files)
    first = await consumer.beginning_offsets(partitions)
    end = await consumer.end_offsets(partitions)
    archived = next_offsets(files)
    days = _last_days(files)
    found = {}
    for one in partitions:
        source = (one.topic, one.partition)
        offset, lost = meeting_point(source, archived, first[one], end[one], store.url)
        found[one] = StartingPoint(offset, lost, days.get(source))
    return found


def meeting_point(
    source: Partition, archived: Mapping[Partition, int], first: int, end: int, url: str
) -> tuple[int, int]:
    """The offset at which the topic goes on behind the archive, and how many offsets lie between.

    Args:
        source: the partition.
        archived: where the archive ends, by partition.
        first: the topic's first offset.
        end: the offset behind the topic's last.
        url: of the archive.

    Raises:
        UsageError: the topic ends before the archive.
    """
    at = archived.get(source)
    if at is None:
        return first, 0
    if at > end:
        topic, partition = source
        raise UsageError(
            f"topic {topic}[{partition}] ends at offset {end}, its archive in {url} at {at}: the topic was "
            "made anew. Give the new one another archive (MILLRACE_ARCHIVE) or another name "
            "(MILLRACE_EVENT_TOPICS)"
        )
    return max(at, first), max(0, first - at)


def _last_days(files: Collection[ArchiveFile]) -> dict[Partition, str]:
    days: dict[Partition, str] = {}
    for file in files:
        days[file.source] = max(file.day, days.get(file.source, ""))
    return days
