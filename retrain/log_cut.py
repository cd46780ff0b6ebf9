"""Where the log is cut between archive and Kafka, partition by partition, and what is missing of it.

The archive goes first, as far as it goes; Kafka has the rest. Caller: `retrain.event_log`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from retrain.archive.archived_log import ArchivedLog
from retrain.archive.starting_points import meeting_point
from schemas.release_manifest import LogRange


class KafkaSpan(NamedTuple):
    """What a topic has of a partition."""

    first: int
    """The first offset that is there."""
    wanted: int
    """The first that is within the window."""
    end: int
    """The offset behind the last."""


class LogCut(NamedTuple):
    """A partition of the log."""

    whole: LogRange
    from_kafka: LogRange
    """Its last part; what is before lies in the archive."""
    unread: LogRange
    """What Kafka has before the window and the archive has not."""
    lost: int
    """Offsets of the range that neither has."""

    @property
    def warning(self) -> str:
        """What to say of what is lost; empty where nothing is."""
        if not self.lost:
            return ""
        place, at = f"{self.whole.topic}[{self.whole.partition}]", self.from_kafka.first_offset
        return (
            f"{place}: {self.lost} offsets before {at} are neither in the archive nor in the topic any more: "
            "retention took them before they were archived; keep `millrace archive` running, or give the "
            "topic a longer retention"
        )


def cut_log(
    archived: ArchivedLog, spans: Mapping[TopicPartition, KafkaSpan], since_ms: int | None
) -> list[LogCut]:
    """Cut each partition of the topics.

    Args:
        archived: what the archive has.
        spans: what Kafka has.
        since_ms: the window's begin, epoch milliseconds; None: all.

    Raises:
        UsageError: a topic ends before its archive.
        Unavailable: the archive does not answer.
    """
    offsets, gaps = archived.offsets, archived.gaps
    ends = {(one.topic, one.partition): behind for one, (_, behind) in offsets.items()}
    cuts = []
    for one, span in sorted(spans.items()):
        meeting, lost = meeting_point((one.topic, one.partition), ends, span.first, span.end, archived.url)
        first_archived = archived.first_offset(one, since_ms)
        is_archived = first_archived is not None
        # A clock that went back may have put an erase event before the window, behind what it erases in it.
        tail_from = meeting if is_archived else max(meeting, span.wanted)
        whole = _range(one, tail_from if first_archived is None else first_archived, span.end)
        missed = lost + gaps.get(one, 0) if is_archived else 0  # what is lost before the window is not missed
        tail, unread = _range(one, tail_from, span.end), _range(one, meeting, tail_from)
        cuts.append(LogCut(whole, tail, unread, missed))
    return cuts


def _range(partition: TopicPartition, first: int, behind: int) -> LogRange:
    return LogRange(
        topic=partition.topic, partition=partition.partition, first_offset=first, next_offset=behind
    )
