"""From Kafka records to events to learn from, all in memory.

What may be learned, and in which order it is: `retrain.log_assembly`. Caller: `retrain.event_log`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl
from aiokafka import TopicPartition

from retrain.archive.archived_log import NO_ARCHIVE, ArchivedLog
from retrain.archive.erasures import ERASE_COLUMNS, Erasures, erased_by_rows, no_erasures
from retrain.archive.log_rows import LogRows, Record
from retrain.log_assembly import NEEDED, AssembledEvents, LogAssembly

_SIGHTED_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class RecordedEvents(AssembledEvents):
    """Events to learn from, and what was left out."""

    invalid: int
    without_consent: int


class EventRecorder:
    """Takes records one by one, in offset order within each partition: about 200 bytes an event."""

    def __init__(
        self, event_type_map: Mapping[str, str], max_clock_skew_s: float, since_ms: int | None = None
    ) -> None:
        """Begin with nothing.

        Args:
            event_type_map: other names of event types.
            max_clock_skew_s: see `models.session_rule.credible_time_ms`.
            since_ms: what Kafka took before is left out, epoch milliseconds; None: nothing is.
        """
        self._event_type_map = event_type_map
        self._max_clock_skew_s = max_clock_skew_s
        self._since_ms = since_ms
        self._rows: dict[TopicPartition, LogRows] = {}

    def add(self, record: Record) -> None:
        """Take one record, whatever is in it."""
        partition = TopicPartition(record.topic, record.partition)
        if partition not in self._rows:
            self._rows[partition] = LogRows(self._event_type_map)
        self._rows[partition].add(record)

    def recorded(self, archived: ArchivedLog = NO_ARCHIVE, beside: Erasures | None = None) -> RecordedEvents:
        """All that was taken, behind what the archive has of each partition, as one log; once.

        Args:
            archived: the archive.
            beside: what is erased beside what archive and records say.

        Raises:
            Unavailable: the archive does not answer.
        """
        survey = archived.survey()
        erasures = survey.erasures + self.erasures() + (beside or no_erasures())
        erasures = erasures.with_sessions_of_users(self._pieces(ERASE_COLUMNS))
        erasures = archived.with_sessions_of_users(erasures)
        assembly = LogAssembly(erasures, self._since_ms, self._max_clock_skew_s)
        for partition in sorted({*archived.partitions, *self._rows}):
            assembly.begin_partition((partition.topic, partition.partition))
            for piece in archived.rows(partition, NEEDED, self._since_ms):
                assembly.add(piece)
            if partition in self._rows:
                assembly.add(_frame(self._rows[partition], NEEDED))
        events = assembly.assembled()
        return RecordedEvents(
            events=events.events,
            erased=events.erased,
            repeats=events.repeats,
            skewed=events.skewed,
            invalid=survey.invalid + sum(rows.invalid for rows in self._rows.values()),
            without_consent=survey.without_consent
            + sum(rows.without_consent for rows in self._rows.values()),
        )

    def erasures(self) -> Erasures:
        """What the erase events that were taken erase."""
        erasures = no_erasures()
        for rows in self._pieces(ERASE_COLUMNS):
            erasures += erased_by_rows(rows)
        return erasures

    def _pieces(self, columns: list[str]) -> Iterator[pl.DataFrame]:
        return (_frame(rows, columns) for rows in self._rows.values())


class UserSightings:
    """Takes records that are before the window, to see only which sessions of erased users are in them."""

    def __init__(self, erased: Erasures, event_type_map: Mapping[str, str]) -> None:
        """Begin with nothing.

        Args:
            erased: whose users are looked for.
            event_type_map: other names of event types.
        """
        self._erased = erased
        self._event_type_map = event_type_map
        self._rows = LogRows(event_type_map)

    def add(self, record: Record) -> None:
        """Take one record, whatever is in it."""
        self._rows.add(record)
        if len(self._rows) >= _SIGHTED_AT_ONCE:
            self._look()

    def erasures(self) -> Erasures:
        """What is erased, with the users' sessions in the records."""
        self._look()
        return self._erased

    def _look(self) -> None:
        self._erased = self._erased.with_sessions_of_users([_frame(self._rows, ERASE_COLUMNS)])
        self._rows = LogRows(self._event_type_map)


def _frame(rows: LogRows, columns: list[str]) -> pl.DataFrame:
    return pl.DataFrame(rows.table().select(columns))
